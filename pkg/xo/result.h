/* xo, 7: the three things that can be known after a call that changes something. Thread: any. */
#ifndef XO_RESULT_H
#define XO_RESULT_H

/**
 * Only XO_NOT_DONE may be repeated blindly. XO_UNKNOWN (connection lost, deadline passed, XO
 * restarted under the call) is resolved by observing. A create is never sent twice on its account.
 */
enum xo_result {
    XO_DONE,     /* XO answered that it happened */
    XO_NOT_DONE, /* it certainly did not happen: never sent, or refused before anything changed */
    XO_UNKNOWN   /* it may have happened, be happening, or happen yet */
};

#endif
