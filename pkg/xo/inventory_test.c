/* xo: what the inventory shows, on recordings of a real XO and on small made-up worlds. */
#include "base/str.h"
#include "xo/fake/recording.h"
#include "xo/inventory.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define POOL_A        "23c8d799-c41a-4da1-89f3-5c6be2958e9e"
#define POOL_B        "115e81fd-2c5b-4b6c-8ede-daa80b0c822f"
#define HOST_1        "b469c9cf-d7a5-4b85-8982-87fe67d6113d"
#define HOST_2        "0fcdb270-19cf-49ba-8eef-61afa5f5547e"
#define SR_1          "0d14f1cf-19e0-4780-8f64-17ac33b7b249"
#define SR_2          "41bba0be-4b6f-4af3-8ae2-cb65d9ac1e36"
#define SR_SHARED     "883e5621-eaca-4118-808c-9e2d89ded2ee"
#define VM_1          "ab3c5ae9-7457-4c39-8eae-0c5a19ea8c8a"
#define ROOT_DISK_1   "ec0ea5da-f1a4-46c4-8da7-b6966765630c"
#define COPY_SOURCE   "8abb107c-4050-4cd4-93e3-e902e3a59bcc"
#define COPY_NEW      "5ad21817-8a0b-4029-a9db-5d1afae4424a"
#define COPY_TASK     "OpaqueRef:ed8d000b-8cda-4ccd-a7ca-fc007f1f841d"
#define MIRROR_SOURCE "52e4a4f6-8929-4e79-bb20-21b5b68630f0"
#define MIRROR_NEW    "93f179ec-f94c-4c72-a549-770bb9924af4"

static struct xo_inventory *inventory;
static char changes[8192]; /* "disk <name>;sr <id>;…" in the order reported */

static void record_change(enum xo_change_kind kind, const char *id, const char *name,
                          void *userdata)
{
    (void)userdata;
    static const char *const words[] = {[XO_CHANGE_DISK] = "disk",
                                        [XO_CHANGE_SR] = "sr",
                                        [XO_CHANGE_VM] = "vm",
                                        [XO_CHANGE_FRESHNESS] = "freshness"};
    size_t used = strlen(changes);
    str_format(changes + used, sizeof(changes) - used, "%s %s;", words[kind],
               kind == XO_CHANGE_DISK ? name : id);
}

static void setup(void)
{
    inventory = xo_inventory_new(&clock_system);
    xo_inventory_on_change(inventory, record_change, NULL);
}

static void teardown(void)
{
    inventory = xo_inventory_free(inventory);
}

TestSuite(xo_inventory, .init = setup, .fini = teardown);

/* Takes in one notification given as JSON text of its items. */
static void notify(const char *type, const char *items_text)
{
    json_t *items = NULL;
    struct err err = {0};
    cr_assert_eq(json_parse(items_text, strlen(items_text), &items, &err), 0, "%s", err.message);
    json_t *params cleanup_json = json_build("{s:s, s:o}", "type", type, "items", items);
    changes[0] = '\0';
    xo_inventory_notify(inventory, params);
}

/* Lists exactly these objects. */
static void list(const char *items_text)
{
    json_t *items cleanup_json = NULL;
    struct err err = {0};
    cr_assert_eq(json_parse(items_text, strlen(items_text), &items, &err), 0, "%s", err.message);
    changes[0] = '\0';
    xo_inventory_list_begin(inventory);
    xo_inventory_list_add(inventory, items);
    xo_inventory_list_end(inventory);
}

/* For tests: reads under the lock, but hands the objects out. Nothing writes meanwhile. */
static const struct xo_inventory *peek(void)
{
    const struct xo_inventory *read = xo_inventory_read(inventory);
    xo_inventory_unread(read);
    return read;
}

static bool strings_have(const struct xo_strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->len; i++) {
        if (str_equal(strings->items[i], text))
            return true;
    }
    return false;
}

Test(xo_inventory, is_stale_until_everything_was_listed)
{
    cr_assert_not(xo_inventory_fresh(peek()));
    xo_inventory_list_begin(inventory);
    cr_assert_not(xo_inventory_fresh(peek()));
    xo_inventory_list_end(inventory);
    cr_assert(xo_inventory_fresh(peek()));
    cr_assert_neq(xo_inventory_fresh_since(peek()).ms, 0);
    cr_assert_str_eq(changes, "freshness ;");
}

Test(xo_inventory, finds_the_disks_that_an_operation_moves)
{
    list("{\"a\":{\"type\":\"VDI\",\"id\":\"a\",\"current_operations\":{\"T1\":\"copy\"}},"
         "\"b\":{\"type\":\"VDI\",\"id\":\"b\",\"current_operations\":{}},"
         "\"c\":{\"type\":\"VDI\",\"id\":\"c\",\"current_operations\":{\"T2\":\"mirror\"}},"
         "\"d\":{\"type\":\"VDI\",\"id\":\"d\",\"current_operations\":{\"T3\":\"destroy\"}}}");
    cr_assert_str_eq(xo_inventory_disk_moving(peek(), 0)->uuid, "a");
    cr_assert_str_eq(xo_inventory_disk_moving(peek(), 1)->uuid, "c");
    cr_assert_null(xo_inventory_disk_moving(peek(), 2));
    notify("enter", "{\"a\":{\"type\":\"VDI\",\"id\":\"a\",\"current_operations\":{}}}");
    cr_assert_str_eq(xo_inventory_disk_moving(peek(), 0)->uuid, "c");
}

Test(xo_inventory, keeps_its_objects_readable_while_it_is_stale)
{
    xo_recording_list(inventory);
    changes[0] = '\0';
    xo_inventory_stale(inventory);
    cr_assert_not(xo_inventory_fresh(peek()));
    cr_assert_eq(xo_inventory_fresh_since(peek()).ms, 0);
    cr_assert_not_null(xo_inventory_disk(peek(), ROOT_DISK_1));
    cr_assert_str_eq(changes, "freshness ;");
    changes[0] = '\0';
    xo_inventory_stale(inventory);
    cr_assert_str_eq(changes, "", "stale twice is said once");
}

Test(xo_inventory, shows_the_recorded_world)
{
    xo_recording_list(inventory);
    struct xo_inventory_counts counts = xo_inventory_counts(peek());
    cr_assert_eq(counts.pools, 2);
    cr_assert_eq(counts.hosts, 4);
    cr_assert_eq(counts.srs, 6);
    cr_assert_eq(counts.malformed, 0);

    const struct xo_pool *pool = xo_inventory_pool(peek(), POOL_A);
    cr_assert_str_eq(pool->name, "pool-a");
    cr_assert_str_eq(pool->uuid, POOL_A);
    cr_assert_str_eq(pool->master, HOST_1);
    const struct xo_host *host = xo_inventory_host(peek(), HOST_1);
    cr_assert(host->running && host->enabled);
    cr_assert_str_eq(host->pool, POOL_A);
    const struct xo_sr *sr = xo_inventory_sr(peek(), SR_1);
    cr_assert_str_eq(sr->container, HOST_1);
    cr_assert_eq(sr->size_bytes, 107374182400);
    cr_assert_not(sr->shared);
    cr_assert(strings_have(&sr->tags, "k8s-local"));
    cr_assert(xo_inventory_sr(peek(), SR_SHARED)->shared);
    const struct xo_disk *disk = xo_inventory_disk(peek(), ROOT_DISK_1);
    cr_assert_str_eq(disk->name, "pool-a-worker1 root");
    cr_assert_str_eq(disk->sr, SR_1);
    cr_assert_eq(disk->size_bytes, 10737418240);
    cr_assert_eq(disk->vbds.len, 1);
    const struct xo_vbd *vbd = xo_inventory_vbd(peek(), disk->vbds.items[0]);
    cr_assert_str_eq(vbd->device, "xvda");
    cr_assert_str_eq(vbd->vm, VM_1);
    cr_assert_eq(vbd->position, 0);
    cr_assert(vbd->attached);
    const struct xo_vm *vm = xo_inventory_vm(peek(), VM_1);
    cr_assert_str_eq(vm->power_state, "Running");
    cr_assert_str_eq(vm->container, HOST_1);
    cr_assert_not(vm->control_domain);
    cr_assert_null(xo_inventory_disk(peek(), SR_1), "an id of another type is no disk");
}

Test(xo_inventory, finds_srs_by_tag_and_knows_from_which_hosts_they_are_reached)
{
    xo_recording_list(inventory);
    size_t tagged = 0;
    const struct xo_sr *sr = NULL;
    char before[64] = "";
    for (; (sr = xo_inventory_sr_tagged(peek(), "k8s-local", tagged)); tagged++) {
        cr_assert_lt(strcmp(before, sr->uuid), 0, "in order of UUID");
        str_copy(before, sizeof(before), sr->uuid);
    }
    cr_assert_eq(tagged, 4);
    cr_assert_null(xo_inventory_sr_tagged(peek(), "no-such-tag", 0));
    cr_assert(xo_inventory_sr_reachable(peek(), SR_1, HOST_1));
    cr_assert_not(xo_inventory_sr_reachable(peek(), SR_1, HOST_2));
    cr_assert(xo_inventory_sr_reachable(peek(), SR_SHARED, HOST_2));
}

Test(xo_inventory, shows_a_detached_disk_being_copied_step_by_step)
{
    xo_recording_list(inventory);
    struct xo_recording *recording cleanup_recording = xo_recording_open("migrate-detached-copy");

    xo_recording_notify(recording, inventory, 400);
    cr_assert_str_eq(xo_inventory_disk_named(peek(), "csi-pvc-4", 0)->uuid, COPY_NEW);
    cr_assert_str_eq(xo_inventory_disk_named(peek(), "csi-pvc-4", 1)->uuid, COPY_SOURCE);
    cr_assert_null(xo_inventory_disk_named(peek(), "csi-pvc-4", 2));
    const struct xo_disk *source = xo_inventory_disk(peek(), COPY_SOURCE);
    cr_assert(strings_have(&source->operations, "copy"));
    cr_assert(strings_have(&source->tasks, COPY_TASK));
    cr_assert_eq(xo_inventory_disk(peek(), COPY_NEW)->operations.len, 0);
    const struct xo_vbd *vbd = xo_inventory_vbd(peek(), source->vbds.items[0]);
    cr_assert(xo_inventory_vm(peek(), vbd->vm) == NULL ||
              xo_inventory_vm(peek(), vbd->vm)->control_domain);
    const struct xo_task *task = xo_inventory_task_by_ref(peek(), COPY_TASK);
    cr_assert_eq(task->status, XO_TASK_PENDING);
    cr_assert(task->cancellable);

    changes[0] = '\0';
    xo_recording_notify(recording, inventory, 600);
    cr_assert_float_eq(xo_inventory_task_by_ref(peek(), COPY_TASK)->progress, 0.0245, 1e-9);
    cr_assert_str_eq(changes, "disk csi-pvc-4;", "progress is reported for the disk that moves");

    xo_recording_notify(recording, inventory, 10510);
    task = xo_inventory_task_by_ref(peek(), COPY_TASK);
    cr_assert_eq(task->status, XO_TASK_SUCCESS);
    cr_assert_not(task->cancellable);
    cr_assert_eq(xo_inventory_disk(peek(), COPY_SOURCE)->operations.len, 0);
    cr_assert_str_eq(xo_inventory_disk_by_ref(peek(), task->result_ref)->uuid, COPY_NEW);

    xo_recording_notify(recording, inventory, 10916);
    cr_assert_null(xo_inventory_disk(peek(), COPY_SOURCE));
    cr_assert_str_eq(xo_inventory_disk_named(peek(), "csi-pvc-4", 0)->uuid, COPY_NEW);
    task = xo_inventory_task_by_ref(peek(), COPY_TASK);
    cr_assert_eq(task->status, XO_TASK_SUCCESS, "its result outlives the task");
    cr_assert_str_eq(task->result_ref, xo_inventory_disk(peek(), COPY_NEW)->ref);
}

Test(xo_inventory, shows_an_attached_disk_being_mirrored)
{
    xo_recording_list(inventory);
    struct xo_recording *recording cleanup_recording = xo_recording_open("migrate-attached-mirror");
    xo_recording_notify(recording, inventory, 200);
    const struct xo_disk *source = xo_inventory_disk(peek(), MIRROR_SOURCE);
    cr_assert(strings_have(&source->operations, "mirror"));
    char task_ref[64];
    str_copy(task_ref, sizeof(task_ref), source->tasks.items[0]);
    cr_assert_str_eq(xo_inventory_disk(peek(), MIRROR_NEW)->sr, SR_1);

    xo_recording_notify(recording, inventory, 10397);
    const struct xo_task *task = xo_inventory_task_by_ref(peek(), task_ref);
    cr_assert_eq(task->status, XO_TASK_PENDING);
    cr_assert_not(task->cancellable, "the last phase can not be cancelled");
    cr_assert_eq(xo_inventory_disk(peek(), MIRROR_SOURCE)->vbds.len, 0);
    const struct xo_disk *new = xo_inventory_disk(peek(), MIRROR_NEW);
    cr_assert_str_eq(xo_inventory_vbd(peek(), new->vbds.items[0])->disk, MIRROR_NEW);

    xo_recording_notify(recording, inventory, 10601);
    cr_assert_null(xo_inventory_disk(peek(), MIRROR_SOURCE));
    cr_assert_str_eq(xo_inventory_task_by_ref(peek(), task_ref)->result_ref,
                     xo_inventory_disk(peek(), MIRROR_NEW)->ref);
}

Test(xo_inventory, takes_no_vanished_pool_for_vanished_disks)
{
    xo_recording_list(inventory);
    cr_assert(xo_inventory_all_pools_present(peek()));
    struct xo_recording *recording cleanup_recording = xo_recording_open("pool-connection-blip");
    changes[0] = '\0';
    xo_recording_notify(recording, inventory, 138);
    cr_assert(xo_inventory_fresh(peek()), "the session is up all the time");
    cr_assert_null(xo_inventory_disk(peek(), ROOT_DISK_1));
    cr_assert_not(xo_inventory_pool_present(peek(), POOL_A));
    cr_assert(xo_inventory_pool_present(peek(), POOL_B));
    cr_assert_not(xo_inventory_all_pools_present(peek()), "so its absence proves nothing");
    cr_assert(str_starts_with(changes, "freshness ;"));

    changes[0] = '\0';
    xo_recording_notify(recording, inventory, 74118);
    cr_assert_not_null(xo_inventory_disk(peek(), ROOT_DISK_1));
    cr_assert(xo_inventory_all_pools_present(peek()));
    cr_assert(str_starts_with(changes, "freshness ;"));
}

Test(xo_inventory, leaves_two_disks_and_no_task_after_a_toolstack_restart)
{
    xo_recording_list(inventory);
    struct xo_recording *recording cleanup_recording =
        xo_recording_open("migrate-copy-toolstack-restart");
    xo_recording_notify(recording, inventory, 600);
    const char *source = "6723fea2-d8f0-408b-8e7f-abc2238a60cd";
    char task_ref[64];
    str_copy(task_ref, sizeof(task_ref), xo_inventory_disk(peek(), source)->tasks.items[0]);
    cr_assert_not_null(xo_inventory_task_by_ref(peek(), task_ref));

    xo_recording_notify(recording, inventory, 2714);
    cr_assert_not_null(xo_inventory_disk_named(peek(), "csi-pvc-8", 1));
    cr_assert_eq(xo_inventory_disk(peek(), source)->operations.len, 0);
    cr_assert_null(xo_inventory_task_by_ref(peek(), task_ref),
                   "a task that went away while pending tells nothing");
}

Test(xo_inventory, shows_the_vbd_that_a_failed_plug_left_behind)
{
    xo_recording_list(inventory);
    struct xo_recording *recording cleanup_recording = xo_recording_open("attach-wrong-host");
    xo_recording_notify(recording, inventory, 641);
    const struct xo_disk *disk = xo_inventory_disk_named(peek(), "csi-pvc-3", 0);
    cr_assert_eq(disk->vbds.len, 1);
    const struct xo_vbd *vbd = xo_inventory_vbd(peek(), disk->vbds.items[0]);
    cr_assert_not(vbd->attached);
    cr_assert_str_eq(vbd->device, "");
    cr_assert_eq(vbd->position, 1);
    xo_recording_notify(recording, inventory, INT64_MAX);
    cr_assert_null(xo_inventory_disk_named(peek(), "csi-pvc-3", 0));
}

Test(xo_inventory, reports_the_old_and_the_new_name_of_a_renamed_disk)
{
    list("{\"d\":{\"type\":\"VDI\",\"name_label\":\"csi-temp-x\"}}");
    notify("enter", "{\"d\":{\"type\":\"VDI\",\"name_label\":\"csi-x\"}}");
    cr_assert_str_eq(changes, "disk csi-temp-x;disk csi-x;");
    cr_assert_null(xo_inventory_disk_named(peek(), "csi-temp-x", 0));
    cr_assert_str_eq(xo_inventory_disk_named(peek(), "csi-x", 0)->uuid, "d");
}

Test(xo_inventory, does_not_report_what_did_not_change)
{
    list("{\"d\":{\"type\":\"VDI\",\"name_label\":\"x\",\"$VBDs\":[\"b\"],\"other\":1}}");
    notify("enter",
           "{\"d\":{\"type\":\"VDI\",\"name_label\":\"x\",\"$VBDs\":[\"b\"],\"other\":2}}");
    cr_assert_str_eq(changes, "");
    notify("enter",
           "{\"d\":{\"type\":\"VDI\",\"name_label\":\"x\",\"$VBDs\":[\"c\"],\"other\":2}}");
    cr_assert_str_eq(changes, "disk x;");
}

Test(xo_inventory, reports_a_disk_whose_vbd_or_vm_changed)
{
    list("{\"d\":{\"type\":\"VDI\",\"name_label\":\"x\",\"$VBDs\":[\"b\"]},"
         "\"b\":{\"type\":\"VBD\",\"VDI\":\"d\",\"VM\":\"m\",\"attached\":true},"
         "\"m\":{\"type\":\"VM\",\"power_state\":\"Running\",\"$VBDs\":[\"b\"]}}");
    notify("enter", "{\"m\":{\"type\":\"VM\",\"power_state\":\"Halted\",\"$VBDs\":[\"b\"]}}");
    cr_assert_str_eq(changes, "vm m;disk x;");
    notify("enter", "{\"b\":{\"type\":\"VBD\",\"VDI\":\"d\",\"VM\":\"m\",\"attached\":false}}");
    cr_assert_str_eq(changes, "disk x;vm m;");
    notify("exit", "{\"b\":0}");
    cr_assert_str_eq(changes, "disk x;vm m;");
}

Test(xo_inventory, drops_a_disk_that_became_a_snapshot)
{
    list("{\"d\":{\"type\":\"VDI\",\"name_label\":\"x\"}}");
    notify("enter", "{\"d\":{\"type\":\"VDI-unmanaged\",\"name_label\":\"x\"}}");
    cr_assert_null(xo_inventory_disk(peek(), "d"));
    cr_assert_str_eq(changes, "disk x;");
}

Test(xo_inventory, removes_and_reports_on_a_second_listing_what_is_no_longer_there)
{
    list("{\"d\":{\"type\":\"VDI\",\"name_label\":\"x\"},\"e\":{\"type\":\"VDI\",\"name_label\":"
         "\"y\"}}");
    xo_inventory_stale(inventory);
    list("{\"e\":{\"type\":\"VDI\",\"name_label\":\"y\"}}");
    cr_assert_null(xo_inventory_disk(peek(), "d"));
    cr_assert_not_null(xo_inventory_disk(peek(), "e"));
    cr_assert_str_eq(changes, "disk x;freshness ;");
}

Test(xo_inventory, keeps_what_a_notification_brought_during_a_listing)
{
    xo_inventory_list_begin(inventory);
    notify("enter", "{\"d\":{\"type\":\"VDI\",\"name_label\":\"x\"}}");
    xo_inventory_list_end(inventory);
    cr_assert_not_null(xo_inventory_disk(peek(), "d"));
}

Test(xo_inventory, counts_and_skips_what_it_can_not_read)
{
    notify("enter",
           "{\"a\":5,\"b\":{\"type\":7},\"c\":{\"type\":\"VDI\",\"name_label\":3,\"size\":\"x\"}}");
    notify("moved", "{}");
    xo_inventory_notify(inventory, NULL);
    cr_assert_eq(xo_inventory_counts(peek()).malformed, 4);
    cr_assert_str_eq(xo_inventory_disk(peek(), "c")->name, "", "a disk is never left out");
}

Test(xo_inventory, finds_ten_thousand_disks_by_name_and_by_id)
{
    json_t *items cleanup_json = json_object();
    for (int i = 0; i < 10000; i++) {
        char id[16], name[32];
        str_format(id, sizeof(id), "d%05d", i);
        str_format(name, sizeof(name), "csi-%d", i / 2);
        json_put(items, id, json_build("{s:s,s:s}", "type", "VDI", "name_label", name));
    }
    xo_inventory_list_begin(inventory);
    xo_inventory_list_add(inventory, items);
    xo_inventory_list_end(inventory);
    for (int i = 0; i < 10000; i++) {
        char id[16], name[32];
        str_format(id, sizeof(id), "d%05d", i);
        str_format(name, sizeof(name), "csi-%d", i / 2);
        cr_assert_str_eq(xo_inventory_disk(peek(), id)->name, name);
        cr_assert_str_eq(xo_inventory_disk_named(peek(), name, (size_t)i % 2)->uuid, id);
    }
    xo_inventory_list_begin(inventory);
    xo_inventory_list_end(inventory);
    cr_assert_eq(xo_inventory_counts(peek()).disks, 0);
}

Test(xo_inventory, keeps_only_so_many_ended_tasks)
{
    for (int i = 0; i < 3000; i++) {
        char items[160], gone[32];
        str_format(
            items, sizeof(items),
            "{\"t%d\":{\"type\":\"task\",\"status\":\"success\",\"xapiRef\":\"OpaqueRef:%d\"}}", i,
            i);
        str_format(gone, sizeof(gone), "{\"t%d\":0}", i);
        notify("enter", items);
        notify("exit", gone);
    }
    cr_assert_null(xo_inventory_task_by_ref(peek(), "OpaqueRef:0"));
    cr_assert_not_null(xo_inventory_task_by_ref(peek(), "OpaqueRef:2999"));
    cr_assert_eq(xo_inventory_counts(peek()).tasks, 0);
}

Test(xo_inventory, counts_the_disks_whose_name_begins_with_something)
{
    list("{\"a\":{\"type\":\"VDI\",\"name_label\":\"left-1\"},\"b\":{\"type\":\"VDI\",\"name_"
         "label\":"
         "\"left-2\"},\"c\":{\"type\":\"VDI\",\"name_label\":\"a left-3\"},\"d\":{\"type\":\"SR\","
         "\"name_label\":\"left-4\"}}");
    cr_assert_eq(xo_inventory_count_disks(peek(), "left-"), 2);
}

Test(xo_inventory, tells_a_disk_that_a_copy_goes_into_by_the_control_domain_that_writes_to_it)
{
    list("{\"d0\":{\"type\":\"VM-controller\"},\"m\":{\"type\":\"VM\"},"
         "\"from\":{\"type\":\"VDI\",\"$VBDs\":[\"reads\"]},\"to\":{\"type\":\"VDI\",\"$VBDs\":["
         "\"writes\"]},"
         "\"used\":{\"type\":\"VDI\",\"$VBDs\":[\"guest\"]},"
         "\"reads\":{\"type\":\"VBD\",\"VM\":\"d0\",\"attached\":true,\"read_only\":true},"
         "\"writes\":{\"type\":\"VBD\",\"VM\":\"d0\",\"attached\":true,\"read_only\":false},"
         "\"guest\":{\"type\":\"VBD\",\"VM\":\"m\",\"attached\":true,\"read_only\":false}}");
    cr_assert(xo_inventory_disk_filled(peek(), xo_inventory_disk(peek(), "to")));
    cr_assert_not(xo_inventory_disk_filled(peek(), xo_inventory_disk(peek(), "from")));
    cr_assert_not(xo_inventory_disk_filled(peek(), xo_inventory_disk(peek(), "used")));
}

Test(xo_inventory, reports_a_disk_on_request)
{
    xo_inventory_disk_changed(inventory, "d", "csi-x");
    cr_assert_str_eq(changes, "disk csi-x;");
}
