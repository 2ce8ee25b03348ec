/* kube, 8: leader election against a server that holds one Lease. */
#include "kube/lease.h"

#include "kube/fake/http_server.h"
#include "kube/transport.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

/* The one object, and whether the server answers at all. */
struct world {
    pthread_mutex_t mutex; /* guards what is below */
    json_t *object;
    int version;
    bool away;
    struct kube_fake_server *server;
    struct kube_config config;
};

static struct world world = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* One candidate and what it was told. */
struct candidate {
    struct kube_lease *lease;
    atomic_int acquired;
    atomic_int lost;
};

static void store(struct world *at, json_t *object)
{
    char version[16];
    str_format(version, sizeof(version), "%d", ++at->version);
    json_put_str(json_at(object, "metadata"), "resourceVersion", version);
    json_decref(at->object);
    at->object = object;
}

static int answer_locked(struct world *at, const struct kube_fake_exchange *exchange)
{
    bool read = strcmp(exchange->method, "GET") == 0;
    bool create = strcmp(exchange->method, "POST") == 0;
    if (create != !at->object && !read)
        return create ? 409 : 404;
    if (read)
        return at->object ? 200 : 404;
    cleanup_json json_t *body = NULL;
    if (json_parse(exchange->body, strlen(exchange->body), &body, NULL) < 0)
        return 400;
    const char *expected = json_str_at(at->object, "metadata.resourceVersion");
    if (!create && !str_equal(json_str_at(body, "metadata.resourceVersion"), expected))
        return 409;
    store(at, json_incref(body));
    return 200;
}

static void serve(struct kube_fake_exchange *exchange, void *userdata)
{
    struct world *at = userdata;
    pthread_mutex_lock(&at->mutex);
    bool away = at->away;
    int status = away ? 0 : answer_locked(at, exchange);
    cleanup_str char *text = status == 200 ? json_dump(at->object) : mem_strdup("{}");
    pthread_mutex_unlock(&at->mutex);
    if (away)
        kube_fake_hold(exchange);
    else
        kube_fake_reply(exchange, status, text);
}

static void acquired(void *userdata)
{
    struct candidate *candidate = userdata;
    atomic_fetch_add(&candidate->acquired, 1);
    kube_fake_changed();
}

static void lost(const struct err *reason, void *userdata)
{
    struct candidate *candidate = userdata;
    cr_expect_neq(reason->class, ERR_NONE);
    atomic_fetch_add(&candidate->lost, 1);
    kube_fake_changed();
}

static void start_world(void)
{
    kube_transport_init();
    world.server = kube_fake_server_new(serve, &world, false);
    world.config = (struct kube_config){.source = mem_strdup("test"),
                                        .server = mem_strdup(kube_fake_server_url(world.server)),
                                        .auth = kube_auth_new_none()};
}

static void stop_world(void)
{
    kube_fake_server_free(world.server);
    mem_free(world.config.source);
    mem_free(world.config.server);
    kube_auth_free(world.config.auth);
    json_decref(world.object);
}

/* Times a tenth of the real ones and less, so that a test takes a second. */
static void start(struct candidate *candidate, const char *identity)
{
    struct err err = {0};
    const struct kube_lease_options options = {.config = &world.config,
                                               .namespace = "n",
                                               .name = "l",
                                               .identity = identity,
                                               .duration_ms = 1000,
                                               .renew_within_ms = 600,
                                               .retry_ms = 30,
                                               .acquired = acquired,
                                               .lost = lost,
                                               .userdata = candidate};
    cr_assert_eq(kube_lease_new(&options, &candidate->lease, &err), 0, "%s", err.message);
}

static bool is_held(void *userdata)
{
    const struct candidate *candidate = userdata;
    return kube_lease_held(candidate->lease);
}

static bool is_lost(void *userdata)
{
    struct candidate *candidate = userdata;
    return atomic_load(&candidate->lost) > 0;
}

static char *text_of(const char *path)
{
    pthread_mutex_lock(&world.mutex);
    char *text = mem_strdup(json_str_at(world.object, path));
    pthread_mutex_unlock(&world.mutex);
    return text;
}

static void put_holder(const char *holder, int seconds)
{
    pthread_mutex_lock(&world.mutex);
    store(&world, json_build("{s:{s:s}, s:{s:s, s:i, s:i}}", "metadata", "name", "l", "spec",
                             "holderIdentity", holder, "leaseDurationSeconds", seconds,
                             "leaseTransitions", 4));
    pthread_mutex_unlock(&world.mutex);
}

static bool seen_by_other(void *userdata)
{
    const struct candidate *candidate = userdata;
    struct kube_lease_view view;
    kube_lease_look(candidate->lease, &view);
    return str_equal(view.holder, "other");
}

Test(kube_lease, is_taken_when_there_is_none_and_given_back_at_the_end)
{
    start_world();
    struct candidate one = {0};
    start(&one, "one");
    cr_assert(kube_fake_await(is_held, &one));
    cleanup_str char *holder = text_of("spec.holderIdentity");
    cr_expect_str_eq(holder, "one");
    kube_lease_free(one.lease);
    cleanup_str char *after = text_of("spec.holderIdentity");
    cr_expect_str_eq(after, "");
    cr_expect_eq(atomic_load(&one.acquired), 1);
    cr_expect_eq(atomic_load(&one.lost), 0);
    stop_world();
}

static bool renewed(void *userdata)
{
    (void)userdata; /* one world for all */
    pthread_mutex_lock(&world.mutex);
    bool enough = world.version >= 4;
    pthread_mutex_unlock(&world.mutex);
    return enough;
}

Test(kube_lease, is_renewed_with_one_request_each)
{
    start_world();
    struct candidate one = {0};
    start(&one, "one");
    cr_assert(kube_fake_await(renewed, NULL));
    kube_lease_free(one.lease);
    /* Reading that there is none, creating it, then nothing but writes. */
    cr_expect_eq(kube_fake_server_requests(world.server), world.version + 1);
    stop_world();
}

Test(kube_lease, goes_to_the_next_at_once_when_it_is_given_back)
{
    start_world();
    struct candidate one = {0};
    struct candidate two = {0};
    start(&one, "one");
    cr_assert(kube_fake_await(is_held, &one));
    start(&two, "two");
    kube_lease_free(one.lease);
    cr_assert(kube_fake_await(is_held, &two));
    cr_expect_eq(json_int_at(world.object, "spec.leaseTransitions", -1), 1);
    kube_lease_free(two.lease);
    stop_world();
}

Test(kube_lease, is_not_taken_from_a_holder_who_shows_life)
{
    start_world();
    put_holder("other", 3600);
    struct candidate one = {0};
    start(&one, "one");
    cr_assert(kube_fake_await(seen_by_other, &one));
    cr_expect_not(kube_lease_held(one.lease));
    kube_lease_free(one.lease);
    cleanup_str char *holder = text_of("spec.holderIdentity");
    cr_expect_str_eq(holder, "other");
    stop_world();
}

Test(kube_lease, is_taken_once_it_has_stood_still_for_its_duration)
{
    start_world();
    put_holder("other", 1);
    struct candidate one = {0};
    start(&one, "one");
    cr_assert(kube_fake_await(is_held, &one));
    cr_expect_eq(json_int_at(world.object, "spec.leaseTransitions", -1), 5);
    kube_lease_free(one.lease);
    stop_world();
}

Test(kube_lease, is_lost_when_somebody_else_holds_it)
{
    start_world();
    struct candidate one = {0};
    start(&one, "one");
    cr_assert(kube_fake_await(is_held, &one));
    put_holder("other", 3600);
    cr_assert(kube_fake_await(is_lost, &one));
    cr_expect_not(kube_lease_held(one.lease));
    kube_lease_free(one.lease);
    cleanup_str char *holder = text_of("spec.holderIdentity");
    cr_expect_str_eq(holder, "other");
    stop_world();
}

Test(kube_lease, is_lost_when_it_cannot_be_renewed_in_time)
{
    start_world();
    struct candidate one = {0};
    start(&one, "one");
    cr_assert(kube_fake_await(is_held, &one));
    pthread_mutex_lock(&world.mutex);
    world.away = true;
    pthread_mutex_unlock(&world.mutex);
    cr_assert(kube_fake_await(is_lost, &one));
    cr_expect_not(kube_lease_held(one.lease));
    kube_lease_free(one.lease);
    stop_world();
}
