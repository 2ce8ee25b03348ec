/* reconcile/volume: the rows of the table in identity.h, in their order; and what holds for all. */
#include "reconcile/volume/identity.h"

#include <criterion/criterion.h>

static void expect(struct volume_identity_facts facts, enum volume_verdict verdict)
{
    const enum volume_verdict got = volume_identity_decide(&facts);
    cr_expect_eq((int)got, (int)verdict, "verdict %d, not %d", (int)got, (int)verdict);
}

/* A disk is remembered and not seen, and that is proof. */
static struct volume_identity_facts absent(void)
{
    return (struct volume_identity_facts){.remembered = true};
}

Test(volume_identity, is_the_remembered_disk_under_its_name)
{
    expect((struct volume_identity_facts){.remembered = true, .seen = true}, VOLUME_IS);
}

Test(volume_identity, is_the_remembered_disk_whatever_else_there_is_and_whatever_is_away)
{
    expect((struct volume_identity_facts){.remembered = true,
                                          .seen = true,
                                          .all_sight = VOLUME_SIGHT_POOL_AWAY,
                                          .count = 5,
                                          .descend = 2},
           VOLUME_IS);
}

Test(volume_identity, is_the_renamed_disk_while_a_vm_has_it_plugged)
{
    expect((struct volume_identity_facts){.remembered = true,
                                          .seen = true,
                                          .renamed = true,
                                          .plugged = true},
           VOLUME_IN_USE_RENAMED);
}

Test(volume_identity, is_refused_for_a_renamed_disk_that_nothing_uses)
{
    expect((struct volume_identity_facts){.remembered = true,
                                          .seen = true,
                                          .renamed = true,
                                          .count = 1},
           VOLUME_RENAMED);
}

Test(volume_identity, is_out_of_reach_when_the_sr_is_gone)
{
    struct volume_identity_facts facts = absent();
    facts.sight = VOLUME_SIGHT_SR_GONE;
    facts.descend = 1;
    facts.count = 1;
    expect(facts, VOLUME_OUT_OF_REACH);
}

Test(volume_identity, is_out_of_sight_while_the_absence_is_not_proven)
{
    static const enum volume_sight sights[] = {VOLUME_SIGHT_STALE, VOLUME_SIGHT_PARTIAL,
                                               VOLUME_SIGHT_POOL_AWAY, VOLUME_SIGHT_SR_UNPLUGGED};

    for (size_t i = 0; i < sizeof(sights) / sizeof(sights[0]); i++) {
        struct volume_identity_facts facts = absent();
        facts.sight = sights[i];
        facts.count = 1;
        facts.descend = 1;
        facts.same_pool = 1;
        expect(facts, VOLUME_OUT_OF_SIGHT);
    }
}

Test(volume_identity, is_the_one_disk_that_descends_although_another_pool_is_away)
{
    struct volume_identity_facts facts = absent();
    facts.count = 3;
    facts.descend = 1;
    facts.all_sight = VOLUME_SIGHT_POOL_AWAY;
    expect(facts, VOLUME_IS);
}

Test(volume_identity, is_not_concluded_from_what_is_seen_while_anything_is_out_of_sight)
{
    struct volume_identity_facts facts = absent();
    facts.count = 1;
    facts.same_pool = 1;
    facts.all_sight = VOLUME_SIGHT_POOL_AWAY;
    expect(facts, VOLUME_OUT_OF_SIGHT);
    facts = (struct volume_identity_facts){.count = 1, .all_sight = VOLUME_SIGHT_PARTIAL};
    expect(facts, VOLUME_OUT_OF_SIGHT);
    facts.count = 0;
    expect(facts, VOLUME_OUT_OF_SIGHT);
}

Test(volume_identity, is_what_the_attachment_has_when_none_is_remembered)
{
    expect((struct volume_identity_facts){.count = 3, .descend = 1, .only_replica = true},
           VOLUME_IS);
}

Test(volume_identity, is_destroyed_when_no_disk_of_the_name_is_left)
{
    expect(absent(), VOLUME_DESTROYED);
}

Test(volume_identity, is_concluded_from_the_only_disk_of_its_pool)
{
    struct volume_identity_facts facts = absent();
    facts.count = 3; /* the others are elsewhere, and replicas */
    facts.same_pool = 1;
    facts.plain = 1;
    expect(facts, VOLUME_CONCLUDED);
    facts.only_replica = true; /* says nothing where there are three */
    expect(facts, VOLUME_CONCLUDED);
    facts.plain = 2;
    expect(facts, VOLUME_AMBIGUOUS);
}

Test(volume_identity, is_not_concluded_from_a_replica_or_from_two_or_from_another_pool)
{
    struct volume_identity_facts facts = absent();
    facts.count = 1;
    facts.same_pool = 1;
    facts.same_pool_replica = true;
    expect(facts, VOLUME_AMBIGUOUS);
    facts.same_pool_replica = false;
    facts.count = 2;
    facts.same_pool = 2;
    expect(facts, VOLUME_AMBIGUOUS);
    facts.count = 1;
    facts.same_pool = 0;
    expect(facts, VOLUME_AMBIGUOUS);
}

Test(volume_identity, is_not_found_when_no_disk_ever_had_the_name)
{
    expect((struct volume_identity_facts){0}, VOLUME_NOT_FOUND);
}

Test(volume_identity, is_the_only_disk_of_the_name_unless_that_is_a_replica)
{
    expect((struct volume_identity_facts){.count = 1}, VOLUME_IS);
    expect((struct volume_identity_facts){.count = 1, .only_replica = true}, VOLUME_AMBIGUOUS);
}

Test(volume_identity, is_ambiguous_among_several_when_none_is_remembered)
{
    expect((struct volume_identity_facts){.count = 2}, VOLUME_AMBIGUOUS);
    expect((struct volume_identity_facts){.count = 2, .descend = 2}, VOLUME_AMBIGUOUS);
}

Test(volume_identity, says_which_verdicts_name_a_disk)
{
    static const bool names[] = {[VOLUME_IS] = true,
                                 [VOLUME_IN_USE_RENAMED] = true,
                                 [VOLUME_CONCLUDED] = true,
                                 [VOLUME_AMBIGUOUS] = false};

    for (int verdict = 0; verdict <= VOLUME_AMBIGUOUS; verdict++)
        cr_expect_eq(volume_verdict_names_a_disk((enum volume_verdict)verdict), names[verdict],
                     "verdict %d", verdict);
    cr_assert_not(volume_verdict_names_a_disk((enum volume_verdict)99));
}
