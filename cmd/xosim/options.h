/* xosim: the command line. Thread: main, before anything else runs. */
#ifndef XOSIM_OPTIONS_H
#define XOSIM_OPTIONS_H

#include "base/err.h"
#include "base/log.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

enum { ADDRESS_MAX = 64 /* of an IP address */ };

/** Where to listen. */
struct endpoint {
    char address[ADDRESS_MAX];
    int port; /* 0: any free one */
};

/** Texts are *borrowed* from argv. */
struct options {
    const char *world;
    struct endpoint listen;
    struct endpoint control;
    const char *state_dir;
    double speed;
    uint64_t seed;
    const char *ready_file;
    const char *tls_cert;
    const char *tls_key;
    enum log_level log_level;
    bool help;
    bool version;
};

/** The text of --help; static. */
extern const char options_help[];

/** Reads a command line. Errors name the flag, what was found and what to write. */
int options_parse(struct options *options, int argc, char *const *argv,
                  struct err *err) WARN_UNUSED;

#endif
