/* base: reading JSON at the edges. */
#include "base/json.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* What jansson says without the piece of the input that it puts behind "near": that may be a part
 * of a secret. */
static int length_without_input(const char *text)
{
    const char *near = strstr(text, " near '");
    return (int)(near ? near - text : (ptrdiff_t)strlen(text));
}

/* Where the string that begins at `from` ends: behind its closing quote, or at the end. */
static size_t skip_string(const char *text, size_t len, size_t from)
{
    for (size_t i = from + 1; i < len; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '"')
            return i + 1;
    }
    return len;
}

/* Whether the number, all of which these characters are, is an integer that 64 bits don't hold. */
static bool is_too_big(const char *number, size_t len)
{
    char digits[24]; /* a sign, 20 digits, the end: more are too big anyway */
    if (memchr(number, '.', len) || memchr(number, 'e', len) || memchr(number, 'E', len))
        return false;
    if (len >= sizeof(digits))
        return true;
    memcpy(digits, number, len);
    digits[len] = '\0';
    int64_t value = 0;
    return !str_parse_int64(digits, INT64_MIN, INT64_MAX, &value);
}

static bool in_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Appends the text with each integer that 64 bits don't hold as a real: "…e0". */
static void put_big_integers_as_reals(struct buf *result, const char *text, size_t len)
{
    for (size_t i = 0, end = 0; i < len; i = end) {
        bool number = text[i] == '-' || (text[i] >= '0' && text[i] <= '9');
        end = text[i] == '"' ? skip_string(text, len, i) : i + 1;
        while (number && end < len && in_number(text[end]))
            end++;
        buf_put_bytes(result, text + i, end - i);
        if (number && is_too_big(text + i, end - i))
            buf_put(result, "e0");
    }
}

int json_parse(const char *text, size_t len, json_t **ret, struct err *err)
{
    json_error_t error;
    json_t *value = json_loadb(text, len, JSON_DECODE_ANY, &error);
    if (!value && json_error_code(&error) == json_error_numeric_overflow) {
        /* Two characters more for each number of nineteen or more. */
        cleanup_buf struct buf reals = {.max = 2 * len + 2};
        put_big_integers_as_reals(&reals, text, len);
        value = json_loadb(buf_str(&reals), reals.len, JSON_DECODE_ANY, &error);
    }
    if (!value)
        return err_set(err, ERR_INVALID, "not valid JSON at line %d, column %d: %.*s", error.line,
                       error.column, length_without_input(error.text), error.text);
    *ret = value;
    return 0;
}

json_t *json_at(const json_t *object, const char *path)
{
    const json_t *value = object;
    while (value) {
        const char *dot = strchrnul(path, '.');
        char key[128];
        size_t length = (size_t)(dot - path);
        if (length >= sizeof(key))
            return NULL;
        memcpy(key, path, length);
        key[length] = '\0';
        value = json_object_get(value, key);
        if (*dot == '\0')
            break;
        path = dot + 1;
    }
    /* jansson's own look-ups take const and give mutable values. */
    return (json_t *)(uintptr_t)value;
}

const char *json_str_at(const json_t *object, const char *path)
{
    return json_string_value(json_at(object, path));
}

int64_t json_int_at(const json_t *object, const char *path, int64_t fallback)
{
    const json_t *value = json_at(object, path);
    if (json_is_integer(value))
        return json_integer_value(value);
    /* 2^53: beyond it a double no longer holds every integer. */
    double real = json_is_real(value) ? json_real_value(value) : (double)NAN;
    if (isfinite(real) && fabs(real) <= 9007199254740992.0 && real == floor(real))
        return (int64_t)real;
    return fallback;
}

double json_real_at(const json_t *object, const char *path, double fallback)
{
    const json_t *value = json_at(object, path);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

bool json_bool_at(const json_t *object, const char *path, bool fallback)
{
    const json_t *value = json_at(object, path);
    return json_is_boolean(value) ? json_boolean_value(value) : fallback;
}

json_t *json_build(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    json_error_t error;
    json_t *value = json_vpack_ex(&error, 0, format, arguments);
    va_end(arguments);
    assert(value);
    return value;
}

/* Bytes of the UTF-8 sequence that starts here; 0 when none does. A terminator ends every check. */
static size_t utf8_length(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    size_t length = 0;
    if (byte[0] < 0x80)
        return 1;
    if (byte[0] >= 0xC2 && byte[0] <= 0xDF)
        length = 2;
    else if (byte[0] >= 0xE0 && byte[0] <= 0xEF)
        length = 3;
    else if (byte[0] >= 0xF0 && byte[0] <= 0xF4)
        length = 4;
    for (size_t i = 1; i < length; i++) {
        if ((byte[i] & 0xC0) != 0x80)
            return 0;
    }
    /* Overlong forms, surrogates, and what lies behind U+10FFFF. */
    if ((byte[0] == 0xE0 && byte[1] < 0xA0) || (byte[0] == 0xED && byte[1] > 0x9F) ||
        (byte[0] == 0xF0 && byte[1] < 0x90) || (byte[0] == 0xF4 && byte[1] > 0x8F))
        return 0;
    return length;
}

json_t *json_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *value = json_string(text);
    if (value)
        return value;
    cleanup_str char *valid = mem_strdup(text);
    for (char *p = valid; *p;) {
        size_t length = utf8_length(p);
        if (length == 0)
            *p = '?';
        p += length ? length : 1;
    }
    value = json_string(valid);
    assert(value);
    return value;
}

void json_put(json_t *object, const char *key, json_t *value)
{
    if (!value)
        return;
    int result = json_object_set_new(object, key, value);
    assert(result == 0);
    (void)result; /* asserted */
}

void json_put_str(json_t *object, const char *key, const char *text)
{
    if (text)
        json_put(object, key, json_text(text));
}

void json_put_time(json_t *object, const char *key, struct wall_time time)
{
    char text[CLOCK_RFC3339_SIZE];

    if (time.ms == 0)
        return;
    wall_format(time, text);
    json_put_str(object, key, text);
}

void json_add(json_t *array, json_t *value)
{
    int result = json_array_append_new(array, value);
    assert(result == 0);
    (void)result; /* asserted */
}

char *json_dump(const json_t *value)
{
    /* With JSON_ENCODE_ANY only an allocation can fail, and jansson uses our allocator's rules
     * through the process. */
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    assert(text);
    return text;
}
