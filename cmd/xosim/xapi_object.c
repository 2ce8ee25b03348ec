/* xosim, lower layer: the table of objects and who is told of their changes. */
#include "xosim/xapi_object.h"
#include "xosim/xapi_effects.h"
#include "xosim/xapi_guest.h"
#include "xosim/xapi_space.h"
#include "xosim/xapi_sr.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <stdarg.h>

struct xapi *xapi_new(struct timers *timers, struct ids *ids)
{
    struct xapi *xapi = mem_alloc(sizeof(*xapi));
    xapi->timers = timers;
    xapi->ids = ids;
    xapi->tick_ms = XAPI_COPY_TICK_MS;
    return xapi;
}

static void free_vdi(struct xapi_vdi *vdi)
{
    mem_free(vdi->name_label);
    mem_free(vdi->name_description);
    json_decref(vdi->tags);
    json_decref(vdi->other_config);
    json_decref(vdi->current_operations);
    list_done(&vdi->vbds);
    list_done(&vdi->snapshots);
}

static void free_sr(struct xapi_sr *sr)
{
    mem_free(sr->name_label);
    mem_free(sr->type);
    json_decref(sr->tags);
    json_decref(sr->current_operations);
    list_done(&sr->vdis);
    list_done(&sr->pbds);
}

static void free_vm(struct xapi_vm *vm)
{
    mem_free(vm->name_label);
    mem_free(vm->address);
    if (vm->xapi)
        timer_stop(vm->xapi->timers, &vm->writer);
    if (vm->xapi)
        timer_stop(vm->xapi->timers, &vm->life);
    json_decref(vm->tags);
    json_decref(vm->other_config);
    json_decref(vm->blocked_operations);
    json_decref(vm->current_operations);
    list_done(&vm->vbds);
    list_done(&vm->vifs);
    list_done(&vm->snapshots);
}

static void free_host(struct xapi_host *host)
{
    mem_free(host->name_label);
    mem_free(host->address);
    json_decref(host->current_operations);
    list_done(&host->pbds);
    list_done(&host->residents);
    list_done(&host->pifs);
}

static void free_pool(struct xapi_pool *pool)
{
    mem_free(pool->name_label);
    json_decref(pool->other_config);
}

static void free_task(struct xapi_task *task)
{
    timer_stop(task->xapi->timers, &task->forget);
    mem_free(task->name_label);
    mem_free(task->result);
    json_decref(task->error_info);
}

static void free_vbd(struct xapi_vbd *vbd)
{
    xapi_guest_flush(vbd);
    list_done(&vbd->unflushed);
    mem_free(vbd->device);
    mem_free(vbd->position);
}

struct xapi_object *xapi_object_free(struct xapi_object *object)
{
    switch (object->class) {
    case XAPI_POOL:
        free_pool((struct xapi_pool *)object);
        break;
    case XAPI_HOST:
        free_host((struct xapi_host *)object);
        break;
    case XAPI_SR:
        free_sr((struct xapi_sr *)object);
        break;
    case XAPI_VDI:
        free_vdi((struct xapi_vdi *)object);
        break;
    case XAPI_VBD:
        free_vbd((struct xapi_vbd *)object);
        break;
    case XAPI_VM:
        free_vm((struct xapi_vm *)object);
        break;
    case XAPI_TASK:
        free_task((struct xapi_task *)object);
        break;
    case XAPI_FIXED:
        json_decref(((struct xapi_fixed *)object)->body);
        break;
    case XAPI_PBD:
        break;
    }
    return mem_free(object);
}

struct xapi *xapi_free(struct xapi *xapi)
{
    if (!xapi)
        return NULL;
    for (size_t i = 0; i < XAPI_LISTENERS; i++)
        xapi->listeners[i] = (struct xapi_listener){0};
    while (xapi->operations)
        xapi_operation_drop(xapi->operations);
    timer_stop(xapi->timers, &xapi->heartbeat);
    void *object = NULL;
    for (size_t i = 0; map_next(&xapi->objects, &i, NULL, &object);)
        xapi_object_free(object);
    xapi_sr_done(xapi);
    map_done(&xapi->objects);
    map_done(&xapi->by_ref);
    list_done(&xapi->pools);
    disks_done(&xapi->disks);
    xapi_effects_done(xapi);
    return mem_free(xapi);
}

static void unlink_object(struct xapi_object *object)
{
    struct xapi_pool *pool = object->pool;
    if (object->previous)
        object->previous->next = object->next;
    else
        pool->first = object->next;
    if (object->next)
        object->next->previous = object->previous;
    else
        pool->last = object->previous;
}

static void link_object(struct xapi_object *object)
{
    struct xapi_pool *pool = object->pool;
    object->next = NULL;
    object->previous = pool->last;
    if (pool->last)
        pool->last->next = object;
    else
        pool->first = object;
    pool->last = object;
}

void xapi_add(struct xapi *xapi, struct xapi_object *object, enum xapi_class class,
              struct xapi_pool *pool, const char *uuid)
{
    object->class = class;
    object->pool = class == XAPI_POOL ? (struct xapi_pool *)object : pool;
    if (uuid)
        str_copy(object->uuid, sizeof(object->uuid), uuid);
    else
        ids_uuid(xapi->ids, object->uuid);
    ids_ref(xapi->ids, object->ref);
    assert(!map_has(&xapi->objects, object->uuid));
    map_put(&xapi->objects, object->uuid, object);
    map_put(&xapi->by_ref, object->ref, object);
    if (class == XAPI_POOL)
        list_add(&xapi->pools, object);
    link_object(object);
}

void xapi_set_ref(struct xapi *xapi, struct xapi_object *object, const char *ref)
{
    if (!ref)
        return;
    map_remove(&xapi->by_ref, object->ref);
    str_copy(object->ref, sizeof(object->ref), ref);
    map_put(&xapi->by_ref, object->ref, object);
}

void xapi_touch(struct xapi *xapi, struct xapi_object *object)
{
    if (object->class == XAPI_TASK && ((const struct xapi_task *)object)->forgotten)
        return; /* nobody can see it */
    for (size_t i = 0; i < XAPI_LISTENERS; i++) {
        const struct xapi_listener *listener = &xapi->listeners[i];
        if (listener->changed)
            listener->changed(listener->userdata, object);
    }
}

void xapi_touch_disk(struct xapi *xapi, struct disk *disk)
{
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, disk->uuid);
    if (vdi && vdi->sr->thin && !vdi->snapshot) /* a snapshot's bytes never change */
        xapi_space_settle(vdi);
    for (size_t i = 0; i < XAPI_LISTENERS; i++) {
        const struct xapi_listener *listener = &xapi->listeners[i];
        if (listener->disk_changed)
            listener->disk_changed(listener->userdata, disk);
    }
}

static void tell_removed(struct xapi *xapi, struct xapi_object *object)
{
    for (size_t i = 0; i < XAPI_LISTENERS; i++) {
        const struct xapi_listener *listener = &xapi->listeners[i];
        if (listener->removed)
            listener->removed(listener->userdata, object);
    }
}

void xapi_move_to_pool(struct xapi *xapi, struct xapi_object *object, struct xapi_pool *pool)
{
    char ref[REF_SIZE];
    ids_ref(xapi->ids, ref);
    tell_removed(xapi, object);
    unlink_object(object);
    object->pool = pool;
    link_object(object);
    xapi_set_ref(xapi, object, ref);
    xapi_touch(xapi, object);
}

static void take_out(struct xapi *xapi, struct xapi_object *object)
{
    tell_removed(xapi, object);
    unlink_object(object);
    map_remove(&xapi->by_ref, object->ref);
    map_remove(&xapi->objects, object->uuid);
}

void xapi_remove(struct xapi *xapi, struct xapi_object *object)
{
    if (object->class != XAPI_TASK || !((struct xapi_task *)object)->forgotten)
        take_out(xapi, object);
    xapi_object_free(object);
}

void xapi_shelve(struct xapi *xapi, struct xapi_object *object)
{
    take_out(xapi, object);
}

void xapi_unshelve(struct xapi *xapi, struct xapi_object *object)
{
    ids_ref(xapi->ids, object->ref);
    map_put(&xapi->objects, object->uuid, object);
    map_put(&xapi->by_ref, object->ref, object);
    link_object(object);
    xapi_touch(xapi, object);
}

void xapi_task_forget(struct xapi *xapi, struct xapi_task *task)
{
    const struct xapi_operation *operation = xapi->operations;
    while (operation && operation->task != task)
        operation = operation->next;
    if (!operation) { /* nobody else knows it, as of a transfer over HTTP */
        xapi_remove(xapi, &task->object);
        return;
    }
    timer_stop(xapi->timers, &task->forget);
    take_out(xapi, &task->object);
    task->forgotten = true;
}

static void *of_class(struct xapi_object *object, enum xapi_class class)
{
    return object && object->class == class ? object : NULL;
}

void *xapi_find(const struct xapi *xapi, enum xapi_class class, const char *uuid)
{
    return of_class(map_get(&xapi->objects, uuid), class);
}

void *xapi_find_ref(const struct xapi *xapi, enum xapi_class class, const char *ref)
{
    return of_class(map_get(&xapi->by_ref, ref), class);
}

static const char *name_of(const struct xapi_object *object)
{
    switch (object->class) {
    case XAPI_POOL:
        return ((const struct xapi_pool *)object)->name_label;
    case XAPI_HOST:
        return ((const struct xapi_host *)object)->name_label;
    case XAPI_SR:
        return ((const struct xapi_sr *)object)->name_label;
    case XAPI_VM:
        return ((const struct xapi_vm *)object)->name_label;
    case XAPI_VDI:
        return ((const struct xapi_vdi *)object)->name_label;
    case XAPI_PBD:
    case XAPI_VBD:
    case XAPI_TASK:
    case XAPI_FIXED:
        return NULL;
    }
    return NULL;
}

void *xapi_find_named(const struct xapi *xapi, enum xapi_class class, const char *name)
{
    void *found = name ? xapi_find(xapi, class, name) : NULL;
    for (size_t i = 0; name && !found && i < xapi->pools.len; i++) {
        struct xapi_object *object = ((const struct xapi_pool *)xapi->pools.items[i])->first;
        while (object && !(object->class == class && str_equal(name_of(object), name)))
            object = object->next;
        found = object;
    }
    return found;
}

const char *xapi_access_target(const struct xapi *xapi, const char *name)
{
    static const enum xapi_class classes[] = {XAPI_POOL, XAPI_HOST, XAPI_SR, XAPI_VM};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        const struct xapi_object *object = xapi_find_named(xapi, classes[i], name);
        if (object)
            return object->uuid;
    }
    return NULL;
}

void xapi_drop_text(json_t *array, const char *text)
{
    for (size_t i = json_array_size(array); i-- > 0;) {
        if (str_equal(json_string_value(json_array_get(array, i)), text))
            json_array_remove(array, i);
    }
}

json_t *xapi_error(const char *code, ...)
{
    json_t *error_info = json_array();
    va_list arguments;
    va_start(arguments, code);
    for (const char *text = code; text; text = va_arg(arguments, const char *))
        json_add(error_info, json_text(text));
    va_end(arguments);
    return error_info;
}

bool xapi_host_sees(const struct xapi_host *host, const struct xapi_sr *sr)
{
    for (size_t i = 0; i < host->pbds.len; i++) {
        const struct xapi_pbd *pbd = host->pbds.items[i];
        if (pbd->sr == sr && !pbd->unplugged)
            return true;
    }
    return false;
}

uint64_t xapi_sr_free(const struct xapi_sr *sr)
{
    uint64_t used = sr->physical_base + sr->allocated;
    return used < sr->size ? sr->size - used : 0;
}
