/* xosim, lower layer: SRs that are forgotten and introduced again; hosts that leave their pool. */
#include "xosim/xapi_sr.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_effects.h"
#include "xosim/xapi_guest.h"
#include "xosim/xapi_object.h"

#include <assert.h>

/* --- forgetting --- */

/* Somebody, dom0 included, works with the disk. */
static bool busy(const struct xapi_vdi *vdi)
{
    bool plugged = false;
    for (size_t i = 0; i < vdi->vbds.len && !plugged; i++)
        plugged = ((const struct xapi_vbd *)vdi->vbds.items[i])->attached;
    return plugged || vdi->held || json_object_size(vdi->current_operations) > 0;
}

json_t *xapi_sr_forget_refused(const struct xapi_sr *sr)
{
    for (size_t i = 0; i < sr->vdis.len; i++) {
        const struct xapi_vdi *vdi = sr->vdis.items[i];
        if (busy(vdi))
            return xapi_error("VDI_IN_USE", vdi->object.ref, NULL);
    }
    if (sr->copies > 0 || json_object_size(sr->current_operations) > 0)
        return xapi_error("OTHER_OPERATION_IN_PROGRESS", "SR", sr->object.ref, NULL);
    return NULL;
}

static void remove_pbd(struct xapi *xapi, struct xapi_pbd *pbd)
{
    (void)list_remove(&pbd->sr->pbds, pbd);   /* every PBD is in both … */
    (void)list_remove(&pbd->host->pbds, pbd); /* … lists */
    xapi_touch(xapi, &pbd->host->object);
    xapi_remove(xapi, &pbd->object);
}

static void remove_pbds(struct xapi *xapi, const struct xapi_sr *sr)
{
    while (sr->pbds.len > 0)
        remove_pbd(xapi, sr->pbds.items[0]);
}

static void leave_pool(struct xapi *xapi, const struct xapi_sr *sr)
{
    struct xapi_pool *pool = sr->object.pool;
    if (pool->default_sr != sr)
        return;
    pool->default_sr = NULL;
    xapi_touch(xapi, &pool->object);
}

void xapi_sr_forget(struct xapi *xapi, struct xapi_sr *sr)
{
    assert(sr);
    sr->forgotten = true;
    xapi_shelve(xapi,
                &sr->object); /* first: whoever keeps a journal needs what it was like before */
    leave_pool(xapi, sr);
    remove_pbds(xapi, sr);
    for (size_t i = 0; i < sr->vdis.len; i++) {
        struct xapi_vdi *vdi = sr->vdis.items[i];
        while (vdi->vbds.len > 0)
            xapi_vbd_remove(xapi, vdi->vbds.items[0]);
        vdi->disk->exists = false;
        vdi->disk->forgotten = true;
        xapi_shelve(xapi, &vdi->object);
    }
    list_add(&xapi->forgotten, sr);
}

struct xapi_sr *xapi_sr_forgotten(const struct xapi *xapi, const char *name)
{
    for (size_t i = 0; i < xapi->forgotten.len; i++) {
        struct xapi_sr *sr = xapi->forgotten.items[i];
        if (str_equal(sr->object.uuid, name) || str_equal(sr->name_label, name))
            return sr;
    }
    return NULL;
}

struct xapi_vdi *xapi_vdi_forgotten(const struct xapi *xapi, const char *uuid)
{
    for (size_t i = 0; i < xapi->forgotten.len; i++) {
        const struct xapi_sr *sr = xapi->forgotten.items[i];
        for (size_t k = 0; k < sr->vdis.len; k++) {
            struct xapi_vdi *vdi = sr->vdis.items[k];
            if (str_equal(vdi->object.uuid, uuid))
                return vdi;
        }
    }
    return NULL;
}

/* --- introducing --- */

static void plug(struct xapi *xapi, struct xapi_sr *sr, struct xapi_host *host)
{
    struct xapi_pbd *pbd = mem_alloc(sizeof(*pbd));
    pbd->host = host;
    pbd->sr = sr;
    xapi_add(xapi, &pbd->object, XAPI_PBD, sr->object.pool, NULL);
    list_add(&sr->pbds, pbd);
    list_add(&host->pbds, pbd);
    xapi_touch(xapi, &pbd->object);
    xapi_touch(xapi, &host->object);
}

static void plug_everywhere(struct xapi *xapi, struct xapi_sr *sr)
{
    if (sr->host) {
        plug(xapi, sr, sr->host);
        return;
    }
    const struct xapi_object *last = sr->object.pool->last; /* new PBDs come behind it */
    for (struct xapi_object *object = sr->object.pool->first;; object = object->next) {
        if (object->class == XAPI_HOST)
            plug(xapi, sr, (struct xapi_host *)object);
        if (object == last)
            return;
    }
}

/* What XAPI finds on the SR when it scans it. */
static void find(struct xapi *xapi, const struct xapi_sr *sr, struct xapi_vdi *vdi)
{
    vdi->disk->exists = true;
    vdi->disk->forgotten = false;
    json_array_clear(vdi->tags);
    json_object_clear(vdi->other_config);
    if (!str_starts_with(sr->type, "lvm")) {
        mem_replace_str(&vdi->name_label, "");
        mem_replace_str(&vdi->name_description, "");
    }
    xapi_unshelve(xapi, &vdi->object);
    xapi_touch_disk(xapi, vdi->disk);
}

void xapi_sr_introduce(struct xapi *xapi, struct xapi_sr *sr)
{
    (void)list_remove(&xapi->forgotten, sr); /* it is there: it was found by it */
    sr->forgotten = false;
    xapi_unshelve(xapi, &sr->object);
    plug_everywhere(xapi, sr);
    for (size_t i = 0; i < sr->vdis.len; i++)
        find(xapi, sr, sr->vdis.items[i]);
    xapi_touch(xapi, &sr->object);
}

void xapi_sr_done(struct xapi *xapi)
{
    for (size_t i = 0; i < xapi->forgotten.len; i++) {
        struct xapi_sr *sr = xapi->forgotten.items[i];
        for (size_t k = 0; k < sr->vdis.len; k++)
            xapi_object_free(sr->vdis.items[k]);
        xapi_object_free(&sr->object);
    }
    list_done(&xapi->forgotten);
}

/* --- hosts --- */

json_t *xapi_host_eject_refused(const struct xapi_host *host)
{
    if (host->object.pool->master == host)
        return xapi_error("HOST_IS_MASTER", host->object.ref, NULL);
    if (host->off)
        return xapi_error("HOST_OFFLINE", host->object.ref, NULL);
    if (host->residents.len > 1) /* its control domain is always there */
        return xapi_error("HOST_HAS_RESIDENT_VMS", host->object.ref, NULL);
    if (host->live_moves > 0 || json_object_size(host->current_operations) > 0)
        return xapi_error("HOST_IN_USE", host->object.ref, NULL);
    for (size_t i = 0; i < host->pbds.len; i++) {
        const struct xapi_pbd *pbd = host->pbds.items[i];
        json_t *error_info = pbd->sr->host == host ? xapi_sr_forget_refused(pbd->sr) : NULL;
        if (error_info)
            return error_info;
    }
    return NULL;
}

static void remove_sr(struct xapi *xapi, struct xapi_sr *sr)
{
    leave_pool(xapi, sr);
    while (sr->vdis.len > 0)
        xapi_vdi_remove(xapi, sr->vdis.items[0]);
    remove_pbds(xapi, sr);
    xapi_remove(xapi, &sr->object);
}

/* VMs that would come up on it belong to the master now. */
static void rehome_vms(struct xapi *xapi, const struct xapi_host *host)
{
    assert(host);
    for (struct xapi_object *object = host->object.pool->first; object; object = object->next) {
        struct xapi_vm *vm = (struct xapi_vm *)object;
        if (object->class != XAPI_VM || vm->host != host || vm->control_domain)
            continue;
        vm->host = host->object.pool->master;
        xapi_touch(xapi, object);
    }
}

static void remove_pif(struct xapi *xapi, struct xapi_fixed *pif)
{
    struct xapi_fixed *network = xapi_find(xapi, XAPI_FIXED, json_str_at(pif->body, "$network"));
    if (network) {
        xapi_drop_text(json_object_get(network->body, "PIFs"), pif->object.uuid);
        xapi_touch(xapi, &network->object);
    }
    xapi_remove(xapi, &pif->object);
}

/* A local SR that was forgotten before its host goes: it is wiped with the others. */
static void wipe_forgotten(struct xapi *xapi, const struct xapi_host *host)
{
    for (size_t i = xapi->forgotten.len; i-- > 0;) {
        struct xapi_sr *sr = xapi->forgotten.items[i];
        if (sr->host != host)
            continue;
        for (size_t k = 0; k < sr->vdis.len; k++) {
            struct xapi_vdi *vdi = sr->vdis.items[k];
            vdi->disk->forgotten = false;
            xapi_touch_disk(xapi, vdi->disk);
            xapi_object_free(&vdi->object);
        }
        (void)list_remove(&xapi->forgotten, sr); /* it is there */
        xapi_object_free(&sr->object);
    }
}

void xapi_host_remove(struct xapi *xapi, struct xapi_host *host)
{
    rehome_vms(xapi, host);
    wipe_forgotten(xapi, host);
    while (host->pbds.len > 0) {
        struct xapi_pbd *pbd = host->pbds.items[0];
        struct xapi_sr *sr = pbd->sr;
        if (sr->host == host) {
            remove_sr(xapi, sr);
            continue;
        }
        remove_pbd(xapi, pbd);
        xapi_touch(xapi, &sr->object);
    }
    for (size_t i = 0; i < host->pifs.len; i++)
        remove_pif(xapi, host->pifs.items[i]);
    xapi_remove(xapi, &host->control_domain->object);
    xapi_remove(xapi, &host->object);
}

/* --- calls --- */

static void run_forget(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_sr *sr = xapi_find(xapi, XAPI_SR, operation->arguments.object);
    json_t *error_info = sr ? xapi_sr_forget_refused(sr) : xapi_error("HANDLE_INVALID", "SR", NULL);
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    xapi_sr_forget(xapi, sr);
    xapi_operation_succeed(operation, NULL, NULL);
}

static void run_eject(struct xapi_operation *operation)
{
    struct xapi *xapi = operation->xapi;
    struct xapi_host *host = xapi_find(xapi, XAPI_HOST, operation->arguments.object);
    json_t *error_info =
        host ? xapi_host_eject_refused(host) : xapi_error("HANDLE_INVALID", "host", NULL);
    if (error_info) {
        xapi_operation_fail(operation, error_info);
        return;
    }
    xapi_host_remove(xapi, host);
    xapi_operation_succeed(operation, NULL, NULL);
}

static void start(struct xapi *xapi, const char *call, const struct xapi_object *object,
                  struct xapi_reply *reply, void (*run)(struct xapi_operation *))
{
    struct xapi_operation *operation = mem_alloc(sizeof(*operation));
    str_copy(operation->arguments.object, UUID_SIZE, object->uuid);
    operation->reply = reply;
    xapi_effect(xapi, call, object, NULL, NULL);
    xapi_operation_start(operation, xapi, object->pool, XAPI_CALL_MS, run);
}

void xapi_sr_forget_start(struct xapi *xapi, struct xapi_sr *sr, struct xapi_reply *reply)
{
    start(xapi, "SR.forget", &sr->object, reply, run_forget);
}

void xapi_host_eject(struct xapi *xapi, struct xapi_host *host, struct xapi_reply *reply)
{
    start(xapi, "pool.eject", &host->object, reply, run_eject);
}
