/*
 * cmd/explore: searches every state that a disk's move can get into, in a model around the real
 * migration_decide_volume(). docs/internals/explore.md says what is modelled and what is not.
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
    return 0;
}

static bool chosen(const struct explore_preset *preset, int count, char **names)
{
    bool named = false;

    for (int i = 0; i < count; i++) {
        if (names[i][0] == '-')
            continue;
        if (str_equal(names[i], preset->name))
            return true;
        named = true;
    }
    return !named;
}

static bool known(const char *name)
{
    for (const struct explore_preset *preset = explore_presets; preset->name; preset++)
        if (str_equal(preset->name, name))
            return true;
    return false;
}

static int run_presets(int count, char **names, int64_t faults, bool first)
{
    struct explore_sum sum = {0};

    for (const struct explore_preset *preset = explore_presets; preset->name; preset++) {
        cleanup_buf struct buf text = {0};
        struct explore_preset changed = *preset;
        if (!chosen(preset, count, names))
            continue;
        if (faults >= 0)
            changed.faults = (int)faults;
        explore_report_preset(&changed, first, &text, &sum);
        (void)fputs(buf_str(&text), stdout); /* nothing to do when it fails */
        (void)fflush(stdout);                /* the same */
        if (first && sum.violations > 0)
            break;
    }
    cleanup_buf struct buf text = {0};
    explore_report_sum(&sum, &text);
    (void)fputs(buf_str(&text), stdout); /* nothing to do when it fails */
    if (sum.truncated)
        return 2;
    return sum.violations > 0;
}

int main(int argc, char **argv)
{
    int64_t faults = -1;
    bool first = false;
    int names = 1;

    for (int i = 1; i < argc; i++) {
        if (str_equal(argv[i], "--list"))
            return list();
        if (str_equal(argv[i], "--first")) {
            first = true;
        } else if (str_equal(argv[i], "--faults") && i + 1 < argc &&
                   str_parse_int64(argv[i + 1], 0, EXPLORE_FAULTS_MAX, &faults)) {
            i++;
        } else if (known(argv[i])) {
            argv[names++] = argv[i];
        } else {
            /* nothing to do when it fails */
            (void)fprintf(stderr, "explore: %s: no such preset or option; see --list\n", argv[i]);
            return 2;
        }
    }
    return run_presets(names - 1, argv + 1, faults, first);
}
