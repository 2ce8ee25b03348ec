/*
 * xosim: ground truth: every disk that ever was, what is on it, where that came from, and what it
 * ought to be.
 *
 * Copies of one another are a *family*. The family keeps the bytes as they would be had there been
 * only one disk all along: every write of a VM lands there too. So a good copy differs from it
 * nowhere, half a copy and a stale one do, and what no disk of the family holds any more is lost,
 * whatever the API shows. Thread: the simulator's only one.
 */
#ifndef XOSIM_DISK_H
#define XOSIM_DISK_H

#include "base/map.h"
#include "xosim/content.h"
#include "xosim/ids.h"
#include "xosim/list.h"

#include <stdbool.h>
#include <stdint.h>

/** Disks that were copied from one another. */
struct family {
    char uuid[UUID_SIZE]; /* of its first disk */
    struct content ideal;
    uint64_t size; /* largest size that any of them had */
    struct list disks;
};

/** One disk; it stays after the VDI is gone. */
struct disk {
    char uuid[UUID_SIZE]; /* the VDI's */
    char *name;
    char sr[UUID_SIZE];
    uint64_t size;
    struct content content;
    struct family *family;
    char parent[UUID_SIZE]; /* what it was copied from, or "" */
    bool exists;            /* there is a VDI of it */
    bool forgotten;         /* there is none, but its bytes are where they were */
    struct disk *mirror;    /* that gets every write as well, or NULL */
    uint64_t lost_bytes;    /* that guests had not flushed when the disk was pulled … */
    json_t *losses;         /* … each time: an array of objects; NULL: never */
    bool complete;          /* false from the first byte of a copy until its last */
    char backup[16];        /* the kind of backup that made it, "": none */
    bool apart;             /* what is written to it belongs to nothing: its family's ideal stays */
    char hash[CONTENT_HASH_SIZE]; /* "" when not computed since the last write */
};

/** Embedded; use disks_done(). */
struct disks {
    struct map by_uuid;
    struct map families; /* by uuid */
    struct list all;     /* in the order they were made */
};

/** Frees everything. */
void disks_done(struct disks *disks);

/** How a disk is made; texts are copied. */
struct disk_options {
    const char *uuid;
    const char *name;
    const char *sr;
    uint64_t size;
    struct disk *parent; /* that it is copied from, or NULL */
};

/** A new disk, complete and empty, in a family of its own or in its parent's. *Borrowed*: it belongs to `disks`. */
struct disk *disks_add(struct disks *disks, const struct disk_options *options);

/** As disks_add(), into a family that is known by its uuid (made when there is none): for reading a
 * stored state. */
struct disk *disks_restore(struct disks *disks, const char *uuid, const char *family);

/** *Borrowed*, or NULL. */
struct disk *disks_find(const struct disks *disks, const char *uuid);

/** A write of a VM: to the disk, to its mirror and to what its family ought to hold. False when the disk has too
 * many extents. */
bool disk_write(struct disk *disk, uint64_t start, uint64_t end, uint64_t seed) WARN_UNUSED;

/** A write that belongs to nothing: only this disk has it. Never refused: a disk that has too many
 * extents is left as it is. */
void disk_write_apart(struct disk *disk, uint64_t start, uint64_t end, uint64_t seed);

/** Undoes a write: the bytes [start, end) of `before` are back, on the disk and its mirror. What its
 * family ought to hold stays: it is lost. */
void disk_undo(struct disk *disk, const struct content *before, uint64_t start, uint64_t end);

/** Notes that so many bytes were lost, and how (an object, *stolen*). */
void disk_note_loss(struct disk *disk, uint64_t bytes, json_t *how);

/** Fills a new disk from a seed; the family's ideal as well. */
void disk_fill(struct disk *disk, uint64_t seed);

/** Bytes from outside, as content_put(): to the disk and to what its family ought to hold. */
bool disk_put(struct disk *disk, uint64_t start, const unsigned char *bytes,
              size_t len) WARN_UNUSED;

/** One step of a copy: the bytes [start, end) as they are on the source now. */
void disk_copy(struct disk *target, const struct disk *source, uint64_t start, uint64_t end);

/** Sets the size. */
void disk_resize(struct disk *disk, uint64_t size);

/** SHA-256 of size and bytes; *borrowed*, computed when needed. */
const char *disk_hash(struct disk *disk);

/** How many bytes differ from what they ought to be. */
uint64_t disk_stale_bytes(const struct disk *disk);

/** How many bytes that ought to be there are held by this disk and by no other that exists; 0 for
 * one that is gone. */
uint64_t disk_only_here_bytes(const struct disk *disk);

/** How many bytes that ought to be there are held by no disk that exists. */
uint64_t family_lost_bytes(const struct family *family);

#endif
