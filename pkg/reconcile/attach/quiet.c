/* reconcile/attach, 6: for how long a volume's disk has been left alone. */
#include "reconcile/attach/quiet.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>

struct entry {
    uint64_t shown;
    struct mono_time quiet_since;          /* not set (0): something moves */
    struct mono_time control_domain_since; /* not set (0): no control domain keeps it */
    uint64_t unmounted;                    /* hash of the uid; 0: not known */
};

static void entry_free(void *entry)
{
    (void)mem_free(entry); /* returns NULL, by convention */
}

void attach_quiet_init(struct attach_quiet *quiet)
{
    const int failed = pthread_mutex_init(&quiet->mutex, NULL);

    assert(failed == 0);
    (void)failed; /* only looked at by the assertion */
    map_init(&quiet->entries, entry_free);
}

void attach_quiet_done(struct attach_quiet *quiet)
{
    map_done(&quiet->entries);
    (void)pthread_mutex_destroy(&quiet->mutex); /* fails only while it is locked */
}

/* The entry, made when there is none. */
static struct entry *entry_of(struct attach_quiet *quiet, const char *attachment)
{
    struct entry *entry = map_get(&quiet->entries, attachment);

    if (entry)
        return entry;
    if (quiet->entries.len >= ATTACH_QUIET_MAX)
        map_clear(&quiet->entries);
    entry = mem_alloc(sizeof(*entry));
    map_put(&quiet->entries, attachment, entry);
    return entry;
}

static bool lasts(struct mono_time since, struct mono_time now)
{
    return since.ms != 0 && now.ms - since.ms >= ATTACH_QUIET_MS;
}

/* Begins, goes on or ends. */
static void follow(struct mono_time *since, bool holds, bool anew, struct mono_time now)
{
    if (!holds)
        *since = (struct mono_time){0};
    else if (since->ms == 0 || anew)
        *since = now;
}

struct attach_quiet_since attach_quiet_note(struct attach_quiet *quiet, const char *attachment,
                                            const struct attach_quiet_view *view,
                                            struct mono_time now)
{
    struct attach_quiet_since since = {0};

    (void)pthread_mutex_lock(&quiet->mutex); /* can't fail on a mutex that is not held */
    struct entry *entry = entry_of(quiet, attachment);
    const bool changed = entry->shown != view->shown;
    entry->shown = view->shown;
    follow(&entry->quiet_since, !view->blind && !view->moving && !view->control_domain, changed,
           now);
    follow(&entry->control_domain_since, !view->blind && !view->moving && view->control_domain,
           changed, now);
    since.quiet = lasts(entry->quiet_since, now);
    since.control_domain = lasts(entry->control_domain_since, now);
    (void)pthread_mutex_unlock(&quiet->mutex);
    return since;
}

void attach_quiet_note_unmounted(struct attach_quiet *quiet, const char *attachment,
                                 const char *uid)
{
    (void)pthread_mutex_lock(&quiet->mutex); /* can't fail on a mutex that is not held */
    entry_of(quiet, attachment)->unmounted = str_hash(uid);
    (void)pthread_mutex_unlock(&quiet->mutex);
}

bool attach_quiet_is_unmounted(struct attach_quiet *quiet, const char *attachment, const char *uid)
{
    (void)pthread_mutex_lock(&quiet->mutex); /* can't fail on a mutex that is not held */
    const struct entry *entry = map_get(&quiet->entries, attachment);
    const bool unmounted = entry && entry->unmounted != 0 && entry->unmounted == str_hash(uid);
    (void)pthread_mutex_unlock(&quiet->mutex);
    return unmounted;
}

void attach_quiet_forget(struct attach_quiet *quiet, const char *attachment)
{
    (void)pthread_mutex_lock(&quiet->mutex);       /* can't fail on a mutex that is not held */
    (void)map_remove(&quiet->entries, attachment); /* it need not be there */
    (void)pthread_mutex_unlock(&quiet->mutex);
}
