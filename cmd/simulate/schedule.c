/*
 * cmd/simulate: what happens to the world from outside, drawn from the seed.
 *
 * A run has a mood: which kinds of trouble it has at all. So some runs have one kind of fault many times, and some have all.
 */
#include "schedule.h"

#include "base/macros.h"
#include "base/str.h"
#include "random.h"
#include "xo_server.h"

#include <stdlib.h>

enum { OBJECTS = 6, TARGETS = SIM_TARGETS, FLAGS = 256 };

/* What is drawn, how often against the others, and for how long at most. */
static const struct {
    enum sim_event_kind kind;
    int weight;
    bool fault;  /* only in runs whose mood has it */
    int a, b, c; /* each number is below these */
} kinds[] = {
    {SIM_APPLY, 62, false, OBJECTS, SIM_VOLUMES, TARGETS *FLAGS},
    {SIM_APPLY_SEVERAL, 18, false, OBJECTS, SIM_VOLUMES, TARGETS *FLAGS},
    {SIM_APPLY_ODD, 2, false, OBJECTS, SIM_ODD_VOLUMES + 1, 4},
    {SIM_RETARGET, 26, false, OBJECTS, 1, TARGETS *FLAGS},
    {SIM_CANCEL, 3, false, OBJECTS, 1, 1},
    {SIM_RESUME, 2, false, OBJECTS, 1, 1},
    {SIM_DELETE, 5, false, OBJECTS, 1, 1},
    {SIM_RELEASE, 1, true, OBJECTS, 1, 1},
    {SIM_TOUCH, 1, false, OBJECTS, 1, 1},
    {SIM_POD_START, 14, false, SIM_VOLUMES, SIM_NODES - 1, 8},
    {SIM_POD_STOP, 9, false, SIM_VOLUMES, 1, 1},
    {SIM_SECOND_POD, 2, true, SIM_VOLUMES, SIM_NODES - 1, 300},
    {SIM_NODE_STOP, 1, true, SIM_NODES, 300, 1},
    {SIM_NODE_SILENT, 2, true, SIM_NODES, 800, 1},
    {SIM_TAINT, 1, true, SIM_NODES, 400, 4},
    {SIM_FORCE_DETACH, 1, true, SIM_VOLUMES, 1, 1},
    {SIM_VM_SLEEP, 1, true, SIM_NODES, 300, 2},
    {SIM_RENAME, 2, true, SIM_VOLUMES, 700, 1},
    {SIM_ADMIN_MOVE, 2, true, SIM_VOLUMES, 6, 1},
    {SIM_DRIVER_MOVE, 2, true, SIM_VOLUMES, 6, 1},
    {SIM_ADMIN_ATTACH, 1, true, SIM_VOLUMES, 200, 1},
    {SIM_FILL, 2, true, 6, 300, 1},
    {SIM_DROP_LEFTOVERS, 1, true, 1, 1, 1},
    {SIM_SPOIL_MARKER, 2, true, SIM_VOLUMES, 2, 1},
    {SIM_DESTROY, 1, true, SIM_VOLUMES, 1, 1},
    {SIM_DUPLICATE, 1, true, SIM_VOLUMES, 1, 1},
    {SIM_DOM0_KEEPS, 1, true, SIM_VOLUMES, 400, 1},
    {SIM_BACKUP, 3, true, SIM_VOLUMES, 1, 1},
    {SIM_REPLICA, 4, true, SIM_VOLUMES, SIM_SRS, 3},
    {SIM_HEALTH_CHECK, 2, true, SIM_VOLUMES, SIM_SRS, 300},
    {SIM_DROP_REPLICAS, 2, true, SIM_VOLUMES, 1, 1},
    {SIM_XO_RESTART, 3, true, 1, 1, 1},
    {SIM_TOOLSTACK_RESTART, 2, true, 2, 1, 1},
    {SIM_BLIP, 3, true, 2, 150, 1},
    {SIM_POOL_LOSS, 1, true, 4, 1, 2},
    {SIM_SR_FORGET, 1, true, SIM_SRS, 300, 1},
    {SIM_SR_UNPLUG, 1, true, SIM_SRS, 300, 1},
    {SIM_HOST_OFF, 1, true, SIM_HOSTS, 400, 2},
    {SIM_HOST_EJECT, 1, true, SIM_HOSTS, 400, 1},
    {SIM_SESSION_LOSS, 3, true, 90, 1, 1},
    {SIM_NOTICE_LAG, 2, true, 3000, 120, 1},
    {SIM_MOVE_FAILS, 5, true, 5, 100, 2},
    {SIM_MOVE_HANGS, 1, true, 2400, 1, 1},
    {SIM_MOVE_SLOW_START, 2, true, 9600, 1, 1},
    {SIM_CALL_LOST, 4, true, 2, 1, 1},
    {SIM_CALL_REFUSED, 2, true, 1, 1, 1},
    {SIM_CALL_SILENT, 1, true, 2, 1, 1},
    {SIM_CALL_LIES, 2, true, 1, 1, 1},
    {SIM_MOVE_LIES, 2, true, 1, 1, 1},
    {SIM_FORGET_RUNNING, 1, true, 1, 1, 1},
    {SIM_FORGET_TASKS, 2, true, 1, 1, 1},
    {SIM_API_DOWN, 2, true, 60, 1, 1},
    {SIM_WRITE_FAILS, 3, true, 4, 1, 1},
    {SIM_WRITE_LOST, 3, true, 1, 1, 1},
    {SIM_WATCH_LAG, 2, true, 8, 4000, 1},
    {SIM_WATCH_RELIST, 2, true, 8, 1, 1},
    {SIM_CRASH_AT, 7, true, 8, 2, 1},
    {SIM_KILL, 2, true, 2, 1, 1},
    {SIM_CUT_OFF, 1, true, 1, 1, 1},
};

static int by_time(const void *a, const void *b)
{
    const struct sim_event *left = a;
    const struct sim_event *right = b;
    if (left->at_ms != right->at_ms)
        return left->at_ms < right->at_ms ? -1 : 1;
    return left->kind < right->kind ? -1 : left->kind > right->kind;
}

void sim_schedule_draw(struct sim_schedule *schedule, uint64_t seed)
{
    struct sim_random random = sim_random_stream(seed, 1);
    bool wanted[ARRAY_LEN(kinds)];
    int total = 0;
    uint64_t mood = 1 + sim_random_below(&random, 4);

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        wanted[i] = !kinds[i].fault || sim_random_below(&random, 4) < mood;
        total += wanted[i] ? kinds[i].weight : 0;
    }
    schedule->len = (size_t)sim_random_between(&random, SIM_SCHEDULE_MAX / 3, SIM_SCHEDULE_MAX);
    for (size_t k = 0; k < schedule->len; k++) {
        int ticket = (int)sim_random_below(&random, (uint64_t)total);
        size_t i = 0;
        while (!wanted[i] || (ticket -= kinds[i].weight) >= 0)
            i++;
        schedule->events[k] = (struct sim_event){
            .at_ms = sim_random_between(&random, 3000, SIM_FAULTS_END_MS - 1),
            .kind = kinds[i].kind,
            .a = (int)sim_random_below(&random, (uint64_t)kinds[i].a),
            .b = (int)sim_random_below(&random, (uint64_t)kinds[i].b),
            .c = (int)sim_random_below(&random, (uint64_t)kinds[i].c),
        };
    }
    qsort(schedule->events, schedule->len, sizeof(schedule->events[0]), by_time);
}

void sim_event_format(const struct sim_event *event, char *text, size_t size)
{
    switch (event->kind) {
#define SIM_EVENT_TEXT(constant, sentence)                                                         \
    case SIM_##constant:                                                                           \
        (void)str_format(text, size, sentence, event->a, event->b, event->c);                      \
        return;
        SIM_EVENTS(SIM_EVENT_TEXT)
#undef SIM_EVENT_TEXT
    case SIM_EVENT_KINDS:
        break;
    }
    (void)str_copy(text, size, "?");
}
