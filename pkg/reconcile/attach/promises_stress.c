/*
 * reconcile/attach, 7: many attaches to one VM at once, for ThreadSanitizer: no position is ever
 * promised to two disks, and each disk sees its own promise.
 */
#include "reconcile/attach/promises.h"

#include "base/str.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum {
    WORKERS = 6,
    ROUNDS = 2000,
    TAKEN_EVERY = 100 /* so many positions are used up that some are left at the end */
};

static struct attach_promises promises;
static atomic_int owners[ATTACH_POSITION_MAX + 1]; /* disks that have the position: never above 1 */
static const struct mono_time now = {1000};

static int lowest_free(void)
{
    bool used[ATTACH_POSITION_MAX + 1] = {false};

    attach_promises_mark(&promises, "V1", now, used);
    for (int position = 1; position <= ATTACH_POSITION_MAX; position++)
        if (!used[position])
            return position;
    assert(false); /* no position is left */
    return 0;
}

static void attach_once(const char *disk, int round)
{
    const int position = lowest_free();

    if (!attach_promises_take(&promises, "V1", disk, position, now))
        return; /* another one was quicker: that is what this is about */
    const int others = atomic_fetch_add(&owners[position], 1);
    assert(others == 0);
    (void)others; /* only looked at by the assertion */
    const bool mine = attach_promises_in_doubt(&promises, "V1", disk, now);
    assert(mine);
    (void)mine; /* the same */
    attach_promises_step_taken(&promises, disk, ATTACH_CONNECT, now);
    (void)attach_promises_step_is_recent(&promises, disk, ATTACH_CONNECT, now); /* for races only */
    atomic_fetch_sub(&owners[position], 1);
    if (round % TAKEN_EVERY == 0)
        attach_promises_taken(&promises, "V1", disk, now);
    else
        attach_promises_drop(&promises, "V1", disk);
}

static void *attach_all(void *userdata)
{
    char disk[32];

    (void)str_format(disk, sizeof(disk), "csi-%d", (int)(intptr_t)userdata); /* it fits */
    for (int round = 1; round <= ROUNDS; round++)
        attach_once(disk, round);
    return NULL;
}

int main(void)
{
    pthread_t workers[WORKERS];

    attach_promises_init(&promises);
    for (int i = 0; i < WORKERS; i++) {
        const int result = pthread_create(&workers[i], NULL, attach_all, (void *)(intptr_t)i);
        assert(result == 0);
        (void)result; /* only looked at by the assertion */
    }
    for (int i = 0; i < WORKERS; i++)
        (void)pthread_join(workers[i], NULL); /* threads of ours that nobody else joins */
    attach_promises_done(&promises);
    return 0;
}
