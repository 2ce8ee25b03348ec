/* xosim: Xen Orchestra's servers: what clients see when a pool can not be connected to, or shall not
 * be. */
#include "base/json.h"
#include "base/str.h"
#include "xosim/fake/lab.h"

#include <criterion/criterion.h>

#define POOL_B "b0000000-0000-4000-8000-000000000001"
#define CUT_B  "{\"name\":\"pool-disconnected\",\"pool\":\"pool-b\"}"

static struct site *site;
static struct fake_client *client;

static void setup(void)
{
    site = lab_open(&client);
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(xo_server, .init = setup, .fini = teardown);

/* What server.getAll says of pool-b; *borrowed* from the client's frames. */
static const json_t *server_b(struct fake_client *asks)
{
    const json_t *servers = fake_client_must(asks, "server.getAll", json_object());
    for (size_t i = 0; i < json_array_size(servers); i++) {
        const json_t *server = json_array_get(servers, i);
        if (str_equal(json_str_at(server, "label"), "pool-b"))
            return server;
    }
    cr_assert_fail("pool-b has no server");
    return NULL;
}

static json_t *server_id(void)
{
    return json_build("{s:s}", "id", json_str_at(server_b(client), "id"));
}

/* How many messages of a type there were since `from` that have the SR of pool-b in them. */
static size_t told(const char *type, size_t from)
{
    size_t count = 0;
    for (size_t i = from; i < client->frames.len; i++) {
        const struct fake_frame *frame = client->frames.items[i];
        const json_t *params = json_object_get(frame->message, "params");
        count += str_equal(json_str_at(params, "type"), type) &&
                 json_object_get(json_object_get(params, "items"), LAB_LOCAL_B1);
    }
    return count;
}

static void expect_disconnected(const json_t *server, bool enabled)
{
    cr_expect_str_eq(json_str_at(server, "status"), "disconnected");
    cr_expect_eq(json_bool_at(server, "enabled", !enabled), enabled);
    cr_expect_null(json_object_get(server, "poolId"));
    cr_expect_null(xo_object(site->xo, POOL_B));
}

Test(xo_server, that_can_not_be_reached_is_enabled_and_disconnected_with_the_error_and_no_pool)
{
    lab_fault(site, CUT_B);
    const json_t *server = server_b(client);
    expect_disconnected(server, true);
    cr_expect_str_eq(json_str_at(server, "error.code"), "ENETUNREACH");
    cr_assert_not_null(json_str_at(server, "error.message"));
}

Test(xo_server, loses_everything_in_one_exit_and_is_back_in_one_enter_when_the_fault_ends)
{
    size_t from = client->frames.len;
    lab_fault(site, "{\"name\":\"pool-disconnected\",\"pool\":\"pool-b\",\"seconds\":90}");
    fake_run(site, 89000);
    cr_expect_eq(told("exit", from), 1);
    cr_expect_eq(told("enter", from), 0);
    fake_run(site, 2000);
    cr_expect_eq(told("enter", from), 1);
    const json_t *server = server_b(client);
    cr_expect_str_eq(json_str_at(server, "status"), "connected");
    cr_expect_str_eq(json_str_at(server, "poolId"), POOL_B);
    cr_expect_null(json_object_get(server, "error"));
}

Test(xo_server, stays_disconnected_when_xen_orchestra_restarts_meanwhile)
{
    lab_fault(site, CUT_B);
    lab_fault(site, "{\"name\":\"xo-restart\"}");
    fake_run(site, 10000);
    struct fake_client *back = fake_client_signed_in(site, "lab-token");
    const json_t *server = server_b(back);
    expect_disconnected(server, true);
    cr_expect_str_eq(json_str_at(server, "error.code"), "ENETUNREACH");
    cr_expect(faults_remove(site->faults, "fault-1"));
    cr_expect_str_eq(json_str_at(server_b(back), "status"), "connected");
    fake_client_close(back);
}

Test(xo_server, is_away_at_the_start_when_the_fault_came_while_xen_orchestra_was_down)
{
    lab_fault(site, "{\"name\":\"xo-restart\",\"seconds\":5}");
    lab_fault(site, CUT_B);
    fake_run(site, 10000);
    struct fake_client *back = fake_client_signed_in(site, "lab-token");
    expect_disconnected(server_b(back), true);
    fake_client_close(back);
}

Test(xo_server, is_away_until_the_last_of_two_faults_ends)
{
    lab_fault(site, CUT_B);
    lab_fault(site, CUT_B);
    cr_expect(faults_remove(site->faults, "fault-1"));
    expect_disconnected(server_b(client), true);
    cr_expect(faults_remove(site->faults, "fault-2"));
    cr_expect_str_eq(json_str_at(server_b(client), "status"), "connected");
}

Test(xo_server, is_not_taken_for_connected_by_the_end_of_a_blip)
{
    lab_fault(site, "{\"name\":\"pool-blip\",\"pool\":\"pool-b\",\"seconds\":5}");
    lab_fault(site, CUT_B);
    fake_run(site, 10000);
    expect_disconnected(server_b(client), true);
}

Test(xo_server, that_a_person_disables_is_disconnected_without_an_error_until_it_is_enabled)
{
    fake_client_must(client, "server.disable", server_id());
    const json_t *server = server_b(client);
    expect_disconnected(server, false);
    cr_expect_null(json_object_get(server, "error"));
    fake_client_must(client, "server.enable", server_id());
    cr_expect_str_eq(json_str_at(server_b(client), "status"), "connected");
    cr_expect_not_null(xo_object(site->xo, POOL_B));
}

Test(xo_server, that_is_disabled_stays_so_when_a_fault_ends_and_when_xen_orchestra_restarts)
{
    lab_fault(site, CUT_B);
    fake_client_must(client, "server.disable", server_id());
    cr_expect(faults_remove(site->faults, "fault-1"));
    expect_disconnected(server_b(client), false);
    lab_fault(site, "{\"name\":\"xo-restart\"}");
    fake_run(site, 10000);
    struct fake_client *back = fake_client_signed_in(site, "lab-token");
    expect_disconnected(server_b(back), false);
    fake_client_close(back);
}

Test(xo_server, can_not_be_enabled_while_it_can_not_be_reached)
{
    fake_client_must(client, "server.disable", server_id());
    lab_fault(site, CUT_B);
    const json_t *answer = fake_client_call(client, "server.enable", server_id());
    cr_expect_eq(lab_code(answer), -32000);
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "ENETUNREACH");
    expect_disconnected(server_b(client), true);
}

Test(xo_server, that_is_connected_can_not_be_enabled)
{
    const json_t *answer = fake_client_call(client, "server.enable", server_id());
    cr_expect_str_eq(json_str_at(answer, "error.message"), "the server is already connected");
}

Test(xo_server, is_for_administrators_only_and_must_be_known)
{
    struct fake_client *tenant = fake_client_open(site);
    fake_client_must(tenant, "session.signIn",
                     json_build("{s:s, s:s}", "email", "tenant@example.org", "password", "tenant"));
    cr_expect_eq(fake_client_error(tenant, "server.disable", server_id()), 2);
    cr_expect_eq(fake_client_error(client, "server.disable", lab_id("x")), 1);
    fake_client_close(tenant);
}

Test(xo_server, may_be_disabled_from_the_start)
{
    struct site *other = fake_site("users: [{email: a, password: a}]\n"
                                   "tokens: [{token: t, user: a}]\n"
                                   "pools: [{name: pool-b, server: disabled}]\n"
                                   "hosts: [{name: h, pool: pool-b}]\n");
    struct fake_client *asks = fake_client_signed_in(other, "t");
    cr_expect_not(json_bool_at(server_b(asks), "enabled", true));
    cr_expect_eq(json_object_size(other->xo->objects), 0);
    fake_client_close(asks);
    site_free(other);
}
