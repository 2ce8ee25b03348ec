/*
 * xo, 7: the sentence that people read of an error of XO.
 *
 * XAPI's errors are a code with parameters, which are numbers of bytes, references, empty strings and
 * sometimes a reason that somebody wrote. A row of the table says in words what happened and what to
 * do, and where the parameters go.
 */
#include "xo/errors_text.h"

#include "base/buf.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

static const char ref[] = "OpaqueRef:";

/* Appends a text of the peer: on one line, without XAPI's references, and without blanks at its
 * ends. Not more than is read: what a peer sends has any length. */
static void put_clean(struct buf *buf, const char *text)
{
    size_t blanks = 0;
    bool begun = false;
    while (*text != '\0' && buf->len < ERR_MESSAGE_MAX) {
        if (str_starts_with(text, ref)) {
            text += strlen(ref);
            while (isalnum((unsigned char)*text) || *text == '-')
                text++;
            continue;
        }
        if (*text == ' ' || iscntrl((unsigned char)*text)) {
            blanks++;
        } else {
            for (; begun && blanks > 0; blanks--)
                buf_put(buf, " ");
            buf_put_bytes(buf, text, 1);
            begun = true;
            blanks = 0;
        }
        text++;
    }
}

/* The text of a placeholder's name, *borrowed*; NULL: there is none. */
static const char *look_up(const json_t *error, const char *name)
{
    const json_t *data = json_object_get(error, "data");
    if (str_equal(name, "message"))
        return json_str_at(error, "message");
    if (!isdigit((unsigned char)name[0]))
        return json_string_value(json_object_get(data, name));
    size_t index = (size_t)(name[0] - '0');
    return json_string_value(json_array_get(json_object_get(data, "params"), index));
}

/* Appends what a placeholder stands for; false: nothing. */
static bool put_value(struct buf *buf, const json_t *error, const char *name, size_t len)
{
    enum { GIB_SHIFT = 30 };
    char key[32];
    size_t before = buf->len;
    if (len == 0 || len >= sizeof(key))
        return false;
    memcpy(key, name, len);
    key[len] = '\0';
    bool bytes = isdigit((unsigned char)key[0]) && key[len - 1] == 'G';
    const char *text = look_up(error, key);
    int64_t number = 0;
    if (!text)
        return false;
    if (!bytes)
        put_clean(buf, text);
    else if (str_parse_int64(text, 0, INT64_MAX, &number))
        buf_putf(buf, "%.1f GiB", (double)number / (double)(INT64_C(1) << GIB_SHIFT));
    return buf->len > before;
}

/* Appends a piece of a sentence without groups; false: something in it is not there. */
static bool put_piece(struct buf *buf, const json_t *error, const char *piece, size_t len)
{
    bool whole = true;
    for (size_t i = 0; i < len; i++) {
        const char *end = piece[i] == '{' ? memchr(piece + i, '}', len - i) : NULL;
        if (!end) {
            buf_put_bytes(buf, piece + i, 1);
            continue;
        }
        whole = put_value(buf, error, piece + i + 1, (size_t)(end - piece) - i - 1) && whole;
        i = (size_t)(end - piece);
    }
    return whole;
}

static void put_sentence(struct buf *buf, const json_t *error, const char *sentence)
{
    while (*sentence != '\0') {
        size_t len = strcspn(sentence, "[");
        (void)put_piece(buf, error, sentence, len); /* outside of a group nothing may be missing */
        sentence += len;
        if (*sentence == '\0')
            return;
        len = strcspn(++sentence, "]");
        struct buf group cleanup_buf = {0};
        if (put_piece(&group, error, sentence, len))
            buf_put(buf, buf_str(&group));
        sentence += len;
        sentence += *sentence == ']';
    }
}

/* A code that has no row, with its parameters: CODE(a, b). */
static void put_raw(struct buf *buf, const json_t *error)
{
    const json_t *data = json_object_get(error, "data");
    const json_t *params = json_object_get(data, "params");
    const char *code = json_str_at(data, "code");
    const char *message = json_str_at(error, "message");
    buf_put(buf, "XO answered: ");
    if (!code || !json_is_array(params)) {
        put_clean(buf, message ? message : "an error without a message");
        return;
    }
    put_clean(buf, code);
    const char *separator = "(";
    for (size_t i = 0; i < json_array_size(params); i++) {
        struct buf value cleanup_buf = {0};
        const char *text = json_string_value(json_array_get(params, i));
        put_clean(&value, text ? text : "");
        if (value.len == 0)
            continue;
        buf_putf(buf, "%s%s", separator, buf_str(&value));
        separator = ", ";
    }
    buf_put(buf, str_equal(separator, "(") ? "" : ")");
}

void xo_error_sentence(const char *sentence, const json_t *error,
                       char target[static ERR_MESSAGE_MAX])
{
    struct buf text cleanup_buf = {0};
    if (sentence)
        put_sentence(&text, error, sentence);
    else
        put_raw(&text, error);
    str_copy(target, ERR_MESSAGE_MAX, buf_str(&text)); /* cut on purpose */
}
