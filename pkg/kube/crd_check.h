/*
 * kube, 1: whether a CustomResourceDefinition that the cluster serves is the one that this program was
 * built for, by an annotation that holds the version of its schema. Thread: that of the client.
 */
#ifndef KUBE_CRD_CHECK_H
#define KUBE_CRD_CHECK_H

#include "kube/client.h"

/** The annotation on each of our CRDs; its value is a whole number, raised with each change of the
 * schema. */
#define KUBE_CRD_SCHEMA_VERSION "migration.xo-operator.dev/schema-version"

enum kube_crd_verdict {
    KUBE_CRD_MATCHES,
    KUBE_CRD_MISSING,   /* it is not installed */
    KUBE_CRD_OLDER,     /* older than this program, or of unknown age */
    KUBE_CRD_NEWER,     /* newer than this program */
    KUBE_CRD_UNREADABLE /* could not be looked at; `text` says why */
};

struct kube_crd_finding {
    enum kube_crd_verdict verdict;
    char text
        [ERR_MESSAGE_MAX]; /* a sentence that says what was found and what to do; "" if MATCHES */
};

/** Looks at the CRD `name` ("<plural>.<group>"), of which `version` is the one built in. Reads only its
 * metadata; needs the verb get on it. */
struct kube_crd_finding kube_crd_check(struct kube_client *client, const char *name,
                                       int64_t version) WARN_UNUSED;

/** The judgement alone: `annotation` is what the CRD says, or NULL. */
struct kube_crd_finding kube_crd_judge(const char *name, const char *annotation,
                                       int64_t version) WARN_UNUSED;

#endif
