/* reconcile/attach: what the metrics show of attachments. */
#include "reconcile/attach/tally.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/world.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fake_world world;
static struct metrics *registry;
static struct attach_tally tally;

static void start(void)
{
    fake_world_init(&world);
    registry = metrics_new();
    attach_tally_init(&tally, rec_metrics_new(registry, &world.ports));
}

static void stop(void)
{
    struct rec_metrics *metrics = tally.metrics;
    attach_tally_done(&tally);
    (void)rec_metrics_free(metrics); /* returns NULL */
    registry = metrics_free(registry);
    fake_world_done(&world);
}

TestSuite(attach_tally, .init = start, .fini = stop);

static void expect_line(const char *line)
{
    cleanup_buf struct buf text = {0};
    cleanup_str char *whole = str_new("\n%s\n", line);
    cr_assert_eq(metrics_write(registry, &text, NULL), 0);
    cr_assert_not_null(strstr(buf_str(&text), whole), "no line %s in:\n%s", line, buf_str(&text));
}

Test(attach_tally, counts_what_is_held_by_reason)
{
    attach_tally_hold(&tally, "va-1", "silent");
    attach_tally_hold(&tally, "va-1", "silent"); /* the same, seen again */
    attach_tally_hold(&tally, "va-2", "silent");
    expect_line("xo_operator_attachments_held{reason=\"silent\"} 2");
    attach_tally_hold(&tally, "va-2", "in-use");
    expect_line("xo_operator_attachments_held{reason=\"silent\"} 1");
    expect_line("xo_operator_attachments_held{reason=\"in-use\"} 1");
    attach_tally_hold(&tally, "va-1", NULL);
    attach_tally_hold(&tally, "va-3", NULL); /* it never was */
    expect_line("xo_operator_attachments_held{reason=\"silent\"} 0");
}

Test(attach_tally, counts_strangers_of_all_volumes)
{
    expect_line("xo_operator_strangers 0");
    attach_tally_strangers(&tally, "pvc-1", 2);
    attach_tally_strangers(&tally, "pvc-2", 1);
    attach_tally_strangers(&tally, "pvc-2", 1); /* the same, seen again */
    expect_line("xo_operator_strangers 3");
    attach_tally_strangers(&tally, "pvc-1", 0);
    expect_line("xo_operator_strangers 1");
}

Test(attach_tally, needs_no_metrics)
{
    struct attach_tally alone;
    attach_tally_init(&alone, NULL);
    attach_tally_hold(&alone, "va-1", "silent");
    attach_tally_strangers(&alone, "pvc-1", 1);
    attach_tally_done(&alone);
}
