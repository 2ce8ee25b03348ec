/*
 * kube, 2: cuts a stream of JSON text into the pieces that are worth parsing, whatever the chunks
 * it arrives in, without building anything: the items of a list one by one, or the events of a
 * watch. Values of `metadata.managedFields`, often half of all bytes, are replaced by 0 on the way.
 *
 * It finds boundaries and does not judge: a piece is only known to be JSON once it was parsed.
 * Thread: any; one scanner belongs to one thread.
 */
#ifndef KUBE_JSON_SCAN_H
#define KUBE_JSON_SCAN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* etcd takes objects of 1.5 MiB; as JSON, with managedFields cut, none is five times that. */
    KUBE_JSON_PIECE_MAX = 8 << 20,
    /* What is around the items: kind, resourceVersion, a continue token; or a Status with causes.
     */
    KUBE_JSON_ENVELOPE_MAX = 256 << 10
};

enum kube_json_scan_mode {
    KUBE_JSON_LIST, /* one object; the elements of its member `items` are the pieces */
    KUBE_JSON_WATCH /* any number of values one after the other; each is a piece */
};

/** Called with each piece, *borrowed* during the call and terminated. A failure ends the scan. */
typedef int kube_json_piece_fn(const char *text, size_t len, void *userdata, struct err *err);

enum { KUBE_JSON_SCAN_LEVELS = 5, KUBE_JSON_SCAN_KEY = 16 };

/** Embedded. */
struct kube_json_scan {
    enum kube_json_scan_mode mode;
    kube_json_piece_fn *piece;
    void *userdata;
    struct buf text;     /* of the piece that is being read */
    struct buf envelope; /* of a list: everything but the elements of `items` */
    bool in_string;
    bool escaped;
    bool key_next; /* the next string is a member's name */
    bool in_key;
    bool cutting;
    int cut_depth;
    int depth;
    uint8_t objects;                         /* bit n: the value at depth n is an object */
    uint8_t keys[KUBE_JSON_SCAN_LEVELS + 1]; /* the last name at each depth, if it is of interest */
    char key[KUBE_JSON_SCAN_KEY];
    size_t key_len; /* KUBE_JSON_SCAN_KEY: longer than any name of interest */
};

/** Makes it ready for the first byte. */
void kube_json_scan_init(struct kube_json_scan *scan, enum kube_json_scan_mode mode,
                         kube_json_piece_fn *piece, void *userdata);

/** Frees what it holds; it is as after zero-initialisation. */
void kube_json_scan_done(struct kube_json_scan *scan);

/** Takes in the next bytes. ERR_INVALID when it can't be JSON or a piece is too long; else what
 * `piece` said. */
int kube_json_scan_feed(struct kube_json_scan *scan, const char *data, size_t len,
                        struct err *err) WARN_UNUSED;

/** Whether nothing was begun that has not ended: false means that the stream was cut. */
bool kube_json_scan_complete(const struct kube_json_scan *scan);

#endif
