/*
 * cmd/xo-operator, before 1: flags and environment into one struct.
 *
 * One table holds each flag with its variable, its argument's name and its sentence; parsing and
 * --help both read it.
 */
#include "options.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/worker.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum flag {
    FLAG_KUBECONFIG = 256, /* above any character; rows[] is in this order */
    FLAG_CONTEXT,
    FLAG_XO_URL,
    FLAG_XO_TOKEN_FILE,
    FLAG_XO_USERNAME,
    FLAG_XO_PASSWORD_FILE,
    FLAG_XO_CA_FILE,
    FLAG_XO_INSECURE,
    FLAG_DRIVER_NAME,
    FLAG_DISK_NAME_PREFIX,
    FLAG_CONTROLLERS,
    FLAG_FENCE,
    FLAG_OUT_OF_SERVICE_TAINT,
    FLAG_WORKERS,
    FLAG_LIVE_PER_HOST,
    FLAG_COPIES_PER_HOST,
    FLAG_COPIES_PER_SR,
    FLAG_API_WRITES,
    FLAG_LISTEN,
    FLAG_NO_LEADER_ELECTION,
    FLAG_LEASE_NAMESPACE,
    FLAG_LEASE_NAME,
    FLAG_EFFECTS,
    FLAG_CLOCK_SPEED,
    FLAG_LOG_LEVEL,
    FLAG_LOG_FORMAT,
    FLAG_VERSION,
    FLAG_HELP
};

enum {
    /* As many as an API server of a large cluster takes from all its clients together. */
    API_WRITES_MAX = 1000,
    /* A simulator's time goes no faster in any test. */
    CLOCK_SPEED_MAX = 1000
};

/* A flag whose value is kept as it is says which member takes it. */
#define MEMBER(name) offsetof(struct options, name)
#define NO_MEMBER    SIZE_MAX

struct flag_row {
    enum flag flag;
    size_t member; /* a const char * of struct options, or NO_MEMBER */
    const char *name;
    const char *argument; /* NULL: it has none */
    const char *variable; /* environment; NULL: none */
    const char *help;
};

static const struct flag_row rows[] = {
    {FLAG_KUBECONFIG, MEMBER(kubeconfig), "kubeconfig", "FILE", NULL,
     "how to reach Kubernetes; without it $KUBECONFIG, without that as the Pod's ServiceAccount"},
    {FLAG_CONTEXT, MEMBER(context), "context", "NAME", NULL,
     "context of the kubeconfig to use (its current one)"},
    {FLAG_XO_URL, MEMBER(xo_url), "xo-url", "URL", "XOA_URL", "Xen Orchestra, http:// or https://"},
    {FLAG_XO_TOKEN_FILE, MEMBER(xo_token_file), "xo-token-file", "FILE", NULL,
     "file with an authentication token; read again when it changes ($XOA_TOKEN: the token "
     "itself)"},
    {FLAG_XO_USERNAME, MEMBER(xo_username), "xo-username", "NAME", "XOA_USERNAME",
     "user to sign in as, without a token"},
    {FLAG_XO_PASSWORD_FILE, MEMBER(xo_password_file), "xo-password-file", "FILE", NULL,
     "file with that user's password ($XOA_PASSWORD: the password itself)"},
    {FLAG_XO_CA_FILE, MEMBER(xo_ca_file), "xo-ca-file", "FILE", NULL,
     "certificates that Xen Orchestra's is verified with (the system's)"},
    {FLAG_XO_INSECURE, NO_MEMBER, "xo-insecure-skip-tls-verify", NULL, NULL,
     "accept any certificate from Xen Orchestra; anyone in between can then read the token"},
    {FLAG_DRIVER_NAME, MEMBER(driver_name), "driver-name", "NAME", NULL,
     "CSI driver whose volumes are looked after (csi.xen-orchestra.marcsi.ch)"},
    {FLAG_DISK_NAME_PREFIX, MEMBER(disk_name_prefix), "disk-name-prefix", "TEXT", NULL,
     "what a disk's name starts with, before the volume's name (csi-)"},
    {FLAG_CONTROLLERS, NO_MEMBER, "controllers", "LIST", NULL,
     "what to run, of attach,migration (both)"},
    {FLAG_FENCE, NO_MEMBER, "fence", "HOW", NULL,
     "how a disk is taken from a VM that runs, when a person says that its node is out of service "
     "or forces it: none, unplug it and warn; power-off, stop the VM by force first (none)"},
    {FLAG_OUT_OF_SERVICE_TAINT, NO_MEMBER, "out-of-service-taint", NULL, NULL,
     "taint a Node that is not ready and whose VM is off or gone, so that its Pods start elsewhere "
     "at once"},
    {FLAG_WORKERS, NO_MEMBER, "workers", "N", NULL, "keys that are worked on at once, 1 to 64 (4)"},
    {FLAG_LIVE_PER_HOST, NO_MEMBER, "live-moves-per-host", "N", NULL,
     "live moves that a host takes part in at once, at either end, 1 to 64 (3: XAPI refuses more)"},
    {FLAG_COPIES_PER_HOST, NO_MEMBER, "copies-per-host", "N", NULL,
     "copies of detached disks that a host works on at once, at either end, 1 to 64 (4)"},
    {FLAG_COPIES_PER_SR, NO_MEMBER, "copies-per-sr", "N", NULL,
     "copies that read from or write to an SR at once, 1 to 64 (4)"},
    {FLAG_API_WRITES, NO_MEMBER, "api-writes-per-second", "N", NULL,
     "writes to the API server in the long run, 1 to 1000; twice as many in a second (50)"},
    {FLAG_LISTEN, MEMBER(listen), "listen", "ADDRESS:PORT", NULL,
     "where /healthz, /readyz and /metrics are served (:8080)"},
    {FLAG_NO_LEADER_ELECTION, NO_MEMBER, "no-leader-election", NULL, NULL,
     "work without a lease; only where nothing else can run beside"},
    {FLAG_LEASE_NAMESPACE, MEMBER(lease_namespace), "leader-election-namespace", "NAME",
     "POD_NAMESPACE", "namespace of the lease (the Pod's own)"},
    {FLAG_LEASE_NAME, MEMBER(lease_name), "leader-election-id", "NAME", NULL,
     "name of the lease (xo-operator)"},
    {FLAG_EFFECTS, MEMBER(effects), "effects", "FOLDER", NULL,
     "for tests: keep a journal of everything changed, and end at the effects that it names"},
    {FLAG_CLOCK_SPEED, NO_MEMBER, "clock-speed", "N", NULL,
     "for tests: time passes N times as fast, as in a simulated Xen Orchestra, 1 to 1000 (1)"},
    {FLAG_LOG_LEVEL, NO_MEMBER, "log-level", "LEVEL", NULL, "debug, info, warn or error (info)"},
    {FLAG_LOG_FORMAT, NO_MEMBER, "log-format", "FORMAT", NULL, "text or json (text)"},
    {FLAG_VERSION, NO_MEMBER, "version", NULL, NULL, "print the version and exit"},
    {FLAG_HELP, NO_MEMBER, "help", NULL, NULL, "print this and exit"},
};

void options_print_help(FILE *stream)
{
    fputs("Usage: xo-operator [FLAG…]\n\n"
          "Moves the disks behind Kubernetes volumes between the storage repositories of Xen "
          "Orchestra,\nwhen a Pod needs them elsewhere and on request. See xo-operator(1).\n\n",
          stream);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char flag[64];
        str_join(flag, sizeof(flag), rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        fprintf(stream, "  --%-32s %s", flag, rows[i].help);
        if (rows[i].variable)
            fprintf(stream, " [$%s]", rows[i].variable);
        fputc('\n', stream);
    }
}

/* A variable that is set but empty counts as not set: that is how an optional key of a Secret
 * looks. */
static const char *from_environment(const char *variable)
{
    const char *value = getenv(variable);
    return str_empty(value) ? NULL : value;
}

/* Takes a secret out of the environment, where child processes and /proc would go on showing it. */
static struct secret *secret_from_environment(const char *variable)
{
    char *value = getenv(variable);
    if (!value || !*value)
        return NULL;
    struct secret *secret = secret_new(value, strlen(value));
    explicit_bzero(value, strlen(value));
    (void)unsetenv(variable); /* fails only for a name with '=' */
    return secret;
}

static int parse_controllers(const char *list, struct options *options, struct err *err)
{
    options->run_attach = false;
    options->run_migration = false;
    for (const char *word = list; word;) {
        const char *end = strchrnul(word, ',');
        cleanup_str char *name = mem_strndup(word, (size_t)(end - word));
        if (str_equal(name, "attach"))
            options->run_attach = true;
        else if (str_equal(name, "migration"))
            options->run_migration = true;
        else
            return err_set(err, ERR_INVALID,
                           "--controllers: \"%s\" is none; write attach, migration or "
                           "attach,migration",
                           name);
        word = *end ? end + 1 : NULL;
    }
    return 0;
}

static int parse_fence(const char *value, struct options *options, struct err *err)
{
    if (!str_equal(value, "none") && !str_equal(value, "power-off"))
        return err_set(err, ERR_INVALID, "--fence: \"%s\" is none; write none or power-off", value);
    options->fence_by_power_off = str_equal(value, "power-off");
    return 0;
}

static int apply_log(enum flag flag, const char *value, struct options *options, struct err *err)
{
    if (flag == FLAG_LOG_LEVEL) {
        if (!log_parse_level(value, &options->log_level))
            return err_set(err, ERR_INVALID,
                           "--log-level: \"%s\" is none; write debug, info, warn or error", value);
        return 0;
    }
    if (!str_equal(value, "text") && !str_equal(value, "json"))
        return err_set(err, ERR_INVALID, "--log-format: \"%s\" is none; write text or json", value);
    options->log_format = str_equal(value, "json") ? LOG_JSON : LOG_TEXT;
    return 0;
}

/* Flags with a number, and the member that takes it. */
static const struct {
    enum flag flag;
    size_t member;
    int64_t max;
} numbers[] = {{FLAG_WORKERS, MEMBER(workers), REC_WORKER_THREADS_MAX},
               {FLAG_LIVE_PER_HOST, MEMBER(slots.live_per_host), REC_SLOTS_LIMIT_MAX},
               {FLAG_COPIES_PER_HOST, MEMBER(slots.copies_per_host), REC_SLOTS_LIMIT_MAX},
               {FLAG_COPIES_PER_SR, MEMBER(slots.copies_per_sr), REC_SLOTS_LIMIT_MAX},
               {FLAG_API_WRITES, MEMBER(api_writes_per_second), API_WRITES_MAX},
               {FLAG_CLOCK_SPEED, MEMBER(clock_speed), CLOCK_SPEED_MAX}};

/* Takes the value of a flag with a number; others are left alone. */
static int apply_number(const struct flag_row *row, const char *value, struct options *options,
                        struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int64_t *number = (int64_t *)(void *)((char *)options + numbers[i].member);
        if (numbers[i].flag == row->flag && !str_parse_int64(value, 1, numbers[i].max, number))
            return err_set(err, ERR_INVALID, "--%s: \"%s\" is no number from 1 to %lld", row->name,
                           value, (long long)numbers[i].max);
    }
    return 0;
}

static int apply(const struct flag_row *row, const char *value, struct options *options,
                 enum options_action *action, struct err *err)
{
    if (row->member != NO_MEMBER) {
        *(const char **)(void *)((char *)options + row->member) = value;
        return 0;
    }
    if (row->flag == FLAG_XO_INSECURE)
        options->xo_insecure = true;
    else if (row->flag == FLAG_NO_LEADER_ELECTION)
        options->leader_election = false;
    else if (row->flag == FLAG_OUT_OF_SERVICE_TAINT)
        options->out_of_service_taint = true;
    else if (row->flag == FLAG_VERSION)
        *action = OPTIONS_VERSION;
    else if (row->flag == FLAG_HELP)
        *action = OPTIONS_HELP;
    else if (row->flag == FLAG_CONTROLLERS)
        return parse_controllers(value, options, err);
    else if (row->flag == FLAG_FENCE)
        return parse_fence(value, options, err);
    else if (row->flag == FLAG_LOG_LEVEL || row->flag == FLAG_LOG_FORMAT)
        return apply_log(row->flag, value, options, err);
    return apply_number(row, value, options, err);
}

static int check(const struct options *options, struct err *err)
{
    if (!options->xo_url)
        return err_set(err, ERR_INVALID,
                       "no address of Xen Orchestra; set --xo-url or XOA_URL, for example "
                       "https://xo.example.org");
    if (!str_starts_with(options->xo_url, "https://") &&
        !str_starts_with(options->xo_url, "http://"))
        return err_set(err, ERR_INVALID, "--xo-url: \"%s\" must start with https:// or http://",
                       options->xo_url);
    bool token = options->xo_token || options->xo_token_file;
    bool password = options->xo_password || options->xo_password_file;
    if (!token && !(options->xo_username && password))
        return err_set(err, ERR_INVALID,
                       "no credentials for Xen Orchestra; set --xo-token-file or XOA_TOKEN, or "
                       "XOA_USERNAME with XOA_PASSWORD");
    if (options->xo_insecure && options->xo_ca_file)
        return err_set(
            err, ERR_INVALID,
            "--xo-ca-file and --xo-insecure-skip-tls-verify exclude each other; drop the "
            "second");
    if (str_empty(options->driver_name) || str_empty(options->disk_name_prefix))
        return err_set(err, ERR_INVALID,
                       "--driver-name and --disk-name-prefix must not be empty; leave them out for "
                       "the defaults");
    return 0;
}

static int read_flags(int argc, char **argv, struct options *options, enum options_action *action,
                      struct err *err)
{
    struct option table[ARRAY_LEN(rows) + 1] = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        table[i] = (struct option){.name = rows[i].name,
                                   .has_arg = rows[i].argument ? required_argument : no_argument,
                                   .val = (int)rows[i].flag};
    optind = 0; /* start anew: tests parse more than once */
    for (int flag; (flag = getopt_long(argc, argv, ":", table, NULL)) != -1;) {
        if (flag == ':')
            return err_set(err, ERR_INVALID, "%s needs a value; see --help", argv[optind - 1]);
        if (flag == '?')
            return err_set(err, ERR_INVALID,
                           "%s is no flag, or has a value that it does not take; see --help",
                           argv[optind - 1]);
        if (apply(&rows[flag - FLAG_KUBECONFIG], optarg, options, action, err) < 0)
            return -1;
    }
    if (optind < argc)
        return err_set(err, ERR_INVALID, "\"%s\" is one argument too many; see --help",
                       argv[optind]);
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret, enum options_action *ret_action,
                  struct err *err)
{
    cleanup_options struct options options = {
        .driver_name = "csi.xen-orchestra.marcsi.ch",
        .disk_name_prefix = "csi-",
        .run_attach = true,
        .run_migration = true,
        .workers = REC_WORKER_THREADS,
        .slots = REC_SLOTS_DEFAULT_LIMITS,
        /* external-attacher's users raise its 5 to this */
        .api_writes_per_second = 50,
        .clock_speed = 1,
        .listen = ":8080",
        .leader_election = true,
        .lease_name = "xo-operator",
        .log_level = LOG_INFO,
        .log_format = LOG_TEXT,
    };
    enum options_action action = OPTIONS_RUN;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *value = rows[i].variable ? from_environment(rows[i].variable) : NULL;
        if (value && apply(&rows[i], value, &options, &action, err) < 0)
            return -1;
    }
    options.xo_token = secret_from_environment("XOA_TOKEN");
    options.xo_password = secret_from_environment("XOA_PASSWORD");
    if (read_flags(argc, argv, &options, &action, err) < 0)
        return -1;
    if (action == OPTIONS_RUN && check(&options, err) < 0)
        return -1;
    *ret = options;
    options.xo_token = NULL; /* handed over */
    options.xo_password = NULL;
    *ret_action = action;
    return 0;
}

void options_done(struct options *options)
{
    options->xo_token = secret_free(options->xo_token);
    options->xo_password = secret_free(options->xo_password);
}
