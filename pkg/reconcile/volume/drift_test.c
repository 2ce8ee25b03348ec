/* reconcile/volume: which volumes stray, and how often that is told. */
#include "reconcile/volume/drift.h"

#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

static void start(void)
{
    fake_migrations_start();
    fake_migrations_world.ports.drift = volume_drift_new();
}

static void stop(void)
{
    fake_migrations_world.ports.drift = volume_drift_free(fake_migrations_world.ports.drift);
    fake_migrations_stop();
}

TestSuite(volume_drift, .init = start, .fini = stop);

static void look(void)
{
    volume_drift_look(&fake_migrations_world.ports, "pv-data", "disk-1");
}

static size_t strays(void)
{
    return volume_drift_count(&fake_migrations_world.ports);
}

static size_t events(void)
{
    return fake_kube_events(fake_migrations_world.kube, "StrayVolume");
}

/* The load balancer puts the disk on the shared SR, which has not the volume's tag. */
static void stray(void)
{
    fake_xo_set(fake_migrations_world.xo, "disk-1", "$SR", "\"S\"");
}

Test(volume_drift, counts_no_volume_that_is_on_an_sr_of_its_tag)
{
    look();
    cr_assert_eq(strays(), 0);
    cr_assert_eq(events(), 0);
}

Test(volume_drift, tells_the_claim_of_a_volume_that_strays_and_what_to_do)
{
    const struct fake_journal *journal = &fake_migrations_world.journal;
    stray();
    look();
    cr_assert_eq(strays(), 1);
    cr_assert_eq(events(), 1);
    cr_assert_str_eq(journal->lines[journal->len - 1],
                     "event Warning StrayVolume shop/data: disk csi-data of this claim's volume "
                     "pv-data is on SR sr-s, which has not the volume's tag fast: move it back by "
                     "an XoVolumeMigration (target: {srsWithTag: fast}), or tag that SR");
}

Test(volume_drift, tells_it_once_a_day)
{
    stray();
    look();
    fake_clock_advance(&fake_migrations_world.clock, VOLUME_DRIFT_EVENT_MS - 1);
    look();
    cr_assert_eq(events(), 1);
    fake_clock_advance(&fake_migrations_world.clock, 1);
    look();
    cr_assert_eq(events(), 2);
    cr_assert_eq(strays(), 1);
}

Test(volume_drift, forgets_a_volume_that_was_brought_back)
{
    stray();
    look();
    fake_xo_set(fake_migrations_world.xo, "disk-1", "$SR", "\"L2\"");
    look();
    cr_assert_eq(strays(), 0);
}

Test(volume_drift, forgets_a_volume_that_was_deleted)
{
    stray();
    look();
    fake_kube_delete(fake_migrations_world.kube, &kube_kind_persistent_volume, "", "pv-data");
    cr_assert_eq(strays(), 0);
}

Test(volume_drift, concludes_nothing_while_xen_orchestra_is_away)
{
    stray();
    look();
    fake_xo_drop_session(fake_migrations_world.xo);
    look();
    cr_assert_eq(strays(), 1, "it was astray when it was seen last");
}

Test(volume_drift, counts_no_volume_that_stays_where_it_is)
{
    fake_xo_set(fake_migrations_world.xo, "disk-1", "name_description",
                "\"csi:info: {\\\"srsWithTag\\\":\\\"fast\\\"}\"");
    stray();
    look();
    cr_assert_eq(strays(), 0);
}

Test(volume_drift, is_looked_for_when_a_move_has_ended)
{
    fake_xo_set(fake_migrations_world.xo, "S", "tags", "[]"); /* so the volume keeps its own tag */
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}");
    fake_migrations_run(60 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    cr_assert_eq(strays(), 1);
    cr_assert_eq(events(), 1);
}

Test(volume_drift, is_not_looked_for_where_nobody_remembers_it)
{
    fake_migrations_world.ports.drift = volume_drift_free(fake_migrations_world.ports.drift);
    stray();
    look();
    cr_assert_eq(strays(), 0);
    cr_assert_eq(events(), 0);
}
