/* kube, 1: any bytes as the answer of a credential plugin. */
#include "kube/auth_exec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kube_auth_exec_result result = {0};
    struct err err = {0};
    if (kube_auth_exec_parse((const char *)data, size, "client.authentication.k8s.io/v1", &result,
                             &err) < 0) {
        if (result.token || result.cert || result.key || err.message[0] == '\0')
            abort();
        return 0;
    }
    if (!result.token && !(result.cert && result.key))
        abort();
    secret_free(result.token);
    secret_free(result.cert);
    secret_free(result.key);
    return 0;
}
