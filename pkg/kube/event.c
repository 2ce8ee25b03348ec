/*
 * kube, 8: events.
 *
 * kube_events_record() copies the event into a ring; the thread takes it out, finds its series by
 * everything that makes two events the same, and creates an Event or counts. Counts are written when
 * KUBE_EVENTS_UPDATE_MS has passed since the last write. The series are the thread's own.
 */
#include "kube/event.h"

#include "kube/client.h"
#include "kube/event_series.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { RETRY_MS = 1000, ROUND_MS = 1000 };

static const struct kube_kind event_kind = {.group = "events.k8s.io",
                                            .version = "v1",
                                            .plural = "events",
                                            .name = "Event",
                                            .namespaced = true,
                                            .size = sizeof(struct kube_object)};

struct kube_events {
    struct kube_events_options options;
    struct kube_client *client;       /* the thread's */
    struct kube_event_series *series; /* the thread's */
    pthread_t thread;
    pthread_mutex_t mutex;                              /* guards everything below */
    pthread_cond_t wake;                                /* something waits, or it is to end */
    struct kube_event waiting[KUBE_EVENTS_WAITING_MAX]; /* a ring of copies */
    size_t first;
    size_t count;
    bool end;
};

static void lock(struct kube_events *events)
{
    int result = pthread_mutex_lock(&events->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

static void unlock(struct kube_events *events)
{
    int result = pthread_mutex_unlock(&events->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

/* Bytes of `text` that fit a note, without cutting a UTF-8 character in two. */
static size_t note_len(const char *text)
{
    size_t len = strlen(text);
    if (len <= KUBE_EVENTS_NOTE_MAX)
        return len;
    len = KUBE_EVENTS_NOTE_MAX;
    while (len > 0 && ((unsigned char)text[len] & 0xC0U) == 0x80U)
        len--;
    return len;
}

json_t *kube_event_body(const struct kube_events_options *options, const struct kube_event *event,
                        const char *name, struct wall_time when)
{
    const struct kube_kind *kind = event->kind;
    char time[CLOCK_RFC3339_SIZE];
    wall_format_micro(when, time);
    cleanup_str char *version =
        str_new("%s%s%s", kind->group, *kind->group ? "/" : "", kind->version);
    const char *namespace = str_empty(event->namespace) ? "default" : event->namespace;
    cleanup_str char *note = mem_strndup(event->message, note_len(event->message));
    json_t *regarding =
        json_build("{s:s, s:s, s:s, s:s}", "apiVersion", version, "kind", kind->name, "name",
                   event->name, "uid", event->uid ? event->uid : "");
    if (kind->namespaced)
        json_put_str(regarding, "namespace", event->namespace);
    json_t *body = json_build("{s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s, s:s, s:o}",
                              "apiVersion", "events.k8s.io/v1", "kind", "Event", "metadata", "name",
                              name, "namespace", namespace, "eventTime", time, "type",
                              event->warning ? "Warning" : "Normal", "reason", event->reason,
                              "action", event->action, "reportingController", options->controller,
                              "reportingInstance", options->instance, "regarding", regarding);
    json_put_str(body, "note", note);
    return body;
}

static struct kube_event event_copy(const struct kube_event *event)
{
    return (struct kube_event){
        .kind = event->kind,
        .namespace = mem_strdup(event->namespace ? event->namespace : ""),
        .name = mem_strdup(event->name),
        .uid = mem_strdup(event->uid ? event->uid : ""),
        .warning = event->warning,
        .reason = mem_strdup(event->reason),
        .action = mem_strdup(event->action),
        .message = mem_strdup(event->message),
    };
}

static void event_done(struct kube_event *event)
{
    const char *texts[] = {event->namespace, event->name,   event->uid,
                           event->reason,    event->action, event->message};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        (void)mem_free((void *)(uintptr_t)texts[i]); /* returns NULL, by convention */
}

void kube_events_record(struct kube_events *events, const struct kube_event *event)
{
    lock(events);
    bool room = events->count < KUBE_EVENTS_WAITING_MAX && !events->end;
    if (room) {
        size_t at = (events->first + events->count) % KUBE_EVENTS_WAITING_MAX;
        events->waiting[at] = event_copy(event);
        events->count++;
        int result = pthread_cond_signal(&events->wake);
        assert(result == 0);
        (void)result; /* asserted */
    }
    unlock(events);
    if (!room)
        log_debug("event dropped: too many wait", log_str("reason", event->reason),
                  log_str("name", event->name));
}

/* Waits until something is to be done, at most ROUND_MS. Returns whether an event was taken; it is
 * *new* then. `*ret_end` says whether the thread is to end once nothing waits. */
static bool take(struct kube_events *events, struct kube_event *ret, bool *ret_end)
{
    lock(events);
    if (events->count == 0 && !events->end) {
        const struct timespec until = clock_deadline(ROUND_MS);
        int result = pthread_cond_timedwait(&events->wake, &events->mutex, &until);
        assert(result == 0 || result == ETIMEDOUT);
        (void)result; /* asserted */
    }
    bool any = events->count > 0;
    if (any) {
        *ret = events->waiting[events->first];
        events->first = (events->first + 1) % KUBE_EVENTS_WAITING_MAX;
        events->count--;
    }
    *ret_end = events->end;
    unlock(events);
    return any;
}

static bool ending(struct kube_events *events)
{
    lock(events);
    bool end = events->end;
    unlock(events);
    return end;
}

/* Waits RETRY_MS, less when it is to end. */
static void pause_before_retry(struct kube_events *events)
{
    const struct timespec until = clock_deadline(RETRY_MS);
    lock(events);
    int result = 0;
    while (!events->end && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&events->wake, &events->mutex, &until);
        assert(result == 0 || result == ETIMEDOUT);
    }
    unlock(events);
}

static void create(struct kube_events *events, const struct kube_event *event, const char *name)
{
    cleanup_json json_t *body =
        kube_event_body(&events->options, event, name, clock_wall(&clock_system));
    const struct kube_target target = {.kind = &event_kind,
                                       .namespace = json_str_at(body, "metadata.namespace")};
    for (int tried = 0; tried < KUBE_EVENTS_TRIES; tried++) {
        struct err err = {0};
        if (kube_client_create(events->client, &target, body, NULL, &err) == 0)
            return;
        if (err.class != ERR_TRANSIENT || ending(events)) {
            log_debug("event not written", log_str("reason", event->reason), log_err(&err));
            return;
        }
        pause_before_retry(events);
    }
}

static void write_count(const char *namespace, const char *name, int64_t count,
                        struct wall_time last, void *userdata)
{
    struct kube_events *events = userdata;
    char time[CLOCK_RFC3339_SIZE];
    wall_format_micro(last, time);
    cleanup_json json_t *body = json_build("{s:{s:I, s:s}}", "series", "count", (json_int_t)count,
                                           "lastObservedTime", time);
    const struct kube_target target = {.kind = &event_kind, .namespace = namespace, .name = name};
    struct err err = {0};
    if (kube_client_merge_patch(events->client, &target, body, NULL, &err) < 0)
        log_debug("event series not written", log_str("name", name), log_err(&err));
}

static void take_in(struct kube_events *events, const struct kube_event *event)
{
    char name[KUBE_EVENT_NAME_SIZE];
    if (kube_event_series_add(events->series, event, clock_mono(&clock_system),
                              clock_wall(&clock_system), name))
        create(events, event, name);
}

static void *run(void *userdata)
{
    struct kube_events *events = userdata;
    for (;;) {
        struct kube_event event;
        bool end = false;
        bool any = take(events, &event, &end);
        if (any) {
            take_in(events, &event);
            event_done(&event);
        }
        kube_event_series_flush(events->series, clock_mono(&clock_system), end && !any, write_count,
                                events);
        if (end && !any)
            return NULL;
    }
}

static int start_thread(struct kube_events *events, struct err *err)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all); /* can't fail on a valid set */
    int result = pthread_sigmask(SIG_SETMASK, &all, &before);
    assert(result == 0);
    result = pthread_create(&events->thread, NULL, run, events);
    int restored = pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert(restored == 0);
    (void)restored; /* asserted */
    return result == 0 ? 0 : err_set_errno(err, result, "the event thread can't be started");
}

static void free_parts(struct kube_events *events)
{
    kube_client_free(events->client);
    kube_event_series_free(events->series);
    (void)pthread_cond_destroy(&events->wake);   /* nobody uses them any more */
    (void)pthread_mutex_destroy(&events->mutex); /* the same */
    (void)mem_free(events);                      /* returns NULL, by convention */
}

int kube_events_new(const struct kube_events_options *options, struct kube_events **ret,
                    struct err *err)
{
    enum { DEADLINE_MS = 5 * 1000 }; /* so that it ends soon when it is to */
    struct kube_events *events = mem_alloc(sizeof(*events));
    events->options = *options;
    events->client = kube_client_new(&(struct kube_client_options){.config = options->config,
                                                                   .limiter = options->limiter,
                                                                   .metrics = options->metrics,
                                                                   .deadline_ms = DEADLINE_MS});
    events->series = kube_event_series_new();
    pthread_condattr_t attributes;
    int result = pthread_condattr_init(&attributes);
    result |= pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    result |= pthread_cond_init(&events->wake, &attributes);
    result |= pthread_condattr_destroy(&attributes);
    result |= pthread_mutex_init(&events->mutex, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    if (start_thread(events, err) < 0) {
        free_parts(events);
        return -1;
    }
    *ret = events;
    return 0;
}

struct kube_events *kube_events_free(struct kube_events *events)
{
    if (!events)
        return NULL;
    lock(events);
    events->end = true;
    int result = pthread_cond_signal(&events->wake);
    assert(result == 0);
    unlock(events);
    result = pthread_join(events->thread, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    free_parts(events);
    return NULL;
}
