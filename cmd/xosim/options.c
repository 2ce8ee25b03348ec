/* xosim: the command line. */
#include "xosim/options.h"

#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char options_help[] =
    "Usage: xosim --world FILE [flags]\n"
    "\n"
    "Simulates a Xen Orchestra and the pools behind it: JSON-RPC over WebSocket at /api/, REST at\n"
    "/rest/v0, disks that hold bytes, and a control endpoint for faults and ground truth.\n"
    "\n"
    "  --world FILE        what there is (YAML)\n"
    "  --listen ADDR:PORT  where Xen Orchestra listens (127.0.0.1:0; port 0: any free one)\n"
    "  --control ADDR:PORT where the control endpoint listens (127.0.0.1:0)\n"
    "  --state-dir DIR     keep the state there: it survives kill -9 at any moment\n"
    "  --speed N           virtual seconds per second, 0.001 to 100000 (1)\n"
    "  --seed N            makes other UUIDs and references (1)\n"
    "  --ready-file FILE   written when both endpoints listen: {\"url\": …, \"control\": …}\n"
    "  --tls-cert FILE     serve Xen Orchestra over TLS with this certificate (PEM) …\n"
    "  --tls-key FILE      … and this key (PEM)\n"
    "  --log-level LEVEL   debug, info, warn or error (info)\n"
    "  --help, --version\n"
    "\n"
    "The world and the control endpoint are described in xosim(1) and docs/xosim.md, the faults\n"
    "in docs/faults.md and by GET /faults/kinds of the control endpoint. They are:\n";

static int parse_endpoint(const char *flag, const char *text, struct endpoint *endpoint,
                          struct err *err)
{
    const char *colon = strrchr(text, ':');
    int64_t port = 0;
    char address[ADDRESS_MAX];
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (len == 0 || len >= sizeof(address) || !str_parse_int64(colon + 1, 0, 65535, &port))
        return err_set(err, ERR_INVALID,
                       "%s: found \"%.80s\"; write an IP address and a port, such as 127.0.0.1:0",
                       flag, text);
    memcpy(endpoint->address, text, len);
    endpoint->address[len] = '\0';
    endpoint->port = (int)port;
    return 0;
}

static int parse_speed(const char *text, double *ret, struct err *err)
{
    char *rest = NULL;
    double speed = strtod(text, &rest);
    if (rest == text || *rest || !isfinite(speed) || speed < 0.001 || speed > 100000)
        return err_set(err, ERR_INVALID,
                       "--speed: found \"%.40s\"; write a number from 0.001 to 100000", text);
    *ret = speed;
    return 0;
}

static int parse_seed(const char *text, uint64_t *ret, struct err *err)
{
    int64_t seed = 0;
    if (!str_parse_int64(text, 0, INT64_MAX, &seed))
        return err_set(err, ERR_INVALID, "--seed: found \"%.40s\"; write a number of 0 or more",
                       text);
    *ret = (uint64_t)seed;
    return 0;
}

static int parse_flag(struct options *options, const char *flag, const char *value, struct err *err)
{
    const struct {
        const char *name;
        const char **target;
    } texts[] = {
        {"--world", &options->world},           {"--state-dir", &options->state_dir},
        {"--ready-file", &options->ready_file}, {"--tls-cert", &options->tls_cert},
        {"--tls-key", &options->tls_key},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (str_equal(flag, texts[i].name)) {
            *texts[i].target = value;
            return 0;
        }
    }
    if (str_equal(flag, "--listen"))
        return parse_endpoint(flag, value, &options->listen, err);
    if (str_equal(flag, "--control"))
        return parse_endpoint(flag, value, &options->control, err);
    if (str_equal(flag, "--speed"))
        return parse_speed(value, &options->speed, err);
    if (str_equal(flag, "--seed"))
        return parse_seed(value, &options->seed, err);
    if (str_equal(flag, "--log-level")) {
        if (log_parse_level(value, &options->log_level))
            return 0;
        return err_set(err, ERR_INVALID,
                       "--log-level: found \"%.40s\"; write debug, info, warn or error", value);
    }
    return err_set(err, ERR_INVALID, "%.80s: there is no such flag; see --help", flag);
}

int options_parse(struct options *options, int argc, char *const *argv, struct err *err)
{
    *options = (struct options){.listen = {.address = "127.0.0.1"},
                                .control = {.address = "127.0.0.1"},
                                .speed = 1,
                                .seed = 1,
                                .log_level = LOG_INFO};
    for (int i = 1; i < argc; i++) {
        char flag[64];
        const char *value = strchr(argv[i], '=');
        options->help |= str_equal(argv[i], "--help");
        options->version |= str_equal(argv[i], "--version");
        if (options->help || options->version)
            return 0;
        str_copy(flag, sizeof(flag), argv[i]);
        if (value && (size_t)(value - argv[i]) < sizeof(flag))
            flag[value - argv[i]] = '\0';
        if (!value && ++i == argc)
            return err_set(err, ERR_INVALID, "%s: found no value; see --help", flag);
        if (parse_flag(options, flag, value ? value + 1 : argv[i], err) != 0)
            return -1;
    }
    if (!options->world)
        return err_set(err, ERR_INVALID, "--world: not found; name the description of a world");
    if (!options->tls_cert != !options->tls_key)
        return err_set(err, ERR_INVALID, "--tls-cert and --tls-key: write both or none");
    return 0;
}
