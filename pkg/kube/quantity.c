/*
 * kube, 2: Kubernetes quantities (decimal number, then a binary or decimal suffix or an exponent),
 * in whole bytes, rounded up. Exact: digits are collected as an integer and a power of ten, never
 * as a floating-point number.
 */
#include "kube/object.h"

#include <string.h>

struct suffix {
    const char *text;
    int power_of_ten;
    int power_of_two;
};

static const struct suffix suffixes[] = {
    {"", 0, 0},    {"Ki", 0, 10}, {"Mi", 0, 20}, {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50},
    {"Ei", 0, 60}, {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},
    {"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},
};

/* Beyond this many digits or this exponent nothing that fits 64 bits is left but zeros. */
enum { DIGITS_MAX = 27, EXPONENT_MAX = 40 };

/* Reads digits with at most one point; `*scale` becomes the number of digits behind it. */
static const char *read_digits(const char *text, unsigned __int128 *mantissa, int *scale)
{
    int digits = 0;
    bool point = false;
    bool any = false;
    *mantissa = 0;
    *scale = 0;
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        any = true;
        if (digits > 0 || *text != '0')
            digits++;
        if (digits > DIGITS_MAX)
            return NULL;
        *mantissa = *mantissa * 10 + (unsigned)(*text - '0');
        *scale += point ? 1 : 0;
        if (*scale > EXPONENT_MAX)
            return NULL;
    }
    return any ? text : NULL;
}

/* Reads e12, E-3; false when there is none or it is out of range. */
static bool read_exponent(const char *text, int *ret_power)
{
    if (*text != 'e' && *text != 'E')
        return false;
    text++;
    int sign = *text == '-' ? -1 : 1;
    if (*text == '-' || *text == '+')
        text++;
    if (*text == '\0')
        return false;
    int power = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        power = power * 10 + (*text - '0');
        if (power > EXPONENT_MAX)
            return false;
    }
    *ret_power = sign * power;
    return *text == '\0';
}

static bool read_unit(const char *text, int *ret_ten, int *ret_two)
{
    *ret_two = 0;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (strcmp(text, suffixes[i].text) == 0) {
            *ret_ten = suffixes[i].power_of_ten;
            *ret_two = suffixes[i].power_of_two;
            return true;
        }
    }
    return read_exponent(text, ret_ten);
}

bool kube_quantity_parse(const char *text, int64_t *ret_bytes)
{
    if (!text)
        return false;
    if (*text == '+')
        text++;
    unsigned __int128 value = 0;
    int scale = 0;
    int ten = 0;
    int two = 0;
    text = read_digits(text, &value, &scale);
    if (!text || !read_unit(text, &ten, &two))
        return false;
    for (; two > 0; two--) {
        if (__builtin_mul_overflow(value, (unsigned __int128)2, &value))
            return false;
    }
    for (ten -= scale; ten > 0 && value > 0; ten--) {
        if (__builtin_mul_overflow(value, (unsigned __int128)10, &value))
            return false;
    }
    bool rest = false;
    for (; ten < 0 && value > 0; ten++) {
        rest = rest || value % 10 != 0;
        value /= 10;
    }
    value += rest ? 1 : 0;
    if (value > INT64_MAX)
        return false;
    *ret_bytes = (int64_t)value;
    return true;
}
