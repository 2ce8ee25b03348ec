/* xosim: storage motion: what is to be seen of it, what forbids it, and what is left when something
 * dies. Covers xapi_motion.c, xapi_motion_start.c, xapi_motion_vm.c, xo_call_vm.c, xo_call_cbt.c. */
#include "xosim/fake/lab.h"
#include "xosim/xapi_motion.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

#define LAB_TENANT "a0000000-0000-4000-8000-00000000dd01"
#define LAB_HOST_1 "a0000000-0000-4000-8000-0000000000a1"
#define LAB_HOST_2 "a0000000-0000-4000-8000-0000000000a2"
#define LAB_HOST_3 "a0000000-0000-4000-8000-0000000000a3"
#define LAB_HOST_B "b0000000-0000-4000-8000-0000000000b1"

static struct site *site;
static struct fake_client *client;
static struct disk *disk; /* of worker-a1, on the shared SR */

static void setup(void)
{
    site = lab_open(&client);
    disk = lab_disk(site, "pvc-1", LAB_SHARED_A);
    lab_attach(client, LAB_WORKER_A1, disk, "5");
    fake_run(site, 1000);
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(motion, .init = setup, .fini = teardown);

static struct xapi_vdi *vdi_of(const char *uuid)
{
    return xapi_find(site->xapi, XAPI_VDI, uuid);
}

static struct xapi_vm *vm_of(const char *uuid)
{
    return xapi_find(site->xapi, XAPI_VM, uuid);
}

static struct xapi_host *host_of(const char *uuid)
{
    return xapi_find(site->xapi, XAPI_HOST, uuid);
}

/* The pending task of a name as clients see it, or NULL. */
static const json_t *task_named(const char *name)
{
    const char *id = NULL;
    json_t *task = NULL;
    json_object_foreach(json_object_get(site->xo->by_type, "task"), id, task) {
        if (str_equal(json_str_at(task, "name_label"), name) &&
            str_equal(json_str_at(task, "status"), "pending"))
            return task;
    }
    return NULL;
}

static size_t count_seen(const char *type, const char *name)
{
    const char *id = NULL;
    json_t *object = NULL;
    size_t count = 0;
    json_object_foreach(json_object_get(site->xo->by_type, type), id, object)
        count += str_equal(json_str_at(object, "name_label"), name);
    return count;
}

/* Lets time pass until the VM has the new disk. */
static void run_to_switch(void)
{
    const struct xapi_vdi *old = vdi_of(disk->uuid);
    for (int i = 0; i < 60000 && old->vbds.len > 0; i++)
        fake_run(site, 1);
    cr_assert_eq(old->vbds.len, 0);
}

/* Lets only the shared SR hold disks of the VM. */
static void drop_root(const char *vm_uuid)
{
    const struct xapi_vm *vm = vm_of(vm_uuid);
    for (size_t i = vm->vbds.len; i-- > 0;) {
        struct xapi_vbd *vbd = vm->vbds.items[i];
        if (vbd->vdi->sr->host)
            xapi_vbd_remove(site->xapi, vbd);
    }
    fake_run(site, 1000);
}

static json_t *to_host(const char *vm, const char *host)
{
    return json_build("{s:s, s:s}", "vm", vm, "targetHost", host);
}

Test(motion, keeps_the_vbd_and_the_contents_and_loses_the_tags)
{
    struct xapi_vdi *vdi = vdi_of(disk->uuid);
    xapi_vdi_set_tag(site->xapi, vdi, "lost", true);
    json_put_str(vdi->other_config, "lost", "too");
    xapi_vdi_set_name(site->xapi, vdi, NULL, "kept");
    const struct xapi_vbd *vbd = vdi->vbds.items[0];
    cleanup_str char *hash = mem_strdup(disk_hash(disk));
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1));
    const struct xapi_vdi *moved = vdi_of(json_str_at(answer, "result"));
    cr_assert(moved && moved->vbds.len == 1);
    cr_expect_eq(moved->vbds.items[0], vbd);
    cr_expect_str_eq(vbd->device, "xvdf");
    cr_expect(vbd->attached && moved->disk->complete && !disk->exists);
    cr_expect_str_eq(disk_hash(moved->disk), hash);
    cr_expect_str_eq(moved->name_description, "kept");
    cr_expect_eq(json_array_size(moved->tags), 0);
    cr_expect_eq(json_object_size(moved->other_config), 0);
    cr_expect_eq(count_seen("VDI", "pvc-1"), 1);
    cr_expect_eq(count_seen("VDI-snapshot", "pvc-1"), 0);
}

Test(motion, shows_three_disks_and_two_snapshots_of_one_name)
{
    lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 3000);
    cr_expect_eq(count_seen("VDI", "pvc-1"), 3);
    cr_expect_eq(count_seen("VDI-snapshot", "pvc-1"), 2);
}

Test(motion, shows_two_disks_of_one_name_where_mirrors_are_plain)
{
    vdi_of(disk->uuid)->object.pool->mirror = XAPI_MIRROR_PLAIN;
    lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 3000);
    cr_expect_eq(count_seen("VDI", "pvc-1"), 2);
    cr_expect_eq(count_seen("VDI-snapshot", "pvc-1"), 0);
}

Test(motion, is_shown_by_its_source_its_vm_and_its_host_alone)
{
    lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 3000);
    const json_t *task = task_named("Async.VDI.pool_migrate");
    cr_assert_not_null(task);
    const char *ref = json_str_at(task, "xapiRef");
    const char *id = NULL;
    json_t *object = NULL;
    size_t shown = 0;
    json_object_foreach(json_object_get(site->xo->by_type, "VDI"), id, object)
        shown += json_object_size(json_object_get(object, "current_operations"));
    cr_expect_eq(shown, 1);
    const json_t *source = json_object_get(xo_object(site->xo, disk->uuid), "current_operations");
    cr_expect_str_eq(json_string_value(json_object_get(source, ref)), "mirror");
    const json_t *vm = json_object_get(xo_object(site->xo, LAB_WORKER_A1), "current_operations");
    cr_expect_str_eq(json_string_value(json_object_get(vm, json_str_at(task, "id"))),
                     "migrate_send");
    const json_t *host = json_object_get(xo_object(site->xo, LAB_HOST_1), "current_operations");
    cr_expect_str_eq(json_string_value(json_object_get(host, ref)), "vm_migrate");
    cr_expect_gt(json_real_at(task, "progress", 0), 0);
    fake_run(site, 30000);
    cr_expect_eq(json_object_size(host_of(LAB_HOST_1)->current_operations), 0);
    cr_expect_not(xapi_vm_locked(vm_of(LAB_WORKER_A1)));
}

Test(motion, has_what_the_vm_writes_meanwhile_on_both_sides_of_its_cursor)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 5000);
    cr_assert(disk_write(disk, 0, 4096, 77));
    cr_assert(disk_write(disk, disk->size - 4096, disk->size, 78));
    const json_t *answer = fake_client_wait(client, id);
    const struct disk *moved = disks_find(&site->xapi->disks, json_str_at(answer, "result"));
    cr_expect_eq(disk_stale_bytes(moved), 0);
    cr_expect_eq(family_lost_bytes(moved->family), 0);
}

Test(motion, loses_a_rename_that_is_made_meanwhile)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 3000);
    fake_client_must(client, "vdi.set",
                     json_build("{s:s, s:s}", "id", disk->uuid, "name_label", "renamed"));
    const json_t *answer = fake_client_wait(client, id);
    cr_expect_str_eq(vdi_of(json_str_at(answer, "result"))->name_label, "pvc-1");
}

Test(motion, leaves_the_source_when_it_is_cancelled)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 3000);
    fake_client_must(client, "task.cancel",
                     lab_id(json_str_at(task_named("Async.VDI.pool_migrate"), "id")));
    const json_t *answer = fake_client_wait(client, id);
    cr_expect_str_eq(json_str_at(answer, "error.message"), "task canceled");
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
    cr_expect(disk->exists && vdi_of(disk->uuid)->vbds.len == 1);
    cr_expect_eq(host_of(LAB_HOST_1)->live_moves, 0);
}

Test(motion, can_not_be_cancelled_in_its_last_phase)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    run_to_switch();
    const json_t *task = task_named("Async.VDI.pool_migrate");
    while (task && json_array_size(json_object_get(task, "allowedOperations")) > 0) {
        fake_run(site, 1);
        task = task_named("Async.VDI.pool_migrate");
    }
    cr_assert_not_null(task);
    cr_expect_eq(fake_client_error(client, "task.cancel", lab_id(json_str_at(task, "id"))), -32000);
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
}

Test(motion, takes_the_vm_along_when_only_another_host_sees_the_target)
{
    drop_root(LAB_WORKER_A1);
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_expect_eq(lab_code(answer), 0);
    cr_expect_eq(vm_of(LAB_WORKER_A1)->host, host_of(LAB_HOST_2));
    fake_run(site, 1000);
    cr_expect_str_eq(json_str_at(xo_object(site->xo, LAB_WORKER_A1), "$container"), LAB_HOST_2);
    cr_expect_eq(host_of(LAB_HOST_1)->live_moves_reached, 1);
    cr_expect_eq(host_of(LAB_HOST_2)->live_moves_reached, 1);
}

Test(motion, is_refused_ten_times_a_second_apart_when_the_host_has_no_slot)
{
    vdi_of(disk->uuid)->object.pool->live_moves_max = 1;
    struct disk *other = lab_disk(site, "pvc-2", LAB_SHARED_A);
    lab_attach(client, LAB_TENANT, other, "5");
    struct xapi_sr *slow = xapi_find(site->xapi, XAPI_SR, LAB_SHARED_A);
    slow->slowness = 3;
    int64_t first = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 1000);
    int64_t start_us = site->timers.now_us;
    const json_t *answer = fake_client_wait(client, lab_migrate(client, other, LAB_LOCAL_A1));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "TOO_MANY_STORAGE_MIGRATES");
    cr_expect_gt(site->timers.now_us - start_us, ms_to_us(9000));
    cr_expect_lt(site->timers.now_us - start_us, ms_to_us(10000));
    cr_expect_eq(host_of(LAB_HOST_1)->live_moves_refused, XO_TOO_MANY_TRIES);
    cr_expect_eq(host_of(LAB_HOST_1)->live_moves_reached, 1);
    cr_expect_eq(lab_code(fake_client_wait(client, first)), 0);
}

Test(motion, of_a_second_disk_waits_for_the_vm_without_a_slot)
{
    struct disk *other = lab_disk(site, "pvc-2", LAB_SHARED_A);
    lab_attach(client, LAB_WORKER_A1, other, "6");
    int64_t first = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 500);
    int64_t second = lab_migrate(client, other, LAB_LOCAL_A1);
    fake_run(site, 4000);
    cr_expect_eq(lab_count(site, "pvc-2"), 1);
    cr_expect_eq(json_object_size(vdi_of(other->uuid)->current_operations), 0);
    cr_expect_eq(host_of(LAB_HOST_1)->live_moves, 1);
    cr_expect_eq(lab_code(fake_client_wait(client, first)), 0);
    cr_expect_eq(lab_code(fake_client_wait(client, second)), 0);
    cr_expect_eq(host_of(LAB_HOST_1)->live_moves_reached, 1);
}

Test(motion, of_a_disk_that_has_just_been_moved_ends_with_an_invalid_handle)
{
    int64_t first = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 500);
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "HANDLE_INVALID");
    cr_expect_eq(lab_code(fake_client_wait(client, first)), 0);
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
}

Test(motion, leaves_incomplete_disks_when_the_toolstack_dies_while_it_copies)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 3000);
    lab_fault(site, "{\"name\":\"toolstack-restart\",\"pool\":\"pool-a\"}");
    const json_t *answer = fake_client_wait(client, id);
    cr_expect_str_eq(json_str_at(answer, "error.message"),
                     "task has been destroyed before completion");
    const struct disk *target = lab_find(site, "pvc-1", LAB_LOCAL_A1);
    cr_expect(disk->exists && target && !target->complete);
    cr_expect_eq(vdi_of(disk->uuid)->vbds.len, 1);
    cr_expect_eq(json_object_size(vdi_of(disk->uuid)->current_operations), 0);
    cr_assert(disk_write(disk, 0, 4096, 77));
    cr_expect_gt(disk_only_here_bytes(disk), 0);
    cr_expect_eq(host_of(LAB_HOST_1)->live_moves, 0);
    cr_expect_eq(lab_code(fake_client_call(client, "vdi.delete", lab_id(target->uuid))), 0);
}

Test(motion, leaves_both_disks_and_the_vm_on_the_new_one_when_the_toolstack_dies_after_the_switch)
{
    lab_fault(site, "{\"name\":\"toolstack-restart\",\"when\":{\"event\":\"mirror-switched\"}}");
    lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 30000);
    const struct disk *target = lab_find(site, "pvc-1", LAB_LOCAL_A1);
    cr_assert_not_null(target);
    cr_expect(disk->exists && target->complete);
    cr_expect_eq(vdi_of(disk->uuid)->vbds.len, 0);
    cr_expect_eq(vdi_of(target->uuid)->vbds.len, 1);
    cr_expect_eq(count_seen("VDI", "pvc-1"), 2);
}

Test(motion, leaves_the_new_disk_alone_when_the_toolstack_dies_after_the_source_is_gone)
{
    lab_fault(site, "{\"name\":\"toolstack-restart\","
                    "\"when\":{\"event\":\"mirror-source-gone\",\"match\":\"pvc-*\"}}");
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    cr_expect_str_eq(json_str_at(fake_client_wait(client, id), "error.message"),
                     "task has been destroyed before completion");
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
    cr_expect_eq(disk_stale_bytes(lab_find(site, "pvc-1", LAB_LOCAL_A1)), 0);
}

Test(motion, is_completed_by_xapi_alone_when_xen_orchestra_restarts)
{
    lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 3000);
    lab_fault(site, "{\"name\":\"xo-restart\",\"seconds\":3}");
    fake_run(site, 30000);
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
    cr_expect_not_null(lab_find(site, "pvc-1", LAB_LOCAL_A1));
}

Test(motion, needs_room_at_its_target_and_for_a_snapshot_at_its_source)
{
    struct xapi_sr *target = xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A1);
    struct xapi_sr *source = xapi_find(site->xapi, XAPI_SR, LAB_SHARED_A);
    uint64_t base = target->physical_base;
    target->physical_base = target->size;
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_44");
    target->physical_base = base;
    source->physical_base = source->size;
    answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_44");
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
    cr_expect_not(xapi_vm_locked(vm_of(LAB_WORKER_A1)));
}

Test(motion, forbids_its_vm_to_get_another_disk_whose_vbd_stays)
{
    struct disk *other = lab_disk(site, "pvc-2", LAB_SHARED_A);
    lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 1000);
    const json_t *answer = fake_client_call(client, "vm.attachDisk",
                                            json_build("{s:s, s:s, s:s}", "vm", LAB_WORKER_A1,
                                                       "vdi", other->uuid, "mode", "RW"));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "OTHER_OPERATION_IN_PROGRESS");
    cr_expect_eq(vdi_of(other->uuid)->vbds.len, 1);
}

Test(motion, holds_the_new_disk_against_those_who_would_destroy_it)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 1000);
    const struct disk *target = lab_find(site, "pvc-1", LAB_LOCAL_A1);
    const struct xapi_task *task = xapi_vdi_destroy(site->xapi, vdi_of(target->uuid));
    cr_expect_eq(task->status, TASK_FAILURE);
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
}

Test(motion, of_a_halted_vm_keeps_the_vbd_and_shows_no_snapshot)
{
    struct disk *archive = lab_disk(site, "pvc-3", LAB_SHARED_A);
    lab_attach(client, LAB_HALTED, archive, "4");
    int64_t id = lab_migrate(client, archive, LAB_LOCAL_A2);
    fake_run(site, 3000);
    cr_expect_eq(count_seen("VDI", "pvc-3"), 2);
    cr_expect_eq(count_seen("VDI-snapshot", "pvc-3"), 0);
    const struct xapi_vdi *moved = vdi_of(json_str_at(fake_client_wait(client, id), "result"));
    cr_assert(moved && moved->vbds.len == 1);
    cr_expect_str_eq(((const struct xapi_vbd *)moved->vbds.items[0])->position, "4");
}

Test(motion, turns_changed_block_tracking_off_on_all_disks_of_the_vm)
{
    const struct xapi_vm *vm = vm_of(LAB_WORKER_A1);
    const struct xapi_vbd *root = vm->vbds.items[0];
    fake_client_must(client, "vdi.set",
                     json_build("{s:s, s:b}", "id", root->vdi->object.uuid, "cbt", 1));
    fake_run(site, 500);
    cr_expect(json_bool_at(xo_object(site->xo, root->vdi->object.uuid), "cbt_enabled", false));
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1))), 0);
    cr_expect_not(root->vdi->cbt_enabled);
}

Test(vm_migrate, moves_a_vm_whose_disks_both_hosts_see_without_its_disks, .init = setup,
     .fini = teardown)
{
    drop_root(LAB_WORKER_A1);
    fake_client_must(client, "vm.migrate", to_host(LAB_WORKER_A1, LAB_HOST_3));
    cr_expect_eq(vm_of(LAB_WORKER_A1)->host, host_of(LAB_HOST_3));
    cr_expect(disk->exists && vdi_of(disk->uuid)->vbds.len == 1);
}

Test(vm_migrate, moves_disks_that_the_host_does_not_see_to_the_default_sr, .init = setup,
     .fini = teardown)
{
    fake_client_must(client, "vm.migrate", to_host(LAB_WORKER_A1, LAB_HOST_3));
    const struct xapi_vm *vm = vm_of(LAB_WORKER_A1);
    cr_expect_eq(vm->host, host_of(LAB_HOST_3));
    cr_assert_eq(vm->vbds.len, 2);
    const struct xapi_vbd *root = vm->vbds.items[0];
    cr_expect_str_eq(root->vdi->sr->object.uuid, LAB_SHARED_A);
    cr_expect_str_eq(root->device, "xvda");
    cr_expect(disk->exists);
    cr_expect_eq(host_of(LAB_HOST_1)->live_moves + host_of(LAB_HOST_3)->live_moves, 0);
}

Test(vm_migrate, puts_each_disk_where_the_map_says, .init = setup, .fini = teardown)
{
    json_t *params = to_host(LAB_WORKER_A1, LAB_HOST_3);
    json_put(params, "mapVdisSrs", json_build("{s:s}", disk->uuid, LAB_LOCAL_A3));
    fake_client_must(client, "vm.migrate", params);
    const struct disk *moved = lab_find(site, "pvc-1", LAB_LOCAL_A3);
    cr_assert_not_null(moved);
    cr_expect_eq(vdi_of(moved->uuid)->vbds.len, 1);
    cr_expect_not(disk->exists);
}

Test(vm_migrate, refuses_an_sr_that_the_host_does_not_see, .init = setup, .fini = teardown)
{
    json_t *params = to_host(LAB_WORKER_A1, LAB_HOST_3);
    json_put_str(params, "sr", LAB_LOCAL_A2);
    const json_t *answer = fake_client_call(client, "vm.migrate", params);
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "VM_REQUIRES_SR");
}

Test(vm_migrate, to_another_pool_keeps_only_the_id_of_the_vm, .init = setup, .fini = teardown)
{
    const struct xapi_vm *vm = vm_of(LAB_WORKER_A1);
    cleanup_str char *vbd = mem_strdup(((const struct xapi_vbd *)vm->vbds.items[1])->object.uuid);
    fake_client_must(client, "vm.migrate", to_host(LAB_WORKER_A1, LAB_HOST_B));
    fake_run(site, 1000);
    vm = vm_of(LAB_WORKER_A1);
    cr_expect_eq(vm->host, host_of(LAB_HOST_B));
    cr_expect_eq(vm->object.pool, host_of(LAB_HOST_B)->object.pool);
    cr_assert_eq(vm->vbds.len, 2);
    cr_expect_null(xo_object(site->xo, vbd));
    cr_expect_null(xo_object(site->xo, disk->uuid));
    const json_t *seen = xo_object(site->xo, LAB_WORKER_A1);
    cr_expect_str_eq(json_str_at(seen, "$pool"), vm->object.pool->object.uuid);
    const struct xapi_vbd *moved = vm->vbds.items[1];
    cr_expect_str_eq(moved->device, "xvdf");
    cr_expect_eq(disk_stale_bytes(moved->vdi->disk), 0);
    cr_expect_eq(family_lost_bytes(moved->vdi->disk->family), 0);
}

Test(vm_migrate, waits_for_ever_for_a_slot, .init = setup, .fini = teardown)
{
    host_of(LAB_HOST_1)->object.pool->live_moves_max = 0;
    json_t *params = to_host(LAB_WORKER_A1, LAB_HOST_1);
    json_put_str(params, "sr", LAB_LOCAL_A1);
    int64_t id = fake_client_start(client, "vm.migrate", params);
    fake_run(site, 300000);
    cr_expect_gt(host_of(LAB_HOST_1)->live_moves_refused, 20);
    host_of(LAB_HOST_1)->object.pool->live_moves_max = 3;
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
    cr_expect_not_null(lab_find(site, "pvc-1", LAB_LOCAL_A1));
}

Test(vm_migrate, with_an_sr_that_all_disks_are_on_moves_the_vm_alone, .init = setup,
     .fini = teardown)
{
    drop_root(LAB_WORKER_A1);
    json_t *params = to_host(LAB_WORKER_A1, LAB_HOST_2);
    json_put_str(params, "sr", LAB_SHARED_A);
    fake_client_must(client, "vm.migrate", params);
    cr_expect_eq(vm_of(LAB_WORKER_A1)->host, host_of(LAB_HOST_2));
    cr_expect(disk->exists);
    cr_expect_eq(host_of(LAB_HOST_1)->live_moves + host_of(LAB_HOST_2)->live_moves, 0);
}

Test(vm_migrate, knows_what_its_maps_name, .init = setup, .fini = teardown)
{
    json_t *params = to_host(LAB_WORKER_A1, LAB_HOST_B);
    json_put(params, "mapVifsNetworks", json_build("{s:s}", disk->uuid, LAB_SHARED_A));
    cr_expect_eq(fake_client_error(client, "vm.migrate", params), 1);
    params = to_host(LAB_WORKER_A1, LAB_HOST_B);
    json_put(params, "mapVdisSrs", json_build("{s:i}", disk->uuid, 1));
    cr_expect_eq(fake_client_error(client, "vm.migrate", params), 1);
}

Test(vm_migrate, of_a_halted_vm_to_another_pool_leaves_it_halted, .init = setup, .fini = teardown)
{
    fake_client_must(client, "vm.migrate", to_host(LAB_HALTED, LAB_HOST_B));
    const struct xapi_vm *vm = vm_of(LAB_HALTED);
    cr_expect_eq(vm->object.pool, host_of(LAB_HOST_B)->object.pool);
    cr_expect_not(vm->running);
    cr_assert_eq(vm->vbds.len, 1);
    cr_expect_eq(disk_stale_bytes(((const struct xapi_vbd *)vm->vbds.items[0])->vdi->disk), 0);
}

Test(motion, to_another_pool_fails_when_the_toolstack_there_restarts)
{
    int64_t id = fake_client_start(client, "vm.migrate", to_host(LAB_WORKER_A1, LAB_HOST_B));
    fake_run(site, 5000);
    lab_fault(site, "{\"name\":\"toolstack-restart\",\"pool\":\"pool-b\"}");
    const json_t *answer = fake_client_wait(client, id);
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "MIRROR_FAILED");
    cr_expect(disk->exists && lab_count(site, "pvc-1") == 1);
    cr_expect_not(xapi_vm_locked(vm_of(LAB_WORKER_A1)));
}

Test(motion, fails_when_the_host_of_its_vm_loses_power)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 3000);
    lab_fault(site, "{\"name\":\"host-power-off\",\"host\":\"host-a1\",\"seconds\":60}");
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 18);
    cr_expect(disk->exists);
}
