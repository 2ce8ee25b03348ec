/* xo: what is kept of hosts, SRs, VMs and snapshots, as a real XO shows them. Covers
 * inventory_snapshots.c. */
#include "xo/inventory.h"

#include "base/str.h"
#include "xo/fake/recording.h"

#include <criterion/criterion.h>
#include <string.h>

#define HOST_1      "b469c9cf-d7a5-4b85-8982-87fe67d6113d"
#define SR_1        "0d14f1cf-19e0-4780-8f64-17ac33b7b249"
#define VM_1        "ab3c5ae9-7457-4c39-8eae-0c5a19ea8c8a"
#define ROOT_DISK_1 "ec0ea5da-f1a4-46c4-8da7-b6966765630c"

static struct xo_inventory *inventory;
static char changes[1024]; /* "disk <id>;freshness ;…" in the order reported */

static void record_change(enum xo_change_kind kind, const char *id, const char *name,
                          void *userdata)
{
    (void)name;
    (void)userdata;
    static const char *const words[] = {[XO_CHANGE_DISK] = "disk",
                                        [XO_CHANGE_SR] = "sr",
                                        [XO_CHANGE_VM] = "vm",
                                        [XO_CHANGE_FRESHNESS] = "freshness"};
    size_t used = strlen(changes);
    str_format(changes + used, sizeof(changes) - used, "%s %s;", words[kind], id);
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

TestSuite(xo_inventory_fields, .init = setup, .fini = teardown);

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

/* For tests: reads under the lock, but hands the objects out. Nothing writes meanwhile. */
static const struct xo_inventory *peek(void)
{
    const struct xo_inventory *read = xo_inventory_read(inventory);
    xo_inventory_unread(read);
    return read;
}

Test(xo_inventory_fields, a_real_xo_tells_memory_type_and_tags)
{
    xo_recording_list(inventory);
    const struct xo_host *host = xo_inventory_host(peek(), HOST_1);
    cr_assert_eq(host->memory_free_bytes, 34359738368);
    cr_assert_not(host->in_maintenance);
    const struct xo_sr *sr = xo_inventory_sr(peek(), SR_1);
    cr_assert_str_eq(sr->type, "lvm");
    cr_assert_not(xo_sr_thin(sr));
    const struct xo_vm *vm = xo_inventory_vm(peek(), VM_1);
    cr_assert_eq(vm->memory_bytes, 2147483648);
    cr_assert_not(vm->busy);
    cr_assert_str_eq(vm->operation, "");
    cr_assert_str_eq(vm->copy_of, "");
    cr_assert_str_eq(vm->tags.items[0], "k8s-worker");
    cr_assert_null(xo_vm_blocked(vm, "migrate_send"));
    const struct xo_disk *disk = xo_inventory_disk(peek(), ROOT_DISK_1);
    cr_assert_str_eq(disk->image_format, "", "this version does not tell it");
    cr_assert_eq(disk->snapshot_count, 0);
}

Test(xo_inventory_fields, what_xo_leaves_out_has_a_safe_value)
{
    notify("enter", "{\"h\":{\"type\":\"host\"},\"s\":{\"type\":\"SR\"},\"v\":{\"type\":\"VM\"},"
                    "\"d\":{\"type\":\"VDI\",\"image_format\":\"raw\"}}");
    cr_assert_eq(xo_inventory_host(peek(), "h")->memory_free_bytes, -1);
    cr_assert_not(xo_sr_thin(xo_inventory_sr(peek(), "s")));
    cr_assert_eq(xo_inventory_vm(peek(), "v")->memory_bytes, 0);
    cr_assert_str_eq(xo_inventory_disk(peek(), "d")->image_format, "");
}

Test(xo_inventory_fields, knows_which_hosts_are_in_maintenance)
{
    notify("enter", "{\"h\":{\"type\":\"host\",\"power_state\":\"Running\",\"enabled\":true,"
                    "\"otherConfig\":{\"MAINTENANCE_MODE\":\"true\"}}}");
    const struct xo_host *host = xo_inventory_host(peek(), "h");
    cr_assert(host->in_maintenance && host->running && host->enabled);
}

Test(xo_inventory_fields, a_hosts_free_memory_follows_without_being_a_change)
{
    notify("enter", "{\"h\":{\"type\":\"host\",\"memory\":{\"size\":100,\"usage\":40}}}");
    cr_assert_str_eq(changes, "freshness ;");
    notify("enter", "{\"h\":{\"type\":\"host\",\"memory\":{\"size\":100,\"usage\":50}}}");
    cr_assert_eq(xo_inventory_host(peek(), "h")->memory_free_bytes, 50);
    cr_assert_str_eq(changes, "", "everything would be looked at again by the second");
    notify("enter",
           "{\"h\":{\"type\":\"host\",\"power_state\":\"Running\",\"memory\":{\"size\":100,"
           "\"usage\":60}}}");
    cr_assert_str_eq(changes, "freshness ;");
}

Test(xo_inventory_fields, a_file_sr_is_thin)
{
    notify("enter",
           "{\"s\":{\"type\":\"SR\",\"SR_type\":\"nfs\",\"allocationStrategy\":\"thin\"}}");
    cr_assert(xo_sr_thin(xo_inventory_sr(peek(), "s")));
    cr_assert_str_eq(xo_inventory_sr(peek(), "s")->type, "nfs");
}

Test(xo_inventory_fields, what_an_sr_has_promised_follows_without_being_a_change)
{
    notify("enter", "{\"s\":{\"type\":\"SR\",\"usage\":100}}");
    cr_assert_eq(xo_inventory_sr(peek(), "s")->promised_bytes, 100);
    notify("enter", "{\"s\":{\"type\":\"SR\",\"usage\":150}}");
    cr_assert_eq(xo_inventory_sr(peek(), "s")->promised_bytes, 150);
    cr_assert_str_eq(changes, "");
}

#define PBD_OF(id, host, formats)                                                                  \
    "\"" id "\":{\"type\":\"PBD\",\"SR\":\"s\",\"host\":\"" host "\",\"device_config\":{" formats  \
    "}}"

Test(xo_inventory_fields, the_pools_master_says_which_images_an_sr_makes)
{
    notify("enter", "{\"p\":{\"type\":\"pool\",\"master\":\"m\",\"$pool\":\"p\"},"
                    "\"s\":{\"type\":\"SR\",\"$pool\":\"p\"}," PBD_OF(
                        "a", "h", "\"preferred-image-formats\":\"vhd\"") "}");
    cr_assert_str_eq(xo_inventory_sr_image_formats(peek(), "s"), "vhd");
    notify("enter",
           "{" PBD_OF("b", "m", "\"preferred-image-formats\":\"qcow2\",\"location\":\"x\"") "}");
    cr_assert_str_eq(xo_inventory_sr_image_formats(peek(), "s"), "qcow2");
    notify("enter", "{" PBD_OF("b", "m", "\"location\":\"x\"") "}");
    cr_assert_str_eq(xo_inventory_sr_image_formats(peek(), "s"), "", "the default holds there");
    cr_assert_str_eq(xo_inventory_sr_image_formats(peek(), "none"), "");
}

Test(xo_inventory_fields, an_sr_is_live_while_one_of_its_hosts_runs_that_has_it_attached)
{
    notify("enter", "{\"h\":{\"type\":\"host\",\"power_state\":\"Running\"},"
                    "\"g\":{\"type\":\"host\",\"power_state\":\"Halted\"},\"s\":{\"type\":\"SR\"},"
                    "\"b\":{\"type\":\"PBD\",\"SR\":\"s\",\"host\":\"h\",\"attached\":true},"
                    "\"c\":{\"type\":\"PBD\",\"SR\":\"s\",\"host\":\"g\",\"attached\":true}}");
    cr_assert(xo_inventory_sr_live(peek(), "s"));
    notify("enter", "{\"b\":{\"type\":\"PBD\",\"SR\":\"s\",\"host\":\"h\",\"attached\":false}}");
    cr_assert_not(xo_inventory_sr_live(peek(), "s"), "a host that is off leaves its PBD attached");
    cr_assert_not(xo_inventory_sr_live(peek(), "no-such-sr"));
}

Test(xo_inventory_fields, a_vm_tells_what_it_does_and_what_somebody_forbids)
{
    notify("enter",
           "{\"v\":{\"type\":\"VM\",\"current_operations\":{\"t1\":\"migrate_send\",\"t2\":"
           "\"snapshot\"},"
           "\"blockedOperations\":{\"migrate_send\":\"Backup in progress\",\"destroy\":\"\"},"
           "\"memory\":{\"dynamic\":[1,1024],\"static\":[1,4096],\"size\":1000},"
           "\"other\":{\"xo:copy_of\":\"w\"}}}");
    const struct xo_vm *vm = xo_inventory_vm(peek(), "v");
    cr_assert(vm->busy);
    cr_assert_str_eq(vm->operation, "migrate_send");
    cr_assert_str_eq(xo_vm_blocked(vm, "migrate_send"), "Backup in progress");
    cr_assert_str_eq(xo_vm_blocked(vm, "destroy"), "", "forbidden without a reason");
    cr_assert_null(xo_vm_blocked(vm, "pool_migrate"));
    cr_assert_eq(vm->memory_bytes, 1024);
    cr_assert_str_eq(vm->copy_of, "w");
    notify("enter",
           "{\"v\":{\"type\":\"VM\",\"current_operations\":{\"t1\":\"migrate_send\",\"t2\":"
           "\"snapshot\"},\"blockedOperations\":{\"destroy\":\"\"},\"memory\":{\"size\":1000},"
           "\"other\":{\"xo:copy_of\":\"w\"}}}");
    cr_assert_str_eq(changes, "vm v;");
    cr_assert_null(xo_vm_blocked(xo_inventory_vm(peek(), "v"), "migrate_send"));
    cr_assert_eq(xo_inventory_vm(peek(), "v")->memory_bytes, 1000);
}

Test(xo_inventory_fields, a_disk_tells_the_format_of_its_image)
{
    notify("enter", "{\"d\":{\"type\":\"VDI\",\"image_format\":\"qcow2\"},"
                    "\"e\":{\"type\":\"VDI\",\"image_format\":\"VHD\"}}");
    cr_assert_str_eq(xo_inventory_disk(peek(), "d")->image_format, "qcow2");
    cr_assert_str_eq(xo_inventory_disk(peek(), "e")->image_format, "vhd");
}

#define SNAPSHOT(id, sr, usage)                                                                    \
    "\"" id "\":{\"type\":\"VDI-snapshot\",\"$snapshot_of\":\"d\",\"$SR\":\"" sr                   \
    "\",\"usage\":" usage "}"

static void expect_snapshots(size_t count, int64_t bytes)
{
    cr_assert_eq(xo_inventory_disk(peek(), "d")->snapshot_count, count);
    cr_assert_eq(xo_inventory_disk(peek(), "d")->snapshot_bytes, bytes);
}

Test(xo_inventory_fields, counts_the_snapshots_of_a_disk_on_its_sr)
{
    notify("enter",
           "{" SNAPSHOT("s1", "x", "10") ",\"d\":{\"type\":\"VDI\",\"$SR\":\"x\"}," SNAPSHOT(
               "s2", "x", "5") "," SNAPSHOT("s3", "elsewhere", "100") "}");
    expect_snapshots(2, 15);
    cr_assert_eq(xo_inventory_counts(peek()).snapshots, 3);
    cr_assert_eq(xo_inventory_counts(peek()).disks, 1);
    cr_assert_null(xo_inventory_disk(peek(), "s1"), "a snapshot is no disk");

    notify("enter", "{" SNAPSHOT("s2", "x", "7") "}");
    expect_snapshots(2, 17);
    cr_assert_str_eq(changes, "disk d;");
    notify("enter", "{\"d\":{\"type\":\"VDI\",\"$SR\":\"x\",\"name_label\":\"renamed\"}}");
    expect_snapshots(2, 17);
    notify("exit", "{\"s1\":0}");
    expect_snapshots(1, 7);
    cr_assert_str_eq(changes, "disk d;");
    notify("exit", "{\"d\":0,\"s2\":0}");
    cr_assert_eq(xo_inventory_counts(peek()).snapshots, 1);
}
