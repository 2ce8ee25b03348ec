/*
 * xosim: how a fault is written: { name, when: { event, … }, after, and what the fault itself takes }.
 *
 * Nothing is guessed: a field that the fault or the event does not take is refused. `at`, `match`,
 * `method` and `nth` beside the name are short for the same in `when`, for faults that have an event
 * of their own.
 */
#include "xosim/faults_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/site.h"

/* A year: longer than any test, and far from where microseconds overflow. */
#define SECONDS_MAX (365.0 * 24 * 3600)

enum { ALWAYS = 1 << 30 };

#define FAULT_LIES "write attached, device, already-attached, already-detached or half-plugged"

struct field {
    const char *name;
    unsigned fields; /* of the kinds that take it */
    json_type type;  /* JSON_REAL: a number of 0 or more; JSON_INTEGER: the same, whole; JSON_TRUE:
                        or false */
    const char *write;
};

static const struct field fields[] = {
    {"name", ALWAYS, JSON_STRING, "write the name of a fault"},
    {"when", ALWAYS, JSON_OBJECT, "write an object with an event"},
    {"after", ALWAYS, JSON_REAL, "write seconds of 0 or more"},
    {"pool", FAULT_POOL, JSON_STRING, "write the name or UUID of a pool"},
    {"host", FAULT_HOST, JSON_STRING, "write the name or UUID of a host"},
    {"sr", FAULT_SR, JSON_STRING, "write the name or UUID of an SR"},
    {"vm", FAULT_VM, JSON_STRING, "write the name or UUID of a VM"},
    {"seconds", FAULT_SECONDS, JSON_REAL, "write seconds of 0 or more"},
    {"hang", FAULT_HANG, JSON_REAL, "write seconds of 0 or more"},
    {"error", FAULT_ERROR, JSON_ARRAY, "write an XAPI error as a list: its code, its parameters"},
    {"times", FAULT_TIMES, JSON_INTEGER, "write how often; 0: until it is deleted"},
    {"method", FAULT_METHOD, JSON_STRING, "write the name of a method"},
    {"nth", FAULT_CALL, JSON_INTEGER, "write at which such call, from 1"},
    {"token", FAULT_TOKEN, JSON_STRING, "write a token"},
    {"user", FAULT_USER, JSON_STRING, "write the email of a user"},
    {"factor", FAULT_FACTOR, JSON_REAL, "write a factor above 0, such as 0.1"},
    {"at", FAULT_AT, JSON_REAL, "write a fraction of a copy, from 0 to 1"},
    {"match", FAULT_AT | FAULT_CALL | FAULT_DISK, JSON_STRING,
     "write a disk name, * for any characters"},
    {"readOnly", FAULT_READ_ONLY, JSON_TRUE, "write true or false"},
    {"kind", FAULT_LIE, JSON_STRING, FAULT_LIES},
};

/* Bits of the events that take a field of `when`. */
enum { ON_COPY = 1, ON_CALL = 2, ON_TIME = 4, ON_MOTION = 8 };

static const struct field when_fields[] = {
    {"event", ~0U, JSON_STRING, "write the name of an event"},
    {"after", ON_TIME, JSON_REAL, "write seconds of 0 or more"},
    {"at", ON_COPY, JSON_REAL, "write a fraction of a copy, from 0 to 1"},
    {"match", ON_COPY | ON_CALL | ON_MOTION, JSON_STRING,
     "write a disk name, * for any characters"},
    {"method", ON_CALL, JSON_STRING, "write the name of a method"},
    {"operation", ON_CALL, JSON_STRING, "write the name of an XAPI task, such as VDI.copy"},
    {"nth", ON_CALL, JSON_INTEGER, "write at which such call, from 1"},
};

static const struct {
    const char *name;
    enum fault_event event;
    unsigned takes;
} events[] = {
    {"time", FAULT_TIME, ON_TIME},
    {"copy-progress", FAULT_COPY, ON_COPY},
    {"mirror-progress", FAULT_MIRROR, ON_COPY},
    {"mirror-switched", FAULT_SWITCHED, ON_MOTION},
    {"mirror-source-gone", FAULT_SOURCE_GONE, ON_MOTION},
    {"before-call", FAULT_BEFORE_CALL, ON_CALL},
    {"after-xapi", FAULT_AFTER_XAPI, ON_CALL},
    {"before-reply", FAULT_BEFORE_REPLY, ON_CALL},
};

const char *fault_text(const struct fault *fault, const char *field)
{
    return json_str_at(fault->spec, field);
}

double fault_seconds(const struct fault *fault)
{
    return json_real_at(fault->spec, "seconds", fault->kind->seconds);
}

json_t *fault_fields_describe(unsigned wanted)
{
    json_t *names = json_array();
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].fields & wanted)
            json_add(names, json_text(fields[i].name));
    }
    return names;
}

static bool right_type(const json_t *value, json_type type)
{
    if (type == JSON_REAL)
        return json_is_number(value) && json_number_value(value) >= 0;
    if (type == JSON_INTEGER)
        return json_is_integer(value) && json_integer_value(value) >= 0;
    return json_typeof(value) == type || (type == JSON_TRUE && json_is_false(value));
}

/* Checks the fields of an object: those that are taken, each of its type. */
static int check_fields(const json_t *object, const struct field *table, size_t len, unsigned takes,
                        const char *who, struct err *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        size_t i = 0;
        while (i < len && !str_equal(table[i].name, key))
            i++;
        if (i == len || !(table[i].fields & takes))
            return err_set(err, ERR_INVALID, "%.40s: %s has no such field; leave it out", key, who);
        if (!right_type(value, table[i].type))
            return err_set(err, ERR_INVALID, "%s: not understood; %s", key, table[i].write);
    }
    return 0;
}

static bool is_copy_event(enum fault_event event)
{
    return event == FAULT_COPY || event == FAULT_MIRROR || event == FAULT_ANY_COPY;
}

/* Whether a fault of this kind can wait for this event. */
static bool possible(const struct fault_kind *kind, enum fault_event event)
{
    return !kind->fixed_event || event == kind->event ||
           (is_copy_event(event) && is_copy_event(kind->event));
}

static int read_when(struct fault *fault, const json_t *when, struct err *err)
{
    const char *name = json_str_at(when, "event");
    size_t i = 0;
    while (i < ARRAY_LEN(events) && !str_equal(events[i].name, name))
        i++;
    if (i == ARRAY_LEN(events))
        return err_set(
            err, ERR_INVALID,
            "when.event: found \"%.40s\"; write time, copy-progress, mirror-progress, "
            "mirror-switched, mirror-source-gone, before-call, after-xapi or before-reply",
            name ? name : "");
    if (check_fields(when, when_fields, ARRAY_LEN(when_fields), events[i].takes, name, err) != 0)
        return -1;
    if (!possible(fault->kind, events[i].event))
        return err_set(err, ERR_INVALID, "when.event: %s can not wait for %s; leave it out",
                       fault->kind->name, name);
    fault->event = events[i].event;
    return 0;
}

/* What the event is about: from `when`, or from the short fields beside the name. */
static int read_terms(struct fault *fault, const json_t *terms, struct err *err)
{
    bool copy = is_copy_event(fault->event);
    fault->match = json_str_at(terms, "match");
    fault->method = json_str_at(terms, "method");
    fault->operation = json_str_at(terms, "operation");
    fault->nth = json_int_at(terms, "nth", 1);
    fault->at = copy ? json_real_at(terms, "at", 0.5) : -1;
    if (fault->at > 1)
        return err_set(err, ERR_INVALID, "at: above 1; write a fraction of a copy, from 0 to 1");
    if (fault->nth < 1)
        return err_set(err, ERR_INVALID, "nth: found 0; write at which such call, from 1");
    if (fault->method && !xo_method_find(fault->method))
        return err_set(err, ERR_INVALID,
                       "method: there is no \"%.40s\"; write one of docs/xosim.md", fault->method);
    if (fault->operation && fault->event != FAULT_AFTER_XAPI)
        return err_set(err, ERR_INVALID, "operation: only after-xapi has one; leave it out");
    return 0;
}

static int read_event(struct fault *fault, struct err *err)
{
    const json_t *when = json_object_get(fault->spec, "when");
    bool names_disks = fault->kind->fields & FAULT_DISK;
    bool shortly = json_object_get(fault->spec, "at") ||
                   (json_object_get(fault->spec, "match") && !names_disks) ||
                   json_object_get(fault->spec, "method") || json_object_get(fault->spec, "nth");
    if (when && shortly)
        return err_set(err, ERR_INVALID,
                       "when: at, match, method and nth are beside it; write them within it");
    fault->event = fault->kind->event;
    if (shortly && fault->event == FAULT_NOW)
        fault->event = FAULT_ANY_COPY;
    if (when && read_when(fault, when, err) != 0)
        return -1;
    return read_terms(fault, when ? when : fault->spec, err);
}

static int check_values(const struct fault *fault, struct err *err)
{
    unsigned takes = fault->kind->fields;
    const struct site *site = fault->faults->site;
    static const char *const times[] = {"seconds", "after", "hang", "when.after"};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        if (json_real_at(fault->spec, times[i], 0) > SECONDS_MAX)
            return err_set(err, ERR_INVALID, "%s: more than a year; write fewer", times[i]);
    }
    if ((takes & FAULT_POOL) && !fault_pool(fault))
        return err_set(err, ERR_INVALID, "pool: there is none of that name; see GET /world");
    if (fault_text(fault, "host") && !fault_host(fault))
        return err_set(err, ERR_INVALID, "host: there is none of that name; see GET /world");
    if (fault_text(fault, "sr") && !fault_sr(fault))
        return err_set(err, ERR_INVALID, "sr: there is none of that name; see GET /world");
    if (fault_text(fault, "token") && !map_has(&site->xo->tokens, fault_text(fault, "token")))
        return err_set(err, ERR_INVALID, "token: there is no such token; write one that is valid");
    if (fault_text(fault, "user") && !xo_find_user(site->xo, fault_text(fault, "user")))
        return err_set(err, ERR_INVALID,
                       "user: there is none of that email; see the world's users");
    if ((takes & FAULT_LIE) && !fault_lie_known(fault_text(fault, "kind")))
        return err_set(err, ERR_INVALID, "kind: found \"%.40s\"; %s", fault_text(fault, "kind"),
                       FAULT_LIES);
    if (fault_text(fault, "vm") && !site_find(site, XAPI_VM, fault_text(fault, "vm")))
        return err_set(err, ERR_INVALID, "vm: there is none of that name; see GET /world");
    if ((takes & FAULT_FACTOR) && json_real_at(fault->spec, "factor", 1) <= 0)
        return err_set(err, ERR_INVALID, "factor: found 0; write a factor above 0, such as 0.1");
    return 0;
}

int fault_read(struct fault *fault, struct err *err)
{
    const struct fault_kind *kind = fault->kind;
    const json_t *when = json_object_get(fault->spec, "when");
    if (check_fields(fault->spec, fields, ARRAY_LEN(fields), kind->fields | ALWAYS, kind->name,
                     err) != 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if ((fields[i].fields & kind->needs) && !json_object_get(fault->spec, fields[i].name) &&
            !json_object_get(when, fields[i].name))
            return err_set(err, ERR_INVALID, "%s: not found; %s", fields[i].name, fields[i].write);
    }
    if (read_event(fault, err) != 0)
        return -1;
    return check_values(fault, err);
}
