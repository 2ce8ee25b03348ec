/* xo: signing in and listing, against a XO in this process. Covers session_listing.c. */
#include "xo/session.h"

#include "base/mem.h"
#include "base/str.h"
#include "xo/fake/fixture.h"
#include "xo/fake/recording.h"
#include "xo/vdi.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(xo_session, .init = xo_fixture_init, .fini = xo_fixture_done, .timeout = 60);

Test(xo_session, signs_in_lists_everything_and_is_ready)
{
    xo_fixture_connect(NULL, xo_fixture_one_disk);
    cr_assert(xo_fixture_fresh());
    cr_assert(xo_fixture_has_disk("d"));
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "session.signIn"), 1);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "xo.getAllObjects"), 10);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "server.getAll"), 1);
    struct xo_session_status status = xo_session_status(xo_fixture.session);
    cr_assert(str_starts_with(status.text, "connected to Xen Orchestra at http://127.0.0.1:"));
}

Test(xo_session, takes_notifications_into_the_inventory)
{
    xo_fixture_connect(NULL, xo_fixture_one_disk);
    xo_fake_notify(xo_fixture.fake, "enter",
                   json_build("{s:{s:s, s:s}}", "e", "type", "VDI", "name_label", "csi-y"));
    pthread_mutex_lock(&xo_fixture.mutex);
    while (xo_fixture.disk_changes < 2) /* d when it was listed, e now */
        pthread_cond_wait(&xo_fixture.changed, &xo_fixture.mutex);
    pthread_mutex_unlock(&xo_fixture.mutex);
    cr_assert(xo_fixture_has_disk("e"));
}

static bool notify_in_between(struct xo_fake *fake, const struct xo_fake_request *request,
                              void *userdata)
{
    (void)userdata;
    if (str_equal(json_str_at(request->params, "filter.type"), "VBD")) {
        /* After the disks were listed, before the listing ends. */
        xo_fake_notify(fake, "enter",
                       json_build("{s:{s:s, s:s}}", "e", "type", "VDI", "name_label", "csi-y"));
        xo_fake_notify(fake, "exit", json_build("{s:i}", "d", 0));
    }
    return false;
}

Test(xo_session, applies_notifications_that_come_while_it_lists)
{
    xo_fixture_connect(notify_in_between, xo_fixture_one_disk);
    cr_assert(xo_fixture_has_disk("e"));
    cr_assert_not(xo_fixture_has_disk("d"));
}

/* Signing in. */

static int sign_ins;

/* XO refuses everybody for a while after a wrong password, with an error that says nothing. */
static bool refuse_then_throttle(struct xo_fake *fake, const struct xo_fake_request *request,
                                 void *userdata)
{
    (void)userdata;
    if (!str_equal(request->method, "session.signIn") || sign_ins == 2)
        return false;
    json_t *reply cleanup_json = xo_recording_reply("sign-in-refused", 2);
    if (sign_ins++ == 0)
        xo_fake_error(fake, request->id, json_incref(json_object_get(reply, "error")));
    else
        xo_fake_error(fake, request->id,
                      json_build("{s:i, s:s}", "code", -32000, "message",
                                 "unknown error from the peer"));
    return true;
}

Test(xo_session, goes_on_trying_after_a_refused_and_a_throttled_sign_in)
{
    struct xo_fake_options options = {.script = refuse_then_throttle};
    xo_fixture.fake = xo_fake_new(&options);
    struct xo_session_options session = xo_fixture_options();
    xo_fixture_start(&session);
    xo_fixture_wait_ready(1);
    cr_assert_not_null(strstr(xo_fixture.texts, "XO refused the token: invalid credentials"));
    cr_assert_not_null(strstr(xo_fixture.texts, "refuses everybody for two seconds"));
}

Test(xo_session, tries_a_changed_token_file_at_once)
{
    xo_fixture.fake = xo_fake_new(&(struct xo_fake_options){.token = "new"});
    char *path cleanup_str = str_new("%s/token", xo_fixture_folder());
    xo_fixture_write_file(path, "old\n");
    struct xo_session_options session = xo_fixture_options();
    session.token = NULL;
    session.token_file = path;
    session.times.refused_first_ms = 3600000; /* only the change of the file helps */
    session.times.refused_max_ms = 3600000;
    xo_fixture_start(&session);
    xo_fixture_wait_text("XO refused the token: invalid credentials");
    xo_fixture_write_file(path, "new\n");
    xo_fixture_wait_ready(1);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "session.signIn"), 2);
}

Test(xo_session, waits_for_a_token_file_that_is_not_there_yet)
{
    xo_fixture.fake = xo_fake_new(&(struct xo_fake_options){0});
    char *path cleanup_str = str_new("%s/token", xo_fixture_folder());
    struct xo_session_options session = xo_fixture_options();
    session.token = NULL;
    session.token_file = path;
    xo_fixture_start(&session);
    xo_fixture_wait_text("the token for Xen Orchestra: ");
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "session.signIn"), 0);
    xo_fixture_write_file(path, "good");
    xo_fixture_wait_ready(1);
}

static bool check_password(struct xo_fake *fake, const struct xo_fake_request *request,
                           void *userdata)
{
    (void)userdata;
    if (!str_equal(request->method, "session.signIn"))
        return false;
    if (str_equal(json_str_at(request->params, "email"), "op@example.org") &&
        str_equal(json_str_at(request->params, "password"), "secret"))
        xo_fake_reply(fake, request->id, json_true());
    else
        xo_fake_error(fake, request->id,
                      json_build("{s:i, s:s}", "code", 3, "message", "invalid credentials"));
    return true;
}

Test(xo_session, signs_in_with_user_and_password)
{
    xo_fixture.fake = xo_fake_new(&(struct xo_fake_options){.script = check_password});
    struct secret *password cleanup_secret = secret_new("secret", 6);
    struct xo_session_options session = xo_fixture_options();
    session.token = NULL;
    session.username = "op@example.org";
    session.password = password;
    xo_fixture_start(&session);
    xo_fixture_wait_ready(1);
    xo_fixture.session = xo_session_free(xo_fixture.session); /* before its password */
}

/* An expired token leaves notifications on, and the next request closes the connection. */
static bool expire(struct xo_fake *fake, const struct xo_fake_request *request, void *userdata)
{
    (void)userdata;
    static bool expired;
    if (str_equal(request->method, "vdi.set") && !expired) {
        expired = true;
        xo_fake_token(fake, "renewed");
        xo_fake_close(fake);
        return true;
    }
    return false;
}

Test(xo_session, signs_in_again_after_its_token_expired)
{
    xo_fixture.fake = xo_fake_new(&(struct xo_fake_options){.script = expire});
    char *path cleanup_str = str_new("%s/token", xo_fixture_folder());
    xo_fixture_write_file(path, "good");
    struct xo_session_options session = xo_fixture_options();
    session.token = NULL;
    session.token_file = path;
    xo_fixture_start(&session);
    xo_fixture_wait_ready(1);
    cr_assert_eq(xo_vdi_set(xo_fixture.session, "d", "n", NULL, NULL), XO_UNKNOWN);
    xo_fixture_wait_text("XO refused the token: invalid credentials");
    xo_fixture_write_file(path, "renewed");
    xo_fixture_wait_ready(2);
    cr_assert_eq(xo_vdi_set(xo_fixture.session, "d", "n", NULL, NULL), XO_DONE);
}

static bool deny_servers(struct xo_fake *fake, const struct xo_fake_request *request,
                         void *userdata)
{
    (void)userdata;
    if (!str_equal(request->method, "server.getAll"))
        return false;
    json_t *reply cleanup_json = xo_recording_reply("sign-in-refused", 1);
    xo_fake_error(fake, request->id, json_incref(json_object_get(reply, "error")));
    return true;
}

/* Waits until the inventory says this of what is out of sight. */
static void wait_out_of_sight(const char *text)
{
    pthread_mutex_lock(&xo_fixture.mutex);
    for (bool said = false; !said;) {
        const struct xo_inventory *read = xo_inventory_read(xo_fixture.inventory);
        said = strstr(xo_inventory_out_of_sight(read), text) != NULL;
        xo_inventory_unread(read);
        if (!said)
            pthread_cond_wait(&xo_fixture.changed, &xo_fixture.mutex);
    }
    pthread_mutex_unlock(&xo_fixture.mutex);
}

Test(xo_session, believes_no_absence_when_xo_does_not_tell_its_servers)
{
    xo_fixture_connect(deny_servers, xo_fixture_one_disk);
    const struct xo_inventory *read = xo_inventory_read(xo_fixture.inventory);
    cr_assert(xo_inventory_pool_present(read, "p"));
    cr_assert_not(xo_inventory_all_pools_present(read));
    cr_assert_not_null(strstr(xo_inventory_out_of_sight(read), "server.getAll is refused"));
    xo_inventory_unread(read);
}

static bool sign_in_as_nobody(struct xo_fake *fake, const struct xo_fake_request *request,
                              void *userdata)
{
    if (!str_equal(request->method, "session.signIn"))
        return deny_servers(fake, request, userdata);
    xo_fake_reply(fake, request->id, json_build("{s:s}", "permission", "none"));
    return true;
}

Test(xo_session, believes_no_absence_when_the_user_is_no_administrator)
{
    xo_fixture_connect(sign_in_as_nobody, xo_fixture_one_disk);
    wait_out_of_sight("give it the administrator's role");
    const struct xo_inventory *read = xo_inventory_read(xo_fixture.inventory);
    cr_assert_not(xo_inventory_sees_all(read));
    xo_inventory_unread(read);
}

static size_t servers_asked;

/* An administrator at first, who then loses the role. */
static bool demote(struct xo_fake *fake, const struct xo_fake_request *request, void *userdata)
{
    if (str_equal(request->method, "server.getAll"))
        return ++servers_asked > 1 ? deny_servers(fake, request, userdata) : false;
    return servers_asked > 1 ? sign_in_as_nobody(fake, request, userdata) : false;
}

Test(xo_session, signs_in_again_when_the_rights_of_its_user_changed)
{
    xo_fixture.fake =
        xo_fake_new(&(struct xo_fake_options){.script = demote, .world = xo_fixture_one_disk});
    struct xo_session_options session = xo_fixture_options();
    session.times.servers_ms = 20;
    xo_fixture_start(&session);
    xo_fixture_wait_text("the rights of the operator's user in Xen Orchestra changed");
    xo_fixture_wait_ready(2);
    wait_out_of_sight("its permission is not \"admin\"");
}

Test(xo_session, asks_for_the_servers_when_a_pool_goes)
{
    xo_fixture.fake = xo_fake_new(&(struct xo_fake_options){.world = xo_fixture_one_disk});
    struct xo_session_options session = xo_fixture_options();
    session.times.servers_ms = 600; /* a thirtieth of it after a change */
    xo_fixture_start(&session);
    xo_fixture_wait_ready(1);
    xo_fake_notify(xo_fixture.fake, "exit", json_build("{s:i}", "p", 0));
    xo_fake_wait(xo_fixture.fake, "server.getAll", 2);
}

/* Options. */

Test(xo_session, refuses_options_that_contradict_each_other)
{
    struct xo_session *none = NULL;
    struct err err = {0};
    struct xo_session_options options = xo_fixture_options();
    options.endpoint.url = "http://127.0.0.1:1";
    options.username = "op";
    cr_assert_eq(xo_session_new(&options, &none, &err), -1);
    cr_assert_eq(err.class, ERR_INVALID);
    options.username = NULL;
    options.token = NULL;
    cr_assert_eq(xo_session_new(&options, &none, &err), -1);
    cr_assert_not_null(strstr(err.message, "no credentials"));
}
