/*
 * reconcile/attach, 8: a sentence for every reason, with words in braces that explain.c fills in.
 * Pure. Thread: any.
 */
#ifndef RECONCILE_ATTACH_SENTENCES_H
#define RECONCILE_ATTACH_SENTENCES_H

#include "api/conditions.h"
#include "reconcile/attach/decide.h"

/** A sentence, and the reason of its event. Static. */
struct attach_sentence {
    enum api_reason reason;
    const char *text;
};

/** The sentence of a reason but ATTACH_BECAUSE_NONE. */
const struct attach_sentence *attach_sentence_of(enum attach_reason reason);

/** What metrics call a reason of ATTACH_HOLD; NULL for any other. */
const char *attach_hold_name(enum attach_reason reason);

#endif
