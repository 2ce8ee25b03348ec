/* xosim: notifications: their order, their batches, pools that vanish. Covers xo_render.c. */
#include "xosim/fake/lab.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

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

TestSuite(xo_mirror, .init = setup, .fini = teardown);

static const json_t *items_of(size_t index, const char *type)
{
    const struct fake_frame *frame = client->frames.items[index];
    return str_equal(json_str_at(frame->message, "params.type"), type)
               ? json_at(frame->message, "params.items")
               : NULL;
}

/* The first frame from `index` on that enters or exits the id; the number of frames when there is none. */
static size_t first_with(size_t index, const char *type, const char *id)
{
    while (index < client->frames.len && !json_object_get(items_of(index, type), id))
        index++;
    return index;
}

static size_t answer_at(int64_t id)
{
    size_t index = 0;
    while (index < client->frames.len &&
           json_int_at(((const struct fake_frame *)client->frames.items[index])->message, "id",
                       0) != id)
        index++;
    return index;
}

Test(xo_mirror, tells_of_a_new_disk_before_the_answer_to_its_creation)
{
    int64_t id = fake_client_start(client, "disk.create",
                                   json_build("{s:s, s:s, s:s}", "name", "a", "size", "1 GiB", "sr",
                                              LAB_LOCAL_A1));
    const char *uuid = json_str_at(fake_client_wait(client, id), "result");
    cr_assert_not_null(uuid);
    cr_expect_lt(first_with(0, "enter", uuid), answer_at(id));
    cr_assert_not_null(xo_object(site->xo, uuid));
}

Test(xo_mirror, answers_a_rename_before_it_tells_of_it)
{
    const struct disk *disk = lab_disk(site, "a", LAB_LOCAL_A1);
    size_t before = client->frames.len;
    int64_t id = fake_client_start(client, "vdi.set",
                                   json_build("{s:s, s:s}", "id", disk->uuid, "name_label", "b"));
    fake_run(site, 1000);
    cr_expect_lt(answer_at(id), first_with(before, "enter", disk->uuid));
    cr_expect_lt(first_with(before, "enter", disk->uuid), client->frames.len);
}

Test(xo_mirror, puts_changes_of_one_moment_into_one_message)
{
    struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_SHARED_A);
    size_t before = client->frames.len;
    for (int i = 0; i < 10; i++) {
        cleanup_str char *name = str_new("pvc-%d", i);
        xapi_vdi_add(site->xapi, sr,
                     &(struct xapi_vdi_options){.name_label = name, .size = 1 << 21});
    }
    fake_run(site, 300);
    cr_assert_eq(client->frames.len, before + 1);
    cr_expect_eq(json_object_size(items_of(before, "enter")), 11); /* the SR too */
}

Test(xo_mirror, does_not_tell_of_what_came_and_went_in_between)
{
    struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_SHARED_A);
    struct xapi_vdi *vdi =
        xapi_vdi_add(site->xapi, sr,
                     &(struct xapi_vdi_options){.name_label = "brief", .size = 1 << 21});
    cleanup_str char *uuid = str_new("%s", vdi->object.uuid);
    xapi_vdi_remove(site->xapi, vdi);
    fake_run(site, 1000);
    cr_expect_eq(first_with(0, "enter", uuid), client->frames.len);
    cr_expect_eq(first_with(0, "exit", uuid), client->frames.len);
}

Test(xo_mirror, is_not_asked_more_often_than_every_200_ms)
{
    struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, lab_disk(site, "a", LAB_LOCAL_A1)->uuid);
    size_t before = client->frames.len;
    for (int i = 0; i < 100; i++) {
        xapi_vdi_set_tag(site->xapi, vdi, "t", i % 2 == 0);
        fake_run(site, 10);
    }
    cr_expect_leq(client->frames.len - before, 6);
    cr_expect_geq(client->frames.len - before, 4);
}

Test(xo_mirror, enters_before_it_exits)
{
    const struct disk *disk = lab_disk(site, "a", LAB_LOCAL_A1);
    size_t before = client->frames.len;
    fake_client_must(client, "vdi.delete", lab_id(disk->uuid));
    size_t exit = first_with(before, "exit", disk->uuid);
    cr_assert_lt(exit, client->frames.len);
    cr_expect_not_null(json_object_get(items_of(exit - 1, "enter"), LAB_LOCAL_A1));
}

Test(xo_mirror, loses_all_of_a_pool_in_one_message_and_finds_it_in_one)
{
    const struct disk *disk = lab_disk(site, "a", LAB_LOCAL_A1);
    size_t count = json_object_size(site->xo->objects);
    size_t before = client->frames.len;
    lab_fault(site, "{\"name\":\"pool-blip\",\"pool\":\"pool-a\",\"seconds\":30}");
    cr_assert_eq(client->frames.len, before + 1);
    size_t lost = json_object_size(items_of(before, "exit"));
    cr_expect_gt(lost, 30);
    cr_expect_eq(json_object_size(site->xo->objects), count - lost);
    cr_expect_eq(fake_client_error(client, "vdi.delete", lab_id(disk->uuid)), 1);
    fake_run(site, 31000);
    cr_expect_eq(json_object_size(site->xo->objects), count);
    size_t back = first_with(before, "enter", disk->uuid);
    cr_expect_geq(json_object_size(items_of(back, "enter")), lost);
}

Test(xo_mirror, shows_after_a_blip_what_happened_during_it)
{
    const struct disk *disk = lab_disk(site, "a", LAB_LOCAL_A1);
    lab_fault(site, "{\"name\":\"pool-blip\",\"pool\":\"pool-a\",\"seconds\":30}");
    xapi_vdi_remove(site->xapi, xapi_find(site->xapi, XAPI_VDI, disk->uuid));
    const struct disk *other = lab_disk(site, "b", LAB_LOCAL_A1);
    fake_run(site, 31000);
    cr_expect_null(xo_object(site->xo, disk->uuid));
    cr_expect_not_null(xo_object(site->xo, other->uuid));
}

Test(xo_mirror, waits_for_the_pool_when_a_task_ends_during_a_blip)
{
    const struct disk *disk = lab_disk(site, "a", LAB_LOCAL_A1);
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 2000);
    lab_fault(site, "{\"name\":\"pool-blip\",\"pool\":\"pool-a\",\"seconds\":60}");
    fake_run(site, 50000);
    cr_expect_eq(answer_at(id), client->frames.len);
    cr_expect_eq(lab_code(fake_client_wait(client, id)), 0);
    cr_expect_eq(lab_count(site, "a"), 1);
}

Test(xo_mirror, hears_of_the_hosts_again_and_again)
{
    size_t before = client->frames.len;
    fake_run(site, 4 * XAPI_HEARTBEAT_MS + 1000);
    cr_expect_eq(client->frames.len - before, 8); /* of both pools */
}
