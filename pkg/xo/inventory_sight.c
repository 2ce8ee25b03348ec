/*
 * xo, 3': what of Xen Orchestra is in sight: whether the absence of something may be believed.
 *
 * XO tells the pool only of a server that it is connected to. So an entry that is enabled and not
 * connected may hide any pool, whatever its status says. It does not when another entry serves the
 * pool that this one had when it was last connected to the same host, or the pool that its error
 * names. An entry that a person disabled hides nothing that anybody waits for; but the pool that it
 * had is not there, and so nothing is proven about that pool.
 *
 * One sentence says what is missing. Everything is in sight when it is empty: what people read and
 * what code asks can't differ.
 *
 * What this does not do: ask XO. The session does, after each sign-in and by the half minute.
 */
#include "base/mem.h"
#include "base/str.h"
#include "xo/inventory_internal.h"

#include <string.h>

/** An entry of server.getAll, and what is remembered of it. Texts are cut: they are for people. */
struct server {
    char host[128];
    char name[128]; /* the entry's label, or the pool's name; "" when neither was ever told */
    char pool[64];  /* that it is connected to, or was when it last was; "" unknown */
    char error[256];
    bool apart;
    struct wall_time apart_since;
};

static void free_server(void *server)
{
    (void)mem_free(server); /* returns NULL, by convention */
}

void xo_sight_init(struct xo_sight *sight)
{
    map_init(&sight->pools_expected, NULL);
    map_init(&sight->pools_apart, NULL);
    map_init(&sight->servers, free_server);
}

void xo_sight_done(struct xo_sight *sight)
{
    map_done(&sight->pools_expected);
    map_done(&sight->pools_apart);
    map_done(&sight->servers);
}

/* The sentence. */

/* The entry that is apart with the lowest id: the same one each time. */
static const struct server *first_apart(const struct xo_sight *sight)
{
    const struct server *first = NULL;
    const char *first_id = NULL, *id = NULL;
    void *value = NULL;
    for (size_t i = 0; map_next(&sight->servers, &i, &id, &value);) {
        const struct server *server = value;
        if (server->apart && (!first || strcmp(id, first_id) < 0)) {
            first = server;
            first_id = id;
        }
    }
    return first;
}

static void say_apart(struct xo_sight *sight)
{
    const struct server *server = first_apart(sight);
    char since[CLOCK_RFC3339_SIZE], name[sizeof(server->name) + 4] = "", others[48] = "";
    wall_format(server->apart_since, since);
    /* Each is bounded above. */
    if (server->name[0] != '\0')
        (void)str_format(name, sizeof(name), " (%s)", server->name);
    if (sight->servers_apart > 1)
        (void)str_format(others, sizeof(others), ", and not to %zu more", sight->servers_apart - 1);
    (void)str_format(sight->text, sizeof(sight->text),
                     "Xen Orchestra is not connected to server %s%s since %s%s%s%s; see Settings > "
                     "Servers in Xen Orchestra",
                     server->host, name, since, server->error[0] != '\0' ? ": " : "", server->error,
                     others);
}

/* A pool that should be there and is not. NULL: none. */
static const char *missing_pool(const struct xo_inventory *inventory)
{
    const char *first = NULL, *pool = NULL;
    for (size_t i = 0; map_next(&inventory->sight.pools_expected, &i, &pool, NULL);) {
        if (!xo_inventory_pool_present(inventory, pool) && (!first || strcmp(pool, first) < 0))
            first = pool;
    }
    return first;
}

static void say(struct xo_inventory *inventory)
{
    struct xo_sight *sight = &inventory->sight;
    const char *missing = missing_pool(inventory);
    const char *text = "";
    if (sight->user == XO_USER_SEES_PART)
        text = "the operator's user may see only a part of Xen Orchestra (its permission is not "
               "\"admin\"): give it the administrator's role";
    else if (sight->refused)
        text = "Xen Orchestra does not say which pools it is connected to (server.getAll is "
               "refused): give the operator's user the administrator's role";
    else if (sight->user == XO_USER_UNKNOWN || !sight->told)
        text = "Xen Orchestra has not said yet which pools it is connected to";
    else if (sight->servers_apart == 0 && inventory->counts[XO_OBJECT_POOL] == 0)
        text = "Xen Orchestra shows no pool at all; see Settings > Servers in Xen Orchestra";
    str_copy(sight->text, sizeof(sight->text), text);
    if (text[0] != '\0')
        return;
    if (sight->servers_apart > 0)
        say_apart(sight);
    else if (missing)
        (void)str_format(sight->text, sizeof(sight->text),
                         "Xen Orchestra does not show pool %s, which it was or is connected to: it "
                         "may take two minutes until it does; see Settings > Servers in Xen "
                         "Orchestra",
                         missing); /* an id is bounded by its message, and cut here */
}

void xo_sight_update(struct xo_inventory *inventory)
{
    char before[sizeof(inventory->sight.text)];
    memcpy(before, inventory->sight.text, sizeof(before));
    say(inventory);
    inventory->writer.freshness_changed |= strcmp(before, inventory->sight.text) != 0;
}

/* Taking in server.getAll. */

/** What one answer says. */
struct view {
    struct map servers;   /* id → struct server */
    struct map connected; /* pool ids that some server is connected to */
    struct map mentioned; /* pool ids of all servers that are not disabled */
    struct map apart;     /* pool ids of servers, none of which is connected */
    size_t servers_apart;
};

static void done_view(struct view *view)
{
    map_done(&view->servers);
    map_done(&view->connected);
    map_done(&view->mentioned);
    map_done(&view->apart);
}

static bool is_connected(const json_t *entry)
{
    return str_equal(json_str_at(entry, "status"), "connected");
}

/* An entry that does not say so is one that somebody wants. */
static bool is_enabled(const json_t *entry)
{
    return json_bool_at(entry, "enabled", true);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* Reads an entry; what XO tells only while it is connected comes from `old`, which may be NULL. */
static struct server *read_server(const json_t *entry, const struct server *old)
{
    struct server *server = mem_alloc(sizeof(*server));
    str_copy(server->host, sizeof(server->host), or_empty(json_str_at(entry, "host")));
    if (old && !str_equal(old->host, server->host))
        old = NULL; /* it leads elsewhere now */
    const char *pool = json_str_at(entry, "poolId");
    const char *name = json_str_at(entry, "label");
    if (str_empty(name))
        name = json_str_at(entry, "poolNameLabel");
    str_copy(server->pool, sizeof(server->pool), pool ? pool : old ? old->pool : "");
    str_copy(server->name, sizeof(server->name), !str_empty(name) ? name : old ? old->name : "");
    const char *error = json_str_at(entry, "error.message");
    str_copy(server->error, sizeof(server->error),
             error ? error : or_empty(json_str_at(entry, "error.code")));
    return server;
}

static void read_servers(const struct xo_inventory *inventory, const json_t *servers,
                         struct view *view)
{
    map_init(&view->servers, free_server);
    size_t i = 0;
    json_t *entry = NULL;
    json_array_foreach((json_t *)(uintptr_t)servers, i, entry) {
        const char *id = or_empty(json_str_at(entry, "id"));
        struct server *server = read_server(entry, map_get(&inventory->sight.servers, id));
        if (server->pool[0] != '\0') {
            map_put(&view->apart, server->pool, NULL);
            if (is_enabled(entry))
                map_put(&view->mentioned, server->pool, NULL);
            if (is_connected(entry))
                map_put(&view->connected, server->pool, NULL);
        }
        map_put(&view->servers, id, server);
    }
    const char *pool = NULL;
    for (size_t j = 0; map_next(&view->connected, &j, &pool, NULL);)
        (void)map_remove(&view->apart, pool); /* one that serves it is enough */
}

/* Whether an entry that is not connected is a second one of a pool that is. XO keeps the error of
 * the last attempt, so it says nothing while another attempt goes on. */
static bool is_second_entry(const json_t *entry, const struct view *view)
{
    const json_t *error = json_object_get(entry, "error");
    const char *pool = json_str_at(error, "poolId");
    if (!str_equal(json_str_at(entry, "status"), "disconnected"))
        return false;
    if (pool)
        return map_has(&view->connected, pool);
    /* Older versions name no pool, and have no code for it: only the text tells. Taking another
     * error for this one is not possible, and the other way leads to waiting. */
    return str_equal(json_str_at(error, "message"), "this pool is already connected");
}

static void find_apart(const struct xo_inventory *inventory, const json_t *servers,
                       struct view *view)
{
    size_t i = 0;
    json_t *entry = NULL;
    json_array_foreach((json_t *)(uintptr_t)servers, i, entry) {
        const char *id = or_empty(json_str_at(entry, "id"));
        const struct server *old = map_get(&inventory->sight.servers, id);
        struct server *server = map_get(&view->servers, id);
        if (is_connected(entry) || !is_enabled(entry) || map_has(&view->connected, server->pool) ||
            is_second_entry(entry, view))
            continue;
        view->servers_apart += !server->apart; /* two entries without an id are one */
        server->apart = true;
        server->apart_since = clock_wall(inventory->clock);
        if (old && old->apart && str_equal(old->host, server->host)) {
            server->apart_since = old->apart_since;
            /* The first reason stays, or each attempt that fails otherwise would be news. */
            if (old->error[0] != '\0')
                str_copy(server->error, sizeof(server->error), old->error);
        }
    }
}

/* Under the lock. */

/* Forgets pools that an administrator took away: nothing of them is there, no server has them, and
 * none is apart that might. */
static void forget_pools(struct xo_inventory *inventory, const struct view *view)
{
    const char *pool = NULL;
    for (size_t i = 0; map_next(&inventory->sight.pools_expected, &i, &pool, NULL);) {
        if (view->servers_apart == 0 && !map_has(&view->mentioned, pool) &&
            !xo_inventory_pool(inventory, pool)) {
            /* It was there: just returned. */
            (void)map_remove(&inventory->sight.pools_expected, pool);
            inventory->writer.freshness_changed = true;
        }
    }
}

/* A pool that XO is connected to is expected also before its object is there. */
static void expect_pools(struct xo_inventory *inventory, const struct view *view)
{
    const char *pool = NULL;
    for (size_t i = 0; map_next(&view->connected, &i, &pool, NULL);) {
        if (map_has(&inventory->sight.pools_expected, pool))
            continue;
        map_put(&inventory->sight.pools_expected, pool, NULL);
        inventory->writer.freshness_changed |= !xo_inventory_pool(inventory, pool);
    }
}

/* Whether the two hold the same keys. */
static bool same_keys(const struct map *a, const struct map *b)
{
    const char *key = NULL;
    bool same = a->len == b->len;
    for (size_t i = 0; same && map_next(a, &i, &key, NULL);)
        same = map_has(b, key);
    return same;
}

static void swap_maps(struct map *a, struct map *b)
{
    struct map kept = *a;
    *a = *b;
    *b = kept;
}

static void take_in(struct xo_inventory *inventory, struct view *view)
{
    struct xo_sight *sight = &inventory->sight;
    inventory->writer.freshness_changed |= !same_keys(&sight->pools_apart, &view->apart);
    swap_maps(&sight->pools_apart, &view->apart);
    swap_maps(&sight->servers, &view->servers);
    sight->servers_apart = view->servers_apart;
    sight->told = true;
    sight->refused = false;
    expect_pools(inventory, view);
    forget_pools(inventory, view);
}

void xo_inventory_servers(struct xo_inventory *inventory, const json_t *servers)
{
    struct view view = {0};
    if (json_is_array(servers)) {
        read_servers(inventory, servers, &view);
        find_apart(inventory, servers, &view);
    }
    xo_inventory_write_begin(inventory);
    if (json_is_array(servers)) {
        take_in(inventory, &view);
    } else {
        inventory->sight.told = false;
        inventory->sight.refused = true;
    }
    inventory->writer.sight_changed = true;
    xo_inventory_write_end(inventory);
    done_view(&view);
}

void xo_inventory_user(struct xo_inventory *inventory, bool sees_all)
{
    xo_inventory_write_begin(inventory);
    inventory->sight.user = sees_all ? XO_USER_SEES_ALL : XO_USER_SEES_PART;
    inventory->writer.sight_changed = true;
    xo_inventory_write_end(inventory);
}

/* Reading. */

bool xo_inventory_sees_all(const struct xo_inventory *inventory)
{
    return inventory->sight.user == XO_USER_SEES_ALL;
}

bool xo_inventory_pool_present(const struct xo_inventory *inventory, const char *pool)
{
    return xo_inventory_pool(inventory, pool) && !map_has(&inventory->sight.pools_apart, pool);
}

const char *xo_inventory_out_of_sight(const struct xo_inventory *inventory)
{
    return inventory->sight.text;
}

bool xo_inventory_all_pools_present(const struct xo_inventory *inventory)
{
    return inventory->sight.text[0] == '\0';
}
