/*
 * reconcile/volume_migration, 8: what was seen, decided and done → the status, and events.
 *
 * One server-side apply of the status per pass, and only when it differs. What only tells people
 * something is written when the budget for that allows it (budget.h): how far a copy is (progress, speed,
 * estimated end), per whole percent and never backwards within an attempt; at which stage an attempt that
 * goes well is (starting, copying, finishing); and the position in the queue, once the first has been
 * said. So a move costs two writes, its beginning and its end, one more when it has to wait for a slot,
 * and what the budget leaves for it. An event is made when the reason changes, after the status that says
 * so was written: one when it starts, one when it ends.
 *
 * Status is also the write-ahead log: an attempt is opened and closed here, leftovers are listed here
 * before they are renamed. Thread: any worker.
 */
#ifndef RECONCILE_VOLUME_MIGRATION_SUMMARIZE_H
#define RECONCILE_VOLUME_MIGRATION_SUMMARIZE_H

#include "base/buf.h"
#include "reconcile/volume_migration/act.h"

/** What the whole object is said to do. */
struct migration_summary {
    enum migration_state state;
    enum api_reason reason;
    bool ended; /* this generation has ended for good */
    char message[API_CONDITION_MESSAGE_MAX];
    json_t *status; /* owned */
};

/** Makes the summary; nothing is written. Free with migration_summary_done(). */
void migration_summarize(const struct rec_ports *ports,
                         const struct migration_observation *observation,
                         const struct migration_verdict *verdicts, struct migration_summary *ret);

/** Frees what it owns; it may be done twice. */
void migration_summary_done(struct migration_summary *summary);
#define cleanup_migration_summary CLEANUP(migration_summary_done)

/** What migration_summary_write() did. */
enum migration_written {
    MIGRATION_UNCHANGED,
    MIGRATION_WRITTEN,
    MIGRATION_PUT_OFF /* it would only tell people something, and it is not its turn */
};

/**
 * Writes the status when it differs, then events. On failure nothing is known to be written. When
 * MIGRATION_PUT_OFF, *ret_delay_ms says when to look again.
 */
int migration_summary_write(const struct rec_ports *ports,
                            const struct migration_observation *observation,
                            const struct migration_verdict *verdicts,
                            const struct migration_summary *summary,
                            const struct migration_turns *turns,
                            enum migration_written *ret_written, int64_t *ret_delay_ms,
                            struct err *err) WARN_UNUSED;

/** Events about what was done in XO: a stale marker cleared, a leftover renamed. */
void migration_report_act(const struct rec_ports *ports,
                          const struct migration_observation *observation,
                          const struct migration_verdict *verdicts,
                          const struct migration_act *act);

/** How long after its n-th failed attempt (from 1) a volume is tried again. */
int64_t migration_backoff_ms(const struct migration_resource *resource, const char *claim_name,
                             int64_t attempts, uint64_t seed);

/* What the files of summarizing share. */

/** What one volume is said to be: the entry of status.migratedVolumes (*new*). */
json_t *migration_summarize_volume(const struct rec_ports *ports,
                                   const struct migration_observation *observation,
                                   const struct migration_verdict *verdict, size_t index);

/** A sentence about the volume. */
void migration_volume_message(const struct migration_observation *observation,
                              const struct migration_verdict *verdict, size_t index, char *message,
                              size_t size);

/** What a volume whose migration was cancelled is left as: where it was, or, where that was never
 * decided because the object goes, which disks there are and what to do. */
void migration_cancelled_message(const struct migration_observation *observation, size_t index,
                                 char *message, size_t size);

/** Why the i-th disk is a leftover when `keep` stays: MIGRATION_LEFTOVER_…. Static. */
const char *migration_leftover_reason(const struct migration_facts *facts, int keep, size_t i);

/** The phase that follows from a state and its reason. Static. */
const char *migration_phase_of(enum migration_state state, enum api_reason reason);

/**
 * What is worth knowing of a move before it begins, appended to `message` ("; 2 snapshots (12 GiB) stay on
 * …"): snapshots that stay, an SR that is promised more than it has, a copy of more than a day. Of a dry run,
 * and of a move that begins or goes on.
 */
void migration_add_notes(const struct migration_volume_view *view,
                         const struct migration_volume_record *record, char *message, size_t size);

/** Why no attempt of the object is begun, and what to type to have it run. */
void migration_put_held(struct buf *buf, const struct migration_resource *resource,
                        enum api_reason reason);

/** Appends that a move is still forbidden, when it has been for half a day. */
void migration_put_still_blocked(struct buf *buf, const struct migration_volume_record *record,
                                 struct wall_time now);

/** The record of a volume as it is to be, and where what is said of it is written. */
struct migration_closing {
    struct migration_volume_record *record;
    char *message; /* the record *borrows* it */
    size_t size;
};

/** Closes an attempt that failed: what it cost, whether and when there is another one, and the sentence. */
void migration_fail_attempt(const struct rec_ports *ports,
                            const struct migration_observation *observation, size_t index,
                            const struct migration_closing *closing);

/** How much the attempt that ends now has copied, as far as it was seen. */
int64_t migration_copied_bytes(const struct migration_volume_view *view);

/** Whether what was copied in vain has come to once, twice, four, … times the disk: worth an event. */
bool migration_vain_step(int64_t size_bytes, int64_t before_bytes, int64_t after_bytes);

/** What a dry run says of a volume: from where to where, how long, and what of backups. */
void migration_dry_run_message(const struct migration_volume_record *record, char *message,
                               size_t size);

/** Why an attempt failed, with the code that Xen Orchestra gave, *new*; the error may be ERR_NONE:
 * nobody knows. */
char *migration_failure_cause(const struct err *error) WARN_UNUSED;

/** Bytes per second of a move that took from start to end; 0 when that is not known. */
int64_t migration_speed(int64_t bytes, struct wall_time start, struct wall_time end);

/**
 * How many seconds the move that the record describes will take, by the speeds of moves between the
 * same two SRs that objects in the cache remember, else of any between the same two hosts; -1 when
 * there are none.
 */
int64_t migration_estimate_s(const struct rec_ports *ports,
                             const struct migration_volume_record *record);

/** status.history as it is to be, *new*: what is there, and the attempts that this pass ends.
 * `entries` are the new status.migratedVolumes. NULL: none yet. */
json_t *migration_history(const struct migration_observation *observation,
                          const struct migration_verdict *verdicts, const json_t *entries);

/** status.leftovers as it is to be, *new*: without what is gone, with what is to be renamed. NULL:
 * none. */
json_t *migration_leftovers(const struct migration_observation *observation,
                            const struct migration_verdict *verdicts);

#endif
