/* cmd/xo-operator, before 1: what flags and environment are taken for. */
#include "options.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *const variables[] = {"XOA_URL",      "XOA_TOKEN",  "XOA_USERNAME",
                                        "XOA_PASSWORD", "KUBECONFIG", "POD_NAMESPACE"};

static void clear_environment(void)
{
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
}

TestSuite(options, .init = clear_environment);

/* Parses a NULL-terminated list of flags. */
static int parse(const char *const *flags, struct options *ret, enum options_action *action,
                 struct err *err)
{
    int argc = 1;
    static char name[] = "xo-operator";
    char *argv[32] = {name};
    for (; flags[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)flags[argc - 1]; /* getopt permutes, but does not write */
    return options_parse(argc, argv, ret, action, err);
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL}, &options, &action, &err)

/* Expects a refusal whose message holds a text. */
#define REFUSED(text, ...)                                                                         \
    do {                                                                                           \
        cleanup_options struct options options = {0};                                              \
        enum options_action action = OPTIONS_RUN;                                                  \
        struct err err = {0};                                                                      \
        cr_assert_eq(PARSE(__VA_ARGS__), -1);                                                      \
        cr_assert_eq(err.class, ERR_INVALID);                                                      \
        cr_assert(strstr(err.message, text), "\"%s\" does not say \"%s\"", err.message, text);     \
    } while (0)

Test(options, url_and_token_file_are_enough_and_the_rest_has_defaults)
{
    cleanup_options struct options options = {0};
    enum options_action action = OPTIONS_HELP;
    struct err err = {0};
    cr_assert_eq(PARSE("--xo-url", "https://xo", "--xo-token-file=/run/token"), 0, "%s",
                 err.message);
    cr_assert_eq(action, OPTIONS_RUN);
    cr_assert_str_eq(options.xo_url, "https://xo");
    cr_assert_str_eq(options.xo_token_file, "/run/token");
    cr_assert_str_eq(options.driver_name, "csi.xen-orchestra.marcsi.ch");
    cr_assert_str_eq(options.disk_name_prefix, "csi-");
    cr_assert(options.run_attach && options.run_migration && options.leader_election);
    cr_assert_eq(options.workers, 4);
    cr_assert_eq(options.slots.live_per_host, 3);
    cr_assert_eq(options.slots.copies_per_host, 4);
    cr_assert_eq(options.slots.copies_per_sr, 4);
}

Test(options, fencing_and_the_taint_are_off_until_they_are_asked_for)
{
    cleanup_options struct options options = {0};
    enum options_action action = OPTIONS_HELP;
    struct err err = {0};
    cr_assert_eq(PARSE("--xo-url=https://xo", "--xo-token-file=t"), 0, "%s", err.message);
    cr_assert_not(options.fence_by_power_off);
    cr_assert_not(options.out_of_service_taint);
    cr_assert_eq(PARSE("--xo-url=https://xo", "--xo-token-file=t", "--fence=power-off",
                       "--out-of-service-taint"),
                 0, "%s", err.message);
    cr_assert(options.fence_by_power_off);
    cr_assert(options.out_of_service_taint);
    cr_assert_eq(PARSE("--xo-url=https://xo", "--xo-token-file=t", "--fence=none"), 0);
    cr_assert_not(options.fence_by_power_off);
    REFUSED("--fence: \"reboot\" is none; write none or power-off", "--fence=reboot");
}

Test(options, numbers_are_from_1_to_64)
{
    cleanup_options struct options options = {0};
    enum options_action action = OPTIONS_HELP;
    struct err err = {0};
    cr_assert_eq(PARSE("--xo-url=https://xo", "--xo-token-file=t", "--live-moves-per-host=1",
                       "--copies-per-host=64", "--copies-per-sr=2", "--workers=3"),
                 0, "%s", err.message);
    cr_assert_eq(options.slots.live_per_host, 1);
    cr_assert_eq(options.slots.copies_per_host, 64);
    cr_assert_eq(options.slots.copies_per_sr, 2);
    cr_assert_eq(options.workers, 3);
    REFUSED("--api-writes-per-second: \"1001\" is no number from 1 to 1000",
            "--api-writes-per-second=1001");
    REFUSED("--live-moves-per-host: \"0\" is no number from 1 to 64", "--live-moves-per-host=0");
    REFUSED("--copies-per-host: \"65\"", "--copies-per-host=65");
    REFUSED("--copies-per-sr: \"many\"", "--copies-per-sr=many");
}

Test(options, the_csi_drivers_secret_works_as_environment)
{
    setenv("XOA_URL", "http://127.0.0.1:1", 1);
    setenv("XOA_USERNAME", "admin", 1);
    setenv("XOA_PASSWORD", "hunter2", 1);
    setenv("XOA_TOKEN", "", 1); /* an optional key that is not set */
    cleanup_options struct options options = {0};
    enum options_action action = OPTIONS_HELP;
    struct err err = {0};
    cr_assert_eq(PARSE(NULL), 0, "%s", err.message);
    cr_assert_str_eq(options.xo_url, "http://127.0.0.1:1");
    cr_assert_str_eq(options.xo_username, "admin");
    cr_assert_str_eq(secret_reveal(options.xo_password), "hunter2");
    cr_assert_null(options.xo_token);
}

Test(options, a_secret_is_taken_out_of_the_environment)
{
    setenv("XOA_URL", "https://xo", 1);
    setenv("XOA_TOKEN", "abc", 1);
    cleanup_options struct options options = {0};
    enum options_action action = OPTIONS_HELP;
    struct err err = {0};
    cr_assert_eq(PARSE(NULL), 0, "%s", err.message);
    cr_assert_str_eq(secret_reveal(options.xo_token), "abc");
    cr_assert_null(getenv("XOA_TOKEN"));
}

Test(options, a_flag_wins_over_its_variable)
{
    setenv("XOA_URL", "https://from-environment", 1);
    cleanup_options struct options options = {0};
    enum options_action action = OPTIONS_HELP;
    struct err err = {0};
    cr_assert_eq(PARSE("--xo-url=https://from-flag", "--xo-token-file=t"), 0, "%s", err.message);
    cr_assert_str_eq(options.xo_url, "https://from-flag");
}

Test(options, one_controller_can_be_chosen)
{
    cleanup_options struct options options = {0};
    enum options_action action = OPTIONS_HELP;
    struct err err = {0};
    cr_assert_eq(PARSE("--xo-url=https://xo", "--xo-token-file=t", "--controllers=migration"), 0);
    cr_assert(!options.run_attach && options.run_migration);
}

Test(options, help_and_version_need_nothing_else)
{
    cleanup_options struct options options = {0};
    enum options_action action = OPTIONS_RUN;
    struct err err = {0};
    cr_assert_eq(PARSE("--help"), 0);
    cr_assert_eq(action, OPTIONS_HELP);
    cr_assert_eq(PARSE("--version"), 0);
    cr_assert_eq(action, OPTIONS_VERSION);
}

Test(options, each_refusal_names_the_flag_and_what_to_write)
{
    REFUSED("set --xo-url or XOA_URL", "--xo-token-file=t");
    REFUSED("must start with https:// or http://", "--xo-url=xo.example.org", "--xo-token-file=t");
    REFUSED("set --xo-token-file or XOA_TOKEN", "--xo-url=https://xo");
    REFUSED("set --xo-token-file or XOA_TOKEN", "--xo-url=https://xo", "--xo-username=admin");
    REFUSED("--workers: \"0\"", "--workers=0");
    REFUSED("--workers: \"4x\"", "--workers=4x");
    REFUSED("--controllers: \"attatch\"", "--controllers=attatch");
    REFUSED("--log-level: \"loud\"", "--log-level=loud");
    REFUSED("--log-format: \"xml\"", "--log-format=xml");
    REFUSED("exclude each other", "--xo-url=https://xo", "--xo-token-file=t", "--xo-ca-file=c",
            "--xo-insecure-skip-tls-verify");
    REFUSED("needs a value", "--xo-url");
    REFUSED("--no-such-flag", "--no-such-flag");
    REFUSED("one argument too many", "--xo-url=https://xo", "--xo-token-file=t", "start");
    REFUSED("must not be empty", "--xo-url=https://xo", "--xo-token-file=t", "--disk-name-prefix=");
}

Test(options, help_names_every_flag_that_is_understood)
{
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    options_print_help(stream);
    fclose(stream);
    static const char *const some[] = {"--kubeconfig FILE", "--xo-url URL", "[$XOA_URL]",
                                       "--no-leader-election", "--help"};
    for (size_t i = 0; i < ARRAY_LEN(some); i++)
        cr_assert(strstr(text, some[i]), "--help does not mention %s", some[i]);
    free(text);
}
