/* kube: the table from HTTP status and Status object to classes. */
#include "kube/status.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    int status;
    enum err_class class;
} rows[] = {
    {301, ERR_REFUSED},   {400, ERR_REFUSED},   {401, ERR_TRANSIENT}, {403, ERR_REFUSED},
    {404, ERR_NOT_FOUND}, {405, ERR_REFUSED},   {408, ERR_TRANSIENT}, {409, ERR_CONFLICT},
    {410, ERR_TRANSIENT}, {413, ERR_REFUSED},   {422, ERR_REFUSED},   {429, ERR_TRANSIENT},
    {500, ERR_TRANSIENT}, {503, ERR_TRANSIENT}, {504, ERR_TRANSIENT},
};

Test(kube_status, gives_each_http_status_its_class)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        kube_status_error(NULL, rows[i].status, &err);
        cr_expect_eq(err.class, rows[i].class, "%d", rows[i].status);
        cr_expect_eq(err.status, rows[i].status);
    }
}

static struct err from(const char *body, int status)
{
    struct err err = {0};
    kube_status_error_from_body(body, strlen(body), status, &err);
    return err;
}

Test(kube_status, takes_message_reason_and_delay_from_the_status_object)
{
    struct err err = from("{\"kind\":\"Status\",\"message\":\"too many\",\"reason\":"
                          "\"TooManyRequests\",\"details\":{\"retryAfterSeconds\":3},\"code\":429}",
                          429);
    cr_expect_eq(err.class, ERR_TRANSIENT);
    cr_expect_str_eq(err.message, "too many");
    cr_expect_str_eq(err.code, "TooManyRequests");
    cr_expect_eq(err.retry_after_ms, 3000);
}

Test(kube_status, never_waits_longer_than_ten_minutes)
{
    struct err err =
        from("{\"kind\":\"Status\",\"details\":{\"retryAfterSeconds\":99999999999}}", 503);
    cr_expect_eq(err.retry_after_ms, 600000);
}

Test(kube_status, shows_the_start_of_a_body_that_is_no_status)
{
    struct err err = from("<html>\nbad gateway\x01</html>", 502);
    cr_expect_eq(err.class, ERR_TRANSIENT);
    cr_expect_eq(err.status, 502);
    cr_expect_str_eq(err.message, "the API server answered HTTP 502: <html> bad gateway </html>");
}

Test(kube_status, does_without_a_body)
{
    struct err err = from("", 503);
    cr_expect_str_eq(err.message, "the API server answered HTTP 503");
    kube_status_error_from_body("", 0, 503, NULL);
}
