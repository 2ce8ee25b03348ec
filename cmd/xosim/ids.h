/*
 * xosim: uuids and numbers that look random and are the same for the same seed. Thread: the
 * simulator's only one.
 */
#ifndef XOSIM_IDS_H
#define XOSIM_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UUID_SIZE = 37,            /* 36 characters and the end */
    REF_SIZE = 10 + UUID_SIZE, /* "OpaqueRef:" and a uuid */
    TOKEN_SIZE = 44            /* XO's tokens have 43 characters */
};

/** A source of ids: splitmix64. */
struct ids {
    uint64_t state;
};

/** The next number of the sequence. */
uint64_t ids_next(struct ids *ids);

/** The next uuid (version 4 in form). */
void ids_uuid(struct ids *ids, char target[static UUID_SIZE]);

/** The uuid that belongs to a name of some kind, the same on every run: what a world file leaves
 * out is made this way. */
void ids_uuid_of(const char *kind, const char *name, char target[static UUID_SIZE]);

/** The opaque reference of an object, made from a uuid of its own so that nobody can take it apart.
 */
void ids_ref(struct ids *ids, char target[static REF_SIZE]);

/** The next token, 43 characters. */
void ids_token(struct ids *ids, char target[static TOKEN_SIZE]);

/** Whether a text is a uuid as XO writes it: lower case, 8-4-4-4-12. */
bool ids_is_uuid(const char *text);

/** One step of splitmix64: a well mixed function of its input. */
uint64_t ids_mix(uint64_t value);

/** What ids_mix() was given: it loses nothing. */
uint64_t ids_unmix(uint64_t mixed);

#endif
