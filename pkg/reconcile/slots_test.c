/* reconcile, 6: which moves may start now. Covers slots.c, slots_count.c and slots_queue.c. */
#include "reconcile/slots.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

/* A world: what records and others' moves there are, and what the cache has caught up with. */
enum { USES_MAX = 64 };
static struct rec_slots *slots;
static struct rec_slots_use uses[USES_MAX];
static size_t uses_len;
static bool seen; /* whether the cache shows what was written */
static int64_t room = -1;
static int64_t now_ms;
static char woken[512];

static bool caught_up(void *userdata, const char *object)
{
    (void)userdata;
    (void)object;
    return seen;
}

static void collect(void *userdata, struct rec_slots_view *view)
{
    (void)userdata;
    for (size_t i = 0; i < uses_len; i++)
        rec_slots_view_add(view, &uses[i]);
    if (room >= 0)
        rec_slots_view_room(view, "S2", room);
}

static struct rec_slots_world world(void)
{
    return (
        struct rec_slots_world){.caught_up = caught_up, .collect = collect, .now = {.ms = now_ms}};
}

static void wake(void *userdata, const char *object, enum kube_queue_priority priority,
                 int64_t delay_ms)
{
    cleanup_str char *before = mem_strdup(woken);
    (void)userdata;
    (void)priority;
    (void)str_format(woken, sizeof(woken), "%s%s%s", before, object, delay_ms ? "(later) " : " ");
}

static void setup(void)
{
    static const struct rec_slots_limits limits = REC_SLOTS_DEFAULT_LIMITS;

    slots = rec_slots_new(&limits);
    rec_slots_on_wake(slots, wake, NULL);
    now_ms = 1000;
}

static void teardown(void)
{
    slots = rec_slots_free(slots);
}

TestSuite(rec_slots, .init = setup, .fini = teardown);

/* A copy from S1 on H1 to S2 on H2, for ns/claim. */
static struct rec_slots_use copy_of(const char *key)
{
    return (struct rec_slots_use){.key = key,
                                  .disk = key,
                                  .pool = "P",
                                  .vm = "",
                                  .hosts = {"H1", "H2"},
                                  .srs = {"S1", "S2"},
                                  .bytes = 10};
}

/* A live move of a VM's disk between the same. */
static struct rec_slots_use live_of(const char *key, const char *vm)
{
    struct rec_slots_use use = copy_of(key);
    use.live = true;
    use.vm = vm;
    return use;
}

/* What the question of a volume is answered. The object has the name of its key. */
static struct rec_slots_answer ask_as(const struct rec_slots_use *use, const char *namespace,
                                      enum kube_queue_priority priority, int64_t since_ms)
{
    const struct rec_slots_world w = world();
    const struct rec_slots_ask ask = {.object = use->key,
                                      .namespace = namespace,
                                      .priority = priority,
                                      .since = {.ms = since_ms},
                                      .use = *use};
    return rec_slots_ask(slots, &ask, &w);
}

static struct rec_slots_answer ask(const struct rec_slots_use *use)
{
    return ask_as(use, "a", KUBE_QUEUE_USER, 1);
}

/* Has n live moves of n VMs recorded. */
static void record_live(size_t n)
{
    static const char *const keys[] = {"a/r1", "a/r2", "a/r3", "a/r4"};
    static const char *const vms[] = {"R1", "R2", "R3", "R4"};

    for (uses_len = 0; uses_len < n; uses_len++)
        uses[uses_len] = live_of(keys[uses_len], vms[uses_len]);
}

static void wake_all(void)
{
    const struct rec_slots_world w = world();
    woken[0] = '\0';
    rec_slots_wake(slots, &w);
}

Test(rec_slots, lets_three_live_moves_of_a_host_go_and_not_a_fourth)
{
    struct rec_slots_use moves[] = {live_of("a/1", "V1"), live_of("a/2", "V2"),
                                    live_of("a/3", "V3"), live_of("a/4", "V4")};
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(ask(&moves[i]).lack, REC_SLOTS_NONE);
    struct rec_slots_answer answer = ask(&moves[3]);
    cr_assert_eq(answer.lack, REC_SLOTS_LIVE_OF_HOST);
    cr_assert_str_eq(answer.where, "H1");
    cr_assert_eq(answer.used, 3);
    cr_assert_eq(answer.limit, 3);
}

Test(rec_slots, count_at_the_destination_too)
{
    record_live(3);
    struct rec_slots_use arrives = live_of("a/4", "V4");
    arrives.hosts[0] = "H9";
    arrives.srs[0] = "S9";
    struct rec_slots_answer answer = ask(&arrives);
    cr_assert_eq(answer.lack, REC_SLOTS_LIVE_OF_HOST);
    cr_assert_str_eq(answer.where, "H2");
    struct rec_slots_use leaves = live_of("a/5", "V5");
    leaves.hosts[0] = "H2";
    leaves.hosts[1] = "H9";
    cr_assert_eq(ask(&leaves).lack, REC_SLOTS_LIVE_OF_HOST, "reading or writing is the same");
}

Test(rec_slots, let_one_live_move_of_a_vm_go)
{
    struct rec_slots_use first = live_of("a/1", "V1"), second = live_of("a/2", "V1");
    cr_assert_eq(ask(&first).lack, REC_SLOTS_NONE);
    struct rec_slots_answer answer = ask(&second);
    cr_assert_eq(answer.lack, REC_SLOTS_LIVE_OF_VM);
    cr_assert_str_eq(answer.where, "V1");
    cr_assert_eq(answer.limit, 1);
}

Test(rec_slots, count_copies_and_live_moves_apart)
{
    record_live(3);
    struct rec_slots_use copy = copy_of("a/4");
    cr_assert_eq(ask(&copy).lack, REC_SLOTS_NONE);
}

Test(rec_slots, limit_copies_per_host_and_per_sr)
{
    static const char *const keys[] = {"a/1", "a/2", "a/3", "a/4"};
    for (uses_len = 0; uses_len < 4; uses_len++)
        uses[uses_len] = copy_of(keys[uses_len]);
    struct rec_slots_use copy = copy_of("a/5");
    cr_assert_eq(ask(&copy).lack, REC_SLOTS_COPIES_OF_HOST);
    copy.hosts[0] = copy.hosts[1] = "H9";
    struct rec_slots_answer answer = ask(&copy);
    cr_assert_eq(answer.lack, REC_SLOTS_COPIES_OF_SR);
    cr_assert_str_eq(answer.where, "S1");
    copy.srs[0] = copy.srs[1] = "S9";
    cr_assert_eq(ask(&copy).lack, REC_SLOTS_NONE);
}

Test(rec_slots, count_a_copy_between_shared_srs_at_every_host_of_its_pool)
{
    static const char *const keys[] = {"a/1", "a/2", "a/3", "a/4"};
    struct rec_slots_use here = copy_of("a/5"), elsewhere = copy_of("a/6"), shared = copy_of("a/7");

    for (uses_len = 0; uses_len < 4; uses_len++) {
        uses[uses_len] = copy_of(keys[uses_len]);
        uses[uses_len].hosts[0] = uses[uses_len].hosts[1] = "";
        uses[uses_len].srs[0] = "shared-1";
        uses[uses_len].srs[1] = "shared-2";
    }
    cr_assert_eq(ask(&here).lack, REC_SLOTS_COPIES_OF_HOST);
    elsewhere.pool = "Q";
    elsewhere.hosts[0] = elsewhere.hosts[1] = "H8";
    cr_assert_eq(ask(&elsewhere).lack, REC_SLOTS_NONE);
    shared.hosts[0] = shared.hosts[1] = "";
    shared.srs[0] = shared.srs[1] = "shared-3";
    struct rec_slots_answer answer = ask(&shared);
    cr_assert_eq(answer.lack, REC_SLOTS_COPIES_OF_HOST);
    cr_assert_str_eq(answer.where, "", "no host in particular");
}

Test(rec_slots, let_a_copy_between_shared_srs_wait_for_the_busiest_host_of_its_pool)
{
    static const char *const keys[] = {"a/1", "a/2", "a/3", "a/4"};
    struct rec_slots_use shared = copy_of("a/7");

    for (uses_len = 0; uses_len < 4; uses_len++)
        uses[uses_len] = copy_of(keys[uses_len]);
    shared.hosts[0] = shared.hosts[1] = "";
    shared.srs[0] = shared.srs[1] = "shared-3";
    cr_assert_eq(ask(&shared).lack, REC_SLOTS_COPIES_OF_HOST);
    uses_len = 3;
    cr_assert_eq(ask(&shared).lack, REC_SLOTS_NONE);
}

Test(rec_slots, count_what_is_not_known_to_be_anywhere_everywhere)
{
    record_live(3);
    for (size_t i = 0; i < uses_len; i++) {
        uses[i].hosts[0] = uses[i].hosts[1] = "";
        uses[i].pool = "";
    }
    struct rec_slots_use move = live_of("a/9", "V9");
    cr_assert_eq(ask(&move).lack, REC_SLOTS_LIVE_OF_HOST);
}

Test(rec_slots, count_moves_of_others)
{
    record_live(2);
    uses[2] = live_of("", "X");
    uses[2].disk = "stranger";
    uses_len = 3;
    struct rec_slots_use move = live_of("a/4", "V4");
    cr_assert_eq(ask(&move).lack, REC_SLOTS_LIVE_OF_HOST);
    cr_assert(rec_slots_watches(slots, "stranger"));
    cr_assert_not(rec_slots_watches(slots, "a/r1"));
}

Test(rec_slots, count_a_grant_until_the_cache_shows_what_became_of_it)
{
    struct rec_slots_use first = live_of("a/1", "V1"), second = live_of("a/2", "V1");

    cr_assert_eq(ask(&first).lack, REC_SLOTS_NONE);
    cr_assert_eq(ask(&second).lack, REC_SLOTS_LIVE_OF_VM, "held");
    rec_slots_written(slots, "a/1", false, (struct mono_time){now_ms});
    cr_assert_not(rec_slots_release(slots, "a/1"), "it is written: no pass gives it back");
    cr_assert_eq(ask(&second).lack, REC_SLOTS_LIVE_OF_VM, "written, not shown");
    uses[0] = first;
    uses_len = 1;
    cr_assert_eq(ask(&second).lack, REC_SLOTS_LIVE_OF_VM, "shown by the record");
    uses_len = 0;
    cr_assert_eq(ask(&second).lack, REC_SLOTS_NONE, "the record has gone, and the grant before it");
}

Test(rec_slots, forget_a_written_grant_when_the_cache_has_caught_up)
{
    struct rec_slots_use first = live_of("a/1", "V1"), second = live_of("a/2", "V1");

    cr_assert_eq(ask(&first).lack, REC_SLOTS_NONE);
    rec_slots_written(slots, "a/1", false, (struct mono_time){now_ms});
    now_ms += 10 * REC_SLOTS_HOLD_MS;
    cr_assert_eq(ask(&second).lack, REC_SLOTS_LIVE_OF_VM, "time does not forget it");
    seen = true;
    cr_assert_eq(ask(&second).lack, REC_SLOTS_NONE);
}

Test(rec_slots, keep_a_grant_in_doubt_until_no_server_can_write_it_any_more)
{
    struct rec_slots_use first = live_of("a/1", "V1"), second = live_of("a/2", "V1");

    seen = true;
    cr_assert_eq(ask(&first).lack, REC_SLOTS_NONE);
    rec_slots_written(slots, "a/1", true, (struct mono_time){now_ms});
    now_ms += REC_SLOTS_HOLD_MS - 1;
    cr_assert_eq(ask(&second).lack, REC_SLOTS_LIVE_OF_VM);
    now_ms++;
    cr_assert_eq(ask(&second).lack, REC_SLOTS_NONE);
}

Test(rec_slots, give_back_what_was_not_written)
{
    struct rec_slots_use first = live_of("a/1", "V1"), second = live_of("a/2", "V1");

    cr_assert_eq(ask(&first).lack, REC_SLOTS_NONE);
    cr_assert_eq(ask(&first).lack, REC_SLOTS_NONE, "asked again, it is its own");
    cr_assert(rec_slots_release(slots, "a/1"));
    cr_assert_not(rec_slots_release(slots, "a/1"));
    cr_assert_eq(ask(&second).lack, REC_SLOTS_NONE);
}

Test(rec_slots, leave_what_is_held_to_its_holder)
{
    struct rec_slots_use first = live_of("a/1", "V1"), other = first;

    cr_assert_eq(ask(&first).lack, REC_SLOTS_NONE);
    record_live(3); /* it was there before them: they have to see it, not it them */
    cr_assert_eq(ask(&first).lack, REC_SLOTS_NONE);
    other.hosts[1] = "H9";
    cr_assert_eq(ask(&other).lack, REC_SLOTS_LIVE_OF_HOST, "another place is another question");
    cr_assert_eq(ask(&first).lack, REC_SLOTS_LIVE_OF_HOST, "and what was held is gone");
}

Test(rec_slots, confirm_an_attempt_only_when_the_others_leave_room)
{
    const struct rec_slots_world w = world();
    record_live(3);
    cr_assert_eq(rec_slots_confirm(slots, &uses[2], &w).lack, REC_SLOTS_NONE);
    record_live(4);
    cr_assert_eq(rec_slots_confirm(slots, &uses[2], &w).lack, REC_SLOTS_LIVE_OF_HOST);
}

Test(rec_slots, promise_no_room_twice)
{
    struct rec_slots_use first = copy_of("a/1"), second = copy_of("a/2");

    room = 15;
    cr_assert_eq(ask(&first).lack, REC_SLOTS_NONE);
    struct rec_slots_answer answer = ask(&second);
    cr_assert_eq(answer.lack, REC_SLOTS_ROOM_OF_SR);
    cr_assert_str_eq(answer.where, "S2");
    cr_assert_eq(rec_slots_waiting(slots), 0, "it is to choose again, not to wait for a slot");
    room = 20;
    cr_assert_eq(ask(&second).lack, REC_SLOTS_NONE);
}

Test(rec_slots, keep_room_for_the_snapshot_of_a_live_move)
{
    struct rec_slots_use leaves = live_of("a/1", "V1"), arrives = copy_of("a/2");

    leaves.srs[0] = "S2";
    leaves.srs[1] = "S3";
    leaves.snapshot_bytes = 10;
    room = 15;
    cr_assert_eq(ask(&leaves).lack, REC_SLOTS_NONE);
    cr_assert_eq(ask(&arrives).lack, REC_SLOTS_ROOM_OF_SR);
    leaves.key = "a/3";
    leaves.vm = "V3";
    cr_assert_eq(ask(&leaves).lack, REC_SLOTS_ROOM_OF_SR);
}

/* The queue. */

/* Has volumes wait: all need H1 and H2, where three moves go on. */
static void wait_for_h1(const char *const *keys, const char *const *namespaces, size_t len)
{
    record_live(3);
    for (size_t i = 0; i < len; i++) {
        struct rec_slots_use use = live_of(keys[i], keys[i]);
        cr_assert_eq(ask_as(&use, namespaces[i], KUBE_QUEUE_USER, (int64_t)i).lack,
                     REC_SLOTS_LIVE_OF_HOST);
    }
}

Test(rec_slots, tell_the_position_among_those_that_wait_for_the_same)
{
    const char *const keys[] = {"a/1", "a/2", "a/3"}, *const spaces[] = {"a", "a", "a"};
    wait_for_h1(keys, spaces, 3);
    struct rec_slots_use use = live_of("a/2", "a/2");
    struct rec_slots_answer answer = ask_as(&use, "a", KUBE_QUEUE_USER, 1);
    cr_assert_eq(answer.position, 2);
    cr_assert_eq(rec_slots_waiting(slots), 3);
}

Test(rec_slots, wake_as_many_as_can_go_and_each_once)
{
    const char *const keys[] = {"a/1", "a/2", "a/3"}, *const spaces[] = {"a", "a", "a"};
    wait_for_h1(keys, spaces, 3);
    wake_all();
    cr_assert_str_eq(woken, "");
    record_live(1);
    wake_all();
    cr_assert_str_eq(woken, "a/1 a/2 ");
    wake_all();
    cr_assert_str_eq(woken, "", "they know");
}

Test(rec_slots, keep_the_slot_for_the_one_whose_turn_it_is)
{
    const char *const keys[] = {"a/1", "a/2"}, *const spaces[] = {"a", "a"};
    struct rec_slots_use second = live_of("a/2", "a/2"), first = live_of("a/1", "a/1");

    wait_for_h1(keys, spaces, 2);
    record_live(2);
    woken[0] = '\0';
    cr_assert_eq(ask_as(&second, "a", KUBE_QUEUE_USER, 1).lack, REC_SLOTS_LIVE_OF_HOST);
    cr_assert_str_eq(woken, "a/1 ", "who comes too early calls the one before it");
    cr_assert_eq(ask_as(&first, "a", KUBE_QUEUE_USER, 0).lack, REC_SLOTS_NONE);
}

Test(rec_slots, not_keep_it_for_one_that_does_not_come)
{
    const char *const keys[] = {"a/1", "a/2"}, *const spaces[] = {"a", "a"};
    struct rec_slots_use second = live_of("a/2", "a/2");

    wait_for_h1(keys, spaces, 2);
    record_live(2);
    wake_all();
    now_ms += REC_SLOTS_CALLED_MS + 1;
    cr_assert_eq(ask_as(&second, "a", KUBE_QUEUE_USER, 1).lack, REC_SLOTS_NONE);
}

Test(rec_slots, let_attach_go_before_user_before_plan)
{
    const char *const keys[] = {"a/1"}, *const spaces[] = {"a"};
    struct rec_slots_use plan = live_of("a/2", "V2"), attach = live_of("a/3", "V3");

    wait_for_h1(keys, spaces, 1);
    cr_assert_eq(ask_as(&plan, "a", KUBE_QUEUE_PLAN, 0).position, 2);
    cr_assert_eq(ask_as(&attach, "a", KUBE_QUEUE_ATTACH, 9).position, 1);
    record_live(2);
    wake_all();
    cr_assert_str_eq(woken, "a/3 ");
}

Test(rec_slots, let_namespaces_take_turns)
{
    const char *const keys[] = {"a/1", "a/2", "a/3", "b/1", "c/1"}, *const spaces[] = {"a", "a",
                                                                                       "a", "b",
                                                                                       "c"};
    wait_for_h1(keys, spaces, 5);
    record_live(1); /* one of namespace a: it has had its turn */
    wake_all();
    cr_assert_str_eq(woken, "b/1 c/1 ");
}

Test(rec_slots, let_nobody_wait_for_one_whose_host_is_full)
{
    const char *const keys[] = {"a/1"}, *const spaces[] = {"a"};
    struct rec_slots_use other = live_of("a/2", "V2");

    wait_for_h1(keys, spaces, 1);
    other.hosts[0] = "H5";
    other.hosts[1] = "H6";
    cr_assert_eq(ask_as(&other, "a", KUBE_QUEUE_PLAN, 9).lack, REC_SLOTS_NONE);
}

Test(rec_slots, not_overtake_one_for_ever)
{
    struct rec_slots_use both = live_of("a/0", "V0"); /* needs H1 and H2 */
    struct rec_slots_use one = live_of("b/1", "V1");  /* needs H2 only */

    record_live(3);
    for (size_t i = 0; i < uses_len; i++)
        uses[i].hosts[1] = "H7"; /* H1 is full, H2 is free */
    one.hosts[0] = one.hosts[1] = "H2";
    cr_assert_eq(ask_as(&both, "a", KUBE_QUEUE_ATTACH, 0).lack, REC_SLOTS_LIVE_OF_HOST);
    for (unsigned i = 0; i < REC_SLOTS_OVERTAKEN_MAX; i++) {
        cr_assert_eq(ask_as(&one, "b", KUBE_QUEUE_USER, 1).lack, REC_SLOTS_NONE, "%u", i);
        cr_assert(rec_slots_release(slots, "b/1"));
    }
    uses[3] = live_of("c/1", "V8");
    uses[4] = live_of("c/2", "V9");
    uses[3].hosts[0] = uses[3].hosts[1] = uses[4].hosts[0] = uses[4].hosts[1] = "H2";
    uses_len = 5; /* one slot of H2 is left: it is kept now */
    cr_assert_eq(ask_as(&one, "b", KUBE_QUEUE_USER, 1).lack, REC_SLOTS_LIVE_OF_HOST);
    uses[0].hosts[0] = uses[1].hosts[0] = uses[2].hosts[0] = "H7";
    cr_assert_eq(ask_as(&both, "a", KUBE_QUEUE_ATTACH, 0).lack, REC_SLOTS_NONE);
}

Test(rec_slots, forget_those_that_do_not_wait_any_more)
{
    const char *const keys[] = {"a/1", "a/2", "a/3"}, *const spaces[] = {"a", "a", "a"};
    wait_for_h1(keys, spaces, 3);
    rec_slots_leave(slots, "a/1");
    rec_slots_leave(slots, "a/none");
    rec_slots_forget(slots, "a/2");
    record_live(1);
    wake_all();
    cr_assert_str_eq(woken, "a/3 ");
}

/* Refusals. */

static void refuse(const struct rec_slots_use *use)
{
    const struct rec_slots_ask ask = {.object = use->key,
                                      .namespace = "a",
                                      .priority = KUBE_QUEUE_USER,
                                      .use = *use};
    rec_slots_refused(slots, &ask, (struct mono_time){now_ms});
}

Test(rec_slots, shrink_the_share_of_a_host_that_refuses_and_let_it_grow_again)
{
    struct rec_slots_use move = live_of("a/4", "V4");

    record_live(2);
    refuse(&move);
    cr_assert_str_eq(woken, "a/4(later) ");
    woken[0] = '\0';
    cr_assert_eq(ask(&move).lack, REC_SLOTS_LIVE_OF_HOST);
    cr_assert_str_eq(woken, "a/4(later) ", "it is looked at again when the share has grown");
    now_ms += REC_SLOTS_SHARE_MS;
    cr_assert_eq(ask(&move).lack, REC_SLOTS_NONE);
}

Test(rec_slots, shrink_a_share_to_nothing_and_no_further)
{
    struct rec_slots_use move = live_of("a/4", "V4");

    for (int i = 0; i < 5; i++)
        refuse(&move);
    cr_assert_eq(ask(&move).lack, REC_SLOTS_LIVE_OF_HOST);
    now_ms += REC_SLOTS_SHARE_MS;
    cr_assert_eq(ask(&move).lack, REC_SLOTS_NONE);
}

Test(rec_slots, do_not_withdraw_what_is_written_for_a_share_that_shrank)
{
    const struct rec_slots_world w = world();
    record_live(3);
    refuse(&uses[0]);
    cr_assert_eq(rec_slots_confirm(slots, &uses[1], &w).lack, REC_SLOTS_NONE);
}
