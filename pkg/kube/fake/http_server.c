/* kube: for tests: a small HTTP/1.1 server on loopback for tests. */
#include "kube/fake/http_server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 64, /* a test makes a handful */
    AWAIT_S = 20,         /* far longer than anything awaited takes */
    LOOK_MS = 20
};

struct connection {
    struct kube_fake_server *server;
    int socket;
    SSL *tls;
    bool close;
    char pending[131072]; /* read, not yet used */
    size_t pending_len;
};

struct kube_fake_server {
    kube_fake_handler_fn *handler;
    void *userdata;
    int listener;
    int stop; /* eventfd: readable once it is to end */
    char url[64];
    SSL_CTX *tls;
    char *certificate;
    char *key;
    pthread_t acceptor;
    pthread_t threads[CONNECTIONS_MAX]; /* the acceptor's */
    size_t thread_count;
    pthread_mutex_t mutex; /* guards what is below */
    int requests;
    int connections;
};

/* Awaiting */

/* Guards nothing: it is what the condition needs. */
static pthread_mutex_t change_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;

void kube_fake_changed(void)
{
    pthread_mutex_lock(&change_mutex);
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&change_mutex);
}

bool kube_fake_await(bool (*holds)(void *userdata), void *userdata)
{
    struct mono_time end = mono_add(clock_mono(&clock_system), AWAIT_S * 1000);
    bool held = false;
    /* Not every change is announced: look again every LOOK_MS, too. */
    while (!(held = holds(userdata)) && clock_mono(&clock_system).ms < end.ms) {
        const struct timespec until = clock_deadline(LOOK_MS);
        pthread_mutex_lock(&change_mutex);
        (void)pthread_cond_clockwait(&change, &change_mutex, CLOCK_MONOTONIC,
                                     &until); /* why it ended is found out by looking */
        pthread_mutex_unlock(&change_mutex);
    }
    return held;
}

/* Bytes */

static bool wait_readable(const struct connection *connection)
{
    if (connection->tls && SSL_pending(connection->tls) > 0)
        return true;
    struct pollfd fds[] = {{.fd = connection->socket, .events = POLLIN},
                           {.fd = connection->server->stop, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
    return !(fds[1].revents & POLLIN);
}

static ssize_t receive(struct connection *connection, char *target, size_t size)
{
    if (!wait_readable(connection))
        return 0;
    if (connection->tls)
        return SSL_read(connection->tls, target, (int)size);
    return recv(connection->socket, target, size, 0);
}

static void transmit(struct connection *connection, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = connection->tls ? SSL_write(connection->tls, data, (int)len)
                                       : send(connection->socket, data, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data += sent;
        len -= (size_t)sent;
    }
}

void kube_fake_send(struct kube_fake_exchange *exchange, const char *text)
{
    transmit(exchange->connection, text, strlen(text));
}

void kube_fake_reply_with(struct kube_fake_exchange *exchange, int status, const char *header,
                          const char *body)
{
    cleanup_str char *text =
        str_new("HTTP/1.1 %d Status\r\nContent-Type: application/json\r\nContent-Length: "
                "%zu\r\n%s%s\r\n%s",
                status, strlen(body), header, *header ? "\r\n" : "", body);
    kube_fake_send(exchange, text);
}

void kube_fake_reply(struct kube_fake_exchange *exchange, int status, const char *body)
{
    kube_fake_reply_with(exchange, status, "", body);
}

void kube_fake_stream_begin(struct kube_fake_exchange *exchange)
{
    kube_fake_send(exchange, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

void kube_fake_stream_send(struct kube_fake_exchange *exchange, const char *text)
{
    cleanup_str char *chunk = str_new("%zx\r\n%s\r\n", strlen(text), text);
    kube_fake_send(exchange, chunk);
}

void kube_fake_stream_end(struct kube_fake_exchange *exchange)
{
    kube_fake_send(exchange, "0\r\n\r\n");
}

void kube_fake_hold(struct kube_fake_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    char byte;
    while (receive(connection, &byte, 1) > 0)
        continue;
    connection->close = true;
}

void kube_fake_close(struct kube_fake_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    connection->close = true;
}

/* Requests */

static bool fill(struct connection *connection)
{
    size_t room = sizeof(connection->pending) - connection->pending_len - 1;
    assert(room > 0);
    ssize_t len = receive(connection, connection->pending + connection->pending_len, room);
    if (len <= 0)
        return false;
    connection->pending_len += (size_t)len;
    connection->pending[connection->pending_len] = '\0';
    return true;
}

static size_t content_length(const char *header)
{
    const char *line = strcasestr(header, "\r\nContent-Length:");
    size_t length = 0;
    for (const char *at = line ? line + 17 : ""; *at == ' ' || (*at >= '0' && *at <= '9'); at++)
        length = *at == ' ' ? length : length * 10 + (size_t)(*at - '0');
    return length;
}

static bool read_request(struct connection *connection, struct kube_fake_exchange *exchange)
{
    char *end = NULL;
    while (!(end = strstr(connection->pending, "\r\n\r\n"))) {
        if (!fill(connection))
            return false;
    }
    size_t header_len = (size_t)(end - connection->pending) + 4;
    assert(header_len < sizeof(exchange->header));
    memcpy(exchange->header, connection->pending, header_len);
    exchange->header[header_len] = '\0';
    const char *space = strchr(exchange->header, ' ');
    const char *path_end = strchr(space + 1, ' ');
    str_format(exchange->method, sizeof(exchange->method), "%.*s", (int)(space - exchange->header),
               exchange->header);
    str_format(exchange->path, sizeof(exchange->path), "%.*s", (int)(path_end - space - 1),
               space + 1);
    size_t body_len = content_length(exchange->header);
    assert(body_len < sizeof(exchange->body));
    while (connection->pending_len < header_len + body_len) {
        if (!fill(connection))
            return false;
    }
    memcpy(exchange->body, connection->pending + header_len, body_len);
    exchange->body[body_len] = '\0';
    size_t used = header_len + body_len;
    memmove(connection->pending, connection->pending + used, connection->pending_len - used + 1);
    connection->pending_len -= used;
    return true;
}

static void serve(struct connection *connection)
{
    struct kube_fake_server *server = connection->server;
    struct kube_fake_exchange *exchange = mem_alloc(sizeof(*exchange));
    exchange->server = server;
    exchange->connection = connection;
    while (!connection->close && read_request(connection, exchange)) {
        pthread_mutex_lock(&server->mutex);
        exchange->number = ++server->requests;
        pthread_mutex_unlock(&server->mutex);
        server->handler(exchange, server->userdata);
        kube_fake_changed();
    }
    mem_free(exchange);
}

static void *run_connection(void *userdata)
{
    struct connection *connection = userdata;
    bool ready = true;
    pthread_mutex_lock(&connection->server->mutex);
    connection->server->connections++;
    pthread_mutex_unlock(&connection->server->mutex);
    if (connection->server->tls) {
        connection->tls = SSL_new(connection->server->tls);
        SSL_set_fd(connection->tls, connection->socket);
        ready = SSL_accept(connection->tls) == 1;
    }
    if (ready)
        serve(connection);
    SSL_free(connection->tls);
    close(connection->socket);
    mem_free(connection);
    return NULL;
}

static void *run_acceptor(void *userdata)
{
    struct kube_fake_server *server = userdata;
    for (;;) {
        struct pollfd fds[] = {{.fd = server->listener, .events = POLLIN},
                               {.fd = server->stop, .events = POLLIN}};
        while (poll(fds, 2, -1) < 0 && errno == EINTR)
            continue;
        if (fds[1].revents & POLLIN)
            break;
        struct connection *connection = mem_alloc(sizeof(*connection));
        connection->server = server;
        connection->socket = accept(server->listener, NULL, NULL);
        assert(connection->socket >= 0 && server->thread_count < CONNECTIONS_MAX);
        pthread_create(&server->threads[server->thread_count++], NULL, run_connection, connection);
    }
    for (size_t i = 0; i < server->thread_count; i++)
        pthread_join(server->threads[i], NULL);
    return NULL;
}

/* TLS */

static X509 *certificate_new(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"kube.test", -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "DNS:kube.test,IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

/* What was written to it, which is empty afterwards; *new*. */
static char *text_of(BIO *memory)
{
    char *text = NULL;
    long len = BIO_get_mem_data(memory, &text);
    char *copy = mem_strndup(text, (size_t)len);
    BIO_reset(memory);
    return copy;
}

static void set_up_tls(struct kube_fake_server *server)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = certificate_new(key);
    server->tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(server->tls, certificate);
    SSL_CTX_use_PrivateKey(server->tls, key);
    BIO *memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, certificate);
    server->certificate = text_of(memory);
    PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL);
    server->key = text_of(memory);
    BIO_free(memory);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* Life */

struct kube_fake_server *kube_fake_server_new(kube_fake_handler_fn *handler, void *userdata,
                                              bool tls)
{
    struct kube_fake_server *server = mem_alloc(sizeof(*server));
    server->handler = handler;
    server->userdata = userdata;
    pthread_mutex_init(&server->mutex, NULL);
    server->stop = eventfd(0, EFD_CLOEXEC);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int result = bind(server->listener, (struct sockaddr *)&address, len);
    result |= listen(server->listener, CONNECTIONS_MAX);
    result |= getsockname(server->listener, (struct sockaddr *)&address, &len);
    assert(server->stop >= 0 && result == 0);
    (void)result; /* asserted */
    str_format(server->url, sizeof(server->url), "http%s://127.0.0.1:%d", tls ? "s" : "",
               ntohs(address.sin_port));
    if (tls)
        set_up_tls(server);
    pthread_create(&server->acceptor, NULL, run_acceptor, server);
    return server;
}

struct kube_fake_server *kube_fake_server_free(struct kube_fake_server *server)
{
    if (!server)
        return NULL;
    ssize_t written = write(server->stop, &(uint64_t){1}, sizeof(uint64_t));
    assert(written == sizeof(uint64_t));
    (void)written; /* asserted */
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    close(server->stop);
    SSL_CTX_free(server->tls);
    mem_free(server->certificate);
    mem_free(server->key);
    pthread_mutex_destroy(&server->mutex);
    return mem_free(server);
}

const char *kube_fake_server_url(const struct kube_fake_server *server)
{
    return server->url;
}

const char *kube_fake_server_certificate(const struct kube_fake_server *server)
{
    return server->certificate;
}

int kube_fake_server_requests(struct kube_fake_server *server)
{
    pthread_mutex_lock(&server->mutex);
    int requests = server->requests;
    pthread_mutex_unlock(&server->mutex);
    return requests;
}

int kube_fake_server_connections(struct kube_fake_server *server)
{
    pthread_mutex_lock(&server->mutex);
    int connections = server->connections;
    pthread_mutex_unlock(&server->mutex);
    return connections;
}

const char *kube_fake_server_key(const struct kube_fake_server *server)
{
    return server->key;
}

void kube_fake_server_ask_for_certificate(struct kube_fake_server *server)
{
    X509_STORE_add_cert(SSL_CTX_get_cert_store(server->tls), SSL_CTX_get0_certificate(server->tls));
    SSL_CTX_set_verify(server->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}
