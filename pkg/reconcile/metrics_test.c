/* reconcile: numbers about migrations, as they are scraped. */
#include "reconcile/metrics.h"

#include "api/migration.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/migrations.h"

#include <criterion/criterion.h>
#include <string.h>

static struct metrics *registry;

static void start(void)
{
    fake_migrations_start();
    registry = metrics_new();
    fake_migrations_world.ports.metrics = rec_metrics_new(registry, &fake_migrations_world.ports);
}

static void stop(void)
{
    (void)rec_metrics_free(fake_migrations_world.ports.metrics); /* returns NULL */
    registry = metrics_free(registry);
    fake_migrations_stop();
}

TestSuite(rec_metrics, .init = start, .fini = stop);

static void expect_line(const char *line)
{
    cleanup_buf struct buf text = {0};
    struct err err = {0};
    cleanup_str char *whole = str_new("\n%s\n", line);
    int rv = metrics_write(registry, &text, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
    cr_assert_not_null(strstr(buf_str(&text), whole), "no line %s in:\n%s", line, buf_str(&text));
}

Test(rec_metrics, count_migrations_by_phase_and_reason)
{
    expect_line("xo_operator_leftovers 0");
    fake_migrations_apply_to_l2();
    expect_line("xo_operator_migrations{phase=\"Pending\",reason=\"\"} 1");
    fake_migrations_run(60 * 1000);
    expect_line("xo_operator_migrations{phase=\"Succeeded\",reason=\"Migrated\"} 1");
}

Test(rec_metrics, count_attempts_by_how_they_ended_and_the_bytes_they_moved)
{
    fake_xo_fail_next_move(fake_migrations_world.xo, ERR_CAPACITY, "SR_FULL");
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"}}");
    fake_migrations_run(300 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
    expect_line("xo_operator_move_attempts_total{outcome=\"Failed\",cause=\"capacity\"} 1");
    expect_line("xo_operator_move_attempts_total{outcome=\"Succeeded\",cause=\"none\"} 1");
    expect_line("xo_operator_moved_bytes_total 10737418240");
}

Test(rec_metrics, count_what_failed_moves_have_left)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(fake_migrations_world.xo);
    fake_migrations_run(120 * 1000);
    expect_line("xo_operator_leftovers 1");
    fake_kube_delete(fake_migrations_world.kube, &migration_kind, "shop", "m");
    fake_migrations_run(60 * 1000);
    expect_line("xo_operator_leftovers 1"); /* the disk is still there */
}

Test(rec_metrics, do_not_say_that_nothing_is_left_while_xen_orchestra_is_away)
{
    cleanup_buf struct buf text = {0};
    fake_xo_drop_session(fake_migrations_world.xo);
    cr_assert_eq(metrics_write(registry, &text, NULL), 0);
    cr_assert_null(strstr(buf_str(&text), "\nxo_operator_leftovers "));
}

Test(rec_metrics, are_listed_in_the_documentation)
{
    cleanup_buf struct buf page = {0};
    cleanup_buf struct buf text = {0};
    struct err err = {0};
    int rv = file_read(PROJECT "/docs/metrics.md", &page, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
    rv = metrics_write(registry, &text, &err);
    cr_assert_eq(rv, 0, "%s", err.message);
    static const char begin[] = "# HELP ";
    size_t families = 0;
    for (const char *at = buf_str(&text); (at = strstr(at, begin));) {
        at += strlen(begin);
        cleanup_str char *word = str_new("`%.*s`", (int)strcspn(at, " "), at);
        if (str_starts_with(at, "xo_operator_"))
            cr_assert_not_null(strstr(buf_str(&page), word), "docs/metrics.md has no %s", word);
        families++;
    }
    cr_assert_geq(families, 4);
}
