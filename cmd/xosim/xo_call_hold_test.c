/* xosim: calls that are never answered. Covers xo_call.c. */
#include "xosim/fake/lab.h"
#include "xosim/fake/rest.h"

#include "base/json.h"
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

TestSuite(xo_call_hold, .init = setup, .fini = teardown);

static json_t *create(const char *name)
{
    return json_build("{s:s, s:s, s:s}", "name", name, "size", "1 GiB", "sr", LAB_LOCAL_A1);
}

/* The answer to a call, or NULL: none within ten minutes. The connection must be open still. */
static const json_t *answer(int64_t id)
{
    const json_t *message = fake_client_wait(client, id);
    cr_expect_not(client->closed);
    return message;
}

Test(xo_call_hold, leaves_a_call_that_hangs_undone_and_unanswered_over_an_open_connection)
{
    lab_fault(site, "{\"name\":\"call-hangs\",\"method\":\"disk.create\"}");
    cr_expect_null(answer(fake_client_start(client, "disk.create", create("hangs"))));
    cr_expect_eq(lab_count(site, "hangs"), 0);
    fake_client_must(client, "disk.create", create("next"));
}

Test(xo_call_hold, shows_a_call_that_hangs_as_a_pending_task_of_xen_orchestra)
{
    lab_fault(site, "{\"name\":\"call-hangs\",\"method\":\"disk.create\"}");
    fake_client_start(client, "disk.create", create("hangs"));
    struct fake_rest *rest = fake_rest_do(site, "lab-token", "GET", "/tasks?fields=*", NULL);
    const json_t *task = json_array_get(rest->json, 0);
    cr_expect_str_eq(json_str_at(task, "status"), "pending");
    cr_expect_str_eq(json_str_at(task, "properties.method"), "disk.create");
    fake_rest_free(rest);
}

Test(xo_call_hold, carries_a_call_out_late_when_the_fault_is_deleted)
{
    lab_fault(site, "{\"name\":\"call-hangs\",\"method\":\"disk.create\"}");
    int64_t id = fake_client_start(client, "disk.create", create("late"));
    cr_expect_null(answer(id));
    cr_expect(faults_remove(site->faults, "fault-1"));
    cr_expect_eq(lab_code(answer(id)), 0);
    cr_expect_eq(lab_count(site, "late"), 1);
}

Test(xo_call_hold, carries_a_call_out_though_its_client_has_gone)
{
    lab_fault(site, "{\"name\":\"call-hangs\",\"method\":\"disk.create\"}");
    fake_client_start(client, "disk.create", create("late"));
    fake_client_close(client);
    cr_expect(faults_remove(site->faults, "fault-1"));
    fake_run(site, 1000);
    cr_expect_eq(lab_count(site, "late"), 1);
    client = fake_client_signed_in(site, "lab-token");
}

Test(xo_call_hold, loses_a_held_call_when_xen_orchestra_restarts)
{
    lab_fault(site, "{\"name\":\"call-hangs\",\"method\":\"disk.create\"}");
    fake_client_start(client, "disk.create", create("lost"));
    lab_fault(site, "{\"name\":\"xo-restart\"}");
    fake_run(site, 10000);
    cr_expect(faults_remove(site->faults, "fault-1"));
    fake_run(site, 10000);
    cr_expect_eq(lab_count(site, "lost"), 0);
}

Test(xo_call_hold, does_the_work_and_drops_only_the_answer)
{
    lab_fault(site, "{\"name\":\"drop-answer\",\"method\":\"disk.create\"}");
    cr_expect_null(answer(fake_client_start(client, "disk.create", create("made"))));
    cr_expect_eq(lab_count(site, "made"), 1);
}

Test(xo_call_hold, answers_no_request_of_the_rest_api_either)
{
    lab_fault(site, "{\"name\":\"drop-answer\",\"method\":\"disk.create\"}");
    struct fake_rest *rest = fake_rest_do(site, "lab-token", "POST", "/vdis",
                                          "{\"srId\":\"" LAB_LOCAL_A1 "\",\"virtual_size\":1048576,"
                                          "\"name_label\":\"made\"}");
    cr_expect_eq(rest->status, 0);
    cr_expect_not(rest->cut);
    cr_expect_eq(lab_count(site, "made"), 1);
    fake_rest_free(rest);
}
