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

struct xo_fake;

/** A request that came in. All *borrowed*. */
struct xo_fake_request {
    int64_t id;
    const char *method;
    const json_t *params;
};

/** Answers a request with the functions below, or does not; false: the fake answers as usual.
 * Thread: the fake's. */
typedef bool xo_fake_script_fn(struct xo_fake *fake, const struct xo_fake_request *request,
                               void *userdata);

struct xo_fake_options {
    const char *certificate_file; /* NULL: plain */
    const char *key_file;
    xo_fake_script_fn *script; /* NULL: as usual */
    void *userdata;
    const char *token;   /* that it accepts; NULL: "good" */
    const char *world;   /* JSON, id → object, that it lists; NULL: empty */
    const char *servers; /* JSON that server.getAll answers; NULL: [] */
};

/** A *new* fake, listening. Ends the process when it cannot. */
struct xo_fake *xo_fake_new(const struct xo_fake_options *options) WARN_UNUSED;
/** Takes NULL, returns NULL. */
struct xo_fake *xo_fake_free(struct xo_fake *fake);

/** Where it listens, e.g. "http://127.0.0.1:41234"; *borrowed*. */
const char *xo_fake_url(const struct xo_fake *fake);

/** What it sends. `result`, `error`, `items` are *stolen*. */
void xo_fake_reply(struct xo_fake *fake, int64_t id, json_t *result);
void xo_fake_error(struct xo_fake *fake, int64_t id, json_t *error);
void xo_fake_notify(struct xo_fake *fake, const char *type, json_t *items);
/** Any text as it is. */
void xo_fake_send(struct xo_fake *fake, const char *text);
/** Sends the first part of a message and then cuts the connection. */
void xo_fake_cut(struct xo_fake *fake, const char *text);
/** Closes the connection without a status, as XO does when a token has expired. */
void xo_fake_close(struct xo_fake *fake);
/** Says nothing any more, not even a pong, until xo_fake_free(). */
void xo_fake_freeze(struct xo_fake *fake);
/** Replaces the world that it lists (JSON, id → object). */
void xo_fake_world(struct xo_fake *fake, const char *world);
/** Replaces the token that it accepts. */
void xo_fake_token(struct xo_fake *fake, const char *token);

/** Whether the last client offered an extension of the WebSocket protocol. */
bool xo_fake_extensions(struct xo_fake *fake);

/** Waits until a method was called `count` times, ever. */
void xo_fake_wait(struct xo_fake *fake, const char *method, size_t count);
/** How often a method was called. */
size_t xo_fake_count(struct xo_fake *fake, const char *method);

/** Writes a *new* self-made certificate for 127.0.0.1 (or for `name` when it is not NULL) and its
 * key into files in `folder`. */
void xo_fake_certificate(const char *folder, const char *name, char **ret_certificate_file,
                         char **ret_key_file);

#endif
