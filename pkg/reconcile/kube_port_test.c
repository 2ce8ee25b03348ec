/* reconcile: the kube port over real sockets, with a cache that lags behind. */
#include "reconcile/kube_port.h"

#include "kube/fake/http_server.h"
#include "kube/transport.h"
#include "kube/types.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static struct kube_fake_exchange last; /* what the server was asked last */

struct world {
    struct kube_fake_server *server;
    struct kube_config config;
    struct kube_cache *cache;
    struct rec_kube_port *port;
    struct kube_port kube;
};

static struct world world;

/* Every write makes version 20; the name "gone" is not there. */
static void serve(struct kube_fake_exchange *exchange, void *userdata)
{
    (void)userdata; /* one log for all */
    last = *exchange;
    if (strstr(exchange->path, "/gone"))
        kube_fake_reply(exchange, 404, "{\"kind\":\"Status\",\"message\":\"not found\"}");
    else
        kube_fake_reply(exchange, 200,
                        "{\"metadata\":{\"name\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"20\"}}");
}

static void start(void)
{
    kube_transport_init();
    world.server = kube_fake_server_new(serve, NULL, false);
    world.config = (struct kube_config){.source = mem_strdup("test"),
                                        .server = mem_strdup(kube_fake_server_url(world.server)),
                                        .auth = kube_auth_new_none()};
    world.cache = kube_cache_new(&kube_kind_node);
    world.port =
        rec_kube_port_new(&(struct rec_kube_port_options){.client = {.config = &world.config},
                                                          .caches = &world.cache,
                                                          .cache_count = 1});
    world.kube = rec_kube_port_functions(world.port);
}

static void sync_cache(uint64_t version)
{
    kube_cache_replace_begin(world.cache);
    kube_cache_replace_end(world.cache);
    kube_cache_set_version(world.cache, version);
}

static void stop(void)
{
    rec_kube_port_free(world.port);
    kube_fake_server_free(world.server);
    kube_cache_free(world.cache);
    mem_free(world.config.source);
    mem_free(world.config.server);
    kube_auth_free(world.config.auth);
}

static bool caught_up(const char *name)
{
    return world.kube.caught_up(world.kube.userdata, &kube_kind_node, NULL, name);
}

static void patch(enum kube_patch_kind kind)
{
    cleanup_json json_t *body = json_build("{s:{s:s}}", "status", "phase", "x");
    const struct kube_patch what = {.patch_kind = kind,
                                    .kind = &kube_kind_node,
                                    .name = "n",
                                    .body = body};
    struct err err = {0};
    cr_assert_eq(world.kube.patch(world.kube.userdata, &what, &err), 0, "%s", err.message);
}

Test(rec_kube_port, is_not_caught_up_before_the_first_list)
{
    start();
    cr_expect_not(caught_up("n"));
    sync_cache(10);
    cr_expect(caught_up("n"));
    stop();
}

Test(rec_kube_port, is_not_caught_up_until_the_cache_shows_its_own_patch)
{
    start();
    sync_cache(10);
    patch(KUBE_PATCH_MERGE);
    cr_expect_str_eq(last.path, "/api/v1/nodes/n?fieldManager=xo-operator");
    cr_expect_not(caught_up("n"));
    cr_expect_not(caught_up(NULL));
    cr_expect(caught_up("other"));
    kube_cache_set_version(world.cache, 20);
    cr_expect(caught_up("n"));
    stop();
}

Test(rec_kube_port, applies_status_on_its_subresource)
{
    start();
    sync_cache(10);
    patch(KUBE_PATCH_APPLY_STATUS);
    cr_expect_str_eq(last.path, "/api/v1/nodes/n/status?fieldManager=xo-operator&force=true");
    cr_expect_not(caught_up("n"));
    stop();
}

Test(rec_kube_port, is_not_caught_up_until_the_cache_shows_what_it_created)
{
    start();
    sync_cache(10);
    cleanup_json json_t *body = json_build("{s:{s:s}}", "metadata", "name", "n");
    struct err err = {0};
    cr_assert_eq(world.kube.create(world.kube.userdata, &kube_kind_node, NULL, body, &err), 0);
    cr_expect_str_eq(last.method, "POST");
    cr_expect_not(caught_up("n"));
    stop();
}

Test(rec_kube_port, passes_on_that_an_object_is_gone_and_remembers_no_write)
{
    start();
    sync_cache(10);
    struct err err = {0};
    cr_expect_eq(world.kube.delete(world.kube.userdata, &kube_kind_node, NULL, "gone", "u", &err),
                 -1);
    cr_expect_eq(err.class, ERR_NOT_FOUND);
    cr_expect(caught_up("gone"));
    const struct kube_object *object = NULL;
    cr_expect_eq(world.kube.get_live(world.kube.userdata, &kube_kind_node, NULL, "gone", &object,
                                     &err),
                 -1);
    cr_expect_eq(err.class, ERR_NOT_FOUND);
    stop();
}

Test(rec_kube_port, reads_live_what_the_cache_does_not_have)
{
    start();
    sync_cache(10);
    struct err err = {0};
    cr_expect_null(world.kube.get(world.kube.userdata, &kube_kind_node, NULL, "n"));
    const struct kube_object *object = NULL;
    cr_assert_eq(world.kube.get_live(world.kube.userdata, &kube_kind_node, NULL, "n", &object,
                                     &err),
                 0);
    cr_expect_str_eq(object->resource_version, "20");
    kube_object_unref(object);
    stop();
}

Test(rec_kube_port, uses_one_connection_for_one_worker)
{
    start();
    sync_cache(10);
    for (int i = 0; i < 5; i++)
        patch(KUBE_PATCH_MERGE);
    cr_expect_eq(kube_fake_server_requests(world.server), 5);
    cr_expect_eq(kube_fake_server_connections(world.server), 1);
    stop();
}
