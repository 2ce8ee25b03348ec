/* reconcile/attach: for how long a disk has been left alone. */
#include "reconcile/attach/quiet.h"

#include <criterion/criterion.h>

static struct attach_quiet quiet;
static struct mono_time now;

static void set_up(void)
{
    attach_quiet_init(&quiet);
    now = (struct mono_time){.ms = 1000};
}

static void tear_down(void)
{
    attach_quiet_done(&quiet);
}

TestSuite(attach_quiet, .init = set_up, .fini = tear_down);

static struct attach_quiet_since see(struct attach_quiet_view view)
{
    return attach_quiet_note(&quiet, "va-1", &view, now);
}

static void wait_long(void)
{
    now = mono_add(now, ATTACH_QUIET_MS);
}

Test(attach_quiet, is_not_said_of_what_was_never_seen_before)
{
    cr_assert_not(see((struct attach_quiet_view){0}).quiet);
}

Test(attach_quiet, is_said_after_a_minute_without_a_move)
{
    (void)see((struct attach_quiet_view){0}); /* the first look */
    now = mono_add(now, ATTACH_QUIET_MS - 1);
    cr_assert_not(see((struct attach_quiet_view){0}).quiet);
    now = mono_add(now, 1);
    cr_assert(see((struct attach_quiet_view){0}).quiet);
}

Test(attach_quiet, begins_anew_after_a_move)
{
    (void)see((struct attach_quiet_view){0}); /* the first look */
    wait_long();
    cr_assert_not(see((struct attach_quiet_view){.moving = true}).quiet);
    cr_assert_not(see((struct attach_quiet_view){0}).quiet);
    wait_long();
    cr_assert(see((struct attach_quiet_view){0}).quiet);
}

Test(attach_quiet, begins_anew_when_something_else_is_shown)
{
    (void)see((struct attach_quiet_view){.shown = 1}); /* the first look */
    wait_long();
    cr_assert_not(see((struct attach_quiet_view){.shown = 2}).quiet);
}

Test(attach_quiet, begins_anew_when_nothing_could_be_seen)
{
    (void)see((struct attach_quiet_view){0}); /* the first look */
    wait_long();
    cr_assert_not(see((struct attach_quiet_view){.blind = true}).quiet);
    cr_assert_not(see((struct attach_quiet_view){0}).quiet);
}

Test(attach_quiet, is_not_said_while_a_control_domain_keeps_the_disk)
{
    (void)see((struct attach_quiet_view){.control_domain = true}); /* the first look */
    wait_long();
    const struct attach_quiet_since since = see((struct attach_quiet_view){.control_domain = true});
    cr_assert_not(since.quiet);
    cr_assert(since.control_domain);
}

Test(attach_quiet, counts_no_time_of_a_control_domain_that_works_on_a_move)
{
    (void)see((struct attach_quiet_view){.control_domain = true}); /* the first look */
    wait_long();
    (void)see((struct attach_quiet_view){.moving = true}); /* a copy shows */
    cr_assert_not(see((struct attach_quiet_view){.control_domain = true}).control_domain);
}

Test(attach_quiet, is_watched_for_each_attachment)
{
    (void)see((struct attach_quiet_view){0}); /* the first look */
    wait_long();
    const struct attach_quiet_view view = {0};
    cr_assert_not(attach_quiet_note(&quiet, "va-2", &view, now).quiet);
    cr_assert(see(view).quiet);
}

Test(attach_quiet, knows_an_unmount_of_this_attachment_and_of_no_other_of_its_name)
{
    cr_assert_not(attach_quiet_is_unmounted(&quiet, "va-1", "uid-1"));
    attach_quiet_note_unmounted(&quiet, "va-1", "uid-1");
    cr_assert(attach_quiet_is_unmounted(&quiet, "va-1", "uid-1"));
    cr_assert_not(attach_quiet_is_unmounted(&quiet, "va-1", "uid-2"));
    attach_quiet_forget(&quiet, "va-1");
    cr_assert_not(attach_quiet_is_unmounted(&quiet, "va-1", "uid-1"));
}

Test(attach_quiet, forgets_an_attachment_that_is_done_with)
{
    (void)see((struct attach_quiet_view){0}); /* the first look */
    wait_long();
    attach_quiet_forget(&quiet, "va-1");
    cr_assert_not(see((struct attach_quiet_view){0}).quiet);
}
