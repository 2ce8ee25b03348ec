/*
 * xo, 6: markers in descriptions.
 *
 * The JSON object after `csi:info: ` ends where its braces do; what follows is text of somebody
 * else's. Its end is found by counting braces outside of strings, so that jansson parses exactly the
 * object. The driver calls `migrating` without `srsWithTag` invalid; here it reads all the same, for
 * it is plain what it says: whoever needs the tag sees that there is none.
 */
#include "xo/marker.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static const char prefix[] = "csi:info:";

/** Where the marker stands in a description. */
struct place {
    const char *begin; /* of the prefix; NULL: there is none */
    const char *json;  /* of the object */
    const char *end;   /* behind the object */
};

/* The end of the object that starts at `text`, or NULL when its braces do not match. */
static const char *object_end(const char *text)
{
    int depth = 0;
    bool quoted = false;
    for (const char *at = text; *at; at++) {
        if (quoted && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && *at == '{')
            depth++;
        else if (!quoted && *at == '}' && --depth == 0)
            return at + 1;
    }
    return NULL;
}

static void spoil(struct xo_marker *marker, const char *problem)
{
    marker->malformed = true;
    str_copy(marker->problem, sizeof(marker->problem), problem);
}

/* Finds the marker and parses its object: *new*, or NULL when there is none or it is malformed. */
static json_t *find(const char *description, struct place *place, struct xo_marker *marker)
{
    const char *begin = description ? strstr(description, prefix) : NULL;
    if (!begin)
        return NULL;
    marker->present = true;
    *place = (struct place){.begin = begin, .json = begin + strlen(prefix)};
    place->json += strspn(place->json, " \t");
    if (strlen(description) > XO_MARKER_DESCRIPTION_MAX) {
        spoil(marker, "the description is longer than 64 KiB");
        return NULL;
    }
    place->end = place->json[0] == '{' ? object_end(place->json) : NULL;
    if (!place->end) {
        spoil(marker, "no complete JSON object follows csi:info:");
        return NULL;
    }
    json_t *object = NULL;
    struct err err = {0};
    if (json_parse(place->json, (size_t)(place->end - place->json), &object, &err) < 0) {
        spoil(marker, err.message);
        return NULL;
    }
    return object; /* an object: it starts with a brace */
}

/* Copies an optional string member. */
static void read_text(const json_t *object, const char *key, char *target, size_t size,
                      struct xo_marker *marker)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return;
    char problem[sizeof(marker->problem)];
    if (!json_is_string(value)) {
        str_format(problem, sizeof(problem), "%s is no string", key);
        spoil(marker, problem);
    } else if (!str_copy(target, size, json_string_value(value))) {
        target[0] = '\0';
        str_format(problem, sizeof(problem), "%s is too long", key);
        spoil(marker, problem);
    }
}

static void read_members(const json_t *object, struct xo_marker *marker)
{
    const json_t *migrating = json_object_get(object, "migrating");
    read_text(object, "srsWithTag", marker->srs_with_tag, sizeof(marker->srs_with_tag), marker);
    if (!migrating || json_is_null(migrating))
        return;
    if (!json_is_object(migrating)) {
        spoil(marker, "migrating is no object");
        return;
    }
    const json_t *enabled = json_object_get(migrating, "enabled");
    if (enabled && !json_is_boolean(enabled))
        spoil(marker, "migrating.enabled is neither true nor false");
    marker->migrating_enabled = json_is_true(enabled);
    read_text(migrating, "inProgressToSRUUID", marker->in_progress_to_sr,
              sizeof(marker->in_progress_to_sr), marker);
    read_text(migrating, "attempt", marker->attempt, sizeof(marker->attempt), marker);
}

void xo_marker_parse(const char *description, struct xo_marker *ret)
{
    *ret = (struct xo_marker){.present = false};
    struct place place = {0};
    json_t *object cleanup_json = find(description, &place, ret);
    if (object)
        read_members(object, ret);
}

/* Sets or removes a member. */
static void put_text(json_t *object, const char *key, const char *text)
{
    if (text[0])
        json_put(object, key, json_text(text));
    else
        (void)json_object_del(object, key); /* it may not be there */
}

static void put_members(json_t *object, const struct xo_marker *marker)
{
    put_text(object, "srsWithTag", marker->srs_with_tag);
    json_t *migrating = json_object_get(object, "migrating");
    if (!json_is_object(migrating)) {
        if (!marker->migrating_enabled && !marker->in_progress_to_sr[0] && !marker->attempt[0])
            return;
        migrating = json_object();
        json_put(object, "migrating", migrating);
    }
    if (marker->migrating_enabled)
        json_put(migrating, "enabled", json_true());
    else
        (void)json_object_del(migrating, "enabled"); /* it may not be there */
    put_text(migrating, "inProgressToSRUUID", marker->in_progress_to_sr);
    put_text(migrating, "attempt", marker->attempt);
    if (json_object_size(migrating) == 0)
        (void)json_object_del(object, "migrating"); /* it is there */
}

int xo_marker_write(const char *description, const struct xo_marker *marker, char **ret,
                    struct err *err)
{
    const char *text = description ? description : "";
    struct place place = {0};
    struct xo_marker before = {.present = false};
    json_t *object cleanup_json = find(text, &place, &before);
    if (object)
        read_members(object, &before);
    if (before.malformed || strlen(text) > XO_MARKER_DESCRIPTION_MAX)
        return err_set(err, ERR_INVALID,
                       "the disk's description holds a marker that cannot be "
                       "read, so it is not changed: %s",
                       before.malformed ? before.problem : "it is longer than 64 KiB");
    if (!object)
        object = json_object();
    put_members(object, marker);
    /* In the order in which it stood, new members behind: a person compares them. */
    char *json cleanup_str = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);

    struct buf result = {.max = (size_t)XO_MARKER_DESCRIPTION_MAX * 8}; /* \u escapes at worst */
    size_t kept = place.begin ? (size_t)(place.begin - text) : strlen(text);
    buf_put_bytes(&result, text, kept);
    if (!place.begin && kept > 0)
        buf_put(&result, "\n");
    buf_putf(&result, "%s %s%s", prefix, json, place.end ? place.end : "");
    *ret = buf_steal(&result);
    return 0;
}
