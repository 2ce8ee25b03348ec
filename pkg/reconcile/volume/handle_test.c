/* reconcile/volume: handles and settings of volumes. */
#include "reconcile/volume/handle.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

#define MARKER "csi:info: {\"migrating\":{\"enabled\":true},\"srsWithTag\":\"fast\"}"

static bool parses(const char *handle)
{
    struct volume_handle identity = {0};
    return volume_handle_parse(handle, "csi-", &identity);
}

Test(volume_handle, finds_a_disk_by_prefix_and_volume_name)
{
    struct volume_handle identity = {0};

    cr_assert(volume_handle_parse("name:pvc-1", "csi-", &identity));
    cr_assert(identity.by_name);
    cr_assert_str_eq(identity.disk, "csi-pvc-1");
}

Test(volume_handle, finds_a_disk_by_uuid)
{
    struct volume_handle identity = {0};

    cr_assert(volume_handle_parse("0a1b2c3d-0000-4000-8000-0000000000AF", "csi-", &identity));
    cr_assert_not(identity.by_name);
    cr_assert_str_eq(identity.disk, "0a1b2c3d-0000-4000-8000-0000000000AF");
}

Test(volume_handle, refuses_any_other_handle)
{
    char long_name[VOLUME_NAME_SIZE + 16] = "name:";

    cr_expect_not(parses(""));
    cr_expect_not(parses("name:"));
    cr_expect_not(parses("pvc-1"));
    cr_expect_not(parses("0a1b2c3d-0000-4000-8000-0000000000"));
    cr_expect_not(parses("0a1b2c3d-0000-4000-8000-0000000000xx"));
    cr_expect_not(parses("0a1b2c3d+0000-4000-8000-0000000000aa"));
    memset(long_name + 5, 'a', sizeof(long_name) - 6);
    cr_expect_not(parses(long_name), "a name that does not fit is not cut");
}

static struct kube_pair pair(const char *key, const char *value)
{
    return (struct kube_pair){.key = key, .value = value};
}

/* The settings from a description, at most two attributes and at most two parameters. */
static struct volume_settings settings(const char *description, struct kube_pair a1,
                                       struct kube_pair a2, struct kube_pair p1,
                                       struct kube_pair p2)
{
    const struct kube_pair attributes[] = {a1, a2};
    const struct kube_pair parameters[] = {p1, p2};
    struct kube_persistent_volume volume = {0};
    struct kube_storage_class class = {0};

    volume.attributes = (struct kube_pairs){attributes, a1.key ? (a2.key ? 2 : 1) : 0};
    class.parameters = (struct kube_pairs){parameters, p1.key ? (p2.key ? 2 : 1) : 0};
    return volume_settings_of(description, &volume, &class);
}

static const struct kube_pair none;

Test(volume_handle, takes_the_marker_before_attributes_before_the_class)
{
    struct volume_settings got =
        settings(MARKER, pair("srsWithTag", "slow"), pair("migrating", "true"),
                 pair("srsWithTag", "slower"), pair("migrating", "true"));
    cr_expect_eq((int)got.placement, (int)VOLUME_PLACEMENT_MIGRATING);
    cr_expect_str_eq(got.tag, "fast");
    got = settings("csi:info: {}", pair("srsWithTag", "slow"), pair("migrating", "true"),
                   pair("srsWithTag", "slower"), pair("migrating", "true"));
    cr_expect_str_eq(got.tag, "slow");
    got = settings(NULL, none, none, pair("srsWithTag", "slower"), pair("type", "localmigrating"));
    cr_expect_str_eq(got.tag, "slower");
}

Test(volume_handle, does_not_mix_what_several_places_say)
{
    const struct volume_settings got = settings(NULL, pair("srUUID", "L1"), none,
                                                pair("migrating", "true"), pair("srsWithTag", "x"));
    cr_expect_eq((int)got.placement, (int)VOLUME_PLACEMENT_FIXED);
    cr_expect_str_eq(got.tag, "");
}

Test(volume_handle, tells_settings_that_make_no_sense)
{
    cr_expect_eq(
        (int)settings(NULL, pair("srUUID", "L1"), pair("migrating", "true"), none, none).placement,
        (int)VOLUME_PLACEMENT_CONTRADICTS);
    cr_expect_eq((int)settings(NULL, pair("migrating", "true"), none, none, none).placement,
                 (int)VOLUME_PLACEMENT_WITHOUT_TAG);
    cr_expect_eq((int)settings(NULL, none, none, none, none).placement,
                 (int)VOLUME_PLACEMENT_UNSAID);
    cr_expect_eq((int)settings(NULL, pair("migrating", "false"), pair("srsWithTag", "x"), none,
                               none)
                     .placement,
                 (int)VOLUME_PLACEMENT_FIXED);
}

Test(volume_handle, sees_a_move_in_progress_and_garbage)
{
    struct volume_settings got =
        settings("csi:info: {\"migrating\":{\"enabled\":true,\"inProgressToSRUUID\":\"L2\"},"
                 "\"srsWithTag\":\"fast\"}",
                 none, none, none, none);
    cr_expect(got.marker_in_progress);
    cr_expect_not(got.marker_unreadable);
    got = settings("csi:info: {garbage", none, none, none, none);
    cr_expect(got.marker_unreadable);
    got = settings("a description of somebody's own", none, none, none, none);
    cr_expect_not(got.marker_unreadable);
    cr_expect_not(got.marker_in_progress);
}
