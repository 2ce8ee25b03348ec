/* reconcile/attach: what holds for all rows of the table in decide.h. */
#include "reconcile/attach/decide.h"

#include <criterion/criterion.h>

/* The facts with the bits of `seed` as its flags and enums: all kinds of nonsense among them. */
static struct attach_facts scrambled(unsigned long long seed)
{
    struct attach_facts facts = {0};
    bool *const flags[] = {&facts.deleting,
                           &facts.status_attached,
                           &facts.has_finalizer,
                           &facts.has_node_id,
                           &facts.volume_deleting,
                           &facts.volume_has_finalizer,
                           &facts.volume_remembers,
                           &facts.tracked_by_name,
                           &facts.has_claim,
                           &facts.node_known,
                           &facts.fresh,
                           &facts.moving,
                           &facts.reachable,
                           &facts.plugged_here,
                           &facts.unplugged_here,
                           &facts.plugged_elsewhere,
                           &facts.attach_in_doubt,
                           &facts.attach_in_doubt_elsewhere,
                           &facts.position_free,
                           &facts.needs_recovery,
                           &facts.claim_held,
                           &facts.disk_pool_away,
                           &facts.same_pool,
                           &facts.marker_in_progress,
                           &facts.quiet,
                           &facts.pods,
                           &facts.may_be_here,
                           &facts.release.in_use,
                           &facts.release.out_of_service,
                           &facts.release.forced,
                           &facts.release.may_power_off};

    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        *flags[i] = (seed >> i) & 1;
    /* Other bits of it, shuffled, for what has more than two values. */
    seed *= 6364136223846793005ULL;
    facts.verdict = (enum volume_verdict)((seed >> 20) % (VOLUME_AMBIGUOUS + 1));
    facts.volume = (enum attach_volume)((seed >> 25) % (ATTACH_VOLUME_BAD_HANDLE + 1));
    facts.release.vm = (enum volume_vm_state)((seed >> 29) % (VOLUME_VM_UNSEEN + 1));
    facts.release.node = (enum volume_node_state)((seed >> 32) % (VOLUME_NODE_GONE + 1));
    facts.placement = (enum volume_placement)((seed >> 35) % (VOLUME_PLACEMENT_WITHOUT_TAG + 1));
    facts.tag = (enum attach_tag)((seed >> 38) % (ATTACH_TAG_MIXED + 1));
    facts.move = (enum attach_move)((seed >> 41) % (ATTACH_MOVE_FOREIGN + 1));
    return facts;
}

Test(attach_decide, keeps_its_promises_for_a_million_scrambled_cases)
{
    unsigned long long state = 20261121;

    for (int i = 0; i < 1000000; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const struct attach_facts facts = scrambled(state >> 20);
        const struct attach_decision decision = attach_decide(&facts);
        const bool uses_disk =
            decision.action == ATTACH_ATTACH || decision.action == ATTACH_CONNECT;

        if (uses_disk) {
            cr_assert(facts.fresh && !facts.deleting);
            cr_assert(!facts.moving && !facts.claim_held, "attached during a move");
            cr_assert(!facts.needs_recovery, "attached under manual recovery");
            cr_assert(volume_verdict_names_a_disk(facts.verdict), "attached an unproven disk");
            cr_assert(facts.release.vm == VOLUME_VM_RUNNING);
            cr_assert(facts.volume_remembers, "attached before it was written down which one");
            cr_assert(facts.reachable && !facts.plugged_elsewhere);
            cr_assert(facts.has_finalizer && facts.has_node_id, "attached unprotected");
        }
        if (decision.action == ATTACH_ATTACH)
            cr_assert(!facts.attach_in_doubt, "an attach sent twice");
        if (decision.action == ATTACH_CREATE_MOVE)
            cr_assert(facts.fresh && !facts.plugged_here && !facts.plugged_elsewhere &&
                          facts.tracked_by_name && !facts.needs_recovery,
                      "a move was asked for that must not be");
        if (decision.action == ATTACH_DISCONNECT || decision.action == ATTACH_RELEASE)
            cr_assert(facts.deleting && facts.has_finalizer, "detached without being asked");
        if (decision.action == ATTACH_RELEASE)
            cr_assert(!facts.plugged_here || !facts.node_known ||
                          (facts.volume != ATTACH_VOLUME_OURS && !facts.vbd_recorded),
                      "released while it is plugged");
        if (decision.action == ATTACH_DISCONNECT)
            cr_assert(facts.release.vm == VOLUME_VM_RUNNING &&
                          ((facts.release.node == VOLUME_NODE_ALIVE && !facts.release.in_use) ||
                           ((facts.release.out_of_service || facts.release.forced) &&
                            decision.reason == ATTACH_BECAUSE_FORCED)),
                      "taken from a VM that may write");
        if (decision.action == ATTACH_POWER_OFF)
            cr_assert(facts.deleting && facts.release.may_power_off &&
                          (facts.release.out_of_service || facts.release.forced),
                      "powered off without being asked");
        if (decision.action == ATTACH_DELETE_VBD)
            cr_assert(!facts.plugged_here || facts.release.vm == VOLUME_VM_HALTED,
                      "the VBD of a VM that runs");
        if (decision.action == ATTACH_REFUSE || decision.action == ATTACH_WAIT ||
            decision.action == ATTACH_HOLD || decision.action == ATTACH_WAIT_BLIND)
            cr_assert(decision.reason != ATTACH_BECAUSE_NONE, "no reason given");
    }
}
