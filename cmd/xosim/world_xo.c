/* xosim: from a description to what Xen Orchestra itself knows: users, tokens, and which servers a
 * person has disabled. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/world_internal.h"
#include "xosim/xapi_object.h"

/* Tokens of a description never expire while a simulator runs: ten years. */
#define TOKEN_LIFE_MS ((int64_t)10 * 365 * 24 * 3600 * 1000)

static int build_user(const struct world *world, const struct world_user *item, struct xo *xo,
                      struct err *err)
{
    char made[UUID_SIZE];
    ids_uuid_of("user", item->email, made);
    if (xo_find_user(xo, item->email))
        return world_complain(world, &item->item, "email", item->email, "write each user once",
                              err);
    struct xo_user *user = xo_add_user(xo, item->id ? item->id : made, item->email, item->password,
                                       item->permission ? item->permission : "admin");
    user->sees_all = str_equal(item->sees, "all");
    for (size_t i = 0; i < item->acls.len; i++) {
        const char *name = item->acls.items[i];
        const char *uuid = xapi_access_target(xo->xapi, name);
        if (!uuid)
            return world_complain(world, &item->item, "acls", name,
                                  "write names or UUIDs of pools, hosts, SRs or VMs", err);
        json_put(user->acls, uuid, json_true());
    }
    return 0;
}

static int build_token(const struct world *world, const struct world_token *item, struct xo *xo,
                       struct err *err)
{
    struct xo_user *user = xo_find_user(xo, item->user);
    if (!user)
        return world_complain(world, &item->item, "user", item->user, "write the email of a user",
                              err);
    int64_t life_ms = item->expires_in_ms > 0 ? item->expires_in_ms : TOKEN_LIFE_MS;
    xo_add_token(xo, item->token, user, timers_wall_ms(xo->timers) + life_ms);
    return 0;
}

/* The pools of XAPI are in the order of the description. */
static void build_servers(const struct world *world, struct xo *xo)
{
    for (size_t i = 0; i < world->pools.len && i < xo->xapi->pools.len; i++) {
        const struct world_pool *item = world->pools.items[i];
        xo_server_set_enabled(xo, xo->xapi->pools.items[i], !str_equal(item->server, "disabled"));
    }
}

int world_build_xo(const struct world *world, struct xo *xo, struct err *err)
{
    for (size_t i = 0; i < world->users.len; i++) {
        if (build_user(world, world->users.items[i], xo, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < world->tokens.len; i++) {
        if (build_token(world, world->tokens.items[i], xo, err) != 0)
            return -1;
    }
    build_servers(world, xo);
    return 0;
}
