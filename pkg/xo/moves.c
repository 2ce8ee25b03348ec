/*
 * xo, 7: the moves that this process has started.
 *
 * A map from disk to entry under one mutex. An entry that is pending is never removed, so the reply
 * finds it by pointer.
 */
#include "xo/moves.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "xo/vdi.h"

#include <pthread.h>
#include <stdlib.h>

struct entry {
    struct xo_moves *moves;
    char *disk;
    char *name; /* the disk's name when it was sent: it may be gone when the reply comes */
    struct xo_move move;
};

struct xo_moves {
    struct xo_session *session;
    struct xo_inventory *inventory;
    const struct clock *clock;
    pthread_mutex_t mutex; /* guards entries and what is in them */
    struct map entries;    /* disk → struct entry */
};

static void entry_free(void *value)
{
    struct entry *entry = value;
    (void)mem_free(entry->disk); /* these return NULL, by convention */
    (void)mem_free(entry->name);
    (void)mem_free(entry);
}

struct xo_moves *xo_moves_new(struct xo_session *session, struct xo_inventory *inventory,
                              const struct clock *clock)
{
    struct xo_moves *moves = mem_alloc(sizeof(*moves));
    moves->session = session;
    moves->inventory = inventory;
    moves->clock = clock;
    map_init(&moves->entries, entry_free);
    if (pthread_mutex_init(&moves->mutex, NULL) != 0)
        abort(); /* glibc never fails for a default mutex */
    return moves;
}

struct xo_moves *xo_moves_free(struct xo_moves *moves)
{
    if (!moves)
        return NULL;
    map_done(&moves->entries);
    (void)pthread_mutex_destroy(&moves->mutex); /* not held: cannot fail */
    return mem_free(moves);
}

static void lock(struct xo_moves *moves)
{
    if (pthread_mutex_lock(&moves->mutex) != 0)
        abort(); /* only a deadlock or a broken mutex fails: a bug */
}

static void unlock(struct xo_moves *moves)
{
    if (pthread_mutex_unlock(&moves->mutex) != 0)
        abort(); /* as above */
}

/* Makes room for one more; false when all are pending. Under the lock. */
static bool make_room(struct xo_moves *moves)
{
    if (moves->entries.len < XO_MOVES_MAX)
        return true;
    const struct entry *oldest = NULL;
    void *value = NULL;
    for (size_t i = 0; map_next(&moves->entries, &i, NULL, &value);) {
        const struct entry *entry = value;
        if (entry->move.state != XO_MOVE_PENDING &&
            (!oldest || entry->move.since.ms < oldest->move.since.ms))
            oldest = entry;
    }
    return oldest && map_remove(&moves->entries, oldest->disk);
}

/* A *borrowed* pending entry for the disk, or NULL when there can be none now. */
static struct entry *add(struct xo_moves *moves, const char *disk, const char *name,
                         struct err *err)
{
    lock(moves);
    const struct entry *before = map_get(&moves->entries, disk);
    struct entry *entry = NULL;
    if (before && before->move.state == XO_MOVE_PENDING) {
        (void)err_set(err, ERR_CONFLICT, "a move of disk %s is under way", disk);
    } else if (!before && !make_room(moves)) {
        (void)err_set(err, ERR_BUSY, "%d moves are under way, no more are started", XO_MOVES_MAX);
    } else {
        entry = mem_alloc(sizeof(*entry));
        entry->moves = moves;
        entry->disk = mem_strdup(disk);
        entry->name = mem_strdup(name);
        entry->move.state = XO_MOVE_PENDING;
        entry->move.since = clock_mono(moves->clock);
        map_put(&moves->entries, disk, entry);
    }
    unlock(moves);
    return entry;
}

/* The reply, or that there will be none. Thread: the loop's. */
static void on_reply(const struct xo_reply *reply, void *userdata)
{
    struct entry *entry = userdata;
    struct xo_moves *moves = entry->moves;
    struct xo_move move = {.state = reply->lost ? XO_MOVE_LOST : XO_MOVE_ENDED,
                           .result = reply->result,
                           .since = clock_mono(moves->clock)};
    if (reply->result != XO_DONE) {
        move.error = *reply->error;
    } else if (!json_is_string(reply->value) ||
               !str_copy(move.new_disk, sizeof(move.new_disk), json_string_value(reply->value))) {
        move.result = XO_UNKNOWN;
        (void)err_set(&move.error, ERR_UNKNOWN,
                      "XO ended vdi.migrate without telling the new disk"); /* always -1 */
    }
    lock(moves);
    entry->move = move;
    char *disk cleanup_str = mem_strdup(entry->disk);
    char *name cleanup_str = mem_strdup(entry->name);
    unlock(moves); /* from here on it may be forgotten */
    xo_inventory_disk_changed(moves->inventory, disk, name);
}

enum xo_result xo_moves_start(struct xo_moves *moves, const char *disk, const char *sr,
                              struct err *err)
{
    const struct xo_inventory *read = xo_inventory_read(moves->inventory);
    const struct xo_disk *known = xo_inventory_disk(read, disk);
    char *name cleanup_str = mem_strdup(known ? known->name : "");
    xo_inventory_unread(read);

    struct entry *entry = add(moves, disk, name, err);
    if (!entry)
        return XO_NOT_DONE;
    enum xo_result result = xo_vdi_send_migrate(moves->session, disk, sr, on_reply, entry, err);
    if (result != XO_DONE) {
        lock(moves);
        (void)map_remove(&moves->entries, disk); /* there: only this function removes a pending one
                                                  */
        unlock(moves);
    }
    return result;
}

struct xo_move xo_moves_get(struct xo_moves *moves, const char *disk)
{
    lock(moves);
    const struct entry *entry = map_get(&moves->entries, disk);
    struct xo_move move = entry ? entry->move : (struct xo_move){.state = XO_MOVE_NONE};
    unlock(moves);
    return move;
}

void xo_moves_forget(struct xo_moves *moves, const char *disk)
{
    lock(moves);
    const struct entry *entry = map_get(&moves->entries, disk);
    if (entry && entry->move.state != XO_MOVE_PENDING)
        (void)map_remove(&moves->entries, disk); /* it is there */
    unlock(moves);
}

size_t xo_moves_pending(struct xo_moves *moves)
{
    size_t pending = 0;
    void *value = NULL;
    lock(moves);
    for (size_t i = 0; map_next(&moves->entries, &i, NULL, &value);)
        pending += ((const struct entry *)value)->move.state == XO_MOVE_PENDING;
    unlock(moves);
    return pending;
}
