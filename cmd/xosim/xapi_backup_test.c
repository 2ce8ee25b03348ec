/* xosim: what backups make: replicas, restored VMs, health checks. Covers backup.c. */
#include "xosim/xapi_backup.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/control.h"
#include "xosim/fake/lab.h"
#include "xosim/xapi_motion.h"

#include <criterion/criterion.h>
#include <string.h>

static struct site *site;
static struct fake_client *client;
static struct disk *disk; /* of worker-a1 */
static json_t *made;      /* the last answer */

static void setup(void)
{
    site = lab_open(&client);
    disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    lab_attach(client, LAB_WORKER_A1, disk, "5");
    fake_client_must(client, "vdi.set",
                     json_build("{s:s, s:s}", "id", disk->uuid, "name_description", "marker"));
}

static void teardown(void)
{
    json_decref(made);
    made = NULL;
    lab_close(site, client);
}

TestSuite(xapi_backup, .init = setup, .fini = teardown);

static int ask(const char *text)
{
    const struct control_request request = {.method = "POST",
                                            .path = "/backups",
                                            .body = text,
                                            .body_len = strlen(text)};
    json_decref(made);
    made = NULL;
    int status = control_handle(site, &request, &made);
    fake_run(site, 1000);
    return status;
}

static const json_t *vm(void)
{
    return xo_object(site->xo, json_str_at(made, "vm"));
}

/* The copy of the volume's disk, as a client sees it. */
static const json_t *copy(void)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(made, "disks"), i, item) {
        if (str_equal(json_str_at(item, "copyOf"), disk->uuid))
            return xo_object(site->xo, json_str_at(item, "uuid"));
    }
    return NULL;
}

static bool has_tag(const json_t *object, const char *tag)
{
    const json_t *tags = json_object_get(object, "tags");
    for (size_t i = 0; i < json_array_size(tags); i++) {
        if (str_equal(json_string_value(json_array_get(tags, i)), tag))
            return true;
    }
    return false;
}

#define REPLICA "{\"kind\":\"replica\",\"vm\":\"worker-a1\",\"sr\":\"pool-b shared\"}"

Test(xapi_backup, makes_a_halted_replica_in_another_pool_that_says_what_it_is_a_copy_of)
{
    cr_assert_eq(ask(REPLICA), 201);
    cr_expect_str_eq(json_str_at(vm(), "type"), "VM");
    cr_expect_str_eq(json_str_at(vm(), "power_state"), "Halted");
    cr_expect(str_starts_with(json_str_at(vm(), "name_label"), "worker-a1 - nightly - (20"));
    cr_expect_str_eq(json_str_at(json_object_get(vm(), "other"), "xo:copy_of"), LAB_WORKER_A1);
    cr_expect(has_tag(vm(), "Continuous Replication"));
}

Test(xapi_backup, gives_a_replicas_disk_the_name_and_description_of_the_volumes_disk)
{
    cr_assert_eq(ask(REPLICA), 201);
    cr_expect_str_eq(json_str_at(copy(), "name_label"), "pvc-1");
    cr_expect_str_eq(json_str_at(copy(), "name_description"), "marker");
    cr_expect_str_eq(json_str_at(json_object_get(copy(), "other_config"), "xo:copy_of"),
                     disk->uuid);
    const json_t *vbd =
        xo_object(site->xo, json_string_value(json_array_get(json_object_get(copy(), "$VBDs"), 0)));
    cr_expect_str_eq(json_str_at(vbd, "VM"), json_str_at(made, "vm"));
    cr_expect_str_eq(json_str_at(vbd, "position"), "5");
    cr_expect_not(json_bool_at(vbd, "attached", true));
}

Test(xapi_backup, makes_a_replica_of_older_bytes_that_only_ground_truth_tells_apart)
{
    cr_assert_eq(ask(REPLICA), 201);
    struct disk *replica = disks_find(&site->xapi->disks, json_str_at(copy(), "id"));
    cr_expect_eq(disk_stale_bytes(replica), (uint64_t)1 << 20);
    cr_expect_eq(disk_stale_bytes(disk), 0);
    cr_expect_eq(family_lost_bytes(disk->family), 0);
    cr_expect_str_eq(replica->backup, "replica");
}

Test(xapi_backup, makes_a_replica_of_equal_bytes_when_nothing_was_written_since)
{
    cr_assert_eq(ask("{\"kind\":\"replica\",\"vm\":\"worker-a1\",\"sr\":\"pool-a shared\","
                     "\"changedBytes\":0,\"disk\":\"pvc-1\"}"),
                 201);
    cr_expect_eq(json_array_size(json_object_get(made, "disks")), 1);
    struct disk *replica = disks_find(&site->xapi->disks, json_str_at(copy(), "id"));
    cr_expect_str_eq(disk_hash(replica), disk_hash(disk));
}

Test(xapi_backup, makes_orphans_that_belong_to_no_vm)
{
    cr_assert_eq(ask("{\"kind\":\"replica\",\"vm\":\"worker-a1\",\"sr\":\"pool-a shared\","
                     "\"orphan\":true}"),
                 201);
    cr_expect(json_is_null(json_object_get(made, "vm")));
    cr_expect_eq(json_array_size(json_object_get(copy(), "$VBDs")), 0);
}

Test(xapi_backup, restores_a_halted_vm_under_its_own_name)
{
    cr_assert_eq(ask("{\"kind\":\"restore\",\"vm\":\"worker-a1\",\"sr\":\"pool-a shared\"}"), 201);
    cr_expect_str_eq(json_str_at(vm(), "name_label"), "worker-a1");
    cr_expect_str_eq(json_str_at(vm(), "power_state"), "Halted");
    cr_expect(has_tag(vm(), "restored from backup"));
}

#define CHECK                                                                                      \
    "{\"kind\":\"health-check\",\"vm\":\"worker-a1\",\"sr\":\"pool-a shared\",\"host\":"           \
    "\"host-a2\",\"seconds\":120}"

Test(xapi_backup, boots_a_health_check_with_its_disks_plugged)
{
    cr_assert_eq(ask(CHECK), 201);
    cr_expect_str_eq(json_str_at(vm(), "power_state"), "Running");
    cr_expect_str_eq(json_str_at(vm(), "$container"), "a0000000-0000-4000-8000-0000000000a2");
    const json_t *vbd =
        xo_object(site->xo, json_string_value(json_array_get(json_object_get(copy(), "$VBDs"), 0)));
    cr_expect(json_bool_at(vbd, "attached", false));
    cr_expect_str_eq(json_str_at(vbd, "device"), "xvdf");
}

Test(xapi_backup, removes_a_health_check_with_its_disks_when_its_time_is_over)
{
    cr_assert_eq(ask(CHECK), 201);
    cr_assert(vm() && copy());
    fake_run(site, 121000);
    cr_expect_null(vm());
    cr_expect_null(copy());
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
}

Test(xapi_backup, keeps_a_health_check_while_its_disk_is_copied)
{
    cr_assert_eq(ask(CHECK), 201);
    lab_fault(site, "{\"name\":\"copy-stalls\",\"match\":\"pvc-1\"}");
    struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, json_str_at(copy(), "id"));
    struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A2);
    (void)xapi_vdi_pool_migrate(site->xapi, vdi, sr); /* nobody waits for it */
    fake_run(site, 200000);
    cr_expect(vm());
    cr_expect(faults_remove(site->faults, "fault-1"));
    fake_run(site, 200000);
    cr_expect_null(vm());
}

Test(xapi_backup, lets_what_a_health_check_writes_belong_to_nothing)
{
    cr_assert_eq(ask(CHECK), 201);
    struct disk *apart = disks_find(&site->xapi->disks, json_str_at(copy(), "id"));
    cr_assert(disk_write(apart, 0, 4096, 7));
    cr_expect_eq(disk_stale_bytes(disk), 0);
    cr_expect_eq(family_lost_bytes(disk->family), 0);
    cleanup_json json_t *truth = truth_describe(site);
    size_t i = 0;
    json_t *family = NULL;
    json_array_foreach(json_object_get(truth, "families"), i, family)
        cr_expect_eq(json_int_at(family, "staleInUseBytes", -1), 0);
}

Test(xapi_backup, says_which_field_is_wrong_and_what_to_write)
{
    static const struct {
        const char *spec;
        const char *message;
    } cases[] = {
        {"{\"kind\":\"tape\",\"vm\":\"worker-a1\",\"sr\":\"pool-a shared\"}",
         "kind: found \"tape\"; write replica"},
        {"{\"kind\":\"restore\",\"vm\":\"x\",\"sr\":\"pool-a shared\"}", "vm: found \"x\""},
        {"{\"kind\":\"restore\",\"vm\":\"worker-a1\",\"sr\":\"x\"}", "sr: found \"x\""},
        {"{\"kind\":\"restore\",\"vm\":\"worker-a1\",\"sr\":\"host-a1 "
         "local\",\"host\":\"host-a2\"}",
         "host: found \"host-a2\""},
        {"{\"kind\":\"restore\",\"vm\":\"worker-a1\",\"sr\":\"pool-a shared\",\"disk\":\"x\"}",
         "disk: found \"x\""},
        {"{\"kind\":\"restore\",\"vm\":\"worker-a1\",\"sr\":\"pool-a shared\",\"size\":1}",
         "(field): found \"size\""},
        {"{\"kind\":\"health-check\",\"vm\":\"worker-a1\",\"sr\":\"pool-a "
         "shared\",\"orphan\":true}",
         "orphan: found \"true\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cr_expect_eq(ask(cases[i].spec), 400, "%s", cases[i].spec);
        cr_expect(strstr(json_str_at(made, "error"), cases[i].message), "%s",
                  json_str_at(made, "error"));
    }
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
}
