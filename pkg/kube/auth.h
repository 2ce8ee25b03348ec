/*
 * kube, 1: what is said in the Authorization header, and when it is looked up again: a token file
 * every minute, an exec plugin's token shortly before it expires, and both after a 401.
 * Thread: any; it has a lock. A plugin runs under it, so that it runs once for all who wait.
 */
#ifndef KUBE_AUTH_H
#define KUBE_AUTH_H

#include "base/clock.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/secret.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct kube_auth;

/** One variable of a plugin's environment; *borrowed*. */
struct kube_auth_env {
    const char *name;
    const char *value;
};

/* The plugins of the large clouds take about ten of each. */
enum { KUBE_AUTH_EXEC_ARGS_MAX = 64, KUBE_AUTH_EXEC_ENV_MAX = 64 };

/** How to run a client.authentication.k8s.io plugin; everything is *borrowed* and copied. */
struct kube_auth_exec {
    const char *command; /* a path, or a name to be found in PATH */
    const char *args[KUBE_AUTH_EXEC_ARGS_MAX + 1];
    size_t arg_count;
    struct kube_auth_env env[KUBE_AUTH_EXEC_ENV_MAX];
    size_t env_count;
    const char *api_version;  /* client.authentication.k8s.io/v1 or v1beta1 */
    const char *install_hint; /* NULL: none */
    const json_t *cluster;    /* for KUBERNETES_EXEC_INFO when provideClusterInfo is set; or NULL */
    int64_t deadline_ms;      /* 0: KUBE_AUTH_EXEC_DEADLINE_MS */
};

/** Nothing is said: a client certificate does. *New*. */
struct kube_auth *kube_auth_new_none(void) WARN_UNUSED;

/** A fixed token (copied). *New*. */
struct kube_auth *kube_auth_new_token(const char *token) WARN_UNUSED;

/** A token from a file, read when first needed. `clock` is *borrowed* for its life. *New*. */
struct kube_auth *kube_auth_new_token_file(const char *path, const struct clock *clock) WARN_UNUSED;

/** Name and password (copied). *New*. */
struct kube_auth *kube_auth_new_basic(const char *name, const char *password) WARN_UNUSED;

/** A plugin, run when first needed. `clock` is *borrowed* for its life. *New*. */
struct kube_auth *kube_auth_new_exec(const struct kube_auth_exec *exec,
                                     const struct clock *clock) WARN_UNUSED;

/** Wipes and frees; takes NULL, returns NULL. */
struct kube_auth *kube_auth_free(struct kube_auth *auth);

/** What to send now. All *new*; each may be NULL. */
struct kube_auth_now {
    struct secret *header; /* "Authorization: …" */
    struct secret *cert;   /* PEM, from a plugin */
    struct secret *key;    /* PEM, from a plugin */
};

/** What to send now; may read a file or run a plugin (at most KUBE_AUTH_EXEC_DEADLINE_MS). Free
 * with kube_auth_now_done(). */
int kube_auth_get(struct kube_auth *auth, struct kube_auth_now *ret, struct err *err) WARN_UNUSED;
enum { KUBE_AUTH_EXEC_DEADLINE_MS = 60 * 1000 };

/** Wipes and frees what it holds. */
void kube_auth_now_done(struct kube_auth_now *now);
#define cleanup_kube_auth_now CLEANUP(kube_auth_now_done)

/** The server refused this (401): the next kube_auth_get() looks it up again. Does nothing when it
 * was looked up again already. */
void kube_auth_refused(struct kube_auth *auth, const struct kube_auth_now *now);

#endif
