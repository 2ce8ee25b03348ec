/* xosim: what users who are no administrators see and may do, and what they are told when that
 * changes. Covers control_xo.c. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/control.h"
#include "xosim/fake/lab.h"

#include <criterion/criterion.h>
#include <string.h>

#define TENANT "tenant@example.org"
#define POOL_A "a0000000-0000-4000-8000-000000000001"
#define POOL_B "b0000000-0000-4000-8000-000000000001"

static struct site *site;
static struct fake_client *client; /* an administrator's */
static struct fake_client *tenant;

static void setup(void)
{
    site = lab_open(&client);
    tenant = fake_client_open(site);
    fake_client_must(tenant, "session.signIn",
                     json_build("{s:s, s:s}", "email", TENANT, "password", "tenant"));
}

static void teardown(void)
{
    fake_client_close(tenant);
    lab_close(site, client);
}

TestSuite(xo_acl, .init = setup, .fini = teardown);

static int set_access(const char *email, const char *body)
{
    cleanup_str char *path = str_new("/users/%s", email);
    const struct control_request request = {.method = "POST",
                                            .path = path,
                                            .body = body,
                                            .body_len = strlen(body)};
    json_t *answer = NULL;
    int status = control_handle(site, &request, &answer);
    json_decref(answer);
    return status;
}

static bool lists(const char *id)
{
    return json_object_get(fake_client_must(tenant, "xo.getAllObjects", NULL), id) != NULL;
}

/* How many messages of a type the tenant got since `from` that have this object. */
static size_t told(const char *type, const char *id, size_t from)
{
    size_t count = 0;
    for (size_t i = from; i < tenant->frames.len; i++) {
        const struct fake_frame *frame = tenant->frames.items[i];
        const json_t *params = json_object_get(frame->message, "params");
        count += str_equal(json_str_at(params, "type"), type) &&
                 json_object_get(json_object_get(params, "items"), id);
    }
    return count;
}

Test(xo_acl, shows_nothing_to_a_user_without_access_and_tells_it_nothing)
{
    cr_expect_eq(json_object_size(fake_client_must(tenant, "xo.getAllObjects", NULL)), 0);
    size_t from = tenant->frames.len;
    struct disk *disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    xapi_vdi_remove(site->xapi, xapi_find(site->xapi, XAPI_VDI, disk->uuid));
    fake_run(site, 30000);
    cr_expect_eq(tenant->frames.len, from);
}

Test(xo_acl, gives_access_to_everything_of_a_pool)
{
    cr_assert_eq(set_access(TENANT, "{\"acls\":[\"pool-a\"]}"), 200);
    cr_expect(lists(POOL_A) && lists(LAB_LOCAL_A1) && lists(LAB_WORKER_A1));
    cr_expect(!lists(POOL_B) && !lists(LAB_LOCAL_B1));
    size_t from = tenant->frames.len;
    const struct disk *here = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    const struct disk *there = lab_disk(site, "pvc-2", LAB_LOCAL_B1);
    cr_expect_gt(told("enter", here->uuid, from), 0);
    cr_expect_eq(told("enter", there->uuid, from), 0);
}

Test(xo_acl, gives_access_to_what_is_in_a_host_an_sr_or_a_vm)
{
    const struct disk *local = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    const struct disk *shared = lab_disk(site, "pvc-2", LAB_SHARED_A);
    lab_attach(client, LAB_WORKER_A1, shared, NULL);
    cr_assert_eq(set_access(TENANT, "{\"acls\":[\"host-a1\"]}"), 200);
    cr_expect(lists(LAB_LOCAL_A1) && lists(LAB_WORKER_A1) && lists(local->uuid));
    cr_expect(!lists(LAB_LOCAL_A2) && !lists(LAB_WORKER_A2) && !lists(LAB_SHARED_A));
    cr_assert_eq(set_access(TENANT, "{\"acls\":[\"host-a1 local\"]}"), 200);
    cr_expect(lists(local->uuid) && !lists(LAB_WORKER_A1) && !lists(shared->uuid));
    cr_assert_eq(set_access(TENANT, "{\"acls\":[\"worker-a1\"]}"), 200);
    cr_expect(lists(shared->uuid) && !lists(local->uuid) && !lists(LAB_SHARED_A));
}

Test(xo_acl, lets_a_user_change_what_it_has_access_to_and_nothing_else)
{
    const struct disk *own = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    const struct disk *other = lab_disk(site, "pvc-2", LAB_LOCAL_A2);
    cr_assert_eq(set_access(TENANT, "{\"acls\":[\"host-a1 local\"]}"), 200);
    cr_expect_eq(fake_client_error(tenant, "vdi.delete", lab_id(other->uuid)), 2);
    fake_client_must(tenant, "vdi.delete", lab_id(own->uuid));
    cr_expect(other->exists && !own->exists);
    cr_expect_eq(fake_client_error(tenant, "server.getAll", NULL), 2);
}

Test(xo_acl, tells_the_end_of_an_object_to_who_has_access)
{
    cr_assert_eq(set_access(TENANT, "{\"acls\":[\"host-a1\"]}"), 200);
    const struct disk *disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    size_t from = tenant->frames.len;
    xapi_vdi_remove(site->xapi, xapi_find(site->xapi, XAPI_VDI, disk->uuid));
    fake_run(site, 1000);
    cr_expect_eq(told("exit", disk->uuid, from), 1);
}

Test(xo_acl, tells_of_access_that_is_given_in_one_enter_and_of_access_that_is_taken_nothing)
{
    size_t from = tenant->frames.len;
    cr_assert_eq(set_access(TENANT, "{\"acls\":[\"pool-a\"]}"), 200);
    cr_expect_eq(tenant->frames.len, from);
    fake_run(site, 600);
    cr_expect_eq(told("enter", LAB_WORKER_A1, from), 1);
    from = tenant->frames.len;
    cr_assert_eq(set_access(TENANT, "{\"acls\":[]}"), 200);
    fake_run(site, 30000);
    cr_expect_eq(tenant->frames.len, from);
    cr_expect_not(lists(LAB_WORKER_A1));
}

Test(xo_acl, tells_a_user_who_becomes_an_administrator_everything)
{
    size_t from = tenant->frames.len;
    cr_assert_eq(set_access(TENANT, "{\"permission\":\"admin\"}"), 200);
    fake_run(site, 600);
    cr_expect_eq(told("enter", LAB_LOCAL_B1, from), 1);
    cr_expect_str_eq(json_str_at(fake_client_must(tenant, "session.getUser", NULL), "permission"),
                     "admin");
    fake_client_must(tenant, "server.getAll", NULL);
}

Test(xo_acl, demotes_an_administrator_who_is_connected_without_a_word)
{
    size_t from = client->frames.len;
    cr_assert_eq(set_access("admin@admin.net", "{\"permission\":\"none\"}"), 200);
    fake_run(site, 30000);
    cr_expect_eq(client->frames.len, from, "neither exits nor the heartbeat of hosts");
    cr_expect_eq(fake_client_error(client, "server.getAll", NULL), 2);
    cr_expect_eq(json_object_size(fake_client_must(client, "xo.getAllObjects", NULL)), 0);
    cr_expect_str_eq(json_str_at(fake_client_must(client, "session.getUser", NULL), "permission"),
                     "none");
}

Test(xo_acl, refuses_what_is_no_user_permission_or_object)
{
    cr_expect_eq(set_access("x", "{\"permission\":\"admin\"}"), 404);
    cr_expect_eq(set_access(TENANT, "{\"permission\":\"root\"}"), 400);
    cr_expect_eq(set_access(TENANT, "{\"acls\":[\"pool-x\"]}"), 400);
    cr_expect_eq(set_access(TENANT, "{}"), 400);
}

Test(xo_acl, is_given_by_the_world)
{
    struct site *other = fake_site("users: [{email: a, password: a, permission: none, acls: [h]}]\n"
                                   "tokens: [{token: t, user: a}]\n"
                                   "pools: [{name: p}]\n"
                                   "hosts: [{name: h, pool: p}, {name: i, pool: p}]\n");
    struct fake_client *asks = fake_client_signed_in(other, "t");
    const json_t *seen = fake_client_must(asks, "xo.getAllObjects",
                                          json_build("{s:{s:s}}", "filter", "type", "host"));
    cr_expect_eq(json_object_size(seen), 1);
    fake_client_close(asks);
    site_free(other);
}
