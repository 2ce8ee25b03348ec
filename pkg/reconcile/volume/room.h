/*
 * reconcile/volume, 6: what a disk takes on an SR, and whether it can be there at all. Pure.
 *
 *  the SR                  | a disk takes                              | free is
 * -------------------------|-------------------------------------------|---------------------------
 *  thin                    | what is written, its snapshots' share too,| size - what is used
 *                          | and a margin (a tenth, at least 1 GiB);   |
 *                          | never more than its whole size            |
 *  thin, but strict        | its whole size                            | size - what is promised to
 *  (spec.overcommit false) |                                           | its disks, or used if more
 *  thick, or not known     | its whole size                            | size - what is used
 *
 * "Its whole size" is with what the image format keeps beside the data. "Written" is what the disk uses
 * where it is; where Xen Orchestra does not know that, or where it is on a thick SR, it is the size. The
 * margin is for what is written between the look and the end of the copy. Thread: any.
 */
#ifndef RECONCILE_VOLUME_ROOM_H
#define RECONCILE_VOLUME_ROOM_H

#include "xo/inventory.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    /* VHD keeps, for each block of 2 MiB, a bitmap that takes a page: 4 KiB, 0.2 % (sm, drivers/
     * vhdutil.py: calcOverheadBitmap). */
    VOLUME_VHD_BLOCK_BYTES = 2 * 1024 * 1024,
    VOLUME_VHD_BITMAP_BYTES = 4096,
    /* … and tables, which LVM lays out for the largest disk so that it can grow: 4.2 MB (calcOverheadEmpty
     * of 2 TiB), rounded up to extents of 4 MiB. */
    VOLUME_VHD_TABLE_BYTES = 8 * 1024 * 1024,
    VOLUME_THIN_MARGIN_SHARE = 10, /* a tenth of what is written … */
    VOLUME_GIB_SHIFT = 30,
    VOLUME_SIZE_TEXT_SIZE = 32
};

/* … and at least 1 GiB: a copy of it takes some ten seconds, in which a guest writes less. */
#define VOLUME_THIN_MARGIN_BYTES (INT64_C(1) << VOLUME_GIB_SHIFT)

/* The largest disk of an image format: sm, drivers/vhdutil.py, MAX_VHD_SIZE; and XCP-ng's documentation
 * of QCOW2, whose limit is that of the largest file on ext4. */
#define VOLUME_VHD_LARGEST_BYTES   (INT64_C(2040) << VOLUME_GIB_SHIFT)
#define VOLUME_QCOW2_LARGEST_BYTES (INT64_C(16381) << VOLUME_GIB_SHIFT)

/** What a disk of this size takes on the SR once it is whole there. `disk` is the one that is copied, as
 * it is now; NULL: it is not shown. */
int64_t volume_room_needed(const struct xo_sr *sr, const struct xo_disk *disk, int64_t size_bytes,
                           bool strict);

/** What is free on the SR, before anything that is promised to moves; may be negative. */
int64_t volume_room_free(const struct xo_sr *sr, bool strict);

/** Whether more is promised on a thin SR than it has, if a disk of this size comes to it. */
bool volume_room_oversubscribed(const struct xo_sr *sr, int64_t size_bytes);

/**
 * The largest disk that the SR can hold a copy of `disk` in; INT64_MAX: nothing is known against any. By
 * the formats that its PBD is set to, else by the type's default: VHD alone for smb and linstor and where
 * the pool is not known to have QCOW2, as it is when the disk is one.
 */
int64_t volume_room_largest(const struct xo_inventory *inventory, const struct xo_sr *sr,
                            const struct xo_disk *disk);

/** A size for a sentence: "512 MiB", "6 GiB", "16.1 GiB", "21.6 TiB". */
void volume_size_text(int64_t bytes, char text[static VOLUME_SIZE_TEXT_SIZE]);

#endif
