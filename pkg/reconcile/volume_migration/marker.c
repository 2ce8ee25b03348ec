/* reconcile/volume_migration, 6 and 7: the marker in a disk's description. */
#include "reconcile/volume_migration/marker.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static const char prefix[] = "csi:info: ";

void migration_marker_read(const char *description, struct migration_marker_view *marker)
{
    cleanup_json json_t *info = NULL;

    *marker = (struct migration_marker_view){0};
    if (!str_starts_with(description, prefix))
        return;
    const char *text = description + strlen(prefix);
    const char *tag;
    const char *sr;
    if (json_parse(text, strlen(text), &info, NULL) < 0 || !json_is_object(info))
        return;
    marker->present = true;
    marker->enabled = json_bool_at(info, "migrating.enabled", false);
    tag = json_str_at(info, "srsWithTag");
    sr = json_str_at(info, "migrating.inProgressToSRUUID");
    (void)str_copy(marker->tag, sizeof(marker->tag), tag ? tag : "");
    (void)str_copy(marker->in_progress_sr, sizeof(marker->in_progress_sr), sr ? sr : "");
}

char *migration_marker_write(const struct migration_marker_view *marker)
{
    cleanup_json json_t *info = json_object();

    if (marker->enabled || *marker->in_progress_sr) {
        json_t *migrating = json_object();
        json_put(migrating, "enabled", json_boolean(marker->enabled));
        if (*marker->in_progress_sr)
            json_put_str(migrating, "inProgressToSRUUID", marker->in_progress_sr);
        json_put(info, "migrating", migrating);
    }
    if (*marker->tag)
        json_put_str(info, "srsWithTag", marker->tag);
    cleanup_str char *text = json_dump(info);
    return str_new("%s%s", prefix, text);
}
