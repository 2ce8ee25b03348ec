/* xosim: a whole simulated site. */
#include "xosim/site.h"
#include "xosim/xapi_object.h"
#include "xosim/xapi_pool.h"

#include "base/mem.h"
#include "base/str.h"

#include <math.h>

static void before_output(void *userdata)
{
    site_commit(userdata);
}

static void on_token(void *userdata, const struct xo_token *token)
{
    struct site *site = userdata;
    if (site->store)
        store_put_token(site->store, token);
}

static void on_user(void *userdata, const struct xo_user *user)
{
    struct site *site = userdata;
    if (site->store)
        store_put_user(site->store, user);
}

static void on_server(void *userdata, const struct xo_pool *pool)
{
    struct site *site = userdata;
    if (site->store)
        store_put_server(site->store, pool);
}

/* Pools, hosts, SRs and VMs come from the description; disks and devices from the state, when there
 * is one. */
static int build(struct site *site, const struct site_options *options, struct err *err)
{
    bool restored = false;
    if (world_build(options->world, site->xapi, err) != 0)
        return -1;
    if (options->state_dir && store_open(options->state_dir, options->world->hash, site->xapi,
                                         &site->store, &restored, err) != 0)
        return -1;
    if (!restored && world_build_disks(options->world, site->xapi, err) != 0)
        return -1;
    site->xo = xo_new(site->xapi);
    if (world_build_xo(options->world, site->xo, err) != 0)
        return -1;
    if (site->store && store_start(site->store, site->xo, err) != 0)
        return -1;
    return 0;
}

int site_new(const struct site_options *options, struct site **ret, struct err *err)
{
    struct site *site = mem_alloc(sizeof(*site));
    site->ids.state = ids_mix(options->seed);
    site->timers.wall_base_ms = options->wall_base_ms;
    site->speed = 1;
    site->xapi = xapi_new(&site->timers, &site->ids);
    site->faults = faults_new(site);
    if (build(site, options, err) != 0) {
        site_free(site);
        return -1;
    }
    site->xo->hooks = (struct xo_hooks){.userdata = site,
                                        .before_output = before_output,
                                        .token_changed = on_token,
                                        .user_changed = on_user,
                                        .server_changed = on_server};
    site->rest = rest_new(site->xo);
    faults_hook(site->faults);
    xo_connect_pools(site->xo);
    xapi_heartbeat_start(site->xapi);
    *ret = site;
    return 0;
}

struct site *site_free(struct site *site)
{
    if (!site)
        return NULL;
    faults_free(site->faults);
    rest_free(site->rest);
    xo_free(site->xo);
    store_close(site->store);
    xapi_free(site->xapi);
    timers_done(&site->timers);
    return mem_free(site);
}

void site_set_speed(struct site *site, double speed, int64_t real_us)
{
    site->real_base_us = real_us;
    site->virtual_base_us = site->timers.now_us;
    site->speed = speed;
    site->xapi->tick_ms = (int64_t)fmax(XAPI_COPY_TICK_MS, SITE_TICK_REAL_MS * speed);
}

void site_follow(struct site *site, int64_t real_us)
{
    double elapsed = (double)(real_us - site->real_base_us) * site->speed;
    timers_run_until(&site->timers, site->virtual_base_us + (int64_t)elapsed);
}

int64_t site_due_in_us(const struct site *site, int64_t real_us, int64_t max_us)
{
    int64_t next_us = timers_next_us(&site->timers);
    if (next_us < 0)
        return max_us;
    double due_us = (double)(next_us - site->virtual_base_us) / site->speed;
    double left_us = ceil(due_us - (double)(real_us - site->real_base_us));
    if (left_us < 0)
        return 0;
    return left_us < (double)max_us ? (int64_t)left_us : max_us;
}

void site_commit(struct site *site)
{
    if (site->store)
        store_commit(site->store);
}

void *site_find(const struct site *site, enum xapi_class class, const char *name)
{
    return xapi_find_named(site->xapi, class, name);
}
