/* xo: what of Xen Orchestra is in sight, and what is said of the rest. */
#include "base/mem.h"
#include "base/str.h"
#include "xo/inventory.h"

#include <criterion/criterion.h>
#include <string.h>

/* Entries as a real XO shows them: only one that is connected names its pool. */
#define CONNECTED(id, pool)                                                                        \
    "{\"id\":\"" id "\",\"host\":\"10.0.0." id "\",\"enabled\":true,\"status\":\"connected\","     \
    "\"poolId\":\"" pool "\",\"poolNameLabel\":\"name of " pool "\"}"
#define FAILED(id, error)                                                                          \
    "{\"id\":\"" id "\",\"host\":\"10.0.0." id "\",\"enabled\":true,\"status\":\"disconnected\","  \
    "\"error\":" error "}"
#define REFUSED  "{\"code\":\"ECONNREFUSED\",\"message\":\"connect ECONNREFUSED\"}"
#define ONE_POOL "{\"p\":{\"type\":\"pool\",\"name_label\":\"one\"}}"

static struct xo_inventory *inventory;
static size_t freshness_changes;

static void count_change(enum xo_change_kind kind, const char *id, const char *name, void *userdata)
{
    (void)id;
    (void)name;
    (void)userdata;
    freshness_changes += kind == XO_CHANGE_FRESHNESS;
}

static void setup(void)
{
    inventory = xo_inventory_new(&clock_system);
    xo_inventory_on_change(inventory, count_change, NULL);
    xo_inventory_user(inventory, true);
}

static void teardown(void)
{
    inventory = xo_inventory_free(inventory);
}

TestSuite(xo_sight, .init = setup, .fini = teardown);

static json_t *parse(const char *text)
{
    json_t *json = NULL;
    struct err err = {0};
    cr_assert_eq(json_parse(text, strlen(text), &json, &err), 0, "%s", err.message);
    return json;
}

/* Takes in an answer of server.getAll, "[…]". */
static void servers(const char *text)
{
    json_t *answer cleanup_json = parse(text);
    freshness_changes = 0;
    xo_inventory_servers(inventory, answer);
}

/* Begins a session: lists these objects, with this answer of server.getAll (NULL: refused). */
static void list(const char *objects_text, const char *servers_text)
{
    json_t *objects cleanup_json = parse(objects_text);
    xo_inventory_list_begin(inventory);
    xo_inventory_list_add(inventory, objects);
    if (servers_text)
        servers(servers_text);
    else
        xo_inventory_servers(inventory, NULL);
    xo_inventory_list_end(inventory);
}

static void notify(const char *type, const char *items_text)
{
    json_t *params cleanup_json =
        json_build("{s:s, s:o}", "type", type, "items", parse(items_text));
    freshness_changes = 0;
    xo_inventory_notify(inventory, params);
}

/* For tests: reads under the lock, but hands the view out. Nothing writes meanwhile. */
static const struct xo_inventory *peek(void)
{
    const struct xo_inventory *read = xo_inventory_read(inventory);
    xo_inventory_unread(read);
    return read;
}

#define assert_in_sight()                                                                          \
    do {                                                                                           \
        cr_assert_str_eq(xo_inventory_out_of_sight(peek()), "");                                   \
        cr_assert(xo_inventory_all_pools_present(peek()));                                         \
    } while (0)

#define assert_out_of_sight(part)                                                                  \
    do {                                                                                           \
        cr_assert_not(xo_inventory_all_pools_present(peek()));                                     \
        cr_assert_not_null(strstr(xo_inventory_out_of_sight(peek()), (part)),                      \
                           "'%s' is not in: %s", (part), xo_inventory_out_of_sight(peek()));       \
    } while (0)

Test(xo_sight, not_all_pools_are_present_while_a_wanted_server_is_not_connected)
{
    list(ONE_POOL, "[" CONNECTED("1", "p") "," FAILED("2", REFUSED) "]");
    assert_out_of_sight("not connected to server 10.0.0.2 since 20");
    assert_out_of_sight(": connect ECONNREFUSED; see Settings > Servers");
    cr_assert(xo_inventory_pool_present(peek(), "p"),
              "a question about another pool has its answer");
    cr_assert_eq(xo_inventory_counts(peek()).servers_out_of_sight, 1);
    servers("[" CONNECTED("1", "p") "]");
    assert_in_sight();
    cr_assert_gt(freshness_changes, 0);
}

Test(xo_sight, no_pool_at_all_is_not_all_pools)
{
    list("{}", "[]");
    assert_out_of_sight("Xen Orchestra shows no pool at all");
}

Test(xo_sight, nothing_is_in_sight_before_xo_told_its_servers_in_this_session)
{
    json_t *objects cleanup_json = parse(ONE_POOL);
    xo_inventory_list_begin(inventory);
    xo_inventory_list_add(inventory, objects);
    xo_inventory_list_end(inventory);
    assert_out_of_sight("has not said yet which pools");
    servers("[" CONNECTED("1", "p") "]");
    assert_in_sight();
    xo_inventory_list_begin(inventory);
    assert_out_of_sight("has not said yet which pools");
}

Test(xo_sight, nothing_is_in_sight_when_xo_refuses_to_tell_its_servers)
{
    list(ONE_POOL, NULL);
    assert_out_of_sight("server.getAll is refused");
    cr_assert(xo_inventory_pool_present(peek(), "p"));
}

Test(xo_sight, nothing_is_in_sight_of_a_user_who_is_no_administrator)
{
    list(ONE_POOL, "[" CONNECTED("1", "p") "]");
    freshness_changes = 0;
    xo_inventory_user(inventory, false);
    cr_assert_not(xo_inventory_sees_all(peek()));
    assert_out_of_sight("give it the administrator's role");
    cr_assert_eq(freshness_changes, 1);
    xo_inventory_user(inventory, true);
    cr_assert(xo_inventory_sees_all(peek()));
    assert_in_sight();
}

Test(xo_sight, nothing_is_in_sight_before_anybody_signed_in)
{
    struct xo_inventory *other = xo_inventory_new(&clock_system);
    const struct xo_inventory *read = xo_inventory_read(other);
    cr_assert_not(xo_inventory_sees_all(read));
    cr_assert_not(xo_inventory_all_pools_present(read));
    xo_inventory_unread(read);
    (void)xo_inventory_free(other); /* returns NULL, by convention */
}

Test(xo_sight, a_second_entry_of_a_connected_pool_hides_nothing)
{
    list(ONE_POOL,
         "[" CONNECTED("1", "p") "," FAILED(
             "2", "{\"message\":\"this pool is already connected\",\"poolId\":\"p\"}") "]");
    assert_in_sight();
    servers(
        "[" CONNECTED("1", "p") "," FAILED("2",
                                           "{\"message\":\"this pool is already connected\"}") "]");
    assert_in_sight();
}

Test(xo_sight, a_second_entry_hides_its_pool_once_the_first_is_not_connected_to_it)
{
    list(ONE_POOL,
         "[" CONNECTED("1", "p") "," FAILED(
             "2", "{\"message\":\"this pool is already connected\",\"poolId\":\"q\"}") "]");
    assert_out_of_sight("10.0.0.2");
}

Test(xo_sight, an_entry_hides_nothing_while_another_serves_the_pool_that_it_had)
{
    list(ONE_POOL, "[" CONNECTED("1", "p") "]");
    servers("[" FAILED("1", REFUSED) "," CONNECTED("2", "p") "]");
    assert_in_sight();
    cr_assert(xo_inventory_pool_present(peek(), "p"));
}

Test(xo_sight, forgets_the_pool_of_an_entry_that_leads_to_another_host_now)
{
    list(ONE_POOL, "[" CONNECTED("1", "p") "]");
    servers("[{\"id\":\"1\",\"host\":\"10.9.9.9\",\"enabled\":true,\"status\":\"disconnected\"}"
            "," CONNECTED("2", "p") "]");
    assert_out_of_sight("server 10.9.9.9 since");
}

Test(xo_sight, a_pool_is_not_forgotten_while_a_server_may_hide_it)
{
    list("{\"p\":{\"type\":\"pool\"},\"q\":{\"type\":\"pool\"}}",
         "[" CONNECTED("1", "p") "," CONNECTED("2", "q") "]");
    notify("exit", "{\"q\":0}");
    servers("[" CONNECTED("1", "p") "," FAILED("2", REFUSED) "]");
    assert_out_of_sight("server 10.0.0.2 (name of q) since");
    servers("[" CONNECTED("1", "p") "," FAILED("2", REFUSED) "]");
    cr_assert_eq(freshness_changes, 0, "nothing is otherwise than before");
    servers("[" CONNECTED("1", "p") "," CONNECTED("2", "q") "]");
    assert_out_of_sight("does not show pool q");
    notify("enter", "{\"q\":{\"type\":\"pool\"}}");
    assert_in_sight();
}

Test(xo_sight, a_server_that_a_person_disabled_counts_not_at_all_but_its_pool_is_not_present)
{
    list("{\"p\":{\"type\":\"pool\"},\"q\":{\"type\":\"pool\"}}",
         "[" CONNECTED("1", "p") "," CONNECTED("2", "q") "]");
    notify("exit", "{\"q\":0}");
    servers("[" CONNECTED(
        "1",
        "p") ","
             "{\"id\":\"2\",\"host\":\"10.0.0.2\",\"enabled\":false,\"status\":\"disconnected\"}]");
    assert_in_sight();
    cr_assert_not(xo_inventory_pool_present(peek(), "q"));
}

Test(xo_sight, counts_the_servers_that_are_out_of_sight_and_names_one)
{
    list(ONE_POOL, "[" CONNECTED("1", "p") "," FAILED("3", REFUSED) "," FAILED("2", REFUSED) "]");
    cr_assert_eq(xo_inventory_counts(peek()).servers_out_of_sight, 2);
    assert_out_of_sight("server 10.0.0.2 ");
    assert_out_of_sight("and not to 1 more");
}

Test(xo_sight, another_error_of_a_server_that_stays_away_is_no_news)
{
    list(ONE_POOL, "[" CONNECTED("1", "p") "," FAILED("2", REFUSED) "]");
    servers("[" CONNECTED("1", "p") "," FAILED("2", "{\"message\":\"connect ETIMEDOUT\"}") "]");
    cr_assert_eq(freshness_changes, 0);
}

Test(xo_sight, believes_a_server_that_is_not_connected_more_than_the_pool_object)
{
    list(ONE_POOL, "[" CONNECTED("1", "p") "]");
    cr_assert(xo_inventory_pool_present(peek(), "p"));
    servers("[" CONNECTED("1", "p") "]");
    cr_assert_eq(freshness_changes, 0, "nothing is otherwise than before");
    servers("[{\"id\":\"1\",\"host\":\"10.0.0.1\",\"enabled\":true,\"status\":\"connecting\"}]");
    cr_assert_not(xo_inventory_pool_present(peek(), "p"));
    assert_out_of_sight("server 10.0.0.1 (name of p) since");
    cr_assert_gt(freshness_changes, 0);
}

Test(xo_sight, takes_a_pool_as_connected_when_one_of_its_servers_is)
{
    list(ONE_POOL,
         "[{\"id\":\"2\",\"status\":\"disconnected\",\"poolId\":\"p\"}," CONNECTED("1", "p") "]");
    cr_assert(xo_inventory_pool_present(peek(), "p"));
    assert_in_sight();
}

Test(xo_sight, waits_for_a_server_whose_pool_was_never_seen)
{
    list(ONE_POOL, "[" CONNECTED("1", "p") ",{\"id\":\"2\",\"status\":\"connecting\"}]");
    cr_assert(xo_inventory_pool_present(peek(), "p"));
    cr_assert_not(xo_inventory_all_pools_present(peek()));
}

Test(xo_sight, waits_for_the_objects_of_a_pool_that_xo_says_it_is_connected_to)
{
    list(ONE_POOL, "[" CONNECTED("1", "p") "]");
    servers("[" CONNECTED("1", "p") "," CONNECTED("2", "q") "]");
    assert_out_of_sight("does not show pool q");
    cr_assert_eq(freshness_changes, 1);
    notify("enter", "{\"q\":{\"type\":\"pool\"}}");
    assert_in_sight();
    cr_assert_eq(freshness_changes, 1);
}

Test(xo_sight, forgets_a_pool_that_was_removed_from_xo)
{
    list("{\"p\":{\"type\":\"pool\"},\"q\":{\"type\":\"pool\"}}",
         "[" CONNECTED("1", "p") "," CONNECTED("2", "q") "]");
    notify("exit", "{\"q\":0}");
    cr_assert_not(xo_inventory_all_pools_present(peek()));
    servers("[" CONNECTED("1", "p") "]");
    assert_in_sight();
    cr_assert_eq(freshness_changes, 1);
}
