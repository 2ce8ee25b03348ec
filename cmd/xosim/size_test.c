/* xosim: sizes, durations, ids. Covers ids.c. */
#include "xosim/size.h"

#include "base/macros.h"
#include "xosim/ids.h"

#include <criterion/criterion.h>
#include <string.h>

Test(size, is_read_in_bytes_and_with_decimal_or_binary_units)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {{"0", 0},
                 {"1073741824", (uint64_t)1 << 30},
                 {"1 GiB", (uint64_t)1 << 30},
                 {"1GB", 1000000000},
                 {"1.5 KiB", 1536},
                 {"2 tib", (uint64_t)2 << 40}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint64_t bytes = 1;
        cr_expect(size_parse(sizes[i].text, &bytes), "%s", sizes[i].text);
        cr_expect_eq(bytes, sizes[i].bytes, "%s", sizes[i].text);
    }
}

Test(size, is_refused_when_it_is_no_size)
{
    static const char *const bad[] = {"",     " 1",  "-1", "GiB", "1 Gib it",
                                      "1e30", "nan", "0x", "ten"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t bytes = 0;
        cr_expect_not(size_parse(bad[i], &bytes), "%s", bad[i]);
    }
}

Test(size, reads_durations_in_milliseconds_and_with_units)
{
    int64_t ms = 0;
    cr_expect(size_parse_duration("90000", &ms));
    cr_expect_eq(ms, 90000);
    cr_expect(size_parse_duration("30 days", &ms));
    cr_expect_eq(ms, (int64_t)30 * 86400000);
    cr_expect(size_parse_duration("2 years", &ms));
    cr_expect_eq(ms, (int64_t)2 * 31557600 * 1000);
    cr_expect(size_parse_duration("1s", &ms));
    cr_expect_eq(ms, 1000);
    cr_expect_not(size_parse_duration("soon", &ms));
}

Test(ids, are_the_same_for_the_same_seed_and_otherwise_not)
{
    struct ids a = {.state = 1};
    struct ids b = {.state = 1};
    struct ids c = {.state = 2};
    char from_a[UUID_SIZE];
    char from_b[UUID_SIZE];
    char from_c[UUID_SIZE];
    char next[UUID_SIZE];
    ids_uuid(&a, from_a);
    ids_uuid(&b, from_b);
    ids_uuid(&c, from_c);
    ids_uuid(&a, next);
    cr_expect(ids_is_uuid(from_a));
    cr_expect_str_eq(from_a, from_b);
    cr_expect_str_neq(from_a, from_c);
    cr_expect_str_neq(from_a, next);
}

Test(ids, of_a_name_belong_to_the_kind_and_the_name)
{
    char host[UUID_SIZE];
    char again[UUID_SIZE];
    char sr[UUID_SIZE];
    ids_uuid_of("host", "a", host);
    ids_uuid_of("host", "a", again);
    ids_uuid_of("sr", "a", sr);
    cr_expect(ids_is_uuid(host));
    cr_expect_str_eq(host, again);
    cr_expect_str_neq(host, sr);
}

Test(ids, are_uuids_only_in_the_form_that_xen_orchestra_writes)
{
    cr_expect(ids_is_uuid("23c8d799-c41a-4da1-89f3-5c6be2958e9e"));
    cr_expect_not(ids_is_uuid("23C8D799-c41a-4da1-89f3-5c6be2958e9e"));
    cr_expect_not(ids_is_uuid("23c8d799c41a-4da1-89f3-5c6be2958e9e-"));
    cr_expect_not(ids_is_uuid(""));
}

Test(ids, of_tokens_have_43_characters)
{
    struct ids ids = {.state = 1};
    char token[TOKEN_SIZE];
    ids_token(&ids, token);
    cr_expect_eq(strlen(token), 43);
}
