/* xosim: what ground truth tells beside the contents of disks: what VMs wrote, which calls XAPI had,
 * how many live moves a host had. Covers truth.c, xapi_effects.c, xapi_writer.c. */
#include "xosim/control.h"
#include "xosim/fake/lab.h"
#include "xosim/xapi_effects.h"
#include "xosim/xapi_writer.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

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

TestSuite(truth, .init = setup, .fini = teardown);

static void write_at(uint64_t rate)
{
    struct xapi_vm *vm = xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1);
    xapi_vm_set_write_rate(site->xapi, vm, rate);
}

/* The item of a list of the truth with a uuid. *New*. */
static json_t *truth_of(const char *list, const char *uuid)
{
    cleanup_json json_t *truth = truth_describe(site);
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(truth, list), i, item) {
        if (str_equal(json_str_at(item, "uuid"), uuid))
            return json_incref(item);
    }
    cr_assert_fail("the truth has no %s %s", list, uuid);
    return NULL;
}

static size_t count_effects(const char *call, const char *outcome)
{
    cleanup_json json_t *all = xapi_effects_describe(site->xapi);
    size_t count = 0;
    size_t i = 0;
    json_t *effect = NULL;
    json_array_foreach(json_object_get(all, "effects"), i, effect) {
        count += str_equal(json_str_at(effect, "call"), call) &&
                 (!outcome || str_equal(json_str_at(effect, "outcome"), outcome));
    }
    return count;
}

Test(truth, has_running_vms_write_to_all_their_disks_in_turn)
{
    cleanup_json json_t *before = truth_of("disks", disk->uuid);
    write_at(1 << 20);
    fake_run(site, 10000);
    cleanup_json json_t *after = truth_of("disks", disk->uuid);
    cleanup_json json_t *vm = truth_of("vms", LAB_WORKER_A1);
    cr_expect_str_neq(json_str_at(before, "sha256"), json_str_at(after, "sha256"));
    cr_expect_eq(json_int_at(vm, "writes", 0), 10);
    cr_expect_eq(json_int_at(after, "staleBytes", -1), 0);
    write_at(0);
    fake_run(site, 10000);
    cleanup_json json_t *still = truth_of("disks", disk->uuid);
    cr_expect_str_eq(json_str_at(still, "sha256"), json_str_at(after, "sha256"));
}

Test(truth, is_the_same_on_every_run)
{
    write_at(1 << 20);
    fake_run(site, 100000);
    cleanup_json json_t *first = truth_of("disks", disk->uuid);
    teardown();
    setup();
    write_at(1 << 20);
    fake_run(site, 100000);
    cleanup_json json_t *second = truth_of("disks", disk->uuid);
    cr_expect_str_eq(json_str_at(first, "sha256"), json_str_at(second, "sha256"));
}

Test(truth, tells_a_live_move_of_a_disk_that_is_written_to_from_one_that_lost_writes)
{
    write_at(1 << 20);
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1));
    fake_run(site, 5000);
    cleanup_json json_t *moved = truth_of("disks", json_str_at(answer, "result"));
    cleanup_json json_t *family = truth_of("families", disk->uuid);
    cr_expect_eq(json_int_at(moved, "staleBytes", -1), 0);
    cr_expect_eq(json_int_at(family, "lostBytes", -1), 0);
    cr_expect_eq(json_int_at(family, "staleInUseBytes", -1), 0);
}

Test(truth, shows_a_vm_that_works_on_a_stale_copy)
{
    struct disk *loose = lab_disk(site, "pvc-2", LAB_LOCAL_A1);
    fake_client_start(client, "vdi.migrate",
                      json_build("{s:s, s:s}", "id", loose->uuid, "sr_id", LAB_SHARED_A));
    fake_run(site, 5000);
    lab_attach(client, LAB_WORKER_A1, loose, "6");
    cr_assert(disk_write(loose, 0, 4096, 77));
    fake_run(site, 30000);
    struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, loose->uuid);
    xapi_vbd_remove(site->xapi, vdi->vbds.items[0]);
    fake_run(site, 60000);
    struct disk *copy = lab_find(site, "pvc-2", LAB_SHARED_A);
    cr_assert(copy && copy->complete && !loose->exists);
    lab_attach(client, LAB_WORKER_A1, copy, "6");
    cleanup_json json_t *family = truth_of("families", loose->uuid);
    cr_expect_eq(json_int_at(family, "lostBytes", -1), 4096);
    cr_expect_eq(json_int_at(family, "staleInUseBytes", -1), 4096);
}

Test(truth, logs_each_call_that_changes_something_once_with_its_outcome)
{
    fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A1));
    cr_expect_eq(count_effects("VDI.pool_migrate", NULL), 1);
    cr_expect_eq(count_effects("VDI.pool_migrate", "success"), 1);
    struct disk *loose = lab_disk(site, "pvc-2", LAB_LOCAL_A1);
    fake_client_wait(client, lab_migrate(client, loose, LAB_LOCAL_A2));
    cr_expect_eq(count_effects("VDI.pool_migrate", "VDI_NEEDS_VM_FOR_MIGRATE"), 1);
    cr_expect_eq(count_effects("VDI.copy", "success"), 1);
    cr_expect_eq(count_effects("VDI.destroy", "success"), 1);
    cr_expect_eq(count_effects("VBD.plug", "success"), 1);
}

Test(truth, logs_nothing_of_a_call_that_xen_orchestra_refuses)
{
    size_t before = count_effects("VDI.destroy", NULL);
    cr_expect_eq(fake_client_error(client, "vdi.delete", lab_id(LAB_LOCAL_A1)), 1);
    cr_expect_eq(count_effects("VDI.destroy", NULL), before);
}

Test(truth, forgets_the_oldest_calls_when_there_are_too_many)
{
    struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    for (size_t i = 0; i < XAPI_EFFECTS_MAX + 10; i++)
        xapi_effect(site->xapi, "VDI.set_name_label", &vdi->object, NULL, NULL);
    cleanup_json json_t *all = xapi_effects_describe(site->xapi);
    cr_expect_eq(json_array_size(json_object_get(all, "effects")), XAPI_EFFECTS_MAX);
    cr_expect_geq(json_int_at(all, "dropped", 0), 10);
}

Test(truth, counts_the_live_moves_of_a_host)
{
    lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 2000);
    const struct xapi_vm *vm = xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1);
    cleanup_json json_t *host = truth_of("hosts", vm->host->object.uuid);
    cr_expect_eq(json_int_at(host, "liveMoves", 0), 1);
    cr_expect_eq(json_int_at(host, "liveMovesReached", 0), 1);
    cr_expect_eq(json_int_at(host, "liveMovesMax", 0), 3);
    cr_expect_eq(json_int_at(host, "liveMovesRefused", -1), 0);
}

Test(truth, counts_the_copies_of_an_sr_at_both_ends_and_no_live_move)
{
    const struct disk *loose = lab_disk(site, "pvc-2", LAB_LOCAL_A1);
    lab_migrate(client, loose, LAB_LOCAL_A2);
    lab_migrate(client, disk, LAB_LOCAL_A1); /* a VM has it */
    fake_run(site, 2000);
    cleanup_json json_t *from = truth_of("srs", LAB_LOCAL_A1);
    cr_expect_eq(json_int_at(from, "copies", 0), 1);
    cleanup_json json_t *to = truth_of("srs", LAB_LOCAL_A2);
    cr_expect_eq(json_int_at(to, "copies", 0), 1);
    fake_run(site, 600 * 1000);
    cleanup_json json_t *after = truth_of("srs", LAB_LOCAL_A2);
    cr_expect_eq(json_int_at(after, "copies", -1), 0);
    cr_expect_eq(json_int_at(after, "copiesReached", 0), 1);
}

/* What a client sees of a script: all frames, with the ids that are made up on the way. *New*. */
static char *play(void)
{
    struct buf text = {0};
    setup();
    struct xapi_pool *pool = site->xapi->pools.items[0];
    struct disk *loose = lab_disk(site, "pvc-2", LAB_LOCAL_A1);
    pool->mirror = XAPI_MIRROR_VARIES;
    write_at(1 << 20);
    lab_fault(site, "{\"name\":\"drop-session\",\"at\":0.7,\"match\":\"none\"}");
    lab_migrate(client, loose, LAB_LOCAL_A2);
    lab_migrate(client, disk, LAB_LOCAL_A1);
    fake_run(site, 60000);
    for (size_t i = 0; i < client->frames.len; i++) {
        const struct fake_frame *frame = client->frames.items[i];
        char *dump = json_dumps(frame->message, JSON_COMPACT);
        buf_putf(&text, "%lld %s\n", (long long)frame->t_ms, dump);
        mem_free(dump);
    }
    teardown();
    return buf_steal(&text);
}

Test(determinism, shows_every_client_the_same_on_every_run_of_a_script)
{
    cleanup_str char *first = play();
    cleanup_str char *second = play();
    cr_expect_str_eq(first, second);
}
