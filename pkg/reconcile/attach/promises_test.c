/* reconcile/attach: what promises.h promises. */
#include "reconcile/attach/promises.h"

#include "base/str.h"

#include <criterion/criterion.h>

static struct attach_promises promises;
static const struct mono_time start = {1000};

static void set_up(void)
{
    attach_promises_init(&promises);
}

static void tear_down(void)
{
    attach_promises_done(&promises);
}

TestSuite(attach_promises, .init = set_up, .fini = tear_down);

static bool used_at(const char *vm, int position, int64_t after_ms)
{
    bool used[ATTACH_POSITION_MAX + 1] = {false};

    attach_promises_mark(&promises, vm, mono_add(start, after_ms), used);
    return used[position];
}

Test(attach_promises, gives_a_position_of_a_vm_to_one_disk_only)
{
    cr_assert(attach_promises_take(&promises, "V1", "csi-a", 1, start));
    cr_assert_not(attach_promises_take(&promises, "V1", "csi-b", 1, start));
    cr_assert(attach_promises_take(&promises, "V1", "csi-b", 2, start));
    cr_assert(attach_promises_take(&promises, "V2", "csi-c", 1, start));
    cr_assert(used_at("V1", 1, 0) && used_at("V1", 2, 0) && used_at("V2", 1, 0));
    cr_assert_not(used_at("V2", 2, 0));
}

Test(attach_promises, is_in_doubt_until_it_is_dropped)
{
    cr_assert(attach_promises_take(&promises, "V1", "csi-a", 1, start));
    cr_assert(attach_promises_in_doubt(&promises, "V1", "csi-a", start));
    cr_assert_not(attach_promises_in_doubt(&promises, "V2", "csi-a", start));
    attach_promises_drop(&promises, "V1", "csi-a");
    cr_assert_not(attach_promises_in_doubt(&promises, "V1", "csi-a", start));
    cr_assert_not(used_at("V1", 1, 0));
}

Test(attach_promises, is_in_doubt_elsewhere_for_every_other_vm)
{
    cr_assert_not(attach_promises_in_doubt_elsewhere(&promises, "V2", "csi-a", start));
    cr_assert(attach_promises_take(&promises, "V1", "csi-a", 1, start));
    cr_assert(attach_promises_in_doubt_elsewhere(&promises, "V2", "csi-a", start));
    cr_assert_not(attach_promises_in_doubt_elsewhere(&promises, "V1", "csi-a", start));
    cr_assert_not(attach_promises_in_doubt_elsewhere(&promises, "V2", "csi-b", start));
    cr_assert_not(attach_promises_in_doubt_elsewhere(&promises, "V2", "csi-a",
                                                     mono_add(start, ATTACH_DOUBT_MS)));
}

Test(attach_promises, lapses_when_a_call_can_no_longer_have_an_effect)
{
    cr_assert(attach_promises_take(&promises, "V1", "csi-a", 1, start));
    cr_assert(used_at("V1", 1, ATTACH_DOUBT_MS - 1));
    cr_assert_not(used_at("V1", 1, ATTACH_DOUBT_MS));
}

Test(attach_promises, keeps_a_taken_position_from_all_disks_for_a_while)
{
    cr_assert(attach_promises_take(&promises, "V1", "csi-a", 1, start));
    attach_promises_taken(&promises, "V1", "csi-a", start);
    cr_assert_not(attach_promises_in_doubt(&promises, "V1", "csi-a", start));
    cr_assert(used_at("V1", 1, ATTACH_TAKEN_MS - 1));
    cr_assert_not(used_at("V1", 1, ATTACH_TAKEN_MS));
}

Test(attach_promises, gives_none_beyond_its_maximum)
{
    char vm[VOLUME_ID_SIZE];

    for (int i = 0; i < ATTACH_PROMISES_MAX; i++) {
        (void)str_format(vm, sizeof(vm), "V%d", i);
        cr_assert(attach_promises_take(&promises, vm, "csi-a", 1, start));
    }
    cr_assert_not(attach_promises_take(&promises, "one-more", "csi-a", 1, start));
    cr_assert(
        attach_promises_take(&promises, "one-more", "csi-a", 1, mono_add(start, ATTACH_DOUBT_MS)));
}

Test(attach_promises, remembers_a_step_until_the_mirror_had_time_to_show_it)
{
    const struct mono_time late = mono_add(start, ATTACH_STEP_MS);

    attach_promises_step_taken(&promises, "vbd", ATTACH_DISCONNECT, start);
    cr_assert(attach_promises_step_is_recent(&promises, "vbd", ATTACH_DISCONNECT, start));
    cr_assert_not(attach_promises_step_is_recent(&promises, "vbd", ATTACH_DELETE_VBD, start));
    cr_assert_not(attach_promises_step_is_recent(&promises, "other", ATTACH_DISCONNECT, start));
    cr_assert_not(attach_promises_step_is_recent(&promises, "vbd", ATTACH_DISCONNECT, late));
    /* the next step with the same VBD takes its place */
    attach_promises_step_taken(&promises, "vbd", ATTACH_DELETE_VBD, start);
    cr_assert_not(attach_promises_step_is_recent(&promises, "vbd", ATTACH_DISCONNECT, start));
    cr_assert(attach_promises_step_is_recent(&promises, "vbd", ATTACH_DELETE_VBD, start));
}
