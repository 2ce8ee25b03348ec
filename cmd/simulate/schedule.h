/*
 * cmd/simulate: what happens to the world from outside, and when: people, Pods, faults. Drawn from the seed before the run, as a
 * list, so that a failure can be shrunk by leaving lines out. Thread: one.
 */
#ifndef SIMULATE_SCHEDULE_H
#define SIMULATE_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

/* constant, its line in a trace (a, b and c stand for the three numbers) */
#define SIM_EVENTS(X)                                                                              \
    /* people with kubectl: a is the object, b the first volume, c what else */                    \
    X(APPLY, "applies migration %d, first volume %d, target %d")                                   \
    X(APPLY_SEVERAL, "applies migration %d of several volumes from %d, target %d")                 \
    X(APPLY_ODD, "applies migration %d of odd claim %d, target %d")                                \
    X(RETARGET, "changes the target of migration %d (%d) to %d")                                   \
    X(CANCEL, "sets cancel on migration %d (%d, %d)")                                              \
    X(RESUME, "takes cancel off migration %d (%d, %d)")                                            \
    X(DELETE, "deletes migration %d (%d, %d)")                                                     \
    X(RELEASE, "annotates migration %d for release (%d, %d)")                                      \
    X(TOUCH, "annotates migration %d (%d, %d)")                                                    \
    /* Kubernetes: a is the volume, b the node */                                                  \
    X(POD_START, "a Pod with volume %d comes to node %d (%d)")                                     \
    X(POD_STOP, "the Pod with volume %d goes (%d, %d)")                                            \
    X(SECOND_POD, "a second Pod with volume %d comes to node %d for %d s")                         \
    X(NODE_STOP, "node %d goes down for %d s (%d)")                                                \
    X(NODE_SILENT, "the kubelet of node %d fails for %d s, its VM goes on (%d)")                   \
    X(TAINT, "somebody says that node %d is out of service, for %d s (%d)")                        \
    X(FORCE_DETACH, "somebody has volume %d detached by force (%d, %d)")                           \
    X(VM_SLEEP, "the VM of node %d sleeps for %d s, kind %d")                                      \
    /* people at Xen Orchestra */                                                                  \
    X(RENAME, "somebody renames the disk of volume %d for %d s (%d)")                              \
    X(ADMIN_MOVE, "somebody moves the disk of volume %d to SR %d (%d)")                            \
    X(DRIVER_MOVE, "a driver marks and moves the disk of volume %d to SR %d (%d)")                 \
    X(ADMIN_ATTACH, "somebody attaches the disk of volume %d to a VM for %d s (%d)")               \
    X(FILL, "SR %d is full for %d s (%d)")                                                         \
    X(DROP_LEFTOVERS, "somebody deletes leftovers (%d, %d, %d)")                                   \
    X(SPOIL_MARKER, "somebody spoils the marker of volume %d, for good: %d (%d)")                  \
    X(DESTROY, "somebody destroys the disk of volume %d (%d, %d)")                                 \
    X(DUPLICATE, "somebody clones the disk of volume %d, name and all (%d, %d)")                   \
    X(DOM0_KEEPS, "a control domain keeps the disk of volume %d for %d s (%d)")                    \
    /* backups */                                                                                  \
    X(BACKUP, "volume %d is backed up (%d, %d)")                                                   \
    X(REPLICA, "an older copy of volume %d comes to SR %d, kind %d")                               \
    X(HEALTH_CHECK, "an older copy of volume %d is booted from SR %d, %d s longer than 30")        \
    X(DROP_REPLICAS, "older copies of volume %d go (%d, %d)")                                      \
    /* Xen Orchestra and its hosts */                                                              \
    X(XO_RESTART, "Xen Orchestra restarts (%d, %d, %d)")                                           \
    X(TOOLSTACK_RESTART, "the toolstack of pool %d restarts (%d, %d)")                             \
    X(BLIP, "Xen Orchestra loses pool %d for %d s (%d)")                                           \
    X(POOL_LOSS, "Xen Orchestra is disconnected from pool %d (%d), for good: %d")                  \
    X(SR_FORGET, "SR %d is forgotten for %d s (%d)")                                               \
    X(SR_UNPLUG, "SR %d is unplugged for %d s (%d)")                                               \
    X(HOST_OFF, "host %d fails for %d s, and nobody notices; a person resets its VMs: %d")         \
    X(HOST_EJECT, "host %d dies and is ejected for %d s (%d)")                                     \
    X(SESSION_LOSS, "the session is cut for %d s (%d, %d)")                                        \
    X(NOTICE_LAG, "notifications are late by %d ms for %d s (%d)")                                 \
    X(MOVE_FAILS, "the next copy fails, kind %d, at %d %%, target stays: %d")                      \
    X(MOVE_HANGS, "the next copy stands still for %d s (%d, %d)")                                  \
    X(MOVE_SLOW_START, "the next move begins %d ms late (%d, %d)")                                 \
    X(CALL_LOST, "the reply to the next write to Xen Orchestra is lost, done: %d (%d, %d)")        \
    X(CALL_REFUSED, "the next write to Xen Orchestra is not sent (%d, %d, %d)")                    \
    X(CALL_SILENT, "the next move is never answered, done: %d (%d, %d)")                           \
    X(CALL_LIES, "the next write to Xen Orchestra is done, and it answers an error (%d, %d, %d)")  \
    X(MOVE_LIES, "the next copy is said to have failed, and goes on (%d, %d, %d)")                 \
    X(FORGET_RUNNING, "the hosts forget the tasks of what runs (%d, %d, %d)")                      \
    X(FORGET_TASKS, "the hosts forget tasks (%d, %d, %d)")                                         \
    /* the API server */                                                                           \
    X(API_DOWN, "the API server is down for %d s (%d, %d)")                                        \
    X(WRITE_FAILS, "%d writes to the API server fail (%d, %d)")                                    \
    X(WRITE_LOST, "the reply to the next write to the API server is lost (%d, %d, %d)")            \
    X(WATCH_LAG, "the watch of kind %d is late by %d ms (%d)")                                     \
    X(WATCH_RELIST, "the watch of kind %d has to list again (%d, %d)")                             \
    /* the operator */                                                                             \
    X(CRASH_AT, "the operator dies at its effect %d from now, before it: %d (%d)")                 \
    X(KILL, "the operator is killed, polite: %d (%d, %d)")                                         \
    X(CUT_OFF, "the leader is cut off from the API server (%d, %d, %d)")

enum sim_event_kind {
#define SIM_EVENT_ENUM(constant, text) SIM_##constant,
    SIM_EVENTS(SIM_EVENT_ENUM)
#undef SIM_EVENT_ENUM
        SIM_EVENT_KINDS
};

struct sim_event {
    int64_t at_ms;
    enum sim_event_kind kind;
    int a, b, c;
};

enum {
    SIM_SCHEDULE_MAX = 96, /* a run that is longer is harder to read and finds no more */
    SIM_FAULTS_END_MS = 15 * 60 * 1000, /* nothing of a schedule begins later */
    SIM_TARGETS = 40 /* what the target of a migration is drawn from, see people.c */
};

struct sim_schedule {
    struct sim_event events[SIM_SCHEDULE_MAX];
    size_t len;
};

/** The schedule of a seed, in order of time. */
void sim_schedule_draw(struct sim_schedule *schedule, uint64_t seed);

/** Writes an event as a sentence. */
void sim_event_format(const struct sim_event *event, char *text, size_t size);

#endif
