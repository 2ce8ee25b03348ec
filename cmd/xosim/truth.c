/* xosim: ground truth as JSON. */
#include "base/json.h"
#include "xosim/control.h"

static json_t *vbds_of(const struct xapi_vdi *vdi)
{
    json_t *array = json_array();
    for (size_t i = 0; vdi && i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        json_add(array, json_build("{s:s, s:s, s:s, s:o, s:s, s:b, s:b, s:b}", "uuid",
                                   vbd->object.uuid, "vm", vbd->vm->object.uuid, "vmName",
                                   vbd->vm->name_label, "device", json_text(vbd->device),
                                   "position", vbd->position, "attached", vbd->attached, "readOnly",
                                   vbd->read_only, "controlDomain", vbd->vm->control_domain));
    }
    return array;
}

json_t *truth_describe_disk(struct site *site, struct disk *disk)
{
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    const struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, disk->sr);
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
    json_put(json, "vbds", vbds_of(vdi));
    return json;
}

static json_t *describe_family(const struct family *family)
{
    json_t *disks = json_array();
    size_t existing = 0;
    for (size_t i = 0; i < family->disks.len; i++) {
        const struct disk *disk = family->disks.items[i];
        json_add(disks, json_text(disk->uuid));
        existing += disk->exists;
    }
    return json_build("{s:s, s:o, s:I, s:I}", "uuid", family->uuid, "disks", disks, "existing",
                      (json_int_t)existing, "lostBytes", (json_int_t)family_lost_bytes(family));
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
            json_add(families, describe_family(disk->family));
    }
    return json_build("{s:o, s:o}", "disks", all, "families", families);
}
