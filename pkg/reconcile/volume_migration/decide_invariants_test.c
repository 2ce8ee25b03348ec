/* reconcile/volume_migration, 6: every combination of facts about one and two disks, against what must
 * always hold (I1 to I10 of the table's purpose: no disk lost, no second move, nothing decided blindly). */
#include "reconcile/volume_migration/decide.h"

#include <criterion/criterion.h>
#include <stdint.h>

/* A volume that could be moved now: one disk, elsewhere, nothing known against it. */
static struct migration_facts one_elsewhere(void)
{
    return (struct migration_facts){
        .blind = REC_REASON_INACTIVE,
        .unfit = REC_REASON_INACTIVE,
        .no_target = REC_REASON_INACTIVE,
        .excluded = REC_REASON_INACTIVE,
        .disk_count = 1,
    };
}

/* Sets the facts from the bits of a number; the bits used up are taken off. */
static bool bit(uint64_t *bits)
{
    bool set = *bits & 1;
    *bits >>= 1;
    return set;
}

static void set_disk(struct migration_disk_facts *disk, uint64_t *bits)
{
    disk->at_target = bit(bits);
    disk->moving = bit(bits);
    disk->marked = bit(bits);
    disk->attached = bit(bits);
    disk->attached_running = disk->attached;
    disk->listed = bit(bits);
    disk->marked_for_us = disk->marked;
    disk->marker_final = !disk->marked;
}

static void check_invariants(const struct migration_facts *facts)
{
    struct migration_verdict verdict = migration_decide_volume(facts);
    bool moving = facts->call == MIGRATION_CALL_PENDING;

    for (size_t i = 0; i < facts->disk_count; i++)
        moving = moving || facts->disks[i].moving;
    if (verdict.step == MIGRATION_START) {
        cr_assert(facts->open && facts->call == MIGRATION_CALL_NEVER_SENT, "I6, I10");
        cr_assert(!moving, "I2");
        cr_assert(facts->disk_count == 1 && facts->disks[0].source, "I1");
        cr_assert(!facts->disks[0].attached && facts->disks[0].marked_for_us);
        cr_assert(!facts->cancel);
    }
    if (verdict.step == MIGRATION_OPEN)
        cr_assert(!facts->open && !moving && facts->pause == MIGRATION_PAUSE_NONE &&
                  !facts->cancel);
    if (verdict.step == MIGRATION_RENAME_LEFTOVER) {
        cr_assert(!moving && facts->open, "I1");
        cr_assert(facts->disks[verdict.disk].listed, "I10");
        cr_assert(verdict.disk != verdict.keep && verdict.keep != MIGRATION_NO_DISK, "I1");
        cr_assert_not(facts->disks[verdict.disk].attached, "I1: a disk in use keeps its name");
    }
    if (facts->blind != REC_REASON_INACTIVE && facts->open)
        cr_assert_eq(verdict.step, MIGRATION_WAIT, "I4");
    if (verdict.state == MIGRATION_STATE_MANUAL)
        cr_assert_eq(verdict.step, MIGRATION_WAIT, "I3");
    if (verdict.step == MIGRATION_CANCEL_TASK)
        cr_assert(facts->open && moving && facts->task_cancellable);
    if (migration_step_is_write(verdict.step) && verdict.step != MIGRATION_CANCEL_TASK)
        cr_assert_not(moving, "nothing is written to a disk that moves");
    if (verdict.disk != MIGRATION_NO_DISK)
        cr_assert_lt(verdict.disk, (int)facts->disk_count);
}

static void check_combination(uint64_t bits, size_t disk_count)
{
    struct migration_facts facts = one_elsewhere();

    bool source_there = bit(&bits);
    bool whole = bit(&bits);
    facts.disk_count = disk_count;
    facts.open = bit(&bits);
    facts.cancel = bit(&bits);
    facts.noticed = bit(&bits);
    facts.quiet = facts.noticed && bit(&bits);
    facts.still = facts.quiet;
    facts.pause = bit(&bits) ? MIGRATION_PAUSE_NONE : MIGRATION_PAUSE_BACK_OFF;
    facts.task_cancellable = bit(&bits);
    facts.stuck = bit(&bits);
    facts.blind = bit(&bits) ? REC_REASON_POOL_AWAY : REC_REASON_INACTIVE;
    if (disk_count == 1) /* nothing else is decided by it */
        facts.excluded = bit(&bits) ? REC_REASON_IN_USE : REC_REASON_INACTIVE;
    for (size_t i = 0; i < disk_count; i++)
        set_disk(&facts.disks[i], &bits);
    if (!facts.open) {
        facts.call = MIGRATION_CALL_NONE;
        check_invariants(&facts);
        return;
    }
    facts.disks[0].source = facts.disks[0].known = source_there;
    facts.disks[disk_count - 1].whole = whole && disk_count > 1;
    for (int call = MIGRATION_CALL_NEVER_SENT; call <= MIGRATION_CALL_IN_DOUBT; call++) {
        facts.call = (enum migration_call)call;
        check_invariants(&facts);
    }
}

Test(decide, holds_its_invariants_in_every_combination_of_one_disk)
{
    for (uint64_t bits = 0; bits < UINT64_C(1) << 17; bits++)
        check_combination(bits, 1);
}

Test(decide, holds_its_invariants_in_every_combination_of_two_disks)
{
    for (uint64_t bits = 0; bits < UINT64_C(1) << 22; bits++)
        check_combination(bits, 2);
}
