/* xo: the URL and the certificate authorities as a user writes them. */
#include "xo/endpoint.h"

#include "base/mem.h"
#include "base/str.h"
#include "xo/fake/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(xo_endpoint, .init = xo_fixture_init, .fini = xo_fixture_done);

Test(xo_endpoint, says_what_is_wrong_with_a_url_or_a_ca_file)
{
    static const char *const wrong[] = {"",
                                        "xoa.example.org",
                                        "ftp://x",
                                        "https://",
                                        "https://x:0",
                                        "https://x:99999",
                                        "https://x:y",
                                        "https://u:p@x",
                                        "https://[::1"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct err err = {0};
        struct xo_endpoint endpoint = {.url = wrong[i]};
        cr_assert_eq(xo_endpoint_read(&endpoint, NULL, &err), -1, "%s", wrong[i]);
        cr_assert_eq(err.class, ERR_INVALID, "%s", wrong[i]);
        cr_assert_null(strstr(err.message, "u:p"), "a password is never shown");
    }
    static const char *const right[] = {"https://x", "http://x:1/", "wss://x.example.org:443/api/",
                                        "ws://[::1]:80", "https://x?y"};
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        struct err err = {0};
        struct xo_endpoint endpoint = {.url = right[i]};
        cr_assert_eq(xo_endpoint_read(&endpoint, NULL, &err), 0, "%s: %s", right[i], err.message);
    }
    struct err err = {0};
    char *path cleanup_str = str_new("%s/empty.pem", xo_fixture_folder());
    struct xo_endpoint endpoint = {.url = "https://x", .ca_file = path};
    cr_assert_eq(xo_endpoint_read(&endpoint, NULL, &err), -1);
    cr_assert_eq(err.class, ERR_NOT_FOUND);
    xo_fixture_write_file(path, "nothing");
    cr_assert_eq(xo_endpoint_read(&endpoint, NULL, &err), -1);
    cr_assert_not_null(strstr(err.message, "holds no certificate"));
}

Test(xo_endpoint, takes_a_url_apart)
{
    static const struct {
        const char *url;
        struct xo_address address;
    } table[] = {
        {"https://xoa.example.org", {.host = "xoa.example.org", .port = 443, .tls = true}},
        {"http://xoa:8080/v5", {.host = "xoa", .port = 8080}},
        {"ws://10.0.0.1", {.host = "10.0.0.1", .port = 80, .numeric = true}},
        {"ws://[fd00::2]:81/x", {.host = "fd00::2", .port = 81, .numeric = true, .ipv6 = true}},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct err err = {0};
        struct xo_address address = {0};
        struct xo_endpoint endpoint = {.url = table[i].url};
        cr_assert_eq(xo_endpoint_read(&endpoint, &address, &err), 0, "%s", err.message);
        const struct xo_address *expected = &table[i].address;
        cr_assert_str_eq(address.host, expected->host);
        cr_assert_eq(address.port, expected->port, "%s", table[i].url);
        cr_assert(address.tls == expected->tls && address.ipv6 == expected->ipv6 &&
                      address.numeric == expected->numeric,
                  "%s", table[i].url);
    }
}

Test(xo_endpoint, wants_a_name_where_it_must_verify_a_certificate)
{
    struct err err = {0};
    struct xo_endpoint endpoint = {.url = "https://[::1]:443"};
    cr_assert_eq(xo_endpoint_read(&endpoint, NULL, &err), -1);
    cr_assert_not_null(strstr(err.message, "use the name"));
    endpoint.insecure = true;
    cr_assert_eq(xo_endpoint_read(&endpoint, NULL, &err), 0);
}
