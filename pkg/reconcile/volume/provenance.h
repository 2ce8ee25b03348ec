/*
 * reconcile/volume, 6: what an attempt to move a disk made. Pure, total.
 *
 * A new disk of the volume's name is no proof: backups make such disks at any time, also on the SR
 * that a move goes to. What proves it is the attempt's own mark: before a move is started, the
 * source's marker gets the attempt's id (xo/marker.h), and every copy of the source, by either path,
 * carries its description as it was at the start. What was backed up earlier can't have it.
 *
 *  # | the disk                                                        | grade
 * ---|-----------------------------------------------------------------|---------
 *  1 | is the source                                                   | SOURCE
 *  2 | was there before the attempt                                    | STRANGER
 *  3 | is not where the attempt makes disks: the destination SR, and   | STRANGER
 *    | of a live move the source's SR                                  |
 *  4 | our reply, the task that ended well, or by now the              | WHOLE
 *    | PersistentVolume (remembered.h) names it                        |
 *  5 | carries the attempt's id, and is on the destination SR          | MADE
 *  6 | carries the attempt's id (a live move's parent, on the source's | HALF
 *    | SR)                                                             |
 *  7 | anything else                                                   | STRANGER
 *
 * SOURCE is the truth while it is there. WHOLE may be the volume. MADE may be it too, when the source
 * is proven absent, or the VM of a node runs on it; it may be renamed, and deleted where the spec says
 * so. HALF may only be renamed. A STRANGER is never the volume, never renamed, never deleted.
 *
 * Assumption: nobody clones the source during its move to the very SR that it moves to. Such a clone
 * would carry the id as well; then there are two, and no decision is made for one of them without its
 * task (decide.h). Thread: any.
 */
#ifndef RECONCILE_VOLUME_PROVENANCE_H
#define RECONCILE_VOLUME_PROVENANCE_H

#include <stdbool.h>

enum volume_grade { VOLUME_STRANGER, VOLUME_HALF, VOLUME_MADE, VOLUME_WHOLE, VOLUME_SOURCE };

struct volume_provenance {
    bool source;         /* the record's source, by UUID */
    bool known;          /* was there before the attempt */
    bool at_destination; /* on the SR that the attempt goes to */
    bool at_source;      /* on the source's SR */
    bool live;           /* the attempt is a live move */
    bool named; /* by our reply, as the result of the attempt's task, or by what is remembered */
    bool carries_id; /* its marker has the attempt's id */
};

/** The row of the table that fits. */
enum volume_grade volume_grade_of(const struct volume_provenance *disk);

#endif
