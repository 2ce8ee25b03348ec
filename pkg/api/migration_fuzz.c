/* api: any JSON as an XoVolumeMigration: an error or an object, never a crash. */
#include "api/migration.h"

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

static void ignore(const char *value, void *userdata)
{
    (void)value;
    (void)userdata;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_json json_t *json = NULL;
    struct kube_object *object = NULL;
    struct err err = {0};

    if (json_parse((const char *)data, size, &json, &err) < 0 ||
        kube_object_decode(&migration_kind, json, &object, &err) < 0)
        return 0;
    migration_kind.indexes[0].values(object, ignore, NULL);
    (void)kube_object_unref(object); /* returns NULL */
    return 0;
}
