/* reconcile/attach, 7: a small table, searched from one end to the other. */
#include "reconcile/attach/promises.h"

#include "base/str.h"

#include <assert.h>
#include <string.h>

void attach_promises_init(struct attach_promises *promises)
{
    const int failed = pthread_mutex_init(&promises->mutex, NULL);

    assert(failed == 0);
    (void)failed; /* only looked at by the assertion */
    memset(promises->entries, 0, sizeof(promises->entries));
    memset(promises->steps, 0, sizeof(promises->steps));
}

void attach_promises_done(struct attach_promises *promises)
{
    (void)pthread_mutex_destroy(&promises->mutex); /* fails only while it is locked: a bug */
}

static void forget(struct attach_promise *entry)
{
    *entry = (struct attach_promise){0};
}

/* Forgets the entries that lapsed. The caller holds the mutex. */
static void lapse(struct attach_promises *promises, struct mono_time now)
{
    for (size_t i = 0; i < ARRAY_LEN(promises->entries); i++)
        if (promises->entries[i].until.ms <= now.ms)
            forget(&promises->entries[i]);
}

/* The entry of an attach, or NULL; no name is nobody's. The caller holds the mutex. */
static struct attach_promise *find(struct attach_promises *promises, const char *vm,
                                   const char *disk)
{
    if (str_empty(vm) || str_empty(disk))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(promises->entries); i++) {
        struct attach_promise *entry = &promises->entries[i];
        if (str_equal(entry->vm, vm) && str_equal(entry->disk, disk))
            return entry;
    }
    return NULL;
}

void attach_promises_mark(struct attach_promises *promises, const char *vm, struct mono_time now,
                          bool used[static ATTACH_POSITION_MAX + 1])
{
    (void)pthread_mutex_lock(&promises->mutex); /* can't fail on a plain mutex that is not held */
    lapse(promises, now);
    for (size_t i = 0; i < ARRAY_LEN(promises->entries); i++)
        if (!str_empty(promises->entries[i].vm) && str_equal(promises->entries[i].vm, vm))
            used[promises->entries[i].position] = true;
    (void)pthread_mutex_unlock(&promises->mutex);
}

bool attach_promises_in_doubt(struct attach_promises *promises, const char *vm, const char *disk,
                              struct mono_time now)
{
    (void)pthread_mutex_lock(&promises->mutex);
    lapse(promises, now);
    const bool found = find(promises, vm, disk) != NULL;
    (void)pthread_mutex_unlock(&promises->mutex);
    return found;
}

bool attach_promises_in_doubt_elsewhere(struct attach_promises *promises, const char *vm,
                                        const char *disk, struct mono_time now)
{
    bool found = false;

    (void)pthread_mutex_lock(&promises->mutex);
    lapse(promises, now);
    for (size_t i = 0; i < ARRAY_LEN(promises->entries) && !found; i++) {
        const struct attach_promise *entry = &promises->entries[i];
        found = !str_empty(entry->vm) && str_equal(entry->disk, disk) && !str_equal(entry->vm, vm);
    }
    (void)pthread_mutex_unlock(&promises->mutex);
    return found;
}

static bool take_locked(struct attach_promises *promises, const char *vm, const char *disk,
                        int position, struct mono_time now)
{
    struct attach_promise *free_entry = NULL;

    lapse(promises, now);
    for (size_t i = 0; i < ARRAY_LEN(promises->entries); i++) {
        struct attach_promise *entry = &promises->entries[i];
        if (str_empty(entry->vm))
            free_entry = free_entry ? free_entry : entry;
        else if (str_equal(entry->vm, vm) && entry->position == position)
            return false;
    }
    if (!free_entry)
        return false;
    (void)str_copy(free_entry->vm, sizeof(free_entry->vm), vm);
    (void)str_copy(free_entry->disk, sizeof(free_entry->disk), disk);
    free_entry->position = position;
    free_entry->until = mono_add(now, ATTACH_DOUBT_MS);
    return true;
}

bool attach_promises_take(struct attach_promises *promises, const char *vm, const char *disk,
                          int position, struct mono_time now)
{
    assert(position > 0 && position <= ATTACH_POSITION_MAX);
    assert(!str_empty(vm) && !str_empty(disk));
    (void)pthread_mutex_lock(&promises->mutex);
    const bool taken = take_locked(promises, vm, disk, position, now);
    (void)pthread_mutex_unlock(&promises->mutex);
    return taken;
}

void attach_promises_drop(struct attach_promises *promises, const char *vm, const char *disk)
{
    (void)pthread_mutex_lock(&promises->mutex);
    struct attach_promise *entry = find(promises, vm, disk);
    if (entry)
        forget(entry);
    (void)pthread_mutex_unlock(&promises->mutex);
}

void attach_promises_taken(struct attach_promises *promises, const char *vm, const char *disk,
                           struct mono_time now)
{
    (void)pthread_mutex_lock(&promises->mutex);
    struct attach_promise *entry = find(promises, vm, disk);
    if (entry) {
        entry->disk[0] = '\0';
        entry->until = mono_add(now, ATTACH_TAKEN_MS);
    }
    (void)pthread_mutex_unlock(&promises->mutex);
}

void attach_promises_step_taken(struct attach_promises *promises, const char *vbd,
                                enum attach_action action, struct mono_time now)
{
    struct attach_step *entry = NULL;

    (void)pthread_mutex_lock(&promises->mutex);
    for (size_t i = 0; i < ARRAY_LEN(promises->steps) && !entry; i++)
        if (promises->steps[i].until.ms <= now.ms || str_equal(promises->steps[i].vbd, vbd))
            entry = &promises->steps[i];
    if (entry) {
        (void)str_copy(entry->vbd, sizeof(entry->vbd), vbd);
        entry->action = action;
        entry->until = mono_add(now, ATTACH_STEP_MS);
    }
    (void)pthread_mutex_unlock(&promises->mutex);
}

bool attach_promises_step_is_recent(struct attach_promises *promises, const char *vbd,
                                    enum attach_action action, struct mono_time now)
{
    bool recent = false;

    (void)pthread_mutex_lock(&promises->mutex);
    for (size_t i = 0; i < ARRAY_LEN(promises->steps) && !recent; i++)
        recent = promises->steps[i].until.ms > now.ms && promises->steps[i].action == action &&
                 str_equal(promises->steps[i].vbd, vbd);
    (void)pthread_mutex_unlock(&promises->mutex);
    return recent;
}
