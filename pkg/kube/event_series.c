/* kube, 8: which events are the same as one that was written. */
#include "kube/event_series.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

struct one {
    char *namespace;
    char *name; /* of the Event */
    int64_t count;
    int64_t written; /* the count that was written last */
    struct mono_time seen_at;
    struct mono_time written_at;
    struct wall_time last;
};

struct kube_event_series {
    struct map all;    /* everything that makes two events the same → struct one, owned */
    unsigned sequence; /* goes on with each name that was made */
};

static void free_one(void *value)
{
    struct one *one = value;
    (void)mem_free(one->namespace); /* returns NULL, by convention, as the others */
    (void)mem_free(one->name);
    (void)mem_free(one);
}

struct kube_event_series *kube_event_series_new(void)
{
    struct kube_event_series *series = mem_alloc(sizeof(*series));
    map_init(&series->all, free_one);
    return series;
}

struct kube_event_series *kube_event_series_free(struct kube_event_series *series)
{
    if (!series)
        return NULL;
    map_done(&series->all);
    return mem_free(series);
}

size_t kube_event_series_len(const struct kube_event_series *series)
{
    return series->all.len;
}

static char *identity(const struct kube_event *event)
{
    return str_new("%s\n%s\n%s\n%s\n%d\n%s\n%s\n%s", event->kind->plural, event->namespace,
                   event->name, event->uid, event->warning, event->reason, event->action,
                   event->message);
}

static void forget_least_recent(struct kube_event_series *series)
{
    const char *oldest = NULL;
    struct mono_time seen_at = {.ms = INT64_MAX};
    const char *key = NULL;
    void *value = NULL;
    for (size_t i = 0; map_next(&series->all, &i, &key, &value);) {
        const struct one *one = value;
        if (one->seen_at.ms < seen_at.ms) {
            seen_at = one->seen_at;
            oldest = key;
        }
    }
    cleanup_str char *copy = mem_strdup(oldest); /* the key goes with its entry */
    map_remove(&series->all, copy);
}

/*
 * <object>.<number>, as kubectl's users know it. The number begins with the time, because names are the
 * order in which `kubectl describe` shows events of this API: it sorts by a time that they may not have.
 * What happens in one millisecond is kept in order by a counter, and apart from what another process
 * says by the hash.
 */
static void make_name(const struct kube_event *event, const char *key, struct wall_time when,
                      unsigned sequence, char ret_name[static KUBE_EVENT_NAME_SIZE])
{
    enum { OBJECT_MAX = KUBE_EVENT_NAME_SIZE - 18 }; /* room for a point and 16 digits */
    size_t len = strlen(event->name);
    while (len > OBJECT_MAX ||
           (len > 0 && (event->name[len - 1] == '.' || event->name[len - 1] == '-')))
        len--;
    uint64_t number =
        ((uint64_t)when.ms << 20) | ((uint64_t)(sequence & 0xFFU) << 12) | (str_hash(key) & 0xFFFU);
    str_format(ret_name, KUBE_EVENT_NAME_SIZE, "%.*s.%016llx", (int)len, event->name,
               (unsigned long long)number);
}

bool kube_event_series_add(struct kube_event_series *series, const struct kube_event *event,
                           struct mono_time now, struct wall_time when,
                           char ret_name[static KUBE_EVENT_NAME_SIZE])
{
    cleanup_str char *key = identity(event);
    struct one *one = map_get(&series->all, key);
    if (one && now.ms - one->seen_at.ms < KUBE_EVENTS_SERIES_MS) {
        one->count++;
        one->seen_at = now;
        one->last = when;
        return false;
    }
    if (!one && series->all.len >= KUBE_EVENTS_SERIES_MAX)
        forget_least_recent(series);
    make_name(event, key, when, series->sequence++, ret_name);
    one = mem_alloc(sizeof(*one));
    *one = (struct one){
        .namespace = mem_strdup(str_empty(event->namespace) ? "default" : event->namespace),
        .name = mem_strdup(ret_name),
        .count = 1,
        .written = 1,
        .seen_at = now,
        .written_at = now,
        .last = when,
    };
    map_put(&series->all, key, one);
    return true;
}

void kube_event_series_flush(struct kube_event_series *series, struct mono_time now, bool all,
                             kube_event_series_fn *write, void *userdata)
{
    const char *key = NULL;
    void *value = NULL;
    for (size_t i = 0; map_next(&series->all, &i, &key, &value);) {
        struct one *one = value;
        bool due = all || now.ms - one->written_at.ms >= KUBE_EVENTS_UPDATE_MS;
        if (one->count != one->written && due) {
            write(one->namespace, one->name, one->count, one->last, userdata);
            one->written = one->count;
            one->written_at = now;
        }
        if (now.ms - one->seen_at.ms >= KUBE_EVENTS_SERIES_MS && one->count == one->written) {
            cleanup_str char *copy = mem_strdup(key); /* the key goes with its entry */
            map_remove(&series->all, copy);
        }
    }
}
