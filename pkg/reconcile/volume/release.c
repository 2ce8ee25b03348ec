/* reconcile/volume, 6: the table of release.h, in its order. */
#include "reconcile/volume/release.h"

/* Rows 6 to 10: the VM runs. */
static enum volume_release running(const struct volume_release_facts *facts)
{
    if (facts->node == VOLUME_NODE_ALIVE && !facts->in_use)
        return VOLUME_RELEASE_TAKE;
    if (facts->out_of_service || facts->forced)
        return facts->may_power_off ? VOLUME_RELEASE_POWER_OFF : VOLUME_RELEASE_TAKE_WARN;
    return facts->node == VOLUME_NODE_ALIVE ? VOLUME_RELEASE_HOLD_IN_USE
                                            : VOLUME_RELEASE_HOLD_SILENT;
}

enum volume_release volume_release_decide(const struct volume_release_facts *facts)
{
    switch (facts->vm) {
    case VOLUME_VM_HALTED:
    case VOLUME_VM_ABSENT:
        return VOLUME_RELEASE_TAKE;
    case VOLUME_VM_UNSEEN:
        return VOLUME_RELEASE_WAIT;
    case VOLUME_VM_ASLEEP:
        return VOLUME_RELEASE_HOLD_ASLEEP;
    case VOLUME_VM_HOST_OFF:
        return facts->out_of_service || facts->forced ? VOLUME_RELEASE_HOLD_RESET
                                                      : VOLUME_RELEASE_HOLD_HOST_OFF;
    case VOLUME_VM_RUNNING:
        break;
    }
    return running(facts);
}
