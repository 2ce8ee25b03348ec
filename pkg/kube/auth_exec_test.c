/* kube, 1: a credential plugin that does not end as it should; config_test.c has those that do. */
#include "kube/auth_exec.h"

#include <criterion/criterion.h>
#include <string.h>

#define ANSWER                                                                                     \
    "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\","       \
    "\"status\":{\"token\":\"t\"}}'"

enum { SOON_MS = 200, PLENTY_MS = 20 * 1000 };

/* Runs a shell script as the plugin. */
static int run(const char *script, int64_t deadline_ms, struct kube_auth_exec_result *ret,
               struct err *err)
{
    const struct kube_auth_exec exec = {.command = "/bin/sh",
                                        .args = {"-c", script},
                                        .arg_count = 2,
                                        .api_version = "client.authentication.k8s.io/v1",
                                        .deadline_ms = deadline_ms};
    struct kube_auth_exec_command *command = kube_auth_exec_command_new(&exec);
    int result = kube_auth_exec_run(command, ret, err);
    (void)kube_auth_exec_command_free(command);
    return result;
}

/* Without the deadline each of these would wait for a quarter of an hour. */
TestSuite(kube_auth_exec, .timeout = 60);

static void check_killed(const char *script)
{
    struct kube_auth_exec_result result = {0};
    struct err err = {0};
    cr_assert_eq(run(script, SOON_MS, &result, &err), -1);
    cr_assert_eq(err.class, ERR_TRANSIENT);
    cr_assert_str_eq(err.message,
                     "exec plugin /bin/sh gave no whole answer in time and was killed");
    cr_assert_null(result.token);
}

Test(kube_auth_exec, kills_a_plugin_that_says_nothing)
{
    check_killed("exec sleep 900");
}

Test(kube_auth_exec, kills_a_plugin_that_has_closed_its_output_and_goes_on)
{
    check_killed(ANSWER "; exec >&-; exec sleep 900");
}

Test(kube_auth_exec, kills_a_plugin_that_never_stops_talking)
{
    check_killed("while :; do echo more; done");
}

Test(kube_auth_exec, takes_the_answer_of_one_that_ends_in_time)
{
    struct kube_auth_exec_result result = {0};
    struct err err = {0};
    cr_assert_eq(run(ANSWER, PLENTY_MS, &result, &err), 0, "%s", err.message);
    cleanup_secret struct secret *token = result.token;
    cr_assert_str_eq(secret_reveal(token), "t");
}
