/* reconcile, 5: what a pass over one key ends in; the closed set that the worker loop understands.
 * Thread: any. */
#ifndef RECONCILE_OUTCOME_H
#define RECONCILE_OUTCOME_H

#include "base/err.h"

#include <stdint.h>

enum rec_outcome_kind {
    REC_SETTLED, /* nothing to do until something changes; the key's back-off is reset */
    REC_AGAIN,   /* the next step is due now: another pass at once */
    REC_LATER,   /* look again after delay_ms, unless a change comes first; the back-off is reset */
    REC_RETRY    /* the pass failed (API server or XO away, conflict): look again after the key's
                    back-off, or retry-after */
};

struct rec_outcome {
    enum rec_outcome_kind kind;
    int64_t delay_ms; /* of REC_LATER */
    struct err error; /* of REC_RETRY: logged and counted */
};

static inline struct rec_outcome rec_settled(void)
{
    return (struct rec_outcome){.kind = REC_SETTLED};
}

static inline struct rec_outcome rec_again(void)
{
    return (struct rec_outcome){.kind = REC_AGAIN};
}

static inline struct rec_outcome rec_later(int64_t delay_ms)
{
    return (struct rec_outcome){.kind = REC_LATER, .delay_ms = delay_ms};
}

static inline struct rec_outcome rec_retry(const struct err *error)
{
    return (struct rec_outcome){.kind = REC_RETRY, .error = *error};
}

#endif
