/* xo, tests: reads recordings line by line. */
#include "xo/fake/recording.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

struct xo_recording {
    struct buf text;
    const char *next; /* the line to be read next */
    json_t *line;     /* the one read last */
};

struct xo_recording *xo_recording_open(const char *name)
{
    struct xo_recording *recording = mem_alloc(sizeof(*recording));
    char *path cleanup_str = str_new("%s/transcripts/%s.jsonl", TESTDATA, name);
    struct err err = {0};
    if (file_read(path, &recording->text, &err) < 0)
        abort();
    recording->next = buf_str(&recording->text);
    return recording;
}

struct xo_recording *xo_recording_close(struct xo_recording *recording)
{
    if (!recording)
        return NULL;
    json_decref(recording->line);
    buf_done(&recording->text);
    return mem_free(recording);
}

/* Parses the line at `next` without going on; NULL at the end. */
static json_t *parse_line(const struct xo_recording *recording, size_t *ret_len)
{
    const char *end = strchr(recording->next, '\n');
    if (!end)
        return NULL;
    *ret_len = (size_t)(end - recording->next) + 1;
    json_t *line = NULL;
    struct err err = {0};
    if (json_parse(recording->next, *ret_len, &line, &err) < 0)
        abort();
    return line;
}

const json_t *xo_recording_next_in(struct xo_recording *recording, int64_t *ret_ms)
{
    for (;;) {
        size_t len = 0;
        json_t *line = parse_line(recording, &len);
        if (!line)
            return NULL;
        json_decref(recording->line);
        recording->line = line;
        recording->next += len;
        if (str_equal(json_str_at(line, "dir"), "in")) {
            *ret_ms = json_int_at(line, "t", 0);
            return json_object_get(line, "msg");
        }
    }
}

void xo_recording_notify(struct xo_recording *recording, struct xo_inventory *inventory,
                         int64_t until_ms)
{
    for (;;) {
        size_t len = 0;
        json_t *line cleanup_json = parse_line(recording, &len);
        if (!line || json_int_at(line, "t", 0) > until_ms)
            return;
        recording->next += len;
        if (str_equal(json_str_at(line, "msg.method"), "all"))
            xo_inventory_notify(inventory, json_at(line, "msg.params"));
    }
}

/* The recording has no server.getAll; all its pools were connected. */
static void add_servers(json_t *servers, const json_t *objects)
{
    const char *id = NULL;
    json_t *object = NULL;
    json_object_foreach((json_t *)(uintptr_t)objects, id, object) {
        if (str_equal(json_str_at(object, "type"), "pool"))
            json_add(servers, json_build("{s:s, s:s, s:s, s:b}", "id", id, "status", "connected",
                                         "poolId", id, "enabled", 1));
    }
}

void xo_recording_list(struct xo_inventory *inventory)
{
    struct xo_recording *recording cleanup_recording = xo_recording_open("sign-in-and-inventory");
    json_t *servers cleanup_json = json_array();
    xo_inventory_list_begin(inventory);
    int64_t at_ms = 0;
    const json_t *message = NULL;
    while ((message = xo_recording_next_in(recording, &at_ms))) {
        const json_t *result = json_object_get(message, "result");
        const char *permission = json_str_at(result, "permission");
        if (permission) { /* the sign-in */
            xo_inventory_user(inventory, str_equal(permission, "admin"));
        } else {
            xo_inventory_list_add(inventory, result);
            add_servers(servers, result);
        }
    }
    xo_inventory_servers(inventory, servers);
    xo_inventory_list_end(inventory);
}

json_t *xo_recording_reply(const char *name, int64_t id)
{
    struct xo_recording *recording cleanup_recording = xo_recording_open(name);
    int64_t at_ms = 0;
    const json_t *message = NULL;
    while ((message = xo_recording_next_in(recording, &at_ms))) {
        if (json_int_at(message, "id", -1) == id)
            return json_incref((json_t *)(uintptr_t)message);
    }
    abort();
}
