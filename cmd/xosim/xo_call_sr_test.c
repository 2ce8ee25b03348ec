/* xosim: SRs that are forgotten and introduced again, hosts that leave their pool. Covers xapi_sr.c,
 * control_storage.c. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/control.h"
#include "xosim/fake/lab.h"
#include "xosim/xapi_object.h"
#include "xosim/xapi_sr.h"

#include <criterion/criterion.h>
#include <string.h>

#define POOL_A  "a0000000-0000-4000-8000-000000000001"
#define HOST_A1 "a0000000-0000-4000-8000-0000000000a1"
#define HOST_A3 "a0000000-0000-4000-8000-0000000000a3"

static struct site *site;
static struct fake_client *client;
static struct disk *disk; /* on the shared SR of pool-a, nobody's */

static void setup(void)
{
    site = lab_open(&client);
    while (lab_find(site, "tenant-db data", LAB_SHARED_A)) { /* it is plugged into a VM */
        const struct disk *other = lab_find(site, "tenant-db data", LAB_SHARED_A);
        xapi_vdi_remove(site->xapi, xapi_find(site->xapi, XAPI_VDI, other->uuid));
    }
    disk = lab_disk(site, "pvc-1", LAB_SHARED_A);
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(sr, .init = setup, .fini = teardown);

static int control(const char *path)
{
    const struct control_request request = {.method = "POST", .path = path, .body = ""};
    json_t *answer = NULL;
    int status = control_handle(site, &request, &answer);
    json_decref(answer);
    return status;
}

static bool shown(const char *id)
{
    fake_run(site, 1000);
    return xo_object(site->xo, id) != NULL;
}

static const char *pbd_of_shared(void)
{
    const struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_SHARED_A);
    const struct xapi_pbd *pbd = sr->pbds.items[0];
    return pbd->object.uuid;
}

static json_t *truth(void)
{
    return truth_describe_disk(site, disk);
}

Test(sr, that_is_forgotten_vanishes_with_its_disks_and_plugs_but_not_their_bytes)
{
    cleanup_str char *pbd = mem_strdup(pbd_of_shared());
    fake_client_must(client, "sr.forget", lab_id(LAB_SHARED_A));
    cr_expect(!shown(LAB_SHARED_A) && !shown(disk->uuid) && !shown(pbd));
    cr_expect_str_eq(json_str_at(xo_object(site->xo, POOL_A), "default_SR"), "");
    cleanup_json json_t *told = truth();
    cr_expect(json_bool_at(told, "forgotten", false));
    cr_expect_not(json_bool_at(told, "exists", true));
    cr_expect_str_eq(json_str_at(told, "srName"), "pool-a shared");
    cr_expect_eq(family_lost_bytes(disk->family), 0);
    cr_expect_eq(fake_client_error(client, "vdi.delete", lab_id(disk->uuid)), 1);
}

Test(sr, that_is_introduced_again_has_the_same_disks_with_their_names_and_without_tags)
{
    cleanup_str char *before = mem_strdup(disk_hash(disk));
    fake_client_must(client, "tag.add", json_build("{s:s, s:s}", "id", disk->uuid, "tag", "t"));
    cr_expect_eq(control("/srs/pool-a%20shared/forget"), 200);
    cr_expect(!shown(disk->uuid));
    cr_expect_eq(control("/srs/pool-a%20shared/introduce"), 200);
    cr_expect(shown(LAB_SHARED_A) && shown(disk->uuid) && shown(pbd_of_shared()));
    const json_t *object = xo_object(site->xo, disk->uuid);
    cr_expect_str_eq(json_str_at(object, "name_label"), "pvc-1");
    cr_expect_eq(json_array_size(json_object_get(object, "tags")), 0);
    cr_expect_str_eq(disk_hash(disk), before);
    cr_expect(disk->exists && !disk->forgotten);
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
}

Test(sr, that_is_no_lvm_gives_its_disks_back_without_names)
{
    struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_SHARED_A);
    mem_replace_str(&sr->type, "nfs");
    xapi_sr_forget(site->xapi, sr);
    xapi_sr_introduce(site->xapi, sr);
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    cr_expect_str_eq(vdi->name_label, "");
}

Test(sr, can_not_be_forgotten_while_a_vm_has_a_disk_of_it_plugged_or_a_copy_is_under_way)
{
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
    cr_expect_eq(fake_client_error(client, "sr.forget", lab_id(LAB_SHARED_A)), 17);
    cr_expect_eq(control("/srs/pool-a%20shared/forget"), 409);
    struct disk *other = lab_disk(site, "pvc-2", LAB_LOCAL_A2);
    int64_t id = lab_migrate(client, other, LAB_LOCAL_A3);
    fake_run(site, 1000);
    cr_expect_eq(control("/srs/host-a3%20local/forget"), 409);
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
}

Test(sr, takes_the_devices_of_halted_vms_along)
{
    const struct xapi_vbd *vbd =
        xapi_vbd_add(site->xapi, xapi_find(site->xapi, XAPI_VDI, disk->uuid),
                     xapi_find(site->xapi, XAPI_VM, LAB_HALTED), NULL, "9");
    cleanup_str char *id = mem_strdup(vbd->object.uuid);
    cr_expect(shown(id));
    cr_expect_eq(control("/srs/pool-a%20shared/forget"), 200);
    cr_expect(!shown(id));
    cr_expect_eq(control("/srs/nobody/forget"), 404);
    cr_expect_eq(control("/srs/host-a1%20local/introduce"), 404);
}

Test(sr, that_was_forgotten_is_not_seen_by_a_fault_that_ends)
{
    lab_fault(site, "{\"name\":\"slow-sr\",\"sr\":\"pool-a shared\",\"factor\":0.5,\"seconds\":9}");
    lab_fault(site, "{\"name\":\"sr-unplugged\",\"sr\":\"pool-a shared\",\"seconds\":9}");
    cr_expect_eq(control("/srs/pool-a%20shared/forget"), 200);
    fake_run(site, 20000);
    cr_expect(!shown(LAB_SHARED_A));
}

/* Takes worker-a3 off host-a3. */
static void empty_host(void)
{
    const struct xapi_vm *vm = xapi_find_named(site->xapi, XAPI_VM, "worker-a3");
    fake_client_must(client, "vm.stop", lab_id(vm->object.uuid));
}

Test(sr, on_a_host_that_leaves_its_pool_is_wiped_with_all_its_disks)
{
    struct disk *local = lab_disk(site, "pvc-3", LAB_LOCAL_A3);
    empty_host();
    fake_client_must(client, "host.detach", lab_id(HOST_A3));
    cr_expect(!shown(HOST_A3) && !shown(LAB_LOCAL_A3) && !shown(local->uuid));
    cr_expect(!local->exists && !local->forgotten);
    cr_expect_gt(family_lost_bytes(local->family), 0);
    const struct xapi_vm *vm = xapi_find_named(site->xapi, XAPI_VM, "worker-a3");
    cr_assert_not_null(vm);
    cr_expect_str_eq(vm->host->name_label, "host-a1");
    cr_expect(shown(LAB_SHARED_A));
    cr_expect_eq(((struct xapi_sr *)xapi_find(site->xapi, XAPI_SR, LAB_SHARED_A))->pbds.len, 2);
}

Test(sr, that_was_forgotten_is_wiped_when_its_host_leaves)
{
    struct disk *local = lab_disk(site, "pvc-3", LAB_LOCAL_A3);
    empty_host();
    cr_expect_eq(control("/srs/host-a3%20local/forget"), 200);
    cr_expect(local->forgotten);
    cr_expect_eq(control("/hosts/host-a3/eject"), 200);
    cr_expect_not(local->forgotten);
    cr_expect_eq(control("/srs/host-a3%20local/introduce"), 404);
}

Test(sr, stays_with_a_host_that_can_not_leave)
{
    cr_expect_eq(control("/hosts/host-a3/eject"), 409, "worker-a3 runs on it");
    cr_expect_eq(control("/hosts/host-a1/eject"), 409, "it is the master");
    cr_expect_eq(control("/hosts/host-x/eject"), 404);
    const json_t *answer = fake_client_call(client, "host.detach", lab_id(HOST_A1));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "HOST_IS_MASTER");
    cr_expect(shown(LAB_LOCAL_A3));
}
