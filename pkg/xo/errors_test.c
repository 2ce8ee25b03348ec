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
        cr_assert_str_not_empty(err.message);
        cr_assert_null(strstr(err.message, "OpaqueRef:"), "%s", err.message);
        cr_assert_null(strpbrk(err.message, "[]{}"), "%s", err.message);
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

/* The sentence of a XAPI error with these parameters, "[…]". */
static void expect_sentence(const char *code, const char *params, enum err_class class,
                            const char *sentence)
{
    char text[2048];
    struct err err = {0};
    cr_assert(str_format(text, sizeof(text),
                         "{\"code\":-32000,\"message\":\"%s(raw)\",\"data\":{\"code\":\"%s\","
                         "\"params\":%s,\"call\":{\"method\":\"VDI.pool_migrate\"}}}",
                         code, code, params));
    cr_assert_eq(read_text(XO_CALL_MIGRATE, text, &err), XO_NOT_DONE);
    cr_assert_eq(err.class, class, "%s", err_class_name(err.class));
    cr_assert_str_eq(err.code, code);
    cr_assert_str_eq(err.message, sentence);
}

Test(xo_errors, says_what_happened_and_what_to_do_with_numbers_that_people_read)
{
    expect_sentence("HOST_NOT_ENOUGH_FREE_MEMORY", "[\"17320378368\",\"2319851520\"]", ERR_REFUSED,
                    "the host has not enough free memory for a live move, which takes the VM's "
                    "memory a second time: it needs 16.1 GiB, has 2.2 GiB. Free memory there, or "
                    "stop what uses the disk, and it is moved offline");
    expect_sentence("SR_FULL", "[\"966367641600\",\"59055800320\"]", ERR_CAPACITY,
                    "the SR has insufficient space: 900.0 GiB are needed, 55.0 GiB are free. Free "
                    "some there (old snapshots, disks named leftover-...), or choose another SR");
    expect_sentence(
        "VDI_TOO_LARGE", "[\"OpaqueRef:1-a\",\"2190433320960\"]", ERR_REFUSED,
        "the disk is too large for the SR, which takes up to 2040.0 GiB: choose another "
        "SR");
}

Test(xo_errors, leaves_out_of_a_sentence_what_the_error_does_not_tell)
{
    expect_sentence(
        "HOST_NOT_ENOUGH_FREE_MEMORY", "[\"much\"]", ERR_REFUSED,
        "the host has not enough free memory for a live move, which takes the VM's "
        "memory a second time. Free memory there, or stop what uses the disk, and it is "
        "moved offline");
    expect_sentence("SR_BACKEND_FAILURE_44", "[\"\",\"There is insufficient space\",\"\"]",
                    ERR_CAPACITY,
                    "the SR has insufficient space. Free some there (old snapshots, disks named "
                    "leftover-...), or choose another SR");
    expect_sentence("DEVICE_ALREADY_EXISTS", "null", ERR_CONFLICT,
                    "the position of the VM was taken meanwhile: another one is tried");
}

Test(xo_errors, an_error_of_the_storage_itself_is_broken_and_tells_its_text)
{
    expect_sentence(
        "SR_BACKEND_FAILURE_40", "[\"\",\"The SR scan failed  [opterr=uuid=17]\",\"\"]", ERR_BROKEN,
        "the SR can't be scanned: The SR scan failed  [opterr=uuid=17]. One broken disk "
        "of any VM is enough for that. Look into /var/log/SMlog on the SR's host, repair "
        "what it names, and scan the SR");
    static const char *const codes[] = {"SR_BACKEND_FAILURE_46", "SR_BACKEND_FAILURE_47",
                                        "SR_BACKEND_FAILURE_79", "SR_BACKEND_FAILURE_82",
                                        "SR_BACKEND_FAILURE_109"};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char text[256];
        struct err err = {0};
        str_format(text, sizeof(text), "{\"code\":-32000,\"data\":{\"code\":\"%s\"}}", codes[i]);
        cr_assert_eq(read_text(XO_CALL_SIMPLE, text, &err), XO_NOT_DONE);
        cr_assert_eq(err.class, ERR_BROKEN);
    }
}

Test(xo_errors, what_somebody_forbids_is_blocked_and_tells_the_reason_as_it_was_written)
{
    expect_sentence("OPERATION_BLOCKED", "[\"OpaqueRef:5-b\",\"Backup of 22:00,  see job 7\"]",
                    ERR_BLOCKED,
                    "somebody forbids this for the VM now: Backup of 22:00,  see job 7. It goes on "
                    "when that is taken back; one that was left over is in the VM's page, tab "
                    "Advanced, in Xen Orchestra");
    struct err err = {0};
    cr_assert_eq(read_text(XO_CALL_SIMPLE,
                           "{\"code\":19,\"message\":\"operation blocked\",\"data\":{\"objectId\":"
                           "\"vm-1\",\"code\":\"Backup\"}}",
                           &err),
                 XO_NOT_DONE);
    cr_assert_eq(err.class, ERR_BLOCKED);
    cr_assert_str_eq(err.code, "OPERATION_BLOCKED");
    cr_assert(str_starts_with(err.message, "somebody forbids this for the VM vm-1 now: Backup. "));
}

Test(xo_errors, what_keeps_a_vm_from_a_live_move_is_refused)
{
    static const char *const codes[] = {"VM_HAS_VGPU", "VM_HAS_PCI_ATTACHED",
                                        "VM_INCOMPATIBLE_WITH_THIS_HOST"};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char text[256];
        struct err err = {0};
        str_format(text, sizeof(text), "{\"code\":-32000,\"data\":{\"code\":\"%s\"}}", codes[i]);
        cr_assert_eq(read_text(XO_CALL_SIMPLE, text, &err), XO_NOT_DONE);
        cr_assert_eq(err.class, ERR_REFUSED);
        cr_assert_not_null(strstr(err.message, "it is moved offline"), "%s", err.message);
    }
}

Test(xo_errors, a_code_without_a_row_is_told_without_empty_parameters_and_references)
{
    struct err err = {0};
    (void)read_text(XO_CALL_SIMPLE,
                    "{\"code\":-32000,\"message\":\"x\",\"data\":{\"code\":\"NEW_ONE\",\"params\":["
                    "\"\",\"OpaqueRef:30481d5f-c736-4738-bebf-db714f88ef38\",\"a\\nb\",7,\"c\"]}}",
                    &err); /* what it returns is another test */
    cr_assert_str_eq(err.message, "XO answered: NEW_ONE(a b, c)");
    (void)read_text(XO_CALL_SIMPLE,
                    "{\"code\":-32000,\"message\":\"x\",\"data\":{\"code\":\"NEW_ONE\",\"params\":["
                    "\"\"]}}",
                    &err); /* as above */
    cr_assert_str_eq(err.message, "XO answered: NEW_ONE");
    (void)read_text(XO_CALL_SIMPLE,
                    "{\"code\":-32000,\"message\":\"no OpaqueRef:5-b here\",\"data\":{}}",
                    &err); /* as above */
    cr_assert_str_eq(err.message, "XO answered: no  here");
}
