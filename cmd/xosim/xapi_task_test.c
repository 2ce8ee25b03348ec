/* xosim: tasks, and how XAPI forgets them. */
#include "xosim/fake/lab.h"
#include "xosim/xapi_snapshot.h"

#include "base/json.h"
#include "base/str.h"

#include <criterion/criterion.h>

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

TestSuite(xapi_task, .init = setup, .fini = teardown);

static size_t tasks(void)
{
    return json_object_size(json_object_get(site->xo->by_type, "task"));
}

static const struct xapi_vdi *vdi_of(const struct disk *of)
{
    return xapi_find(site->xapi, XAPI_VDI, of->uuid);
}

/* Copies the disk so slowly that it takes 28 hours, with progress now and then. Nobody waits. */
static void copy_for_more_than_a_day(void)
{
    struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    lab_fault(site, "{\"name\":\"slow-sr\",\"sr\":\"host-a2 local\",\"factor\":0.0001}");
    site->xapi->tick_ms = 60000;
    struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A2);
    (void)xapi_vdi_copy(site->xapi, vdi, sr); /* nobody waits for it */
}

Test(xapi_task, is_forgotten_an_hour_after_its_end_when_nobody_removes_it)
{
    struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    (void)xapi_vdi_set_cbt(site->xapi, vdi, true); /* nobody waits for it */
    fake_run(site, 1000);
    cr_expect_eq(tasks(), 1);
    fake_run(site, XAPI_TASK_KEPT_MS);
    cr_expect_eq(tasks(), 0);
}

Test(xapi_task, is_forgotten_a_day_after_it_began_though_it_goes_on)
{
    copy_for_more_than_a_day();
    fake_run(site, XAPI_TASK_PENDING_MS - 60000);
    cr_expect_eq(tasks(), 1);
    fake_run(site, 120000);
    cr_expect_eq(tasks(), 0);
    cr_expect_eq(json_object_size(vdi_of(disk)->current_operations), 1);
}

Test(xapi_task, that_was_forgotten_leaves_its_copy_to_end_well)
{
    copy_for_more_than_a_day();
    fake_run(site, XAPI_TASK_PENDING_MS + XAPI_TASK_PENDING_MS / 2);
    cr_expect_eq(json_object_size(vdi_of(disk)->current_operations), 0);
    cr_expect(lab_find(site, "pvc-1", LAB_LOCAL_A2)->complete);
    cr_expect_eq(tasks(), 0);
}

Test(xapi_task, that_is_forgotten_ends_its_call_with_an_error_while_the_copy_goes_on)
{
    lab_fault(site, "{\"name\":\"task-forgotten\",\"at\":0.5,\"match\":\"pvc-1\"}");
    const json_t *answer = fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_expect_eq(lab_code(answer), -32000);
    cr_expect_str_eq(json_str_at(answer, "error.message"),
                     "task has been destroyed before completion");
    cr_expect(json_str_at(answer, "error.data.taskRef"));
    cr_expect_eq(json_object_size(vdi_of(disk)->current_operations), 1);
    fake_run(site, 60000);
    cr_expect(lab_find(site, "pvc-1", LAB_LOCAL_A2)->complete && disk->exists);
    cr_expect_eq(tasks(), 0);
}

Test(xapi_task, that_is_forgotten_lets_a_live_move_end)
{
    lab_attach(client, LAB_WORKER_A1, disk, "5");
    lab_fault(site, "{\"name\":\"task-forgotten\",\"at\":0.5,\"match\":\"pvc-1\"}");
    cr_expect_eq(lab_code(fake_client_wait(client, lab_migrate(client, disk, LAB_SHARED_A))),
                 -32000);
    fake_run(site, 60000);
    cr_expect(lab_find(site, "pvc-1", LAB_SHARED_A)->complete && !disk->exists);
}

Test(xapi_task, of_every_copy_is_forgotten_when_none_is_named)
{
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 2000);
    lab_fault(site, "{\"name\":\"task-forgotten\"}");
    cr_expect_eq(lab_code(fake_client_wait(client, id)), -32000);
}
