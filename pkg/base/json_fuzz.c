/* base: no input crashes the JSON reader, and what it takes is dumped as JSON that means the same.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* Any bytes become a JSON string. */
static void check_text(const uint8_t *data, size_t size)
{
    cleanup_str char *text = mem_strndup((const char *)data, size);
    cleanup_json json_t *value = json_text(text);
    if (!json_is_string(value))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text(data, size);
    cleanup_json json_t *value = NULL;
    struct err err = {0};
    if (json_parse((const char *)data, size, &value, &err) < 0) {
        if (err.class != ERR_INVALID)
            abort();
        return 0;
    }
    (void)json_int_at(value, "a.b", 0);        /* only that it survives */
    (void)json_real_at(value, "a", 0);         /* only that it survives */
    (void)json_str_at(value, "metadata.name"); /* only that it survives */
    cleanup_str char *text = json_dump(value);
    cleanup_json json_t *again = NULL;
    if (json_parse(text, strlen(text), &again, &err) < 0)
        abort();
    cleanup_str char *same = json_dump(again);
    if (!str_equal(text, same))
        abort();
    return 0;
}
