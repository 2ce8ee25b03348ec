/* xo-operator, 8: what /healthz, /readyz and /metrics answer, asked over HTTP, with real parts that
 * reach neither Kubernetes nor Xen Orchestra. */
#include "health.h"

#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/config.h"
#include "kube/types.h"
#include "xo/fake/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CACHES = 2 };

static struct clock test_clock;
static atomic_int_fast64_t later_ms; /* how far the tests' clock is ahead of the system's */
static struct kube_config *config;
static struct kube_cache *caches[CACHES];
static struct kube_watcher *watcher;
static struct loop *loop;
static struct metrics *metrics;
static struct xo_inventory *inventory;
static struct xo_fake *fake; /* NULL: Xen Orchestra is not there */
static struct secret *token;
static struct xo_session *session;
static struct health *health;
static struct http_server *server;

static struct mono_time now_mono(void *userdata)
{
    (void)userdata;
    return mono_add(clock_mono(&clock_system), atomic_load(&later_ms));
}

static void make_session(void)
{
    struct err err = {0};
    inventory = xo_inventory_new(&clock_system);
    /* A token that is not there yet: it waits for it, and says so. */
    struct xo_session_options options = {.loop = loop,
                                         .inventory = inventory,
                                         .clock = &clock_system,
                                         .endpoint = {.url = "http://127.0.0.1:1"},
                                         .token_file = "/nonexistent/token"};
    if (fake) {
        options.endpoint.url = xo_fake_url(fake);
        options.token_file = NULL;
        options.token = token = secret_new("good", 4);
    }
    cr_assert_eq(xo_session_new(&options, &session, &err), 0, "%s", err.message);
}

static void make_watcher(void)
{
    static const struct kube_kind *const kinds[CACHES] = {&kube_kind_node, &kube_kind_csi_node};
    config = mem_alloc(sizeof(*config));
    config->server = mem_strdup("https://127.0.0.1:1");
    config->auth = kube_auth_new_none();
    watcher = kube_watcher_new();
    for (size_t i = 0; i < CACHES; i++) {
        caches[i] = kube_cache_new(kinds[i]);
        kube_watcher_add(watcher, &(struct kube_reflector_options){.config = config,
                                                                   .cache = caches[i],
                                                                   .clock = &clock_system});
    }
}

static void setup(void)
{
    struct err err = {0};
    cr_assert_eq(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
    cr_assert_eq(loop_new(&loop, &err), 0, "%s", err.message);
    test_clock = clock_system;
    test_clock.now_mono = now_mono;
    metrics = metrics_new();
    make_watcher();
    make_session();
    health = health_new(&(struct health_parts){.clock = &test_clock,
                                               .metrics = metrics,
                                               .watcher = watcher,
                                               .caches = caches,
                                               .cache_count = CACHES,
                                               .session = session,
                                               .inventory = inventory});
    cr_assert_eq(http_server_new(loop, "127.0.0.1:0", &server, &err), 0, "%s", err.message);
    health_serve(health, server);
    cr_assert_eq(loop_start(loop, &err), 0, "%s", err.message);
}

static void teardown(void)
{
    loop_stop(loop);
    server = http_server_free(server);
    session = xo_session_free(session);
    health = health_free(health);
    inventory = xo_inventory_free(inventory);
    watcher = kube_watcher_free(watcher);
    for (size_t i = 0; i < CACHES; i++)
        caches[i] = kube_cache_free(caches[i]);
    metrics = metrics_free(metrics);
    loop = loop_free(loop);
    fake = xo_fake_free(fake);
    token = secret_free(token);
    config = kube_config_free(config);
    curl_global_cleanup();
}

TestSuite(operator_health, .init = setup, .fini = teardown, .timeout = 60);

/* The whole answer to a GET. *New*. */
static char *ask(const char *path)
{
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cr_assert_eq(connect(descriptor, (const struct sockaddr *)&address, sizeof(address)), 0);
    cleanup_str char *request =
        str_new("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    cr_assert_eq(write(descriptor, request, strlen(request)), (ssize_t)strlen(request));
    cleanup_buf struct buf answer = {0};
    char piece[4096];
    for (ssize_t len; (len = read(descriptor, piece, sizeof(piece))) > 0;)
        buf_put_bytes(&answer, piece, (size_t)len);
    (void)close(descriptor); /* all was read */
    return buf_steal(&answer);
}

static void take_in_lists(void)
{
    for (size_t i = 0; i < CACHES; i++) {
        kube_cache_replace_begin(caches[i]);
        kube_cache_replace_end(caches[i]);
    }
}

#define cr_assert_has(text, part)                                                                  \
    cr_assert_not_null(strstr((text), (part)), "'%s' is not in: %s", (part), (text))

Test(operator_health, is_not_ready_at_first_and_says_of_every_part_why)
{
    cleanup_str char *answer = ask("/readyz");
    cr_assert(str_starts_with(answer, "HTTP/1.1 503"), "%s", answer);
    cr_assert_has(answer, "[-] nodes: not listed yet\n");
    cr_assert_has(answer, "[-] csinodes: not listed yet\n");
    cr_assert_has(answer, "[-] crd: not compared yet\n");
    cr_assert_has(answer, "[-] xen-orchestra: ");
    cr_assert_has(answer, "[+] leader: no election\n");
    cr_assert(str_ends_with(answer, "not ready\n"), "%s", answer);
}

Test(operator_health, marks_the_parts_that_are_well)
{
    take_in_lists();
    health_set_crd(health, &(struct err){0});
    cleanup_str char *answer = ask("/readyz");
    cr_assert_has(answer, "[+] nodes: synced\n");
    cr_assert_has(answer, "[+] csinodes: synced\n");
    cr_assert_has(answer, "[+] crd: as this version expects\n");
    /* XO is still away. */
    cr_assert(str_starts_with(answer, "HTTP/1.1 503"), "%s", answer);
}

Test(operator_health, repeats_what_was_found_about_the_crd)
{
    struct err found = {0};
    (void)err_set(&found, ERR_REFUSED, "the CRD is older than this version; apply crds/");
    health_set_crd(health, &found);
    cleanup_str char *answer = ask("/readyz");
    cr_assert_has(answer, "[-] crd: the CRD is older than this version; apply crds/\n");
}

Test(operator_health, is_alive_while_the_watch_thread_goes_round_and_not_when_it_hangs)
{
    struct err err = {0};
    cr_assert_eq(kube_watcher_start(watcher, &err), 0, "%s", err.message);
    cleanup_str char *alive = ask("/healthz");
    cr_assert(str_starts_with(alive, "HTTP/1.1 200"), "%s", alive);
    atomic_store(&later_ms, 3600 * 1000);
    cleanup_str char *stuck = ask("/healthz");
    cr_assert(str_starts_with(stuck, "HTTP/1.1 503"), "%s", stuck);
    cr_assert_has(stuck, "the watch thread has not gone round for ");
    atomic_store(&later_ms, 0);
}

Test(operator_health, counts_objects_and_says_which_kinds_are_synced)
{
    cleanup_str char *before = ask("/metrics");
    cr_assert_has(before, "xo_operator_cache_synced{kind=\"Node\"} 0\n");
    take_in_lists();
    cleanup_str char *after = ask("/metrics");
    cr_assert_has(after, "xo_operator_cache_synced{kind=\"Node\"} 1\n");
    cr_assert_has(after, "xo_operator_cache_objects{kind=\"Node\"} 0\n");
    cr_assert_has(after, "xo_operator_xo_session_up 0\n");
    cr_assert_has(after, "xo_operator_xo_inventory_objects{type=\"VDI\"} 0\n");
    cr_assert_has(after, "leader_election_master_status 1\n");
}

/* With a Xen Orchestra that is connected to one of its two servers. */

static void setup_with_xen_orchestra(void)
{
    fake = xo_fake_new(&(struct xo_fake_options){
        .world = "{\"p\":{\"type\":\"pool\",\"name_label\":\"one\"}}",
        .servers = "[{\"id\":\"1\",\"host\":\"10.0.0.1\",\"enabled\":true,\"status\":\"connected\","
                   "\"poolId\":\"p\"},{\"id\":\"2\",\"host\":\"10.0.0.2\",\"label\":\"pool-b\","
                   "\"enabled\":true,\"status\":\"disconnected\",\"error\":{\"message\":"
                   "\"connect ENETUNREACH\"}}]"});
    setup();
}

TestSuite(operator_health_sight, .init = setup_with_xen_orchestra, .fini = teardown, .timeout = 60);

Test(operator_health_sight, is_ready_while_a_server_is_out_of_sight_and_names_it)
{
    take_in_lists();
    health_set_crd(health, &(struct err){0});
    cleanup_str char *answer = ask("/readyz");
    while (!str_starts_with(answer, "HTTP/1.1 200")) { /* it signs in and lists meanwhile */
        (void)mem_free(answer);                        /* returns NULL, by convention */
        answer = ask("/readyz");
    }
    cr_assert_has(answer, "[!] xen-orchestra: connected to Xen Orchestra at http://127.0.0.1:");
    cr_assert_has(answer, "; Xen Orchestra is not connected to server 10.0.0.2 (pool-b) since ");
    cr_assert_has(answer, ": connect ENETUNREACH; see Settings > Servers in Xen Orchestra\n");
}

Test(operator_health_sight, counts_the_servers_that_are_out_of_sight)
{
    cleanup_str char *answer = ask("/metrics");
    while (!strstr(answer, "xo_operator_xo_servers_out_of_sight 1\n")) {
        (void)mem_free(answer); /* returns NULL, by convention */
        answer = ask("/metrics");
    }
    cr_assert_has(answer, "xo_operator_xo_inventory_objects{type=\"pool\"} 1\n");
}
