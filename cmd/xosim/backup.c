/* xosim: what backups make: reads what is asked for, checks all of it, then has XAPI make it. */
#include "xosim/backup.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_backup.h"
#include "xosim/xo.h"

/* What a database writes between a nightly snapshot and its first replica, at the least. */
#define CHANGED_DEFAULT ((int64_t)1 << 20)

enum { LIFE_SECONDS = 300 /* how long a VM runs before its health check is content */ };

static int complain(struct err *err, const char *field, const char *found, const char *write)
{
    return err_set(err, ERR_INVALID, "%s: found \"%.80s\"; %s", field, found ? found : "", write);
}

/* The field must be known: nothing is guessed. */
static int check_fields(const json_t *spec, struct err *err)
{
    static const char *const fields[] = {"kind", "vm",  "sr",      "host",         "disk",
                                         "name", "job", "seconds", "changedBytes", "orphan"};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)spec, key, value) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
            known = known || str_equal(fields[i], key);
        if (!known)
            return complain(err, "(field)", key, "see docs/xosim.md for those that there are");
    }
    if (json_int_at(spec, "changedBytes", 0) < 0 || json_real_at(spec, "seconds", 0) < 0)
        return err_set(err, ERR_INVALID, "changedBytes, seconds: write numbers of 0 or more");
    return 0;
}

/* The host of the new VM: the one that was named, or the first that sees the SR. */
static struct xapi_host *host_for(const struct site *site, const json_t *spec,
                                  const struct xapi_sr *sr, struct err *err)
{
    const char *name = json_str_at(spec, "host");
    struct xapi_host *host = NULL;
    if (name)
        host = site_find(site, XAPI_HOST, name);
    else if (sr->pbds.len > 0)
        host = ((const struct xapi_pbd *)sr->pbds.items[0])->host;
    if (host && xapi_host_sees(host, sr))
        return host;
    complain(err, "host", name, "write the name or UUID of a host that sees the SR");
    return NULL;
}

/* What is copied: the disk that is named, or all of the VM. */
static int disks_of(const struct site *site, const json_t *spec, const struct xapi_vm *vm,
                    struct list *disks, struct err *err)
{
    const char *name = json_str_at(spec, "disk");
    struct xapi_vdi *only = name ? site_find(site, XAPI_VDI, name) : NULL;
    if (name && !only)
        return complain(err, "disk", name, "write the name or UUID of a disk, or leave it out");
    if (only)
        list_add(disks, only);
    for (size_t i = 0; !only && i < vm->vbds.len; i++)
        list_add(disks, ((const struct xapi_vbd *)vm->vbds.items[i])->vdi);
    if (disks->len == 0)
        return complain(err, "vm", vm->name_label, "write one that has disks, or write disk");
    return 0;
}

static json_t *describe(const struct xapi_backup_options *options, const struct list *vdis,
                        const struct xapi_vm *vm)
{
    json_t *disks = json_array();
    for (size_t i = 0; i < vdis->len; i++) {
        const struct xapi_vdi *vdi = vdis->items[i];
        const struct xapi_vdi *source = options->disks->items[i];
        json_add(disks, json_build("{s:s, s:o, s:s, s:I}", "uuid", vdi->object.uuid, "name",
                                   json_text(vdi->name_label), "copyOf", source->object.uuid,
                                   "staleBytes", (json_int_t)disk_stale_bytes(vdi->disk)));
    }
    json_t *json =
        json_build("{s:s, s:o}", "kind", xapi_backup_kind_name(options->kind), "disks", disks);
    json_put(json, "vm", vm ? json_text(vm->object.uuid) : json_null());
    json_put(json, "name", vm ? json_text(vm->name_label) : json_null());
    return json;
}

static int make(struct site *site, const struct xapi_backup_options *options, json_t **ret,
                struct err *err)
{
    struct list vdis = {0};
    struct xapi_vm *vm = NULL;
    cleanup_json json_t *error_info = xapi_backup_make(site->xapi, options, &vdis, &vm);
    if (error_info) {
        cleanup_str char *text = xo_error_text(error_info);
        list_done(&vdis);
        return err_set(err, ERR_CAPACITY, "SR %s: %s", options->sr->name_label, text);
    }
    *ret = describe(options, &vdis, vm);
    list_done(&vdis);
    return 0;
}

int backup_make(struct site *site, const json_t *spec, json_t **ret, struct err *err)
{
    const char *kind = json_str_at(spec, "kind");
    const char *vm_name = json_str_at(spec, "vm");
    const char *sr_name = json_str_at(spec, "sr");
    const char *job = json_str_at(spec, "job");
    struct list disks = {0};
    struct xapi_backup_options options = {
        .vm = site_find(site, XAPI_VM, vm_name),
        .sr = site_find(site, XAPI_SR, sr_name),
        .name = json_str_at(spec, "name"),
        .job = job ? job : "nightly",
        .disks = &disks,
        .orphan = json_bool_at(spec, "orphan", false),
        .changed_bytes = (uint64_t)json_int_at(spec, "changedBytes", CHANGED_DEFAULT),
        .life_ms = (int64_t)(json_real_at(spec, "seconds", LIFE_SECONDS) * 1000)};
    if (check_fields(spec, err) != 0)
        return -1;
    if (!xapi_backup_kind_find(kind, &options.kind))
        return complain(err, "kind", kind, "write replica, restore or health-check");
    if (!options.vm || !xapi_vm_is_guest(options.vm))
        return complain(err, "vm", vm_name, "write the name or UUID of a VM; see GET /world");
    if (!options.sr)
        return complain(err, "sr", sr_name, "write the name or UUID of an SR; see GET /world");
    if (options.orphan && options.kind == XAPI_BACKUP_HEALTH_CHECK)
        return complain(err, "orphan", "true", "leave it out: a health check starts a VM");
    options.host = host_for(site, spec, options.sr, err);
    if (!options.host)
        return -1;
    int result = disks_of(site, spec, options.vm, &disks, err);
    if (result == 0)
        result = make(site, &options, ret, err);
    list_done(&disks);
    return result;
}
