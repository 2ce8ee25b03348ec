/*
 * api-doc: makes the made parts of a page of docs/api/ anew, in place (see pkg/api-doc/api_doc.h).
 * Part of building the project, not of the operator.
 */
#include "api-doc/api_doc.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>

static int make(const char *page_path, const char *schema_path, struct buf *made, struct err *err)
{
    cleanup_buf struct buf page = {0};
    cleanup_buf struct buf schema = {0};

    if (file_read(page_path, &page, err) < 0 || file_read(schema_path, &schema, err) < 0)
        return -1;
    return api_doc(buf_str(&page), buf_str(&schema), made, err);
}

int main(int argc, char **argv)
{
    cleanup_buf struct buf made = {0};
    struct err err = {0};
    FILE *file;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: api-doc PAGE SCHEMA\n"); /* there is nobody else to tell */
        return 2;
    }
    if (make(argv[1], argv[2], &made, &err) < 0) {
        (void)fprintf(stderr, "api-doc: %s\n", err.message); /* there is nobody else to tell */
        return 1;
    }
    file = fopen(argv[1], "we");
    if (!file || fputs(buf_str(&made), file) < 0 || fclose(file) != 0) {
        perror(argv[1]);
        return 1;
    }
    return 0;
}
