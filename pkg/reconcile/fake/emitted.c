/* reconcile/fake: which reasons were written, and where, by all tests of this program together. */
#include "reconcile/fake/emitted.h"

#include "api/conditions.h"
#include "api/migration.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <criterion/logging.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names the file to the processes of tests. */
static const char VARIABLE[] = "XO_OPERATOR_TEST_EMITTED";

static const unsigned CONDITIONS = (1U << API_CONDITION_COUNT) - 1;

static const char *place_name(unsigned place)
{
    for (int type = 0; type < API_CONDITION_COUNT; type++)
        if (place == 1U << type)
            return api_condition_name((enum api_condition_type)type);
    return place == API_IN_EVENT ? "an event" : place == API_IN_HISTORY ? "history" : "attaching";
}

/* One line per place and reason that this process reaches: "place reason". */
static void note(unsigned place, enum api_reason reason)
{
    static unsigned noted[API_REASON_COUNT];
    const char *path = getenv(VARIABLE);
    char line[32];

    if ((noted[reason] & place) == place)
        return;
    noted[reason] |= place;
    if (!path)
        return;
    (void)str_format(line, sizeof(line), "%u %d\n", place, (int)reason);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    cr_assert(fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line), "%s", path);
    (void)close(fd); /* what was to be written is */
}

static enum api_reason parse(const char *reason)
{
    enum api_reason parsed = api_reason_parse(reason);
    cr_assert_neq(parsed, API_REASON_COUNT, "%s is no reason of the table", reason);
    return parsed;
}

static void must_stand(unsigned place, const char *reason)
{
    enum api_reason parsed = parse(reason);
    cr_assert(api_reason_info(parsed)->places & place, "the table does not put %s into %s", reason,
              place_name(place));
    note(place, parsed);
}

static void emitted_condition(const json_t *condition)
{
    const char *type = json_str_at(condition, "type");
    const char *reason = json_str_at(condition, "reason");

    for (int i = 0; i < API_CONDITION_COUNT; i++) {
        if (!str_equal(type, api_condition_name((enum api_condition_type)i)))
            continue;
        if (str_equal(json_str_at(condition, "status"), "True")) {
            must_stand(1U << i, reason);
        } else if (i == API_CONDITION_READY) {
            unsigned places = api_reason_info(parse(reason))->places & CONDITIONS;
            cr_assert(places != 0 && !(places & API_IN_READY), "Ready=False because of %s", reason);
        } else {
            cr_assert_eq(parse(reason), API_REASON_INACTIVE, "%s=False because of %s", type,
                         reason);
            note(0, API_REASON_INACTIVE);
        }
        return;
    }
    cr_assert_fail("%s is no condition type of the table", type);
}

void fake_emitted_status(const json_t *status)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_at(status, "conditions"), i, item)
        emitted_condition(item);
    json_array_foreach(json_at(status, "history"), i, item)
        must_stand(API_IN_HISTORY, json_str_at(item, "reason"));
}

void fake_emitted_event(const char *kind, const char *reason)
{
    must_stand(str_equal(kind, migration_kind.name) ? API_IN_EVENT : API_IN_ATTACH, reason);
}

/* In the process that runs the tests. */

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    char path[] = "/tmp/xo-operator-emitted-XXXXXX";
    int fd = mkstemp(path);
    (void)tests;

    if (fd < 0 || setenv(VARIABLE, path, 1) < 0)
        abort();
    (void)close(fd); /* it is empty */
}

static void read_places(unsigned places[static API_REASON_COUNT])
{
    const char *path = getenv(VARIABLE);
    FILE *file = fopen(path, "re");
    unsigned place, reason;

    while (file && fscanf(file, "%u %u\n", &place, &reason) == 2)
        if (reason < API_REASON_COUNT)
            places[reason] |= place;
    if (file)
        (void)fclose(file); /* it was only read */
    (void)unlink(path);     /* a temporary file */
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    unsigned emitted[API_REASON_COUNT] = {0};

    read_places(emitted);
    if (stats->tests_skipped > 0 || stats->tests_failed > 0 || stats->tests_crashed > 0)
        return; /* only some ran to their end */
    for (int i = 0; i < API_REASON_COUNT; i++) {
        const struct api_reason_info *reason = api_reason_info((enum api_reason)i);
        for (unsigned place = 1; place <= API_IN_ATTACH; place <<= 1)
            if (reason->places & ~emitted[i] & place) {
                stats->tests_failed++;
                cr_log_error("no test makes reason %s stand in %s: bring it about, or take it "
                             "out of the table",
                             reason->name, place_name(place));
            }
    }
}
