/* xosim: any bytes as frames of a client that is signed in, a frame a line; then as requests to the control endpoint. */
#include "xosim/control.h"
#include "xosim/site.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char world_text[] =
    "users: [{email: u, password: p}]\ntokens: [{token: t, user: u}]\n"
    "pools: [{name: p}]\nhosts: [{name: h, pool: p},\n"
    "      {name: i, pool: p, uuid: 00000000-0000-4000-8000-000000000006}]\n"
    "srs: [{name: l, host: h, size: 10 GiB, uuid: 00000000-0000-4000-8000-000000000001},\n"
    "      {name: m, host: i, size: 10 GiB, uuid: 00000000-0000-4000-8000-000000000002},\n"
    "      {name: s, pool: p, size: 10 GiB, uuid: 00000000-0000-4000-8000-000000000005}]\n"
    "vms: [{name: v, host: h, uuid: 00000000-0000-4000-8000-000000000003}]\n"
    "disks: [{name: d, sr: l, size: 1 GiB, seed: 1, uuid: 00000000-0000-4000-8000-000000000004}]\n";

static void send_nothing(void *userdata, const char *text, size_t len, bool binary)
{
    (void)userdata;
    (void)text;
    (void)len;
    (void)binary;
}

static void close_nothing(void *userdata, bool abruptly)
{
    (void)userdata;
    (void)abruptly;
}

static struct site *make_site(void)
{
    cleanup_world struct world world = {0};
    struct site *site = NULL;
    struct err err = {0};
    if (world_read(&world, "fuzz.yaml", world_text, sizeof(world_text) - 1, &err) != 0)
        abort();
    const struct site_options options = {.world = &world, .seed = 1, .wall_base_ms = 1};
    if (site_new(&options, &site, &err) != 0)
        abort();
    return site;
}

static void pass(struct site *site)
{
    timers_run_until(&site->timers, site->timers.now_us + ms_to_us(500));
}

static void ask(struct site *site, const char *line, size_t len)
{
    static const char *const paths[] = {"/disks", "/faults", "/speed", "/vms/v",
                                        "/vms/v/devices/1/write"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const struct control_request request = {.method = "POST",
                                                .path = paths[i],
                                                .body = line,
                                                .body_len = len};
        json_t *body = NULL;
        if (control_handle(site, &request, &body) < 200 || !body)
            abort();
        json_decref(body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char sign_in[] =
        "{\"id\":1,\"method\":\"session.signIn\",\"params\":{\"token\":\"t\"}}";
    const struct xo_client client = {.send = send_nothing, .close = close_nothing};
    struct site *site = make_site();
    struct xo_session *session = xo_session_open(site->xo, &client);
    xo_session_frame(session, sign_in, sizeof(sign_in) - 1);
    for (const char *line = (const char *)data; size > 0;) {
        const char *end = memchr(line, '\n', size);
        size_t len = end ? (size_t)(end - line) : size;
        xo_session_frame(session, line, len);
        pass(site);
        ask(site, line, len);
        size -= end ? len + 1 : len;
        line += end ? len + 1 : len;
    }
    pass(site);
    site_free(site);
    return 0;
}
