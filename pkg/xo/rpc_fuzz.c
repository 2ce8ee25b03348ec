/* xo: any bytes as a message from XO: decoded, and its error classified. */
#include "xo/errors.h"
#include "xo/rpc.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xo_message message cleanup_xo_message = {.kind = XO_MESSAGE_OTHER};
    struct err err = {0};
    if (xo_rpc_decode((const char *)data, size, &message, &err) == 0 && message.error) {
        /* What is done of a move is done of a simple call: the other way round would lose one. */
        enum xo_result simple = xo_error_read(XO_CALL_SIMPLE, message.error, &err);
        enum xo_result migrate = xo_error_read(XO_CALL_MIGRATE, message.error, &err);
        if (simple == XO_DONE || (simple == XO_UNKNOWN && migrate != XO_UNKNOWN))
            abort();
    }
    return 0;
}
