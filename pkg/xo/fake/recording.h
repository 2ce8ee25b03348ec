/*
 * xo, tests: a recorded conversation with a real XO, message by message. A file has one JSON object
 * a line: {"t": ms, "dir": "out" | "in" | "close", "msg": …}. Thread: any, one at a time.
 */
#ifndef XO_FAKE_RECORDING_H
#define XO_FAKE_RECORDING_H

#include "base/json.h"
#include "base/macros.h"
#include "xo/inventory.h"

#include <stdint.h>

struct xo_recording;

/** A *new* recording of that name in testdata/transcripts/; ends the process when it is missing. */
struct xo_recording *xo_recording_open(const char *name) WARN_UNUSED;
/** Takes NULL, returns NULL. */
struct xo_recording *xo_recording_close(struct xo_recording *recording);
DEFINE_CLEANUP(struct xo_recording *, recording, xo_recording_close)
#define cleanup_recording CLEANUP(cleanup_recording_p)

/** The next message that came in ("in"), *borrowed* until the next call, or NULL at the end; its
 * time in *ret_ms. */
const json_t *xo_recording_next_in(struct xo_recording *recording, int64_t *ret_ms);

/** Hands the notifications up to and including `until_ms` to the inventory. */
void xo_recording_notify(struct xo_recording *recording, struct xo_inventory *inventory,
                         int64_t until_ms);

/** Lists the inventory of the recorded world (sign-in-and-inventory): afterwards it is fresh. */
void xo_recording_list(struct xo_inventory *inventory);

/** The reply to the request with this id, *new*; ends the process when there is none. */
json_t *xo_recording_reply(const char *name, int64_t id) WARN_UNUSED;

#endif
