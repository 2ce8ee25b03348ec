/*
 * xosim, upper layer: a XAPI object as Xen Orchestra shows it. Keys and types are those of
 * recordings of a real one; what nobody reads is constant.
 */
#include "base/json.h"
#include "base/str.h"
#include "xosim/xapi_power.h"
#include "xosim/xo.h"

#include <math.h>

/* Of each control domain; it is in what hosts use for themselves. */
#define CONTROL_DOMAIN_MEMORY ((uint64_t)2 << 30)

static json_t *ids_of(const struct list *objects)
{
    json_t *array = json_array();
    for (size_t i = 0; i < objects->len; i++) {
        const struct xapi_object *object = objects->items[i];
        json_add(array, json_text(object->uuid));
    }
    return array;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *render_pool(const struct xapi_pool *pool)
{
    const char *default_sr = pool->default_sr ? pool->default_sr->object.uuid : "";
    json_t *json =
        json_build("{s:b, s:s, s:{}, s:s, s:b, s:b, s:[], s:s, s:[], s:s, s:s, s:b}",
                   "auto_poweron", 0, "crashDumpSr", default_sr, "current_operations", "default_SR",
                   default_sr, "HA_enabled", 0, "haRebootVmOnInternalShutdown", 1, "haSrs",
                   "master", pool->master->object.uuid, "tags", "name_description", "",
                   "name_label", pool->name_label, "migrationCompression", 0);
    json_put(json, "otherConfig", json_deep_copy(pool->other_config));
    json_put(json, "cpus", json_build("{s:i, s:i}", "cores", 16, "sockets", 1));
    json_put_str(json, "suspendSr", default_sr);
    json_put(json, "zstdSupported", json_true());
    json_put(json, "vtpmSupported", json_true());
    json_put_str(json, "platform_version", "3.4.0");
    return json;
}

static void put_host_constants(json_t *json)
{
    json_put(json, "CPUs",
             json_build("{s:s, s:s, s:s, s:s, s:s, s:s}", "cpu_count", "16", "socket_count", "1",
                        "vendor", "xosim", "speed", "3000", "modelname", "xosim",
                        "threads_per_core", "2"));
    json_put(json, "bios_strings", json_object());
    json_put_str(json, "build", "xosim");
    json_put(json, "chipset_info", json_build("{s:b}", "iommu", 1));
    json_put(json, "cpus", json_build("{s:i, s:i}", "cores", 16, "sockets", 1));
    json_put_str(json, "iscsiIqn", "iqn.2024-01.example:xosim");
    json_put(json, "zstdSupported", json_true());
    json_put(json, "license_params",
             json_build("{s:s, s:s, s:s}", "restrict_zstd_export", "false", "sku_type", "free",
                        "expiry", "20991231T00:00:00Z"));
    json_put(json, "license_server",
             json_build("{s:s, s:s}", "address", "localhost", "port", "27000"));
    json_put(json, "license_expiry", json_integer(4102358400));
    json_put(json, "logging", json_object());
    json_put_str(json, "name_description", "Default install");
    json_put(json, "multipathing", json_false());
    json_put(json, "otherConfig",
             json_build("{s:s, s:s, s:s}", "boot_time", "1700000000.", "agent_start_time",
                        "1700000100.", "iscsi_iqn", "iqn.2024-01.example:xosim"));
    json_put(json, "patches", json_array());
    json_put_str(json, "powerOnMode", "");
    json_put(json, "startTime", json_integer(1700000000));
    json_put(json, "supplementalPacks", json_array());
    json_put(json, "agentStartTime", json_integer(1700000100));
    json_put(json, "rebootRequired", json_false());
    json_put(json, "tags", json_array());
    json_put_str(json, "version", "8.3.0");
    json_put_str(json, "productBrand", "XCP-ng");
    json_put(json, "hvmCapable", json_true());
    json_put(json, "certificates", json_array());
}

static json_t *render_host(const struct xapi_host *host)
{
    json_t *json = json_object();
    put_host_constants(json);
    json_put(json, "memory",
             json_build("{s:I, s:I}", "usage",
                        (json_int_t)(host->memory - xapi_host_free_memory(host)), "size",
                        (json_int_t)host->memory));
    json_put(json, "current_operations", json_copy(host->current_operations));
    json_put_str(json, "address", host->address);
    json_put(json, "enabled", json_boolean(!host->disabled));
    json_put_str(json, "controlDomain", host->control_domain->object.uuid);
    json_put_str(json, "hostname", host->name_label);
    json_put_str(json, "name_label", host->name_label);
    json_put_str(json, "power_state", host->off ? "Halted" : "Running");
    json_put(json, "residentVms", ids_of(&host->residents));
    json_put(json, "PIFs", ids_of(&host->pifs));
    json_put(json, "$PIFs", ids_of(&host->pifs));
    json_put(json, "PCIs", json_array());
    json_put(json, "$PCIs", json_array());
    json_put(json, "PGPUs", json_array());
    json_put(json, "$PGPUs", json_array());
    json_put(json, "$PBDs", ids_of(&host->pbds));
    return json;
}

static json_t *render_sr(const struct xapi_sr *sr)
{
    const struct xapi_object *container = sr->host ? &sr->host->object : &sr->object.pool->object;
    json_t *json =
        json_build("{s:s, s:I, s:s, s:o, s:b, s:s, s:s, s:I, s:b, s:s, s:o, s:I}", "content_type",
                   sr->host ? "user" : "", "physical_usage",
                   (json_int_t)sr->physical_base + (json_int_t)sr->allocated, "allocationStrategy",
                   sr->thin ? "thin" : "thick", "current_operations",
                   json_copy(sr->current_operations), "inMaintenanceMode", 0, "name_description",
                   "", "name_label", sr->name_label, "size", (json_int_t)sr->size, "shared",
                   sr->host == NULL, "SR_type", sr->type, "tags", json_copy(sr->tags), "usage",
                   (json_int_t)sr->virtual_size);
    json_put(json, "VDIs", ids_of(&sr->vdis));
    json_put(json, "other_config", json_object());
    json_put(json, "sm_config", json_object());
    json_put_str(json, "$container", container->uuid);
    json_put(json, "$PBDs", ids_of(&sr->pbds));
    return json;
}

static json_t *render_pbd(const struct xapi_pbd *pbd)
{
    json_t *json = json_build("{s:b, s:s, s:s}", "attached", !pbd->unplugged, "host",
                              pbd->host->object.uuid, "SR", pbd->sr->object.uuid);
    json_put(json, "device_config",
             pbd->sr->host ? json_build("{s:s}", "device", "/dev/xosim")
                           : json_build("{s:s}", "target", "127.0.0.1"));
    json_put(json, "otherConfig", json_object());
    return json;
}

/* What a disk takes with the snapshots that it is built on. */
static uint64_t chain_of(const struct xapi_vdi *vdi)
{
    uint64_t bytes = vdi->physical;
    for (size_t i = 0; i < vdi->snapshots.len; i++) {
        const struct xapi_vdi *snapshot = vdi->snapshots.items[i];
        if (snapshot->sr == vdi->sr && vdi->sr->thin)
            bytes += snapshot->physical;
    }
    return bytes;
}

static json_t *render_vdi(const struct xapi_vdi *vdi)
{
    json_t *json =
        json_build("{s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:s, s:o}",
                   "cbt_enabled", vdi->cbt_enabled, "missing", 0, "name_description",
                   json_text(vdi->name_description), "name_label", json_text(vdi->name_label),
                   "size", number(vdi->size), "snapshots", ids_of(&vdi->snapshots), "tags",
                   json_copy(vdi->tags), "usage", number(vdi->physical), "VDI_type", vdi->type,
                   "current_operations", json_copy(vdi->current_operations), "other_config",
                   json_copy(vdi->other_config), "$SR", vdi->sr->object.uuid, "$VBDs",
                   ids_of(&vdi->vbds));
    if (vdi->sr->format)
        json_put_str(json, "image_format", vdi->sr->format);
    if (vdi->snapshot) {
        json_put(json, "snapshot_time", json_integer(vdi->snapshot_time_s));
        if (vdi->snapshot_of[0])
            json_put_str(json, "$snapshot_of", vdi->snapshot_of);
    } else {
        json_put(json, "chainPhysicalUsage", number(chain_of(vdi)));
    }
    return json;
}

static json_t *render_vbd(const struct xapi_vbd *vbd)
{
    return json_build("{s:b, s:b, s:o, s:b, s:s, s:b, s:s, s:s}", "attached",
                      vbd->attached && !vbd->hides_attached, "bootable", vbd->bootable, "device",
                      json_text(vbd->hides_device ? NULL : vbd->device), "is_cd_drive", 0,
                      "position", vbd->position, "read_only", vbd->read_only, "VDI",
                      vbd->vdi->object.uuid, "VM", vbd->vm->object.uuid);
}

static void put_vm_constants(json_t *json)
{
    json_put(json, "auto_poweron", json_false());
    json_put(json, "bios_strings", json_object());
    json_put(json, "boot", json_build("{s:s, s:s}", "order", "cd", "firmware", "bios"));
    json_put(json, "CPUs", json_build("{s:i, s:i}", "max", 2, "number", 2));
    json_put(json, "expNestedHvm", json_false());
    json_put(json, "isNestedVirtEnabled", json_false());
    json_put(json, "viridian", json_false());
    json_put_str(json, "high_availability", "");
    json_put(json, "isFirmwareSupported", json_true());
    json_put(json, "installTime", json_integer(1704067200));
    json_put_str(json, "name_description", "");
    json_put(json, "needsVtpm", json_false());
    json_put(json, "hasVendorDevice", json_false());
    json_put(json, "startDelay", json_integer(0));
    json_put(json, "startTime", json_integer(1704067200));
    json_put(json, "secureBoot", json_false());
    json_put(json, "VTPMs", json_array());
    json_put(json, "VGPUs", json_array());
    json_put(json, "$VGPUs", json_array());
    json_put(json, "xenStoreData", json_object());
    json_put(json, "coresPerSocket", json_integer(2));
}

/* What a VM has and dom0 has not. */
static void put_guest(json_t *json, const struct xapi_vm *vm)
{
    json_put(json, "addresses",
             vm->running ? json_build("{s:s}", "0/ipv4/0", vm->address) : json_object());
    if (vm->host)
        json_put_str(json, "affinityHost", vm->host->object.uuid);
    json_put(json, "vulnerabilities", json_build("{s:b}", "xsa468", 0));
    if (vm->running)
        json_put_str(json, "mainIpAddress", vm->address);
    json_put_str(json, "notes", "");
    json_put(json, "other", json_build("{s:s}", "xo:notes", ""));
    if (vm->other_config)
        json_object_update(json_object_get(json, "other"), vm->other_config);
    json_put(json, "os_version",
             json_build("{s:s, s:s, s:s, s:s, s:s}", "name", "Debian GNU/Linux 12", "distro",
                        "debian", "major", "12", "minor", "0", "uname", "6.1.0"));
    json_put_str(json, "virtualizationMode", "hvm");
    json_put(json, "xenTools",
             json_build("{s:i, s:i, s:f}", "major", 8, "minor", 2, "version", 8.2));
    json_put(json, "managementAgentDetected", json_true());
    json_put(json, "pvDriversDetected", json_true());
    json_put_str(json, "pvDriversVersion", "8.2.0-1");
    json_put(json, "pvDriversUpToDate", json_true());
    json_put_str(json, "vga", "cirrus");
    json_put(json, "videoram", json_integer(4));
}

static void put_control_domain(json_t *json)
{
    json_put(json, "addresses", json_object());
    json_put(json, "other", json_object());
    json_put(json, "os_version", json_null());
    json_put_str(json, "virtualizationMode", "pv");
    json_put(json, "xenTools", json_false());
    json_put_str(json, "PV_args", "");
}

/* The host that a VM runs on; of a halted one the host whose local SR has a disk of it. NULL: any host of the pool would do. */
static const struct xapi_host *host_of(const struct xapi_vm *vm)
{
    if (vm->running || vm->power == XAPI_PAUSED || vm->control_domain)
        return vm->host;
    for (size_t i = 0; i < vm->vbds.len; i++) {
        const struct xapi_vbd *vbd = vm->vbds.items[i];
        if (vbd->vdi && vbd->vdi->sr->host)
            return vbd->vdi->sr->host;
    }
    return NULL;
}

static json_t *render_vm(const struct xapi_vm *vm)
{
    const struct xapi_host *host = host_of(vm);
    json_t *json = json_object();
    json_int_t memory = (json_int_t)(vm->control_domain ? CONTROL_DOMAIN_MEMORY : vm->memory);
    put_vm_constants(json);
    json_put(json, "blockedOperations",
             vm->blocked_operations ? json_copy(vm->blocked_operations) : json_object());
    json_put(json, "memory",
             json_build("{s:[I, I], s:[I, I], s:I}", "dynamic", memory, memory, "static",
                        (json_int_t)1073741824, memory, "size", memory));
    if (vm->control_domain)
        put_control_domain(json);
    else
        put_guest(json, vm);
    json_put_str(json, "name_label", vm->name_label);
    json_put_str(json, "power_state", xapi_power_name(vm->power));
    json_put(json, "current_operations", json_copy(vm->current_operations));
    json_put(json, "tags", json_copy(vm->tags));
    json_put(json, "VIFs", ids_of(&vm->vifs));
    json_put(json, "snapshots", ids_of(&vm->snapshots));
    if (vm->snapshot) {
        json_put(json, "snapshot_time", json_integer(vm->snapshot_time_s));
        json_put_str(json, "$snapshot_of", vm->snapshot_of);
    }
    json_put_str(json, "$container", host ? host->object.uuid : vm->object.pool->object.uuid);
    json_put(json, "$VBDs", ids_of(&vm->vbds));
    return json;
}

static json_t *render_task(const struct xapi_task *task)
{
    bool whole = fabs(task->progress - round(task->progress)) < 1e-9;
    json_t *json = json_object();
    json_put(json, "allowedOperations",
             task->cancellable ? json_build("[s]", "cancel") : json_array());
    json_put(json, "created", json_integer(task->created_s));
    json_put(json, "current_operations", xapi_task_operations(task));
    json_put(json, "finished",
             task->status == TASK_PENDING ? json_null() : json_integer(task->finished_s));
    json_put_str(json, "name_description", "");
    json_put_str(json, "name_label", task->name_label);
    json_put(json, "progress",
             whole ? json_integer((json_int_t)round(task->progress)) : json_real(task->progress));
    json_put_str(json, "result", task->result);
    json_put_str(json, "status", xapi_task_status_name(task->status));
    json_put_str(json, "xapiRef", task->object.ref);
    json_put_str(json, "$host", task->object.pool->master->object.uuid);
    return json;
}

static const char *type_of_vm(const struct xapi_vm *vm)
{
    if (vm->control_domain)
        return "VM-controller";
    return vm->snapshot ? "VM-snapshot" : "VM";
}

static json_t *render_body(const struct xapi_object *object, const char **ret_type)
{
    switch (object->class) {
    case XAPI_POOL:
        *ret_type = "pool";
        return render_pool((const struct xapi_pool *)object);
    case XAPI_HOST:
        *ret_type = "host";
        return render_host((const struct xapi_host *)object);
    case XAPI_SR:
        *ret_type = "SR";
        return render_sr((const struct xapi_sr *)object);
    case XAPI_PBD:
        *ret_type = "PBD";
        return render_pbd((const struct xapi_pbd *)object);
    case XAPI_VDI:
        *ret_type = ((const struct xapi_vdi *)object)->snapshot ? "VDI-snapshot" : "VDI";
        return render_vdi((const struct xapi_vdi *)object);
    case XAPI_VBD:
        *ret_type = "VBD";
        return render_vbd((const struct xapi_vbd *)object);
    case XAPI_VM:
        *ret_type = type_of_vm((const struct xapi_vm *)object);
        return render_vm((const struct xapi_vm *)object);
    case XAPI_TASK:
        *ret_type = "task";
        return render_task((const struct xapi_task *)object);
    case XAPI_FIXED:
        *ret_type = ((const struct xapi_fixed *)object)->type;
        return json_copy(((const struct xapi_fixed *)object)->body);
    }
    return json_object();
}

json_t *xo_render(const struct xapi_object *object)
{
    const char *type = "";
    json_t *json = render_body(object, &type);
    json_put_str(json, "type", type);
    json_put_str(json, "id", object->uuid);
    json_put_str(json, "uuid", object->uuid);
    json_put_str(json, "$pool", object->pool->object.uuid);
    json_put_str(json, "$poolId", object->pool->object.uuid);
    json_put_str(json, "_xapiRef", object->ref);
    return json;
}
