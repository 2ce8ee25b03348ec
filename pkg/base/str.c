/* base: bounded work on C strings. */
#include "base/str.h"

#include "base/mem.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool str_copy(char *target, size_t size, const char *source)
{
    assert(size > 0);
    size_t length = strnlen(source, size);
    bool fits = length < size;
    if (!fits)
        length = size - 1;
    memmove(target, source, length);
    target[length] = '\0';
    return fits;
}

bool str_join(char *target, size_t size, const char *first, const char *separator,
              const char *second)
{
    return str_format(target, size, "%s%s%s", first, separator, second);
}

bool str_format(char *target, size_t size, const char *format, ...)
{
    assert(size > 0);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(target, size, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    return (size_t)length < size;
}

char *str_new_v(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    assert(length >= 0);
    char *text = mem_alloc((size_t)length + 1);
    (void)vsnprintf(text, (size_t)length + 1, format, again); /* the length was asked for above */
    va_end(again);
    return text;
}

char *str_new(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = str_new_v(format, arguments);
    va_end(arguments);
    return text;
}

bool str_equal(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

bool str_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text);
    size_t suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

bool str_parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
    if (str_empty(text))
        return false;
    const char *digits = *text == '-' ? text + 1 : text;
    if (!isdigit((unsigned char)*digits))
        return false;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < min || value > max)
        return false;
    *ret_value = (int64_t)value;
    return true;
}

uint64_t str_hash(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        hash ^= *p;
        hash *= UINT64_C(1099511628211);
    }
    return hash;
}
