/*
 * cmd/xo-operator, before 1: flags and environment into one struct. A flag wins over its
 * environment variable, a file over neither. Secrets never come from flags, which every user of the
 * machine can read: from the environment (as the CSI driver's Secret sets it) or from files, which
 * are read again when they change. Thread: main, before any other.
 */
#ifndef OPERATOR_OPTIONS_H
#define OPERATOR_OPTIONS_H

#include "base/err.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/secret.h"
#include "reconcile/slots.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Strings are *borrowed* from argv and the environment. */
struct options {
    const char *kubeconfig; /* NULL: $KUBECONFIG, else in the cluster */
    const char *context;    /* NULL: the kubeconfig's current one */
    const char *xo_url;
    const char *xo_token_file;
    const char *xo_username;
    const char *xo_password_file;
    struct secret *xo_token; /* owned; from XOA_TOKEN, which is removed from the environment */
    struct secret *xo_password;
    const char *xo_ca_file;
    bool xo_insecure;
    const char *driver_name;
    const char *disk_name_prefix;
    bool run_attach;
    bool run_migration;
    bool fence_by_power_off;
    bool out_of_service_taint;
    int64_t workers;
    struct rec_slots_limits slots;
    int64_t api_writes_per_second;
    const char *listen; /* "address:port" of the HTTP endpoint; "" or ":port": all addresses */
    bool leader_election;
    const char *lease_namespace; /* NULL: the Pod's own */
    const char *lease_name;
    const char *effects; /* folder of rec_effects; NULL: nothing is counted */
    int64_t clock_speed; /* of all waiting; 1 but in tests */
    enum log_level log_level;
    enum log_format log_format;
};

enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

/**
 * Reads arguments and environment. On OPTIONS_RUN everything is complete and consistent.
 * ERR_INVALID names the flag or variable, what was found and what to write.
 */
int options_parse(int argc, char **argv, struct options *ret, enum options_action *ret_action,
                  struct err *err) WARN_UNUSED;

/** Wipes and frees the secrets; safe on a zeroed struct. */
void options_done(struct options *options);
#define cleanup_options CLEANUP(options_done)

/** Writes what `--help` shows, from the same table that options_parse() reads. */
void options_print_help(FILE *stream);

#endif
