/* kube, 2: any text as a quantity; what is read must be read again from its plain digits. */
#include "kube/object.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_str char *text = mem_strndup((const char *)data, size);
    int64_t bytes = -1;
    if (!kube_quantity_parse(text, &bytes)) {
        if (bytes != -1)
            abort();
        return 0;
    }
    char digits[32];
    int64_t again = -1;
    str_format(digits, sizeof(digits), "%lld", (long long)bytes);
    if (bytes < 0 || !kube_quantity_parse(digits, &again) || again != bytes)
        abort();
    return 0;
}
