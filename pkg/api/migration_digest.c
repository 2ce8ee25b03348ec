/*
 * api, 3: a status as a number, to tell whether a new one says anything new.
 *
 * Each pass makes a status and compares it with the one that is there. Numbers of 64 bits are compared
 * instead of texts or documents: nothing is to be kept of the old one but its numbers. Two statuses that
 * differ have the same number once in 2^64.
 */
#include "api/migration.h"

#include "base/str.h"

#include <string.h>

/* From which aspect on a member does not count. All but `message` are the only ones of their name. */
static const struct {
    const char *member;
    enum migration_aspect from;
} passing[] = {
    {"progress", MIGRATION_WITHOUT_PROGRESS},
    {"progressPercent", MIGRATION_WITHOUT_PROGRESS},
    {"bytesPerSecond", MIGRATION_WITHOUT_PROGRESS},
    {"estimatedCompletionTime", MIGRATION_WITHOUT_PROGRESS},
    {"message", MIGRATION_WITHOUT_MESSAGES},
    {"conditions", MIGRATION_WITHOUT_STAGES},
    {"xapiTask", MIGRATION_WITHOUT_STAGES},
};

static bool counts(const char *member, enum migration_aspect aspect)
{
    for (size_t i = 0; i < ARRAY_LEN(passing); i++)
        if (aspect >= passing[i].from && str_equal(member, passing[i].member))
            return false;
    return true;
}

/* Spreads what is in a few bits over all (the end of the splitmix64 generator). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t digest(const json_t *value, enum migration_aspect aspect);

/* Members are added up, so that their order does not matter. */
static uint64_t digest_object(const json_t *object, enum migration_aspect aspect)
{
    uint64_t sum = 0;
    const char *member;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, member, value)
        if (counts(member, aspect)) {
            /* What went wrong once stays worth a write, in its own words. */
            bool past = str_equal(member, "history");
            sum += mix(str_hash(member) + mix(digest(value, past ? MIGRATION_WHOLE : aspect)));
        }
    return sum;
}

/* So are objects in an array: an API server may give a list that has keys in another order. */
static uint64_t digest_array(const json_t *array, enum migration_aspect aspect)
{
    uint64_t sum = 0;
    size_t i;
    const json_t *item;

    json_array_foreach((json_t *)(uintptr_t)array, i, item)
        sum += mix(digest(item, aspect) + (json_is_object(item) ? 0 : i));
    return sum;
}

static uint64_t bits_of(double number)
{
    uint64_t bits = 0;

    _Static_assert(sizeof(bits) == sizeof(number), "a double has 64 bits");
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

/* How deep it goes is bounded by the schema, which has no place for more. */
static uint64_t digest(const json_t *value, enum migration_aspect aspect)
{
    uint64_t of = 0;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        of = digest_object(value, aspect);
        break;
    case JSON_ARRAY:
        of = digest_array(value, aspect);
        break;
    case JSON_STRING:
        of = str_hash(json_string_value(value));
        break;
    case JSON_INTEGER:
        of = (uint64_t)json_integer_value(value);
        break;
    case JSON_REAL: /* the schema has none */
        of = bits_of(json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return mix(of + mix((uint64_t)json_typeof(value) + 1));
}

uint64_t migration_status_digest(const json_t *status, enum migration_aspect aspect)
{
    return digest(status ? status : json_null(), aspect);
}
