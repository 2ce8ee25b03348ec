/* xosim: faults. Covers faults_kinds.c, faults_spec.c, faults_hooks.c, xapi_host.c. */
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

static void read_document(const char *path, struct buf *text)
{
    struct err err = {0};
    cr_assert_eq(file_read(path, text, &err), 0, "%s", err.message);
}

/* The row that the documentation must have of a fault. *New*. */
static char *row_of(const json_t *kind)
{
    struct buf row = {0};
    size_t i = 0;
    json_t *field = NULL;
    buf_putf(&row, "| `%s` | ", json_str_at(kind, "name"));
    json_array_foreach(json_object_get(kind, "fields"), i, field) {
        bool needed = false;
        size_t k = 0;
        json_t *need = NULL;
        json_array_foreach(json_object_get(kind, "needs"), k, need)
            needed = needed || json_equal(need, field);
        buf_putf(&row, "%s`%s`%s", i > 0 ? ", " : "", json_string_value(field), needed ? "*" : "");
    }
    buf_putf(&row, " | %s |\n", json_str_at(kind, "what"));
    return buf_steal(&row);
}

Test(faults, are_documented_as_the_table_has_them)
{
    cleanup_buf struct buf documentation = {0};
    cleanup_buf struct buf manual = {0};
    cleanup_json json_t *kinds = faults_kinds();
    read_document(DOCS "/faults.md", &documentation);
    read_document(DOCS "/man/xosim.1", &manual);
    const char *at = strstr(buf_str(&documentation), "## The faults");
    cr_assert_not_null(at);
    size_t rows = 0;
    for (const char *row = at; (row = strstr(row, "\n| `")); row++)
        rows++;
    cr_expect_eq(rows, json_array_size(kinds), "a row too many");
    for (size_t i = 0; i < json_array_size(kinds); i++) {
        cleanup_str char *row = row_of(json_array_get(kinds, i));
        cleanup_str char *item = str_new(".It Cm %s\n", faults_name(i));
        cr_expect(strstr(at, row), "%s", row);
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
    cr_expect(strstr(refusal("{\"name\":\"sr-full\",\"sr\":\"x\"}"), "sr: there is none"));
    cr_expect(strstr(refusal("{\"name\":\"slow-sr\",\"sr\":\"host-a1 local\",\"factor\":0}"),
                     "factor: found 0"));
    cr_expect(strstr(refusal("{\"name\":\"drop-call\",\"method\":\"vdi.explode\"}"),
                     "method: there is no"));
    cr_expect(strstr(refusal("{\"name\":\"drop-session\",\"when\":{\"event\":\"noon\"}}"),
                     "when.event: found \"noon\""));
    cr_expect(strstr(refusal("{\"name\":\"drop-session\",\"when\":{\"event\":\"before-reply\","
                             "\"at\":1}}"),
                     "at: before-reply has no such field"));
    cr_expect(strstr(refusal("{\"name\":\"copy-fails\",\"when\":{\"event\":\"before-reply\"}}"),
                     "copy-fails can not wait for before-reply"));
    cr_expect(strstr(refusal("{\"name\":\"copy-fails\",\"at\":1,\"when\":{\"event\":\"time\"}}"),
                     "beside it"));
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

static json_t *create_params(const char *name)
{
    return json_build("{s:s, s:s, s:s}", "name", name, "size", "1 GiB", "sr", LAB_LOCAL_A1);
}

Test(faults, happen_before_the_reply_to_the_nth_call_of_a_method)
{
    lab_fault(site, "{\"name\":\"drop-session\",\"when\":{\"event\":\"before-reply\",\"method\":"
                    "\"disk.create\",\"nth\":3}}");
    fake_client_must(client, "disk.create", create_params("one"));
    fake_client_must(client, "disk.create", create_params("two"));
    cr_expect_null(fake_client_call(client, "disk.create", create_params("three")));
    cr_expect(client->closed);
    cr_expect_eq(lab_count(site, "three"), 1);
}

Test(faults, restart_xen_orchestra_before_xapi_hears_of_a_call)
{
    lab_fault(site, "{\"name\":\"xo-restart\",\"when\":{\"event\":\"before-call\",\"method\":"
                    "\"vdi.migrate\",\"match\":\"pvc-*\"}}");
    cr_expect_null(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2)));
    fake_run(site, 60000);
    cr_expect(client->closed);
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
}

Test(faults, restart_xen_orchestra_after_xapi_has_copied_and_before_the_source_is_destroyed)
{
    lab_fault(site, "{\"name\":\"xo-restart\",\"when\":{\"event\":\"after-xapi\",\"method\":"
                    "\"vdi.migrate\",\"operation\":\"VDI.copy\"}}");
    lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 60000);
    const struct disk *copy = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    cr_assert_not_null(copy);
    cr_expect(copy->complete && disk->exists);
}

Test(faults, restart_xen_orchestra_after_xapi_has_made_a_disk_and_before_anything_else)
{
    lab_fault(site, "{\"name\":\"xo-restart\",\"when\":{\"event\":\"after-xapi\",\"method\":"
                    "\"disk.create\"}}");
    cr_expect_null(fake_client_call(client, "disk.create", create_params("made")));
    cr_expect_eq(lab_count(site, "made"), 1);
}

Test(faults, happen_after_a_time)
{
    lab_fault(site, "{\"name\":\"drop-session\",\"after\":30}");
    fake_run(site, 29000);
    cr_expect_not(client->closed);
    fake_run(site, 2000);
    cr_expect(client->closed);
}

Test(faults, wait_for_their_event_only_after_a_time)
{
    lab_fault(site, "{\"name\":\"sr-full\",\"sr\":\"host-a1 local\",\"after\":30}");
    fake_client_must(client, "disk.create", create_params("one"));
    fake_run(site, 31000);
    cr_expect_eq(fake_client_error(client, "disk.create", create_params("two")), -32000);
}

Test(faults, lose_a_call_before_it_is_heard)
{
    lab_fault(site, "{\"name\":\"drop-call\",\"method\":\"disk.create\",\"match\":\"lo*\"}");
    fake_client_must(client, "disk.create", create_params("other"));
    cr_expect_null(fake_client_call(client, "disk.create", create_params("lost")));
    fake_run(site, 10000);
    cr_expect(client->closed);
    cr_expect_eq(lab_count(site, "lost"), 0);
}

Test(faults, let_a_call_fail_with_an_error_of_xapi)
{
    lab_fault(site,
              "{\"name\":\"call-fails\",\"method\":\"vdi.delete\",\"error\":[\"HANDLE_INVALID\","
              "\"VDI\",\"x\"]}");
    const json_t *answer = fake_client_call(client, "vdi.delete", lab_id(disk->uuid));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "HANDLE_INVALID");
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
}

Test(faults, throttle_signing_in_until_they_end)
{
    struct fake_client *other = fake_client_open(site);
    lab_fault(site, "{\"name\":\"throttle-sign-in\",\"seconds\":60}");
    json_t *params = json_build("{s:s, s:s}", "email", "admin@admin.net", "password", "admin");
    cr_expect_eq(fake_client_error(other, "session.signIn", json_incref(params)), -32000);
    cr_expect_str_eq(state_of(0), "over");
    fake_run(site, 61000);
    fake_client_must(other, "session.signIn", params);
    fake_client_close(other);
}

static const json_t *mirrored(const char *type, const char *key, const char *value)
{
    const char *id = NULL;
    json_t *object = NULL;
    json_object_foreach(json_object_get(site->xo->by_type, type), id, object) {
        if (str_equal(json_str_at(object, key), value))
            return object;
    }
    return NULL;
}

Test(faults, power_a_host_off_and_nothing_but_its_power_state_tells)
{
    lab_fault(site, "{\"name\":\"host-power-off\",\"host\":\"host-a1\"}");
    fake_run(site, 1000);
    const json_t *host = mirrored("host", "name_label", "host-a1");
    cr_expect_str_eq(json_str_at(host, "power_state"), "Halted");
    cr_expect(json_bool_at(mirrored("PBD", "SR", LAB_LOCAL_A1), "attached", false));
    cr_expect_eq(fake_client_error(client, "disk.create", create_params("x")), 18);
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2))), 18);
    lab_fault(site, "{\"name\":\"host-power-on\",\"host\":\"host-a1\"}");
    fake_client_must(client, "disk.create", create_params("x"));
}

Test(faults, end_a_copy_whose_host_goes_off_and_leave_the_source)
{
    lab_fault(site, "{\"name\":\"host-power-off\",\"host\":\"host-a2\",\"at\":0.4}");
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2))), 18);
    const struct disk *copy = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    cr_assert_not_null(copy, "nobody could remove it");
    cr_expect(disk->exists && !copy->complete);
}

Test(faults, unplug_an_sr_until_they_are_taken_away)
{
    lab_fault(site, "{\"name\":\"sr-unplugged\",\"sr\":\"host-a1 local\"}");
    fake_run(site, 1000);
    cr_expect_not(json_bool_at(mirrored("PBD", "SR", LAB_LOCAL_A1), "attached", true));
    const json_t *answer = fake_client_call(client, "disk.create", create_params("x"));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_HAS_NO_PBDS");
    cr_expect(faults_remove(site->faults, "fault-1"));
    fake_client_must(client, "disk.create", create_params("x"));
}

Test(faults, slow_an_sr_down_by_a_factor)
{
    int64_t started_us = site->timers.now_us;
    fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    int64_t usual_us = site->timers.now_us - started_us;
    const struct disk *moved = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    lab_fault(site, "{\"name\":\"slow-sr\",\"sr\":\"host-a1 local\",\"factor\":0.1}");
    started_us = site->timers.now_us;
    fake_client_wait(client, lab_migrate(client, moved, LAB_LOCAL_A1));
    cr_expect_gt(site->timers.now_us - started_us, 5 * usual_us);
}

Test(faults, let_a_plug_fail_and_leave_the_device_behind)
{
    lab_fault(site, "{\"name\":\"plug-fails\",\"error\":[\"SR_BACKEND_FAILURE_46\"]}");
    json_t *params =
        json_build("{s:s, s:s, s:s}", "vm", LAB_WORKER_A1, "vdi", disk->uuid, "mode", "RW");
    const json_t *answer = fake_client_call(client, "vm.attachDisk", params);
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_46");
    const json_t *vbd = mirrored("VBD", "VDI", disk->uuid);
    cr_assert_not_null(vbd);
    cr_expect_not(json_bool_at(vbd, "attached", true));
}

Test(faults, let_somebody_else_have_the_position_first)
{
    lab_fault(site, "{\"name\":\"attach-race\",\"vm\":\"" LAB_WORKER_A1 "\"}");
    json_t *params =
        json_build("{s:s, s:s, s:s}", "vm", LAB_WORKER_A1, "vdi", disk->uuid, "mode", "RW");
    const json_t *answer = fake_client_call(client, "vm.attachDisk", json_incref(params));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "DEVICE_ALREADY_EXISTS");
    fake_client_must(client, "vm.attachDisk", params);
}

Test(faults, hold_back_the_events_of_a_pool)
{
    lab_fault(site, "{\"name\":\"events-stall\",\"seconds\":20}");
    int64_t started_us = site->timers.now_us;
    fake_client_must(client, "disk.create", create_params("late"));
    cr_expect_geq(site->timers.now_us - started_us, ms_to_us(19000));
}
