/*
 * base: the event loop of the `xo` thread.
 *
 * Other threads reach it through one queue of posted functions: a mutex, a list, and
 * lws_cancel_service(), the one function of libwebsockets that any thread may call. The service
 * call returns, the loop runs what is queued, and goes back to wait. Timers are libwebsockets' own.
 */
#include "base/loop.h"

#include "base/mem.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

struct post {
    struct post *next;
    loop_fn *fn;
    void *userdata;
};

struct loop {
    struct lws_context *context;

    pthread_mutex_t mutex; /* guards first, last */
    struct post *first, *last;

    atomic_bool running; /* written while the thread does not exist */
    atomic_bool stopping;
    pthread_t thread; /* valid while running */
};

struct loop_timer {
    lws_sorted_usec_list_t list; /* first: libwebsockets hands it back */
    struct loop *loop;
    loop_fn *fn;
    void *userdata;
};

int loop_new(struct loop **ret, struct err *err)
{
    lws_set_log_level(0, NULL); /* it would write to standard error in its own format */
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        /* The session, its connection attempt, and the endpoint's connections, with room for tests
         * that serve and connect in one process. The default, the process's limit of descriptors,
         * costs megabytes. */
        .fd_limit_per_thread = 256,
        .max_http_header_data = 4096,
        .max_http_header_pool = 96, /* one per connection that is just sending its request */
    };
    struct loop *loop = mem_alloc(sizeof(*loop));
    loop->context = lws_create_context(&info);
    if (!loop->context) {
        (void)mem_free(loop); /* returns NULL, by convention */
        return err_set(err, ERR_TRANSIENT, "cannot create the event loop: libwebsockets refused");
    }
    if (pthread_mutex_init(&loop->mutex, NULL) != 0)
        abort(); /* glibc never fails for a default mutex */
    *ret = loop;
    return 0;
}

static void lock(struct loop *loop)
{
    if (pthread_mutex_lock(&loop->mutex) != 0)
        abort(); /* only a deadlock or a broken mutex fails: a bug */
}

static void unlock(struct loop *loop)
{
    if (pthread_mutex_unlock(&loop->mutex) != 0)
        abort(); /* as above */
}

static void run_posts(struct loop *loop)
{
    lock(loop);
    struct post *post = loop->first;
    loop->first = loop->last = NULL;
    unlock(loop);
    while (post) {
        struct post *next = post->next;
        post->fn(post->userdata);
        (void)mem_free(post); /* returns NULL, by convention */
        post = next;
    }
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop)
        return NULL;
    if (loop->running)
        abort(); /* a bug: its thread would go on with freed memory */
    run_posts(loop);
    lws_context_destroy(loop->context);
    (void)pthread_mutex_destroy(&loop->mutex); /* not held: cannot fail */
    return mem_free(loop);
}

/* The loop that this thread serves. */
static _Thread_local const struct loop *served;

static void *serve(void *userdata)
{
    struct loop *loop = userdata;
    served = loop;
    while (!loop->stopping) {
        if (lws_service(loop->context, 0) < 0)
            abort(); /* a broken poll set cannot be mended, only a restart helps */
        run_posts(loop);
    }
    run_posts(loop);
    return NULL;
}

int loop_start(struct loop *loop, struct err *err)
{
    loop->stopping = false;
    loop->running = true;
    /* Signals are for the main thread: block them while the new one inherits the mask. */
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* cannot fail with these arguments */
    int failed = pthread_create(&loop->thread, NULL, serve, loop);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* likewise */
    if (failed) {
        loop->running = false;
        return err_set_errno(err, failed, "cannot start the thread of the event loop");
    }
    return 0;
}

void loop_stop(struct loop *loop)
{
    if (!loop->running)
        return;
    loop->stopping = true;
    lws_cancel_service(loop->context);
    if (pthread_join(loop->thread, NULL) != 0)
        abort(); /* called on the loop's own thread: a bug */
    loop->running = false;
}

void loop_post(struct loop *loop, loop_fn *fn, void *userdata)
{
    struct post *post = mem_alloc(sizeof(*post));
    *post = (struct post){.fn = fn, .userdata = userdata};
    lock(loop);
    if (loop->last)
        loop->last->next = post;
    else
        loop->first = post;
    loop->last = post;
    unlock(loop);
    if (loop->running)
        lws_cancel_service(loop->context);
}

bool loop_is_current(const struct loop *loop)
{
    return !loop->running || served == loop;
}

/** A function to run on the loop, and the caller who waits for it. */
struct call {
    loop_fn *fn;
    void *userdata;
    pthread_mutex_t mutex; /* guards done */
    pthread_cond_t changed;
    bool done;
};

static void run_call(void *userdata)
{
    struct call *call = userdata;
    call->fn(call->userdata);
    (void)pthread_mutex_lock(&call->mutex); /* a private mutex: cannot fail */
    call->done = true;
    (void)pthread_cond_signal(&call->changed);
    (void)pthread_mutex_unlock(&call->mutex);
}

void loop_call(struct loop *loop, loop_fn *fn, void *userdata)
{
    if (loop_is_current(loop)) {
        fn(userdata);
        return;
    }
    struct call call = {.fn = fn,
                        .userdata = userdata,
                        .mutex = PTHREAD_MUTEX_INITIALIZER,
                        .changed = PTHREAD_COND_INITIALIZER};
    loop_post(loop, run_call, &call);
    (void)pthread_mutex_lock(&call.mutex); /* a private mutex: cannot fail */
    while (!call.done)
        (void)pthread_cond_wait(&call.changed, &call.mutex);
    (void)pthread_mutex_unlock(&call.mutex);
}

struct lws_context *loop_context(struct loop *loop)
{
    if (!loop_is_current(loop))
        abort(); /* a bug: libwebsockets' objects belong to the loop's thread */
    return loop->context;
}

static void fire(lws_sorted_usec_list_t *list)
{
    struct loop_timer *timer = lws_container_of(list, struct loop_timer, list);
    timer->fn(timer->userdata);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *userdata)
{
    struct loop_timer *timer = mem_alloc(sizeof(*timer));
    timer->loop = loop;
    timer->fn = fn;
    timer->userdata = userdata;
    return timer;
}

struct loop_timer *loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return NULL;
    loop_timer_stop(timer);
    return mem_free(timer);
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    /* A delay of 0 would stop it; "at once" is a microsecond. */
    lws_usec_t delay_us = delay_ms > 0 ? delay_ms * 1000 : 1;
    lws_sul_schedule(loop_context(timer->loop), 0, &timer->list, fire, delay_us);
}

void loop_timer_stop(struct loop_timer *timer)
{
    lws_sul_schedule(loop_context(timer->loop), 0, &timer->list, fire, LWS_SET_TIMER_USEC_CANCEL);
}
