/* xosim: Xen Orchestra makes twenty calls to a pool at once, and hears nothing while they last. */
#include "xosim/fake/lab.h"

#include "base/json.h"

#include <criterion/criterion.h>

enum { CREATES = 40 };

static struct site *site;
static struct fake_client *client;
static struct xapi_sr *sr; /* creating a disk takes a second on it */

static void setup(void)
{
    site = lab_open(&client);
    sr = xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A1);
    sr->slowness = 1000.0 / XAPI_CALL_MS - 1;
}

static void teardown(void)
{
    lab_close(site, client);
}

TestSuite(xo_slots, .init = setup, .fini = teardown);

static int64_t create(const char *sr_uuid)
{
    return fake_client_start(client, "disk.create",
                             json_build("{s:s, s:i, s:s}", "name", "pvc", "size", 1 << 30, "sr",
                                        sr_uuid));
}

static size_t answers(void)
{
    size_t count = 0;
    for (size_t i = 0; i < client->frames.len; i++)
        count += json_object_get(((const struct fake_frame *)client->frames.items[i])->message,
                                 "result") != NULL;
    return count;
}

Test(xo_slots, has_forty_creates_of_a_second_answered_after_two_all_at_the_end)
{
    size_t before = answers();
    size_t before_disks = sr->vdis.len;
    for (int i = 0; i < CREATES; i++)
        create(LAB_LOCAL_A1);
    fake_run(site, 1900);
    cr_expect_eq(answers(), before);
    cr_expect_eq(sr->vdis.len, before_disks + XO_XAPI_CALLS_MAX);
    fake_run(site, 1000);
    cr_expect_eq(answers(), before + CREATES);
}

Test(xo_slots, keeps_the_calls_of_one_pool_from_those_of_another)
{
    for (int i = 0; i < CREATES; i++)
        create(LAB_LOCAL_A1);
    cr_expect_eq(lab_code(fake_client_wait(client, create(LAB_LOCAL_B1))), 0);
    cr_expect_lt(site->timers.now_us, ms_to_us(2000));
}

Test(xo_slots, never_makes_the_calls_that_wait_when_xen_orchestra_ends)
{
    size_t before = sr->vdis.len;
    for (int i = 0; i < CREATES; i++)
        create(LAB_LOCAL_A1);
    fake_run(site, 100);
    xo_restart(site->xo, 1, 0);
    fake_run(site, 10000);
    cr_expect_eq(sr->vdis.len,
                 before + XO_XAPI_CALLS_MAX); /* nobody waits for events once they have come */
    cr_expect_eq(json_object_size(sr->current_operations), 0);
}
