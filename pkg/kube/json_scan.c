/*
 * kube, 2: cuts a stream of JSON text into pieces.
 *
 * Byte by byte, the scanner knows whether it is inside a string, how deep it is, and which member
 * it is in at the few uppermost depths. That is enough to tell where a piece begins and ends and
 * which value is managedFields. Bytes are copied in runs, as long as nothing changes where they go.
 */
#include "kube/json_scan.h"

#include <string.h>

/* Names of interest. */
enum key { KEY_OTHER, KEY_ITEMS, KEY_METADATA, KEY_MANAGED_FIELDS, KEY_OBJECT };

static const struct {
    const char *name;
    enum key key;
} names[] = {
    {"items", KEY_ITEMS},
    {"metadata", KEY_METADATA},
    {"managedFields", KEY_MANAGED_FIELDS},
    {"object", KEY_OBJECT},
};

void kube_json_scan_init(struct kube_json_scan *scan, enum kube_json_scan_mode mode,
                         kube_json_piece_fn *piece, void *userdata)
{
    *scan = (struct kube_json_scan){
        .mode = mode,
        .piece = piece,
        .userdata = userdata,
        .text = {.max = KUBE_JSON_PIECE_MAX},
        .envelope = {.max = KUBE_JSON_ENVELOPE_MAX},
    };
}

void kube_json_scan_done(struct kube_json_scan *scan)
{
    buf_done(&scan->text);
    buf_done(&scan->envelope);
    *scan = (struct kube_json_scan){0};
}

static bool blank(const struct buf *buf)
{
    for (size_t i = 0; i < buf->len; i++) {
        if (!strchr(" \t\r\n", buf->data[i]))
            return false;
    }
    return true;
}

bool kube_json_scan_complete(const struct kube_json_scan *scan)
{
    if (scan->depth > 0 || scan->in_string)
        return false;
    return scan->mode == KUBE_JSON_LIST ? !blank(&scan->envelope) : blank(&scan->text);
}

static bool in_items(const struct kube_json_scan *scan)
{
    return scan->mode == KUBE_JSON_LIST && scan->depth >= 2 && scan->keys[1] == KEY_ITEMS &&
           !(scan->objects & (1U << 2));
}

/* Whether the name just read, at the current depth, is that of managedFields. */
static bool at_managed_fields(const struct kube_json_scan *scan)
{
    int depth = scan->depth;
    if (depth < 3 || depth > KUBE_JSON_SCAN_LEVELS || scan->keys[depth] != KEY_MANAGED_FIELDS ||
        scan->keys[depth - 1] != KEY_METADATA)
        return false;
    return scan->mode == KUBE_JSON_LIST ? depth == 4 && in_items(scan)
                                        : depth == 3 && scan->keys[1] == KEY_OBJECT;
}

/* Appends a run of bytes where bytes go at this point. */
static int copy(struct kube_json_scan *scan, const char *from, const char *to, struct err *err)
{
    if (from == to || scan->cutting)
        return 0;
    bool envelope = scan->mode == KUBE_JSON_LIST && !in_items(scan);
    struct buf *target = envelope ? &scan->envelope : &scan->text;
    return buf_append(target, from, (size_t)(to - from), err);
}

/* Hands over the piece that has ended. */
static int emit(struct kube_json_scan *scan, struct err *err)
{
    int result = 0;
    if (!blank(&scan->text))
        result = scan->piece(scan->text.data, scan->text.len, scan->userdata, err);
    buf_clear(&scan->text);
    return result;
}

static void end_key(struct kube_json_scan *scan)
{
    enum key key = KEY_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strlen(names[i].name) == scan->key_len &&
            memcmp(names[i].name, scan->key, scan->key_len) == 0)
            key = names[i].key;
    }
    if (scan->depth <= KUBE_JSON_SCAN_LEVELS)
        scan->keys[scan->depth] = (uint8_t)key;
    scan->in_key = false;
}

/* Goes on inside a string; returns where it ends, or `end`. */
static const char *scan_string(struct kube_json_scan *scan, const char *at, const char *end)
{
    for (; at < end; at++) {
        if (scan->escaped)
            scan->escaped = false;
        else if (*at == '\\')
            scan->escaped = true;
        else if (*at == '"')
            break;
        if (scan->in_key && scan->key_len < sizeof(scan->key))
            scan->key[scan->key_len++] = *at;
    }
    if (at == end)
        return end;
    scan->in_string = false;
    if (scan->in_key)
        end_key(scan);
    return at + 1;
}

static void start_string(struct kube_json_scan *scan)
{
    scan->in_string = true;
    scan->in_key = scan->key_next;
    scan->key_next = false;
    scan->key_len = 0;
}

/* Whether members, not elements, are between the commas here. Deeper names are of no interest. */
static bool in_object(const struct kube_json_scan *scan)
{
    return scan->depth <= KUBE_JSON_SCAN_LEVELS && (scan->objects & (1U << scan->depth));
}

static int open_value(struct kube_json_scan *scan, const char *at, struct err *err)
{
    if (copy(scan, at, at + 1, err) < 0)
        return -1;
    scan->depth++;
    scan->key_next = *at == '{';
    if (scan->depth > KUBE_JSON_SCAN_LEVELS)
        return 0;
    scan->keys[scan->depth] = KEY_OTHER;
    unsigned bit = 1U << scan->depth;
    scan->objects = (uint8_t)(*at == '{' ? scan->objects | bit : scan->objects & ~bit);
    return 0;
}

static void end_cut(struct kube_json_scan *scan)
{
    if (scan->depth == scan->cut_depth)
        scan->cutting = false;
}

static int close_value(struct kube_json_scan *scan, const char *at, struct err *err)
{
    if (scan->depth == 0)
        return err_set(err, ERR_INVALID, "not valid JSON: a bracket closes what was not opened");
    end_cut(scan);
    if (in_items(scan) && scan->depth == 2 && emit(scan, err) < 0)
        return -1;
    scan->depth--;
    scan->key_next = false;
    if (copy(scan, at, at + 1, err) < 0)
        return -1;
    return scan->mode == KUBE_JSON_WATCH && scan->depth == 0 ? emit(scan, err) : 0;
}

static int next_member(struct kube_json_scan *scan, const char *at, struct err *err)
{
    end_cut(scan);
    if (in_items(scan) && scan->depth == 2)
        return emit(scan, err);
    scan->key_next = in_object(scan);
    return copy(scan, at, at + 1, err);
}

static int end_name(struct kube_json_scan *scan, const char *at, struct err *err)
{
    static const char nothing[] = "0";
    if (copy(scan, at, at + 1, err) < 0)
        return -1;
    if (scan->cutting || !at_managed_fields(scan))
        return 0;
    if (copy(scan, nothing, nothing + 1, err) < 0)
        return -1;
    scan->cutting = true;
    scan->cut_depth = scan->depth;
    return 0;
}

/* One byte that changes the structure; those before it were copied. */
static int structure(struct kube_json_scan *scan, const char *at, struct err *err)
{
    switch (*at) {
    case '{':
    case '[':
        return open_value(scan, at, err);
    case '}':
    case ']':
        return close_value(scan, at, err);
    case ',':
        return next_member(scan, at, err);
    default:
        return end_name(scan, at, err);
    }
}

int kube_json_scan_feed(struct kube_json_scan *scan, const char *data, size_t len, struct err *err)
{
    const char *end = data + len;
    const char *run = data; /* from here on nothing was copied yet */
    for (const char *at = data; at < end;) {
        if (scan->in_string) {
            at = scan_string(scan, at, end);
            continue;
        }
        switch (*at) {
        case '"':
            start_string(scan);
            at++;
            break;
        case '{':
        case '[':
        case '}':
        case ']':
        case ',':
        case ':':
            if (copy(scan, run, at, err) < 0 || structure(scan, at, err) < 0)
                return -1;
            run = ++at;
            break;
        default:
            at++;
        }
    }
    return copy(scan, run, end, err);
}
