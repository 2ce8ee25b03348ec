/* xosim: faults. */
#include "xosim/fake/lab.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static struct site *site;
static struct fake_client *client;
static struct disk *disk;

static void setup(void)
{
    site = lab_open(&client);
    disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(faults, .init = setup, .fini = teardown);

static const char *refusal(const char *text)
{
    static struct err err;
    cleanup_json json_t *spec = json_loads(text, 0, NULL);
    json_t *fault = NULL;
    err = (struct err){0};
    cr_assert(spec);
    cr_expect_neq(faults_add(site->faults, spec, &fault, &err), 0, "%s", text);
    return err.message;
}

static const char *state_of(size_t index)
{
    cleanup_json json_t *all = faults_list(site->faults);
    return str_equal(json_str_at(json_array_get(all, index), "state"), "armed") ? "armed" : "over";
}

Test(faults, are_described_in_the_documentation_and_in_the_manual_page)
{
    cleanup_buf struct buf documentation = {0};
    cleanup_buf struct buf manual = {0};
    struct err err = {0};
    cr_assert_eq(file_read(DOCS "/xosim.md", &documentation, &err), 0, "%s", err.message);
    cr_assert_eq(file_read(DOCS "/man/xosim.1", &manual, &err), 0, "%s", err.message);
    for (size_t i = 0; faults_name(i); i++) {
        cleanup_str char *row = str_new("| `%s` |", faults_name(i));
        cleanup_str char *item = str_new(".It Cm %s\n", faults_name(i));
        cr_expect(strstr(buf_str(&documentation), row), "%s", row);
        cr_expect(strstr(buf_str(&manual), item), "%s", item);
    }
}

Test(faults, are_refused_with_the_field_and_what_to_write)
{
    cr_expect(strstr(refusal("{\"name\":\"fire\"}"), "there is no such fault"));
    cr_expect(strstr(refusal("{\"name\":\"copy-fails\",\"at\":\"half\"}"),
                     "at: not understood; write a fraction"));
    cr_expect(strstr(refusal("{\"name\":\"copy-fails\",\"at\":2}"), "at: above 1"));
    cr_expect(strstr(refusal("{\"name\":\"sr-full\"}"), "sr: not found"));
    cr_expect(strstr(refusal("{\"name\":\"sr-full\",\"sr\":\"x\",\"at\":1}"),
                     "sr-full has no such field"));
    cr_expect(strstr(refusal("{\"name\":\"pool-blip\",\"pool\":\"x\"}"), "pool: there is none"));
    cr_expect(
        strstr(refusal("{\"name\":\"expire-token\",\"token\":\"x\"}"), "there is no such token"));
    cr_expect(strstr(refusal("{\"name\":\"xo-restart\",\"seconds\":1e300}"),
                     "seconds: more than a year"));
    cr_expect(strstr(refusal("{\"name\":\"drop-reply\"}"), "method: not found"));
}

Test(faults, fail_a_copy_once_with_the_error_they_are_given)
{
    lab_fault(site, "{\"name\":\"copy-fails\",\"at\":0.3,\"match\":\"pvc-*\",\"error\":[\"SR_"
                    "BACKEND_FAILURE_1\",\"x\"]}");
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_1");
    cr_expect_str_eq(state_of(0), "over");
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2))), 0);
}

Test(faults, wait_for_the_disk_that_they_match)
{
    lab_fault(site, "{\"name\":\"copy-fails\",\"match\":\"other-*\"}");
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2))), 0);
    cr_expect_str_eq(state_of(0), "armed");
}

Test(faults, hold_a_copy_exactly_where_they_are_told_to_until_they_are_taken_away)
{
    lab_fault(site, "{\"name\":\"copy-stalls\",\"at\":0.37}");
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 60000);
    const json_t *tasks = json_object_get(site->xo->by_type, "task");
    const json_t *task = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)tasks));
    cr_expect_float_eq(json_real_at(task, "progress", 0), 0.37, 1e-9);
    cr_expect(faults_remove(site->faults, "fault-1"));
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
}

Test(faults, let_a_held_copy_be_cancelled)
{
    lab_fault(site, "{\"name\":\"copy-stalls\"}");
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 60000);
    json_t *tasks = json_object_get(site->xo->by_type, "task");
    fake_client_must(client, "task.cancel", lab_id(json_object_iter_key(json_object_iter(tasks))));
    cr_expect_eq(lab_code(fake_client_wait(client, id)), -32000);
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
}

Test(faults, restart_xen_orchestra_at_a_point_of_a_copy_and_let_xapi_go_on)
{
    lab_fault(site, "{\"name\":\"xo-restart\",\"at\":0.5,\"match\":\"pvc-1\"}");
    lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 60000);
    cr_expect(client->closed);
    const struct disk *copy = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    cr_assert_not_null(copy);
    cr_expect(copy->complete && disk->exists);
}

Test(faults, restart_the_toolstack_at_a_point_of_a_copy)
{
    lab_fault(site, "{\"name\":\"toolstack-restart\",\"at\":0.5}");
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_expect_eq(lab_code(answer), -32000);
    const struct disk *copy = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    cr_assert_not_null(copy);
    cr_expect_not(copy->complete);
    cr_expect_gt(disk_stale_bytes(copy), 0);
}

Test(faults, carry_a_call_out_and_lose_its_answer)
{
    lab_fault(site, "{\"name\":\"drop-reply\",\"method\":\"disk.create\"}");
    cr_expect_null(fake_client_call(client, "disk.create",
                                    json_build("{s:s, s:s, s:s}", "name", "lost", "size", "1 GiB",
                                               "sr", LAB_LOCAL_A1)));
    cr_expect(client->closed && client->abruptly);
    cr_expect_eq(lab_count(site, "lost"), 1);
}

Test(faults, drop_every_session)
{
    struct fake_client *other = fake_client_open(site);
    lab_fault(site, "{\"name\":\"drop-session\"}");
    cr_expect(client->closed && other->closed);
    fake_client_close(other);
}

Test(faults, fill_an_sr_as_often_as_they_are_told_to)
{
    lab_fault(site, "{\"name\":\"sr-full\",\"sr\":\"host-a2 local\",\"times\":2}");
    for (int i = 0; i < 2; i++) {
        const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
        cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_44");
    }
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2))), 0);
}

Test(faults, make_room_for_new_ones_when_they_are_over)
{
    for (int i = 0; i < FAULTS_MAX + 10; i++)
        lab_fault(site, "{\"name\":\"drop-session\"}");
    cleanup_json json_t *all = faults_list(site->faults);
    cr_expect_eq(json_array_size(all), FAULTS_MAX);
    cr_expect_not(faults_remove(site->faults, "fault-1"));
}
