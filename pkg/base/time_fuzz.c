/* base: whatever wall_parse() takes must be a time that reads back as itself. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_str char *text = mem_strndup((const char *)data, size);
    struct wall_time time = {0};
    if (wall_parse(text, &time)) {
        char again_text[CLOCK_RFC3339_SIZE];
        struct wall_time again = {0};
        wall_format_micro(time, again_text);
        /* The only times that cannot be written: 0, and what an offset moved past the year 9999. */
        if (*again_text ? !wall_parse(again_text, &again) || again.ms != time.ms
                        : time.ms != 0 && time.ms < INT64_C(253402300800000))
            abort();
    }
    int64_t number = 0;
    if (str_parse_int64(text, -1000, 1000, &number) && (number < -1000 || number > 1000))
        abort();
    return 0;
}
