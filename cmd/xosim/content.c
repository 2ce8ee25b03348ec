/*
 * xosim: what is on a disk, as extents.
 *
 * Every change is "replace [start, end) by these extents": the new list is the old one cut at both
 * ends with the replacement between, merged as it is built. That is linear in the number of
 * extents, which is small (a seeded disk has 16).
 */
#include "xosim/content.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/ids.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

enum {
    FILL_REGIONS = 16 /* enough that half a copy, a shifted copy and a good one never look alike */
};

void content_done(struct content *content)
{
    mem_free(content->extents);
    *content = (struct content){0};
}

/* Appends [start, end) to a list being built, merging it with the last extent where they touch and
 * agree. */
static void append(struct content *content, uint64_t start, uint64_t end, uint64_t seed)
{
    if (start >= end || seed == 0)
        return;
    struct extent *last =
        content->extents && content->len > 0 ? &content->extents[content->len - 1] : NULL;
    if (last && last->end == start && last->seed == seed) {
        last->end = end;
        return;
    }
    if (!content->extents || content->len == content->capacity) {
        content->capacity = content->capacity ? content->capacity * 2 : 4;
        content->extents =
            mem_resize_array(content->extents, content->capacity, sizeof(struct extent));
    }
    content->extents[content->len++] = (struct extent){start, end, seed};
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Appends the parts of `source` that lie within [start, end). */
static void append_range(struct content *target, const struct content *source, uint64_t start,
                         uint64_t end)
{
    for (size_t i = 0; i < source->len; i++) {
        const struct extent *extent = &source->extents[i];
        append(target, max_u64(extent->start, start), min_u64(extent->end, end), extent->seed);
    }
}

static bool replace(struct content *content, uint64_t start, uint64_t end,
                    const struct content *with)
{
    struct content result = {0};
    append_range(&result, content, 0, start);
    append_range(&result, with, start, end);
    append_range(&result, content, end, UINT64_MAX);
    if (result.len > CONTENT_EXTENTS_MAX) {
        content_done(&result);
        return false;
    }
    content_done(content);
    *content = result;
    return true;
}

bool content_write(struct content *content, uint64_t start, uint64_t end, uint64_t seed)
{
    struct extent extent = {start, end, seed};
    const struct content with = {.extents = &extent, .len = seed == 0 ? 0 : 1};
    return start >= end || replace(content, start, end, &with);
}

bool content_copy(struct content *target, const struct content *source, uint64_t start,
                  uint64_t end)
{
    return start >= end || replace(target, start, end, source);
}

void content_fill(struct content *content, uint64_t size, uint64_t seed)
{
    if (seed == 0)
        return;
    uint64_t region = size / FILL_REGIONS;
    for (uint64_t i = 0; i < FILL_REGIONS; i++)
        append(content, i * region, i * region + region / 8 * 5, ids_mix(seed + i) | 1);
}

static uint64_t seed_at(const struct content *content, uint64_t position, size_t *cursor,
                        uint64_t *ret_until)
{
    while (*cursor < content->len && content->extents[*cursor].end <= position)
        (*cursor)++;
    if (*cursor == content->len) {
        *ret_until = UINT64_MAX;
        return 0;
    }
    const struct extent *extent = &content->extents[*cursor];
    *ret_until = position < extent->start ? extent->start : extent->end;
    return position < extent->start ? 0 : extent->seed;
}

uint64_t content_difference(const struct content *a, const struct content *b, uint64_t size)
{
    uint64_t difference = 0;
    size_t cursor_a = 0;
    size_t cursor_b = 0;
    for (uint64_t position = 0; position < size;) {
        uint64_t until_a = 0;
        uint64_t until_b = 0;
        uint64_t seed_a = seed_at(a, position, &cursor_a, &until_a);
        uint64_t seed_b = seed_at(b, position, &cursor_b, &until_b);
        uint64_t next = min_u64(size, min_u64(until_a, until_b));
        if (seed_a != seed_b)
            difference += next - position;
        position = next;
    }
    return difference;
}

/* Whether another content has the same seed throughout [start, end); narrows `end` to where the
 * answer is the same. */
static bool found_in(const struct content *other, uint64_t start, uint64_t *end, uint64_t seed)
{
    size_t cursor = 0;
    uint64_t until = 0;
    bool same = seed_at(other, start, &cursor, &until) == seed;
    *end = min_u64(*end, until);
    return same;
}

uint64_t content_only_here(const struct content *content, uint64_t size,
                           const struct content *const *others, size_t count)
{
    uint64_t only_here = 0;
    for (size_t i = 0; i < content->len; i++) {
        const struct extent *extent = &content->extents[i];
        uint64_t limit = min_u64(extent->end, size);
        for (uint64_t position = extent->start; position < limit;) {
            uint64_t next = limit;
            bool found = false;
            for (size_t k = 0; k < count; k++) {
                if (found_in(others[k], position, &next, extent->seed))
                    found = true;
            }
            if (!found)
                only_here += next - position;
            position = next;
        }
    }
    return only_here;
}

void content_hash(const struct content *content, uint64_t size,
                  char target[static CONTENT_HASH_SIZE])
{
    cleanup_buf struct buf text = {0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    buf_putf(&text, "%llu\n", (unsigned long long)size);
    for (size_t i = 0; i < content->len && content->extents[i].start < size; i++) {
        const struct extent *extent = &content->extents[i];
        buf_putf(&text, "%llu %llu %llu\n", (unsigned long long)extent->start,
                 (unsigned long long)min_u64(extent->end, size), (unsigned long long)extent->seed);
    }
    int done = EVP_Digest(text.data, text.len, digest, &len, EVP_sha256(), NULL);
    assert(done == 1); /* SHA-256 is always there */
    target[0] = '\0';
    for (unsigned i = 0; i < len && i * 2 + 2 < CONTENT_HASH_SIZE; i++)
        (void)str_format(target + (size_t)i * 2, 3, "%02x", digest[i]); /* it fits */
}

/* The 8 bytes with this number that a seed gives, the first one lowest. */
static uint64_t word_at(uint64_t seed, uint64_t number)
{
    return seed == 0 ? 0 : ids_mix(seed ^ ids_mix(number));
}

/* The seed that gives these 8 bytes there. */
static uint64_t seed_of(uint64_t word, uint64_t number)
{
    return word == 0 ? 0 : ids_unmix(word) ^ ids_mix(number);
}

void content_read(const struct content *content, uint64_t offset, unsigned char *target, size_t len)
{
    size_t cursor = 0;
    uint64_t word = 0;
    uint64_t number = UINT64_MAX;
    uint64_t until = 0;
    for (size_t i = 0; i < len; i++) {
        uint64_t position = offset + i;
        if (position / 8 != number || position >= until) {
            number = position / 8;
            word = word_at(seed_at(content, position, &cursor, &until), number);
        }
        target[i] = (unsigned char)(word >> (position % 8 * 8));
    }
}

bool content_put(struct content *content, uint64_t start, const unsigned char *bytes, size_t len)
{
    struct content piece = {0};
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = 0;
        uint64_t position = start + i;
        for (size_t k = 8; k-- > 0;)
            word = word << 8 | (i + k < len ? bytes[i + k] : 0);
        append(&piece, position, min_u64(position + 8, start + len), seed_of(word, position / 8));
    }
    bool written = content_copy(content, &piece, start, start + len);
    content_done(&piece);
    return written;
}

json_t *content_to_json(const struct content *content)
{
    json_t *array = json_array();
    for (size_t i = 0; i < content->len; i++) {
        const struct extent *extent = &content->extents[i];
        char seed[24];
        (void)str_format(seed, sizeof(seed), "%llx", (unsigned long long)extent->seed);
        json_array_append_new(array, json_pack("[I, I, s]", (json_int_t)extent->start,
                                               (json_int_t)extent->end, seed));
    }
    return array;
}

/* A number of at most 16 hexadecimal digits; 0 for anything else. */
static uint64_t parse_hex(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    size_t len = strspn(text, digits);
    if (len == 0 || len > 16 || text[len])
        return 0;
    for (; *text; text++)
        value = value * 16 + (uint64_t)(strchr(digits, *text) - digits);
    return value;
}

bool content_from_json(struct content *content, const json_t *json)
{
    uint64_t previous = 0;
    for (size_t i = 0; i < json_array_size(json); i++) {
        json_int_t start = 0;
        json_int_t end = 0;
        const char *text = NULL;
        uint64_t seed = 0;
        if (json_unpack(json_array_get(json, i), "[I, I, s]", &start, &end, &text) == 0)
            seed = parse_hex(text);
        if (seed == 0 || start < 0 || (uint64_t)start < previous || end <= start) {
            content_done(content);
            return false;
        }
        append(content, (uint64_t)start, (uint64_t)end, seed);
        previous = (uint64_t)end;
    }
    return json_is_array(json);
}
