/* reconcile/volume, 6: the annotation that says which disk a volume is. */
#include "reconcile/volume/remembered.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* Whether a member is there, is text and fits. */
static bool take(const json_t *json, const char *key, char target[static VOLUME_ID_SIZE])
{
    const char *text = json_str_at(json, key);

    return !str_empty(text) && str_copy(target, VOLUME_ID_SIZE, text);
}

void volume_remembered_parse(const char *text, struct volume_remembered *ret)
{
    struct volume_remembered found = {0};
    cleanup_json json_t *json = NULL;
    struct err err = {0};

    *ret = (struct volume_remembered){0};
    if (str_empty(text) || json_parse(text, strlen(text), &json, &err) < 0)
        return;
    if (take(json, "vdi", found.disk) && take(json, "sr", found.sr) &&
        take(json, "pool", found.pool))
        *ret = found;
}

char *volume_remembered_text(const struct volume_remembered *remembered)
{
    cleanup_json json_t *json = json_build("{s:s, s:s, s:s}", "vdi", remembered->disk, "sr",
                                           remembered->sr, "pool", remembered->pool);
    return json_dump(json);
}

bool volume_remembered_equal(const struct volume_remembered *a, const struct volume_remembered *b)
{
    return str_equal(a->disk, b->disk) && str_equal(a->sr, b->sr) && str_equal(a->pool, b->pool);
}
