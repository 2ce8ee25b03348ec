/*
 * xosim: the faults that were asked for, from when they are added until they are taken away.
 *
 * What one does is in its row of the table (faults_kinds.c); when it does it is found by the hooks
 * (faults_hooks.c) and by the timer here. Faults that end other things (a restart, a blip) and are
 * met in the middle of something happen right after it, from a timer of their own.
 */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/faults_internal.h"
#include "xosim/site.h"

static struct xapi *xapi_of(const struct fault *fault)
{
    return fault->faults->site->xapi;
}

struct xapi_pool *fault_pool(const struct fault *fault)
{
    const struct xapi *xapi = xapi_of(fault);
    const char *wanted = fault_text(fault, "pool");
    for (size_t i = 0; i < xapi->pools.len; i++) {
        struct xapi_pool *pool = xapi->pools.items[i];
        const char *uuid = pool->object.uuid;
        if (wanted ? str_equal(uuid, wanted) || str_equal(pool->name_label, wanted)
                   : str_equal(uuid, fault->pool) || fault->pool[0] == '\0')
            return pool;
    }
    return NULL;
}

struct xapi_host *fault_host(const struct fault *fault)
{
    return site_find(fault->faults->site, XAPI_HOST, fault_text(fault, "host"));
}

struct xapi_sr *fault_sr(const struct fault *fault)
{
    return site_find(fault->faults->site, XAPI_SR, fault_text(fault, "sr"));
}

json_t *fault_error(const struct fault *fault)
{
    const json_t *error = json_object_get(fault->spec, "error");
    return json_array_size(error) > 0
               ? json_deep_copy(error)
               : xapi_error("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "", NULL);
}

void fault_note(struct fault *fault)
{
    fault->happened++;
    if (fault->times != INT64_MAX)
        fault->times--;
    log_info("a fault happens", log_str("name", fault->kind->name), log_str("id", fault->id));
}

static void end(void *userdata)
{
    struct fault *fault = userdata;
    fault->on = false;
    fault->kind->end(fault->faults->site, fault);
}

static void begin(void *userdata)
{
    struct fault *fault = userdata;
    struct site *site = fault->faults->site;
    fault->on = fault->kind->end != NULL;
    fault->kind->begin(site, fault);
    if (fault->on && fault_seconds(fault) > 0)
        timer_start(&site->timers, &fault->timer, (int64_t)(fault_seconds(fault) * 1e6), end,
                    fault);
}

void fault_meet(struct fault *fault, bool soon)
{
    fault_note(fault);
    if (soon)
        timer_start(&fault->faults->site->timers, &fault->timer, 0, begin, fault);
    else
        begin(fault);
}

static void on_due(void *userdata)
{
    struct fault *fault = userdata;
    fault->due = true;
    if (!fault->kind->standing && (fault->event == FAULT_NOW || fault->event == FAULT_TIME))
        fault_meet(fault, false);
}

static void free_fault(struct fault *fault)
{
    struct site *site = fault->faults->site;
    timer_stop(&site->timers, &fault->timer);
    if (fault->on)
        end(fault);
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
    while (faults->list.len > 0) {
        struct fault *fault = faults->list.items[0];
        list_remove(&faults->list, fault);
        free_fault(fault);
    }
    list_done(&faults->list);
    return mem_free(faults);
}

static json_t *describe(const struct fault *fault)
{
    json_t *json = json_deep_copy(fault->spec);
    const char *state = fault->times > 0 ? "armed" : "over";
    json_put_str(json, "id", fault->id);
    json_put(json, "happened", json_integer(fault->happened));
    json_put_str(json, "state", fault->on ? "on" : state);
    return json;
}

/* Room for one more: the oldest that is over goes. */
static bool make_room(struct faults *faults)
{
    if (faults->list.len < FAULTS_MAX)
        return true;
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        if (fault->times == 0 && !fault->on) {
            list_remove(&faults->list, fault);
            free_fault(fault);
            return true;
        }
    }
    return false;
}

int faults_add(struct faults *faults, const json_t *spec, json_t **ret, struct err *err)
{
    const struct fault_kind *kind = fault_kind_find(json_str_at(spec, "name"));
    if (!kind)
        return err_set(err, ERR_INVALID, "name: there is no such fault; see GET /faults/kinds");
    if (!make_room(faults))
        return err_set(err, ERR_CAPACITY, "%d faults are armed; delete some", FAULTS_MAX);
    struct fault *fault = mem_alloc(sizeof(*fault));
    fault->faults = faults;
    fault->kind = kind;
    fault->spec = json_deep_copy(spec);
    int64_t times = json_int_at(spec, "times", 1);
    fault->times = times == 0 ? INT64_MAX : times;
    if (fault_read(fault, err) != 0) {
        free_fault(fault);
        return -1;
    }
    (void)str_format(fault->id, sizeof(fault->id), "fault-%llu",
                     (unsigned long long)++faults->ids.state);
    list_add(&faults->list, fault);
    double after = json_real_at(spec, "after", json_real_at(spec, "when.after", 0));
    if (after > 0)
        timer_start(&faults->site->timers, &fault->timer, (int64_t)(after * 1e6), on_due, fault);
    else
        on_due(fault);
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
            xo_calls_release(faults->site->xo, fault->id);
            free_fault(fault);
            return true;
        }
    }
    return false;
}
