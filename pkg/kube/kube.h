/*
 * kube: the way from the API server to a reconciler and back, in the order of the flow. Include what
 * you need; this header is the list. Thread: each header says its own.
 */
#ifndef KUBE_KUBE_H
#define KUBE_KUBE_H

/* 1 connect: where the server is, who we are, a connection to it */
#include "kube/auth.h"      /* tokens, plugins: what is said in the Authorization header */
#include "kube/config.h"    /* kubeconfig files, or from inside a Pod */
#include "kube/crd_check.h" /* whether the served CRDs are those that this program knows */
#include "kube/transport.h" /* a libcurl handle with our rules */

/* 2 watch: from bytes to typed objects */
#include "kube/json_scan.h"    /* cuts JSON text into pieces before anything is built */
#include "kube/list_split.h"   /* a list, item by item */
#include "kube/node.h"         /* a Node, the volumes that it uses, its taint */
#include "kube/object.h"       /* what an object of any kind looks like */
#include "kube/reflector.h"    /* keeps one cache equal to the server */
#include "kube/types.h"        /* the kinds of Kubernetes itself that are read */
#include "kube/watch_decode.h" /* a watch, event by event */
#include "kube/watch_state.h"  /* list, watch or wait: the pure machine */
#include "kube/watcher.h"      /* the watch thread */

/* 3 cache, 4 queue */
#include "kube/cache.h"
#include "kube/queue.h"

/* 8 what goes back */
#include "kube/client.h"  /* patch, apply, create, delete, read live */
#include "kube/event.h"   /* events, in series */
#include "kube/lease.h"   /* leader election */
#include "kube/limiter.h" /* how fast we may write */

#include "kube/metrics.h" /* what is counted of all that */

#endif
