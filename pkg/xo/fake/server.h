/*
 * xo, tests: the WebSocket side of a Xen Orchestra in this process, on a thread of its own.
 *
 * It signs in, lists a small world, and answers server.getAll by itself; a test takes over single
 * methods with a script. Thread: any, unless it says otherwise.
 */
#ifndef XO_FAKE_SERVER_H
#define XO_FAKE_SERVER_H

#include "base/json.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

struct fake_xo;

/** A request that came in. All *borrowed*. */
struct fake_request {
    int64_t id;
    const char *method;
    const json_t *params;
};

/** Answers a request with the functions below, or does not; false: the fake answers as usual.
 * Thread: the fake's. */
typedef bool fake_script_fn(struct fake_xo *fake, const struct fake_request *request,
                            void *userdata);

struct fake_options {
    const char *certificate_file; /* NULL: plain */
    const char *key_file;
    fake_script_fn *script; /* NULL: as usual */
    void *userdata;
    const char *token;   /* that it accepts; NULL: "good" */
    const char *world;   /* JSON, id → object, that it lists; NULL: empty */
    const char *servers; /* JSON that server.getAll answers; NULL: [] */
};

/** A *new* fake, listening. Ends the process when it cannot. */
struct fake_xo *fake_xo_new(const struct fake_options *options) WARN_UNUSED;
/** Takes NULL, returns NULL. */
struct fake_xo *fake_xo_free(struct fake_xo *fake);

/** Where it listens, e.g. "http://127.0.0.1:41234"; *borrowed*. */
const char *fake_xo_url(const struct fake_xo *fake);

/** What it sends. `result`, `error`, `items` are *stolen*. */
void fake_xo_reply(struct fake_xo *fake, int64_t id, json_t *result);
void fake_xo_error(struct fake_xo *fake, int64_t id, json_t *error);
void fake_xo_notify(struct fake_xo *fake, const char *type, json_t *items);
/** Any text as it is. */
void fake_xo_send(struct fake_xo *fake, const char *text);
/** Sends the first part of a message and then cuts the connection. */
void fake_xo_cut(struct fake_xo *fake, const char *text);
/** Closes the connection without a status, as XO does when a token has expired. */
void fake_xo_close(struct fake_xo *fake);
/** Says nothing any more, not even a pong, until fake_xo_free(). */
void fake_xo_freeze(struct fake_xo *fake);
/** Replaces the world that it lists (JSON, id → object). */
void fake_xo_world(struct fake_xo *fake, const char *world);
/** Replaces the token that it accepts. */
void fake_xo_token(struct fake_xo *fake, const char *token);

/** Waits until a method was called `count` times, ever. */
void fake_xo_wait(struct fake_xo *fake, const char *method, size_t count);
/** How often a method was called. */
size_t fake_xo_count(struct fake_xo *fake, const char *method);

/** Writes a *new* self-made certificate for 127.0.0.1 (or for `name` when it is not NULL) and its
 * key into files in `folder`. */
void fake_certificate(const char *folder, const char *name, char **ret_certificate_file,
                      char **ret_key_file);

#endif
