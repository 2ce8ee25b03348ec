/* xosim: the command line. */
#include "xosim/options.h"

#include <criterion/criterion.h>
#include <string.h>

enum { ARGUMENTS_MAX = 12 /* no test has more */ };

static int parse(struct options *options, struct err *err, const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX] = {(char *)(uintptr_t) "xosim"};
    int argc = 1;
    while (arguments[argc - 1]) {
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
        argc++;
    }
    return options_parse(options, argc, argv, err);
}

Test(options, are_read_with_a_blank_or_an_equals_sign)
{
    static const char *const arguments[] = {"--world", "w.yaml", "--listen=127.0.0.1:8080",
                                            "--speed", "50",     "--seed=7",
                                            NULL};
    struct options options;
    struct err err = {0};
    cr_assert_eq(parse(&options, &err, arguments), 0, "%s", err.message);
    cr_expect_str_eq(options.world, "w.yaml");
    cr_expect_str_eq(options.listen.address, "127.0.0.1");
    cr_expect_eq(options.listen.port, 8080);
    cr_expect_eq(options.control.port, 0);
    cr_expect_eq(options.seed, 7);
    cr_expect_float_eq(options.speed, 50, 0.001);
}

static const char *complaint(const char *const *arguments)
{
    static struct err err;
    struct options options;
    err = (struct err){0};
    cr_assert_neq(parse(&options, &err, arguments), 0);
    return err.message;
}

Test(options, name_the_flag_that_is_wrong_and_what_to_write)
{
    static const char *const port[] = {"--world", "w", "--listen", "here", NULL};
    static const char *const speed[] = {"--world", "w", "--speed", "fast", NULL};
    static const char *const unknown[] = {"--world", "w", "--verbose", "1", NULL};
    static const char *const none[] = {"--world", NULL};
    cr_expect(strstr(complaint(port), "--listen: found \"here\"; write an IP address and a port"));
    cr_expect(strstr(complaint(speed), "--speed: found \"fast\""));
    cr_expect(strstr(complaint(unknown), "--verbose: there is no such flag"));
    cr_expect(strstr(complaint(none), "--world: found no value"));
}

Test(options, want_a_world_and_certificate_and_key_together)
{
    static const char *const nothing[] = {NULL};
    static const char *const half[] = {"--world", "w", "--tls-cert", "c", NULL};
    cr_expect(strstr(complaint(nothing), "--world: not found"));
    cr_expect(strstr(complaint(half), "write both or none"));
}

Test(options, describe_every_flag_that_is_understood)
{
    static const char *const flags[] = {"--world",   "--listen",    "--control",    "--state-dir",
                                        "--speed",   "--seed",      "--ready-file", "--tls-cert",
                                        "--tls-key", "--log-level", "--help",       "--version"};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        cr_expect(strstr(options_help, flags[i]), "%s", flags[i]);
}
