/* xosim: uuids and numbers that look random and are the same for the same seed. */
#include "xosim/ids.h"

#include "base/str.h"

#include <string.h>

uint64_t ids_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

/* The value that was combined with itself shifted by so many bits. */
static uint64_t unshift(uint64_t value, unsigned bits)
{
    uint64_t result = value;
    for (unsigned done = bits; done < 64; done += bits)
        result = value ^ (result >> bits);
    return result;
}

/* Its steps backwards, with the inverses of its factors. */
uint64_t ids_unmix(uint64_t mixed)
{
    uint64_t value = unshift(mixed, 31) * 0x319642b2d24d8ec3U;
    value = unshift(value, 27) * 0x96de1b173f119089U;
    return unshift(value, 30) - 0x9e3779b97f4a7c15U;
}

uint64_t ids_next(struct ids *ids)
{
    uint64_t value = ids_mix(ids->state);
    ids->state += 0x9e3779b97f4a7c15U;
    return value;
}

static void format_uuid(uint64_t high, uint64_t low, char *target)
{
    (void)str_format(target, UUID_SIZE, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
                     (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff,
                     (unsigned)((low >> 48) & 0x3fff) | 0x8000,
                     (unsigned long long)(low & 0xffffffffffffU));
}

void ids_uuid(struct ids *ids, char target[static UUID_SIZE])
{
    uint64_t high = ids_next(ids);
    format_uuid(high, ids_next(ids), target);
}

void ids_uuid_of(const char *kind, const char *name, char target[static UUID_SIZE])
{
    uint64_t high = ids_mix(str_hash(kind) ^ ids_mix(str_hash(name)));
    format_uuid(high, ids_mix(high ^ str_hash(name)), target);
}

void ids_ref(struct ids *ids, char target[static REF_SIZE])
{
    char uuid[UUID_SIZE];
    ids_uuid(ids, uuid);
    (void)str_join(target, REF_SIZE, "OpaqueRef", ":", uuid);
}

void ids_token(struct ids *ids, char target[static TOKEN_SIZE])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < TOKEN_SIZE - 1; i++)
        target[i] = letters[ids_next(ids) & 63];
    target[TOKEN_SIZE - 1] = '\0';
}

bool ids_is_uuid(const char *text)
{
    if (strlen(text) != UUID_SIZE - 1)
        return false;
    for (size_t i = 0; i < UUID_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
            return false;
    }
    return true;
}
