/* reconcile/volume, 6: the table of identity.h, in its order. */
#include "reconcile/volume/identity.h"

/* Rows 1 to 3. */
static enum volume_verdict seen(const struct volume_identity_facts *facts)
{
    if (!facts->renamed)
        return VOLUME_IS;
    return facts->plugged ? VOLUME_IN_USE_RENAMED : VOLUME_RENAMED;
}

/* Rows 9 and 10. */
static enum volume_verdict absent(const struct volume_identity_facts *facts)
{
    if (facts->count == 0)
        return VOLUME_DESTROYED;
    return facts->same_pool == 1 && !facts->same_pool_replica && facts->plain == 1
               ? VOLUME_CONCLUDED
               : VOLUME_AMBIGUOUS;
}

/* Rows 11 and 12. */
static enum volume_verdict never_known(const struct volume_identity_facts *facts)
{
    if (facts->count == 0)
        return VOLUME_NOT_FOUND;
    return facts->count == 1 && !facts->only_replica ? VOLUME_IS : VOLUME_AMBIGUOUS;
}

enum volume_verdict volume_identity_decide(const struct volume_identity_facts *facts)
{
    if (facts->seen)
        return seen(facts);
    if (facts->remembered && facts->sight == VOLUME_SIGHT_SR_GONE)
        return VOLUME_OUT_OF_REACH;
    if (facts->remembered && facts->sight != VOLUME_SIGHT_CLEAR)
        return VOLUME_OUT_OF_SIGHT;
    if (facts->remembered && facts->descend == 1)
        return VOLUME_IS;
    if (facts->all_sight != VOLUME_SIGHT_CLEAR)
        return VOLUME_OUT_OF_SIGHT;
    if (facts->descend == 1)
        return VOLUME_IS;
    return facts->remembered ? absent(facts) : never_known(facts);
}

bool volume_verdict_names_a_disk(enum volume_verdict verdict)
{
    switch (verdict) {
    case VOLUME_IS:
    case VOLUME_IN_USE_RENAMED:
    case VOLUME_CONCLUDED:
        return true;
    case VOLUME_RENAMED:
    case VOLUME_OUT_OF_SIGHT:
    case VOLUME_OUT_OF_REACH:
    case VOLUME_NOT_FOUND:
    case VOLUME_DESTROYED:
    case VOLUME_AMBIGUOUS:
        break;
    }
    return false;
}
