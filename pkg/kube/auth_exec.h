/* kube, 1: runs a client.authentication.k8s.io plugin and reads the ExecCredential that it prints.
 * Thread: any; one run at a time per command (kube/auth.c sees to it). */
#ifndef KUBE_AUTH_EXEC_H
#define KUBE_AUTH_EXEC_H

#include "kube/auth.h"

/** A plugin with arguments and environment, ready to run. */
struct kube_auth_exec_command;

/** *New*, from copies of everything in `exec`. */
struct kube_auth_exec_command *
kube_auth_exec_command_new(const struct kube_auth_exec *exec) WARN_UNUSED;

/** Frees it; takes NULL, returns NULL. */
struct kube_auth_exec_command *kube_auth_exec_command_free(struct kube_auth_exec_command *command);

/** What a plugin said. All *new*; token or cert and key are there. */
struct kube_auth_exec_result {
    struct secret *token;
    struct secret *cert;
    struct secret *key;
    struct wall_time expires; /* not set: it does not say */
};

/**
 * Runs it, without a terminal, until its deadline. ERR_TRANSIENT when it ended badly or not in time
 * (it is killed then, also when it has closed its output), ERR_INVALID when its answer is none; the message names the
 * command and never holds its output.
 */
int kube_auth_exec_run(struct kube_auth_exec_command *command, struct kube_auth_exec_result *ret,
                       struct err *err) WARN_UNUSED;

/** Reads an ExecCredential; for the tests and the fuzzer. Errors as above. */
int kube_auth_exec_parse(const char *text, size_t len, const char *api_version,
                         struct kube_auth_exec_result *ret, struct err *err) WARN_UNUSED;

#endif
