/* kube, 2: quantities as Kubernetes reads them. */
#include "kube/object.h"

#include <criterion/criterion.h>

static const struct {
    const char *text;
    int64_t bytes;
} good[] = {
    {"0", 0},
    {"1", 1},
    {"1073741824", 1073741824},
    {"1Ki", 1024},
    {"1Mi", 1048576},
    {"10Gi", 10737418240},
    {"1Ti", 1099511627776},
    {"7Ei", 8070450532247928832},
    {"1k", 1000},
    {"500M", 500000000},
    {"2G", 2000000000},
    {"1e9", 1000000000},
    {"1E3", 1000},
    {"1E", 1000000000000000000},
    {"1.5Gi", 1610612736},
    {"0.5", 1},
    {".5Ki", 512},
    {"1500m", 2},
    {"1n", 1},
    {"+3", 3},
    {"1e-1", 1},
    {"9223372036854775807", INT64_MAX},
    {"000000000000000000000000000000000000000012", 12},
};

Test(kube_quantity, reads_every_suffix_and_rounds_up)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t bytes = -1;
        cr_expect(kube_quantity_parse(good[i].text, &bytes), "%s", good[i].text);
        cr_expect_eq(bytes, good[i].bytes, "%s gave %lld", good[i].text, (long long)bytes);
    }
}

static const char *const bad[] = {
    "",    " 1",   "1 ",    "-1",  "1GiB", "Gi",  "1.2.3",
    "1e",  "1e+",  "e9",    ".",   "0x10", "1K",  "9223372036854775808",
    "8Ei", "1e19", "1e999", "inf", "1,5",  "1e1x"};

Test(kube_quantity, refuses_what_is_none_and_writes_nothing)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t bytes = 42;
        cr_expect_not(kube_quantity_parse(bad[i], &bytes), "%s", bad[i]);
        cr_expect_eq(bytes, 42);
    }
    int64_t bytes = 42;
    cr_expect_not(kube_quantity_parse(NULL, &bytes));
}
