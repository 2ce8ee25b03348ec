/*
 * cmd/xo-operator: the process. Reads the flags, makes the parts (process.c wires it in flow order), runs it.
 *
 * Exit codes: 0 ended by a signal or after --help, 1 something failed, 2 the command line is wrong.
 */
#include "options.h"
#include "process.h"

#include "base/log.h"
#include "kube/transport.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* Blocked before any thread starts, so that every thread inherits it and only main takes them. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* can't fail with a valid set */
}

static int run(const struct options *options, struct err *err)
{
    /* Secrets are in this process: no core dump, no ptrace by others of the same user. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0,
                0); /* a hint: secrets are also kept out of dumps one by one */
    block_signals();
    kube_transport_init();
    cleanup_process struct process *process = NULL;
    if (process_new(options, &process, err) < 0)
        return -1;
    return process_run(process, err);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    cleanup_options struct options options = {0};
    enum options_action action = OPTIONS_RUN;
    if (options_parse(argc, argv, &options, &action, &err) < 0) {
        fprintf(stderr, "xo-operator: %s\n", err.message);
        return 2;
    }
    if (action == OPTIONS_HELP) {
        options_print_help(stdout);
        return EXIT_SUCCESS;
    }
    if (action == OPTIONS_VERSION) {
        printf("xo-operator %s\n", XO_VERSION);
        return EXIT_SUCCESS;
    }
    log_configure(options.log_level, options.log_format);
    if (run(&options, &err) < 0) {
        log_error("the operator ends", log_err(&err));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
