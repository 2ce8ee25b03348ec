/* xosim: objects that are only there to be listed. */
#include "xosim/world_fixed.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static struct xapi_fixed *add(struct xapi *xapi, struct xapi_pool *pool, const char *type,
                              const char *name)
{
    struct xapi_fixed *fixed = mem_alloc(sizeof(*fixed));
    char uuid[UUID_SIZE];
    cleanup_str char *full_name = str_new("%s/%s", pool->object.uuid, name);
    ids_uuid_of(type, full_name, uuid);
    fixed->type = type;
    fixed->body = json_object();
    xapi_add(xapi, &fixed->object, XAPI_FIXED, pool, uuid);
    return fixed;
}

static struct xapi_fixed *add_network(struct xapi *xapi, struct xapi_pool *pool)
{
    struct xapi_fixed *network = add(xapi, pool, "network", "eth0");
    json_t *constants =
        json_build("{s:b, s:s, s:{}, s:b, s:i, s:s, s:s, s:{}, s:[], s:[], s:[], s:b, s:b, s:b}",
                   "automatic", 0, "bridge", "xenbr0", "current_operations", "defaultIsLocked", 0,
                   "MTU", 1500, "name_description", "", "name_label",
                   "Pool-wide network associated with eth0", "other_config", "tags", "PIFs", "VIFs",
                   "nbd", 0, "insecureNbd", 0, "isBonded", 0);
    json_object_update(network->body, constants);
    json_decref(constants);
    return network;
}

static void add_pif(struct xapi *xapi, struct xapi_host *host, const struct xapi_fixed *network)
{
    struct xapi_fixed *pif = add(xapi, host->object.pool, "PIF", host->object.uuid);
    json_t *constants = json_build(
        "{s:b, s:b, s:b, s:s, s:s, s:s, s:b, s:s, s:s, s:[], s:b, s:b, s:s, s:s, s:i, s:s}",
        "attached", 1, "isBondMaster", 0, "isBondSlave", 0, "device", "eth0", "deviceName",
        "xosim nic", "dns", "", "disallowUnplug", 1, "gateway", "", "ip", host->address, "ipv6",
        "management", 1, "carrier", 1, "mode", "Static", "ipv6Mode", "None", "mtu", 1500, "netmask",
        "255.0.0.0");
    json_object_update(pif->body, constants);
    json_decref(constants);
    json_put_str(pif->body, "mac", "02:00:00:00:00:01");
    json_put(pif->body, "physical", json_true());
    json_put_str(pif->body, "primaryAddressType", "IPv4");
    json_put(pif->body, "vlan", json_integer(-1));
    json_put(pif->body, "speed", json_integer(10000));
    json_put_str(pif->body, "$host", host->object.uuid);
    json_put_str(pif->body, "$network", network->object.uuid);
    json_add(json_object_get(network->body, "PIFs"), json_text(pif->object.uuid));
    list_add(&host->pifs, pif);
}

static void add_vif(struct xapi *xapi, struct xapi_vm *vm, const struct xapi_fixed *network)
{
    struct xapi_fixed *vif = add(xapi, vm->object.pool, "VIF", vm->object.uuid);
    json_t *constants =
        json_build("{s:[], s:[], s:b, s:s, s:s, s:s, s:i, s:{}, s:b, s:s, s:s}",
                   "allowedIpv4Addresses", "allowedIpv6Addresses", "attached", 1, "device", "0",
                   "lockingMode", "network_default", "MAC", "02:10:00:00:00:00", "MTU", 1500,
                   "other_config", "txChecksumming", 1, "$network", network->object.uuid, "$VM",
                   vm->object.uuid);
    json_object_update(vif->body, constants);
    json_decref(constants);
    json_add(json_object_get(network->body, "VIFs"), json_text(vif->object.uuid));
    list_add(&vm->vifs, vif);
}

static void add_sm(struct xapi *xapi, struct xapi_pool *pool, const char *name)
{
    struct xapi_fixed *sm = add(xapi, pool, "SM", name);
    cleanup_str char *driver = str_new("/opt/xensource/sm/%sSR", name);
    json_t *constants =
        json_build("{s:s, s:s, s:s, s:{}, s:s, s:s, s:[], s:[s, s]}", "name_description", "",
                   "name_label", name, "SM_type", name, "configuration", "vendor", "xosim",
                   "driver_filename", driver, "required_cluster_stack", "supported_image_formats",
                   "vhd", "qcow2");
    json_object_update(sm->body, constants);
    json_decref(constants);
    json_put(sm->body, "features",
             json_build("{s:s, s:s, s:s, s:s, s:s}", "VDI_CREATE", "1", "VDI_DELETE", "1",
                        "VDI_MIRROR", "1", "VDI_SNAPSHOT", "1", "VDI_RESIZE", "1"));
}

void world_add_fixed(struct xapi *xapi, struct xapi_pool *pool)
{
    static const char *const drivers[] = {"lvm", "ext", "lvmoiscsi", "nfs", "udev", "iso"};
    const struct xapi_object *last = pool->last;
    const struct xapi_fixed *network = add_network(xapi, pool);
    for (struct xapi_object *object = pool->first;; object = object->next) {
        if (object->class == XAPI_HOST)
            add_pif(xapi, (struct xapi_host *)object, network);
        else if (object->class == XAPI_VM && !((struct xapi_vm *)object)->control_domain)
            add_vif(xapi, (struct xapi_vm *)object, network);
        if (object == last)
            break;
    }
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        add_sm(xapi, pool, drivers[i]);
}
