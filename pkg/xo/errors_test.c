/* xo: what each error means, on the errors of a real XO. */
#include "xo/errors.h"

#include "base/str.h"
#include "xo/fake/recording.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(xo_errors);

struct recorded {
    const char *recording;
    int64_t id;
    enum xo_call_kind kind;
    enum err_class class;
    const char *code;
    enum xo_result result;
};

static const struct recorded table[] = {
    {"refusals", 2, XO_CALL_MIGRATE, ERR_TRANSIENT, "NO_SUCH_OBJECT", XO_UNKNOWN},
    {"refusals", 3, XO_CALL_MIGRATE, ERR_TRANSIENT, "NO_SUCH_OBJECT", XO_NOT_DONE},
    {"refusals", 4, XO_CALL_MIGRATE, ERR_TRANSIENT, "NO_SUCH_OBJECT", XO_NOT_DONE},
    {"refusals", 5, XO_CALL_MIGRATE, ERR_REFUSED, "INVALID_PARAMETERS", XO_NOT_DONE},
    {"refusals", 6, XO_CALL_SIMPLE, ERR_REFUSED, "METHOD_NOT_FOUND", XO_NOT_DONE},
    {"refusals", 7, XO_CALL_SIMPLE, ERR_CAPACITY, "SR_FULL", XO_NOT_DONE},
    {"pool-connection-blip", 3, XO_CALL_SIMPLE, ERR_TRANSIENT, "NO_SUCH_OBJECT", XO_NOT_DONE},
    {"sign-in-refused", 1, XO_CALL_SIMPLE, ERR_REFUSED, "NOT_PERMITTED", XO_NOT_DONE},
    {"sign-in-refused", 2, XO_CALL_SIMPLE, ERR_REFUSED, "INVALID_CREDENTIALS", XO_NOT_DONE},
    {"attach-detach", 4, XO_CALL_SIMPLE, ERR_IN_USE, "VDI_IN_USE", XO_NOT_DONE},
    {"attach-detach", 7, XO_CALL_SIMPLE, ERR_CONFLICT, "DEVICE_ALREADY_DETACHED", XO_NOT_DONE},
    {"attach-wrong-host", 2, XO_CALL_SIMPLE, ERR_REFUSED, "SR_NOT_ATTACHED", XO_NOT_DONE},
    {"migrate-copy-fails-midway", 2, XO_CALL_MIGRATE, ERR_CAPACITY, "SR_BACKEND_FAILURE_44",
     XO_NOT_DONE},
    {"migrate-copy-cancelled", 2, XO_CALL_MIGRATE, ERR_CANCELLED, "TASK_CANCELLED", XO_NOT_DONE},
    {"migrate-copy-toolstack-restart", 2, XO_CALL_MIGRATE, ERR_UNKNOWN, "TASK_DESTROYED",
     XO_UNKNOWN},
    {"migrate-attached-fourth-refused", 2, XO_CALL_MIGRATE, ERR_BUSY, "TOO_MANY_STORAGE_MIGRATES",
     XO_NOT_DONE},
};

Test(xo_errors, classifies_what_a_real_xo_answered)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct recorded *row = &table[i];
        json_t *reply cleanup_json = xo_recording_reply(row->recording, row->id);
        struct err err = {0};
        enum xo_result result = xo_error_read(row->kind, json_object_get(reply, "error"), &err);
        cr_assert_eq(err.class, row->class, "%s %d: %s", row->recording, (int)row->id,
                     err_class_name(err.class));
        cr_assert_str_eq(err.code, row->code);
        cr_assert_eq(result, row->result, "%s %d", row->recording, (int)row->id);
        cr_assert(str_starts_with(err.message, "XO answered: "));
        cr_assert_neq(err.status, 0);
    }
}

static enum xo_result read_text(enum xo_call_kind kind, const char *text, struct err *err)
{
    json_t *error cleanup_json = NULL;
    cr_assert_eq(json_parse(text, strlen(text), &error, err), 0);
    return xo_error_read(kind, error, err);
}

Test(xo_errors, does_not_know_what_a_migrate_left_unless_the_move_itself_failed)
{
    struct err err = {0};
    /* The copy was made, and then the source could not be removed: two whole disks. */
    cr_assert_eq(read_text(XO_CALL_MIGRATE,
                           "{\"code\":17,\"message\":\"VDI in use\",\"data\":{\"objectId\":\"d\","
                           "\"operation\":\"destroy\"}}",
                           &err),
                 XO_UNKNOWN);
    cr_assert_eq(err.class, ERR_IN_USE);
    /* The copy was refused. */
    cr_assert_eq(read_text(XO_CALL_MIGRATE,
                           "{\"code\":17,\"message\":\"VDI in use\",\"data\":{\"objectId\":\"d\","
                           "\"operation\":\"copy\"}}",
                           &err),
                 XO_NOT_DONE);
    cr_assert_eq(read_text(XO_CALL_MIGRATE,
                           "{\"code\":-32000,\"message\":\"x\",\"data\":{\"code\":\"SR_FULL\","
                           "\"task\":{\"name_label\":\"Async.VDI.destroy\"}}}",
                           &err),
                 XO_UNKNOWN);
    cr_assert_eq(read_text(XO_CALL_MIGRATE,
                           "{\"code\":-32000,\"message\":\"x\",\"data\":{\"code\":\"SR_FULL\","
                           "\"call\":{\"method\":\"VDI.copy\"}}}",
                           &err),
                 XO_NOT_DONE);
    /* Two moves of one disk at once: both copies ran. */
    cr_assert_eq(read_text(XO_CALL_MIGRATE,
                           "{\"code\":-32000,\"message\":\"Cannot read properties of undefined "
                           "(reading '$ref')\",\"data\":{}}",
                           &err),
                 XO_UNKNOWN);
    cr_assert_eq(err.class, ERR_UNKNOWN);
}

Test(xo_errors, takes_an_error_that_it_does_not_know_as_unknown)
{
    struct err err = {0};
    cr_assert_eq(read_text(XO_CALL_SIMPLE,
                           "{\"code\":-32000,\"message\":\"x\",\"data\":{\"code\":\"NEW_ONE\"}}",
                           &err),
                 XO_UNKNOWN);
    cr_assert_str_eq(err.code, "NEW_ONE", "for people, and for the history");
    cr_assert_eq(read_text(XO_CALL_SIMPLE, "{\"code\":-32000,\"message\":\"task canceled\"}", &err),
                 XO_UNKNOWN, "the text alone decides nothing");
    cr_assert_eq(read_text(XO_CALL_SIMPLE, "{}", &err), XO_UNKNOWN);
    cr_assert_eq(read_text(XO_CALL_SIMPLE, "{\"code\":\"1\",\"message\":5,\"data\":[]}", &err),
                 XO_UNKNOWN);
    cr_assert_eq(xo_error_read(XO_CALL_SIMPLE, NULL, NULL), XO_UNKNOWN);
}

Test(xo_errors, knows_that_a_connection_lost_on_the_way_to_a_host_says_nothing)
{
    struct err err = {0};
    cr_assert_eq(read_text(XO_CALL_SIMPLE,
                           "{\"code\":-32000,\"message\":\"read ECONNRESET\",\"data\":{\"code\":"
                           "\"ECONNRESET\"}}",
                           &err),
                 XO_UNKNOWN);
    cr_assert_eq(err.class, ERR_TRANSIENT);
}
