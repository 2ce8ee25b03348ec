/* cmd/simulate: which conditions, reasons and events all runs together made the operator say. */
#include "emitted.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* A type, a status and a reason: each a word of at most 63 characters. */
enum { LINE_MAX_SIZE = 256 };

void sim_emitted_done(struct sim_emitted *emitted)
{
    map_done(&emitted->counts);
}

void sim_emitted_add(struct sim_emitted *emitted, const char *what, uint64_t times)
{
    uintptr_t count = (uintptr_t)map_get(&emitted->counts, what);
    map_put(&emitted->counts, what, (void *)(count + times)); /* a number, never followed */
}

void sim_emitted_status(struct sim_emitted *emitted, const struct kube_kind *kind,
                        const json_t *body)
{
    char line[LINE_MAX_SIZE];
    const char *phase = json_str_at(body, "status.phase");
    const json_t *item;
    size_t i;

    json_array_foreach(json_at(body, "status.conditions"), i, item) {
        (void)str_format(line, sizeof(line), "condition %s=%s %s", json_str_at(item, "type"),
                         json_str_at(item, "status"), json_str_at(item, "reason"));
        sim_emitted_add(emitted, line, 1);
    }
    json_array_foreach(json_at(body, "status.history"), i, item) {
        (void)str_format(line, sizeof(line), "history %s", json_str_at(item, "reason"));
        sim_emitted_add(emitted, line, 1);
    }
    if (phase) {
        (void)str_format(line, sizeof(line), "phase %s", phase);
        sim_emitted_add(emitted, line, 1);
    }
    if (json_str_at(body, "status.attachError.message"))
        sim_emitted_add(emitted, "attachError", 1);
    if (json_str_at(body, "status.detachError.message"))
        sim_emitted_add(emitted, "detachError", 1);
    (void)kind;
}

void sim_emitted_event(struct sim_emitted *emitted, const struct kube_event *event)
{
    char line[LINE_MAX_SIZE];

    (void)str_format(line, sizeof(line), "event %s %s %s", event->kind->name,
                     event->warning ? "Warning" : "Normal", event->reason);
    sim_emitted_add(emitted, line, 1);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void sim_emitted_print(const struct sim_emitted *emitted, struct buf *text)
{
    cleanup_mem const char **lines = mem_alloc_array(emitted->counts.len, sizeof(*lines));
    size_t len = 0;
    const char *what;

    for (size_t i = 0; map_next(&emitted->counts, &i, &what, NULL);)
        lines[len++] = what;
    qsort(lines, len, sizeof(*lines), by_text);
    for (size_t i = 0; i < len; i++)
        buf_putf(text, "%llu %s\n",
                 (unsigned long long)(uintptr_t)map_get(&emitted->counts, lines[i]), lines[i]);
}

void sim_emitted_read(struct sim_emitted *emitted, char *line)
{
    char *blank = strchr(line, ' ');
    int64_t count = 0;

    line[strcspn(line, "\n")] = '\0';
    if (!blank)
        return;
    *blank = '\0';
    if (str_parse_int64(line, 1, INT64_MAX, &count))
        sim_emitted_add(emitted, blank + 1, (uint64_t)count);
}
