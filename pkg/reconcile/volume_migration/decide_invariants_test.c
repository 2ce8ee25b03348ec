/*
 * reconcile/volume_migration, 6: what must always hold, whatever the facts are, also facts that can't
 * be: of one and two disks every combination of what matters there, and of any number some millions
 * that a fixed sequence of numbers draws from all there are.
 */
#include "reconcile/volume_migration/fake/facts.h"

#include <criterion/criterion.h>
#include <stdint.h>

/* Takes one bit off a number. */
static bool bit(uint64_t *bits)
{
    bool set = *bits & 1;
    *bits >>= 1;
    return set;
}

static bool disks_move(const struct migration_facts *facts)
{
    bool moving = false;

    for (size_t i = 0; i < facts->disk_count; i++)
        moving = moving || facts->disks[i].moving;
    return moving;
}

static bool something_moves(const struct migration_facts *facts)
{
    return facts->call == MIGRATION_CALL_PENDING || disks_move(facts);
}

/* Whether the way that the one disk would go now is free. */
static bool way_is_free(const struct migration_facts *facts)
{
    if (facts->no_target != API_REASON_INACTIVE || facts->excluded != API_REASON_INACTIVE)
        return false;
    if (facts->disks[0].attached)
        return !facts->offline_only && facts->not_live == API_REASON_INACTIVE;
    return !facts->live_only && !facts->wanted;
}

/* I2, I6, I10: no second move, no move before the last has ended, none that was not written down. */
static void check_start(const struct migration_facts *facts,
                        const struct migration_verdict *verdict)
{
    if (verdict->step == MIGRATION_OPEN) {
        cr_assert(!facts->open && !something_moves(facts) && !facts->cancel && !facts->dry_run);
        cr_assert(facts->pause == MIGRATION_PAUSE_NONE && !facts->queued && way_is_free(facts));
        cr_assert(facts->disk_count == 1 && !facts->disks[0].marked && !facts->disks[0].at_target);
    }
    if (verdict->step == MIGRATION_START || verdict->step == MIGRATION_MARK) {
        cr_assert(facts->open && migration_never_sent(facts), "I6, I10");
        cr_assert(!something_moves(facts), "I2");
        cr_assert(facts->disk_count == 1 && facts->disks[0].source && verdict->disk == 0, "I1");
        cr_assert(!facts->cancel && way_is_free(facts));
        cr_assert_eq(facts->live, facts->disks[0].attached);
        cr_assert_eq(verdict->step == MIGRATION_START, facts->disks[0].marked_for_us);
    }
}

/* Whether the attempt has begun to keep this disk: it has put every other one aside. */
static bool kept_before(const struct migration_facts *facts, int keep)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if ((int)i != keep && !facts->disks[i].put_aside)
            return false;
    return true;
}

/* I1: nothing that may be the only good copy loses its name, and nothing but a leftover is deleted. */
static void check_leftovers(const struct migration_facts *facts,
                            const struct migration_verdict *verdict)
{
    bool lists = verdict->step == MIGRATION_LIST_LEFTOVERS;
    bool renames = verdict->step == MIGRATION_RENAME_LEFTOVER;

    if (lists || renames) {
        cr_assert(verdict->keep >= 0 && verdict->keep < (int)facts->disk_count, "I1");
        const struct migration_disk_facts *keep = &facts->disks[verdict->keep];
        const struct migration_disk_facts *other = &facts->disks[verdict->disk];
        cr_assert(verdict->disk != verdict->keep && other->listed == renames, "I10");
        cr_assert(!something_moves(facts));
        cr_assert(keep->chosen || keep->source || keep->whole || keep->attached_running ||
                      keep->remembered || kept_before(facts, verdict->keep),
                  "I1");
        cr_assert(keep->chosen || facts->open);
        cr_assert(keep->chosen || !other->attached, "I1: a disk in use keeps its name");
    } else {
        cr_assert_eq(verdict->keep, MIGRATION_NO_DISK);
    }
    if (verdict->step == MIGRATION_DELETE_LEFTOVER) {
        const struct migration_leftover_facts *it = &facts->leftover;
        cr_assert(facts->ended == MIGRATION_DONE && facts->delete_leftovers && !facts->dry_run);
        cr_assert(it->listed && it->failed_copy && it->seen && !it->in_use && it->superseded);
        cr_assert_eq(facts->blind, API_REASON_INACTIVE, "I4");
    }
}

/* I6, I7, I8: an attempt is closed only when it is known to have ended, and as what was seen. */
static void check_end(const struct migration_facts *facts, const struct migration_verdict *verdict)
{
    bool sent = facts->open && !migration_never_sent(facts);

    if (verdict->step == MIGRATION_CLOSE_FAILED)
        cr_assert(sent && !facts->cancel &&
                  (facts->disk_count == 1 || verdict->disk == MIGRATION_NO_DISK));
    if (verdict->step == MIGRATION_CLOSE_FAILED || verdict->step == MIGRATION_CLOSE_WITHDRAWN ||
        (verdict->step == MIGRATION_CLOSE_CANCELLED && facts->open)) {
        cr_assert(!something_moves(facts) && facts->blind == API_REASON_INACTIVE);
        cr_assert(!sent || facts->quiet ||
                  (facts->call == MIGRATION_CALL_ANSWERED && facts->noticed));
    }
    if (verdict->step == MIGRATION_CLOSE_WITHDRAWN)
        cr_assert(!sent && !facts->cancel);
    if (verdict->step == MIGRATION_CLOSE_CANCELLED)
        cr_assert(facts->cancel || facts->deleted);
    if (verdict->step == MIGRATION_CLOSE_DONE ||
        (verdict->state == MIGRATION_STATE_DONE && facts->ended == MIGRATION_GOES_ON))
        cr_assert(facts->disk_count == 1 && facts->disks[0].at_target &&
                      facts->disks[0].marker_final && !something_moves(facts),
                  "I8");
    if (verdict->step == MIGRATION_CLOSE_DONE)
        cr_assert(facts->disks[0].remembered, "the volume is found again");
}

static void check_invariants(const struct migration_facts *facts)
{
    struct migration_verdict verdict = migration_decide_volume(facts);
    bool moving = something_moves(facts);
    bool writes = migration_step_is_write(verdict.step);

    check_start(facts, &verdict);
    check_leftovers(facts, &verdict);
    check_end(facts, &verdict);
    cr_assert(verdict.disk >= MIGRATION_NO_DISK &&
              verdict.disk < (int)(facts->disk_count + facts->stranger_count));
    if (verdict.disk >= (int)facts->disk_count)
        cr_assert(verdict.step == MIGRATION_REMEMBER && facts->disks[verdict.disk].chosen, "I11");
    if (facts->ended != MIGRATION_GOES_ON)
        cr_assert(verdict.step == MIGRATION_WAIT || verdict.step == MIGRATION_DELETE_LEFTOVER);
    if (facts->blind != API_REASON_INACTIVE)
        cr_assert(verdict.step == MIGRATION_WAIT ||
                      (verdict.step == MIGRATION_CLOSE_CANCELLED && !facts->open),
                  "I4");
    if (verdict.state == MIGRATION_STATE_MANUAL)
        cr_assert(verdict.step == MIGRATION_WAIT && !facts->deleted, "I3");
    if (verdict.step == MIGRATION_CANCEL_TASK)
        cr_assert(facts->open && moving && facts->task_cancellable &&
                  facts->call != MIGRATION_CALL_NEVER_SENT && (facts->cancel || facts->stuck));
    if (verdict.step == MIGRATION_FENCE)
        cr_assert(facts->call == MIGRATION_CALL_PENDING && facts->stuck && !disks_move(facts) &&
                  (!facts->seen_going || !facts->task_cancellable));
    if (writes && moving)
        cr_assert(verdict.step == MIGRATION_CANCEL_TASK || verdict.step == MIGRATION_FENCE ||
                      verdict.step == MIGRATION_DELETE_LEFTOVER,
                  "nothing is written to a disk that moves");
    if (facts->dry_run && !facts->open)
        cr_assert(!writes && verdict.step != MIGRATION_OPEN &&
                  verdict.step != MIGRATION_LIST_LEFTOVERS);
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

static void check_combination(uint64_t bits, size_t disk_count)
{
    struct migration_facts facts = fake_facts_one_elsewhere();
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
    facts.blind = bit(&bits) ? API_REASON_POOL_AWAY : API_REASON_INACTIVE;
    if (disk_count == 1) /* nothing else is decided by it */
        facts.excluded = bit(&bits) ? API_REASON_IN_USE : API_REASON_INACTIVE;
    for (size_t i = 0; i < disk_count; i++)
        set_disk(&facts.disks[i], &bits);
    if (!facts.open) {
        facts.call = MIGRATION_CALL_NONE;
        check_invariants(&facts);
        return;
    }
    facts.disks[0].source = source_there;
    facts.disks[disk_count - 1].whole = whole && disk_count > 1;
    for (int call = MIGRATION_CALL_NEVER_SENT; call <= MIGRATION_CALL_IN_DOUBT; call++) {
        facts.call = (enum migration_call)call;
        check_invariants(&facts);
    }
}

Test(decide_invariants, hold_in_every_combination_of_one_disk)
{
    for (uint64_t bits = 0; bits < UINT64_C(1) << 17; bits++)
        check_combination(bits, 1);
}

Test(decide_invariants, hold_in_every_combination_of_two_disks)
{
    for (uint64_t bits = 0; bits < UINT64_C(1) << 22; bits++)
        check_combination(bits, 2);
}

/* xorshift64: the same numbers everywhere. */
static uint64_t next_number(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* INACTIVE as often as any of these. */
static enum api_reason draw_reason(uint64_t *bits, enum api_reason one, enum api_reason other)
{
    bool any = bit(bits);
    bool which = bit(bits);
    return any ? (which ? one : other) : API_REASON_INACTIVE;
}

static struct migration_disk_facts draw_disk(uint64_t bits)
{
    return (struct migration_disk_facts){
        .source = bit(&bits),
        .half = bit(&bits) && bit(&bits),
        .remembered = bit(&bits),
        .at_target = bit(&bits),
        .moving = bit(&bits) && bit(&bits) && bit(&bits),
        .marked = bit(&bits),
        .marked_for_us = bit(&bits),
        .marker_final = bit(&bits),
        .whole = bit(&bits),
        .attached = bit(&bits),
        .attached_running = bit(&bits),
        .listed = bit(&bits),
        .put_aside = bit(&bits) && bit(&bits),
        .chosen = bit(&bits) && bit(&bits),
    };
}

static struct migration_facts draw_facts(uint64_t *state)
{
    uint64_t bits = next_number(state) >> 1;
    struct migration_facts facts = {
        .ended = bit(&bits) && bit(&bits) && bit(&bits)
                     ? (enum migration_end)(next_number(state) % 4)
                     : MIGRATION_GOES_ON,
        .cancel = bit(&bits),
        .deleted = bit(&bits),
        .dry_run = bit(&bits) && bit(&bits),
        .offline_only = bit(&bits),
        .live_only = bit(&bits),
        .delete_leftovers = bit(&bits),
        .blind = draw_reason(&bits, API_REASON_INACTIVE, API_REASON_POOL_AWAY),
        .unfit = draw_reason(&bits, API_REASON_INACTIVE, API_REASON_CLAIM_NOT_BOUND),
        .no_target = draw_reason(&bits, API_REASON_INACTIVE, API_REASON_NO_SPACE),
        .excluded = draw_reason(&bits, API_REASON_IN_USE, API_REASON_VOLUME_BUSY),
        .not_live = draw_reason(&bits, API_REASON_INACTIVE, API_REASON_LIVE_IMPOSSIBLE),
        .wanted = bit(&bits),
        .queued = bit(&bits),
        .call = (enum migration_call)(next_number(state) % 6),
        .pause = bit(&bits) ? MIGRATION_PAUSE_NONE : (enum migration_pause)(bits % 4),
        .open = bit(&bits),
        .marked_by_us = bit(&bits),
        .live = bit(&bits),
        .noticed = bit(&bits),
        .quiet = bit(&bits),
        .still = bit(&bits),
        .task_cancellable = bit(&bits),
        .stuck = bit(&bits),
        .begun = bit(&bits),
        .call_failed = bit(&bits),
        .copied_elsewhere = bit(&bits) && bit(&bits),
        .seen_going = bit(&bits),
        .source_lost = bit(&bits) && bit(&bits),
        .truncated = bit(&bits) && bit(&bits),
        .leftover = {.listed = true, .failed_copy = true, .seen = true, .superseded = true},
        .disk_count = next_number(state) % 5,
        .stranger_count = next_number(state) % 3,
    };

    bits = next_number(state) >> 1;
    if (bit(&bits))
        facts.leftover = (struct migration_leftover_facts){.listed = bit(&bits),
                                                           .failed_copy = bit(&bits),
                                                           .seen = bit(&bits),
                                                           .in_use = bit(&bits),
                                                           .superseded = bit(&bits)};
    facts.identity = draw_reason(&bits, API_REASON_DUPLICATE_NAME, API_REASON_DISK_OUT_OF_REACH);
    facts.held = draw_reason(&bits, API_REASON_INACTIVE, API_REASON_EXPIRED);
    for (size_t i = 0; i < facts.disk_count + facts.stranger_count; i++)
        facts.disks[i] = draw_disk(next_number(state) >> 1);
    return facts;
}

Test(decide_invariants, hold_whatever_the_facts_are)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

    for (int i = 0; i < 3 * 1000 * 1000; i++) {
        struct migration_facts facts = draw_facts(&state);
        check_invariants(&facts);
    }
}
