/*
 * xo: one writer and many readers of an inventory, and posts to a loop from many threads, for
 * ThreadSanitizer. Exits 0 when readers saw nothing but whole notifications.
 *
 * The writer lives on the loop, as in the operator. Each notification sets the size of two disks of
 * one name to the same number and lets them come and go together, so that a reader that sees one
 * without the other, or two numbers, has seen half a notification.
 */
#include "base/json.h"
#include "base/loop.h"
#include "base/str.h"
#include "xo/inventory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { READERS = 4, ROUNDS = 3000, LISTING_EVERY = 100 };

static struct loop *loop;
static struct xo_inventory *inventory;
static atomic_bool over;
static atomic_int torn;
static atomic_long changes;

static void on_change(enum xo_change_kind kind, const char *id, const char *name, void *userdata)
{
    (void)kind;
    (void)userdata;
    /* Reads what it is told, and the inventory, as handlers do. */
    const struct xo_inventory *read = xo_inventory_read(inventory);
    changes += xo_inventory_disk_named(read, name, 0) != NULL || id[0] != '\0';
    xo_inventory_unread(read);
}

static json_t *pair(int round)
{
    return json_build("{s:{s:s,s:s,s:i}, s:{s:s,s:s,s:i}}", "a", "type", "VDI", "name_label",
                      "csi-x", "size", round, "b", "type", "VDI", "name_label", "csi-x", "size",
                      round);
}

static void write_round(void *userdata)
{
    int round = (int)(intptr_t)userdata;
    if (round % LISTING_EVERY == 0) {
        json_t *objects cleanup_json = pair(round);
        xo_inventory_stale(inventory);
        xo_inventory_list_begin(inventory);
        xo_inventory_list_add(inventory, objects);
        xo_inventory_list_end(inventory);
        return;
    }
    json_t *params cleanup_json =
        round % 3 == 2 ? json_build("{s:s, s:{s:i, s:i}}", "type", "exit", "items", "a", 0, "b", 0)
                       : json_build("{s:s, s:o}", "type", "enter", "items", pair(round));
    xo_inventory_notify(inventory, params);
}

static void *read_rounds(void *userdata)
{
    (void)userdata;
    while (!over) {
        const struct xo_inventory *read = xo_inventory_read(inventory);
        const struct xo_disk *first = xo_inventory_disk_named(read, "csi-x", 0);
        const struct xo_disk *second = xo_inventory_disk_named(read, "csi-x", 1);
        if (!first != !second || (first && first->size_bytes != second->size_bytes))
            torn++;
        (void)xo_inventory_fresh(read); /* reads it */
        xo_inventory_unread(read);
    }
    return NULL;
}

/* Posts half of the rounds; two of these race. */
static void *post_rounds(void *userdata)
{
    for (int round = (int)(intptr_t)userdata; round < ROUNDS; round += 2)
        loop_post(loop, write_round, (void *)(intptr_t)round);
    return NULL;
}

static void nothing(void *userdata)
{
    (void)userdata;
}

int main(void)
{
    struct err err = {0};
    if (loop_new(&loop, &err) < 0)
        return 1;
    inventory = xo_inventory_new(&clock_system);
    xo_inventory_on_change(inventory, on_change, NULL);
    if (loop_start(loop, &err) < 0)
        return 1;
    pthread_t readers[READERS], posters[2];
    for (size_t i = 0; i < READERS; i++) {
        if (pthread_create(&readers[i], NULL, read_rounds, NULL) != 0)
            return 1;
    }
    for (size_t i = 0; i < 2; i++) {
        if (pthread_create(&posters[i], NULL, post_rounds, (void *)(intptr_t)i) != 0)
            return 1;
    }
    for (size_t i = 0; i < 2; i++)
        (void)pthread_join(posters[i], NULL); /* a thread of ours: cannot fail */
    loop_call(loop, nothing, NULL);           /* everything posted has run */
    over = true;
    for (size_t i = 0; i < READERS; i++)
        (void)pthread_join(readers[i], NULL); /* likewise */
    loop_stop(loop);
    loop = loop_free(loop);
    inventory = xo_inventory_free(inventory);
    /* What a person wants to see; the exit code says it too. */
    (void)fprintf(stderr, "%d rounds, %ld changes told, %d torn\n", ROUNDS, (long)changes,
                  (int)torn);
    return torn == 0 && changes > 0 ? 0 : 1;
}
