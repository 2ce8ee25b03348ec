/* xosim: ground truth: families of disks. */
#include "xosim/disk.h"

#include <criterion/criterion.h>

#define UUID_1 "11111111-1111-4111-8111-111111111111"
#define UUID_2 "22222222-2222-4222-8222-222222222222"
#define SR     "33333333-3333-4333-8333-333333333333"
#define SIZE   ((uint64_t)1000)

static struct disks disks;
static struct disk *source;
static struct disk *target;

static void setup(void)
{
    source = disks_add(&disks,
                       &(struct disk_options){.uuid = UUID_1, .name = "a", .sr = SR, .size = SIZE});
    cr_assert(disk_write(source, 0, 800, 7));
    target = disks_add(&disks,
                       &(struct disk_options){
                           .uuid = UUID_2, .name = "a", .sr = SR, .size = SIZE, .parent = source});
}

static void teardown(void)
{
    disks_done(&disks);
}

TestSuite(disk, .init = setup, .fini = teardown);

Test(disk, a_whole_copy_has_nothing_stale_and_the_hash_of_its_source)
{
    disk_copy(target, source, 0, SIZE);
    cr_expect_eq(disk_stale_bytes(target), 0);
    cr_expect_str_eq(disk_hash(target), disk_hash(source));
    cr_expect_eq(disk_only_here_bytes(source), 0);
}

Test(disk, half_a_copy_lacks_what_was_not_copied)
{
    disk_copy(target, source, 0, SIZE / 2);
    cr_expect_eq(disk_stale_bytes(target), 300);
    cr_expect_eq(disk_only_here_bytes(source), 300);
    cr_expect_str_neq(disk_hash(target), disk_hash(source));
}

Test(disk, a_copy_is_stale_where_its_source_was_written_to_behind_it)
{
    disk_copy(target, source, 0, SIZE / 2);
    cr_assert(disk_write(source, 100, 150, 9));
    disk_copy(target, source, SIZE / 2, SIZE);
    cr_expect_eq(disk_stale_bytes(target), 50);
    cr_expect_eq(disk_stale_bytes(source), 0);
    cr_expect_eq(disk_only_here_bytes(source), 50);
}

Test(disk, nothing_is_lost_while_a_good_disk_exists)
{
    disk_copy(target, source, 0, SIZE);
    source->exists = false;
    cr_expect_eq(family_lost_bytes(target->family), 0);
    cr_expect_eq(disk_only_here_bytes(target), 800);
    cr_expect_eq(disk_only_here_bytes(source), 0);
}

Test(disk, a_write_is_lost_with_the_only_disk_that_had_it)
{
    disk_copy(target, source, 0, SIZE);
    cr_assert(disk_write(source, 0, 10, 5));
    source->exists = false;
    cr_expect_eq(family_lost_bytes(target->family), 10);
}

Test(disk, the_hash_follows_a_write)
{
    const char *before = disk_hash(source);
    char kept[CONTENT_HASH_SIZE];
    for (size_t i = 0; i < sizeof(kept); i++)
        kept[i] = before[i];
    cr_assert(disk_write(source, 900, 901, 1));
    cr_expect_str_neq(disk_hash(source), kept);
}
