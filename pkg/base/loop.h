/*
 * base: the event loop of the `xo` thread: one libwebsockets context, one thread that serves it.
 *
 * Flow: loop_new() → its users add their virtual hosts (xo_session_new(), http_server_new()) →
 * loop_start() → loop_stop() → the users are freed → loop_free(). Guarantees: posted functions run
 * on the loop's thread in the order of posting, under no lock; timers run there too. Everything
 * that libwebsockets hands out belongs to that thread: who wants something of it from another
 * thread posts a function. A posted function must not wait: it holds up the sessions and the
 * endpoint.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/err.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct lws_context; /* libwebsockets' own */

/** Something to run on a loop. Must not wait. Thread: the loop's. */
typedef void loop_fn(void *userdata);

/** A *new* loop that does not run yet. Thread: any. */
int loop_new(struct loop **ret, struct err *err) WARN_UNUSED;

/** Frees a loop that does not run; takes NULL, returns NULL. Its users must be gone. */
struct loop *loop_free(struct loop *loop);

/** Starts its thread. */
int loop_start(struct loop *loop, struct err *err) WARN_UNUSED;

/** Runs what was posted so far, then ends the thread and waits for its end. Nothing when it does
 * not run. Thread: any but the loop's. */
void loop_stop(struct loop *loop);

/**
 * Runs fn(userdata) on the loop's thread soon. Thread: any. What is posted while the loop does not
 * run is kept until it does; what is left at loop_free() is run there, so that nothing leaks.
 */
void loop_post(struct loop *loop, loop_fn *fn, void *userdata);

/** As loop_post(), and waits until it ran; at once when called on the loop's thread or while the
 * loop does not run. Thread: any. */
void loop_call(struct loop *loop, loop_fn *fn, void *userdata);

/** Whether the caller may touch what belongs to the loop: it is the loop's thread, or the loop does
 * not run. */
bool loop_is_current(const struct loop *loop);

/** libwebsockets' context, *borrowed*. Thread: the loop's. */
struct lws_context *loop_context(struct loop *loop);

/** A *new* timer, not set. Thread: the loop's. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *userdata) WARN_UNUSED;

/** Stops and frees it; takes NULL, returns NULL. Thread: the loop's. */
struct loop_timer *loop_timer_free(struct loop_timer *timer);

/** Makes it fire once, in `delay_ms` (≥ 0); replaces an earlier setting. Thread: the loop's. */
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms);

/** Makes it not fire. Thread: the loop's. */
void loop_timer_stop(struct loop_timer *timer);

#endif
