/* kube, 1: any bytes as a kubeconfig file; an error names the file. */
#include "kube/config.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int memory = memfd_create("kubeconfig", MFD_CLOEXEC);
    if (memory < 0 || write(memory, data, size) != (ssize_t)size)
        abort();
    char path[64];
    str_format(path, sizeof(path), "/proc/self/fd/%d", memory);
    const struct kube_config_options options = {.clock = &clock_system};
    struct kube_config *config = NULL;
    struct err err = {0};
    if (kube_config_load_files(path, &options, &config, &err) < 0) {
        if (!strstr(err.message, path))
            abort();
    } else if (!config->server || !config->auth) {
        abort();
    }
    kube_config_free(config);
    (void)close(memory); /* only in memory */
    return 0;
}
