/* xosim: sizes and durations as people write them. */
#include "xosim/size.h"

#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

struct unit {
    const char *name;
    double factor;
};

/* A number and a unit of the table; "" is the unit of its first row. */
static bool parse(const char *text, const struct unit *units, double max, double *ret_value)
{
    char *rest = NULL;
    if (text[0] < '0' || text[0] > '9')
        return false;
    double value = strtod(text, &rest);
    while (*rest == ' ')
        rest++;
    for (const struct unit *unit = units; unit->name; unit++) {
        if (strcasecmp(rest, unit->name) == 0) {
            value = round(value * unit->factor);
            *ret_value = value;
            return isfinite(value) && value <= max;
        }
    }
    return false;
}

bool size_parse(const char *text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},         {"B", 1},        {"kB", 1e3},     {"MB", 1e6},
        {"GB", 1e9},     {"TB", 1e12},    {"KiB", 0x1p10}, {"MiB", 0x1p20},
        {"GiB", 0x1p30}, {"TiB", 0x1p40}, {NULL, 0},
    };
    double value = 0;
    if (!parse(text, units, 0x1p62, &value))
        return false;
    *ret_bytes = (uint64_t)value;
    return true;
}

bool size_parse_duration(const char *text, int64_t *ret_ms)
{
    static const struct unit units[] = {
        {"", 1},
        {"ms", 1},
        {"s", 1e3},
        {"second", 1e3},
        {"seconds", 1e3},
        {"m", 60e3},
        {"min", 60e3},
        {"minute", 60e3},
        {"minutes", 60e3},
        {"h", 3600e3},
        {"hour", 3600e3},
        {"hours", 3600e3},
        {"d", 86400e3},
        {"day", 86400e3},
        {"days", 86400e3},
        {"w", 604800e3},
        {"week", 604800e3},
        {"weeks", 604800e3},
        {"y", 31557600e3},
        {"year", 31557600e3},
        {"years", 31557600e3},
        {NULL, 0},
    };
    double value = 0;
    if (!parse(text, units, 0x1p52, &value))
        return false;
    *ret_ms = (int64_t)value;
    return true;
}
