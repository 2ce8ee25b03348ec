/*
 * xo, 7: a host name's address.
 *
 * A detached thread asks and posts the answer. It and the loop share one object with two references;
 * cancelling takes the loop out of it, so a thread that is stuck in the resolver finds nobody to
 * tell, and frees the object when it ends.
 */
#include "xo/resolve.h"

#include "base/mem.h"
#include "base/str.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { ADDRESS_MAX = 64 /* an IPv6 address with a zone is shorter */ };

struct xo_resolution {
    char *host;
    size_t turn;
    xo_resolved_fn *resolved;
    void *userdata;

    pthread_mutex_t mutex; /* guards what follows, until the answer is posted */
    struct loop *loop;     /* NULL: cancelled */
    size_t references;
    char address[ADDRESS_MAX];
    struct err err;
};

static void lock(struct xo_resolution *resolution)
{
    if (pthread_mutex_lock(&resolution->mutex) != 0)
        abort(); /* only a deadlock or a broken mutex fails: a bug */
}

/* Unlocks and drops a reference. */
static void unlock_and_drop(struct xo_resolution *resolution)
{
    bool last = --resolution->references == 0;
    (void)pthread_mutex_unlock(&resolution->mutex); /* held: cannot fail */
    if (!last)
        return;
    (void)pthread_mutex_destroy(&resolution->mutex); /* not held: cannot fail */
    (void)mem_free(resolution->host);                /* both return NULL, by convention */
    (void)mem_free(resolution);
}

static void tell(void *userdata)
{
    struct xo_resolution *resolution = userdata;
    lock(resolution);
    bool cancelled = resolution->loop == NULL;
    resolution->loop = NULL;
    (void)pthread_mutex_unlock(&resolution->mutex); /* held: cannot fail */
    if (!cancelled)
        resolution->resolved(resolution->address[0] ? resolution->address : NULL, &resolution->err,
                             resolution->userdata);
    lock(resolution);
    unlock_and_drop(resolution);
}

/* The address of number `turn`, of all there are. */
static int pick(const struct addrinfo *list, size_t turn, char address[static ADDRESS_MAX])
{
    size_t count = 0;
    for (const struct addrinfo *info = list; info; info = info->ai_next)
        count++;
    if (count == 0)
        return EAI_NONAME;
    const struct addrinfo *chosen = list;
    for (size_t i = 0; i < turn % count; i++)
        chosen = chosen->ai_next;
    return getnameinfo(chosen->ai_addr, chosen->ai_addrlen, address, ADDRESS_MAX, NULL, 0,
                       NI_NUMERICHOST);
}

static void *ask(void *userdata)
{
    struct xo_resolution *resolution = userdata;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    char address[ADDRESS_MAX] = "";
    int result = getaddrinfo(resolution->host, NULL, &hints, &list);
    if (result == 0) {
        result = pick(list, resolution->turn, address);
        freeaddrinfo(list);
    }
    lock(resolution);
    if (result == 0)
        str_copy(resolution->address, sizeof(resolution->address), address);
    else
        (void)err_set(&resolution->err, ERR_TRANSIENT, "the name %s has no address: %s",
                      resolution->host, gai_strerror(result)); /* always -1 */
    if (resolution->loop) /* under the lock: nobody cancels, so the loop is there */
        loop_post(resolution->loop, tell, resolution);
    else
        resolution->references--; /* nobody will be told */
    unlock_and_drop(resolution);
    return NULL;
}

/* Starts the thread, with all signals left to the main thread. */
static int start(struct xo_resolution *resolution)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) != 0)
        abort(); /* glibc fails none of these */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* cannot fail with these arguments */
    int failed = pthread_create(&thread, &attributes, ask, resolution);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* likewise */
    (void)pthread_attr_destroy(&attributes);           /* nothing to free in glibc */
    return failed;
}

struct xo_resolution *xo_resolve(struct loop *loop, const char *host, size_t turn,
                                 xo_resolved_fn *resolved, void *userdata)
{
    struct xo_resolution *resolution = mem_alloc(sizeof(*resolution));
    resolution->host = mem_strdup(host);
    resolution->turn = turn;
    resolution->resolved = resolved;
    resolution->userdata = userdata;
    resolution->loop = loop;
    resolution->references = 2; /* the thread's, and the answer's */
    if (pthread_mutex_init(&resolution->mutex, NULL) != 0)
        abort(); /* glibc never fails for a default mutex */
    int failed = start(resolution);
    if (failed) {
        (void)err_set_errno(&resolution->err, failed, "cannot ask for the address of %s", host);
        resolution->references = 1;
        loop_post(loop, tell, resolution);
    }
    return resolution;
}

struct xo_resolution *xo_resolution_cancel(struct xo_resolution *resolution)
{
    if (!resolution)
        return NULL;
    lock(resolution);
    resolution->loop = NULL;
    (void)pthread_mutex_unlock(&resolution->mutex); /* held: cannot fail */
    return NULL;
}
