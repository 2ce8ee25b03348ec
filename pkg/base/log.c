/* base: structured logging. Configuration is written once, before threads start, and only read
 * after. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>
#include <unistd.h>

static enum log_level minimum = LOG_INFO;
static enum log_format style = LOG_TEXT;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_configure(enum log_level level, enum log_format format)
{
    minimum = level;
    style = format;
}

bool log_parse_level(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_equal(text, level_names[i])) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return level >= minimum;
}

/* A value as a JSON string, quotes included; *new*. */
static char *quoted(const char *text)
{
    cleanup_json json_t *value = json_text(text);
    return json_dump(value);
}

/* Whether a value can stand in a text line as it is: nothing in it ends the value or the line, or
 * means something to a terminal. */
static bool plain(const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == '"' || *p == '=' || *p == '\\' || *p == 0x7f)
            return false;
    }
    return *text != '\0';
}

static void put_value(struct buf *line, const struct log_field *field)
{
    if (!field->text) {
        buf_putf(line, "%lld", (long long)field->number);
        return;
    }
    if (style == LOG_TEXT && plain(field->text)) {
        buf_put(line, field->text);
        return;
    }
    cleanup_str char *text = quoted(field->text);
    buf_put(line, text);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count)
{
    if (!log_enabled(level))
        return;
    cleanup_buf struct buf line = {0};
    char time[CLOCK_RFC3339_SIZE];
    wall_format_micro(clock_wall(&clock_system), time);
    const char *name = level_names[level];
    if (style == LOG_JSON) {
        cleanup_str char *text = quoted(message);
        buf_putf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":%s", time, name, text);
    } else {
        buf_putf(&line, "%s %-5s %s", time, name, message);
    }
    for (size_t i = 0; i < count; i++) {
        buf_putf(&line, style == LOG_JSON ? ",\"%s\":" : " %s=", fields[i].key);
        put_value(&line, &fields[i]);
    }
    buf_put(&line, style == LOG_JSON ? "}\n" : "\n");
    ssize_t written = write(STDERR_FILENO, line.data, line.len);
    (void)written; /* there is no other place to complain */
}
