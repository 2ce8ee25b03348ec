/* xosim: signing in, tokens, frames, parameters. Covers xo_methods.c, xo_error.c. */
#include "xosim/fake/lab.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static struct site *site;
static struct fake_client *client; /* signed in */
static struct fake_client *stranger;

static void setup(void)
{
    site = lab_open(&client);
    stranger = fake_client_open(site);
}

static void teardown(void)
{
    fake_client_close(stranger);
    lab_close(site, client);
}

TestSuite(xo_session, .init = setup, .fini = teardown);

static json_t *password(const char *text)
{
    return json_build("{s:s, s:s}", "email", "admin@admin.net", "password", text);
}

static void send_text(const char *text)
{
    xo_session_frame(stranger->session, text, strlen(text));
    fake_run(site, 1000);
}

Test(xo_session, refuses_calls_before_sign_in_with_code_2)
{
    const json_t *answer = fake_client_call(stranger, "xo.getAllObjects", NULL);
    cr_expect_eq(lab_code(answer), 2);
    cr_expect(json_is_object(json_at(answer, "error.data.object")));
    cr_expect_eq(fake_client_error(stranger, "session.getUser", NULL), -32000);
}

Test(xo_session, refuses_a_wrong_token_with_code_3)
{
    json_t *params = json_build("{s:s}", "token", "wrong");
    const json_t *answer = fake_client_call(stranger, "session.signIn", params);
    cr_expect_eq(lab_code(answer), 3);
    cr_expect_str_eq(json_str_at(answer, "error.message"), "invalid credentials");
    cr_expect_null(json_at(answer, "error.data"));
}

Test(xo_session, fails_every_attempt_for_a_while_after_a_bad_password)
{
    cr_expect_eq(fake_client_error(stranger, "session.signIn", password("bad")), 3);
    cr_expect_eq(fake_client_error(stranger, "session.signIn", password("admin")), -32000);
    fake_run(site, XO_THROTTLE_MS);
    const json_t *user =
        fake_client_must(stranger, "session.signInWithPassword", password("admin"));
    cr_expect_str_eq(json_str_at(user, "permission"), "admin");
}

Test(xo_session, tells_no_changes_to_who_is_not_signed_in)
{
    (void)lab_disk(site, "pvc-1", LAB_LOCAL_A1); /* for its notification */
    cr_expect_eq(stranger->frames.len, 0);
    cr_expect_gt(client->frames.len, 1);
    fake_client_must(client, "session.signOut", NULL);
    size_t before = client->frames.len;
    (void)lab_disk(site, "pvc-2", LAB_LOCAL_A1); /* the same */
    cr_expect_eq(client->frames.len, before);
}

Test(xo_session, does_not_answer_what_a_real_one_does_not_answer)
{
    send_text("no json");
    send_text("{\"jsonrpc\":\"2.0\",\"method\":\"session.getUser\"}");
    send_text("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.getUser\",\"params\":null}");
    send_text("7");
    cr_expect_eq(stranger->frames.len, 0);
}

Test(xo_session, answers_an_array_with_two_bytes)
{
    send_text("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.getUser\"}]");
    cr_assert_eq(stranger->frames.len, 1);
    const struct fake_frame *frame = stranger->frames.items[0];
    cr_expect_null(frame->message);
}

Test(xo_session, takes_ids_that_are_texts)
{
    send_text("{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"session.signIn\",\"params\":{"
              "\"token\":\"lab-token\"}}");
    cr_assert_eq(stranger->frames.len, 1);
    const struct fake_frame *frame = stranger->frames.items[0];
    cr_expect_str_eq(json_str_at(frame->message, "id"), "a");
    cr_expect_str_eq(json_str_at(frame->message, "result.email"), "admin@admin.net");
}

Test(xo_session, closes_at_the_first_request_after_its_token_has_expired)
{
    lab_fault(site, "{\"name\":\"expire-token\",\"token\":\"lab-token\"}");
    size_t before = client->frames.len;
    (void)lab_disk(site, "pvc-1", LAB_LOCAL_A1); /* for its notification */
    cr_expect_gt(client->frames.len, before);
    cr_expect_not(client->closed);
    cr_expect_null(fake_client_call(client, "session.getUser", NULL));
    cr_expect(client->closed);
    cr_expect_not(client->abruptly);
    cr_expect_eq(fake_client_error(stranger, "session.signIn",
                                   json_build("{s:s}", "token", "lab-token")),
                 3);
}

Test(xo_session, makes_tokens_that_work_and_expire)
{
    const json_t *token =
        fake_client_must(client, "token.create", json_build("{s:s}", "expiresIn", "1 minute"));
    cleanup_str char *text = str_new("%s", json_string_value(token));
    cr_expect_eq(strlen(text), 43);
    fake_client_must(stranger, "session.signInWithToken", json_build("{s:s}", "token", text));
    fake_run(site, 61000);
    cr_expect_null(fake_client_call(stranger, "session.getUser", NULL));
    cr_expect(stranger->closed);
}

Test(xo_session, refuses_tokens_that_live_too_short_or_too_long)
{
    const json_t *answer =
        fake_client_call(client, "token.create", json_build("{s:s}", "expiresIn", "1s"));
    cr_expect_str_eq(json_str_at(answer, "error.message"), "invalid expiresIn duration: 1s");
    answer = fake_client_call(client, "token.create", json_build("{s:s}", "expiresIn", "200 days"));
    cr_expect_str_eq(json_str_at(answer, "error.message"), "too high expiresIn duration: 200 days");
}

Test(xo_session, shows_everything_to_a_user_who_may_change_nothing_where_nothing_is_filtered)
{
    xo_find_user(site->xo, "tenant@example.org")->sees_all = true;
    fake_client_must(stranger, "session.signIn",
                     json_build("{s:s, s:s}", "email", "tenant@example.org", "password", "tenant"));
    const json_t *all = fake_client_must(stranger, "xo.getAllObjects", NULL);
    cr_expect_gt(json_object_size(all), 30);
    const struct disk *disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    const json_t *answer = fake_client_call(stranger, "vdi.delete", lab_id(disk->uuid));
    cr_expect_eq(lab_code(answer), 2);
    cr_expect_str_eq(json_str_at(answer, "error.data.permission"), "administrate");
    cr_expect_eq(fake_client_error(stranger, "server.getAll", NULL), 2);
    cr_expect(disk->exists);
}

Test(xo_session, says_which_parameters_are_wrong)
{
    const json_t *answer =
        fake_client_call(client, "vm.attachDisk", json_build("{s:i, s:s}", "vm", 1, "vdi", "x"));
    cr_expect_eq(lab_code(answer), 10);
    const json_t *errors = json_at(answer, "error.data.errors");
    cr_assert_eq(json_array_size(errors), 1);
    cr_expect_str_eq(json_str_at(json_array_get(errors, 0), "instancePath"), "/vm");
    answer = fake_client_call(client, "disk.create", json_object());
    cr_expect_eq(json_array_size(json_at(answer, "error.data.errors")), 3);
}

Test(xo_session, says_which_servers_it_is_connected_to)
{
    const json_t *servers = fake_client_must(client, "server.getAll", NULL);
    cr_assert_eq(json_array_size(servers), 2);
    cr_expect_str_eq(json_str_at(json_array_get(servers, 0), "status"), "connected");
    lab_fault(site, "{\"name\":\"pool-blip\",\"pool\":\"pool-a\"}");
    servers = fake_client_must(client, "server.getAll", NULL);
    cr_expect_str_eq(json_str_at(json_array_get(servers, 0), "status"), "connecting");
    cr_expect_str_eq(json_str_at(json_array_get(servers, 1), "status"), "connected");
}
