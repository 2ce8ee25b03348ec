/*
 * kube, 8: who of several operators works.
 *
 * A thread with a client of its own, so that neither the rate limit nor a stalled connection of others
 * costs the lease. A holder renews with one PUT, guarded by the resourceVersion of its own last one;
 * only when that fails is the object read again.
 */
#include "kube/lease.h"

#include "kube/client.h"
#include "kube/transport.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>

enum {
    DURATION_MS = 11 * 1000,
    RENEW_WITHIN_MS = 7 * 1000,
    RETRY_MS = 2 * 1000,
    REQUEST_MS = 2 * 1000 /* so that three tries fit into RENEW_WITHIN_MS */
};

/* Another one sees the last renewal up to a try late, waits until the lease has stood still for its
 * duration, and takes it at its next try; one that is given back it takes at its next try. */
_Static_assert(DURATION_MS + 2 * RETRY_MS <= 15 * 1000, "a leader that dies is followed in 15 s");
_Static_assert(RETRY_MS <= 2 * 1000, "a leader that leaves is followed in 2 s");
_Static_assert(RENEW_WITHIN_MS + REQUEST_MS < DURATION_MS, "it stops before another one starts");

static const struct kube_kind lease_kind = {.group = "coordination.k8s.io",
                                            .version = "v1",
                                            .plural = "leases",
                                            .name = "Lease",
                                            .namespaced = true,
                                            .size = sizeof(struct kube_object)};

struct kube_lease {
    struct kube_lease_options options;
    struct kube_client *client;
    pthread_t thread;
    /* The thread's own: */
    json_t *object;                   /* as last read or written */
    struct mono_time unchanged_since; /* when `object` was first seen as it is */
    struct mono_time renewed;         /* before the last successful write was sent */
    pthread_mutex_t mutex;            /* guards everything below */
    pthread_cond_t wake;
    bool end;
    bool held;
    struct kube_lease_view view;
};

static void lock(struct kube_lease *lease)
{
    int result = pthread_mutex_lock(&lease->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

static void unlock(struct kube_lease *lease)
{
    int result = pthread_mutex_unlock(&lease->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

bool kube_lease_held(struct kube_lease *lease)
{
    lock(lease);
    bool held = lease->held;
    unlock(lease);
    return held;
}

void kube_lease_look(struct kube_lease *lease, struct kube_lease_view *ret)
{
    lock(lease);
    *ret = lease->view;
    unlock(lease);
}

static const char *holder_of(const json_t *object)
{
    const char *holder = json_str_at(object, "spec.holderIdentity");
    return holder ? holder : "";
}

static bool ours(const struct kube_lease *lease)
{
    return lease->object && str_equal(holder_of(lease->object), lease->options.identity);
}

static void see(struct kube_lease *lease, json_t *object, struct mono_time now)
{
    const char *path = "metadata.resourceVersion";
    if (!lease->object || !str_equal(json_str_at(lease->object, path), json_str_at(object, path)))
        lease->unchanged_since = now;
    json_decref(lease->object);
    lease->object = object;
    lock(lease);
    str_copy(lease->view.holder, sizeof(lease->view.holder), holder_of(object));
    unlock(lease);
}

/* How long it may still call itself the holder, if nothing succeeds from now on. */
static int64_t left_ms(const struct kube_lease *lease)
{
    int64_t age_ms = clock_mono(&clock_system).ms - lease->renewed.ms;
    return lease->options.renew_within_ms - age_ms;
}

/* No request may outlive what is left. */
static void set_deadline(struct kube_lease *lease)
{
    int64_t deadline_ms = REQUEST_MS;
    if (kube_lease_held(lease) && left_ms(lease) < deadline_ms)
        deadline_ms = left_ms(lease);
    kube_client_set_deadline(lease->client, deadline_ms);
}

static int read_object(struct kube_lease *lease, struct err *err)
{
    cleanup_str char *path =
        kube_path_new(&lease_kind, lease->options.namespace, lease->options.name, NULL, NULL);
    json_t *object = NULL;
    set_deadline(lease);
    if (kube_client_get_json(lease->client, path, NULL, &object, err) < 0)
        return -1;
    see(lease, object, clock_mono(&clock_system));
    return 0;
}

/* Whether somebody else holds it and has shown life within its duration, by our clock. */
static bool taken(const struct kube_lease *lease)
{
    if (!lease->object || *holder_of(lease->object) == '\0' || ours(lease))
        return false;
    int64_t seconds = json_int_at(lease->object, "spec.leaseDurationSeconds", 0);
    int64_t valid_ms = seconds > 0 ? seconds * 1000 : lease->options.duration_ms;
    return clock_mono(&clock_system).ms - lease->unchanged_since.ms < valid_ms;
}

/* The object with us as its holder, or with nobody. *New*. */
static json_t *object_with(const struct kube_lease *lease, bool give_back)
{
    const struct kube_lease_options *options = &lease->options;
    char now[CLOCK_RFC3339_SIZE];
    wall_format_micro(clock_wall(&clock_system), now);
    const char *acquired = json_str_at(lease->object, "spec.acquireTime");
    bool change = !ours(lease);
    json_int_t transitions = json_int_at(lease->object, "spec.leaseTransitions", 0);
    if (change && lease->object)
        transitions++;
    int64_t seconds = give_back ? 1 : options->duration_ms / 1000;
    json_t *spec =
        json_build("{s:s, s:I, s:s, s:s, s:I}", "holderIdentity",
                   give_back ? "" : options->identity, "leaseDurationSeconds", (json_int_t)seconds,
                   "acquireTime", change || !acquired ? now : acquired, "renewTime", now,
                   "leaseTransitions", transitions);
    json_t *metadata =
        json_build("{s:s, s:s}", "name", options->name, "namespace", options->namespace);
    json_put_str(metadata, "resourceVersion",
                 json_str_at(lease->object, "metadata.resourceVersion"));
    return json_build("{s:s, s:s, s:o, s:o}", "apiVersion", "coordination.k8s.io/v1", "kind",
                      "Lease", "metadata", metadata, "spec", spec);
}

/* Writes us as the holder over what was last seen. */
static int write_object(struct kube_lease *lease, bool give_back, struct err *err)
{
    const struct kube_target target = {.kind = &lease_kind,
                                       .namespace = lease->options.namespace,
                                       .name = lease->options.name};
    cleanup_json json_t *body = object_with(lease, give_back);
    struct kube_written written = {0};
    struct mono_time before = clock_mono(&clock_system);
    set_deadline(lease);
    int result = lease->object ? kube_client_replace(lease->client, &target, body, &written, err)
                               : kube_client_create(lease->client, &target, body, &written, err);
    if (result < 0)
        return -1;
    json_put_str(json_at(body, "metadata"), "resourceVersion", written.version);
    see(lease, json_incref(body), clock_mono(&clock_system));
    lease->renewed = before;
    return 0;
}

/* One try to become or stay the holder. 0: it is ours. -1 without an error class: it is somebody
 * else's. */
static int try_once(struct kube_lease *lease, struct err *err)
{
    if (ours(lease)) {
        if (write_object(lease, false, err) == 0)
            return 0;
        if (err->class != ERR_CONFLICT && err->class != ERR_NOT_FOUND)
            return -1;
    }
    if (read_object(lease, err) < 0) {
        if (err->class != ERR_NOT_FOUND)
            return -1;
        json_decref(lease->object);
        lease->object = NULL;
    }
    *err = (struct err){0};
    if (taken(lease))
        return -1;
    return write_object(lease, false, err);
}

static void set_error(struct kube_lease *lease, const struct err *err)
{
    lock(lease);
    str_copy(lease->view.error, sizeof(lease->view.error), err->message);
    unlock(lease);
    if (err->class != ERR_NONE)
        log_debug("lease", log_str("name", lease->options.name), log_err(err));
}

static void set_held(struct kube_lease *lease, bool held)
{
    lock(lease);
    lease->held = held;
    unlock(lease);
}

/* Waits; returns whether the thread is to end. */
static bool wait_ms(struct kube_lease *lease, int64_t ms)
{
    const struct timespec until = clock_deadline(ms);
    int result = 0;
    lock(lease);
    while (!lease->end && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&lease->wake, &lease->mutex, &until);
        assert(result == 0 || result == ETIMEDOUT);
    }
    bool end = lease->end;
    unlock(lease);
    return end;
}

/* Tells once when it is gained; false when it is lost. */
static bool after_try(struct kube_lease *lease, int result, const struct err *err)
{
    bool held = kube_lease_held(lease);
    if (result == 0) {
        if (!held) {
            set_held(lease, true);
            lease->options.acquired(lease->options.userdata);
        }
        return true;
    }
    bool other = err->class == ERR_NONE;
    if (!held || (!other && left_ms(lease) > 0))
        return true;
    set_held(lease, false);
    struct err reason = *err;
    if (other) {
        struct kube_lease_view view;
        kube_lease_look(lease, &view);
        (void)err_set(&reason, ERR_CONFLICT, "%s holds it now", view.holder); /* used below */
    }
    lease->options.lost(&reason, lease->options.userdata);
    return false;
}

static void *run(void *userdata)
{
    struct kube_lease *lease = userdata;
    bool end = false;
    while (!end) {
        struct err err = {0};
        int result = try_once(lease, &err);
        set_error(lease, &err);
        if (!after_try(lease, result, &err))
            return NULL;
        int64_t pause_ms = lease->options.retry_ms;
        if (kube_lease_held(lease) && left_ms(lease) < pause_ms)
            pause_ms = left_ms(lease);
        end = wait_ms(lease, pause_ms > 0 ? pause_ms : 0);
    }
    struct err err = {0};
    if (kube_lease_held(lease) && write_object(lease, true, &err) < 0)
        log_debug("lease not given back", log_str("name", lease->options.name), log_err(&err));
    return NULL;
}

static void free_parts(struct kube_lease *lease)
{
    kube_client_free(lease->client);
    json_decref(lease->object);
    (void)pthread_cond_destroy(&lease->wake);   /* nobody uses them any more */
    (void)pthread_mutex_destroy(&lease->mutex); /* the same */
    (void)mem_free(lease);                      /* returns NULL, by convention */
}

static int start_thread(struct kube_lease *lease, struct err *err)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all); /* can't fail on a valid set */
    int result = pthread_sigmask(SIG_SETMASK, &all, &before);
    assert(result == 0);
    result = pthread_create(&lease->thread, NULL, run, lease);
    int restored = pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert(restored == 0);
    (void)restored; /* asserted */
    return result == 0 ? 0 : err_set_errno(err, result, "the lease thread can't be started");
}

int kube_lease_new(const struct kube_lease_options *options, struct kube_lease **ret,
                   struct err *err)
{
    struct kube_lease *lease = mem_alloc(sizeof(*lease));
    lease->options = *options;
    if (lease->options.duration_ms == 0)
        lease->options.duration_ms = DURATION_MS;
    if (lease->options.renew_within_ms == 0)
        lease->options.renew_within_ms = RENEW_WITHIN_MS;
    if (lease->options.retry_ms == 0)
        lease->options.retry_ms = RETRY_MS;
    assert(lease->options.renew_within_ms < lease->options.duration_ms);
    lease->client = kube_client_new(&(struct kube_client_options){.config = options->config,
                                                                  .metrics = options->metrics,
                                                                  .deadline_ms = REQUEST_MS});
    pthread_condattr_t attributes;
    int result = pthread_condattr_init(&attributes);
    result |= pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    result |= pthread_cond_init(&lease->wake, &attributes);
    result |= pthread_condattr_destroy(&attributes);
    result |= pthread_mutex_init(&lease->mutex, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    if (start_thread(lease, err) < 0) {
        free_parts(lease);
        return -1;
    }
    *ret = lease;
    return 0;
}

struct kube_lease *kube_lease_free(struct kube_lease *lease)
{
    if (!lease)
        return NULL;
    lock(lease);
    lease->end = true;
    int result = pthread_cond_signal(&lease->wake);
    assert(result == 0);
    unlock(lease);
    result = pthread_join(lease->thread, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    free_parts(lease);
    return NULL;
}
