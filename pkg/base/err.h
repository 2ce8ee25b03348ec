/*
 * base: the one error object. A class that code acts on, a code and a sentence that people read.
 *
 * Guarantees: it lives on the stack, holds no allocation, and needs no clean-up. Whoever fails
 * fills it; whoever passes it up may add context once per layer with err_wrap(). Nothing ever
 * decides by the text. Thread: any (an object belongs to the thread that declared it).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

/** What to do about an error. Code acts on the class alone. */
enum err_class {
    ERR_NONE = 0,
    ERR_TRANSIENT, /* the other side is away or overloaded: the same request may succeed later */
    ERR_BUSY, /* a limit of the other side is reached: try again when something else has ended */
    ERR_CAPACITY,  /* no space: another place, or later */
    ERR_IN_USE,    /* something else uses the object: wait for that to change */
    ERR_REFUSED,   /* will not succeed until the request or the world changes */
    ERR_BLOCKED,   /* somebody forbids it for now, and says why: wait; no attempt has failed */
    ERR_BROKEN,    /* the storage itself has an error that repeating does not cure: a person has to
                      look; try again slowly */
    ERR_NOT_FOUND, /* the object is not there */
    ERR_CONFLICT,  /* the object changed since it was read: read it again */
    ERR_CANCELLED, /* somebody asked for it to be stopped */
    ERR_INVALID,   /* input that cannot be understood: a file, a flag, a reply */
    ERR_UNKNOWN    /* anything else; after a write: whether it happened is not known */
};

enum {
    ERR_CODE_MAX = 64, /* longest XAPI code seen is 46 characters */
    ERR_MESSAGE_MAX =
        768 /* a condition's message is cut at 32 KiB by Kubernetes; a person reads two lines */
};

/** An error. Zero-initialise it: `struct err err = {0};`. */
struct err {
    enum err_class class;
    int64_t retry_after_ms; /* what the other side asked for; 0: nothing */
    int status;             /* HTTP status or JSON-RPC code, 0: none */
    char code[ERR_CODE_MAX];
    char message[ERR_MESSAGE_MAX];
};

/**
 * Sets class and message (cut, never overflowing); code, status and retry_after_ms are cleared.
 * `err` may be NULL when the caller does not care. Always returns -1, so that `return err_set(…)`
 * reads well.
 */
int err_set(struct err *err, enum err_class class, const char *format, ...) PRINTF_LIKE(3, 4);

/** Sets the machine-readable code (cut at ERR_CODE_MAX) of an error that was set before. NULL is
 * allowed. */
void err_set_code(struct err *err, const char *code);

/** Puts "context: " before the message; class and code stay. Always returns -1. */
int err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/** Copies `from` into `to` when `to` is not NULL. Always returns -1. */
int err_copy(struct err *to, const struct err *from);

/** Sets class and message from an errno value: "<message>: <strerror>". Always returns -1. */
int err_set_errno(struct err *err, int errno_value, const char *format, ...) PRINTF_LIKE(3, 4);

/** The class as the one word used in logs and metrics, e.g. "transient". Never NULL; static. */
const char *err_class_name(enum err_class class);

#endif
