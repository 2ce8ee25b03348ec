/* kube, 2 → 3: any JSON as an object of each kind; what is decoded is read through its indexes. */
#include "kube/types.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kube_kind *const kinds[] = {&kube_kind_persistent_volume,
                                                &kube_kind_claim,
                                                &kube_kind_volume_attachment,
                                                &kube_kind_csi_node,
                                                &kube_kind_node,
                                                &kube_kind_storage_class,
                                                &kube_kind_pod};

static void count(const char *value, void *userdata)
{
    size_t *sum = userdata;
    *sum += strlen(value); /* reads it: it must be alive and end */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_json json_t *json = NULL;
    if (json_parse((const char *)data, size, &json, NULL) < 0)
        return 0;
    size_t sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct kube_object *object = NULL;
        struct err err = {0};
        if (kube_object_decode(kinds[i], json, &object, &err) < 0) {
            if (err.class != ERR_INVALID || err.message[0] == '\0')
                abort();
            continue;
        }
        for (size_t j = 0; j < kinds[i]->index_count; j++)
            kinds[i]->indexes[j].values(object, count, &sum);
        kube_object_unref(object);
    }
    return sum == SIZE_MAX;
}
