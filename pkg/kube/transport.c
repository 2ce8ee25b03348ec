/* kube, 1: one connection to the API server. */
#include "kube/transport.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define USER_AGENT "xo-operator/" XO_VERSION

enum {
    /* A peer that no longer answers at all: probes after 5, 10 and 15 s of silence, given up at 15 to
     * 20 s; data of ours that nobody acknowledges, after 15 s. */
    KEEPALIVE_IDLE_S = 5,
    KEEPALIVE_INTERVAL_S = 5,
    KEEPALIVE_PROBES = 3,
    USER_TIMEOUT_MS = 15 * 1000
};

void kube_transport_init(void)
{
    /* Without its own signal handling libcurl leaves SIGPIPE to us: a peer that hangs up is an error
     * of that connection and must not end the process. */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int ignored = sigaction(SIGPIPE, &ignore, NULL);
    assert(ignored == 0);
    (void)ignored; /* asserted */
    CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
    assert(result == CURLE_OK);
    (void)result; /* asserted */
}

static int set_socket_options(void *userdata, curl_socket_t socket, curlsocktype purpose)
{
    (void)userdata; /* the same for all */
    (void)purpose;  /* the same */
    const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (setsockopt(socket, options[i].level, options[i].name, &options[i].value,
                       sizeof(options[i].value)) < 0)
            return CURL_SOCKOPT_ERROR;
    }
    return CURL_SOCKOPT_OK;
}

static void set_blob(CURL *curl, CURLoption option, const char *text)
{
    struct curl_blob blob = {.data = (void *)(uintptr_t)text,
                             .len = strlen(text),
                             .flags = CURL_BLOB_COPY};
    kube_transport_set(curl, option, &blob);
}

static void set_tls(CURL *curl, const struct kube_config *config)
{
    kube_transport_set(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    kube_transport_set(curl, CURLOPT_SSL_VERIFYPEER, config->insecure ? 0L : 1L);
    kube_transport_set(curl, CURLOPT_SSL_VERIFYHOST, config->insecure ? 0L : 2L);
    if (config->ca_data)
        set_blob(curl, CURLOPT_CAINFO_BLOB, config->ca_data);
    else if (config->ca_file)
        kube_transport_set(curl, CURLOPT_CAINFO, config->ca_file);
    if (config->ca_data || config->ca_file)
        kube_transport_set(curl, CURLOPT_CAPATH,
                           NULL); /* nobody but the cluster's own authority is trusted */
    if (config->cert_data)
        set_blob(curl, CURLOPT_SSLCERT_BLOB, secret_reveal(config->cert_data));
    else if (config->cert_file)
        kube_transport_set(curl, CURLOPT_SSLCERT, config->cert_file);
    if (config->key_data)
        set_blob(curl, CURLOPT_SSLKEY_BLOB, secret_reveal(config->key_data));
    else if (config->key_file)
        kube_transport_set(curl, CURLOPT_SSLKEY, config->key_file);
}

void kube_connection_init(struct kube_connection *connection, const struct kube_config *config)
{
    *connection = (struct kube_connection){.config = config};
    connection->curl = curl_easy_init();
    assert(connection->curl);
    CURL *curl = connection->curl;
    kube_transport_set(curl, CURLOPT_ERRORBUFFER, connection->error);
    kube_transport_set(curl, CURLOPT_NOSIGNAL, 1L);
    kube_transport_set(curl, CURLOPT_USERAGENT, USER_AGENT);
    kube_transport_set(curl, CURLOPT_PROTOCOLS_STR,
                       str_starts_with(config->server, "https://") ? "https" : "http");
    kube_transport_set(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    kube_transport_set(curl, CURLOPT_FOLLOWLOCATION, 0L);
    kube_transport_set(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    kube_transport_set(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)KUBE_CONNECT_MS);
    kube_transport_set(curl, CURLOPT_SOCKOPTFUNCTION, set_socket_options);
    if (config->proxy_url)
        kube_transport_set(curl, CURLOPT_PROXY, config->proxy_url);
    else if (kube_config_loopback(config->server))
        kube_transport_set(curl, CURLOPT_PROXY,
                           ""); /* a proxy from the environment is not for this machine */
    set_tls(curl, config);
}

/* The headers hold a copy of the token: wiped before it is freed. */
static void free_headers(struct kube_connection *connection)
{
    for (struct curl_slist *header = connection->headers; header; header = header->next)
        explicit_bzero(header->data, strlen(header->data));
    curl_slist_free_all(connection->headers);
    connection->headers = NULL;
    kube_auth_now_done(&connection->auth);
}

void kube_connection_done(struct kube_connection *connection)
{
    if (connection->curl)
        curl_easy_cleanup(connection->curl);
    connection->curl = NULL;
    curl_slist_free_all(connection->connect_to);
    connection->connect_to = NULL;
    free_headers(connection);
}

static void add_header(struct kube_connection *connection, const char *header)
{
    struct curl_slist *headers = curl_slist_append(connection->headers, header);
    assert(headers);
    connection->headers = headers;
}

static void add_header_value(struct kube_connection *connection, const char *name,
                             const char *value)
{
    cleanup_str char *header = str_new("%s: %s", name, value);
    add_header(connection, header);
}

/* Where the host begins and ends in the server's URL, its port included. */
static void find_authority(const char *server, size_t *ret_start, size_t *ret_end)
{
    const char *start = strstr(server, "://") + 3;
    *ret_start = (size_t)(start - server);
    *ret_end = *ret_start + strcspn(start, "/");
}

/* With tls-server-name the URL names that host, so that SNI and the certificate's check use it, and
 * the connection is made to the real one. */
static void set_url(struct kube_connection *connection, const char *path)
{
    const struct kube_config *config = connection->config;
    if (!config->tls_server_name) {
        cleanup_str char *url = str_new("%s%s", config->server, path);
        kube_transport_set(connection->curl, CURLOPT_URL, url);
        return;
    }
    size_t start = 0;
    size_t end = 0;
    find_authority(config->server, &start, &end);
    cleanup_str char *authority = mem_strndup(config->server + start, end - start);
    cleanup_str char *url =
        str_new("https://%s%s%s", config->tls_server_name, config->server + end, path);
    char *bracket = strchr(authority, ']');
    bool has_port = strchr(bracket ? bracket : authority, ':') != NULL;
    cleanup_str char *target = str_new("::%s%s", authority, has_port ? "" : ":443");
    struct curl_slist *connect_to = curl_slist_append(NULL, target);
    assert(connect_to);
    kube_transport_set(connection->curl, CURLOPT_URL, url);
    kube_transport_set(connection->curl, CURLOPT_CONNECT_TO, connect_to);
    curl_slist_free_all(connection->connect_to);
    connection->connect_to = connect_to;
    add_header_value(connection, "Host", authority);
}

static void set_body(struct kube_connection *connection, const struct kube_request *request)
{
    CURL *curl = connection->curl;
    kube_transport_set(curl, CURLOPT_POSTFIELDS,
                       NULL); /* this one also makes it a POST, so it comes first */
    kube_transport_set(curl, CURLOPT_HTTPGET, 1L);
    if (request->content_type) {
        kube_transport_set(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        kube_transport_set(curl, CURLOPT_POSTFIELDS, request->body);
        add_header_value(connection, "Content-Type", request->content_type);
        add_header(connection, "Expect:");
    }
    kube_transport_set(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

int kube_connection_prepare(struct kube_connection *connection, const struct kube_request *request,
                            struct err *err)
{
    free_headers(connection);
    connection->error[0] = '\0';
    if (kube_auth_get(connection->config->auth, &connection->auth, err) < 0)
        return err_wrap(err, "credentials for the API server (%s)", connection->config->source);
    if (connection->auth.header)
        add_header(connection, secret_reveal(connection->auth.header));
    if (connection->auth.cert) {
        set_blob(connection->curl, CURLOPT_SSLCERT_BLOB, secret_reveal(connection->auth.cert));
        set_blob(connection->curl, CURLOPT_SSLKEY_BLOB, secret_reveal(connection->auth.key));
    }
    add_header_value(connection, "Accept", request->accept ? request->accept : "application/json");
    set_url(connection, request->path);
    set_body(connection, request);
    kube_transport_set(connection->curl, CURLOPT_TIMEOUT_MS, (long)request->deadline_ms);
    kube_transport_set(connection->curl, CURLOPT_HTTPHEADER, connection->headers);
    return 0;
}

/* Failures that no later try will cure by itself. */
static bool hopeless(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return true;
    default:
        return false;
    }
}

void kube_connection_error(const struct kube_connection *connection, CURLcode code, struct err *err)
{
    const char *detail = *connection->error ? connection->error : curl_easy_strerror(code);
    (void)err_set(err, hopeless(code) ? ERR_REFUSED : ERR_TRANSIENT, "API server %s: %s",
                  connection->config->server, detail); /* it always returns -1 */
}

char *kube_escape_new(const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    struct buf escaped = {0};
    for (const char *at = text; *at; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || strchr("-._~", *at);
        unsigned char byte = (unsigned char)*at;
        char coded[3] = {'%', hex[byte >> 4], hex[byte & 15]};
        buf_put_bytes(&escaped, plain ? at : coded, plain ? 1 : sizeof(coded));
    }
    return buf_steal(&escaped);
}

char *kube_path_new(const struct kube_kind *kind, const char *namespace, const char *name,
                    const char *subresource, const char *query)
{
    struct buf path = {0};
    if (*kind->group)
        buf_putf(&path, "/apis/%s/%s", kind->group, kind->version);
    else
        buf_putf(&path, "/api/%s", kind->version);
    if (kind->namespaced && !str_empty(namespace)) {
        cleanup_str char *escaped = kube_escape_new(namespace);
        buf_putf(&path, "/namespaces/%s", escaped);
    }
    buf_putf(&path, "/%s", kind->plural);
    if (!str_empty(name)) {
        cleanup_str char *escaped = kube_escape_new(name);
        buf_putf(&path, "/%s", escaped);
    }
    if (subresource)
        buf_putf(&path, "/%s", subresource);
    if (query)
        buf_putf(&path, "?%s", query);
    return buf_steal(&path);
}
