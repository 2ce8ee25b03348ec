/* xosim: VMs are started, stopped, suspended, paused and deleted with their disks; hosts are disabled.
 * Covers xapi_power.c, xapi_host.c. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/control.h"
#include "xosim/fake/lab.h"
#include "xosim/xapi_power.h"

#include <criterion/criterion.h>
#include <string.h>

#define HOST_A1 "a0000000-0000-4000-8000-0000000000a1"
#define HOST_A2 "a0000000-0000-4000-8000-0000000000a2"

static struct site *site;
static struct fake_client *client;
static struct disk *disk; /* of worker-a1, on the shared SR */

static void setup(void)
{
    site = lab_open(&client);
    disk = lab_disk(site, "pvc-1", LAB_SHARED_A);
    lab_attach(client, LAB_WORKER_A1, disk, "5");
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(power, .init = setup, .fini = teardown);

static struct xapi_vm *worker(void)
{
    return xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1);
}

static const struct xapi_vbd *device(void)
{
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    return vdi->vbds.items[0];
}

static json_t *worker_with(const char *flag, bool value)
{
    json_t *params = lab_id(LAB_WORKER_A1);
    json_put(params, flag, json_boolean(value));
    return params;
}

static void expect_shown(const char *state)
{
    fake_run(site, 1000);
    cr_expect_str_eq(json_str_at(xo_object(site->xo, LAB_WORKER_A1), "power_state"), state);
}

/* A VBD that has never been plugged. */
static void give(const char *vm, const struct disk *of, const char *position)
{
    const struct xapi_vbd *vbd = xapi_vbd_add(site->xapi, xapi_find(site->xapi, XAPI_VDI, of->uuid),
                                              xapi_find(site->xapi, XAPI_VM, vm), NULL, position);
    cr_assert_not_null(vbd);
}

/* A host's worker was powered off: XAPI does not know. */
static void switch_host_off(void)
{
    lab_fault(site, "{\"name\":\"host-power-off\",\"host\":\"host-a1\"}");
}

static int reset_power(const char *body)
{
    const struct control_request request = {.method = "POST",
                                            .path = "/vms/worker-a1",
                                            .body = body,
                                            .body_len = strlen(body)};
    json_t *answer = NULL;
    int status = control_handle(site, &request, &answer);
    json_decref(answer);
    return status;
}

Test(power, is_off_after_a_stop_and_no_disk_is_plugged)
{
    fake_client_must(client, "vm.stop", lab_id(LAB_WORKER_A1));
    expect_shown("Halted");
    cr_expect_not(device()->attached);
    cr_expect_eq(disk->lost_bytes, 0);
    fake_client_must(client, "vm.start", lab_id(LAB_WORKER_A1));
    expect_shown("Running");
    cr_expect(device()->attached);
    cr_expect_str_eq(device()->device, "xvdf");
}

Test(power, is_shown_as_an_operation_of_the_vm_while_it_changes)
{
    int64_t id = fake_client_start(client, "vm.stop", lab_id(LAB_WORKER_A1));
    fake_run(site, 1000);
    const json_t *operations =
        json_object_get(xo_object(site->xo, LAB_WORKER_A1), "current_operations");
    cr_expect_str_eq(json_string_value(
                         json_object_iter_value(json_object_iter((json_t *)(uintptr_t)operations))),
                     "clean_shutdown");
    const json_t *answer = fake_client_call(client, "vm.stop", worker_with("force", true));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "OTHER_OPERATION_IN_PROGRESS");
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
}

Test(power, of_a_suspended_or_paused_vm_leaves_its_disks_plugged_and_they_can_not_be_unplugged)
{
    static const char *const ways[][4] = {{"vm.suspend", "Suspended", "suspended", "vm.resume"},
                                          {"vm.pause", "Paused", "paused", "vm.unpause"}};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        fake_client_must(client, ways[i][0], lab_id(LAB_WORKER_A1));
        expect_shown(ways[i][1]);
        cr_expect(device()->attached);
        const json_t *answer =
            fake_client_call(client, "vbd.disconnect", lab_id(device()->object.uuid));
        cr_expect_eq(lab_code(answer), 13);
        cr_expect_str_eq(json_str_at(answer, "error.data.objectId"), LAB_WORKER_A1);
        fake_client_must(client, ways[i][3], lab_id(LAB_WORKER_A1));
        expect_shown("Running");
    }
}

Test(power, can_not_be_changed_from_a_state_that_does_not_allow_it)
{
    static const char *const methods[] = {"vm.start", "vm.resume", "vm.unpause"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        cr_expect_eq(fake_client_error(client, methods[i], lab_id(LAB_WORKER_A1)), 13);
    cr_expect_eq(fake_client_error(client, "vm.stop", lab_id(LAB_HALTED)), 13);
    cr_expect_eq(fake_client_error(client, "vm.pause", lab_id(LAB_HALTED)), 13);
}

Test(power, is_on_after_a_restart)
{
    fake_client_must(client, "vm.restart", worker_with("force", true));
    expect_shown("Running");
    cr_expect(device()->attached);
}

Test(power, can_not_be_switched_on_while_another_vm_has_a_disk)
{
    fake_client_must(client, "vm.stop", lab_id(LAB_WORKER_A1));
    lab_attach(client, LAB_WORKER_A2, disk, NULL);
    cr_expect_eq(fake_client_error(client, "vm.start", lab_id(LAB_WORKER_A1)), 17);
}

Test(power, is_running_for_xapi_when_the_host_is_off_until_a_person_resets_it)
{
    switch_host_off();
    expect_shown("Running");
    cr_expect_eq(fake_client_error(client, "vm.stop", worker_with("force", true)), 18);
    cr_expect_eq(reset_power("{\"powerState\":\"running\"}"), 400);
    cr_expect_eq(reset_power("{\"powerState\":\"halted\"}"), 200);
    expect_shown("Halted");
    cr_expect_not(device()->attached);
    lab_attach(client, LAB_WORKER_A2, disk, NULL);
}

Test(power, comes_up_on_another_host_when_its_own_is_off_or_disabled)
{
    static const char *const hosts[] = {HOST_A1, HOST_A2};
    struct disk *shared = lab_disk(site, "pvc-2", LAB_SHARED_A);
    struct xapi_vm *vm = xapi_find(site->xapi, XAPI_VM, LAB_HALTED);
    while (vm->vbds.len > 0) /* disks on local storage keep a VM on their host */
        xapi_vbd_remove(site->xapi, vm->vbds.items[0]);
    give(LAB_HALTED, shared, "1");
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        fake_client_must(client, "host.disable", lab_id(hosts[i]));
    fake_run(site, 1000);
    cr_expect_not(json_bool_at(xo_object(site->xo, HOST_A2), "enabled", true));
    fake_client_must(client, "vm.start", lab_id(LAB_HALTED));
    cr_expect_str_eq(vm->host->name_label, "host-a3");
    fake_client_must(client, "host.enable", lab_id(HOST_A2));
    fake_run(site, 1000);
    cr_expect(json_bool_at(xo_object(site->xo, HOST_A2), "enabled", false));
}

Test(power, finds_no_host_for_a_vm_whose_disks_are_on_a_disabled_one)
{
    fake_client_must(client, "vm.stop", lab_id(LAB_WORKER_A1));
    fake_client_must(client, "host.disable", lab_id(HOST_A1));
    cr_expect_eq(fake_client_error(client, "vm.start", lab_id(LAB_WORKER_A1)), 7);
}

Test(power, does_not_keep_a_running_vm_from_being_deleted_with_every_disk_that_it_has)
{
    fake_client_must(client, "vm.delete", lab_id(LAB_WORKER_A1));
    fake_run(site, 1000);
    cr_expect_null(xo_object(site->xo, LAB_WORKER_A1));
    cr_expect_null(worker());
    cr_expect_not(disk->exists);
    cr_expect_gt(family_lost_bytes(disk->family), 0);
}

Test(power, lets_disks_live_when_it_is_asked_to_and_when_another_vm_has_them)
{
    struct disk *shared = lab_disk(site, "pvc-2", LAB_SHARED_A);
    give(LAB_HALTED, shared, "9");
    give(LAB_WORKER_A1, shared, "9");
    fake_client_must(client, "vm.delete", lab_id(LAB_HALTED));
    cr_expect(shared->exists, "worker-a1 has it");
    fake_client_must(client, "vm.delete", worker_with("deleteDisks", false));
    cr_expect(disk->exists && shared->exists);
    const struct xapi_vdi *left = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    cr_expect_eq(left->vbds.len, 0);
}

Test(power, takes_the_snapshots_of_a_vm_away_with_it)
{
    fake_client_must(client, "vm.snapshot", lab_id(LAB_WORKER_A1));
    cr_expect_eq(lab_count(site, "pvc-1"), 2);
    fake_client_must(client, "vm.delete", lab_id(LAB_WORKER_A1));
    cr_expect_eq(lab_count(site, "pvc-1"), 0);
    cr_expect_eq(json_object_size(json_object_get(site->xo->by_type, "VM-snapshot")), 0);
}

Test(power, can_not_be_changed_by_vm_delete_on_a_host_that_is_off)
{
    switch_host_off();
    cr_expect_eq(fake_client_error(client, "vm.delete", lab_id(LAB_WORKER_A1)), 18);
    cr_expect(disk->exists && worker());
}

Test(power, of_a_paused_vm_is_in_the_way_of_moving_its_disk)
{
    fake_client_must(client, "vm.pause", lab_id(LAB_WORKER_A1));
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1))), 13);
}
