/* reconcile/volume, 6: the table of provenance.h, in its order. */
#include "reconcile/volume/provenance.h"

enum volume_grade volume_grade_of(const struct volume_provenance *disk)
{
    if (disk->source)
        return VOLUME_SOURCE;
    if (disk->known || !(disk->at_destination || (disk->live && disk->at_source)))
        return VOLUME_STRANGER;
    if (disk->named)
        return VOLUME_WHOLE;
    if (!disk->carries_id)
        return VOLUME_STRANGER;
    return disk->at_destination ? VOLUME_MADE : VOLUME_HALF;
}
