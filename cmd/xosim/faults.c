/*
 * xosim: what can be made to go wrong.
 *
 * A table says which fields each fault takes; adding checks them all before anything happens.
 * Faults that end other things (a restart, a blip) and are met in the middle of a copy's step
 * happen right after it, from a timer of their own.
 */
#include "xosim/faults.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/site.h"

#include <fnmatch.h>

/* A year: longer than any test, and far from where microseconds overflow. */
#define SECONDS_MAX (365.0 * 24 * 3600)

enum fault_fields {
    TAKES_COPY = 1, /* at, match */
    TAKES_POOL = 2,
    TAKES_SECONDS = 4,
    TAKES_ERROR = 8,
    TAKES_TIMES = 16,
    TAKES_METHOD = 32,
    TAKES_TOKEN = 64,
    TAKES_SR = 128,
    NEEDS_COPY = 256 /* `at` counts as 0.5 when it is left out */
};

struct fault;

struct fault_kind {
    const char *name;
    unsigned fields;
    double seconds; /* when left out */
    void (*happen)(struct site *site, struct fault *fault);
};

struct fault {
    struct faults *faults;
    const struct fault_kind *kind;
    char id[UUID_SIZE];
    json_t *spec;
    double at;     /* 2: not at a copy */
    int64_t times; /* left; INT64_MAX: until taken away */
    int64_t happened;
    char pool[UUID_SIZE]; /* of the copy that it was met at */
    struct list stalled;  /* uuids of tasks that it holds up, owned */
    struct timer timer;
};

struct faults {
    struct site *site;
    struct list list; /* struct fault, owned, oldest first */
    struct ids ids;
};

static const char *text_of(const struct fault *fault, const char *field)
{
    return json_str_at(fault->spec, field);
}

static double seconds_of(const struct fault *fault)
{
    return json_real_at(fault->spec, "seconds", fault->kind->seconds);
}

/* By uuid or name, or that of the copy it was met at. */
static struct xapi_pool *pool_of(const struct site *site, const struct fault *fault)
{
    const char *wanted = text_of(fault, "pool");
    for (size_t i = 0; i < site->xapi->pools.len; i++) {
        struct xapi_pool *pool = site->xapi->pools.items[i];
        const char *uuid = pool->object.uuid;
        if (wanted ? str_equal(uuid, wanted) || str_equal(pool->name_label, wanted)
                   : str_equal(uuid, fault->pool) || fault->pool[0] == '\0')
            return pool;
    }
    return NULL;
}

static void drop_session(struct site *site, struct fault *fault)
{
    (void)fault;
    xo_drop_sessions(site->xo);
}

static void blip(struct site *site, struct fault *fault)
{
    struct xapi_pool *pool = pool_of(site, fault);
    if (pool)
        xo_pool_blip(site->xo, pool, seconds_of(fault));
}

static void restart_xo(struct site *site, struct fault *fault)
{
    xo_restart(site->xo, seconds_of(fault));
}

static void restart_toolstack(struct site *site, struct fault *fault)
{
    struct xapi_pool *pool = pool_of(site, fault);
    if (pool)
        xapi_restart(site->xapi, pool);
}

static void expire_token(struct site *site, struct fault *fault)
{
    struct xo_token *token = map_get(&site->xo->tokens, text_of(fault, "token"));
    if (!token)
        return;
    token->expires_ms = 1; /* in 1970 */
    if (site->store)
        store_put_token(site->store, token);
}

static const struct fault_kind kinds[] = {
    {.name = "drop-session", .fields = TAKES_COPY, .happen = drop_session},
    {.name = "drop-reply", .fields = TAKES_METHOD | TAKES_TIMES},
    {.name = "pool-blip",
     .fields = TAKES_COPY | TAKES_POOL | TAKES_SECONDS,
     .seconds = 61,
     .happen = blip},
    {.name = "copy-fails", .fields = NEEDS_COPY | TAKES_COPY | TAKES_ERROR | TAKES_TIMES},
    {.name = "copy-stalls", .fields = NEEDS_COPY | TAKES_COPY | TAKES_TIMES},
    {.name = "xo-restart",
     .fields = TAKES_COPY | TAKES_SECONDS,
     .seconds = 3,
     .happen = restart_xo},
    {.name = "toolstack-restart", .fields = TAKES_COPY | TAKES_POOL, .happen = restart_toolstack},
    {.name = "expire-token", .fields = TAKES_TOKEN, .happen = expire_token},
    {.name = "sr-full", .fields = TAKES_SR | TAKES_TIMES},
};

static const struct {
    const char *name;
    unsigned takes;
    json_type type;
    const char *write;
} fields[] = {
    {"name", ~0U, JSON_STRING, "write the name of a fault"},
    {"at", TAKES_COPY, JSON_REAL, "write a fraction of a copy, from 0 to 1"},
    {"match", TAKES_COPY, JSON_STRING, "write a disk name, * for any characters"},
    {"pool", TAKES_POOL, JSON_STRING, "write the name or UUID of a pool"},
    {"seconds", TAKES_SECONDS, JSON_REAL, "write seconds of 0 or more"},
    {"error", TAKES_ERROR, JSON_ARRAY, "write an XAPI error as a list: its code, its parameters"},
    {"times", TAKES_TIMES, JSON_INTEGER, "write how often; 0: until it is deleted"},
    {"method", TAKES_METHOD, JSON_STRING, "write the name of a method"},
    {"token", TAKES_TOKEN, JSON_STRING, "write a token"},
    {"sr", TAKES_SR, JSON_STRING, "write the name or UUID of an SR"},
};

static bool right_type(const json_t *value, json_type type)
{
    if (type == JSON_REAL)
        return json_is_number(value) && json_number_value(value) >= 0;
    if (type == JSON_INTEGER)
        return json_is_integer(value) && json_integer_value(value) >= 0;
    return json_is_string(value) ? type == JSON_STRING : json_typeof(value) == type;
}

static int check_fields(const struct fault_kind *kind, const json_t *spec, struct err *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)spec, key, value) {
        size_t i = 0;
        while (i < ARRAY_LEN(fields) && !str_equal(fields[i].name, key))
            i++;
        if (i == ARRAY_LEN(fields) || !(fields[i].takes & kind->fields))
            return err_set(err, ERR_INVALID, "%.40s: %s has no such field; leave it out", key,
                           kind->name);
        if (!right_type(value, fields[i].type))
            return err_set(err, ERR_INVALID, "%s: not understood; %s", key, fields[i].write);
    }
    return 0;
}

static int check(const struct site *site, const struct fault_kind *kind, const struct fault *fault,
                 struct err *err)
{
    if (check_fields(kind, fault->spec, err) != 0)
        return -1;
    if (fault->at > 1 && json_object_get(fault->spec, "at"))
        return err_set(err, ERR_INVALID, "at: above 1; write a fraction of a copy, from 0 to 1");
    if (json_real_at(fault->spec, "seconds", 0) > SECONDS_MAX)
        return err_set(err, ERR_INVALID, "seconds: more than a year; write fewer");
    if ((kind->fields & TAKES_POOL) && !pool_of(site, fault))
        return err_set(err, ERR_INVALID, "pool: there is none of that name; see GET /world");
    if ((kind->fields & TAKES_METHOD) && !text_of(fault, "method"))
        return err_set(err, ERR_INVALID, "method: not found; write the name of a method");
    if ((kind->fields & TAKES_TOKEN) &&
        (!text_of(fault, "token") || !map_has(&site->xo->tokens, text_of(fault, "token"))))
        return err_set(err, ERR_INVALID, "token: there is no such token; write one that is valid");
    if ((kind->fields & TAKES_SR) && !text_of(fault, "sr"))
        return err_set(err, ERR_INVALID, "sr: not found; write the name or UUID of an SR");
    return 0;
}

static void free_fault(struct fault *fault)
{
    struct site *site = fault->faults->site;
    timer_stop(&site->timers, &fault->timer);
    for (size_t i = 0; i < fault->stalled.len; i++) {
        xapi_copy_resume(site->xapi, fault->stalled.items[i]);
        mem_free(fault->stalled.items[i]);
    }
    list_done(&fault->stalled);
    json_decref(fault->spec);
    mem_free(fault);
}

struct faults *faults_new(struct site *site)
{
    struct faults *faults = mem_alloc(sizeof(*faults));
    faults->site = site;
    return faults;
}

struct faults *faults_free(struct faults *faults)
{
    if (!faults)
        return NULL;
    for (size_t i = 0; i < faults->list.len; i++)
        free_fault(faults->list.items[i]);
    list_done(&faults->list);
    return mem_free(faults);
}

static json_t *describe(const struct fault *fault)
{
    json_t *json = json_deep_copy(fault->spec);
    json_put_str(json, "id", fault->id);
    json_put(json, "happened", json_integer(fault->happened));
    json_put_str(json, "state", fault->times > 0 ? "armed" : "over");
    return json;
}

static void note(struct fault *fault)
{
    fault->happened++;
    if (fault->times != INT64_MAX)
        fault->times--;
    log_info("a fault happens", log_str("name", fault->kind->name), log_str("id", fault->id));
}

static void happen(void *userdata)
{
    struct fault *fault = userdata;
    fault->kind->happen(fault->faults->site, fault);
}

/* Room for one more: the oldest that is over goes. */
static bool make_room(struct faults *faults)
{
    if (faults->list.len < FAULTS_MAX)
        return true;
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        if (fault->times == 0) {
            list_remove(&faults->list, fault);
            free_fault(fault);
            return true;
        }
    }
    return false;
}

static const struct fault_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_equal(kinds[i].name, name))
            return &kinds[i];
    }
    return NULL;
}

int faults_add(struct faults *faults, const json_t *spec, json_t **ret, struct err *err)
{
    const struct fault_kind *kind = find_kind(json_str_at(spec, "name"));
    if (!kind)
        return err_set(err, ERR_INVALID, "name: there is no such fault; docs/xosim.md lists them");
    if (!make_room(faults))
        return err_set(err, ERR_CAPACITY, "%d faults are armed; delete some", FAULTS_MAX);
    struct fault *fault = mem_alloc(sizeof(*fault));
    fault->faults = faults;
    fault->kind = kind;
    fault->spec = json_deep_copy(spec);
    fault->at = json_real_at(spec, "at", kind->fields & NEEDS_COPY ? 0.5 : 2);
    int64_t times = json_int_at(spec, "times", 1);
    fault->times = times == 0 ? INT64_MAX : times;
    if (check(faults->site, kind, fault, err) != 0) {
        free_fault(fault);
        return -1;
    }
    (void)str_format(fault->id, sizeof(fault->id), "fault-%llu",
                     (unsigned long long)++faults->ids.state);
    list_add(&faults->list, fault);
    if (fault->at > 1 && kind->happen) {
        note(fault);
        kind->happen(faults->site, fault);
    }
    *ret = describe(fault);
    return 0;
}

json_t *faults_list(const struct faults *faults)
{
    json_t *array = json_array();
    for (size_t i = 0; i < faults->list.len; i++)
        json_add(array, describe(faults->list.items[i]));
    return array;
}

bool faults_remove(struct faults *faults, const char *id)
{
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        if (str_equal(fault->id, id)) {
            list_remove(&faults->list, fault);
            free_fault(fault);
            return true;
        }
    }
    return false;
}

const char *faults_name(size_t number)
{
    return number < ARRAY_LEN(kinds) ? kinds[number].name : NULL;
}

bool faults_lose_reply(struct faults *faults, const char *method)
{
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        if ((fault->kind->fields & TAKES_METHOD) && fault->times > 0 &&
            str_equal(text_of(fault, "method"), method)) {
            note(fault);
            return true;
        }
    }
    return false;
}

/* The fault that waits for this copy soonest in (from, to], or NULL. */
static struct fault *next_for(const struct faults *faults, const struct xapi_copy *copy,
                              double from, double to)
{
    const char *name = xapi_copy_source(copy)->name_label;
    struct fault *next = NULL;
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        const char *match = text_of(fault, "match");
        if (fault->times == 0 || fault->at <= from || fault->at > to ||
            (match && fnmatch(match, name, 0) != 0))
            continue;
        if (!next || fault->at < next->at)
            next = fault;
    }
    return next;
}

static double copy_stop(void *userdata, const struct xapi_copy *copy, double from, double to)
{
    /* 0 is met by the first step: a copy never stands before its beginning. */
    const struct fault *fault = next_for(userdata, copy, from > 0 ? from : -1, to);
    return fault ? fault->at : 2;
}

static json_t *error_of(const struct fault *fault)
{
    const json_t *error = json_object_get(fault->spec, "error");
    return json_array_size(error) > 0
               ? json_deep_copy(error)
               : xapi_error("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "", NULL);
}

static enum xapi_verdict copy_reached(void *userdata, const struct xapi_copy *copy, double at,
                                      json_t **ret_error)
{
    struct faults *faults = userdata;
    struct fault *fault = next_for(faults, copy, at - 1e-12, at);
    if (!fault)
        return XAPI_GO_ON;
    note(fault);
    if (fault->kind->fields & TAKES_ERROR) {
        *ret_error = error_of(fault);
        return XAPI_FAIL;
    }
    if (!fault->kind->happen) {
        list_add(&fault->stalled, mem_strdup(xapi_copy_task(copy)->object.uuid));
        return XAPI_STALL;
    }
    str_copy(fault->pool, sizeof(fault->pool), xapi_copy_source(copy)->object.pool->object.uuid);
    timer_start(&faults->site->timers, &fault->timer, 0, happen, fault);
    return XAPI_GO_ON;
}

static json_t *sr_refuses(void *userdata, const struct xapi_sr *sr)
{
    struct faults *faults = userdata;
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        const char *wanted = text_of(fault, "sr");
        if (!(fault->kind->fields & TAKES_SR) || fault->times == 0 ||
            (!str_equal(wanted, sr->object.uuid) && !str_equal(wanted, sr->name_label)))
            continue;
        note(fault);
        return xapi_error("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "", NULL);
    }
    return NULL;
}

void faults_hook(struct faults *faults, struct xapi *xapi)
{
    xapi->hooks = (struct xapi_hooks){.userdata = faults,
                                      .copy_stop = copy_stop,
                                      .copy_reached = copy_reached,
                                      .sr_refuses = sr_refuses};
}
