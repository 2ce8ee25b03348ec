/* base: what a log line promises, read back from standard error. */
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

/* Standard error goes into a pipe until captured() is called; a line is far below a pipe's size. */
struct capture {
    int read_end;
    int saved;
};

static struct capture capture_start(void)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct capture capture = {.read_end = ends[0], .saved = dup(STDERR_FILENO)};
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    (void)close(ends[1]); /* standard error holds it now */
    return capture;
}

/* All that was written meanwhile, *new*. */
static char *captured(struct capture capture)
{
    cr_assert_geq(dup2(capture.saved, STDERR_FILENO), 0);
    (void)close(capture.saved); /* standard error holds it now */
    cleanup_fd int read_end = capture.read_end;
    cleanup_buf struct buf text = {0};
    char chunk[4096];
    ssize_t len = 0;
    while ((len = read(read_end, chunk, sizeof(chunk))) > 0)
        buf_put_bytes(&text, chunk, (size_t)len);
    return buf_steal(&text);
}

/* What follows the time in a text line. */
static const char *after_time(const char *line)
{
    cr_assert_gt(strlen(line), 28);
    cr_assert_eq(line[26], 'Z');
    return line + 28;
}

static size_t count_of(const char *text, char wanted)
{
    size_t count = 0;
    for (const char *p = text; *p; p++)
        count += *p == wanted ? 1 : 0;
    return count;
}

Test(base_log, a_text_line_has_time_level_message_and_fields)
{
    log_configure(LOG_DEBUG, LOG_TEXT);
    struct capture capture = capture_start();
    log_info("lease acquired", log_str("holder", "a-1"), log_int("term", -3));
    cleanup_str char *line = captured(capture);
    cr_assert_str_eq(after_time(line), "info  lease acquired holder=a-1 term=-3\n");
}

Test(base_log, a_json_line_is_one_object_with_every_field)
{
    log_configure(LOG_DEBUG, LOG_JSON);
    struct capture capture = capture_start();
    log_warn("XO is away", log_str("url", "wss://xo/api"), log_int("attempt", 3));
    cleanup_str char *line = captured(capture);
    cleanup_json json_t *object = NULL;
    struct err err = {0};
    cr_assert_eq(json_parse(line, strlen(line), &object, &err), 0, "%s: %s", err.message, line);
    cr_assert_str_eq(json_str_at(object, "level"), "warn");
    cr_assert_str_eq(json_str_at(object, "msg"), "XO is away");
    cr_assert_str_eq(json_str_at(object, "url"), "wss://xo/api");
    cr_assert_eq(json_int_at(object, "attempt", 0), 3);
    cr_assert_eq(strlen(json_str_at(object, "time")), 27);
}

Test(base_log, a_value_can_not_start_a_line_or_a_field_of_its_own)
{
    log_configure(LOG_DEBUG, LOG_TEXT);
    struct capture capture = capture_start();
    log_info("got", log_str("name", "x\n2026-01-01T00:00:00Z error forged level=\"y\" a=b"));
    cleanup_str char *line = captured(capture);
    cr_assert_eq(count_of(line, '\n'), 1);
    cr_assert_str_eq(
        after_time(line),
        "info  got name=\"x\\n2026-01-01T00:00:00Z error forged level=\\\"y\\\" a=b\"\n");
}

Test(base_log, a_value_can_not_steer_the_terminal)
{
    log_configure(LOG_DEBUG, LOG_TEXT);
    struct capture capture = capture_start();
    log_info("got", log_str("name", "\x1b[2Jcleared"));
    cleanup_str char *line = captured(capture);
    cr_assert_eq(count_of(line, '\x1b'), 0);
    cr_assert_str_eq(after_time(line), "info  got name=\"\\u001B[2Jcleared\"\n");
}

Test(base_log, values_that_are_empty_or_missing_are_seen_to_be)
{
    log_configure(LOG_DEBUG, LOG_TEXT);
    struct capture capture = capture_start();
    log_info("got", log_str("empty", ""), log_str("none", NULL));
    cleanup_str char *line = captured(capture);
    cr_assert_str_eq(after_time(line), "info  got empty=\"\" none=\"\"\n");
}

Test(base_log, bytes_that_are_no_text_do_not_break_a_json_line)
{
    log_configure(LOG_DEBUG, LOG_JSON);
    struct capture capture = capture_start();
    log_info("got", log_str("name", "\xff\xfe\"}\n"));
    cleanup_str char *line = captured(capture);
    cleanup_json json_t *object = NULL;
    cr_assert_eq(json_parse(line, strlen(line), &object, NULL), 0, "%s", line);
    cr_assert_str_eq(json_str_at(object, "name"), "?"
                                                  "?\"}\n");
    cr_assert_eq(count_of(line, '\n'), 1);
}

Test(base_log, an_error_is_a_field_with_its_message)
{
    log_configure(LOG_DEBUG, LOG_TEXT);
    struct err err = {0};
    (void)err_set(&err, ERR_BUSY, "SR is full of moves"); /* always -1 */
    struct capture capture = capture_start();
    log_error("move refused", log_err(&err));
    cleanup_str char *line = captured(capture);
    cr_assert_str_eq(after_time(line), "error move refused error=\"SR is full of moves\"\n");
}

Test(base_log, lines_below_the_level_are_not_written)
{
    log_configure(LOG_WARN, LOG_TEXT);
    cr_assert_not(log_enabled(LOG_INFO));
    cr_assert(log_enabled(LOG_WARN));
    struct capture capture = capture_start();
    log_debug("no");
    log_info("no");
    log_warn("yes");
    log_error("yes");
    cleanup_str char *lines = captured(capture);
    cr_assert_eq(count_of(lines, '\n'), 2);
    cr_assert_null(strstr(lines, " no"));
}

Test(base_log, levels_are_read_by_their_names_and_nothing_else)
{
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {{"debug", LOG_DEBUG},
                 {"info", LOG_INFO},
                 {"warn", LOG_WARN},
                 {"error", LOG_ERROR}};
    enum log_level level = LOG_DEBUG;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cr_assert(log_parse_level(names[i].name, &level));
        cr_assert_eq(level, names[i].level);
    }
    cr_assert_not(log_parse_level("verbose", &level));
    cr_assert_not(log_parse_level("", &level));
    cr_assert_not(log_parse_level("INFO", &level));
    cr_assert_not(log_parse_level(NULL, &level));
    cr_assert_eq(level, LOG_ERROR);
}
