/* xo: frames of JSON-RPC. */
#include "xo/rpc.h"

#include "base/mem.h"
#include "xo/fake/recording.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(xo_rpc);

Test(xo_rpc, writes_a_request)
{
    char *text cleanup_str = xo_rpc_encode(7, "vdi.set", json_build("{s:s}", "id", "d"));
    cr_assert_str_eq(
        text, "{\"id\":7,\"jsonrpc\":\"2.0\",\"method\":\"vdi.set\",\"params\":{\"id\":\"d\"}}");
    char *bare cleanup_str = xo_rpc_encode(8, "server.getAll", NULL);
    cr_assert_null(strstr(bare, "params"), "XO never answers to params that are null");
}

static int decode(const char *text, struct xo_message *message)
{
    struct err err = {0};
    int result = xo_rpc_decode(text, strlen(text), message, &err);
    if (result < 0)
        cr_assert_eq(err.class, ERR_INVALID);
    return result;
}

Test(xo_rpc, tells_replies_errors_and_notifications_apart)
{
    struct xo_message result cleanup_xo_message = {0};
    cr_assert_eq(decode("{\"id\":3,\"jsonrpc\":\"2.0\",\"result\":null}", &result), 0);
    cr_assert_eq(result.kind, XO_MESSAGE_REPLY);
    cr_assert_eq(result.id, 3);
    cr_assert(json_is_null(result.result) && !result.error);

    struct xo_message error cleanup_xo_message = {0};
    cr_assert_eq(decode("{\"id\":3,\"error\":{\"code\":1}}", &error), 0);
    cr_assert(error.error && !error.result);

    struct xo_message all cleanup_xo_message = {0};
    cr_assert_eq(decode("{\"method\":\"all\",\"params\":{\"type\":\"exit\"}}", &all), 0);
    cr_assert_eq(all.kind, XO_MESSAGE_NOTIFICATION);
    cr_assert_not_null(all.params);

    struct xo_message other cleanup_xo_message = {0};
    cr_assert_eq(decode("{\"method\":\"ping\",\"id\":1}", &other), 0);
    cr_assert_eq(other.kind, XO_MESSAGE_OTHER);
}

Test(xo_rpc, reads_a_message_with_a_number_that_does_not_fit_64_bits)
{
    /* What JSON.stringify(2 ** 63) gives. */
    struct xo_message message cleanup_xo_message = {0};
    cr_assert_eq(decode("{\"jsonrpc\":\"2.0\",\"method\":\"all\",\"params\":{\"type\":\"enter\","
                        "\"items\":{\"x\":{\"type\":\"PGPU\",\"size\":9223372036854776000}}}}",
                        &message),
                 0);
    cr_assert_eq(message.kind, XO_MESSAGE_NOTIFICATION);
}

Test(xo_rpc, refuses_what_is_no_message)
{
    static const char *const wrong[] = {"",
                                        "[]",
                                        "5",
                                        "{}",
                                        "{\"id\":1}",
                                        "{\"id\":\"1\",\"result\":true}",
                                        "{\"id\":1,\"error\":5}",
                                        "{\"id\":1.5,\"result\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct xo_message message = {0};
        cr_assert_eq(decode(wrong[i], &message), -1, "%s", wrong[i]);
        cr_assert_null(message.root);
    }
}
