/* kube, 8: the recorder of events, over real sockets. */
#include "kube/event.h"
#include "kube/fake/http_server.h"
#include "kube/transport.h"
#include "kube/types.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards `log` */
static struct buf log_of_requests;
static int refusals; /* answered with 503 before the first that is taken */

static void serve(struct kube_fake_exchange *exchange, void *userdata)
{
    (void)userdata; /* one log for all */
    pthread_mutex_lock(&mutex);
    bool refuse = exchange->number <= refusals;
    cleanup_json json_t *body = NULL;
    cr_expect_eq(json_parse(exchange->body, strlen(exchange->body), &body, NULL), 0);
    const char *reason = json_str_at(body, "reason");
    buf_putf(&log_of_requests, "[%s %s %d]", exchange->method, reason ? reason : "-",
             (int)json_int_at(body, "series.count", 0));
    pthread_mutex_unlock(&mutex);
    kube_fake_reply(exchange, refuse ? 503 : 201, "{}");
}

struct world {
    struct kube_fake_server *server;
    struct kube_config config;
    struct kube_events *events;
};

static struct world start(void)
{
    kube_transport_init();
    struct world world = {.server = kube_fake_server_new(serve, NULL, false)};
    world.config = (struct kube_config){.source = mem_strdup("test"),
                                        .server = mem_strdup(kube_fake_server_url(world.server)),
                                        .auth = kube_auth_new_none()};
    return world;
}

static void record(struct world *world, const char *reason)
{
    kube_events_record(world->events, &(struct kube_event){.kind = &kube_kind_pod,
                                                           .namespace = "n",
                                                           .name = "p",
                                                           .uid = "u",
                                                           .reason = reason,
                                                           .action = "Test",
                                                           .message = "m"});
}

static void open_events(struct world *world)
{
    struct err err = {0};
    const struct kube_events_options options = {.config = &world->config,
                                                .controller = "xo-operator.dev/test",
                                                .instance = "i"};
    cr_assert_eq(kube_events_new(&options, &world->events, &err), 0, "%s", err.message);
}

static void stop(struct world *world)
{
    kube_fake_server_free(world->server);
    mem_free(world->config.source);
    mem_free(world->config.server);
    kube_auth_free(world->config.auth);
    buf_done(&log_of_requests);
}

Test(kube_events, are_made_once_and_then_counted)
{
    struct world world = start();
    open_events(&world);
    for (int i = 0; i < 4; i++)
        record(&world, "One");
    record(&world, "Two");
    kube_events_free(world.events);
    cr_expect_str_eq(buf_str(&log_of_requests), "[POST One 0][POST Two 0][PATCH - 4]");
    stop(&world);
}

static bool tried_twice(void *userdata)
{
    struct world *world = userdata;
    return kube_fake_server_requests(world->server) >= 2;
}

Test(kube_events, are_tried_again_when_the_server_is_overloaded)
{
    struct world world = start();
    refusals = 1;
    open_events(&world);
    record(&world, "One");
    cr_assert(kube_fake_await(tried_twice, &world));
    kube_events_free(world.events);
    cr_expect_str_eq(buf_str(&log_of_requests), "[POST One 0][POST One 0]");
    stop(&world);
}

Test(kube_events, never_wait_and_are_dropped_when_too_many_wait)
{
    struct world world = start();
    /* Without a server nothing is written; all that matters is that this comes to an end. */
    kube_fake_server_free(world.server);
    open_events(&world);
    for (int i = 0; i < 10 * KUBE_EVENTS_WAITING_MAX; i++)
        record(&world, "One");
    kube_events_free(world.events);
    cr_expect_eq(log_of_requests.len, 0);
    world.server = kube_fake_server_new(serve, NULL, false);
    stop(&world);
}
