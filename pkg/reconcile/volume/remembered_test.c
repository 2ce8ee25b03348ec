/* reconcile/volume: the annotation that says which disk a volume is. */
#include "reconcile/volume/remembered.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static struct volume_remembered parse(const char *text)
{
    /* what was there before must not shine through */
    struct volume_remembered remembered = {.disk = "old", .sr = "old", .pool = "old"};
    volume_remembered_parse(text, &remembered);
    return remembered;
}

Test(volume_remembered, reads_what_it_wrote)
{
    const struct volume_remembered written = {.disk = "d", .sr = "s", .pool = "p"};
    cleanup_str char *text = volume_remembered_text(&written);
    const struct volume_remembered read = parse(text);
    cr_assert(volume_remembered_equal(&written, &read));
}

Test(volume_remembered, is_nothing_where_the_text_says_nothing)
{
    static const char *const texts[] = {
        NULL,
        "",
        "{",
        "[]",
        "\"d\"",
        "{\"vdi\":\"d\",\"sr\":\"s\"}",
        "{\"vdi\":\"\",\"sr\":\"s\",\"pool\":\"p\"}",
        "{\"vdi\":1,\"sr\":\"s\",\"pool\":\"p\"}",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct volume_remembered got = parse(texts[i]);
        cr_expect(str_empty(got.disk) && str_empty(got.sr) && str_empty(got.pool), "%s",
                  texts[i] ? texts[i] : "NULL");
    }
}

Test(volume_remembered, is_nothing_where_a_uuid_does_not_fit)
{
    char id[VOLUME_ID_SIZE + 1];
    memset(id, 'a', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    cleanup_str char *text = str_new("{\"vdi\":\"%s\",\"sr\":\"s\",\"pool\":\"p\"}", id);
    const struct volume_remembered got = parse(text);
    cr_assert(str_empty(got.disk) && str_empty(got.sr));
}

Test(volume_remembered, differs_where_any_part_does)
{
    const struct volume_remembered one = {.disk = "d", .sr = "s", .pool = "p"};
    const struct volume_remembered others[] = {{.disk = "x", .sr = "s", .pool = "p"},
                                               {.disk = "d", .sr = "x", .pool = "p"},
                                               {.disk = "d", .sr = "s", .pool = "x"}};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        cr_expect_not(volume_remembered_equal(&one, &others[i]));
}
