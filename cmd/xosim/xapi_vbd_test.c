/* xosim: devices of which something untrue is said. Covers xapi_vbd.c. */
#include "xosim/fake/lab.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi.h"

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

TestSuite(xapi_vbd, .init = setup, .fini = teardown);

static void lie(const char *kind)
{
    cleanup_str char *fault =
        str_new("{\"name\":\"vbd-lies\",\"vm\":\"worker-a1\",\"match\":\"pvc-*\",\"kind\":\"%s\"}",
                kind);
    lab_fault(site, fault);
}

static const struct xapi_vbd *vbd(void)
{
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    return vdi->vbds.items[0];
}

static const json_t *seen(void)
{
    fake_run(site, 1000);
    return xo_object(site->xo, vbd()->object.uuid);
}

/* The XAPI code that a call on the VBD fails with; "" when it does not. */
static const char *refusal(const char *method)
{
    const json_t *answer = fake_client_call(client, method, lab_id(vbd()->object.uuid));
    const char *code = json_str_at(answer, "error.data.code");
    return code ? code : "";
}

Test(xapi_vbd, shows_as_unplugged_though_it_was_plugged)
{
    lie("attached");
    lab_attach(client, LAB_WORKER_A1, disk, "5");
    cr_expect_not(json_bool_at(seen(), "attached", true));
    cr_expect_str_eq(json_str_at(seen(), "device"), "xvdf");
    cr_expect(vbd()->attached);
    cr_expect_str_eq(refusal("vbd.connect"), "DEVICE_ALREADY_ATTACHED");
}

Test(xapi_vbd, shows_the_truth_again_when_it_was_unplugged_and_plugged)
{
    lie("attached");
    lab_attach(client, LAB_WORKER_A1, disk, "5");
    fake_client_must(client, "vbd.disconnect", lab_id(vbd()->object.uuid));
    fake_client_must(client, "vbd.connect", lab_id(vbd()->object.uuid));
    cr_expect(json_bool_at(seen(), "attached", false));
}

Test(xapi_vbd, shows_no_device_though_it_has_one)
{
    lie("device");
    lab_attach(client, LAB_WORKER_A1, disk, "5");
    cr_expect(json_bool_at(seen(), "attached", false));
    cr_expect(json_is_null(json_object_get(seen(), "device")));
}

Test(xapi_vbd, says_that_it_is_attached_already_when_it_is_not)
{
    lie("already-attached");
    cr_expect_eq(fake_client_error(client, "vm.attachDisk",
                                   json_build("{s:s, s:s}", "vm", LAB_WORKER_A1, "vdi",
                                              disk->uuid)),
                 -32000);
    cr_expect_not(json_bool_at(seen(), "attached", true));
    fake_client_must(client, "vbd.connect", lab_id(vbd()->object.uuid));
    cr_expect(json_bool_at(seen(), "attached", false));
}

Test(xapi_vbd, says_that_it_is_detached_already_when_it_is_not)
{
    lab_attach(client, LAB_WORKER_A1, disk, "5");
    lie("already-detached");
    cr_expect_str_eq(refusal("vbd.disconnect"), "DEVICE_ALREADY_DETACHED");
    cr_expect(json_bool_at(seen(), "attached", false));
    fake_client_must(client, "vbd.disconnect", lab_id(vbd()->object.uuid));
    cr_expect_not(json_bool_at(seen(), "attached", true));
}

Test(xapi_vbd, is_half_plugged_until_it_is_unplugged)
{
    lie("half-plugged");
    const json_t *answer =
        fake_client_call(client, "vm.attachDisk",
                         json_build("{s:s, s:s}", "vm", LAB_WORKER_A1, "vdi", disk->uuid));
    cr_expect_str_eq(json_str_at(answer, "error.data.code"), "SR_BACKEND_FAILURE_46");
    cr_expect_not(json_bool_at(seen(), "attached", true));
    for (int i = 0; i < 3; i++)
        cr_expect_str_eq(refusal("vbd.connect"), "DEVICE_ALREADY_ATTACHED");
    cr_expect_str_eq(refusal("vbd.disconnect"), "");
    cr_expect_str_eq(refusal("vbd.connect"), "");
    cr_expect(json_bool_at(seen(), "attached", false));
}

Test(xapi_vbd, is_removed_when_it_is_half_plugged)
{
    lie("half-plugged");
    cr_expect_eq(fake_client_error(client, "vm.attachDisk",
                                   json_build("{s:s, s:s}", "vm", LAB_WORKER_A1, "vdi",
                                              disk->uuid)),
                 -32000);
    fake_client_must(client, "vbd.delete", lab_id(vbd()->object.uuid));
    lab_attach(client, LAB_WORKER_A1, disk, "5");
    cr_expect(json_bool_at(seen(), "attached", false));
}

Test(xapi_vbd, lies_only_as_often_and_about_what_it_is_told_to)
{
    lie("attached");
    struct disk *other = lab_disk(site, "other", LAB_LOCAL_A1);
    lab_attach(client, LAB_WORKER_A1, other, "6");
    lab_attach(client, LAB_WORKER_A1, disk, "5");
    struct disk *next = lab_disk(site, "pvc-2", LAB_LOCAL_A1);
    lab_attach(client, LAB_WORKER_A1, next, "7");
    cleanup_json json_t *all = faults_list(site->faults);
    cr_expect_str_eq(json_str_at(json_array_get(all, 0), "state"), "over");
    const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, next->uuid);
    cr_expect_not(((const struct xapi_vbd *)vdi->vbds.items[0])->hides_attached);
    cr_expect(vbd()->hides_attached);
}
