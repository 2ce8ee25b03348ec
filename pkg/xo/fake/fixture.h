/*
 * xo, tests: a session with its inventory and moves against a fake XO, and waiting for what it says.
 * Thread: the test's.
 */
#ifndef XO_FAKE_FIXTURE_H
#define XO_FAKE_FIXTURE_H

#include "xo/fake/server.h"
#include "xo/moves.h"
#include "xo/session.h"

#include <pthread.h>

/** One per test: a test runs in a process of its own. */
struct xo_fixture {
    struct loop *loop;
    struct xo_inventory *inventory;
    struct xo_session *session;
    struct xo_moves *moves;
    struct xo_fake *fake;
    struct secret *token; /* "good" */
    char folder[64];      /* for files, "" while there is none */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    struct xo_session_status status;
    char texts[16384]; /* all status texts so far */
    size_t disk_changes;
};
extern struct xo_fixture xo_fixture;

/** A pool "p" and a disk "d" of the name csi-x. */
extern const char xo_fixture_one_disk[];

/** Before and after each test. */
void xo_fixture_init(void);
void xo_fixture_done(void);

/** A folder that is removed after the test; *borrowed*. */
const char *xo_fixture_folder(void);
/** Writes a whole file. */
void xo_fixture_write_file(const char *path, const char *text);

/** Options for a session with the fake, all times short. */
struct xo_session_options xo_fixture_options(void);
/** Makes the session and runs the loop. */
void xo_fixture_start(const struct xo_session_options *options);
/** Makes a fake with this script and world and a session with it, and waits until that is READY. */
void xo_fixture_connect(xo_fake_script_fn *script, const char *objects);

/** Waits until it is READY for the `connections`-th time. */
void xo_fixture_wait_ready(uint64_t connections);
/** Waits until a status said so. */
void xo_fixture_wait_text(const char *text);
/** Forgets what the status said so far. */
void xo_fixture_forget_texts(void);

/** What the inventory shows now. */
bool xo_fixture_has_disk(const char *id);
bool xo_fixture_fresh(void);

#endif
