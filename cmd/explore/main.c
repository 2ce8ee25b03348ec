/*
 * cmd/explore: searches every state that a disk's move can get into, in a model around the real
 * migration_decide_volume(); every state of moves that compete for slots, around the real counting; and every state of a disk that is
 * taken from a VM, around the real volume_release_decide(). docs/internals/explore.md says what is modelled and what is not.
 *
 *   explore                  all presets
 *   explore PRESET…          these
 *   explore --list           what there is
 *   explore --faults N       N faults a trace instead of what the preset says
 *   explore --first          stops at the first violation
 *
 * Exit status: 0 nothing is violated, 1 something is, 2 the search could not be made or ended.
 */
#include "explore/report.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

static int list(void)
{
    for (const struct explore_preset *preset = explore_presets; preset->name; preset++)
        (void)printf("%-12s %s\n", preset->name, preset->says); /* nothing to do when it fails */
    for (const struct explore_slots_preset *preset = explore_slots_presets; preset->name; preset++)
        (void)printf("%-12s %s\n", preset->name, preset->says); /* the same */
    for (const struct explore_release_preset *preset = explore_release_presets; preset->name;
         preset++)
        (void)printf("%-12s %s\n", preset->name, preset->says); /* the same */
    return 0;
}

static bool known(const char *name)
{
    for (const struct explore_preset *preset = explore_presets; preset->name; preset++)
        if (str_equal(preset->name, name))
            return true;
    for (const struct explore_slots_preset *preset = explore_slots_presets; preset->name; preset++)
        if (str_equal(preset->name, name))
            return true;
    for (const struct explore_release_preset *preset = explore_release_presets; preset->name;
         preset++)
        if (str_equal(preset->name, name))
            return true;
    return false;
}

/* What was asked for. */
struct wish {
    int count; /* names; 0: all presets */
    char **names;
    int64_t faults; /* -1: what the preset says */
    bool first;
};

static bool chosen(const struct wish *wish, const char *name)
{
    for (int i = 0; i < wish->count; i++)
        if (str_equal(wish->names[i], name))
            return true;
    return wish->count == 0;
}

static void show(const struct buf *text)
{
    (void)fputs(buf_str(text), stdout); /* nothing to do when it fails */
    (void)fflush(stdout);               /* the same */
}

static void run_presets(const struct wish *wish, struct explore_sum *sum)
{
    for (const struct explore_preset *preset = explore_presets; preset->name; preset++) {
        cleanup_buf struct buf text = {0};
        struct explore_preset changed = *preset;
        if (!chosen(wish, preset->name) || (wish->first && sum->violations > 0))
            continue;
        if (wish->faults >= 0)
            changed.faults = (int)wish->faults;
        explore_report_preset(&changed, wish->first, &text, sum);
        show(&text);
    }
}

static void run_slots(const struct wish *wish, struct explore_sum *sum)
{
    for (const struct explore_slots_preset *preset = explore_slots_presets; preset->name;
         preset++) {
        cleanup_buf struct buf text = {0};
        struct explore_slots_preset changed = *preset;
        if (!chosen(wish, preset->name) || (wish->first && sum->violations > 0))
            continue;
        if (wish->faults >= 0)
            changed.faults = (int)wish->faults;
        explore_report_slots(&changed, wish->first, &text, sum);
        show(&text);
    }
}

static void run_release(const struct wish *wish, struct explore_sum *sum)
{
    for (const struct explore_release_preset *preset = explore_release_presets; preset->name;
         preset++) {
        cleanup_buf struct buf text = {0};
        struct explore_release_preset changed = *preset;
        if (!chosen(wish, preset->name) || (wish->first && sum->violations > 0))
            continue;
        if (wish->faults >= 0)
            changed.faults = (int)wish->faults;
        explore_report_release(&changed, wish->first, &text, sum);
        show(&text);
    }
}

static int run(const struct wish *wish)
{
    struct explore_sum sum = {0};
    cleanup_buf struct buf text = {0};

    run_presets(wish, &sum);
    run_slots(wish, &sum);
    run_release(wish, &sum);
    explore_report_sum(&sum, &text);
    show(&text);
    if (sum.truncated)
        return 2;
    return sum.violations > 0;
}

int main(int argc, char **argv)
{
    struct wish wish = {.names = argv + 1, .faults = -1};

    for (int i = 1; i < argc; i++) {
        if (str_equal(argv[i], "--list"))
            return list();
        if (str_equal(argv[i], "--first")) {
            wish.first = true;
        } else if (str_equal(argv[i], "--faults") && i + 1 < argc &&
                   str_parse_int64(argv[i + 1], 0, EXPLORE_FAULTS_MAX, &wish.faults)) {
            i++;
        } else if (known(argv[i])) {
            wish.names[wish.count++] = argv[i];
        } else {
            /* nothing to do when it fails */
            (void)fprintf(stderr, "explore: %s: no such preset or option; see --list\n", argv[i]);
            return 2;
        }
    }
    return run(&wish);
}
