/* xosim: fuzz target: requests to the REST API: the first line is the method, path and query, the second a Cookie header, the rest the
 * body, in the default world. */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/site.h"
#include "xosim/world.h"

#include <stdint.h>
#include <string.h>

static const char yaml[] = "users: [{email: a, password: b}]\n"
                           "tokens: [{token: t, user: a}]\n"
                           "pools: [{name: p}]\n"
                           "hosts: [{name: h, pool: p}]\n"
                           "srs: [{name: s, host: h, size: 1 GiB, uuid: "
                           "a0000000-0000-4000-8000-000000005a01}]\n"
                           "vms: [{name: v, host: h}]\n"
                           "disks: [{name: d, sr: s, size: 10 MiB, uuid: "
                           "a0000000-0000-4000-8000-0000000d0a01}]\n";

static void on_head(void *userdata, int status, const char *headers, int64_t length)
{
    (void)userdata;
    (void)status;
    (void)headers;
    (void)length;
}

static void on_data(void *userdata, const void *data, size_t len)
{
    (void)userdata;
    (void)data;
    (void)len;
}

static void on_end(void *userdata)
{
    (void)userdata;
}

static void on_pause(void *userdata, bool paused)
{
    (void)userdata;
    (void)paused;
}

/* The text up to the next separator, which is stepped over. *New*. */
static char *take(const char **at, const char *separators)
{
    size_t len = strcspn(*at, separators);
    char *text = str_new("%.*s", (int)len, *at);
    *at += len + ((*at)[len] != '\0');
    return text;
}

static void ask(struct site *site, const char *text)
{
    static const struct rest_client client = {
        .head = on_head, .data = on_data, .end = on_end, .cut = on_end, .pause = on_pause};
    cleanup_str char *line = take(&text, "\n");
    cleanup_str char *cookie = take(&text, "\n");
    const char *at = line;
    cleanup_str char *method = take(&at, " ");
    cleanup_str char *path = take(&at, "?");
    cleanup_json json_t *params = json_object();
    while (*at) {
        cleanup_str char *part = take(&at, "&");
        rest_param_add(params, part);
    }
    const struct rest_request request = {.method = method,
                                         .path = path,
                                         .params = params,
                                         .cookie = cookie,
                                         .content_length = (int64_t)strlen(text)};
    struct rest_exchange *exchange = rest_exchange_new(site->rest, &request, &client);
    timers_run_until(&site->timers, site->timers.now_us + ms_to_us(1000));
    rest_exchange_body(exchange, text, strlen(text));
    rest_exchange_body_end(exchange);
    timers_run_until(&site->timers, site->timers.now_us + ms_to_us(1000));
    rest_exchange_drained(exchange);
    rest_exchange_free(exchange);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_world struct world world = {0};
    cleanup_buf struct buf text = {0};
    struct site *site = NULL;
    struct err err = {0};
    buf_put_bytes(&text, data, size);
    if (world_read(&world, "fuzz.yaml", yaml, sizeof(yaml) - 1, &err) != 0)
        __builtin_trap();
    const struct site_options options = {.world = &world, .seed = 1, .wall_base_ms = 1000000};
    if (site_new(&options, &site, &err) != 0)
        __builtin_trap();
    ask(site, buf_str(&text));
    timers_run_until(&site->timers, site->timers.now_us + ms_to_us(60000));
    site_free(site);
    return 0;
}
