/* reconcile/attach: the operator's own out-of-service taint. */
#include "reconcile/attach/out_of_service.h"

#include "base/json.h"
#include "base/str.h"
#include "reconcile/attach/fake/world.h"

#include <criterion/criterion.h>

static void start(void)
{
    attach_world_set_up();
    attach_world.ports.out_of_service_taint = true;
    attach_world_put_node("worker-1", "V1");
}

TestSuite(attach_out_of_service, .init = start, .fini = attach_world_tear_down);

#define OURS                                                                                       \
    "[{\"key\":\"node.kubernetes.io/out-of-service\",\"value\":\"xo-operator\","                   \
    "\"effect\":\"NoExecute\"}]"

static size_t taints(void)
{
    return json_array_size(
        json_at(fake_kube_object(attach_world.kube, &kube_kind_node, "", "worker-1"),
                "spec.taints"));
}

static void run(void)
{
    (void)attach_world_run("node/worker-1"); /* the node shows what was done */
}

Test(attach_out_of_service, is_said_of_a_silent_node_whose_vm_is_halted)
{
    attach_world_node_says("worker-1", "Unknown", "[]", "[]");
    fake_xo_halt(attach_world.xo, "V1");
    run();
    fake_journal_expect(&attach_world.journal, "patch Node worker-1",
                        "event Warning OutOfService worker-1: VM V1 of this node is off *", NULL);
    cr_assert_eq(taints(), 1);
    run();
    fake_journal_expect(&attach_world.journal, NULL);
}

Test(attach_out_of_service, is_said_of_a_node_that_is_not_ready_whose_vm_is_proven_absent)
{
    attach_world_node_says("worker-1", "False", "[]", "[]");
    fake_xo_remove(attach_world.xo, "V1");
    run();
    cr_assert_eq(taints(), 1);
}

Test(attach_out_of_service, is_not_said_when_the_vm_may_only_be_out_of_sight)
{
    attach_world_node_says("worker-1", "Unknown", "[]", "[]");
    fake_xo_remove(attach_world.xo, "V1");
    fake_xo_blip(attach_world.xo, "Q");
    run();
    cr_assert_eq(taints(), 0);
}

Test(attach_out_of_service, is_not_said_of_a_vm_that_runs_or_sleeps)
{
    attach_world_node_says("worker-1", "Unknown", "[]", "[]");
    run();
    fake_xo_set(attach_world.xo, "V1", "power_state", "\"Suspended\"");
    run();
    fake_xo_set(attach_world.xo, "V1", "power_state", "\"Running\"");
    fake_xo_set(attach_world.xo, "H1", "power_state", "\"Halted\"");
    run();
    cr_assert_eq(taints(), 0);
}

Test(attach_out_of_service, is_not_said_of_a_node_that_is_ready)
{
    fake_xo_halt(attach_world.xo, "V1");
    run();
    cr_assert_eq(taints(), 0);
}

Test(attach_out_of_service, is_taken_back_when_the_node_is_ready)
{
    attach_world_node_says("worker-1", "True", "[]", OURS);
    fake_xo_halt(attach_world.xo, "V1");
    run();
    fake_journal_expect(&attach_world.journal, "patch Node worker-1",
                        "event Normal BackInService worker-1: *", NULL);
    cr_assert_eq(taints(), 0);
}

Test(attach_out_of_service, is_taken_back_when_the_vm_runs)
{
    attach_world_node_says("worker-1", "Unknown", "[]", OURS);
    run();
    cr_assert_eq(taints(), 0);
}

Test(attach_out_of_service, is_left_to_whoever_else_said_it)
{
    attach_world_node_says("worker-1", "True", "[]", ATTACH_WORLD_OUT_OF_SERVICE);
    run();
    attach_world_node_says("worker-1", "Unknown", "[]", ATTACH_WORLD_OUT_OF_SERVICE);
    fake_xo_halt(attach_world.xo, "V1");
    run();
    fake_journal_expect(&attach_world.journal, NULL);
    cr_assert_eq(taints(), 1);
}

Test(attach_out_of_service, is_decided_by_the_node_as_the_server_has_it)
{
    attach_world_node_says("worker-1", "Unknown", "[]", "[]");
    fake_xo_halt(attach_world.xo, "V1");
    fake_kube_hold(attach_world.kube, &kube_kind_node, true);
    attach_world_node_says("worker-1", "True", "[]", "[]");
    run();
    cr_assert_eq(taints(), 0);
}

Test(attach_out_of_service, is_never_said_without_the_flag)
{
    attach_world.ports.out_of_service_taint = false;
    attach_world_node_says("worker-1", "Unknown", "[]", "[]");
    fake_xo_halt(attach_world.xo, "V1");
    cr_assert_eq((int)attach_world_run("node/worker-1").kind, (int)REC_SETTLED);
    fake_journal_expect(&attach_world.journal, NULL);
}

Test(attach_out_of_service, is_tried_again_when_it_could_not_be_written)
{
    attach_world_node_says("worker-1", "Unknown", "[]", "[]");
    fake_xo_halt(attach_world.xo, "V1");
    fake_kube_fail(attach_world.kube, FAKE_PATCH, 1, ERR_CONFLICT);
    cr_assert_eq((int)attach_world_run("node/worker-1").kind, (int)REC_RETRY);
    run();
    cr_assert_eq(taints(), 1);
}

Test(attach_out_of_service, is_looked_at_again_while_a_node_is_not_ready)
{
    attach_world_node_says("worker-1", "Unknown", "[]", "[]");
    cr_assert_eq((int)attach_world_run("node/worker-1").kind, (int)REC_LATER);
    fake_kube_delete(attach_world.kube, &kube_kind_node, "", "worker-1");
    cr_assert_eq((int)attach_world_run("node/worker-1").kind, (int)REC_SETTLED);
}
