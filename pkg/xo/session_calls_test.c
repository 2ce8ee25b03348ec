/* xo: calls and their three results, over real sockets. Covers vdi.c, vbd.c, vm.c and task.c. */
#include "base/mem.h"
#include "base/str.h"
#include "xo/fake/fixture.h"
#include "xo/fake/recording.h"
#include "xo/task.h"
#include "xo/vbd.h"
#include "xo/vdi.h"
#include "xo/vm.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

TestSuite(xo_calls, .init = xo_fixture_init, .fini = xo_fixture_done, .timeout = 60);

/* Calls. */

Test(xo_calls, hands_a_reply_to_who_called)
{
    xo_fixture_connect(NULL, xo_fixture_one_disk);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(xo_fixture.session, "d", "csi-z", NULL, &err), XO_DONE, "%s",
                 err.message);
    cr_assert_eq(xo_vdi_set(xo_fixture.session, "d", NULL, NULL, &err), XO_DONE);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "vdi.set"), 1, "nothing to change, nothing sent");
}

static char sent_params[512];

static bool remember(struct xo_fake *fake, const struct xo_fake_request *request, void *userdata)
{
    (void)fake;
    (void)userdata;
    char *text cleanup_str = request->params ? json_dump(request->params) : NULL;
    if (!str_starts_with(request->method, "xo.") && !str_starts_with(request->method, "se"))
        str_format(sent_params, sizeof(sent_params), "%s %s", request->method, text);
    return false;
}

Test(xo_calls, sends_each_call_as_xo_wants_it)
{
    xo_fixture_connect(remember, xo_fixture_one_disk);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(xo_fixture.session, "d", "n", "t", &err), XO_DONE);
    cr_assert_str_eq(sent_params,
                     "vdi.set {\"id\":\"d\",\"name_description\":\"t\",\"name_label\":\"n\"}");
    cr_assert_eq(xo_vdi_add_tag(xo_fixture.session, "d", "t", &err), XO_DONE);
    cr_assert_str_eq(sent_params, "tag.add {\"id\":\"d\",\"tag\":\"t\"}");
    cr_assert_eq(xo_vdi_remove_tag(xo_fixture.session, "d", "t", &err), XO_DONE);
    cr_assert_str_eq(sent_params, "tag.remove {\"id\":\"d\",\"tag\":\"t\"}");
    struct xo_vm_attach attach = {.vm = "m", .disk = "d", .read_only = true, .position = 4};
    cr_assert_eq(xo_vm_attach_disk(xo_fixture.session, &attach, &err), XO_DONE);
    cr_assert_str_eq(
        sent_params,
        "vm.attachDisk {\"mode\":\"RO\",\"position\":\"4\",\"vdi\":\"d\",\"vm\":\"m\"}");
    cr_assert_eq(xo_vm_stop(xo_fixture.session, "m", &err), XO_DONE);
    cr_assert_str_eq(sent_params, "vm.stop {\"force\":true,\"id\":\"m\"}");
    cr_assert_eq(xo_vbd_connect(xo_fixture.session, "b", &err), XO_DONE);
    cr_assert_str_eq(sent_params, "vbd.connect {\"id\":\"b\"}");
    cr_assert_eq(xo_vbd_disconnect(xo_fixture.session, "b", &err), XO_DONE);
    cr_assert_eq(xo_vbd_delete(xo_fixture.session, "b", &err), XO_DONE);
    cr_assert_eq(xo_task_cancel(xo_fixture.session, "t", &err), XO_DONE);
    cr_assert_str_eq(sent_params, "task.cancel {\"id\":\"t\"}");
    cr_assert_eq(xo_moves_start(xo_fixture.moves, "d", "s", &err), XO_DONE);
    xo_fake_wait(xo_fixture.fake, "vdi.migrate", 1);
    cr_assert_eq(xo_vbd_delete(xo_fixture.session, "last", &err),
                 XO_DONE); /* and it was answered */
}

static bool already(struct xo_fake *fake, const struct xo_fake_request *request, void *userdata)
{
    (void)userdata;
    if (!str_starts_with(request->method, "vbd."))
        return false;
    json_t *reply cleanup_json = xo_recording_reply("attach-detach", 7);
    xo_fake_error(fake, request->id, json_incref(json_object_get(reply, "error")));
    return true;
}

Test(xo_calls, takes_already_so_as_done)
{
    xo_fixture_connect(already, xo_fixture_one_disk);
    struct err err = {0};
    cr_assert_eq(xo_vbd_disconnect(xo_fixture.session, "b", &err), XO_DONE);
    cr_assert_eq(xo_vbd_connect(xo_fixture.session, "b", &err), XO_NOT_DONE,
                 "detached is not attached");
    cr_assert_str_eq(err.code, "DEVICE_ALREADY_DETACHED");
}

static bool no_answer(struct xo_fake *fake, const struct xo_fake_request *request, void *userdata)
{
    (void)fake;
    (void)userdata;
    return str_equal(request->method, "vdi.set") || str_equal(request->method, "vdi.migrate");
}

Test(xo_calls, does_not_know_what_became_of_a_call_that_is_not_answered_in_time)
{
    struct xo_fake_options options = {.script = no_answer};
    xo_fixture.fake = xo_fake_new(&options);
    struct xo_session_options session = xo_fixture_options();
    session.times.deadline_ms = 500; /* long enough to be written on a busy machine */
    xo_fixture_start(&session);
    xo_fixture_wait_ready(1);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(xo_fixture.session, "d", "n", NULL, &err), XO_UNKNOWN);
    cr_assert_eq(err.class, ERR_UNKNOWN);
    cr_assert_not_null(strstr(err.message, "vdi.set"));
    cr_assert_eq(xo_session_status(xo_fixture.session).state, XO_SESSION_READY);
}

static bool drop_set(struct xo_fake *fake, const struct xo_fake_request *request, void *userdata)
{
    (void)userdata;
    if (!str_equal(request->method, "vdi.set"))
        return false;
    xo_fake_close(fake);
    return true;
}

Test(xo_calls, does_not_know_what_became_of_a_call_under_a_lost_connection_and_never_resends_it)
{
    xo_fixture_connect(drop_set, xo_fixture_one_disk);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(xo_fixture.session, "d", "n", NULL, &err), XO_UNKNOWN);
    cr_assert_eq(err.class, ERR_UNKNOWN);
    xo_fixture_wait_ready(2);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "vdi.set"), 1);
}

Test(xo_calls, sends_nothing_while_it_is_not_ready)
{
    struct xo_fake_options options = {.token = "another"};
    xo_fixture.fake = xo_fake_new(&options);
    struct xo_session_options session = xo_fixture_options();
    xo_fixture_start(&session);
    xo_fixture_wait_text("XO refused the token: invalid credentials");
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(xo_fixture.session, "d", "n", NULL, &err), XO_NOT_DONE);
    cr_assert_eq(err.class, ERR_TRANSIENT);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "vdi.set"), 0);
}

/* Keeps the first answer back until the second request came. */
static bool swap_answers(struct xo_fake *fake, const struct xo_fake_request *request,
                         void *userdata)
{
    (void)userdata;
    static int64_t held;
    if (!str_equal(request->method, "vdi.set"))
        return false;
    if (!held) {
        held = request->id;
    } else {
        xo_fake_reply(fake, request->id, json_true());
        xo_fake_error(fake, held, json_build("{s:i, s:s}", "code", 2, "message", "no"));
    }
    return true;
}

static void *set_first(void *userdata)
{
    enum xo_result *result = userdata;
    *result = xo_vdi_set(xo_fixture.session, "first", "n", NULL, NULL);
    return NULL;
}

Test(xo_calls, tells_answers_apart_that_come_out_of_order)
{
    xo_fixture_connect(swap_answers, xo_fixture_one_disk);
    pthread_t thread;
    enum xo_result first = XO_DONE;
    pthread_create(&thread, NULL, set_first, &first);
    xo_fake_wait(xo_fixture.fake, "vdi.set", 1);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(xo_fixture.session, "second", "n", NULL, &err), XO_DONE, "%s",
                 err.message);
    pthread_join(thread, NULL);
    cr_assert_eq(first, XO_NOT_DONE);
}

/* The one call that removes data. */

static const char disks_to_delete[] =
    "{\"p\":{\"type\":\"pool\",\"name_label\":\"one\"},"
    "\"free\":{\"type\":\"VDI\",\"name_label\":\"leftover\",\"$pool\":\"p\",\"$VBDs\":[],"
    "\"current_operations\":{}},"
    "\"used\":{\"type\":\"VDI\",\"name_label\":\"leftover\",\"$pool\":\"p\",\"$VBDs\":[\"b\"]},"
    "\"moved\":{\"type\":\"VDI\",\"name_label\":\"leftover\",\"$pool\":\"p\","
    "\"current_operations\":{\"OpaqueRef:1\":\"copy\"}}}";

static void expect_not_deleted(const char *disk, const char *name, enum err_class class)
{
    struct err err = {0};
    cr_assert_eq(xo_vdi_delete(xo_fixture.session, disk, name, &err), XO_NOT_DONE);
    cr_assert_eq(err.class, class, "%s", err.message);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "vdi.delete"), 0);
}

Test(xo_calls, deletes_a_disk_only_under_its_name_and_while_nothing_has_it)
{
    struct err err = {0};
    xo_fixture_connect(NULL, disks_to_delete);
    expect_not_deleted("free", "another", ERR_CONFLICT);
    expect_not_deleted("used", "leftover", ERR_IN_USE);
    expect_not_deleted("moved", "leftover", ERR_IN_USE);
    expect_not_deleted("gone", "leftover", ERR_NOT_FOUND);
    cr_assert_eq(xo_vdi_delete(xo_fixture.session, "free", "leftover", &err), XO_DONE, "%s",
                 err.message);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "vdi.delete"), 1);
}
