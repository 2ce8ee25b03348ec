/* xosim: notifications as clients get them: what is in them, in which order, and before or after the answers to the calls that caused
 * them. Covers xo_mirror.c. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/fake/lab.h"

#include <criterion/criterion.h>
#include <string.h>

enum { WITHIN_MS = 250 /* of an answer, when that is first */ };

static struct site *site;
static struct fake_client *client;

static void setup(void)
{
    site = lab_open(&client);
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(xo_notify, .init = setup, .fini = teardown);

static const struct fake_frame *frame_at(size_t i)
{
    return client->frames.items[i];
}

/* The object that a frame enters, or NULL. */
static const json_t *entered(size_t i, const char *id)
{
    const json_t *params = json_object_get(frame_at(i)->message, "params");
    return str_equal(json_str_at(params, "type"), "enter")
               ? json_object_get(json_object_get(params, "items"), id)
               : NULL;
}

static bool exited(size_t i, const char *id)
{
    const json_t *params = json_object_get(frame_at(i)->message, "params");
    return str_equal(json_str_at(params, "type"), "exit") &&
           json_object_get(json_object_get(params, "items"), id);
}

/* The first frame from `from` on that enters the object or lets it leave; the number of frames when there is none. */
static size_t told_of(const char *id, size_t from)
{
    size_t i = from;
    while (i < client->frames.len && !entered(i, id) && !exited(i, id))
        i++;
    return i;
}

static size_t answered(int64_t id, size_t from)
{
    size_t i = from;
    while (i < client->frames.len && json_int_at(frame_at(i)->message, "id", -1) != id)
        i++;
    return i;
}

/* Expects that a call is answered, and whether that is before or after the client is told of the object (as it is at the end). */
static void expect_order(const char *method, json_t *params, const char *object, bool answer_first)
{
    size_t from = client->frames.len;
    int64_t id = fake_client_start(client, method, params);
    const json_t *answer = fake_client_wait(client, id);
    cr_assert(json_object_get(answer, "result"), "%s failed", method);
    const char *wanted = object ? object : json_string_value(json_object_get(answer, "result"));
    fake_run(site, 1000);
    size_t answer_at = answered(id, from);
    size_t told_at = client->frames.len;
    for (size_t i = told_of(wanted, from); i < client->frames.len; i = told_of(wanted, i + 1))
        told_at = i;
    cr_assert_lt(told_at, client->frames.len, "%s: nobody was told", method);
    cr_expect_eq(answer_at < told_at, answer_first, "%s", method);
    int64_t between_ms = frame_at(told_at)->t_ms - frame_at(answer_at)->t_ms;
    cr_expect_leq(between_ms, answer_first ? WITHIN_MS : 1, "%s", method);
}

static const char *vbd_of(const struct disk *disk)
{
    const json_t *vdi = xo_object(site->xo, disk->uuid);
    return json_string_value(json_array_get(json_object_get(vdi, "$VBDs"), 0));
}

Test(xo_notify, tells_of_new_and_gone_disks_before_it_answers)
{
    expect_order("disk.create",
                 json_build("{s:s, s:s, s:s}", "name", "new", "size", "1 GiB", "sr", LAB_LOCAL_A1),
                 NULL, false);
    const struct disk *disk = lab_find(site, "new", LAB_LOCAL_A1);
    expect_order("vm.attachDisk", json_build("{s:s, s:s}", "vm", LAB_WORKER_A1, "vdi", disk->uuid),
                 disk->uuid, false);
    const struct disk *other = lab_disk(site, "other", LAB_LOCAL_A1);
    expect_order("vdi.delete", lab_id(other->uuid), other->uuid, false);
    const struct disk *moving = lab_disk(site, "moving", LAB_LOCAL_A1);
    expect_order("vdi.migrate", json_build("{s:s, s:s}", "id", moving->uuid, "sr_id", LAB_LOCAL_A2),
                 moving->uuid, false);
}

Test(xo_notify, answers_before_it_tells_of_a_name_and_of_a_device_that_is_gone)
{
    const struct disk *disk = lab_disk(site, "disk", LAB_LOCAL_A1);
    expect_order("vdi.set", json_build("{s:s, s:s}", "id", disk->uuid, "name_label", "renamed"),
                 disk->uuid, true);
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
    fake_run(site, 1000);
    cleanup_str char *vbd = mem_strdup(vbd_of(disk));
    expect_order("vbd.disconnect", lab_id(vbd), vbd, true);
    expect_order("vbd.delete", lab_id(vbd), vbd, true);
}

Test(xo_notify, sends_an_sr_with_all_its_disks_when_one_comes_or_goes)
{
    const struct disk *disk = lab_disk(site, "one", LAB_LOCAL_A1);
    size_t all = json_array_size(json_object_get(xo_object(site->xo, LAB_LOCAL_A1), "VDIs"));
    size_t from = client->frames.len;
    fake_client_must(client, "vdi.delete", lab_id(disk->uuid));
    size_t last = client->frames.len;
    for (size_t i = told_of(LAB_LOCAL_A1, from); i < client->frames.len;
         i = told_of(LAB_LOCAL_A1, i + 1))
        last = i;
    cr_assert_lt(last, client->frames.len);
    const json_t *sr = entered(last, LAB_LOCAL_A1);
    cr_expect_eq(json_array_size(json_object_get(sr, "VDIs")), all - 1);
}

Test(xo_notify, puts_what_comes_before_what_goes_and_changes_together)
{
    const struct disk *gone = lab_disk(site, "gone", LAB_LOCAL_A1);
    const struct disk *kept = lab_disk(site, "kept", LAB_LOCAL_A1);
    size_t from = client->frames.len;
    xapi_vdi_remove(site->xapi, xapi_find(site->xapi, XAPI_VDI, gone->uuid));
    xapi_vdi_set_name(site->xapi, xapi_find(site->xapi, XAPI_VDI, kept->uuid), "first", NULL);
    xapi_vdi_set_name(site->xapi, xapi_find(site->xapi, XAPI_VDI, kept->uuid), "second", NULL);
    fake_run(site, 300);
    size_t enter_at = told_of(kept->uuid, from);
    size_t exit_at = told_of(gone->uuid, from);
    cr_assert_lt(exit_at, client->frames.len);
    cr_expect_eq(enter_at + 1, exit_at, "one batch: enter, then exit");
    cr_expect_str_eq(json_str_at(entered(enter_at, kept->uuid), "name_label"), "second");
    cr_expect(entered(enter_at, LAB_LOCAL_A1), "the SR is in the same batch");
    cr_expect_eq(told_of(kept->uuid, exit_at + 1), client->frames.len, "the first name was seen");
}

Test(xo_notify, tells_everybody_who_is_signed_in_and_nobody_else)
{
    struct fake_client *stranger = fake_client_open(site);
    struct fake_client *other = fake_client_signed_in(site, "lab-token");
    fake_client_must(other, "session.signOut", json_object());
    size_t from = client->frames.len;
    size_t other_from = other->frames.len;
    const struct disk *disk = lab_disk(site, "heard of", LAB_LOCAL_A1);
    cr_expect_lt(told_of(disk->uuid, from), client->frames.len);
    cr_expect_eq(stranger->frames.len, 0);
    cr_expect_eq(other->frames.len, other_from);
    fake_client_close(stranger);
    fake_client_close(other);
}

Test(xo_notify, enters_ten_thousand_disks_in_one_message_when_a_pool_is_back)
{
    struct site *large =
        fake_site_from(WORLDS "/default.yaml",
                       "  - {name: many, sr: pool-a shared, size: 10 MiB, count: 10000}\n", NULL);
    struct fake_client *watcher = fake_client_signed_in(large, "lab-token");
    size_t from = watcher->frames.len;
    lab_fault(large, "{\"name\":\"pool-blip\",\"seconds\":61}");
    fake_run(large, 62000);
    size_t enters = 0;
    for (size_t i = from; i < watcher->frames.len; i++) {
        const struct fake_frame *frame = watcher->frames.items[i];
        const json_t *items = json_at(frame->message, "params.items");
        if (json_object_size(items) <= 10000)
            continue;
        bool enter = str_equal(json_str_at(frame->message, "params.type"), "enter");
        char *text = json_dumps(frame->message, JSON_COMPACT);
        cr_expect(!enter || strlen(text) > 6000000);
        mem_free(text);
        enters += enter;
    }
    cr_expect_eq(enters, 1);
    fake_client_close(watcher);
    site_free(large);
}
