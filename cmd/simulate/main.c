/*
 * cmd/simulate: plays seeds. `simulate --help` says how.
 *
 * Several seeds go on in as many processes as asked for; each tells what it has counted through a pipe. A failure is shrunk where it
 * happened and printed at once.
 *
 * Exit codes: 0 nothing failed, 1 something did, 2 the command line is wrong.
 */
#include "emitted.h"
#include "shrink.h"
#include "sim.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    JOBS_MAX = 64, /* more than any machine has that this is run on */
    REPORT_S = 60,
    LINE_SIZE = 320,               /* a count and what emitted.c keeps */
    EMITTED_MAX = 1024 * LINE_SIZE /* a few hundred lines */
};

static const char help[] =
    "simulate --seeds N [--first-seed M] [--jobs J] [--seconds S] [--at-least K] [--keep-going]\n"
    "         [--emitted FILE]\n"
    "    plays N seeds (0: without end, or until S seconds have passed); fails also when fewer "
    "than K\n"
    "    migrations ended\n"
    "simulate --seed N [--only 1,5,9] [--calm]\n"
    "    plays one seed and prints its trace; only these lines of its schedule; without odd "
    "delays\n"
    "simulate --shrink N\n"
    "    plays one seed that fails, makes it short, and prints that trace\n";

struct job_options {
    uint64_t seeds, first_seed, jobs;
    uint64_t at_least; /* so many migrations have to end */
    int64_t seconds;   /* 0: no limit */
    bool keep_going;
    const char *emitted;
    uint64_t seed; /* one to be shown; 0: none */
    uint64_t shrink;
    const char *only;
    bool calm;
};

struct counts {
    uint64_t seeds, failed, migrations, moves, passes, steps, crashes;
    int64_t virtual_ms;
};

static void add_result(struct counts *counts, const struct sim_result *result)
{
    counts->seeds++;
    counts->failed += result->failed;
    counts->migrations += result->migrations;
    counts->moves += result->moves;
    counts->passes += result->passes;
    counts->steps += result->steps;
    counts->crashes += result->crashes;
    counts->virtual_ms += result->virtual_ms;
}

static void print_counts(const struct counts *counts, int64_t took_ms)
{
    printf(
        "%llu seeds, %llu failed: %llu migrations ended, %llu moves sent, %llu passes, %llu steps, "
        "%llu processes died, %lld virtual hours, in %lld s\n",
        (unsigned long long)counts->seeds, (unsigned long long)counts->failed,
        (unsigned long long)counts->migrations, (unsigned long long)counts->moves,
        (unsigned long long)counts->passes, (unsigned long long)counts->steps,
        (unsigned long long)counts->crashes, (long long)(counts->virtual_ms / 3600000),
        (long long)(took_ms / 1000));
    (void)fflush(stdout); /* only a display */
}

/* One seed that is looked at. */

static void print_line(const char *line)
{
    printf("%s\n", line);
}

static void print_schedule(uint64_t seed, const bool *left_out)
{
    struct sim_schedule schedule;
    char text[SIM_TEXT_SIZE];

    sim_schedule_draw(&schedule, seed);
    printf("--only ");
    for (size_t i = 0, n = 0; i < schedule.len; i++)
        if (!left_out[i])
            printf("%s%zu", n++ ? "," : "", i);
    printf("\n");
    for (size_t i = 0; i < schedule.len; i++) {
        if (left_out[i])
            continue;
        sim_event_format(&schedule.events[i], text, sizeof(text));
        printf("  %3zu at %lld.%03lld s: %s\n", i, (long long)schedule.events[i].at_ms / 1000,
               (long long)schedule.events[i].at_ms % 1000, text);
    }
}

static void shrink(uint64_t seed, const struct sim_result *result)
{
    struct sim_shrunk shrunk;
    struct sim_result again;

    sim_shrink(seed, result->invariant, &shrunk);
    printf("seed %llu fails %s: %s\nshrunk in %zu runs to %zu lines; simulate --seed %llu%s ",
           (unsigned long long)seed, result->invariant, result->failure, shrunk.runs, shrunk.kept,
           (unsigned long long)seed, shrunk.calm ? " --calm" : "");
    print_schedule(seed, shrunk.left_out);
    const struct sim_options options = {.seed = seed,
                                        .trace = print_line,
                                        .calm = shrunk.calm,
                                        .left_out = shrunk.left_out};
    sim_play(&options, &again);
    (void)fflush(stdout); /* only a display */
}

/* "1,5,9": everything else is left out. */
static bool read_only(const char *only, bool left_out[static SIM_SCHEDULE_MAX])
{
    for (size_t i = 0; i < SIM_SCHEDULE_MAX; i++)
        left_out[i] = true;
    while (*only) {
        size_t len = strcspn(only, ",");
        cleanup_str char *number = mem_strndup(only, len);
        int64_t line = 0;
        if (!str_parse_int64(number, 0, SIM_SCHEDULE_MAX - 1, &line))
            return false;
        left_out[line] = false;
        only += len + (only[len] == ',');
    }
    return true;
}

static int show(const struct job_options *job)
{
    bool left_out[SIM_SCHEDULE_MAX] = {false};
    struct sim_result result;

    if (job->only && !read_only(job->only, left_out)) {
        fprintf(stderr, "simulate: --only takes numbers of lines with commas between them\n");
        return 2;
    }
    const struct sim_options options = {.seed = job->seed,
                                        .trace = print_line,
                                        .calm = job->calm,
                                        .left_out = left_out};
    sim_play(&options, &result);
    printf("hash %016llx, %llu migrations, %llu moves, %llu passes\n",
           (unsigned long long)result.hash, (unsigned long long)result.migrations,
           (unsigned long long)result.moves, (unsigned long long)result.passes);
    return result.failed;
}

static int shrink_one(uint64_t seed)
{
    const struct sim_options options = {.seed = seed};
    struct sim_result result;

    sim_play(&options, &result);
    if (!result.failed) {
        printf("seed %llu does not fail\n", (unsigned long long)seed);
        return 0;
    }
    shrink(seed, &result);
    return 1;
}

/* Many seeds. */

static int64_t now_ms(void)
{
    return clock_mono(&clock_system).ms;
}

static void play_seeds(const struct job_options *job, uint64_t number, struct counts *counts,
                       struct sim_emitted *emitted)
{
    int64_t start_ms = now_ms();
    int64_t report_ms = start_ms;

    for (uint64_t i = number; job->seeds == 0 || i < job->seeds; i += job->jobs) {
        const struct sim_options options = {.seed = job->first_seed + i, .emitted = emitted};
        struct sim_result result;
        if (job->seconds > 0 && now_ms() - start_ms >= job->seconds * 1000)
            break;
        sim_play(&options, &result);
        add_result(counts, &result);
        if (result.failed && job->keep_going) {
            printf("seed %llu fails %s: %s\n", (unsigned long long)options.seed, result.invariant,
                   result.failure);
            (void)fflush(stdout); /* only a display */
        } else if (result.failed) {
            shrink(options.seed, &result);
            break;
        }
        if (number == 0 && now_ms() - report_ms >= REPORT_S * 1000L) {
            report_ms = now_ms();
            printf("process 1 of %llu: ", (unsigned long long)job->jobs);
            print_counts(counts, report_ms - start_ms);
        }
    }
}

/* What a child does: it plays its part, and tells the counts. */
static int work(const struct job_options *job, uint64_t number, FILE *to)
{
    struct counts counts = {0};
    struct sim_emitted emitted = {0};
    cleanup_buf struct buf text = {.max = EMITTED_MAX};

    play_seeds(job, number, &counts, &emitted);
    sim_emitted_print(&emitted, &text);
    sim_emitted_done(&emitted);
    bool written = fwrite(&counts, sizeof(counts), 1, to) == 1 &&
                   (text.len == 0 || fwrite(text.data, text.len, 1, to) == 1);
    return fclose(to) == 0 && written ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A child; in it, *ret_to is set, in the parent the stream to read from is returned. */
static FILE *start(FILE **ret_to)
{
    int ends[2];

    (void)fflush(stdout); /* so that the child has nothing of ours to write */
    if (pipe(ends) < 0)
        return NULL;
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]); /* the reader's */
        *ret_to = fdopen(ends[1], "w");
        return NULL;
    }
    (void)close(ends[1]); /* the writer's */
    return child < 0 ? NULL : fdopen(ends[0], "r");
}

static bool gather(FILE *from, struct counts *counts, struct sim_emitted *emitted)
{
    struct counts part;
    char line[LINE_SIZE];

    if (!from || fread(&part, sizeof(part), 1, from) != 1)
        return false;
    counts->seeds += part.seeds;
    counts->failed += part.failed;
    counts->migrations += part.migrations;
    counts->moves += part.moves;
    counts->passes += part.passes;
    counts->steps += part.steps;
    counts->crashes += part.crashes;
    counts->virtual_ms += part.virtual_ms;
    while (fgets(line, sizeof(line), from))
        sim_emitted_read(emitted, line);
    return true;
}

static bool write_emitted(const struct sim_emitted *emitted, const char *path)
{
    cleanup_buf struct buf text = {.max = EMITTED_MAX};
    FILE *file = path ? fopen(path, "we") : NULL;

    if (!file)
        return !path;
    sim_emitted_print(emitted, &text);
    bool written = text.len == 0 || fwrite(text.data, text.len, 1, file) == 1;
    return fclose(file) == 0 && written;
}

static int play_all(const struct job_options *job)
{
    FILE *pipes[JOBS_MAX] = {NULL};
    struct counts counts = {0};
    struct sim_emitted emitted = {0};
    int64_t start_ms = now_ms();
    bool whole = true;

    for (uint64_t i = 0; i < job->jobs; i++) {
        FILE *to = NULL;
        pipes[i] = start(&to);
        if (to)
            return work(job, i, to);
    }
    for (uint64_t i = 0; i < job->jobs; i++) {
        if (!gather(pipes[i], &counts, &emitted)) {
            fprintf(stderr, "simulate: process %llu ended without a result\n",
                    (unsigned long long)i + 1);
            whole = false;
        }
        if (pipes[i])
            (void)fclose(pipes[i]); /* it was read to its end */
    }
    while (wait(NULL) > 0)
        ;
    print_counts(&counts, now_ms() - start_ms);
    if (!write_emitted(&emitted, job->emitted)) {
        fprintf(stderr, "simulate: cannot write %s\n", job->emitted);
        whole = false;
    }
    sim_emitted_done(&emitted);
    if (counts.migrations < job->at_least) {
        fprintf(stderr, "simulate: %llu migrations ended, at least %llu should: play more seeds\n",
                (unsigned long long)counts.migrations, (unsigned long long)job->at_least);
        whole = false;
    }
    return counts.failed > 0 || !whole;
}

static bool number_of(const char *text, uint64_t *ret)
{
    int64_t value = 0;

    if (!str_parse_int64(text, 0, INT64_MAX, &value))
        return false;
    *ret = (uint64_t)value;
    return true;
}

static bool parse(int argc, char **argv, struct job_options *job)
{
    static const struct option options[] = {{"seeds", required_argument, NULL, 'n'},
                                            {"first-seed", required_argument, NULL, 'f'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"seconds", required_argument, NULL, 't'},
                                            {"at-least", required_argument, NULL, 'l'},
                                            {"keep-going", no_argument, NULL, 'k'},
                                            {"emitted", required_argument, NULL, 'e'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"calm", no_argument, NULL, 'c'},
                                            {"shrink", required_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    uint64_t seconds = 0;
    bool good = true;

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'n':
            good = good && number_of(optarg, &job->seeds);
            break;
        case 'f':
            good = good && number_of(optarg, &job->first_seed);
            break;
        case 'j':
            good = good && number_of(optarg, &job->jobs) && job->jobs > 0 && job->jobs <= JOBS_MAX;
            break;
        case 'l':
            good = good && number_of(optarg, &job->at_least);
            break;
        case 't':
            good = good && number_of(optarg, &seconds);
            break;
        case 's':
            good = good && number_of(optarg, &job->seed);
            break;
        case 'r':
            good = good && number_of(optarg, &job->shrink);
            break;
        case 'o':
            job->only = optarg;
            break;
        case 'e':
            job->emitted = optarg;
            break;
        case 'k':
            job->keep_going = true;
            break;
        case 'c':
            job->calm = true;
            break;
        default:
            return false;
        }
    }
    job->seconds = (int64_t)seconds;
    return good && optind == argc;
}

int main(int argc, char **argv)
{
    struct job_options job = {.seeds = 100, .first_seed = 1, .jobs = 1};

    if (!parse(argc, argv, &job)) {
        fputs(help, stderr);
        return 2;
    }
    log_configure(LOG_ERROR, LOG_TEXT);
    if (job.seed > 0)
        return show(&job);
    if (job.shrink > 0)
        return shrink_one(job.shrink);
    return play_all(&job);
}
