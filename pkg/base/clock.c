/* base: time. */
#include "base/clock.h"

#include "base/str.h"

#include <assert.h>

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

static struct mono_time fast_mono(void *userdata)
{
    const struct clock *clock = userdata;
    struct timespec now;
    int result = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(result == 0);
    (void)result; /* asserted */
    int64_t us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    return (struct mono_time){us * clock->speed / 1000 + 1};
}

void clock_init_fast(struct clock *clock, int64_t speed)
{
    *clock = (struct clock){.now_wall = system_wall,
                            .now_mono = fast_mono,
                            .userdata = clock,
                            .speed = speed};
}

int64_t clock_wait_ms(const struct clock *clock, int64_t ms)
{
    int64_t speed = clock->speed > 0 ? clock->speed : 1;
    return ms > speed ? ms / speed : 1;
}

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

struct timespec clock_deadline(int64_t ms)
{
    struct timespec deadline;
    int result = clock_gettime(CLOCK_MONOTONIC, &deadline);
    assert(result == 0);
    (void)result; /* asserted */
    int64_t nanoseconds = deadline.tv_nsec + ms % 1000 * 1000000;
    deadline.tv_sec += ms / 1000 + nanoseconds / 1000000000;
    deadline.tv_nsec = nanoseconds % 1000000000;
    return deadline;
}

/* The date and time of day, without a zone; false, and "", when the time is not set. */
static bool format_date(struct wall_time time, char target[static CLOCK_RFC3339_SIZE])
{
    target[0] = '\0';
    if (time.ms <= 0)
        return false;
    time_t seconds = (time_t)(time.ms / 1000);
    struct tm parts;
    /* Only years that do not fit an int, or four digits, fail. */
    if (!gmtime_r(&seconds, &parts) || parts.tm_year > 9999 - 1900)
        return false;
    return strftime(target, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &parts) > 0;
}

void wall_format(struct wall_time time, char target[static CLOCK_RFC3339_SIZE])
{
    char date[CLOCK_RFC3339_SIZE];
    bool set = format_date(time, date);
    (void)str_join(target, CLOCK_RFC3339_SIZE, date, set ? "Z" : "", ""); /* 20 characters */
}

void wall_format_micro(struct wall_time time, char target[static CLOCK_RFC3339_SIZE])
{
    char date[CLOCK_RFC3339_SIZE];
    target[0] = '\0';
    if (format_date(time, date)) /* 27 characters */
        (void)str_format(target, CLOCK_RFC3339_SIZE, "%s.%03d000Z", date, (int)(time.ms % 1000));
}

/* Exactly `digits` decimal digits; nothing else that scanf or strtol would take (signs, blanks). */
static bool take_number(const char **text, int digits, int *ret_number)
{
    int number = 0;
    for (int i = 0; i < digits; i++) {
        char digit = (*text)[i]; /* the terminator is no digit, so nothing behind it is read */
        if (digit < '0' || digit > '9')
            return false;
        number = number * 10 + (digit - '0');
    }
    *text += digits;
    *ret_number = number;
    return true;
}

static bool take_char(const char **text, char expected)
{
    if (**text != expected)
        return false;
    (*text)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* "2026-11-21" into the calendar's own numbers. */
static bool take_date(const char **text, struct tm *parts)
{
    int year = 0;
    int month = 0;
    int day = 0;
    if (!take_number(text, 4, &year) || !take_char(text, '-') || !take_number(text, 2, &month) ||
        !take_char(text, '-') || !take_number(text, 2, &day))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    parts->tm_year = year - 1900;
    parts->tm_mon = month - 1;
    parts->tm_mday = day;
    return true;
}

/* "10:00:00"; 60 is a leap second, which counts as the next minute's first. */
static bool take_time_of_day(const char **text, struct tm *parts)
{
    return take_number(text, 2, &parts->tm_hour) && parts->tm_hour <= 23 && take_char(text, ':') &&
           take_number(text, 2, &parts->tm_min) && parts->tm_min <= 59 && take_char(text, ':') &&
           take_number(text, 2, &parts->tm_sec) && parts->tm_sec <= 60;
}

/* ".123456", or nothing; what is finer than a millisecond is dropped. */
static bool take_fraction(const char **text, int *ret_ms)
{
    *ret_ms = 0;
    if (!take_char(text, '.'))
        return true;
    int digit = 0;
    int scale = 100;
    if (!take_number(text, 1, &digit))
        return false;
    do {
        *ret_ms += digit * scale;
        scale /= 10;
    } while (take_number(text, 1, &digit));
    return true;
}

/* "Z", "+01:00" or "-01:00" in minutes east of UTC. */
static bool take_offset(const char **text, int *ret_minutes)
{
    *ret_minutes = 0;
    if (take_char(text, 'Z') || take_char(text, 'z'))
        return true;
    bool west = **text == '-';
    int hours = 0;
    int minutes = 0;
    if ((!take_char(text, '+') && !take_char(text, '-')) || !take_number(text, 2, &hours) ||
        !take_char(text, ':') || !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

bool wall_parse(const char *text, struct wall_time *ret_time)
{
    struct tm parts = {0};
    int fraction_ms = 0;
    int offset_minutes = 0;
    if (!text || !take_date(&text, &parts) || !take_char(&text, 'T') ||
        !take_time_of_day(&text, &parts) || !take_fraction(&text, &fraction_ms) ||
        !take_offset(&text, &offset_minutes) || *text != '\0')
        return false;
    int64_t seconds = (int64_t)timegm(&parts) - (int64_t)offset_minutes * 60;
    if (seconds < 0)
        return false;
    *ret_time = (struct wall_time){seconds * 1000 + fraction_ms};
    return true;
}
