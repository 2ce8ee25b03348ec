/* xo, tests: the WebSocket side of a Xen Orchestra, over libwebsockets. */
#include "xo/fake/server.h"

#include "base/buf.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "xo/rpc.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum how { WHOLE, CUT, CLOSE };

/** Something to send. */
struct item {
    struct item *next;
    char *text;
    enum how how;
};

struct xo_fake {
    struct loop *loop;
    struct lws_vhost *vhost;
    struct lws_protocols protocols[2];
    char url[64];
    xo_fake_script_fn *script;
    void *userdata;

    /* The loop's only: */
    struct lws *peer; /* the connection that came last */
    struct item *first, *last;
    struct buf message;
    unsigned char *frame; /* read until the socket is writable again */
    bool cutting;
    atomic_bool extensions; /* read by the test */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    struct map counts; /* method → (void *)count */
    char *token;
    json_t *world, *servers;
    bool frozen, thaw;
};

static json_t *parse(const char *text)
{
    json_t *json = NULL;
    struct err err = {0};
    if (json_parse(text, strlen(text), &json, &err) < 0)
        abort();
    return json;
}

/* Sending: from any thread by way of the loop. */

struct outgoing {
    struct xo_fake *fake;
    struct item *item;
};

static void enqueue(void *userdata)
{
    struct outgoing *outgoing = userdata;
    struct xo_fake *fake = outgoing->fake;
    if (fake->last)
        fake->last->next = outgoing->item;
    else
        fake->first = outgoing->item;
    fake->last = outgoing->item;
    if (fake->peer)
        lws_callback_on_writable(fake->peer);
    (void)mem_free(outgoing);
}

static void post(struct xo_fake *fake, char *text, enum how how)
{
    struct outgoing *outgoing = mem_alloc(sizeof(*outgoing));
    outgoing->fake = fake;
    outgoing->item = mem_alloc(sizeof(*outgoing->item));
    outgoing->item->text = text;
    outgoing->item->how = how;
    if (loop_is_current(fake->loop))
        enqueue(outgoing);
    else
        loop_post(fake->loop, enqueue, outgoing);
}

static void drop_items(struct xo_fake *fake)
{
    while (fake->first) {
        struct item *next = fake->first->next;
        (void)mem_free(fake->first->text);
        (void)mem_free(fake->first);
        fake->first = next;
    }
    fake->last = NULL;
}

void xo_fake_send(struct xo_fake *fake, const char *text)
{
    post(fake, mem_strdup(text), WHOLE);
}

void xo_fake_cut(struct xo_fake *fake, const char *text)
{
    post(fake, mem_strdup(text), CUT);
}

void xo_fake_close(struct xo_fake *fake)
{
    post(fake, mem_strdup(""), CLOSE);
}

void xo_fake_reply(struct xo_fake *fake, int64_t id, json_t *result)
{
    json_t *reply cleanup_json =
        json_build("{s:I, s:s, s:o}", "id", (json_int_t)id, "jsonrpc", "2.0", "result", result);
    post(fake, json_dump(reply), WHOLE);
}

void xo_fake_error(struct xo_fake *fake, int64_t id, json_t *error)
{
    json_t *reply cleanup_json =
        json_build("{s:I, s:s, s:o}", "id", (json_int_t)id, "jsonrpc", "2.0", "error", error);
    post(fake, json_dump(reply), WHOLE);
}

void xo_fake_notify(struct xo_fake *fake, const char *type, json_t *items)
{
    json_t *message cleanup_json =
        json_build("{s:s, s:s, s:{s:s, s:o}}", "jsonrpc", "2.0", "method", "all", "params", "type",
                   type, "items", items);
    post(fake, json_dump(message), WHOLE);
}

static int write_item(struct xo_fake *fake, struct lws *wsi)
{
    fake->frame = mem_free(fake->frame);
    if (fake->cutting)
        return -1;
    struct item *item = fake->first;
    if (!item)
        return 0;
    fake->first = item->next;
    if (!fake->first)
        fake->last = NULL;
    size_t len = strlen(item->text);
    enum how how = item->how;
    fake->frame = mem_alloc(LWS_PRE + len);
    memcpy(fake->frame + LWS_PRE, item->text, len);
    int written = 0;
    if (how != CLOSE)
        written = lws_write(wsi, fake->frame + LWS_PRE, len,
                            how == CUT ? LWS_WRITE_TEXT | LWS_WRITE_NO_FIN : LWS_WRITE_TEXT);
    (void)mem_free(item->text);
    (void)mem_free(item);
    fake->cutting = how == CUT;
    lws_callback_on_writable(wsi);
    return how == CLOSE || written < 0 ? -1 : 0;
}

/* Answering. */

static void list(struct xo_fake *fake, const struct xo_fake_request *request)
{
    const char *type = json_str_at(request->params, "filter.type");
    json_t *found = json_object();
    const char *id = NULL;
    json_t *object = NULL;
    json_object_foreach(fake->world, id, object) {
        if (str_equal(json_str_at(object, "type"), type))
            json_put(found, id, json_incref(object));
    }
    xo_fake_reply(fake, request->id, found);
}

static void answer(struct xo_fake *fake, const struct xo_fake_request *request)
{
    if (fake->script && fake->script(fake, request, fake->userdata))
        return;
    (void)pthread_mutex_lock(&fake->mutex);
    bool good = str_equal(json_str_at(request->params, "token"), fake->token);
    (void)pthread_mutex_unlock(&fake->mutex);
    if (str_equal(request->method, "session.signIn") && good)
        xo_fake_reply(fake, request->id, json_build("{s:s}", "permission", "admin"));
    else if (str_equal(request->method, "session.signIn"))
        xo_fake_error(fake, request->id,
                      json_build("{s:s, s:i}", "message", "invalid credentials", "code", 3));
    else if (str_equal(request->method, "xo.getAllObjects"))
        list(fake, request);
    else if (str_equal(request->method, "server.getAll"))
        xo_fake_reply(fake, request->id, json_incref(fake->servers));
    else
        xo_fake_reply(fake, request->id, json_true());
}

/* After the answer: who waited finds what the script did. */
static void count_call(struct xo_fake *fake, const char *method)
{
    (void)pthread_mutex_lock(&fake->mutex);
    size_t count = (size_t)(uintptr_t)map_get(&fake->counts, method);
    map_put(&fake->counts, method, (void *)(uintptr_t)(count + 1));
    (void)pthread_cond_broadcast(&fake->changed);
    (void)pthread_mutex_unlock(&fake->mutex);
}

static void on_message(struct xo_fake *fake)
{
    json_t *root cleanup_json = parse(buf_str(&fake->message));
    struct xo_fake_request request = {.id = json_int_at(root, "id", -1),
                                      .method = json_str_at(root, "method"),
                                      .params = json_object_get(root, "params")};
    answer(fake, &request);
    count_call(fake, request.method);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    const struct lws_protocols *protocol = wsi ? lws_get_protocol(wsi) : NULL;
    struct xo_fake *fake = protocol ? protocol->user : NULL;
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        atomic_store(&fake->extensions, lws_hdr_total_length(wsi, WSI_TOKEN_EXTENSIONS) > 0);
        return 0;
    case LWS_CALLBACK_ESTABLISHED:
        drop_items(fake);
        fake->cutting = false;
        fake->peer = wsi;
        return 0;
    case LWS_CALLBACK_RECEIVE:
        if (lws_is_first_fragment(wsi))
            buf_clear(&fake->message);
        buf_put_bytes(&fake->message, in, len);
        if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0)
            on_message(fake);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return wsi == fake->peer ? write_item(fake, wsi) : 0;
    case LWS_CALLBACK_CLOSED:
        if (fake->peer == wsi)
            fake->peer = NULL;
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

struct xo_fake *xo_fake_new(const struct xo_fake_options *options)
{
    struct xo_fake *fake = mem_alloc(sizeof(*fake));
    struct err err = {0};
    if (loop_new(&fake->loop, &err) < 0)
        abort();
    fake->script = options->script;
    fake->userdata = options->userdata;
    fake->token = mem_strdup(options->token ? options->token : "good");
    fake->world = parse(options->world ? options->world : "{}");
    fake->servers = parse(options->servers ? options->servers : "[]");
    (void)pthread_mutex_init(&fake->mutex, NULL);
    (void)pthread_cond_init(&fake->changed, NULL);
    fake->protocols[0] = (struct lws_protocols){.name = "fake",
                                                .callback = on_event,
                                                .rx_buffer_size = 65536,
                                                .user = fake};
    struct lws_context_creation_info info = {.iface = "127.0.0.1",
                                             .vhost_name = "fake",
                                             .protocols = fake->protocols,
                                             .ssl_cert_filepath = options->certificate_file,
                                             .ssl_private_key_filepath = options->key_file,
                                             .options = LWS_SERVER_OPTION_DISABLE_IPV6 |
                                                        (options->certificate_file
                                                             ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT
                                                             : 0)};
    fake->vhost = lws_create_vhost(loop_context(fake->loop), &info);
    if (!fake->vhost)
        abort();
    str_format(fake->url, sizeof(fake->url), "%s://127.0.0.1:%d",
               options->certificate_file ? "https" : "http",
               lws_get_vhost_listen_port(fake->vhost));
    if (loop_start(fake->loop, &err) < 0)
        abort();
    return fake;
}

struct xo_fake *xo_fake_free(struct xo_fake *fake)
{
    if (!fake)
        return NULL;
    (void)pthread_mutex_lock(&fake->mutex);
    fake->thaw = true;
    (void)pthread_cond_broadcast(&fake->changed);
    (void)pthread_mutex_unlock(&fake->mutex);
    loop_stop(fake->loop);
    (void)loop_free(fake->loop); /* with its host */
    drop_items(fake);
    (void)mem_free(fake->frame);
    buf_done(&fake->message);
    map_done(&fake->counts);
    (void)mem_free(fake->token);
    json_decref(fake->world);
    json_decref(fake->servers);
    (void)pthread_mutex_destroy(&fake->mutex);
    (void)pthread_cond_destroy(&fake->changed);
    return mem_free(fake);
}

const char *xo_fake_url(const struct xo_fake *fake)
{
    return fake->url;
}

static void freeze(void *userdata)
{
    struct xo_fake *fake = userdata;
    (void)pthread_mutex_lock(&fake->mutex);
    while (!fake->thaw)
        (void)pthread_cond_wait(&fake->changed, &fake->mutex);
    (void)pthread_mutex_unlock(&fake->mutex);
}

void xo_fake_freeze(struct xo_fake *fake)
{
    loop_post(fake->loop, freeze, fake);
}

/** A change of what it answers, made on its thread. */
struct change {
    struct xo_fake *fake;
    const char *text;
};

static void set_world(void *userdata)
{
    const struct change *change = userdata;
    json_decref(change->fake->world);
    change->fake->world = parse(change->text);
}

void xo_fake_world(struct xo_fake *fake, const char *world)
{
    loop_call(fake->loop, set_world, &(struct change){fake, world});
}

void xo_fake_token(struct xo_fake *fake, const char *token)
{
    (void)pthread_mutex_lock(&fake->mutex);
    mem_replace_str(&fake->token, token);
    (void)pthread_mutex_unlock(&fake->mutex);
}

bool xo_fake_extensions(struct xo_fake *fake)
{
    return atomic_load(&fake->extensions);
}

void xo_fake_wait(struct xo_fake *fake, const char *method, size_t count)
{
    (void)pthread_mutex_lock(&fake->mutex);
    while ((size_t)(uintptr_t)map_get(&fake->counts, method) < count)
        (void)pthread_cond_wait(&fake->changed, &fake->mutex);
    (void)pthread_mutex_unlock(&fake->mutex);
}

size_t xo_fake_count(struct xo_fake *fake, const char *method)
{
    (void)pthread_mutex_lock(&fake->mutex);
    size_t count = (size_t)(uintptr_t)map_get(&fake->counts, method);
    (void)pthread_mutex_unlock(&fake->mutex);
    return count;
}
