/* reconcile/volume: what disks take, row by row of the table of room.h, and the limits of formats. */
#include "reconcile/volume/room.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume/fake/srs.h"

#include <criterion/criterion.h>

TestSuite(volume_room, .init = fake_srs_start, .fini = fake_srs_stop);

#define GIB(n) ((int64_t)(n) << 30)

/* An SR of 100 GiB. */
static struct xo_sr sr_of(const char *allocation, int64_t used, int64_t promised)
{
    return (struct xo_sr){.allocation = allocation,
                          .size_bytes = GIB(100),
                          .physical_usage_bytes = used,
                          .promised_bytes = promised};
}

static const struct xo_disk written_6_of_150 = {.size_bytes = (int64_t)150 << 30,
                                                .usage_bytes = (int64_t)6 << 30};

Test(volume_room, a_thin_sr_takes_what_is_written_and_a_gibibyte)
{
    const struct xo_sr sr = sr_of("thin", 0, 0);
    cr_assert_eq(volume_room_needed(&sr, &written_6_of_150, GIB(150), false), GIB(7));
}

Test(volume_room, a_thin_sr_takes_a_tenth_more_than_is_written_of_a_large_disk)
{
    const struct xo_sr sr = sr_of("thin", 0, 0);
    const struct xo_disk disk = {.usage_bytes = GIB(100)};
    cr_assert_eq(volume_room_needed(&sr, &disk, GIB(500), false), GIB(110));
}

Test(volume_room, a_thin_sr_takes_what_stands_in_the_disks_snapshots_too)
{
    const struct xo_sr sr = sr_of("thin", 0, 0);
    const struct xo_disk disk = {.usage_bytes = GIB(2), .snapshot_bytes = GIB(4)};
    cr_assert_eq(volume_room_needed(&sr, &disk, GIB(150), false), GIB(7));
}

Test(volume_room, a_thin_sr_never_takes_more_than_the_whole_disk)
{
    const struct xo_sr sr = sr_of("thin", 0, 0);
    const struct xo_disk full = {.usage_bytes = GIB(10)};
    const struct xo_sr thick = sr_of("thick", 0, 0);
    cr_assert_eq(volume_room_needed(&sr, &full, GIB(10), false),
                 volume_room_needed(&thick, &full, GIB(10), false));
}

Test(volume_room, a_thin_sr_takes_the_whole_disk_when_nobody_knows_what_is_written)
{
    const struct xo_sr sr = sr_of("thin", 0, 0);
    const struct xo_disk unknown = {0};
    cr_assert_gt(volume_room_needed(&sr, &unknown, GIB(10), false), GIB(10));
    cr_assert_gt(volume_room_needed(&sr, NULL, GIB(10), false), GIB(10));
}

Test(volume_room, a_strict_thin_sr_takes_the_whole_disk)
{
    const struct xo_sr sr = sr_of("thin", 0, 0);
    cr_assert_gt(volume_room_needed(&sr, &written_6_of_150, GIB(150), true), GIB(150));
}

Test(volume_room, a_thick_sr_takes_the_disk_and_what_vhd_keeps_beside_it)
{
    const struct xo_sr sr = sr_of("thick", 0, 0);
    const int64_t needed = volume_room_needed(&sr, &written_6_of_150, GIB(150), false);
    cr_assert_gt(needed, GIB(150) + GIB(150) / 1000 * 19 / 10, "%lld", (long long)needed);
    cr_assert_lt(needed, GIB(150) + GIB(150) / 1000 * 21 / 10, "%lld", (long long)needed);
}

Test(volume_room, an_sr_of_which_nothing_is_known_counts_as_thick)
{
    const struct xo_sr sr = sr_of("", 0, 0);
    cr_assert_gt(volume_room_needed(&sr, &written_6_of_150, GIB(150), false), GIB(150));
}

Test(volume_room, no_size_is_too_large_to_be_counted)
{
    const struct xo_sr sr = sr_of("thin", INT64_MAX, INT64_MAX);
    const struct xo_disk disk = {.usage_bytes = INT64_MAX, .snapshot_bytes = INT64_MAX};
    cr_assert_gt(volume_room_needed(&sr, &disk, INT64_MAX, false), 0);
    cr_assert_lt(volume_room_free(&sr, false), 0);
    cr_assert(volume_room_oversubscribed(&sr, INT64_MAX));
}

Test(volume_room, free_is_what_is_not_used)
{
    const struct xo_sr sr = sr_of("thin", GIB(30), GIB(500));
    cr_assert_eq(volume_room_free(&sr, false), GIB(70));
}

Test(volume_room, strictly_free_is_what_is_not_promised)
{
    const struct xo_sr promised = sr_of("thin", GIB(30), GIB(80));
    const struct xo_sr used = sr_of("thin", GIB(30), GIB(10));
    const struct xo_sr thick = sr_of("thick", GIB(30), GIB(80));
    cr_assert_eq(volume_room_free(&promised, true), GIB(20));
    cr_assert_eq(volume_room_free(&used, true), GIB(70), "others use it too");
    cr_assert_eq(volume_room_free(&thick, true), GIB(70), "what is promised there is used");
}

Test(volume_room, a_thin_sr_is_oversubscribed_when_more_is_promised_than_it_has)
{
    const struct xo_sr sr = sr_of("thin", 0, GIB(60));
    const struct xo_sr thick = sr_of("thick", 0, GIB(60));
    cr_assert(volume_room_oversubscribed(&sr, GIB(41)));
    cr_assert_not(volume_room_oversubscribed(&sr, GIB(40)));
    cr_assert_not(volume_room_oversubscribed(&thick, GIB(41)), "it can't be");
}

/* An SR of a type, and a disk in a format. */
static int64_t largest(const char *type, const char *formats, const char *format)
{
    cleanup_str char *more = str_new(",\"SR_type\":\"%s\"", type);
    cleanup_str char *objects =
        str_new("{\"S-H1\":{\"type\":\"PBD\",\"SR\":\"S\",\"host\":\"H1\",\"attached\":true,"
                "\"device_config\":{\"preferred-image-formats\":\"%s\"}},"
                "\"D\":{\"type\":\"VDI\",\"$SR\":\"S\",\"image_format\":\"%s\"}}",
                formats, format);
    fake_srs_add_shared("S", "P", "", more);
    fake_srs_load(objects);
    return volume_room_largest(fake_srs_inventory(), fake_srs_sr("S"), fake_srs_disk("D"));
}

Test(volume_room, vhd_holds_2040_gibibytes)
{
    cr_assert_eq(largest("nfs", "", ""), GIB(2040));
    cr_assert_eq(largest("lvm", "", "vhd"), GIB(2040));
}

Test(volume_room, an_sr_makes_qcow2_of_a_disk_that_is_one)
{
    cr_assert_eq(largest("nfs", "", "qcow2"), GIB(16381));
}

Test(volume_room, an_sr_that_is_set_to_vhd_alone_makes_no_qcow2)
{
    cr_assert_eq(largest("nfs", "vhd", "qcow2"), GIB(2040));
}

Test(volume_room, an_sr_that_is_set_to_both_formats_holds_what_qcow2_holds)
{
    cr_assert_eq(largest("ext", "vhd,qcow2", "vhd"), GIB(16381));
}

Test(volume_room, linstor_knows_vhd_only)
{
    cr_assert_eq(largest("linstor", "", "qcow2"), GIB(2040));
}

Test(volume_room, an_sr_without_images_has_no_limit_of_theirs)
{
    cr_assert_eq(largest("rawhba", "", ""), INT64_MAX);
}

static void expect_text(int64_t bytes, const char *expected)
{
    char text[VOLUME_SIZE_TEXT_SIZE];
    volume_size_text(bytes, text);
    cr_assert_str_eq(text, expected);
}

Test(volume_room, sizes_read_as_people_write_them)
{
    expect_text(-1, "0 MiB");
    expect_text(512 << 20, "512 MiB");
    expect_text(GIB(1), "1 GiB");
    expect_text(GIB(161) / 10, "16.1 GiB");
    expect_text(GIB(2040), "2040 GiB");
    expect_text(GIB(1024) * 216 / 10, "21.6 TiB");
    expect_text(INT64_MAX, "8388608 TiB");
}
