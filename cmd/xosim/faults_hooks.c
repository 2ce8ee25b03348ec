/*
 * xosim: where the two layers ask whether a fault is met: points of a copy, moments of a call, and
 * what XAPI refuses.
 *
 * A fault that happens in the middle of a copy's step or of a call's moment happens right after it
 * where it would take away what is being worked on: from a timer that is due at once. Before a call
 * and before a reply it happens on the spot, so that a restart then takes the call with it.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/faults_internal.h"
#include "xosim/site.h"

#include <fnmatch.h>

bool fault_names_disk(const struct fault *fault, const struct xapi_vdi *vdi)
{
    const char *match = fault_text(fault, "match");
    return !match || fnmatch(match, vdi->name_label, 0) == 0;
}

static bool ready(const struct fault *fault)
{
    return fault->due && fault->times > 0;
}

/* --- copies --- */

static bool is_mirror(const struct xapi_copy *copy)
{
    return !str_equal(xapi_copy_task(copy)->name_label, "Async.VDI.copy");
}

static bool waits_for_copy(const struct fault *fault, const struct xapi_copy *copy)
{
    switch (fault->event) {
    case FAULT_ANY_COPY:
        return true;
    case FAULT_COPY:
        return !is_mirror(copy);
    case FAULT_MIRROR:
        return is_mirror(copy);
    case FAULT_NOW:
    case FAULT_TIME:
    case FAULT_SWITCHED:
    case FAULT_SOURCE_GONE:
    case FAULT_BEFORE_CALL:
    case FAULT_AFTER_XAPI:
    case FAULT_BEFORE_REPLY:
        return false;
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
        if (!ready(fault) || !waits_for_copy(fault, copy) || fault->at <= from || fault->at > to ||
            (fault->match && fnmatch(fault->match, name, 0) != 0))
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

static enum xapi_verdict copy_reached(void *userdata, const struct xapi_copy *copy, double at,
                                      json_t **ret_error)
{
    struct faults *faults = userdata;
    struct fault *fault = next_for(faults, copy, at - 1e-12, at);
    if (!fault)
        return XAPI_GO_ON;
    if (!fault->kind->standing) {
        str_copy(fault->pool, sizeof(fault->pool),
                 xapi_copy_source(copy)->object.pool->object.uuid);
        str_copy(fault->task, sizeof(fault->task), xapi_copy_task(copy)->object.uuid);
        fault_meet(fault, true);
        return XAPI_GO_ON;
    }
    fault_note(fault);
    if (fault->kind->fields & FAULT_ERROR) {
        *ret_error = fault_error(fault);
        return XAPI_FAIL;
    }
    list_add(&fault->stalled, mem_strdup(xapi_copy_task(copy)->object.uuid));
    return XAPI_STALL;
}

static void motion_moment(void *userdata, const struct xapi_copy *copy, enum xapi_moment moment)
{
    struct faults *faults = userdata;
    const struct xapi_vdi *target = xapi_copy_target(copy);
    enum fault_event event = moment == XAPI_MOTION_SWITCHED ? FAULT_SWITCHED : FAULT_SOURCE_GONE;
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        if (!ready(fault) || fault->event != event ||
            (fault->match && fnmatch(fault->match, target->name_label, 0) != 0))
            continue;
        str_copy(fault->pool, sizeof(fault->pool), xapi_copy_task(copy)->object.pool->object.uuid);
        str_copy(fault->task, sizeof(fault->task), xapi_copy_task(copy)->object.uuid);
        fault_meet(fault, true);
    }
}

/* --- what XAPI refuses --- */

/* The standing fault of a kind that fits the object (uuid and name), or NULL. It counts as met. */
static struct fault *standing(const struct faults *faults, const char *kind, const char *field,
                              const char *uuid, const char *name)
{
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        const char *wanted = fault_text(fault, field);
        if (!ready(fault) || !str_equal(fault->kind->name, kind) ||
            (wanted && !str_equal(wanted, uuid) && !str_equal(wanted, name)))
            continue;
        fault_note(fault);
        return fault;
    }
    return NULL;
}

/* The same of a kind that names disks. */
static struct fault *standing_for_disk(const struct faults *faults, const char *kind,
                                       const struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        if (!ready(fault) || !str_equal(fault->kind->name, kind) || !fault_names_disk(fault, vdi))
            continue;
        fault_note(fault);
        return fault;
    }
    return NULL;
}

static json_t *sr_refuses(void *userdata, const struct xapi_sr *sr)
{
    const struct fault *fault =
        standing(userdata, "sr-full", "sr", sr->object.uuid, sr->name_label);
    return fault ? fault_error(fault) : NULL;
}

static json_t *plug_refuses(void *userdata, const struct xapi_vbd *vbd)
{
    const struct fault *fault =
        standing(userdata, "plug-fails", "vm", vbd->vm->object.uuid, vbd->vm->name_label);
    return fault ? fault_error(fault) : NULL;
}

static const struct {
    const char *name;
    enum xapi_vbd_moment moment;
    enum xapi_vbd_lie lie;
} lies[] = {
    {"attached", XAPI_VBD_PLUGGED, XAPI_VBD_HIDES_ATTACHED},
    {"device", XAPI_VBD_PLUGGED, XAPI_VBD_HIDES_DEVICE},
    {"half-plugged", XAPI_VBD_PLUGGED, XAPI_VBD_IS_HALF_PLUGGED},
    {"already-attached", XAPI_VBD_TO_PLUG, XAPI_VBD_SAYS_ALREADY},
    {"already-detached", XAPI_VBD_TO_UNPLUG, XAPI_VBD_SAYS_ALREADY},
};

bool fault_lie_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        if (str_equal(lies[i].name, name))
            return true;
    }
    return false;
}

static enum xapi_vbd_lie vbd_lies(void *userdata, const struct xapi_vbd *vbd,
                                  enum xapi_vbd_moment moment)
{
    const struct faults *faults = userdata;
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        const char *kind = fault_text(fault, "kind");
        const char *vm = fault_text(fault, "vm");
        if (!ready(fault) || !(fault->kind->fields & FAULT_LIE) ||
            (vm && !str_equal(vm, vbd->vm->object.uuid) && !str_equal(vm, vbd->vm->name_label)) ||
            !fault_names_disk(fault, vbd->vdi))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(lies); k++) {
            if (lies[k].moment != moment || !str_equal(lies[k].name, kind))
                continue;
            fault_note(fault);
            return lies[k].lie;
        }
    }
    return XAPI_VBD_HONEST;
}

static bool dom0_keeps(void *userdata, const struct xapi_vdi *vdi, bool *ret_read_only)
{
    const struct fault *fault = standing_for_disk(userdata, "copy-leaves-vbd", vdi);
    *ret_read_only = fault && json_bool_at(fault->spec, "readOnly", false);
    return fault != NULL;
}

static bool position_taken(void *userdata, const struct xapi_vm *vm)
{
    return standing(userdata, "attach-race", "vm", vm->object.uuid, vm->name_label) != NULL;
}

/* --- calls --- */

static bool is_event(const struct fault *fault, enum xo_moment moment)
{
    switch (moment) {
    case XO_BEFORE_CALL:
        return fault->event == FAULT_BEFORE_CALL;
    case XO_AFTER_XAPI:
        return fault->event == FAULT_AFTER_XAPI;
    case XO_BEFORE_REPLY:
        return fault->event == FAULT_BEFORE_REPLY;
    }
    return false;
}

/* Whether a parameter of the call, or the name of the object that it names, fits. */
static bool fits(const struct fault *fault, const json_t *params)
{
    const struct xo *xo = fault->faults->site->xo;
    const char *key = NULL;
    json_t *value = NULL;
    if (!fault->match)
        return true;
    json_object_foreach((json_t *)(uintptr_t)params, key, value) {
        const char *text = json_string_value(value);
        const char *name = text ? json_str_at(xo_object(xo, text), "name_label") : NULL;
        if ((text && fnmatch(fault->match, text, 0) == 0) ||
            (name && fnmatch(fault->match, name, 0) == 0))
            return true;
    }
    return false;
}

static enum xo_verdict on_call(void *userdata, const struct xo_event *event, json_t **ret_error)
{
    struct faults *faults = userdata;
    enum xo_verdict verdict = XO_GO_ON;
    for (size_t i = 0; i < faults->list.len; i++) {
        struct fault *fault = faults->list.items[i];
        if (!ready(fault) || !is_event(fault, event->moment) ||
            (fault->method && !str_equal(fault->method, event->method)) ||
            (fault->operation && !str_equal(fault->operation, event->operation)) ||
            !fits(fault, event->params) || ++fault->met < fault->nth)
            continue;
        if (!fault->kind->standing) {
            fault_meet(fault, event->moment == XO_AFTER_XAPI);
            continue;
        }
        fault_note(fault);
        if (verdict != XO_GO_ON) /* another one was first */
            continue;
        verdict = fault->kind->verdict;
        if (verdict == XO_FAIL)
            *ret_error = fault_error(fault);
        if (verdict == XO_HOLD && event->held_by)
            str_copy(event->held_by, UUID_SIZE, fault->id);
    }
    return verdict;
}

void faults_hook(struct faults *faults)
{
    struct site *site = faults->site;
    site->xapi->hooks = (struct xapi_hooks){.userdata = faults,
                                            .copy_stop = copy_stop,
                                            .copy_reached = copy_reached,
                                            .motion_moment = motion_moment,
                                            .sr_refuses = sr_refuses,
                                            .plug_refuses = plug_refuses,
                                            .vbd_lies = vbd_lies,
                                            .dom0_keeps = dom0_keeps,
                                            .position_taken = position_taken};
    site->xo->call_hooks = (struct xo_call_hooks){.userdata = faults, .on_call = on_call};
}
