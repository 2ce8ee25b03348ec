/*
 * kube, 2: any bytes as the answer to a list: whole, and cut in two where its first byte says. What
 * comes out must be the same.
 */
#include "kube/list_split.h"
#include "kube/types.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note_object(struct kube_object *object, void *userdata)
{
    buf_putf(userdata, "[%s/%s %s]", object->namespace, object->name,
             kube_volume_attachment_of(object)->volume_name);
    kube_object_unref(object);
}

static void note_unreadable(const char *namespace, const char *name, const struct err *reason,
                            void *userdata)
{
    buf_putf(userdata, "[%s/%s? %s]", namespace, name, reason->message);
}

static void split(const char *text, size_t len, size_t cut, struct buf *seen)
{
    struct kube_list_split split;
    const struct kube_list_sink sink = {.object = note_object,
                                        .unreadable = note_unreadable,
                                        .userdata = seen};
    kube_list_split_init(&split, &kube_kind_volume_attachment, sink);
    struct kube_list_head head = {0};
    struct err err = {0};
    int result = kube_list_split_feed(&split, text, cut, &err);
    if (result == 0)
        result = kube_list_split_feed(&split, text + cut, len - cut, &err);
    if (result == 0)
        result = kube_list_split_end(&split, &head, &err);
    buf_putf(seen, "%d %s %s %s", result, head.version, head.next_page ? head.next_page : "",
             err.message);
    (void)mem_free(head.next_page); /* returns NULL, by convention */
    kube_list_split_done(&split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    size_t len = size - 1;
    cleanup_buf struct buf whole = {0};
    cleanup_buf struct buf parts = {0};
    split(text, len, len, &whole);
    split(text, len, len * data[0] / 255, &parts);
    if (strcmp(buf_str(&whole), buf_str(&parts)) != 0)
        abort();
    return 0;
}
