/*
 * kube, 2: what to do next about one kind: list it, watch it, or wait. A pure machine: no I/O, no
 * clock of its own; the reflector does what it says and tells it what happened.
 *
 * | state    | what happened                        | next     | then                                  |
 * |----------|--------------------------------------|----------|---------------------------------------|
 * | EMPTY    | time came                            | LISTING  | list the first page                   |
 * | LISTING  | a page that is not the last          | LISTING  | list the next page                    |
 * | LISTING  | the last page                        | WATCHING | watch at once from the list's version |
 * | LISTING  | 410 on a later page: token expired   | EMPTY    | list at once, whole, without pages    |
 * | LISTING  | 410 again, any failure, cut, silence | EMPTY    | list from the start after a back-off  |
 * | LISTED   | time came                            | WATCHING | watch from the last version           |
 * | WATCHING | event, bookmark                      | WATCHING | its version is the last one           |
 * | WATCHING | the server ends it, as it does       | LISTED   | watch at once from the last version   |
 * | WATCHING | it ends as soon as it began          | LISTED   | the same, after a back-off            |
 * | WATCHING | cut, silence, 401, 403, 429, 5xx     | LISTED   | the same, after a back-off            |
 * | WATCHING | silence without a byte before it     | EMPTY    | list from the start after a back-off  |
 * | WATCHING | 410: as HTTP status, or in an event  | EMPTY    | list from the start after a back-off  |
 * | WATCHING | 404, an error event, no JSON         | EMPTY    | list from the start after a back-off  |
 *
 * A watch that is silent from its first moment on may be one from a version that is still to come: after
 * etcd was restored from a backup, versions begin anew, lower, and the API server takes such a watch and
 * does not send what happens below its version (kubernetes/kubernetes issue 107457). A watch of a version
 * that has been would have sent a bookmark. Hence the list.
 *
 * LISTED is the wait between two watches. The first row of EMPTY and of LISTED is taken by
 * KUBE_WATCH_TIME; silence too is found by it.
 *
 * Guarantees: whatever happens, the next try is at most 36 s away (or what Retry-After says), and
 * back-offs grow from 0.8 s; they start over once a watch has shown life. What never happens in a
 * state is asserted. Thread: watch.
 */
#ifndef KUBE_WATCH_STATE_H
#define KUBE_WATCH_STATE_H

#include "kube/backoff.h"
#include "kube/list_split.h"

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum kube_watch_state {
    KUBE_WATCH_EMPTY,   /* to be listed at `next` */
    KUBE_WATCH_LISTING, /* a page is being read */
    KUBE_WATCH_LISTED,  /* to be watched from `version` at `next` */
    KUBE_WATCH_WATCHING /* a watch is open or being opened */
};

enum kube_watch_input {
    KUBE_WATCH_TIME,    /* `next` may have come; also whenever somebody looks */
    KUBE_WATCH_LIFE,    /* bytes of a watch or a list arrived */
    KUBE_WATCH_PAGE,    /* a page has ended: `version`, `next_page` */
    KUBE_WATCH_VERSION, /* an event or a bookmark: `version` */
    KUBE_WATCH_CLOSED,  /* the server ended the watch between two events */
    KUBE_WATCH_FAILED   /* anything else: `status` (0: cut, silent, no connection), `retry_after_ms`
                         */
};

enum kube_watch_do {
    KUBE_WATCH_DO_NOTHING,
    KUBE_WATCH_DO_LIST,  /* request `next_page` (NULL: the first), `limit` items (0: all) */
    KUBE_WATCH_DO_WATCH, /* request a watch from `version` */
    KUBE_WATCH_DO_STOP /* it was silent too long: give the request up; a FAILED was taken for it */
};

enum {
    KUBE_WATCH_PAGE_ITEMS = 500, /* what client-go uses: some 1 MB a page */
    KUBE_WATCH_BACKOFF_MS = 800,
    KUBE_WATCH_BACKOFF_MAX_MS = 30 * 1000,
    /* Bookmarks come once a minute: a watch without any byte for this long is dead, whatever TCP
     * says. A peer that is gone altogether is found by TCP within 20 s. */
    KUBE_WATCH_SILENCE_MS = 90 * 1000,
    KUBE_WATCH_LIST_SILENCE_MS = 30 * 1000, /* a list comes in one go, once the server begins */
    KUBE_WATCH_SHORT_MS = 1000              /* a watch that ends within this did not work */
};

/** Embedded; zero-initialised but for the seed it is EMPTY and wants to list at once. */
struct kube_watch {
    enum kube_watch_state state;
    char version[KUBE_VERSION_SIZE];
    char *next_page; /* owned; a token of the server */
    int limit;       /* items a page; 0: all at once */
    bool whole;      /* the next list is without pages */
    unsigned failures;
    struct mono_time next;   /* EMPTY, LISTED: when to act */
    struct mono_time opened; /* LISTING, WATCHING: when the request was made */
    struct mono_time life;   /* the same: when it last showed any */
    struct kube_random random;
};

/** What the machine is told. */
struct kube_watch_told {
    enum kube_watch_input input;
    const char *version;    /* PAGE, VERSION */
    const char *next_page;  /* PAGE: NULL on the last one */
    bool relist;            /* FAILED: what was read makes no sense; do not go on from there */
    int status;             /* FAILED */
    int64_t retry_after_ms; /* FAILED */
};

/** Takes in what happened and says what to do. */
enum kube_watch_do kube_watch_step(struct kube_watch *watch, const struct kube_watch_told *told,
                                   struct mono_time now);

/** When to call kube_watch_step() with KUBE_WATCH_TIME, if nothing else happens. */
struct mono_time kube_watch_next(const struct kube_watch *watch);

/** Frees what it holds. */
void kube_watch_done(struct kube_watch *watch);

#endif
