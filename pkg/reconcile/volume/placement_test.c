/* reconcile/volume: the SRs of a tag, a test for each row of both tables of placement.h. */
#include "reconcile/volume/placement.h"

#include "reconcile/volume/fake/srs.h"

#include <criterion/criterion.h>

TestSuite(volume_placement, .init = fake_srs_start, .fini = fake_srs_stop);

#define MAINTENANCE ",\"otherConfig\":{\"MAINTENANCE_MODE\":\"true\"}"

static struct volume_places asked(const char *host)
{
    return (struct volume_places){.inventory = fake_srs_inventory(),
                                  .tag = "fast",
                                  .pool = "P",
                                  .host = host};
}

/* A local SR of the tag on a host of pool P. */
static void add_local(const char *id, const char *host)
{
    fake_srs_add_local(id, "P", "\"fast\"", "");
    fake_srs_plug(id, host, true);
}

static enum volume_sr_state state_of(const char *sr, const char *host)
{
    const struct volume_places places = asked(host);
    return volume_sr_state_of(&places, fake_srs_sr(sr));
}

static struct volume_tag tag_for(const char *host)
{
    const struct volume_places places = asked(host);
    return volume_tag_of(&places);
}

Test(volume_placement, an_sr_of_another_pool_is_elsewhere)
{
    fake_srs_add_local("L3", "Q", "\"fast\"", "");
    fake_srs_plug("L3", "H3", true);
    cr_assert_eq(state_of("L3", NULL), VOLUME_SR_ELSEWHERE);
}

Test(volume_placement, an_sr_that_no_host_has_plugged_is_not_reached)
{
    fake_srs_add_local("L1", "P", "\"fast\"", "");
    fake_srs_plug("L1", "H1", false);
    cr_assert_eq(state_of("L1", NULL), VOLUME_SR_UNREACHED);
}

Test(volume_placement, an_sr_whose_host_is_off_is_not_reached)
{
    add_local("L1", "H1");
    fake_srs_host("H1", "P", false, "");
    cr_assert_eq(state_of("L1", NULL), VOLUME_SR_UNREACHED);
}

Test(volume_placement, an_sr_of_another_host_is_not_reached_by_the_one_that_is_named)
{
    add_local("L1", "H1");
    cr_assert_eq(state_of("L1", "H2"), VOLUME_SR_UNREACHED);
    cr_assert_eq(state_of("L1", "H1"), VOLUME_SR_USABLE);
}

Test(volume_placement, an_sr_is_not_reached_by_a_named_host_that_is_off)
{
    add_local("L1", "H1");
    fake_srs_host("H1", "P", false, "");
    cr_assert_eq(state_of("L1", "H1"), VOLUME_SR_UNREACHED);
}

Test(volume_placement, an_sr_is_not_reached_where_no_host_is_left_to_reach_it)
{
    add_local("L1", "H1");
    cr_assert_eq(state_of("L1", ""), VOLUME_SR_UNREACHED);
}

Test(volume_placement, an_sr_in_maintenance_mode_is_in_maintenance)
{
    fake_srs_add_local("L1", "P", "\"fast\"", ",\"inMaintenanceMode\":true");
    fake_srs_plug("L1", "H1", true);
    cr_assert_eq(state_of("L1", "H1"), VOLUME_SR_MAINTENANCE);
}

Test(volume_placement, an_sr_is_in_maintenance_while_every_host_that_runs_with_it_is)
{
    fake_srs_add_shared("S", "P", "\"fast\"", "");
    fake_srs_plug("S", "H1", true);
    fake_srs_plug("S", "H2", true);
    fake_srs_host("H1", "P", true, MAINTENANCE);
    cr_assert_eq(state_of("S", NULL), VOLUME_SR_USABLE);
    fake_srs_host("H2", "P", true, MAINTENANCE);
    cr_assert_eq(state_of("S", NULL), VOLUME_SR_MAINTENANCE);
}

Test(volume_placement, an_sr_is_usable_by_the_node_that_runs_on_a_host_in_maintenance)
{
    add_local("L1", "H1");
    fake_srs_host("H1", "P", true, MAINTENANCE);
    cr_assert_eq(state_of("L1", "H1"), VOLUME_SR_USABLE);
}

Test(volume_placement, an_sr_that_an_administrator_suspended_is_suspended)
{
    struct map suspended = {0};
    struct volume_places places = asked(NULL);
    add_local("L1", "H1");
    map_put(&suspended, "L1", NULL);
    places.suspended = &suspended;
    cr_expect_eq(volume_sr_state_of(&places, fake_srs_sr("L1")), VOLUME_SR_SUSPENDED);
    map_done(&suspended);
}

Test(volume_placement, a_tag_of_other_pools_is_elsewhere)
{
    fake_srs_add_local("L3", "Q", "\"fast\"", "");
    fake_srs_plug("L3", "H3", true);
    cr_assert_eq(tag_for(NULL).state, VOLUME_TAG_ELSEWHERE);
    cr_assert_eq(tag_for(NULL).elsewhere, 1);
}

Test(volume_placement, a_tag_that_no_sr_has_is_nobodys)
{
    fake_srs_add_local("L1", "P", "\"faster\"", "");
    cr_assert_eq(tag_for(NULL).state, VOLUME_TAG_NOBODY);
}

Test(volume_placement, a_tag_on_local_and_shared_srs_is_mixed)
{
    add_local("L1", "H1");
    fake_srs_add_shared("S", "P", "\"fast\"", "");
    const struct volume_tag tag = tag_for(NULL);
    cr_assert_eq(tag.state, VOLUME_TAG_MIXED);
    cr_assert_eq(tag.local, 1);
    cr_assert_eq(tag.shared, 1);
}

Test(volume_placement, a_tag_is_not_mixed_by_an_sr_of_another_pool)
{
    add_local("L1", "H1");
    fake_srs_add_shared("S3", "Q", "\"fast\"", "");
    cr_assert_eq(tag_for(NULL).state, VOLUME_TAG_OPEN);
}

Test(volume_placement, a_tag_whose_srs_the_host_does_not_reach_is_not_reached)
{
    add_local("L1", "H1");
    cr_assert_eq(tag_for("H2").state, VOLUME_TAG_UNREACHED);
}

Test(volume_placement, a_tag_whose_srs_are_all_in_maintenance_is_closed)
{
    fake_srs_add_local("L1", "P", "\"fast\"", ",\"inMaintenanceMode\":true");
    fake_srs_plug("L1", "H1", true);
    add_local("L2", "H2");
    cr_assert_eq(tag_for(NULL).state, VOLUME_TAG_OPEN, "the other one is usable");
    cr_assert_eq(tag_for("H1").state, VOLUME_TAG_CLOSED);
}

Test(volume_placement, a_tag_counts_what_is_reached_and_what_is_usable)
{
    add_local("L1", "H1");
    add_local("L2", "H2");
    const struct volume_tag tag = tag_for("H1");
    cr_assert_eq(tag.state, VOLUME_TAG_OPEN);
    cr_assert_eq(tag.local, 2);
    cr_assert_eq(tag.reached, 1);
    cr_assert_eq(tag.usable, 1);
}

Test(volume_placement, no_sr_has_a_tag_without_a_name)
{
    fake_srs_add_local("L1", "P", "\"\"", "");
    cr_assert_not(volume_sr_has_tag(fake_srs_sr("L1"), ""));
    cr_assert_not(volume_sr_has_tag(fake_srs_sr("L1"), NULL));
}
