/*
 * xo, 1: the URL and the certificate authorities of XO.
 *
 * A URL is taken apart by hand: the few forms that make sense are few, and what is wrong with
 * another one can be said.
 */
#include "xo/endpoint.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <string.h>

static int read_scheme(const char *url, struct xo_address *address, const char **ret_rest)
{
    static const struct {
        const char *prefix;
        bool tls;
    } schemes[] = {{"http://", false}, {"ws://", false}, {"https://", true}, {"wss://", true}};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (str_starts_with(url, schemes[i].prefix)) {
            address->tls = schemes[i].tls;
            *ret_rest = url + strlen(schemes[i].prefix);
            return 0;
        }
    }
    return -1;
}

static int read_url(const char *url, struct xo_address *address, struct err *err)
{
    const char *rest = NULL;
    if (str_empty(url) || strlen(url) >= XO_URL_MAX || read_scheme(url, address, &rest) < 0)
        return err_set(err, ERR_INVALID,
                       "the URL of Xen Orchestra must start with https:// (or http://, ws://, "
                       "wss://): \"%s\"",
                       url ? url : "");
    if (strchr(rest, '@')) /* not shown: it holds a password */
        return err_set(err, ERR_INVALID,
                       "the URL of Xen Orchestra must not hold a user and password: give them by "
                       "their own settings");
    size_t len = strcspn(rest, "/?#");
    size_t host_len = rest[0] == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/?#");
    const char *host = rest;
    if (rest[0] == '[' && host_len <= len) {
        host++;
        host_len -= 2;
    }
    int64_t port = address->tls ? 443 : 80;
    const char *after = host + host_len + (rest[0] == '[' ? 1 : 0);
    size_t after_len = after <= rest + len ? (size_t)(rest + len - after) : 0;
    char digits[8] = "";
    bool port_fits = after_len == 0 || (after[0] == ':' && after_len < sizeof(digits));
    if (port_fits && after_len > 0) {
        memcpy(digits, after + 1, after_len - 1);
        port_fits = str_parse_int64(digits, 1, 65535, &port);
    }
    if (host_len == 0 || host_len >= sizeof(address->host) || !port_fits)
        return err_set(err, ERR_INVALID,
                       "the URL of Xen Orchestra needs a host and, if any, a port from 1 to 65535: "
                       "\"%s\"",
                       url);
    memcpy(address->host, host, host_len);
    address->host[host_len] = '\0';
    address->port = (int)port;
    return 0;
}

static int check_ca_file(const char *path, struct err *err)
{
    struct buf text cleanup_buf = {.max = 4 << 20}; /* all public authorities are 220 kB */
    if (file_read(path, &text, err) < 0)
        return err_wrap(err, "the certificate authorities of Xen Orchestra");
    BIO *bio = BIO_new_mem_buf(buf_str(&text), (int)text.len);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool found = certificate != NULL;
    X509_free(certificate);
    BIO_free(bio);
    if (!found)
        return err_set(err, ERR_INVALID,
                       "%s holds no certificate: expected PEM, \"-----BEGIN CERTIFICATE-----\"",
                       path);
    return 0;
}

int xo_endpoint_read(const struct xo_endpoint *endpoint, struct xo_address *ret_address,
                     struct err *err)
{
    struct xo_address address = {0};
    if (read_url(endpoint->url, &address, err) < 0)
        return -1;
    struct in_addr ipv4;
    address.ipv6 = strchr(address.host, ':') != NULL;
    address.numeric = address.ipv6 || inet_pton(AF_INET, address.host, &ipv4) == 1;
    if (address.tls && address.ipv6 && !endpoint->insecure)
        return err_set(err, ERR_INVALID,
                       "the certificate of an IPv6 address cannot be verified here: use the name "
                       "of the host in \"%s\"",
                       endpoint->url);
    if (endpoint->ca_file && check_ca_file(endpoint->ca_file, err) < 0)
        return -1;
    if (ret_address)
        *ret_address = address;
    return 0;
}
