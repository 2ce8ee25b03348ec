/* xosim: the table of faults, and what each does when it begins and ends. */
#include "base/json.h"
#include "base/str.h"
#include "xosim/faults_internal.h"
#include "xosim/site.h"
#include "xosim/xapi_dom0.h"
#include "xosim/xapi_pool.h"

/* Of Xen Orchestra's way up: a handshake that falls into it is never answered. */
#define HANG_SECONDS 0.2

static void drop_session(struct site *site, struct fault *fault)
{
    (void)fault;
    xo_drop_sessions(site->xo);
}

static void blip(struct site *site, struct fault *fault)
{
    struct xapi_pool *pool = fault_pool(fault);
    if (pool)
        xo_pool_blip(site->xo, pool, fault_seconds(fault));
}

static void cut_pool_off(struct site *site, struct fault *fault)
{
    struct xapi_pool *pool = fault_pool(fault);
    if (pool)
        xo_server_set_unreachable(site->xo, pool, true);
}

static void let_pool_in(struct site *site, struct fault *fault)
{
    struct xapi_pool *pool = fault_pool(fault);
    if (pool)
        xo_server_set_unreachable(site->xo, pool, false);
}

static void stall_events(struct site *site, struct fault *fault)
{
    struct xapi_pool *pool = fault_pool(fault);
    if (pool)
        xo_pool_stall(site->xo, pool, fault_seconds(fault));
}

static void restart_xo(struct site *site, struct fault *fault)
{
    xo_restart(site->xo, fault_seconds(fault), json_real_at(fault->spec, "hang", HANG_SECONDS));
}

static void restart_toolstack(struct site *site, struct fault *fault)
{
    struct xapi_pool *pool = fault_pool(fault);
    if (pool)
        xapi_restart(site->xapi, pool);
}

static void expire_token(struct site *site, struct fault *fault)
{
    struct xo_token *token = map_get(&site->xo->tokens, fault_text(fault, "token"));
    if (!token)
        return;
    token->expires_ms = 1; /* in 1970 */
    if (site->store)
        store_put_token(site->store, token);
}

static void forget_task(struct site *site, struct fault *fault)
{
    xapi_copy_forget_task(site->xapi, fault->task[0] ? fault->task : NULL);
}

/* A host that has left its pool meanwhile is out of reach of faults, and so is an SR that was
 * forgotten. */
static void set_power(const struct site *site, const struct fault *fault, bool on)
{
    struct xapi_host *host = fault_host(fault);
    if (host)
        xapi_host_set_power(site->xapi, host, on);
}

static void power_off(struct site *site, struct fault *fault)
{
    set_power(site, fault, false);
}

static void power_on(struct site *site, struct fault *fault)
{
    set_power(site, fault, true);
}

static void set_plugged(const struct site *site, const struct fault *fault, bool plugged)
{
    struct xapi_sr *sr = fault_sr(fault);
    if (sr)
        xapi_sr_set_plugged(site->xapi, sr, fault_host(fault), plugged);
}

static void unplug_sr(struct site *site, struct fault *fault)
{
    set_plugged(site, fault, false);
}

static void plug_sr(struct site *site, struct fault *fault)
{
    set_plugged(site, fault, true);
}

static void slow_sr(struct site *site, struct fault *fault)
{
    (void)site;
    struct xapi_sr *sr = fault_sr(fault);
    if (sr)
        sr->slowness = (1 + sr->slowness) / json_real_at(fault->spec, "factor", 1) - 1;
}

static void end_slow_sr(struct site *site, struct fault *fault)
{
    (void)site;
    struct xapi_sr *sr = fault_sr(fault);
    if (sr)
        sr->slowness = (1 + sr->slowness) * json_real_at(fault->spec, "factor", 1) - 1;
}

static void throttle(struct site *site, const struct fault *fault, int64_t until_us)
{
    const char *email = fault_text(fault, "user");
    for (size_t i = 0; i < site->xo->users.len; i++) {
        struct xo_user *user = site->xo->users.items[i];
        if (!email || str_equal(email, user->email))
            user->bad_until_us = until_us;
    }
}

static void throttle_sign_in(struct site *site, struct fault *fault)
{
    throttle(site, fault, INT64_MAX);
}

static void end_throttle(struct site *site, struct fault *fault)
{
    throttle(site, fault, 0);
}

/* Of every disk that it names; those that are made while it goes on are not met. */
static void for_each_disk(struct site *site, const struct fault *fault,
                          void (*act)(struct site *site, const struct fault *fault,
                                      struct xapi_vdi *vdi))
{
    for (size_t i = 0; i < site->xapi->pools.len; i++) {
        struct xapi_object *object = ((const struct xapi_pool *)site->xapi->pools.items[i])->first;
        for (; object; object = object->next) {
            struct xapi_vdi *vdi = (struct xapi_vdi *)object;
            if (object->class == XAPI_VDI && !vdi->snapshot && fault_names_disk(fault, vdi))
                act(site, fault, vdi);
        }
    }
}

static void keep(struct site *site, const struct fault *fault, struct xapi_vdi *vdi)
{
    xapi_dom0_keep(site->xapi, vdi, json_bool_at(fault->spec, "readOnly", false));
}

static void keep_in_dom0(struct site *site, struct fault *fault)
{
    for_each_disk(site, fault, keep);
}

const struct fault_kind fault_kinds[] = {
    {.name = "drop-session",
     .what = "All clients' connections are cut; their calls go on",
     .fields = FAULT_AT,
     .begin = drop_session},
    {.name = "drop-call",
     .what = "The next call of that method never arrives: the connection is cut, nothing is done",
     .fields = FAULT_METHOD | FAULT_CALL | FAULT_TIMES,
     .needs = FAULT_METHOD,
     .event = FAULT_BEFORE_CALL,
     .fixed_event = true,
     .standing = true,
     .verdict = XO_CUT},
    {.name = "drop-reply",
     .what = "The next call of that method is carried out, but instead of its answer the "
             "connection is cut",
     .fields = FAULT_METHOD | FAULT_CALL | FAULT_TIMES,
     .needs = FAULT_METHOD,
     .event = FAULT_BEFORE_REPLY,
     .fixed_event = true,
     .standing = true,
     .verdict = XO_CUT},
    {.name = "call-fails",
     .what = "The next call of that method ends with an XAPI error before anything is done",
     .fields = FAULT_METHOD | FAULT_CALL | FAULT_TIMES | FAULT_ERROR,
     .needs = FAULT_METHOD,
     .event = FAULT_BEFORE_CALL,
     .fixed_event = true,
     .standing = true,
     .verdict = XO_FAIL},
    {.name = "call-hangs",
     .what = "The next call of that method is accepted and nothing happens: it is not carried out, "
             "no answer comes, the connection stays; deleting the fault carries it out, late",
     .fields = FAULT_METHOD | FAULT_CALL | FAULT_TIMES,
     .needs = FAULT_METHOD,
     .event = FAULT_BEFORE_CALL,
     .fixed_event = true,
     .standing = true,
     .verdict = XO_HOLD},
    {.name = "drop-answer",
     .what = "The next call of that method is carried out, and no answer ever comes; the "
             "connection stays",
     .fields = FAULT_METHOD | FAULT_CALL | FAULT_TIMES,
     .needs = FAULT_METHOD,
     .event = FAULT_BEFORE_REPLY,
     .fixed_event = true,
     .standing = true,
     .verdict = XO_HOLD},
    {.name = "throttle-sign-in",
     .what = "Signing in with a password fails, the right one too, as after a bad one",
     .fields = FAULT_USER | FAULT_SECONDS,
     .begin = throttle_sign_in,
     .end = end_throttle},
    {.name = "expire-token",
     .what = "The token expires: notifications go on, the next request closes the connection",
     .fields = FAULT_TOKEN | FAULT_AT,
     .needs = FAULT_TOKEN,
     .begin = expire_token},
    {.name = "xo-restart",
     .what = "Xen Orchestra forgets what it was doing and its port refuses connections for so "
             "long; for the last moments, `hang`, it takes them and does not answer; XAPI goes on",
     .fields = FAULT_AT | FAULT_SECONDS | FAULT_HANG,
     .seconds = 3,
     .begin = restart_xo},
    {.name = "pool-blip",
     .what = "Xen Orchestra loses its connection to a pool: everything of it vanishes in one "
             "`exit` and comes back in one `enter`; 61, 67 and 123 seconds were seen",
     .fields = FAULT_AT | FAULT_POOL | FAULT_SECONDS,
     .seconds = 61,
     .begin = blip},
    {.name = "pool-disconnected",
     .what = "Xen Orchestra can not connect to a pool until the fault ends, also when it restarts: "
             "one `exit` of everything, its server is `disconnected` with an `error` and without "
             "`poolId`, though enabled; then one `enter`",
     .fields = FAULT_AT | FAULT_POOL | FAULT_SECONDS,
     .begin = cut_pool_off,
     .end = let_pool_in},
    {.name = "events-stall",
     .what = "No event comes from a pool: what was known is shown without a sign, calls that wait "
             "for an object or a task hang",
     .fields = FAULT_AT | FAULT_POOL | FAULT_SECONDS,
     .seconds = 10,
     .begin = stall_events},
    {.name = "toolstack-restart",
     .what = "XAPI of a pool restarts: its tasks are gone, a copy leaves its target incomplete, "
             "and nothing says so",
     .fields = FAULT_AT | FAULT_POOL,
     .begin = restart_toolstack},
    {.name = "task-forgotten",
     .what = "XAPI forgets the task of the copy or mirror that is met, or those of all that are "
             "under way, as it does with any after a day: the work goes on and ends, nothing says "
             "so",
     .fields = FAULT_AT,
     .begin = forget_task},
    {.name = "host-power-off",
     .what = "A host is off until the fault ends: it shows as `Halted`, what needs it fails with "
             "`HOST_OFFLINE`, copies over it fail",
     .fields = FAULT_AT | FAULT_HOST | FAULT_SECONDS,
     .needs = FAULT_HOST,
     .begin = power_off,
     .end = power_on},
    {.name = "host-power-on",
     .what = "A host is on again",
     .fields = FAULT_AT | FAULT_HOST,
     .needs = FAULT_HOST,
     .begin = power_on},
    {.name = "sr-full",
     .what = "Creating a disk on an SR, growing one, or copying one to it fails with "
             "`SR_BACKEND_FAILURE_44`",
     .fields = FAULT_SR | FAULT_TIMES,
     .needs = FAULT_SR,
     .standing = true},
    {.name = "sr-unplugged",
     .what = "An SR is unplugged from a host, or from all, until the fault ends: its PBD is not "
             "attached, what needs it fails with `SR_NOT_ATTACHED` or `SR_HAS_NO_PBDS`",
     .fields = FAULT_AT | FAULT_SR | FAULT_HOST | FAULT_SECONDS,
     .needs = FAULT_SR,
     .begin = unplug_sr,
     .end = plug_sr},
    {.name = "slow-sr",
     .what = "The bandwidth of an SR is multiplied by a factor until the fault ends",
     .fields = FAULT_AT | FAULT_SR | FAULT_FACTOR | FAULT_SECONDS,
     .needs = FAULT_SR | FAULT_FACTOR,
     .begin = slow_sr,
     .end = end_slow_sr},
    {.name = "copy-fails",
     .what = "A copy or mirror ends with an XAPI error; its target is gone",
     .fields = FAULT_AT | FAULT_ERROR | FAULT_TIMES,
     .event = FAULT_ANY_COPY,
     .fixed_event = true,
     .standing = true},
    {.name = "copy-stalls",
     .what = "A copy or mirror goes no further until the fault is deleted or the task is cancelled",
     .fields = FAULT_AT | FAULT_TIMES,
     .event = FAULT_ANY_COPY,
     .fixed_event = true,
     .standing = true},
    {.name = "plug-fails",
     .what = "Plugging a disk into a VM fails with an XAPI error; the VBD stays behind, unplugged",
     .fields = FAULT_VM | FAULT_ERROR | FAULT_TIMES,
     .standing = true},
    {.name = "attach-race",
     .what = "Somebody else takes the position that `vm.attachDisk` has chosen: it fails with "
             "`DEVICE_ALREADY_EXISTS`",
     .fields = FAULT_VM | FAULT_TIMES,
     .standing = true},
    {.name = "dom0-keeps-vbd",
     .what = "The disks of that name are plugged into a control domain, for writing unless "
             "`readOnly`, without a task or an operation: they are in use until the VBD is "
             "disconnected",
     .fields = FAULT_DISK | FAULT_READ_ONLY,
     .needs = FAULT_DISK,
     .begin = keep_in_dom0},
    {.name = "copy-leaves-vbd",
     .what = "When a copy or export of such a disk ends it stays plugged into a control domain, as "
             "with `dom0-keeps-vbd`; of a copy, source and target do, each counts",
     .fields = FAULT_DISK | FAULT_READ_ONLY | FAULT_TIMES,
     .needs = FAULT_DISK,
     .standing = true},
    {.name = "vbd-lies",
     .what = "What is said of a device is untrue: `kind` says what, below",
     .fields = FAULT_VM | FAULT_DISK | FAULT_LIE | FAULT_TIMES,
     .needs = FAULT_LIE,
     .standing = true},
    {.name = NULL},
};

const struct fault_kind *fault_kind_find(const char *name)
{
    for (const struct fault_kind *kind = fault_kinds; kind->name; kind++) {
        if (str_equal(kind->name, name))
            return kind;
    }
    return NULL;
}

const char *faults_name(size_t number)
{
    return number < ARRAY_LEN(fault_kinds) ? fault_kinds[number].name : NULL;
}

const char *faults_what(size_t number)
{
    return fault_kinds[number].what;
}

json_t *faults_kinds(void)
{
    json_t *array = json_array();
    for (const struct fault_kind *kind = fault_kinds; kind->name; kind++)
        json_add(array, json_build("{s:s, s:o, s:o, s:s}", "name", kind->name, "fields",
                                   fault_fields_describe(kind->fields), "needs",
                                   fault_fields_describe(kind->needs), "what", kind->what));
    return array;
}
