/* base: time. */
#include "base/clock.h"

#include "base/str.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now;
    int result = clock_gettime(id, &now);
    assert(result == 0);
    (void)result; /* asserted */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct wall_time system_wall(void *userdata)
{
    (void)userdata; /* the system has one clock */
    return (struct wall_time){read_clock_ms(CLOCK_REALTIME)};
}

static struct mono_time system_mono(void *userdata)
{
    (void)userdata; /* the system has one clock */
    /* +1: the type's 0 means "not set". */
    return (struct mono_time){read_clock_ms(CLOCK_MONOTONIC) + 1};
}

const struct clock clock_system = {.now_wall = system_wall, .now_mono = system_mono};

struct wall_time clock_wall(const struct clock *clock)
{
    return clock->now_wall(clock->userdata);
}

struct mono_time clock_mono(const struct clock *clock)
{
    return clock->now_mono(clock->userdata);
}

struct mono_time mono_add(struct mono_time time, int64_t ms)
{
    return (struct mono_time){time.ms + ms};
}

int64_t mono_until_ms(struct mono_time time, struct mono_time now)
{
    return time.ms > now.ms ? time.ms - now.ms : 0;
}

static void format(struct wall_time time, const char *pattern, char *target)
{
    target[0] = '\0';
    if (time.ms == 0)
        return;
    time_t seconds = (time_t)(time.ms / 1000);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts))
        return;
    char date[CLOCK_RFC3339_SIZE];
    if (strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        return;
    if (strcmp(pattern, "micro") == 0)
        (void)str_format(target, CLOCK_RFC3339_SIZE, "%s.%03d000Z", date, (int)(time.ms % 1000));
    else
        (void)str_join(target, CLOCK_RFC3339_SIZE, date, "Z", "");
}

void wall_format(struct wall_time time, char target[static CLOCK_RFC3339_SIZE])
{
    format(time, "seconds", target);
}

void wall_format_micro(struct wall_time time, char target[static CLOCK_RFC3339_SIZE])
{
    format(time, "micro", target);
}

/* "Z", "+01:00" or "-01:00" in minutes east of UTC. */
static bool parse_offset(const char *text, int *ret_minutes)
{
    if (str_equal(text, "Z") || str_equal(text, "z")) {
        *ret_minutes = 0;
        return true;
    }
    int hours = 0;
    int minutes = 0;
    int end = 0;
    if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') ||
        sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 || end != 5)
        return false;
    *ret_minutes = (hours * 60 + minutes) * (text[0] == '-' ? -1 : 1);
    return true;
}

bool wall_parse(const char *text, struct wall_time *ret_time)
{
    struct tm parts = {0};
    int end = 0;
    if (!text ||
        sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
               &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &end) != 6 ||
        end != 19)
        return false;
    if (parts.tm_year < 1970 || parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 ||
        parts.tm_mday > 31 || parts.tm_hour < 0 || parts.tm_hour > 23 || parts.tm_min < 0 ||
        parts.tm_min > 59 || parts.tm_sec < 0 || parts.tm_sec > 60)
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    const char *rest = text + end;
    int64_t fraction_ms = 0;
    if (*rest == '.') {
        int64_t scale = 100;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
            fraction_ms += (*rest - '0') * scale;
            scale /= 10;
        }
    }
    int offset_minutes = 0;
    if (!parse_offset(rest, &offset_minutes))
        return false;
    int64_t seconds = (int64_t)timegm(&parts) - (int64_t)offset_minutes * 60;
    *ret_time = (struct wall_time){seconds * 1000 + fraction_ms};
    return true;
}
