/* xosim: what stands in the way of a move or of another change of a VM: the memory of its host, and
 * operations that somebody has blocked. Covers xapi_motion_start.c, xapi_power.c. */
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
#define GIB     ((int64_t)1 << 30)

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

TestSuite(memory, .init = setup, .fini = teardown);
TestSuite(blocked, .init = setup, .fini = teardown);

static int post(const char *path, const char *body)
{
    const struct control_request request = {.method = "POST",
                                            .path = path,
                                            .body = body,
                                            .body_len = strlen(body)};
    json_t *answer = NULL;
    int status = control_handle(site, &request, &answer);
    json_decref(answer);
    fake_run(site, 1000);
    return status;
}

static int set_vm(const char *body)
{
    return post("/vms/worker-a1", body);
}

static struct xapi_host *host(const char *uuid)
{
    return xapi_find(site->xapi, XAPI_HOST, uuid);
}

static struct xapi_vm *worker(void)
{
    return xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1);
}

/* The message that a call ended with; *borrowed*, "" when it worked. */
static const char *refusal(const json_t *answer)
{
    const char *message = json_str_at(answer, "error.message");
    return message ? message : "";
}

static json_t *move_to(const char *host_uuid)
{
    return json_build("{s:s, s:s}", "vm", LAB_WORKER_A1, "targetHost", host_uuid);
}

Test(memory, is_shown_of_hosts_and_vms)
{
    fake_run(site, 1000);
    int64_t used = json_int_at(xo_object(site->xo, HOST_A1), "memory.usage", 0);
    cr_expect_eq(json_int_at(xo_object(site->xo, HOST_A1), "memory.size", 0), 64 * GIB);
    cr_expect_eq(used, 8 * GIB, "4 for itself, 2 for each of its two VMs");
    cr_expect_eq(json_int_at(xo_object(site->xo, LAB_WORKER_A1), "memory.size", 0), 2 * GIB);
    cr_expect_eq(set_vm("{\"memory\":17179869184}"), 200);
    cr_expect_eq(json_int_at(xo_object(site->xo, HOST_A1), "memory.usage", 0), used + 14 * GIB);
}

Test(memory, of_a_vm_is_wanted_a_second_time_when_a_disk_of_it_moves_while_it_runs)
{
    cr_expect_eq(set_vm("{\"memory\":34359738368}"), 200);
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1));
    cr_expect_str_eq(refusal(answer), "HOST_NOT_ENOUGH_FREE_MEMORY(34359738368, 27917287424)");
    fake_client_must(client, "vm.stop", lab_id(LAB_WORKER_A1));
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1))), 0);
}

Test(memory, is_taken_while_a_disk_moves_and_given_back_at_its_end)
{
    uint64_t before = xapi_host_free_memory(host(HOST_A1));
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 3000);
    cr_expect_eq(xapi_host_free_memory(host(HOST_A1)), before - 2 * (uint64_t)GIB);
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
    cr_expect_eq(xapi_host_free_memory(host(HOST_A1)), before);
}

Test(memory, is_given_back_when_a_move_fails_or_its_toolstack_restarts)
{
    static const char *const faults[] = {"{\"name\":\"copy-fails\"}",
                                         "{\"name\":\"toolstack-restart\",\"at\":0.5}"};
    uint64_t before = xapi_host_free_memory(host(HOST_A1));
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        lab_fault(site, faults[i]);
        cr_expect_neq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1))),
                      0);
        fake_run(site, 5000);
        cr_expect_eq(xapi_host_free_memory(host(HOST_A1)), before);
    }
}

Test(memory, decides_where_a_vm_can_be_started_or_moved_to)
{
    host(HOST_A2)->memory = 8 * (uint64_t)GIB; /* 2 are free */
    cr_expect_eq(set_vm("{\"memory\":4294967296}"), 200);
    struct xapi_vbd *root = xapi_vm_device(worker(), "xvda");
    xapi_vbd_remove(site->xapi, root); /* it would keep the VM on its host */
    const json_t *answer = fake_client_call(client, "vm.migrate", move_to(HOST_A2));
    cr_expect_str_eq(refusal(answer), "HOST_NOT_ENOUGH_FREE_MEMORY(4294967296, 2147483648)");
    fake_client_must(client, "vm.stop", lab_id(LAB_WORKER_A1));
    for (size_t i = 0; i < site->xapi->pools.len; i++) {
        struct xapi_object *object = ((struct xapi_pool *)site->xapi->pools.items[i])->first;
        for (; object; object = object->next) {
            if (object->class == XAPI_HOST)
                ((struct xapi_host *)object)->memory = 8 * (uint64_t)GIB;
        }
    }
    answer = fake_client_call(client, "vm.start", lab_id(LAB_WORKER_A1));
    cr_expect(str_starts_with(refusal(answer), "HOST_NOT_ENOUGH_FREE_MEMORY(4294967296, "));
}

Test(blocked, moves_of_a_vm_and_its_disks_fail_with_the_reason)
{
    cr_expect_eq(set_vm("{\"blockedOperations\":{\"migrate_send\":\"a backup runs\","
                        "\"pool_migrate\":\"a backup runs\"}}"),
                 200);
    cr_expect_str_eq(json_str_at(xo_object(site->xo, LAB_WORKER_A1),
                                 "blockedOperations.migrate_send"),
                     "a backup runs");
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1));
    cr_expect_eq(lab_code(answer), 19);
    cr_expect_str_eq(json_str_at(answer, "error.data.objectId"), LAB_WORKER_A1);
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "a backup runs");
    struct xapi_vbd *root = xapi_vm_device(worker(), "xvda");
    xapi_vbd_remove(site->xapi, root); /* it would keep the VM on its host */
    cr_expect_eq(lab_code(fake_client_call(client, "vm.migrate", move_to(HOST_A2))), 19);
    cr_expect_eq(set_vm("{\"blockedOperations\":{\"migrate_send\":null}}"), 200);
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1))), 0);
}

Test(blocked, may_be_set_by_vm_set_and_taken_off_again)
{
    fake_client_must(client, "vm.set",
                     json_build("{s:s, s:{s:b, s:s}}", "id", LAB_WORKER_A1, "blockedOperations",
                                "destroy", 1, "pause", "it is measured"));
    cr_expect_str_eq(json_str_at(worker()->blocked_operations, "destroy"), "true");
    const json_t *answer = fake_client_call(client, "vm.delete", lab_id(LAB_WORKER_A1));
    cr_expect_str_eq(refusal(answer), "forbidden operation: destroy is blocked: protected from "
                                      "accidental deletion");
    cr_expect_eq(fake_client_error(client, "vm.pause", lab_id(LAB_WORKER_A1)), 19);
    fake_client_must(client, "vm.set",
                     json_build("{s:s, s:{s:b, s:n}}", "id", LAB_WORKER_A1, "blockedOperations",
                                "destroy", 0, "pause"));
    cr_expect_eq(json_object_size(worker()->blocked_operations), 0);
}

Test(blocked, does_not_hold_for_a_disk_that_no_vm_has)
{
    struct disk *free_disk = lab_disk(site, "pvc-2", LAB_LOCAL_A1);
    cr_expect_eq(set_vm("{\"blockedOperations\":{\"migrate_send\":\"x\"}}"), 200);
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, free_disk, LAB_LOCAL_A2))),
                 0);
}

Test(blocked, keeps_a_vm_from_being_stopped_unless_it_is_forced)
{
    cr_expect_eq(set_vm("{\"blockedOperations\":{\"clean_shutdown\":\"x\",\"snapshot\":\"y\","
                        "\"hard_shutdown\":\"z\"}}"),
                 200);
    cr_expect_eq(fake_client_error(client, "vm.stop", lab_id(LAB_WORKER_A1)), 19);
    cr_expect_eq(fake_client_error(client, "vm.snapshot", lab_id(LAB_WORKER_A1)), 19);
    fake_client_must(client, "vm.stop", json_build("{s:s, s:b}", "id", LAB_WORKER_A1, "force", 1));
}

Test(blocked, keeps_a_vm_from_being_deleted)
{
    cr_expect_eq(set_vm("{\"blockedOperations\":{\"destroy\":\"it has volumes\"}}"), 200);
    const json_t *answer = fake_client_call(client, "vm.delete", lab_id(LAB_WORKER_A1));
    cr_expect_eq(lab_code(answer), 5);
    cr_expect_str_eq(refusal(answer), "forbidden operation: destroy is blocked: it has volumes");
    cr_expect(worker()->running && disk->exists);
    fake_client_must(client, "vm.delete",
                     json_build("{s:s, s:b}", "id", LAB_WORKER_A1, "forceBlockedOperation", 1));
    cr_expect_not(disk->exists);
}

Test(blocked, is_the_start_of_a_replica_that_a_backup_has_made)
{
    cr_expect_eq(post("/backups", "{\"kind\":\"replica\",\"vm\":\"tenant-db\",\"sr\":\"pool-a "
                                  "shared\",\"name\":\"copy\"}"),
                 201);
    const struct xapi_vm *replica = site_find(site, XAPI_VM, "copy");
    cr_assert_not_null(replica);
    cr_expect_eq(fake_client_error(client, "vm.start", lab_id(replica->object.uuid)), 19);
    fake_client_must(client, "vm.delete", lab_id(replica->object.uuid));
    cr_expect_eq(lab_count(site, "tenant-db data"), 1);
}

Test(blocked, is_refused_what_is_no_text)
{
    cr_expect_eq(set_vm("{\"blockedOperations\":{\"destroy\":1}}"), 400);
    cr_expect_eq(set_vm("{\"blockedOperations\":[]}"), 400);
}

Test(blocked, may_be_given_by_the_world_with_the_memory_of_vms_and_hosts)
{
    struct site *other = fake_site(
        "pools: [{name: p}]\n"
        "hosts: [{name: h, pool: p, memory: 16 GiB, memory_used: 1 GiB}]\n"
        "vms:\n"
        "  - {name: v, host: h, memory: 3 GiB, blocked_operations: ['migrate_send: a backup']}\n");
    const struct xapi_vm *vm = site_find(other, XAPI_VM, "v");
    cr_expect_eq(xapi_host_free_memory(vm->host), 12 * (uint64_t)GIB);
    cr_expect_str_eq(json_str_at(vm->blocked_operations, "migrate_send"), "a backup");
    site_free(other);
}
