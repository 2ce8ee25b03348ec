/* reconcile: the kube port of the operator itself. */
#include "reconcile/kube_port.h"

#include "reconcile/own_writes.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <pthread.h>

struct rec_kube_port {
    struct kube_client_options client;
    struct kube_cache *caches[REC_KUBE_CACHES_MAX];
    size_t cache_count;
    struct kube_events *events;
    struct rec_own_writes *writes;
    pthread_mutex_t mutex; /* guards what is below */
    struct kube_client *idle[REC_KUBE_CLIENTS_IDLE_MAX];
    size_t idle_count;
};

struct rec_kube_port *rec_kube_port_new(const struct rec_kube_port_options *options)
{
    assert(options->cache_count <= REC_KUBE_CACHES_MAX);
    struct rec_kube_port *port = mem_alloc(sizeof(*port));
    port->client = options->client;
    port->events = options->events;
    port->cache_count = options->cache_count;
    for (size_t i = 0; i < options->cache_count; i++)
        port->caches[i] = options->caches[i];
    port->writes = rec_own_writes_new(REC_KUBE_WRITES_MAX);
    int result = pthread_mutex_init(&port->mutex, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    return port;
}

struct rec_kube_port *rec_kube_port_free(struct rec_kube_port *port)
{
    if (!port)
        return NULL;
    for (size_t i = 0; i < port->idle_count; i++)
        kube_client_free(port->idle[i]);
    rec_own_writes_free(port->writes);
    (void)pthread_mutex_destroy(&port->mutex); /* nobody uses it any more */
    return mem_free(port);
}

/* Clients */

static struct kube_client *client_take(struct rec_kube_port *port)
{
    int result = pthread_mutex_lock(&port->mutex);
    assert(result == 0);
    struct kube_client *client = port->idle_count > 0 ? port->idle[--port->idle_count] : NULL;
    result = pthread_mutex_unlock(&port->mutex);
    assert(result == 0);
    (void)result; /* asserted */
    return client ? client : kube_client_new(&port->client);
}

static void client_give(struct rec_kube_port *port, struct kube_client *client)
{
    int result = pthread_mutex_lock(&port->mutex);
    assert(result == 0);
    bool room = port->idle_count < REC_KUBE_CLIENTS_IDLE_MAX;
    if (room)
        port->idle[port->idle_count++] = client;
    result = pthread_mutex_unlock(&port->mutex);
    assert(result == 0);
    (void)result; /* asserted */
    if (!room)
        kube_client_free(client);
}

/* Reads */

static struct kube_cache *find_cache(const struct rec_kube_port *port, const struct kube_kind *kind)
{
    for (size_t i = 0; i < port->cache_count; i++) {
        if (kube_cache_kind(port->caches[i]) == kind)
            return port->caches[i];
    }
    return NULL;
}

static struct kube_cache *cache_of(const struct rec_kube_port *port, const struct kube_kind *kind)
{
    struct kube_cache *cache = find_cache(port, kind);
    assert(cache); /* a reconciler reads a kind that is not watched: a mistake in the wiring */
    return cache;
}

static bool caught_up(void *userdata, const struct kube_kind *kind, const char *namespace,
                      const char *name)
{
    struct rec_kube_port *port = userdata;
    const struct kube_cache *cache = cache_of(port, kind);
    return kube_cache_synced(cache) && rec_own_writes_seen(port->writes, cache, namespace, name);
}

static const struct kube_object *get(void *userdata, const struct kube_kind *kind,
                                     const char *namespace, const char *name)
{
    return kube_cache_get(cache_of(userdata, kind), namespace, name);
}

static struct kube_list list(void *userdata, const struct kube_kind *kind, const char *index,
                             const char *value)
{
    return kube_cache_list(cache_of(userdata, kind), index, value);
}

static int get_live(void *userdata, const struct kube_kind *kind, const char *namespace,
                    const char *name, const struct kube_object **ret, struct err *err)
{
    const struct kube_target target = {.kind = kind, .namespace = namespace, .name = name};
    struct kube_client *client = client_take(userdata);
    int result = kube_client_get(client, &target, ret, err);
    client_give(userdata, client);
    return result;
}

/* Writes */

static void remember(struct rec_kube_port *port, const struct kube_kind *kind,
                     const char *namespace, const char *name, const struct kube_written *written)
{
    const struct kube_cache *cache = find_cache(port, kind);
    if (cache && name)
        rec_own_writes_wrote(port->writes, cache, namespace, name, written->version);
}

static int patch_object(void *userdata, const struct kube_patch *patch, struct err *err)
{
    struct kube_target target = {.kind = patch->kind,
                                 .namespace = patch->namespace,
                                 .name = patch->name,
                                 .subresource = patch->subresource};
    struct kube_written written = {0};
    struct kube_client *client = client_take(userdata);
    int result = -1;
    switch (patch->patch_kind) {
    case KUBE_PATCH_MERGE:
        result = kube_client_merge_patch(client, &target, patch->body, &written, err);
        break;
    case KUBE_PATCH_APPLY_STATUS:
        target.subresource = "status";
        result = kube_client_apply(client, &target, patch->body, &written, err);
        break;
    }
    client_give(userdata, client);
    if (result == 0)
        remember(userdata, patch->kind, patch->namespace, patch->name, &written);
    return result;
}

static int create(void *userdata, const struct kube_kind *kind, const char *namespace,
                  const json_t *body, struct err *err)
{
    const struct kube_target target = {.kind = kind, .namespace = namespace};
    struct kube_written written = {0};
    struct kube_client *client = client_take(userdata);
    int result = kube_client_create(client, &target, body, &written, err);
    client_give(userdata, client);
    if (result == 0)
        remember(userdata, kind, namespace, json_str_at(body, "metadata.name"), &written);
    return result;
}

static int delete_object(void *userdata, const struct kube_kind *kind, const char *namespace,
                         const char *name, const char *uid, struct err *err)
{
    struct rec_kube_port *port = userdata;
    const struct kube_target target = {.kind = kind, .namespace = namespace, .name = name};
    struct kube_written written = {0};
    struct kube_client *client = client_take(port);
    int result = kube_client_delete(client, &target, uid, &written, err);
    client_give(port, client);
    const struct kube_cache *cache = find_cache(port, kind);
    if (result == 0 && cache) {
        remember(port, kind, namespace, name, &written);
        if (uid)
            rec_own_writes_deleted(port->writes, cache, namespace, name, uid);
    }
    return result;
}

static void record_event(void *userdata, const struct kube_event *event)
{
    struct rec_kube_port *port = userdata;
    if (port->events)
        kube_events_record(port->events, event);
}

struct kube_port rec_kube_port_functions(struct rec_kube_port *port)
{
    return (struct kube_port){
        .userdata = port,
        .caught_up = caught_up,
        .get = get,
        .list = list,
        .get_live = get_live,
        .patch = patch_object,
        .create = create,
        .delete = delete_object,
        .event = record_event,
    };
}
