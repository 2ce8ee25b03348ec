/*
 * xosim, upper layer: string filters, in the language of Xen Orchestra's search field.
 *
 *   term term        both                     type:VDI name_label:"data"
 *   |(term term)     one of them              |(type:VDI type:SR)
 *   !term            not                      !tags:k8s-local
 *   name:term        the property matches     size:0, tags:/^k8s/
 *   name?            the property is true, not empty, not zero
 *   word  "word"     a string contains it, a number equals it; any property, when no name precedes
 *   /re/  /re/i      a string matches the regular expression
 *
 * Words have no regard to case. A quote that is not ended is read to the end. Regular expressions are
 * POSIX extended ones, which agree with JavaScript in what people write.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/list.h"
#include "xosim/xo.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>
#include <strings.h>

enum {
    QUERY_DEPTH_MAX =
        50 /* of parentheses and of objects looked into: nobody nests that deep by hand */
};

enum query_kind {
    QUERY_AND,
    QUERY_OR,
    QUERY_NOT,
    QUERY_PROPERTY,
    QUERY_TRUE,
    QUERY_TEXT,
    QUERY_REGEX
};

struct xo_query {
    enum query_kind kind;
    char *text;        /* property name or text */
    regex_t regex;     /* compiled when kind is QUERY_REGEX */
    struct list parts; /* struct xo_query, owned */
};

struct parser {
    const char *start;
    const char *at;
    unsigned depth;
    struct err *err;
};

static struct xo_query *parse_term(struct parser *parser);

struct xo_query *xo_query_free(struct xo_query *query)
{
    if (!query)
        return NULL;
    for (size_t i = 0; i < query->parts.len; i++)
        xo_query_free(query->parts.items[i]);
    list_done(&query->parts);
    if (query->kind == QUERY_REGEX)
        regfree(&query->regex);
    mem_free(query->text);
    return mem_free(query);
}

static struct xo_query *query_new(enum query_kind kind)
{
    struct xo_query *query = mem_alloc(sizeof(*query));
    query->kind = kind;
    return query;
}

static struct xo_query *fail(struct parser *parser, struct xo_query *query)
{
    xo_query_free(query);
    err_set(parser->err, ERR_INVALID, "parse error: unexpected \"%.20s\" at %zu", parser->at,
            (size_t)(parser->at - parser->start));
    return NULL;
}

static void skip_blanks(struct parser *parser)
{
    while (isspace((unsigned char)*parser->at))
        parser->at++;
}

static bool word_character(char c)
{
    return c && !isspace((unsigned char)c) && !strchr("()|!:\"?/<>=", c);
}

/* A word or a quoted text as a *new* string, or NULL. */
static char *parse_word(struct parser *parser)
{
    const char *start = parser->at;
    if (*parser->at != '"') {
        while (word_character(*parser->at))
            parser->at++;
        return parser->at > start ? mem_strndup(start, (size_t)(parser->at - start)) : NULL;
    }
    char *text = mem_alloc(strlen(start));
    size_t len = 0;
    for (parser->at++; *parser->at != '"'; parser->at++) { /* also ends at the end of the text */
        if (*parser->at == '\\' && parser->at[1])
            parser->at++;
        if (!*parser->at) /* nobody ends it: what there is counts */
            return text;
        text[len++] = *parser->at;
    }
    parser->at++;
    return text;
}

static struct xo_query *parse_regex(struct parser *parser)
{
    const char *start = parser->at + 1;
    const char *end = start;
    while (*end && *end != '/')
        end += *end == '\\' && end[1] ? 2 : 1;
    if (!*end)
        return fail(parser, NULL);
    cleanup_str char *pattern = mem_strndup(start, (size_t)(end - start));
    struct xo_query *query = query_new(QUERY_AND);
    int flags = REG_EXTENDED | REG_NOSUB | (end[1] == 'i' ? REG_ICASE : 0);
    if (regcomp(&query->regex, pattern, flags) != 0)
        return fail(parser, query);
    query->kind = QUERY_REGEX;
    parser->at = end + (end[1] == 'i' ? 2 : 1);
    return query;
}

/* Terms up to `end`, into a query of that kind. */
static struct xo_query *parse_terms(struct parser *parser, enum query_kind kind, char end)
{
    struct xo_query *query = query_new(kind);
    for (skip_blanks(parser); *parser->at != end; skip_blanks(parser)) {
        struct xo_query *part = *parser->at ? parse_term(parser) : fail(parser, NULL);
        if (!part)
            return xo_query_free(query);
        list_add(&query->parts, part);
    }
    if (end)
        parser->at++;
    return query;
}

static struct xo_query *parse_named(struct parser *parser)
{
    char *word = parse_word(parser);
    if (!word)
        return fail(parser, NULL);
    struct xo_query *query = query_new(QUERY_TEXT);
    query->text = word;
    if (*parser->at == '?') {
        parser->at++;
        query->kind = QUERY_TRUE;
    } else if (*parser->at == ':') {
        parser->at++;
        query->kind = QUERY_PROPERTY;
        skip_blanks(parser);
        struct xo_query *part = parse_term(parser);
        if (!part)
            return xo_query_free(query);
        list_add(&query->parts, part);
    }
    return query;
}

static struct xo_query *parse_inner(struct parser *parser)
{
    switch (*parser->at) {
    case '(':
        parser->at++;
        return parse_terms(parser, QUERY_AND, ')');
    case '|':
        parser->at++;
        skip_blanks(parser);
        if (*parser->at != '(')
            return fail(parser, NULL);
        parser->at++;
        return parse_terms(parser, QUERY_OR, ')');
    case '!': {
        parser->at++;
        struct xo_query *part = parse_term(parser);
        if (!part)
            return NULL;
        struct xo_query *query = query_new(QUERY_NOT);
        list_add(&query->parts, part);
        return query;
    }
    case '/':
        return parse_regex(parser);
    default:
        return parse_named(parser);
    }
}

static struct xo_query *parse_term(struct parser *parser)
{
    if (parser->depth == QUERY_DEPTH_MAX)
        return fail(parser, NULL);
    parser->depth++;
    struct xo_query *query = parse_inner(parser);
    parser->depth--;
    return query;
}

int xo_query_parse(const char *text, struct xo_query **ret, struct err *err)
{
    struct parser parser = {.start = text, .at = text, .err = err};
    struct xo_query *query = parse_terms(&parser, QUERY_AND, '\0');
    if (!query)
        return -1;
    *ret = query;
    return 0;
}

static bool truthy(const json_t *value)
{
    if (json_is_number(value))
        return json_number_value(value) < 0 || json_number_value(value) > 0;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return value && !json_is_null(value) && !json_is_false(value);
}

static bool matches_scalar(const struct xo_query *query, const json_t *value)
{
    char number[32];
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        (void)str_format(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        return query->kind == QUERY_TEXT && str_equal(number, query->text);
    }
    if (!text)
        return false;
    return query->kind == QUERY_TEXT ? strcasestr(text, query->text) != NULL
                                     : regexec(&query->regex, text, 0, NULL, 0) == 0;
}

/* A text or regular expression against a value, looking into arrays and objects. */
static bool matches_value(const struct xo_query *query, const json_t *value, unsigned depth)
{
    const char *key = NULL;
    json_t *member = NULL;
    if (depth == QUERY_DEPTH_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (matches_value(query, json_array_get(value, i), depth + 1))
            return true;
    }
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, member) {
            if (matches_value(query, member, depth + 1))
                return true;
        }
    }
    return matches_scalar(query, value);
}

static bool matches_any(const struct xo_query *query, const json_t *value)
{
    for (size_t i = 0; i < query->parts.len; i++) {
        if (xo_query_matches(query->parts.items[i], value))
            return true;
    }
    return false;
}

static bool matches_all(const struct xo_query *query, const json_t *value)
{
    for (size_t i = 0; i < query->parts.len; i++) {
        if (!xo_query_matches(query->parts.items[i], value))
            return false;
    }
    return true;
}

bool xo_query_matches(const struct xo_query *query, const json_t *value)
{
    switch (query->kind) {
    case QUERY_AND:
        return matches_all(query, value);
    case QUERY_OR:
        return matches_any(query, value);
    case QUERY_NOT:
        return !matches_any(query, value);
    case QUERY_PROPERTY: {
        const json_t *property = json_object_get(value, query->text);
        return property && matches_all(query, property);
    }
    case QUERY_TRUE:
        return truthy(json_object_get(value, query->text));
    case QUERY_TEXT:
    case QUERY_REGEX:
        return matches_value(query, value, 0);
    }
    return false;
}
