/*
 * kube, 1: where the API server is and who we are: from kubeconfig files or from inside a Pod.
 *
 * Files are read and merged as client-go does: of each name the first file that has it wins, whole;
 * of current-context the first that sets it. Paths are relative to the file that names them, and
 * files are handed to libcurl as paths, so that a certificate that is replaced is used from the
 * next connection on. Data (`…-data`) wins over paths. What can't work is an error that names file,
 * context and field.
 *
 * Thread: immutable once loaded, but for the credentials, which have a lock of their own
 * (kube/auth.h).
 */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include "kube/auth.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/secret.h"

#include <stdbool.h>

/** All strings may be NULL but `server`. */
struct kube_config {
    char *source;          /* "in-cluster", or the kubeconfig's context as messages name it */
    char *server;          /* https://host:port/prefix without a slash at its end */
    char *namespace;       /* of the context, or of the Pod we run in */
    char *tls_server_name; /* name that the server's certificate must have */
    char *proxy_url;
    char *ca_file;
    char *ca_data; /* PEM */
    char *cert_file;
    char *key_file;
    struct secret *cert_data; /* PEM */
    struct secret *key_data;  /* PEM */
    bool insecure;            /* insecure-skip-tls-verify */
    struct kube_auth *auth;   /* token, exec plugin, name and password; never NULL */
};

struct kube_config_options {
    const char
        *kubeconfig;     /* a file (the flag); NULL or "": KUBECONFIG, in-cluster, ~/.kube/config */
    const char *context; /* NULL or "": current-context */
    const struct clock *clock; /* *borrowed* for the configuration's life */
};

/** Finds and loads it. *ret is *new*. */
int kube_config_load(const struct kube_config_options *options, struct kube_config **ret,
                     struct err *err) WARN_UNUSED;

/** From a colon-separated list of kubeconfig files, of which missing ones are skipped unless there
 * is but one. */
int kube_config_load_files(const char *files, const struct kube_config_options *options,
                           struct kube_config **ret, struct err *err) WARN_UNUSED;

/** From the files that every Pod has, below `folder` (normally
 * /var/run/secrets/kubernetes.io/serviceaccount). ERR_NOT_FOUND when this is no Pod. */
int kube_config_load_in_cluster(const char *folder, const struct kube_config_options *options,
                                struct kube_config **ret, struct err *err) WARN_UNUSED;

/** What is asked of every configuration, whatever it came from: https (http for loopback only),
 * files that can be read. Cuts slashes off the end of the server's URL. */
int kube_config_check(struct kube_config *config, struct err *err) WARN_UNUSED;

/** Whether the URL's host is this machine's loopback. */
bool kube_config_loopback(const char *url);

/** Wipes and frees; takes NULL, returns NULL. Nothing that was made from it may be in use. */
struct kube_config *kube_config_free(struct kube_config *config);

DEFINE_CLEANUP(struct kube_config *, kube_config, kube_config_free)
#define cleanup_kube_config CLEANUP(cleanup_kube_config_p)

#endif
