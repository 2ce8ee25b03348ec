/* xosim: the loop: run what is due, sleep until the next timer or until something arrives. */
#include "xosim/server_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

struct server *server_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

int64_t server_now_us(void)
{
    return ms_to_us(clock_mono(&clock_system).ms);
}

static void emit(int level, const char *line)
{
    (void)level;
    log_debug("libwebsockets", log_str("line", line));
}

/* No pings of our own: a real Xen Orchestra sends none. The longest time that can be written is 18
 * hours. */
static const lws_retry_bo_t quiet = {.secs_since_valid_ping = UINT16_MAX,
                                     .secs_since_valid_hangup = UINT16_MAX};

static int listen_on(struct server *server, const struct endpoint *endpoint,
                     struct lws_context_creation_info *info, struct lws_vhost **ret,
                     struct err *err)
{
    info->iface = endpoint->address;
    info->port = endpoint->port;
    info->alpn = "http/1.1";
    info->retry_and_idle_policy = &quiet;
    info->keepalive_timeout =
        3600; /* s; a connection that is never answered stays as long as its client */
    *ret = lws_create_vhost(server->context, info);
    if (!*ret || lws_get_vhost_listen_port(*ret) <= 0)
        return err_set(err, ERR_REFUSED, "%s:%d: can not listen there%s", endpoint->address,
                       endpoint->port,
                       info->ssl_cert_filepath ? ", or --tls-cert and --tls-key do not fit" : "");
    return 0;
}

static int open_both(struct server *server, const struct options *options, struct err *err)
{
    struct lws_context_creation_info info = {0};
    info.vhost_name = "xen-orchestra";
    info.protocols = server->xo_protocols;
    info.extensions = server_extensions;
    if (options->tls_cert) {
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = options->tls_cert;
        info.ssl_private_key_filepath = options->tls_key;
    }
    if (listen_on(server, &options->listen, &info, &server->xo, err) != 0)
        return -1;
    info = (struct lws_context_creation_info){.vhost_name = "control",
                                              .protocols = server->control_protocols};
    return listen_on(server, &options->control, &info, &server->control, err);
}

int server_new(const struct options *options, struct site *site, struct server **ret,
               struct err *err)
{
    struct server *server = mem_alloc(sizeof(*server));
    server->site = site;
    server->away = (struct away){.listening = -1, .kept = -1};
    server->xo_protocols[0] =
        (struct lws_protocols){.name = "xo",
                               .callback = server_ws_callback,
                               .per_session_data_size = server_ws_connection_size,
                               .rx_buffer_size = SERVER_CHUNK};
    server->control_protocols[0] =
        (struct lws_protocols){.name = "control",
                               .callback = server_http_callback,
                               .per_session_data_size = server_http_connection_size};
    lws_set_log_level(LLL_ERR | LLL_WARN, emit);
    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN, .user = server};
    info.max_http_header_data = SERVER_HEADER_MAX;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   (options->tls_cert ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0);
    server->context = lws_create_context(&info);
    if (!server->context || open_both(server, options, err) != 0) {
        if (!server->context)
            err_set(err, ERR_UNKNOWN, "libwebsockets does not start");
        server_free(server);
        return -1;
    }
    server_away_init(&server->away, server_port(server));
    site_set_speed(site, options->speed, server_now_us());
    *ret = server;
    return 0;
}

static void woken(lws_sorted_usec_list_t *wake);

/* Runs what is due and sets the alarm for what is next. */
static void follow(struct server *server)
{
    int64_t now_us = server_now_us();
    site_follow(server->site, now_us);
    bool gone = server->site->xo->down && !server->site->xo->hanging;
    if (gone && !server->away.gone)
        server_hanging_done(&server->hanging);
    server_away_follow(&server->away, gone);
    int64_t due_us = site_due_in_us(server->site, now_us, ms_to_us(SERVER_WAIT_MAX_MS));
    /* The clock and poll(2) count milliseconds: to be woken earlier would be to turn in circles. */
    int64_t wake_us = ms_to_us((due_us + 999) / 1000);
    lws_sul_schedule(server->context, 0, &server->wake, woken, wake_us > 0 ? wake_us : 1);
}

/* libwebsockets may run this at the start of a wait, which then goes on: so the next alarm is set here, not only after the wait. */
static void woken(lws_sorted_usec_list_t *wake)
{
    follow(CONTAINER_OF(wake, struct server, wake));
}

void server_run(struct server *server)
{
    while (!server->stopping) {
        follow(server);
        if (lws_service(server->context, 0) < 0)
            return;
    }
}

void server_stop(struct server *server)
{
    server->stopping = 1;
    lws_cancel_service(server->context);
}

int server_port(const struct server *server)
{
    return lws_get_vhost_listen_port(server->xo);
}

int server_control_port(const struct server *server)
{
    return lws_get_vhost_listen_port(server->control);
}

struct server *server_free(struct server *server)
{
    if (!server)
        return NULL;
    if (server->context)
        lws_context_destroy(server->context);
    server_hanging_done(&server->hanging);
    server_away_done(&server->away);
    return mem_free(server);
}
