/* xo: any bytes as a message from XO: decoded, and its error classified. */
#include "xo/errors.h"
#include "xo/rpc.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xo_message message cleanup_xo_message = {.kind = XO_MESSAGE_OTHER};
    struct err err = {0};
    if (xo_rpc_decode((const char *)data, size, &message, &err) == 0 && message.error) {
        (void)xo_error_read(XO_CALL_SIMPLE, message.error, &err); /* any result will do */
        (void)xo_error_read(XO_CALL_MIGRATE, message.error, &err);
    }
    return 0;
}
