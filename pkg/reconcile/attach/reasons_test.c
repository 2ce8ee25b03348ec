/*
 * reconcile/attach: each reason that attaching can give, as an event and an attachError, where no
 * other test brings it about.
 */
#include "reconcile/attach/fake/world.h"

#include "base/json.h"
#include "base/str.h"
#include "reconcile/attach/promises.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(attach_reasons, .init = attach_world_set_up, .fini = attach_world_tear_down);

static void expect(const char *reason, const char *says)
{
    attach_world_expect_refused(says);
    cr_assert_geq(fake_kube_events(attach_world.kube, reason), 1, "no event %s", reason);
}

Test(attach_reasons, name_the_claim_that_a_volume_out_of_reach_needs)
{
    attach_world_put_case("L2");
    fake_kube_put(attach_world.kube, &kube_kind_persistent_volume,
                  "{\"metadata\":{\"name\":\"pvc-1\"},\"spec\":{\"csi\":{\"driver\":"
                  "\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":\"name:pvc-1\","
                  "\"volumeAttributes\":{\"migrating\":\"true\",\"srsWithTag\":\"fast\"}}}}");
    expect("ClaimNotFound", "bind a claim to it");
}

/* What the migration that the attach made says. */
static void put_move(const char *status)
{
    cleanup_json json_t *move =
        json_deep_copy(fake_kube_object(attach_world.kube, &migration_kind, "shop", "va-1"));
    json_t *value = NULL;
    struct err err = {0};
    int rv = json_parse(status, strlen(status), &value, &err);

    cr_assert_eq(rv, 0, "%s", err.message);
    json_put(move, "status", value);
    fake_kube_put_json(attach_world.kube, &migration_kind, move);
}

Test(attach_reasons, say_why_the_move_of_the_disk_is_stalled)
{
    attach_world_put_case("L2");
    (void)attach_world_run("va/va-1"); /* it waits for the move now */
    put_move("{\"observedGeneration\":1,\"phase\":\"Stalled\",\"message\":\"not permitted\","
             "\"conditions\":[{\"type\":\"Stalled\",\"status\":\"True\",\"reason\":\"Refused\"}]}");
    expect("Refused", "not permitted");
}

Test(attach_reasons, say_that_the_move_of_the_disk_was_cancelled)
{
    attach_world_put_case("L2");
    (void)attach_world_run("va/va-1"); /* it waits for the move now */
    put_move("{\"observedGeneration\":1,\"phase\":\"Cancelled\","
             "\"completionTime\":\"2026-01-01T00:00:30Z\"}");
    expect("Cancelled", "was cancelled");
}

Test(attach_reasons, send_the_pod_elsewhere_where_the_vm_has_no_device_left)
{
    attach_world_put_case("L1");
    for (int position = 1; position <= ATTACH_POSITION_MAX; position++) {
        char uuid[32];
        (void)str_format(uuid, sizeof(uuid), "other-%d", position); /* it fits */
        fake_xo_add_disk(attach_world.xo, &(struct fake_disk){.uuid = uuid,
                                                              .name = uuid,
                                                              .sr = "L1",
                                                              .size_bytes = 1 << 20});
        const struct xo_attach call = {.vm = "V1", .disk = uuid, .position = position};
        cr_assert_eq((int)attach_world.ports.xo.attach(attach_world.ports.xo.userdata, &call, NULL),
                     (int)XO_DONE);
    }
    expect("NoDeviceFree", "run the Pod on another node");
}
