/* kube: from HTTP status and Status object to a struct err. */
#include "kube/status.h"

#include "base/str.h"

#include <ctype.h>
#include <stddef.h>

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

int kube_status_error(const json_t *status, int http_status, struct err *err)
{
    if (!err)
        return -1;
    bool is_status = str_equal(json_str_at(status, "kind"), "Status");
    if (http_status == 0 && is_status)
        http_status = (int)json_int_at(status, "code", 500);
    const char *message = is_status ? json_str_at(status, "message") : NULL;
    if (str_empty(message))
        (void)err_set(err, class_of(http_status), "the API server answered HTTP %d",
                      http_status); /* returned below */
    else
        (void)err_set(err, class_of(http_status), "%s", message); /* returned below */
    err->status = http_status;
    if (is_status) {
        err_set_code(err, json_str_at(status, "reason"));
        int64_t seconds = json_int_at(status, "details.retryAfterSeconds", 0);
        if (seconds > 0)
            err->retry_after_ms =
                (seconds > KUBE_RETRY_AFTER_MAX_S ? KUBE_RETRY_AFTER_MAX_S : seconds) * 1000;
    }
    return -1;
}

int kube_status_error_from_body(const char *body, size_t len, int http_status, struct err *err)
{
    cleanup_json json_t *json = NULL;
    if (len > 0 && json_parse(body, len, &json, NULL) == 0 &&
        str_equal(json_str_at(json, "kind"), "Status"))
        return kube_status_error(json, http_status, err);
    if (len == 0)
        return kube_status_error(NULL, http_status, err);
    char excerpt[200]; /* of a proxy's page: enough to recognise it */
    size_t used = 0;
    for (size_t i = 0; i < len && used < sizeof(excerpt) - 1; i++)
        excerpt[used++] = isprint((unsigned char)body[i]) ? body[i] : ' ';
    excerpt[used] = '\0';
    (void)err_set(err, class_of(http_status), "the API server answered HTTP %d: %s", http_status,
                  excerpt); /* returned below */
    if (err)
        err->status = http_status;
    return -1;
}
