/* kube: from HTTP status and Status object to a struct err. */
#include "kube/status.h"

#include "base/str.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static enum err_class class_of(int http_status)
{
    switch (http_status) {
    case 401:
    case 408:
    case 410:
    case 429:
        return ERR_TRANSIENT;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return ERR_CONFLICT;
    default:
        return http_status >= 500 ? ERR_TRANSIENT : ERR_REFUSED;
    }
}

void kube_status_error(const json_t *status, int http_status, struct err *err)
{
    if (!err)
        return;
    bool is_status = str_equal(json_str_at(status, "kind"), "Status");
    if (http_status == 0 && is_status)
        http_status = (int)json_int_at(status, "code", 500);
    const char *message = is_status ? json_str_at(status, "message") : NULL;
    *err = (struct err){.class = class_of(http_status), .status = http_status};
    if (str_empty(message))
        str_format(err->message, sizeof(err->message), "the API server answered HTTP %d",
                   http_status);
    else
        str_copy(err->message, sizeof(err->message), message);
    if (!is_status)
        return;
    err_set_code(err, json_str_at(status, "reason"));
    int64_t seconds = json_int_at(status, "details.retryAfterSeconds", 0);
    if (seconds > 0)
        err->retry_after_ms =
            (seconds > KUBE_RETRY_AFTER_MAX_S ? KUBE_RETRY_AFTER_MAX_S : seconds) * 1000;
}

/* The start of a page that some proxy has sent: enough to recognise it. */
static void add_excerpt(const char *body, size_t len, struct err *err)
{
    char excerpt[200];
    size_t used = 0;
    for (size_t i = 0; i < len && used < sizeof(excerpt) - 1; i++)
        excerpt[used++] = isprint((unsigned char)body[i]) ? body[i] : ' ';
    excerpt[used] = '\0';
    size_t start = strlen(err->message);
    str_format(err->message + start, sizeof(err->message) - start, ": %s", excerpt);
}

void kube_status_error_from_body(const char *body, size_t len, int http_status, struct err *err)
{
    cleanup_json json_t *json = NULL;
    bool is_status = len > 0 && json_parse(body, len, &json, NULL) == 0 &&
                     str_equal(json_str_at(json, "kind"), "Status");
    kube_status_error(is_status ? json : NULL, http_status, err);
    if (err && !is_status && len > 0)
        add_excerpt(body, len, err);
}
