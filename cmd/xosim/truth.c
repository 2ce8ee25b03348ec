/* xosim: ground truth as JSON. */
#include "base/json.h"
#include "xosim/control.h"
#include "xosim/xapi_guest.h"
#include "xosim/xapi_sr.h"

static json_t *vbds_of(const struct site *site, const struct xapi_vdi *vdi)
{
    json_t *array = json_array();
    for (size_t i = 0; vdi && i < vdi->vbds.len; i++) {
        struct xapi_vbd *vbd = vdi->vbds.items[i];
        json_add(array,
                 json_build("{s:s, s:s, s:s, s:o, s:s, s:b, s:b, s:b, s:I, s:b}", "uuid",
                            vbd->object.uuid, "vm", vbd->vm->object.uuid, "vmName",
                            vbd->vm->name_label, "device", json_text(vbd->device), "position",
                            vbd->position, "attached", vbd->attached, "readOnly", vbd->read_only,
                            "controlDomain", vbd->vm->control_domain, "unflushedBytes",
                            (json_int_t)xapi_guest_unflushed(site->xapi, vbd), "mounted",
                            vbd->use == XAPI_GUEST_MOUNTED));
    }
    return array;
}

json_t *truth_describe_disk(struct site *site, struct disk *disk)
{
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    const struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, disk->sr);
    if (!sr)
        sr = xapi_sr_forgotten(site->xapi, disk->sr);
    json_t *json =
        json_build("{s:s, s:o, s:s, s:s, s:I, s:b, s:b, s:s, s:s}", "uuid", disk->uuid, "name",
                   json_text(disk->name), "sr", disk->sr, "srName", sr ? sr->name_label : "",
                   "size", (json_int_t)disk->size, "exists", disk->exists, "complete",
                   disk->complete, "sha256", disk_hash(disk), "family", disk->family->uuid);
    json_put(json, "copiedFrom", disk->parent[0] ? json_text(disk->parent) : json_null());
    json_put(json, "staleBytes", json_integer((json_int_t)disk_stale_bytes(disk)));
    json_put(json, "onlyHereBytes", json_integer((json_int_t)disk_only_here_bytes(disk)));
    json_put(json, "description", json_text(vdi ? vdi->name_description : ""));
    json_put(json, "tags", vdi ? json_copy(vdi->tags) : json_array());
    json_put(json, "vbds", vbds_of(site, vdi));
    json_put(json, "forgotten", json_boolean(disk->forgotten));
    json_put(json, "lostBytes", json_integer((json_int_t)disk->lost_bytes));
    json_put(json, "lostBy", disk->losses ? json_deep_copy(disk->losses) : json_array());
    json_put(json, "snapshot", json_boolean(vdi && vdi->snapshot));
    json_put_str(json, "backup", disk->backup);
    json_put(json, "transient", json_boolean(vdi && vdi->held));
    return json;
}

static bool in_use(const struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->attached && !vbd->vm->control_domain && !vbd->vm->made_by)
            return true;
    }
    return false;
}

static json_t *describe_family(const struct site *site, const struct family *family)
{
    uint64_t stale_in_use = 0;
    json_t *disks = json_array();
    size_t existing = 0;
    for (size_t i = 0; i < family->disks.len; i++) {
        const struct disk *disk = family->disks.items[i];
        json_add(disks, json_text(disk->uuid));
        existing += disk->exists;
        const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
        if (vdi && in_use(vdi))
            stale_in_use += disk_stale_bytes(disk);
    }
    return json_build("{s:s, s:o, s:I, s:I, s:I}", "uuid", family->uuid, "disks", disks, "existing",
                      (json_int_t)existing, "lostBytes", (json_int_t)family_lost_bytes(family),
                      "staleInUseBytes", (json_int_t)stale_in_use);
}

static void describe_pool(const struct xapi_pool *pool, json_t *hosts, json_t *srs, json_t *vms)
{
    for (const struct xapi_object *object = pool->first; object; object = object->next) {
        const struct xapi_host *host = (const struct xapi_host *)object;
        const struct xapi_sr *sr = (const struct xapi_sr *)object;
        const struct xapi_vm *vm = (const struct xapi_vm *)object;
        if (object->class == XAPI_HOST)
            json_add(hosts, json_build("{s:s, s:s, s:i, s:i, s:i, s:i}", "uuid", object->uuid,
                                       "name", host->name_label, "liveMoves", (int)host->live_moves,
                                       "liveMovesMax", (int)pool->live_moves_max,
                                       "liveMovesReached", (int)host->live_moves_reached,
                                       "liveMovesRefused", (int)host->live_moves_refused));
        else if (object->class == XAPI_SR)
            json_add(srs, json_build("{s:s, s:s, s:i, s:i}", "uuid", object->uuid, "name",
                                     sr->name_label, "copies", (int)sr->disk_copies,
                                     "copiesReached", (int)sr->disk_copies_reached));
        else if (object->class == XAPI_VM && xapi_vm_is_guest(vm))
            json_add(vms, json_build("{s:s, s:s, s:s, s:I, s:I, s:I}", "uuid", object->uuid, "name",
                                     vm->name_label, "host", vm->host->object.uuid, "writeRate",
                                     (json_int_t)vm->write_rate, "writes", (json_int_t)vm->writes,
                                     "writtenBytes", (json_int_t)vm->written));
    }
}

json_t *truth_describe(struct site *site)
{
    struct disks *disks = &site->xapi->disks;
    json_t *all = json_array();
    json_t *families = json_array();
    for (size_t i = 0; i < disks->all.len; i++) {
        struct disk *disk = disks->all.items[i];
        json_add(all, truth_describe_disk(site, disk));
        if (disk->family->disks.items[0] == disk)
            json_add(families, describe_family(site, disk->family));
    }
    json_t *hosts = json_array();
    json_t *srs = json_array();
    json_t *vms = json_array();
    for (size_t i = 0; i < site->xapi->pools.len; i++)
        describe_pool(site->xapi->pools.items[i], hosts, srs, vms);
    return json_build("{s:o, s:o, s:o, s:o, s:o}", "disks", all, "families", families, "hosts",
                      hosts, "srs", srs, "vms", vms);
}
