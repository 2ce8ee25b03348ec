/*
 * kube, 2: one page of a list, item by item. The bytes of the answer go in as they arrive; each
 * item comes out as a decoded object and is forgotten, so a page costs the memory of its largest
 * item. Thread: one page belongs to one thread.
 */
#ifndef KUBE_LIST_SPLIT_H
#define KUBE_LIST_SPLIT_H

#include "kube/json_scan.h"
#include "kube/object.h"

enum {
    /* A resourceVersion is a 64-bit number, at most 20 digits. */
    KUBE_VERSION_SIZE = 24
};

/** What the items are handed to. */
struct kube_list_sink {
    /** An object, *new*: one reference goes to the sink. */
    void (*object)(struct kube_object *object, void *userdata);
    /** An item that could not be decoded; what is known of it must be kept. All *borrowed*. */
    void (*unreadable)(const char *namespace, const char *name, const struct err *reason,
                       void *userdata);
    void *userdata;
};

/** Embedded. */
struct kube_list_split {
    struct kube_json_scan scan;
    const struct kube_kind *kind;
    struct kube_list_sink sink;
};

/** What is around the items. */
struct kube_list_head {
    char version[KUBE_VERSION_SIZE]; /* metadata.resourceVersion */
    char *next_page;                 /* metadata.continue, *new*; NULL on the last page */
};

/** Makes it ready for the first byte of an answer. */
void kube_list_split_init(struct kube_list_split *split, const struct kube_kind *kind,
                          struct kube_list_sink sink);

/** Frees what it holds. */
void kube_list_split_done(struct kube_list_split *split);

/** Takes in the next bytes. ERR_INVALID when it is no JSON or an item is no object with a name. */
int kube_list_split_feed(struct kube_list_split *split, const char *data, size_t len,
                         struct err *err) WARN_UNUSED;

/**
 * The answer has ended. ERR_TRANSIENT when it was cut; ERR_INVALID when it is no list; when it is a
 * Status instead of a list (some servers send one with HTTP 200), the error that it says.
 */
int kube_list_split_end(struct kube_list_split *split, struct kube_list_head *ret_head,
                        struct err *err) WARN_UNUSED;

#endif
