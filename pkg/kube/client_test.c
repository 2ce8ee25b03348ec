/* kube, 8: requests over real sockets.
 * Covers transport.c. */
#include "kube/client.h"
#include "kube/fake/http_server.h"
#include "kube/transport.h"
#include "kube/types.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLAIM                                                                                      \
    "{\"metadata\":{\"name\":\"c\",\"namespace\":\"n\",\"resourceVersion\":\"12\"},\"spec\":{"     \
    "\"volumeName\":\"v\"}}"

/* A server, a configuration for it and a client. */
struct world {
    struct kube_fake_server *server;
    struct kube_config config;
    struct kube_client *client;
    struct kube_fake_exchange last; /* what the server was asked last */
};

static struct world world;

static const struct kube_target claim = {.kind = &kube_kind_claim, .namespace = "n", .name = "c"};

static void start(kube_fake_handler_fn *handler, bool tls, int64_t deadline_ms)
{
    kube_transport_init();
    world.server = kube_fake_server_new(handler, &world, tls);
    world.config =
        (struct kube_config){.source = mem_strdup("test"),
                             .server = mem_strdup(kube_fake_server_url(world.server)),
                             .ca_data = mem_strdup(kube_fake_server_certificate(world.server)),
                             .auth = kube_auth_new_token("s3cret")};
    world.client = kube_client_new(
        &(struct kube_client_options){.config = &world.config, .deadline_ms = deadline_ms});
}

static void stop(void)
{
    kube_client_free(world.client);
    kube_fake_server_free(world.server);
    mem_free(world.config.source);
    mem_free(world.config.server);
    mem_free(world.config.ca_data);
    mem_free(world.config.tls_server_name);
    kube_auth_free(world.config.auth);
}

static int get(struct err *err)
{
    cleanup_kube_object const struct kube_object *object = NULL;
    return kube_client_get(world.client, &claim, &object, err);
}

static void answer_claim(struct kube_fake_exchange *exchange, void *userdata)
{
    struct world *seen = userdata;
    seen->last = *exchange;
    kube_fake_reply(exchange, 200, CLAIM);
}

Test(kube_client, reads_an_object_with_our_token_and_name)
{
    start(answer_claim, false, 0);
    struct err err = {0};
    const struct kube_object *object = NULL;
    cr_assert_eq(kube_client_get(world.client, &claim, &object, &err), 0, "%s", err.message);
    cr_expect_str_eq(kube_claim_of(object)->volume_name, "v");
    cr_expect_str_eq(world.last.path, "/api/v1/namespaces/n/persistentvolumeclaims/c");
    cr_expect(strstr(world.last.header, "\r\nAuthorization: Bearer s3cret\r\n"));
    cr_expect(strstr(world.last.header, "\r\nUser-Agent: xo-operator/"));
    kube_object_unref(object);
    stop();
}

Test(kube_client, reads_again_after_a_write_on_the_same_connection)
{
    start(answer_claim, false, 0);
    struct err err = {0};
    cleanup_json json_t *body = json_build("{s:{s:s}}", "metadata", "name", "c");
    struct kube_written written = {0};
    cr_assert_eq(kube_client_create(world.client, &claim, body, &written, &err), 0);
    cr_expect_str_eq(written.version, "12");
    cr_expect_str_eq(world.last.method, "POST");
    cr_expect_str_eq(world.last.path,
                     "/api/v1/namespaces/n/persistentvolumeclaims?fieldManager=xo-operator");
    cr_assert_eq(get(&err), 0, "%s", err.message);
    cr_expect_str_eq(world.last.method, "GET");
    cr_expect_str_eq(world.last.body, "");
    cr_expect_null(strcasestr(world.last.header, "Content-Type"));
    stop();
}

Test(kube_client, applies_status_by_force_as_its_field_manager)
{
    start(answer_claim, false, 0);
    struct err err = {0};
    struct kube_target status = claim;
    status.subresource = "status";
    cleanup_json json_t *body = json_build("{s:{s:s}}", "status", "phase", "Done");
    cr_assert_eq(kube_client_apply(world.client, &status, body, NULL, &err), 0, "%s", err.message);
    cr_expect_str_eq(world.last.method, "PATCH");
    cr_expect(str_ends_with(world.last.path, "/c/status?fieldManager=xo-operator&force=true"));
    cr_expect(strstr(world.last.header, "Content-Type: application/apply-patch+yaml\r\n"));
    cr_expect_str_eq(world.last.body,
                     "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{"
                     "\"name\":\"c\",\"namespace\":\"n\"},\"status\":{\"phase\":\"Done\"}}");
    stop();
}

Test(kube_client, deletes_only_the_object_that_it_means)
{
    start(answer_claim, false, 0);
    struct err err = {0};
    struct kube_written written = {0};
    cr_assert_eq(kube_client_delete(world.client, &claim, "u-1", &written, &err), 0);
    cr_expect_str_eq(world.last.method, "DELETE");
    cr_expect(strstr(world.last.body, "\"preconditions\":{\"uid\":\"u-1\"}"));
    cr_expect_str_eq(written.version, "12");
    stop();
}

static void refuse_once(struct kube_fake_exchange *exchange, void *userdata)
{
    (void)userdata; /* not needed */
    kube_fake_reply(exchange, exchange->number == 1 ? 401 : 200, CLAIM);
}

Test(kube_client, asks_once_more_after_a_401)
{
    start(refuse_once, false, 0);
    struct err err = {0};
    cr_assert_eq(get(&err), 0, "%s", err.message);
    cr_expect_eq(kube_fake_server_requests(world.server), 2);
    stop();
}

static void refuse_always(struct kube_fake_exchange *exchange, void *userdata)
{
    (void)userdata; /* not needed */
    kube_fake_reply(exchange, 401,
                    "{\"kind\":\"Status\",\"message\":\"Unauthorized\",\"code\":401}");
}

Test(kube_client, says_whose_credentials_are_refused_and_does_not_show_them)
{
    start(refuse_always, false, 0);
    struct err err = {0};
    cr_assert_eq(get(&err), -1);
    cr_expect_eq(kube_fake_server_requests(world.server), 2);
    cr_expect_eq(err.class, ERR_TRANSIENT);
    cr_expect(strstr(err.message, "does not accept our credentials (test)"), "%s", err.message);
    cr_expect_null(strstr(err.message, "s3cret"));
    stop();
}

static void overloaded(struct kube_fake_exchange *exchange, void *userdata)
{
    (void)userdata; /* not needed */
    kube_fake_reply_with(exchange, 429, "Retry-After: 7", "slow down");
}

Test(kube_client, passes_on_how_long_the_server_wants_to_be_left_alone)
{
    start(overloaded, false, 0);
    struct err err = {0};
    cr_assert_eq(get(&err), -1);
    cr_expect_eq(err.class, ERR_TRANSIENT);
    cr_expect_eq(err.retry_after_ms, 7000);
    cr_expect_eq(kube_fake_server_requests(world.server), 1);
    stop();
}

static void redirect(struct kube_fake_exchange *exchange, void *userdata)
{
    (void)userdata; /* not needed */
    kube_fake_reply_with(exchange, 302, "Location: /elsewhere", "");
}

Test(kube_client, follows_no_redirect)
{
    start(redirect, false, 0);
    struct err err = {0};
    cr_assert_eq(get(&err), -1);
    cr_expect_eq(err.class, ERR_REFUSED);
    cr_expect_eq(err.status, 302);
    cr_expect_eq(kube_fake_server_requests(world.server), 1);
    stop();
}

static void say_nothing(struct kube_fake_exchange *exchange, void *userdata)
{
    (void)userdata; /* not needed */
    kube_fake_hold(exchange);
}

Test(kube_client, gives_up_at_its_deadline)
{
    start(say_nothing, false, 50);
    struct err err = {0};
    cr_assert_eq(get(&err), -1);
    cr_expect_eq(err.class, ERR_TRANSIENT);
    stop();
}

static void cut(struct kube_fake_exchange *exchange, void *userdata)
{
    (void)userdata; /* not needed */
    kube_fake_send(exchange, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"metadata\":{");
    kube_fake_close(exchange);
}

Test(kube_client, takes_a_cut_answer_for_none)
{
    start(cut, false, 0);
    struct err err = {0};
    cr_assert_eq(get(&err), -1);
    cr_expect_eq(err.class, ERR_TRANSIENT);
    stop();
}

static void endless(struct kube_fake_exchange *exchange, void *userdata)
{
    (void)userdata; /* not needed */
    kube_fake_send(exchange, "HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n");
    cleanup_str char *block = mem_alloc(1 << 20);
    memset(block, 'x', (1 << 20) - 1);
    for (int i = 0; i < 17; i++)
        kube_fake_send(exchange, block);
    kube_fake_close(exchange);
}

Test(kube_client, ends_an_answer_that_is_too_long)
{
    start(endless, false, 0);
    struct err err = {0};
    cr_assert_eq(get(&err), -1);
    cr_expect_eq(err.class, ERR_REFUSED);
    cr_expect(strstr(err.message, "longer than 16 MiB"), "%s", err.message);
    stop();
}

Test(kube_client, cannot_reach_a_server_that_is_not_there)
{
    start(answer_claim, false, 0);
    kube_fake_server_free(world.server);
    struct err err = {0};
    cr_expect_eq(get(&err), -1);
    cr_expect_eq(err.class, ERR_TRANSIENT);
    cr_expect(strstr(err.message, "API server http://127.0.0.1:"), "%s", err.message);
    world.server = kube_fake_server_new(answer_claim, &world, false);
    stop();
}

Test(kube_client, trusts_the_authority_of_the_configuration)
{
    start(answer_claim, true, 0);
    struct err err = {0};
    cr_expect_eq(get(&err), 0, "%s", err.message);
    stop();
}

Test(kube_client, checks_the_certificate_for_the_configured_name_instead_of_the_address)
{
    start(answer_claim, true, 0);
    world.config.tls_server_name = mem_strdup("kube.test");
    struct err err = {0};
    cr_expect_eq(get(&err), 0, "%s", err.message);
    cr_expect(strstr(world.last.header, "\r\nHost: 127.0.0.1:"), "%s", world.last.header);
    mem_replace_str(&world.config.tls_server_name, "other.test");
    cr_expect_eq(get(&err), -1);
    cr_expect_eq(err.class, ERR_REFUSED, "%s", err.message);
    stop();
}

Test(kube_client, refuses_a_certificate_of_another_authority)
{
    start(answer_claim, true, 0);
    struct kube_fake_server *other = kube_fake_server_new(answer_claim, &world, true);
    mem_replace_str(&world.config.ca_data, kube_fake_server_certificate(other));
    kube_client_free(world.client);
    world.client = kube_client_new(&(struct kube_client_options){.config = &world.config});
    struct err err = {0};
    cr_expect_eq(get(&err), -1);
    cr_expect_eq(err.class, ERR_REFUSED, "%s", err.message);
    cr_expect_eq(kube_fake_server_requests(world.server), 0);
    kube_fake_server_free(other);
    stop();
}

Test(kube_client, shows_its_own_certificate_when_it_is_asked_for_one)
{
    start(answer_claim, true, 0);
    kube_fake_server_ask_for_certificate(world.server);
    struct err err = {0};
    cr_expect_eq(get(&err), -1);
    const char *cert = kube_fake_server_certificate(world.server);
    const char *key = kube_fake_server_key(world.server);
    world.config.cert_data = secret_new(cert, strlen(cert));
    world.config.key_data = secret_new(key, strlen(key));
    kube_client_free(world.client);
    world.client = kube_client_new(&(struct kube_client_options){.config = &world.config});
    cr_expect_eq(get(&err), 0, "%s", err.message);
    world.config.cert_data = secret_free(world.config.cert_data);
    world.config.key_data = secret_free(world.config.key_data);
    stop();
}

Test(kube_client, takes_any_certificate_only_when_told_so)
{
    start(answer_claim, true, 0);
    world.config.ca_data = mem_free(world.config.ca_data);
    world.config.insecure = true;
    kube_client_free(world.client);
    world.client = kube_client_new(&(struct kube_client_options){.config = &world.config});
    struct err err = {0};
    cr_expect_eq(get(&err), 0, "%s", err.message);
    stop();
}

static int option_of(curl_socket_t socket, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    cr_assert_eq(getsockopt(socket, level, name, &value, &len), 0);
    return value;
}

Test(kube_connection, lets_tcp_find_a_peer_that_has_vanished_within_20_seconds)
{
    start(answer_claim, false, 0);
    struct kube_connection connection;
    kube_connection_init(&connection, &world.config);
    struct err err = {0};
    const struct kube_request request = {.method = "GET", .path = "/x", .deadline_ms = 5000};
    cr_assert_eq(kube_connection_prepare(&connection, &request, &err), 0);
    cr_assert_eq(curl_easy_setopt(connection.curl, CURLOPT_NOBODY, 1L), CURLE_OK);
    (void)curl_easy_perform(connection.curl); /* the socket is what counts */
    curl_socket_t socket = CURL_SOCKET_BAD;
    cr_assert_eq(curl_easy_getinfo(connection.curl, CURLINFO_ACTIVESOCKET, &socket), CURLE_OK);
    int idle = option_of(socket, IPPROTO_TCP, TCP_KEEPIDLE);
    int interval = option_of(socket, IPPROTO_TCP, TCP_KEEPINTVL);
    int probes = option_of(socket, IPPROTO_TCP, TCP_KEEPCNT);
    cr_expect_eq(option_of(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
    cr_expect_leq(idle + interval * probes, 20);
    cr_expect_leq(option_of(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), 20000);
    kube_connection_done(&connection);
    stop();
}

Test(kube_path, escapes_names_and_knows_groups_and_namespaces)
{
    static const struct kube_kind custom = {.group = "g.example",
                                            .version = "v2",
                                            .plural = "things",
                                            .namespaced = true};
    cleanup_str char *core = kube_path_new(&kube_kind_node, NULL, "a/b?c d", NULL, NULL);
    cr_expect_str_eq(core, "/api/v1/nodes/a%2Fb%3Fc%20d");
    cleanup_str char *one = kube_path_new(&custom, "n", "t", "status", "a=b");
    cr_expect_str_eq(one, "/apis/g.example/v2/namespaces/n/things/t/status?a=b");
    cleanup_str char *all = kube_path_new(&custom, NULL, NULL, NULL, NULL);
    cr_expect_str_eq(all, "/apis/g.example/v2/things");
}
