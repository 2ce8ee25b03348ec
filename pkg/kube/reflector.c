/*
 * kube, 2 → 3: keeps one cache equal to what the API server has of one kind.
 *
 * One easy handle, used for the pages of a list and then for the watch, one after the other. What the
 * answer is fed to depends on the machine's state: the list splitter, the watch decoder, or, when the
 * HTTP status is an error, a small buffer. Whatever stops a transfer from inside is kept in `stop`
 * until libcurl has reported its end.
 */
#include "kube/reflector.h"

#include "kube/list_split.h"
#include "kube/status.h"
#include "kube/transport.h"
#include "kube/watch_decode.h"
#include "kube/watch_state.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <pthread.h>

enum {
    ERROR_BODY_MAX = 64 * 1024, /* a Status with all its causes is a few KiB */
    /* The server ends a watch after 5 to 10 min, spread so that watches do not end together. */
    WATCH_MIN_S = 300,
    WATCH_SPREAD_S = 300
};

struct kube_reflector {
    struct kube_reflector_options options;
    const struct kube_kind *kind;
    struct kube_watch watch;
    struct kube_connection connection;
    struct kube_list_split split;    /* while LISTING */
    struct kube_watch_decode decode; /* while WATCHING */
    struct buf error_body;
    char *path; /* of the running request */
    struct mono_time started;
    bool stopped;          /* the transfer is ended from inside, for the reason in `stop` */
    struct err stop;       /* with the status of an ERROR event, if it was one */
    pthread_mutex_t mutex; /* guards `health` */
    struct kube_watch_health health;
};

static void lock(struct kube_reflector *reflector)
{
    int result = pthread_mutex_lock(&reflector->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

static void unlock(struct kube_reflector *reflector)
{
    int result = pthread_mutex_unlock(&reflector->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

static struct mono_time now_of(const struct kube_reflector *reflector)
{
    return clock_mono(reflector->options.clock);
}

static enum kube_watch_do tell(struct kube_reflector *reflector, struct kube_watch_told told)
{
    return kube_watch_step(&reflector->watch, &told, now_of(reflector));
}

static void set_watching(struct kube_reflector *reflector)
{
    lock(reflector);
    if (!reflector->health.watching)
        reflector->health.since = now_of(reflector);
    reflector->health.watching = true;
    reflector->health.missing = false;
    reflector->health.error[0] = '\0';
    unlock(reflector);
}

static void set_failing(struct kube_reflector *reflector, const struct err *reason)
{
    struct kube_watch_health *health = &reflector->health;
    lock(reflector);
    if (health->watching || *health->error == '\0')
        health->since = now_of(reflector);
    health->watching = false;
    health->missing = reason->status == 404;
    if (health->missing)
        str_format(health->error, sizeof(health->error),
                   "%s.%s/%s is not served: its CustomResourceDefinition is not installed",
                   reflector->kind->plural, reflector->kind->group, reflector->kind->version);
    else
        str_copy(health->error, sizeof(health->error), reason->message);
    unlock(reflector);
    log_debug("watch failed", log_str("kind", reflector->kind->name),
              log_int("status", reason->status), log_err(reason));
}

static void set_unreadable(struct kube_reflector *reflector, const char *namespace,
                           const char *name, const struct err *reason)
{
    kube_cache_keep(reflector->options.cache, namespace, name);
    lock(reflector);
    str_copy(reflector->health.unreadable, sizeof(reflector->health.unreadable), reason->message);
    unlock(reflector);
    kube_metrics_unreadable(reflector->options.metrics, reflector->kind);
}

/* 0 for what is no number: no server that we know has such versions. */
static uint64_t number_of(const char *version)
{
    int64_t number = 0;
    return str_parse_int64(version, 0, INT64_MAX, &number) ? (uint64_t)number : 0;
}

/* What the list splitter and the watch decoder hand over */

static void take_object(struct kube_object *object, void *userdata)
{
    const struct kube_reflector *reflector = userdata;
    kube_cache_put(reflector->options.cache, object);
}

static void take_unreadable(const char *namespace, const char *name, const struct err *reason,
                            void *userdata)
{
    set_unreadable(userdata, namespace, name, reason);
}

static void stop(struct kube_reflector *reflector, const struct err *reason)
{
    reflector->stopped = true;
    reflector->stop = *reason;
}

static void take_event(const struct kube_watch_event *event, void *userdata)
{
    struct kube_reflector *reflector = userdata;
    struct kube_cache *cache = reflector->options.cache;
    if (reflector->stopped) {
        kube_object_unref(event->object);
        return;
    }
    kube_metrics_event(reflector->options.metrics, reflector->kind);
    switch (event->type) {
    case KUBE_WATCH_PUT:
        kube_cache_put(cache, event->object);
        break;
    case KUBE_WATCH_DELETED:
        kube_cache_delete(cache, event->namespace, event->name, number_of(event->version));
        break;
    case KUBE_WATCH_UNREADABLE:
        set_unreadable(reflector, event->namespace, event->name, &event->reason);
        break;
    case KUBE_WATCH_BOOKMARK:
        break;
    case KUBE_WATCH_ERROR:
        stop(reflector, &event->reason);
        return;
    }
    (void)tell(reflector,
               (struct kube_watch_told){.input = KUBE_WATCH_VERSION,
                                        .version = event->version}); /* never asks for anything */
    kube_cache_set_version(cache, number_of(event->version));
}

/* What libcurl calls */

static long http_status(const struct kube_reflector *reflector)
{
    long status = 0;
    CURLcode code = curl_easy_getinfo(reflector->connection.curl, CURLINFO_RESPONSE_CODE, &status);
    assert(code == CURLE_OK);
    (void)code; /* asserted */
    return status;
}

static size_t take_body(char *data, size_t size, size_t count, void *userdata)
{
    struct kube_reflector *reflector = userdata;
    size_t len = size * count;
    (void)tell(reflector,
               (struct kube_watch_told){.input = KUBE_WATCH_LIFE}); /* never asks for anything */
    if (http_status(reflector) != 200) {
        if (buf_append(&reflector->error_body, data, len, NULL) < 0)
            return 0;
        return len;
    }
    struct err err = {0};
    int result = reflector->watch.state == KUBE_WATCH_LISTING
                     ? kube_list_split_feed(&reflector->split, data, len, &err)
                     : kube_watch_decode_feed(&reflector->decode, data, len, &err);
    if (result < 0 && !reflector->stopped)
        stop(reflector, &err);
    return reflector->stopped ? 0 : len;
}

/* The line that ends the header: from here on a watch is open, even if nothing ever happens. */
// NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's
static size_t take_header(char *data, size_t size, size_t count, void *userdata)
{
    struct kube_reflector *reflector = userdata;
    size_t len = size * count;
    bool last = len == 2 && data[0] == '\r';
    if (last && reflector->watch.state == KUBE_WATCH_WATCHING && http_status(reflector) == 200)
        set_watching(reflector);
    return len;
}

/* Life */

struct kube_reflector *kube_reflector_new(const struct kube_reflector_options *options)
{
    struct kube_reflector *reflector = mem_alloc(sizeof(*reflector));
    reflector->options = *options;
    reflector->kind = kube_cache_kind(options->cache);
    reflector->watch.random.state = options->seed;
    reflector->error_body.max = ERROR_BODY_MAX;
    reflector->health.kind = reflector->kind;
    int result = pthread_mutex_init(&reflector->mutex, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    kube_connection_init(&reflector->connection, options->config);
    CURL *curl = reflector->connection.curl;
    kube_transport_set(curl, CURLOPT_WRITEFUNCTION, take_body);
    kube_transport_set(curl, CURLOPT_WRITEDATA, reflector);
    kube_transport_set(curl, CURLOPT_HEADERFUNCTION, take_header);
    kube_transport_set(curl, CURLOPT_HEADERDATA, reflector);
    kube_transport_set(curl, CURLOPT_PRIVATE, reflector);
    return reflector;
}

/* Frees what belongs to one request. */
static void end_request(struct kube_reflector *reflector)
{
    kube_list_split_done(&reflector->split);
    kube_watch_decode_done(&reflector->decode);
    buf_done(&reflector->error_body);
    reflector->path = mem_free(reflector->path);
    reflector->stopped = false;
}

struct kube_reflector *kube_reflector_free(struct kube_reflector *reflector)
{
    if (!reflector)
        return NULL;
    end_request(reflector);
    kube_connection_done(&reflector->connection);
    kube_watch_done(&reflector->watch);
    (void)pthread_mutex_destroy(&reflector->mutex); /* nobody uses it any more */
    return mem_free(reflector);
}

CURL *kube_reflector_handle(struct kube_reflector *reflector)
{
    return reflector->connection.curl;
}

struct mono_time kube_reflector_next(const struct kube_reflector *reflector)
{
    return kube_watch_next(&reflector->watch);
}

void kube_reflector_health(struct kube_reflector *reflector, struct kube_watch_health *ret)
{
    lock(reflector);
    *ret = reflector->health;
    unlock(reflector);
    ret->synced = kube_cache_synced(reflector->options.cache);
}

/* Requests */

static char *list_path(const struct kube_reflector *reflector)
{
    const struct kube_watch *watch = &reflector->watch;
    struct buf query = {0};
    if (watch->limit > 0)
        buf_putf(&query, "limit=%d", watch->limit);
    if (watch->next_page) {
        cleanup_str char *token = kube_escape_new(watch->next_page);
        buf_putf(&query, "%scontinue=%s", query.len > 0 ? "&" : "", token);
    }
    char *path = kube_path_new(reflector->kind, reflector->options.namespace, NULL, NULL,
                               query.len > 0 ? buf_str(&query) : NULL);
    buf_done(&query);
    return path;
}

static char *watch_path(struct kube_reflector *reflector)
{
    int seconds = WATCH_MIN_S + (int)(kube_random_next(&reflector->watch.random) % WATCH_SPREAD_S);
    cleanup_str char *query =
        str_new("watch=1&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%d",
                reflector->watch.version, seconds);
    return kube_path_new(reflector->kind, reflector->options.namespace, NULL, NULL, query);
}

static void fail(struct kube_reflector *reflector, const struct err *reason, bool relist)
{
    set_failing(reflector, reason);
    (void)tell(reflector,
               (struct kube_watch_told){.input = KUBE_WATCH_FAILED,
                                        .status = reason->status,
                                        .retry_after_ms = reason->retry_after_ms,
                                        .relist = relist}); /* asks for nothing before its time */
}

static enum kube_reflector_do start(struct kube_reflector *reflector, bool list)
{
    end_request(reflector);
    reflector->path = list ? list_path(reflector) : watch_path(reflector);
    reflector->started = now_of(reflector);
    if (list) {
        const struct kube_list_sink sink = {.object = take_object,
                                            .unreadable = take_unreadable,
                                            .userdata = reflector};
        kube_list_split_init(&reflector->split, reflector->kind, sink);
        if (!reflector->watch.next_page)
            kube_cache_replace_begin(reflector->options.cache);
    } else {
        kube_watch_decode_init(&reflector->decode, reflector->kind, take_event, reflector);
    }
    const struct kube_request request = {.method = "GET", .path = reflector->path};
    struct err err = {0};
    if (kube_connection_prepare(&reflector->connection, &request, &err) == 0)
        return KUBE_REFLECTOR_START;
    err.status = 0; /* of a file, not of HTTP */
    fail(reflector, &err, false);
    return KUBE_REFLECTOR_NOTHING;
}

static enum kube_reflector_do act(struct kube_reflector *reflector, enum kube_watch_do what)
{
    switch (what) {
    case KUBE_WATCH_DO_NOTHING:
        break;
    case KUBE_WATCH_DO_LIST:
        return start(reflector, true);
    case KUBE_WATCH_DO_WATCH:
        return start(reflector, false);
    case KUBE_WATCH_DO_STOP:
        set_failing(reflector,
                    &(struct err){.class = ERR_TRANSIENT, .message = "the API server fell silent"});
        kube_metrics_request(reflector->options.metrics, "GET", "<silent>",
                             now_of(reflector).ms - reflector->started.ms);
        return KUBE_REFLECTOR_STOP;
    }
    return KUBE_REFLECTOR_NOTHING;
}

enum kube_reflector_do kube_reflector_time(struct kube_reflector *reflector)
{
    return act(reflector, tell(reflector, (struct kube_watch_told){.input = KUBE_WATCH_TIME}));
}

static enum kube_reflector_do page_ended(struct kube_reflector *reflector)
{
    struct kube_list_head head = {0};
    struct err err = {0};
    if (kube_list_split_end(&reflector->split, &head, &err) < 0) {
        fail(reflector, &err, true);
        return KUBE_REFLECTOR_NOTHING;
    }
    if (!head.next_page) {
        kube_cache_replace_end(reflector->options.cache);
        kube_cache_set_version(reflector->options.cache, number_of(head.version));
    }
    enum kube_watch_do what =
        tell(reflector, (struct kube_watch_told){.input = KUBE_WATCH_PAGE,
                                                 .version = head.version,
                                                 .next_page = head.next_page});
    (void)mem_free(head.next_page); /* returns NULL, by convention */
    return act(reflector, what);
}

static void watch_ended(struct kube_reflector *reflector)
{
    if (kube_watch_decode_complete(&reflector->decode)) {
        (void)tell(reflector,
                   (struct kube_watch_told){.input = KUBE_WATCH_CLOSED}); /* asks for nothing yet */
        return;
    }
    struct err err = {.class = ERR_TRANSIENT,
                      .message = "the watch was cut in the middle of an event"};
    fail(reflector, &err, false);
}

static void refused(struct kube_reflector *reflector, int status)
{
    struct err err = {0};
    kube_status_error_from_body(buf_str(&reflector->error_body), reflector->error_body.len, status,
                                &err);
    curl_off_t seconds = 0;
    CURLcode code = curl_easy_getinfo(reflector->connection.curl, CURLINFO_RETRY_AFTER, &seconds);
    if (code == CURLE_OK && seconds > 0 && seconds <= KUBE_RETRY_AFTER_MAX_S)
        err.retry_after_ms = seconds * 1000;
    if (status == 401)
        kube_auth_refused(reflector->options.config->auth, &reflector->connection.auth);
    fail(reflector, &err, false);
}

enum kube_reflector_do kube_reflector_ended(struct kube_reflector *reflector, CURLcode result)
{
    int status = (int)http_status(reflector);
    char code[16];
    str_format(code, sizeof(code), "%d", status);
    kube_metrics_request(reflector->options.metrics, "GET", status ? code : "<error>",
                         now_of(reflector).ms - reflector->started.ms);
    if (reflector->stopped) {
        struct err reason = reflector->stop;
        fail(reflector, &reason, true);
    } else if (result != CURLE_OK) {
        struct err err = {0};
        kube_connection_error(&reflector->connection, result, &err);
        fail(reflector, &err, false);
    } else if (status != 200) {
        refused(reflector, status);
    } else if (reflector->watch.state == KUBE_WATCH_LISTING) {
        return page_ended(reflector);
    } else {
        watch_ended(reflector);
    }
    end_request(reflector);
    return KUBE_REFLECTOR_NOTHING;
}
