/*
 * xosim, for tests: a site in virtual time and clients of it in the same process, without sockets. Nothing sleeps: waiting runs the
 * virtual clock until the condition holds or a deadline in virtual time has passed. Thread: any one.
 */
#ifndef XOSIM_FAKE_CLIENT_H
#define XOSIM_FAKE_CLIENT_H

#include "xosim/site.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    FAKE_DEADLINE_MS = 600000 /* virtual; the longest thing that a test waits for is a minute */
};

/** A frame as it came. */
struct fake_frame {
    int64_t t_ms;    /* virtual, since the client was opened */
    json_t *message; /* NULL: binary */
};

struct fake_client {
    struct site *site;
    struct xo_session *session; /* NULL once closed */
    int64_t opened_us;
    struct list frames; /* struct fake_frame, owned */
    int64_t last_id;
    bool closed;
    bool abruptly;
};

/** A site of a world given as text; ends the test when it is refused. */
struct site *fake_site(const char *yaml);

/** As fake_site(), from a file, followed by `more` text (NULL: none); `state_dir` may be NULL. */
struct site *fake_site_from(const char *path, const char *more, const char *state_dir);

/** As fake_site_from(), with another seed than 1, and nothing that survives. */
struct site *fake_site_seeded(const char *path, const char *more, uint64_t seed);

/** Lets virtual time pass. */
void fake_run(struct site *site, int64_t ms);

/** A new client, connected, not signed in. */
struct fake_client *fake_client_open(struct site *site);

/** As fake_client_open(), signed in with a token. */
struct fake_client *fake_client_signed_in(struct site *site, const char *token);

/** Disconnects and frees. */
void fake_client_close(struct fake_client *client);

/** Sends a message. */
void fake_client_send(struct fake_client *client, const json_t *message);

/** Starts a call; `params` is stolen. Returns its id. */
int64_t fake_client_start(struct fake_client *client, const char *method, json_t *params);

/** Waits for the answer to a call: the whole message, *borrowed*; NULL when none comes before the deadline. */
const json_t *fake_client_wait(struct fake_client *client, int64_t id);

/** fake_client_start() and fake_client_wait(). */
const json_t *fake_client_call(struct fake_client *client, const char *method, json_t *params);

/** The result of a call that must work, *borrowed*. */
const json_t *fake_client_must(struct fake_client *client, const char *method, json_t *params);

/** The code of the error that a call must end with. */
int fake_client_error(struct fake_client *client, const char *method, json_t *params);

#endif
