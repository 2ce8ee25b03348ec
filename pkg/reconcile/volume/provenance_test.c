/* reconcile/volume: the rows of the table in provenance.h, in their order. */
#include "reconcile/volume/provenance.h"

#include <criterion/criterion.h>

static void expect(struct volume_provenance disk, enum volume_grade grade)
{
    const enum volume_grade got = volume_grade_of(&disk);
    cr_expect_eq((int)got, (int)grade, "grade %d, not %d", (int)got, (int)grade);
}

Test(volume_provenance, is_the_sources_whatever_else_is_said_of_it)
{
    expect((struct volume_provenance){.source = true, .known = true}, VOLUME_SOURCE);
}

Test(volume_provenance, is_never_of_a_disk_that_was_there_before)
{
    expect((struct volume_provenance){.known = true,
                                      .at_destination = true,
                                      .named = true,
                                      .carries_id = true},
           VOLUME_STRANGER);
}

Test(volume_provenance, is_never_of_a_disk_elsewhere)
{
    expect((struct volume_provenance){.named = true, .carries_id = true}, VOLUME_STRANGER);
    expect((struct volume_provenance){.live = true, .named = true, .carries_id = true},
           VOLUME_STRANGER);
    expect((struct volume_provenance){.at_source = true, .named = true, .carries_id = true},
           VOLUME_STRANGER);
}

Test(volume_provenance, is_whole_of_what_the_reply_names)
{
    expect((struct volume_provenance){.at_destination = true, .named = true}, VOLUME_WHOLE);
    expect((struct volume_provenance){.at_source = true, .live = true, .named = true},
           VOLUME_WHOLE);
}

Test(volume_provenance, is_made_of_what_carries_the_id_at_the_destination)
{
    expect((struct volume_provenance){.at_destination = true, .carries_id = true}, VOLUME_MADE);
    expect((struct volume_provenance){.at_destination = true,
                                      .at_source = true,
                                      .live = true,
                                      .carries_id = true},
           VOLUME_MADE);
}

Test(volume_provenance, is_half_of_what_a_live_move_made_at_its_source)
{
    expect((struct volume_provenance){.at_source = true, .live = true, .carries_id = true},
           VOLUME_HALF);
}

Test(volume_provenance, is_a_strangers_without_any_mark)
{
    expect((struct volume_provenance){.at_destination = true}, VOLUME_STRANGER);
    expect((struct volume_provenance){.at_source = true, .live = true}, VOLUME_STRANGER);
}
