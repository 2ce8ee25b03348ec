/* cmd/explore: packing by a table. No member is split between two words. */
#include "explore/fields.h"

#include <assert.h>
#include <string.h>

static uint64_t read_field(const void *from, const struct explore_field *field)
{
    const unsigned char *at = (const unsigned char *)from + field->offset;
    uint32_t value = 0;

    if (field->size == 1)
        return *at;
    memcpy(&value, at, sizeof(value));
    return value;
}

static void write_field(void *to, const struct explore_field *field, uint64_t bits)
{
    unsigned char *at = (unsigned char *)to + field->offset;
    uint32_t value = (uint32_t)bits;

    if (field->size == 1)
        *at = (unsigned char)bits;
    else
        memcpy(at, &value, sizeof(value));
}

bool explore_fields_fit(const struct explore_fields *fields, const void *from)
{
    for (size_t i = 0; i < fields->count; i++)
        if (read_field(from, &fields->items[i]) >> fields->items[i].bits)
            return false;
    return true;
}

void explore_fields_pack(const struct explore_fields *fields, const void *from, uint64_t *words)
{
    size_t word = 0;
    int used = 0;

    memset(words, 0, fields->words * sizeof(*words));
    for (size_t i = 0; i < fields->count; i++) {
        const struct explore_field *field = &fields->items[i];
        uint64_t value = read_field(from, field);
        assert(value < UINT64_C(1) << field->bits);
        if (used + field->bits > 64) {
            word++;
            used = 0;
        }
        assert(word < fields->words);
        words[word] |= value << used;
        used += field->bits;
    }
}

void explore_fields_unpack(const struct explore_fields *fields, const uint64_t *words, void *ret)
{
    size_t word = 0;
    int used = 0;

    memset(ret, 0, fields->size);
    for (size_t i = 0; i < fields->count; i++) {
        const struct explore_field *field = &fields->items[i];
        if (used + field->bits > 64) {
            word++;
            used = 0;
        }
        write_field(ret, field, (words[word] >> used) & ((UINT64_C(1) << field->bits) - 1));
        used += field->bits;
    }
}
