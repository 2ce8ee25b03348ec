/* reconcile/volume_migration, 6: rows 28 to 36 of the table of decide.h: several disks that count. */
#include "reconcile/volume_migration/decide_internal.h"

/* How the disks that are not the source look. */
struct others {
    size_t made; /* where a move makes whole disks */
    size_t attached;
    size_t whole;
    int running_disk;
    int whole_disk;
};

static struct others look_at_others(const struct migration_facts *facts, int source)
{
    struct others others = {.running_disk = MIGRATION_NO_DISK, .whole_disk = MIGRATION_NO_DISK};

    for (size_t i = 0; i < facts->disk_count; i++) {
        const struct migration_disk_facts *disk = &facts->disks[i];
        if ((int)i == source)
            continue;
        others.made += !disk->half;
        others.attached += disk->attached;
        if (disk->attached && disk->attached_running)
            others.running_disk = (int)i;
        if (disk->whole) {
            others.whole++;
            others.whole_disk = (int)i;
        }
    }
    return others;
}

/* The index of the source; MIGRATION_NO_DISK: it is not there. */
static int source_of(const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if (facts->disks[i].source)
            return (int)i;
    return MIGRATION_NO_DISK;
}

/* The disk that is remembered although it is not the source, which was remembered when the attempt began: it was
 * decided for since. */
static int remembered_since(const struct migration_facts *facts, int source)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if ((int)i != source && facts->disks[i].remembered)
            return (int)i;
    return MIGRATION_NO_DISK;
}

/* Row 32: whether the one that its task proves whole is to be kept. XAPI hands a live move's disk
 * over to the VM; whoever has an offline move's copy may have taken the wrong one. */
static bool proven(const struct migration_facts *facts, int source, const struct others *others)
{
    const int decided = remembered_since(facts, source);

    if (others->whole != 1 || (source != MIGRATION_NO_DISK && facts->disks[source].attached) ||
        (decided != MIGRATION_NO_DISK && decided != others->whole_disk))
        return false;
    return others->attached == 0 ||
           (facts->live && others->attached == 1 && facts->disks[others->whole_disk].attached);
}

/* Whether a VM has any disk but this one. */
static bool another_attached(const struct migration_facts *facts, int disk)
{
    for (size_t i = 0; i < facts->disk_count; i++)
        if ((int)i != disk && facts->disks[i].attached)
            return true;
    return false;
}

/* The one disk that this attempt has not put aside, when it has begun to put the others aside and
 * nobody has taken one of those since: what was decided once is not decided anew from less. */
static int kept_before(const struct migration_facts *facts)
{
    int kept = MIGRATION_NO_DISK;

    for (size_t i = 0; i < facts->disk_count; i++) {
        const struct migration_disk_facts *disk = &facts->disks[i];
        if (disk->put_aside ? disk->attached : disk->listed || kept != MIGRATION_NO_DISK)
            return MIGRATION_NO_DISK;
        if (!disk->put_aside)
            kept = (int)i;
    }
    return kept;
}

/* Row 35: whether a VM runs on just one of the others, and no VM has the source. */
static bool runs_on(const struct migration_facts *facts, int source, const struct others *others)
{
    return others->attached == 1 && others->running_disk != MIGRATION_NO_DISK &&
           !facts->disks[source].attached && !facts->disks[others->running_disk].half;
}

/* Rows 30, 32 to 34 and 36; a disk that row 35 keeps has been remembered by now. */
static struct migration_verdict interrupted(const struct migration_facts *facts)
{
    int source = source_of(facts);
    struct others others = look_at_others(facts, source);
    int kept = kept_before(facts);
    int decided = remembered_since(facts, source);
    /* Another disk may come of somebody else's move of one of these, which may not have ended. */
    bool ripe = facts->stranger_count == 0 || facts->still;

    if (ripe && kept != MIGRATION_NO_DISK)
        return migration_leave_only(facts, kept);
    if (facts->disk_count == 2 && ripe && proven(facts, source, &others))
        return migration_leave_only(facts, others.whole_disk);
    if (!facts->still)
        return migration_observe_on(facts);
    if (decided != MIGRATION_NO_DISK)
        return migration_leave_only(facts, decided);
    if (proven(facts, source, &others))
        return migration_leave_only(facts, others.whole_disk);
    if (source == MIGRATION_NO_DISK)
        return migration_ask_a_person(facts, API_REASON_AMBIGUOUS_COPIES);
    /* A live move's source that no VM has may have been left behind when the VM was switched over to a whole one. */
    if (others.attached == 0 && (!facts->live || facts->disks[source].attached || others.made == 0))
        return migration_leave_only(facts, source);
    return migration_ask_a_person(facts, API_REASON_AMBIGUOUS_COPIES);
}

/* Row 35, and 34 of a live move: on which disk a VM runs is written down as soon as it is seen, for the VM may be gone
 * before all is settled. */
static bool to_be_noted(const struct migration_facts *facts, struct migration_verdict *ret)
{
    int source = source_of(facts);
    struct others others = look_at_others(facts, source);
    int runs = MIGRATION_NO_DISK;

    if (!facts->noticed || facts->truncated || source == MIGRATION_NO_DISK)
        return false;
    if (runs_on(facts, source, &others))
        runs = others.running_disk;
    else if (facts->live && others.made > 0 && others.attached == 0 &&
             facts->disks[source].attached_running)
        runs = source;
    if (runs == MIGRATION_NO_DISK)
        return false;
    *ret = migration_leave_only(facts, runs);
    return ret->step != MIGRATION_RENAME_LEFTOVER;
}

/* Row 29: whether a VM has another disk than the one that was decided for, or had it when a person was asked: what it wrote
 * there may be the newest, and it may be gone before anybody looks again. */
static bool taken_since(const struct migration_facts *facts)
{
    const int decided = remembered_since(facts, source_of(facts));

    return decided != MIGRATION_NO_DISK && (facts->asked || another_attached(facts, decided));
}

static bool any_chosen(const struct migration_facts *facts)
{
    for (size_t i = 0; i < facts->disk_count + facts->stranger_count; i++)
        if (facts->disks[i].chosen)
            return true;
    return false;
}

/* Row 29: it is asked as soon as it is seen, for the question is what keeps it in mind. An answer is carried out when
 * nothing is on its way any more. */
static struct migration_verdict ask_which_to_keep(const struct migration_facts *facts)
{
    if (facts->still && migration_settled(facts))
        return migration_ask_a_person(facts, API_REASON_AMBIGUOUS_COPIES);
    if (facts->deleted || any_chosen(facts))
        return migration_observe_on(facts);
    return migration_verdict_make(MIGRATION_WAIT, MIGRATION_STATE_MANUAL,
                                  API_REASON_AMBIGUOUS_COPIES, MIGRATION_NO_DISK);
}

/* Rows 28 to 36. */
struct migration_verdict migration_several(const struct migration_facts *facts)
{
    struct migration_verdict note;

    if (taken_since(facts) || (facts->asked && any_chosen(facts)))
        return ask_which_to_keep(facts);
    if (to_be_noted(facts, &note))
        return note;
    /* What is there beside the source is somebody else's doing, for whom XO may yet destroy the source. */
    if (facts->call == MIGRATION_CALL_NEVER_SENT)
        return facts->still ? migration_withdraw(facts, source_of(facts))
                            : migration_observe_on(facts);
    if (!migration_settled(facts))
        return migration_observe_on(facts);
    if (facts->truncated)
        return migration_ask_a_person(facts, API_REASON_AMBIGUOUS_COPIES);
    return interrupted(facts);
}
