/*
 * reconcile/volume, 6: volume handles, and the settings of a volume from the first place that has
 * any. Settings are never mixed from several places: a StorageClass that was edited later must not
 * change what an older volume meant.
 */
#include "reconcile/volume/handle.h"

#include "base/str.h"
#include "xo/marker.h"

#include <ctype.h>
#include <string.h>

#define NAME_HANDLE "name:"

/* 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(const char *text)
{
    static const char pattern[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (strlen(text) != sizeof(pattern) - 1)
        return false;
    for (size_t i = 0; i < sizeof(pattern) - 1; i++)
        if (pattern[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

bool volume_handle_parse(const char *handle, const char *prefix, struct volume_handle *ret)
{
    struct volume_handle identity = {0};

    if (str_starts_with(handle, NAME_HANDLE)) {
        const char *name = handle + strlen(NAME_HANDLE);
        identity.by_name = true;
        if (str_empty(name) || !str_join(identity.disk, sizeof(identity.disk), prefix, "", name))
            return false;
    } else if (!is_uuid(handle) || !str_copy(identity.disk, sizeof(identity.disk), handle)) {
        return false;
    }
    *ret = identity;
    return true;
}

/* What one place says; all empty: nothing. */
struct said {
    bool migrating;
    const char *sr_uuid;
    const char *tag;
};

static bool says_something(struct said said)
{
    return said.migrating || !str_empty(said.sr_uuid) || !str_empty(said.tag);
}

static struct said read_pairs(struct kube_pairs pairs)
{
    return (struct said){
        .migrating = str_equal(kube_pairs_get(pairs, "migrating"), "true") ||
                     str_equal(kube_pairs_get(pairs, "type"), "localmigrating"),
        .sr_uuid = kube_pairs_get(pairs, "srUUID"),
        .tag = kube_pairs_get(pairs, "srsWithTag"),
    };
}

static enum volume_placement judge(struct said said)
{
    if (said.migrating && !str_empty(said.sr_uuid))
        return VOLUME_PLACEMENT_CONTRADICTS;
    if (said.migrating && str_empty(said.tag))
        return VOLUME_PLACEMENT_WITHOUT_TAG;
    if (said.migrating)
        return VOLUME_PLACEMENT_MIGRATING;
    return says_something(said) ? VOLUME_PLACEMENT_FIXED : VOLUME_PLACEMENT_UNSAID;
}

struct volume_settings volume_settings_of(const char *description,
                                          const struct kube_persistent_volume *volume,
                                          const struct kube_storage_class *class)
{
    struct volume_settings settings = {0};
    struct xo_marker marker = {0};
    struct said said = {0};

    if (!str_empty(description)) {
        xo_marker_parse(description, &marker);
        settings.marker_unreadable = marker.malformed;
        settings.marker_in_progress = !str_empty(marker.in_progress_to_sr);
        (void)str_copy(settings.problem, sizeof(settings.problem), marker.problem); /* same size */
        said = (struct said){.migrating = marker.migrating_enabled, .tag = marker.srs_with_tag};
    }
    if (!says_something(said))
        said = read_pairs(volume->attributes);
    if (!says_something(said) && class)
        said = read_pairs(class->parameters);
    settings.placement = judge(said);
    (void)str_copy(settings.tag, sizeof(settings.tag),
                   said.tag ? said.tag : ""); /* cut: then no SR has it */
    return settings;
}
