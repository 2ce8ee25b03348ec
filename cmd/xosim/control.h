/*
 * xosim: the control endpoint: what a test may ask and do that no client of Xen Orchestra could:
 * the topology, the ground truth, the bytes behind a VM's device, faults, the speed of time.
 * docs/xosim.md lists the routes. Thread: the simulator's only one.
 */
#ifndef XOSIM_CONTROL_H
#define XOSIM_CONTROL_H

#include "xosim/site.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONTROL_BODY_MAX = 65536, /* the largest is a disk's description */
    CONTROL_PATH_MAX = 1024,  /* the longest has two names of VMs or disks, 255 characters each */
    CONTROL_SEGMENTS_MAX = 6  /* the longest route has five */
};

struct control_request {
    const char *method; /* "GET", "POST", "DELETE" */
    const char *path;   /* without the query; may be percent-encoded */
    const char *body;   /* "" when there is none */
    size_t body_len;
    int64_t real_us; /* now, for a change of speed */
};

/** Answers a request: *ret_body is *new*, { "error": … } unless the status is 200 or 201. What it
 * changed is durable. Returns the status. */
int control_handle(struct site *site, const struct control_request *request, json_t **ret_body);

/** The ground truth of every disk ever made, and of every family. *New*. */
json_t *truth_describe(struct site *site);

/** One disk of it. *New*. */
json_t *truth_describe_disk(struct site *site, struct disk *disk);

#endif
