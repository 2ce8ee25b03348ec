/* reconcile/volume: whether an SR can be worked with, and what is said where it can't. */
#include "reconcile/volume/reach.h"

#include "reconcile/volume/fake/srs.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(volume_reach, .init = fake_srs_start, .fini = fake_srs_stop);

#define MAINTENANCE ",\"otherConfig\":{\"MAINTENANCE_MODE\":\"true\"}"

static void expect_not(const char *sr, const char *says)
{
    char why[VOLUME_REACH_SIZE];
    cr_assert_not(volume_reach(fake_srs_inventory(), fake_srs_sr(sr), why));
    cr_assert_str_eq(why, says);
}

static void expect(const char *sr)
{
    char why[VOLUME_REACH_SIZE];
    cr_assert(volume_reach(fake_srs_inventory(), fake_srs_sr(sr), why), "%s", why);
    cr_assert_str_eq(why, "");
}

static void add_local(void)
{
    fake_srs_add_local("L1", "P", "", "");
    fake_srs_plug("L1", "H1", true);
}

static void add_shared(void)
{
    fake_srs_add_shared("S", "P", "", "");
    fake_srs_plug("S", "H1", true);
    fake_srs_plug("S", "H2", true);
}

Test(volume_reach, is_there_where_a_host_runs_that_has_the_sr_plugged)
{
    add_local();
    expect("L1");
}

Test(volume_reach, is_there_while_one_of_the_hosts_can_work_with_a_shared_sr)
{
    add_shared();
    fake_srs_host("H1", "P", false, "");
    expect("S");
}

Test(volume_reach, names_the_only_host_that_is_off)
{
    add_local();
    fake_srs_host("H1", "P", false, "");
    expect_not("L1", "host-H1, the only host of sr-L1, is off");
}

Test(volume_reach, names_the_only_host_that_is_in_maintenance)
{
    add_local();
    fake_srs_host("H1", "P", true, MAINTENANCE);
    expect_not("L1", "host-H1, the only host of sr-L1, is in maintenance mode");
}

Test(volume_reach, says_that_the_sr_is_unplugged)
{
    add_local();
    fake_srs_plug("L1", "H1", false);
    expect_not("L1", "host-H1, the only host of sr-L1, has it unplugged (its PBD is not attached)");
}

Test(volume_reach, says_of_each_host_of_a_shared_sr_what_is_in_the_way)
{
    add_shared();
    fake_srs_host("H1", "P", false, "");
    fake_srs_plug("S", "H2", false);
    expect_not("S", "no host of sr-S can work with it now; host-H1 is off; host-H2 has it "
                    "unplugged (its PBD is not attached)");
}

Test(volume_reach, says_that_the_sr_is_in_maintenance_mode)
{
    fake_srs_add_local("L1", "P", "", ",\"inMaintenanceMode\":true");
    fake_srs_plug("L1", "H1", true);
    expect_not("L1", "SR sr-L1 is in maintenance mode");
}

Test(volume_reach, says_that_no_host_is_connected)
{
    fake_srs_add_local("L1", "P", "", "");
    expect_not("L1", "SR sr-L1 is connected to no host (it has no PBD)");
}

Test(volume_reach, says_that_a_host_is_not_shown)
{
    fake_srs_add_local("L1", "P", "", "");
    fake_srs_plug("L1", "H9", true);
    expect_not("L1", "H9, the only host of sr-L1, is not shown by Xen Orchestra");
}
