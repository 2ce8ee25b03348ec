/* xo: one connection and what ends it, TLS among it, over real sockets. */
#include "xo/connection.h"

#include "base/mem.h"
#include "base/str.h"
#include "xo/fake/fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(xo_connection, .init = xo_fixture_init, .fini = xo_fixture_done, .timeout = 60);

/* The connection. */

Test(xo_connection, lists_again_after_a_reconnection_and_removes_what_has_gone)
{
    xo_fixture_connect(NULL, xo_fixture_one_disk);
    xo_fake_world(xo_fixture.fake, "{\"p\":{\"type\":\"pool\"},"
                                   "\"e\":{\"type\":\"VDI\",\"name_label\":\"csi-y\"}}");
    xo_fake_close(xo_fixture.fake);
    xo_fixture_wait_ready(2);
    cr_assert(xo_fixture_has_disk("e"));
    cr_assert_not(xo_fixture_has_disk("d"));
    cr_assert(xo_fixture_fresh());
}

static bool cut_listing(struct xo_fake *fake, const struct xo_fake_request *request, void *userdata)
{
    (void)userdata;
    static int times;
    if (!str_equal(json_str_at(request->params, "filter.type"), "VDI") || times++ > 0)
        return false;
    xo_fake_cut(fake, "{\"jsonrpc\":\"2.0\",\"id\":6,\"result\":{\"d\":{\"type\":");
    return true;
}

Test(xo_connection, starts_over_when_the_connection_is_cut_in_the_middle_of_a_message)
{
    struct xo_fake_options options = {.script = cut_listing, .world = xo_fixture_one_disk};
    xo_fixture.fake = xo_fake_new(&options);
    struct xo_session_options session = xo_fixture_options();
    xo_fixture_start(&session);
    xo_fixture_wait_ready(1);
    cr_assert(xo_fixture_has_disk("d"));
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "session.signIn"), 2);
    cr_assert_not_null(strstr(xo_fixture.texts, "lost the connection to ws://127.0.0.1:"));
}

Test(xo_connection, gives_up_on_an_upgrade_that_is_never_answered)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    cr_assert_eq(bind(listener, (const struct sockaddr *)&at, len), 0);
    cr_assert_eq(listen(listener, 8), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    char url[64];
    str_format(url, sizeof(url), "http://127.0.0.1:%u", (unsigned int)ntohs(at.sin_port));
    struct xo_session_options session = xo_fixture_options();
    session.endpoint = (struct xo_endpoint){.url = url, .handshake_ms = 50};
    xo_fixture_start(&session);
    xo_fixture_wait_text("the WebSocket upgrade was not answered within 50 ms");
    close(listener);
}

Test(xo_connection, goes_through_all_addresses_of_a_name)
{
    xo_fixture.fake = xo_fake_new(&(struct xo_fake_options){.world = xo_fixture_one_disk});
    struct xo_session_options session = xo_fixture_options();
    char url[64]; /* localhost may have an IPv6 address as well, where nobody listens */
    str_format(url, sizeof(url), "http://localhost%s", strrchr(xo_fake_url(xo_fixture.fake), ':'));
    session.endpoint.url = url;
    xo_fixture_start(&session);
    xo_fixture_wait_ready(1);
    cr_assert(xo_fixture_has_disk("d"));
}

Test(xo_connection, says_that_nobody_listens)
{
    struct xo_session_options session = xo_fixture_options();
    session.endpoint = (struct xo_endpoint){.url = "http://127.0.0.1:1", .handshake_ms = 20000};
    xo_fixture_start(&session);
    xo_fixture_wait_text("cannot connect to ws://127.0.0.1:1/api/: ");
}

Test(xo_connection, notices_a_peer_that_has_gone_silent)
{
    struct xo_fake_options options = {.world = xo_fixture_one_disk};
    xo_fixture.fake = xo_fake_new(&options);
    struct xo_session_options session = xo_fixture_options();
    session.endpoint.ping_ms = 100;
    session.endpoint.silence_ms = 500;
    session.endpoint.handshake_ms = 60000;
    xo_fixture_start(&session);
    xo_fixture_wait_ready(1);
    xo_fixture_forget_texts();
    xo_fake_freeze(xo_fixture.fake);
    xo_fixture_wait_text("the peer has gone silent");
    cr_assert_not(xo_fixture_fresh());
}

static bool no_listing(struct xo_fake *fake, const struct xo_fake_request *request, void *userdata)
{
    (void)fake;
    (void)userdata;
    return str_equal(request->method, "xo.getAllObjects");
}

Test(xo_connection, starts_over_when_xo_does_not_answer_a_listing)
{
    struct xo_fake_options options = {.script = no_listing};
    xo_fixture.fake = xo_fake_new(&options);
    struct xo_session_options session = xo_fixture_options();
    session.times.answer_ms = 50;
    xo_fixture_start(&session);
    xo_fixture_wait_text("did not answer within 50 ms while listing its objects");
    xo_fake_wait(xo_fixture.fake, "session.signIn", 2);
}

Test(xo_connection, starts_over_on_a_frame_that_it_can_not_read)
{
    xo_fixture_connect(NULL, xo_fixture_one_disk);
    xo_fake_send(xo_fixture.fake, "{\"jsonrpc\":\"2.0\",\"method\":\"all\",\"params\":");
    xo_fixture_wait_ready(2);
    cr_assert_not_null(strstr(xo_fixture.texts, "a message from XO is no JSON"));
}

Test(xo_connection,
     offers_no_compression_for_a_plain_message_after_that_was_agreed_is_read_for_ever)
{
    xo_fixture_connect(NULL, xo_fixture_one_disk);
    cr_assert_not(xo_fake_extensions(xo_fixture.fake));
}

Test(xo_connection, takes_a_listing_of_many_megabytes)
{
    json_t *objects cleanup_json = json_object();
    for (int i = 0; i < 10000; i++) {
        char id[64];
        str_format(id, sizeof(id), "%08x-0000-4000-8000-%012x", (unsigned int)i * 2654435761U,
                   (unsigned int)i);
        json_put(
            objects, id,
            json_build("{s:s, s:s, s:s, s:s, s:[], s:s}", "type", "VDI", "name_label", id,
                       "name_description", "csi:info: {\"srsWithTag\":\"k8s-local\"}", "$SR", id,
                       "tags", "padding",
                       "a field that nobody here reads, of which a real XO has a dozen or more"));
    }
    char *text cleanup_str = json_dump(objects);
    xo_fixture_connect(NULL, text);
    const struct xo_inventory *read = xo_inventory_read(xo_fixture.inventory);
    cr_assert_eq(xo_inventory_counts(read).disks, 10000);
    xo_inventory_unread(read);
}

/* TLS. */

static void start_tls(const char *name, const char *ca_file, bool insecure)
{
    char *certificate cleanup_str = NULL;
    char *key cleanup_str = NULL;
    xo_fake_certificate(xo_fixture_folder(), name, &certificate, &key);
    xo_fixture.fake = xo_fake_new(&(struct xo_fake_options){.certificate_file = certificate,
                                                            .key_file = key,
                                                            .world = xo_fixture_one_disk});
    struct xo_session_options session = xo_fixture_options();
    session.endpoint.insecure = insecure;
    session.endpoint.ca_file = ca_file;
    xo_fixture_start(&session);
}

Test(xo_connection, verifies_the_certificate_with_the_given_authority)
{
    char *ca_file cleanup_str = str_new("%s/certificate.pem", xo_fixture_folder());
    start_tls(NULL, ca_file, false);
    xo_fixture_wait_ready(1);
    cr_assert(xo_fixture_has_disk("d"));
}

Test(xo_connection, refuses_a_certificate_that_nobody_vouches_for)
{
    start_tls(NULL, NULL, false);
    xo_fixture_wait_text("its certificate is not trusted: self-signed certificate");
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "session.signIn"), 0, "no token goes out");
}

Test(xo_connection, refuses_a_certificate_of_another_name)
{
    char *ca_file cleanup_str = str_new("%s/certificate.pem", xo_fixture_folder());
    start_tls("other.example.org", ca_file, false);
    xo_fixture_wait_text("its certificate is not trusted: IP address mismatch");
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "session.signIn"), 0);
}

Test(xo_connection, takes_any_certificate_only_when_it_is_told_to)
{
    start_tls("other.example.org", NULL, true);
    xo_fixture_wait_ready(1);
}
