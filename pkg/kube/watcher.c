/* kube, 2: the watch thread. */
#include "kube/watcher.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

struct kube_watcher {
    CURLM *multi;
    struct kube_reflector *reflectors[KUBE_WATCHER_MAX]; /* unchanged once started */
    size_t count;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    _Atomic int64_t alive_ms;
};

struct kube_watcher *kube_watcher_new(void)
{
    struct kube_watcher *watcher = mem_alloc(sizeof(*watcher));
    watcher->multi = curl_multi_init();
    assert(watcher->multi);
    return watcher;
}

struct kube_watcher *kube_watcher_free(struct kube_watcher *watcher)
{
    if (!watcher)
        return NULL;
    kube_watcher_stop(watcher);
    for (size_t i = 0; i < watcher->count; i++)
        kube_reflector_free(watcher->reflectors[i]);
    (void)curl_multi_cleanup(watcher->multi); /* no handle is in it any more */
    return mem_free(watcher);
}

void kube_watcher_add(struct kube_watcher *watcher, const struct kube_reflector_options *options)
{
    assert(!watcher->running && watcher->count < KUBE_WATCHER_MAX);
    watcher->reflectors[watcher->count++] = kube_reflector_new(options);
}

static void check(CURLMcode code)
{
    assert(code == CURLM_OK); /* anything else is a mistake in this file */
    (void)code;               /* asserted */
}

static void act(struct kube_watcher *watcher, struct kube_reflector *reflector,
                enum kube_reflector_do what)
{
    switch (what) {
    case KUBE_REFLECTOR_NOTHING:
        break;
    case KUBE_REFLECTOR_START:
        check(curl_multi_add_handle(watcher->multi, kube_reflector_handle(reflector)));
        break;
    case KUBE_REFLECTOR_STOP:
        check(curl_multi_remove_handle(watcher->multi, kube_reflector_handle(reflector)));
        break;
    }
}

/* Whether any transfer has ended. */
static bool take_ended(struct kube_watcher *watcher)
{
    bool any = false;
    int left = 0;
    CURLMsg *message = NULL;
    while ((message = curl_multi_info_read(watcher->multi, &left))) {
        CURL *curl = message->easy_handle;
        CURLcode result = message->data.result;
        struct kube_reflector *reflector = NULL;
        CURLcode code = curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&reflector);
        assert(message->msg == CURLMSG_DONE && code == CURLE_OK && reflector);
        (void)code; /* asserted */
        check(curl_multi_remove_handle(watcher->multi, curl));
        act(watcher, reflector, kube_reflector_ended(reflector, result));
        any = true;
    }
    return any;
}

/* Lets every reflector look at the clock; returns how long nothing needs to happen. */
static int64_t look_at_clock(struct kube_watcher *watcher)
{
    struct mono_time now = clock_mono(&clock_system);
    int64_t wait_ms = KUBE_WATCHER_ROUND_MS;
    for (size_t i = 0; i < watcher->count; i++) {
        act(watcher, watcher->reflectors[i], kube_reflector_time(watcher->reflectors[i]));
        int64_t next_ms = mono_until_ms(kube_reflector_next(watcher->reflectors[i]), now);
        wait_ms = next_ms < wait_ms ? next_ms : wait_ms;
    }
    return wait_ms;
}

static void *run(void *userdata)
{
    struct kube_watcher *watcher = userdata;
    while (!atomic_load(&watcher->stop)) {
        atomic_store(&watcher->alive_ms, clock_mono(&clock_system).ms);
        int64_t wait_ms = look_at_clock(watcher);
        int running = 0;
        check(curl_multi_perform(watcher->multi, &running));
        /* What has ended may have something to do at once. */
        if (!take_ended(watcher))
            check(curl_multi_poll(watcher->multi, NULL, 0, (int)wait_ms, NULL));
    }
    return NULL;
}

int kube_watcher_start(struct kube_watcher *watcher, struct err *err)
{
    assert(!watcher->running);
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all); /* can't fail on a valid set */
    int result = pthread_sigmask(SIG_SETMASK, &all, &before);
    assert(result == 0);
    atomic_store(&watcher->stop, false);
    atomic_store(&watcher->alive_ms, clock_mono(&clock_system).ms);
    result = pthread_create(&watcher->thread, NULL, run, watcher);
    int restored = pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert(restored == 0);
    (void)restored; /* asserted */
    if (result != 0)
        return err_set_errno(err, result, "the watch thread can't be started");
    watcher->running = true;
    return 0;
}

void kube_watcher_stop(struct kube_watcher *watcher)
{
    if (!watcher->running)
        return;
    atomic_store(&watcher->stop, true);
    check(curl_multi_wakeup(watcher->multi));
    int result = pthread_join(watcher->thread, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    for (size_t i = 0; i < watcher->count; i++)
        check(curl_multi_remove_handle(watcher->multi,
                                       kube_reflector_handle(watcher->reflectors[i])));
    watcher->running = false;
}

size_t kube_watcher_count(const struct kube_watcher *watcher)
{
    return watcher->count;
}

void kube_watcher_health(struct kube_watcher *watcher, size_t number, struct kube_watch_health *ret)
{
    assert(number < watcher->count);
    kube_reflector_health(watcher->reflectors[number], ret);
}

bool kube_watcher_synced(struct kube_watcher *watcher)
{
    for (size_t i = 0; i < watcher->count; i++) {
        struct kube_watch_health health;
        kube_reflector_health(watcher->reflectors[i], &health);
        if (!health.synced)
            return false;
    }
    return true;
}

struct mono_time kube_watcher_alive(struct kube_watcher *watcher)
{
    return (struct mono_time){.ms = atomic_load(&watcher->alive_ms)};
}
