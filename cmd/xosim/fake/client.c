/* xosim, for tests: clients in the same process. */
#include "xosim/fake/client.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <criterion/criterion.h>
#include <string.h>

/* 2026-11-21T08:51:00Z */
#define FAKE_WALL_MS ((int64_t)1795251060000)

static struct site *site_of(const char *name, const struct buf *yaml, const char *state_dir,
                            uint64_t seed)
{
    cleanup_world struct world world = {0};
    struct site *site = NULL;
    struct err err = {0};
    if (world_read(&world, name, buf_str(yaml), yaml->len, &err) != 0)
        cr_assert_fail("%s", err.message);
    const struct site_options options = {.world = &world,
                                         .seed = seed,
                                         .wall_base_ms = FAKE_WALL_MS,
                                         .state_dir = state_dir};
    if (site_new(&options, &site, &err) != 0)
        cr_assert_fail("%s", err.message);
    return site;
}

struct site *fake_site(const char *yaml)
{
    cleanup_buf struct buf text = {0};
    buf_put(&text, yaml);
    return site_of("test.yaml", &text, NULL, 1);
}

static struct site *site_from(const char *path, const char *more, const char *state_dir,
                              uint64_t seed)
{
    cleanup_buf struct buf text = {0};
    struct err err = {0};
    if (file_read(path, &text, &err) != 0)
        cr_assert_fail("%s", err.message);
    if (more)
        buf_put(&text, more);
    return site_of(path, &text, state_dir, seed);
}

struct site *fake_site_from(const char *path, const char *more, const char *state_dir)
{
    return site_from(path, more, state_dir, 1);
}

struct site *fake_site_seeded(const char *path, const char *more, uint64_t seed)
{
    return site_from(path, more, NULL, seed);
}

void fake_run(struct site *site, int64_t ms)
{
    timers_run_until(&site->timers, site->timers.now_us + ms_to_us(ms));
}

static void on_frame(void *userdata, const char *text, size_t len, bool binary)
{
    struct fake_client *client = userdata;
    struct fake_frame *frame = mem_alloc(sizeof(*frame));
    struct err err = {0};
    frame->t_ms = (client->site->timers.now_us - client->opened_us) / 1000;
    if (!binary && json_parse(text, len, &frame->message, &err) != 0)
        cr_assert_fail("a frame is no JSON: %s", err.message);
    list_add(&client->frames, frame);
}

static void on_close(void *userdata, bool abruptly)
{
    struct fake_client *client = userdata;
    client->closed = true;
    client->abruptly = abruptly;
}

struct fake_client *fake_client_open(struct site *site)
{
    struct fake_client *client = mem_alloc(sizeof(*client));
    const struct xo_client callbacks = {.userdata = client, .send = on_frame, .close = on_close};
    client->site = site;
    client->opened_us = site->timers.now_us;
    client->session = xo_session_open(site->xo, &callbacks);
    return client;
}

struct fake_client *fake_client_signed_in(struct site *site, const char *token)
{
    struct fake_client *client = fake_client_open(site);
    fake_client_must(client, "session.signIn", json_build("{s:s}", "token", token));
    return client;
}

void fake_client_close(struct fake_client *client)
{
    xo_session_close(client->session);
    for (size_t i = 0; i < client->frames.len; i++) {
        struct fake_frame *frame = client->frames.items[i];
        json_decref(frame->message);
        mem_free(frame);
    }
    list_done(&client->frames);
    mem_free(client);
}

void fake_client_send(struct fake_client *client, const json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    xo_session_frame(client->session, text, strlen(text));
    mem_free(text);
}

int64_t fake_client_start(struct fake_client *client, const char *method, json_t *params)
{
    cleanup_json json_t *message = json_build("{s:s, s:I, s:s}", "jsonrpc", "2.0", "id",
                                              (json_int_t)++client->last_id, "method", method);
    json_put(message, "params", params);
    fake_client_send(client, message);
    return client->last_id;
}

static const json_t *answer_to(const struct fake_client *client, int64_t id)
{
    for (size_t i = client->frames.len; i-- > 0;) {
        const struct fake_frame *frame = client->frames.items[i];
        if (json_int_at(frame->message, "id", -1) == id)
            return frame->message;
    }
    return NULL;
}

const json_t *fake_client_wait(struct fake_client *client, int64_t id)
{
    struct timers *timers = &client->site->timers;
    int64_t deadline_us = timers->now_us + ms_to_us(FAKE_DEADLINE_MS);
    const json_t *answer = answer_to(client, id);
    while (!answer && !client->closed && timers_next_us(timers) >= 0 &&
           timers_next_us(timers) < deadline_us) {
        timers_run_until(timers, timers_next_us(timers));
        answer = answer_to(client, id);
    }
    return answer;
}

const json_t *fake_client_call(struct fake_client *client, const char *method, json_t *params)
{
    return fake_client_wait(client, fake_client_start(client, method, params));
}

const json_t *fake_client_must(struct fake_client *client, const char *method, json_t *params)
{
    const json_t *answer = fake_client_call(client, method, params);
    const json_t *result = json_object_get(answer, "result");
    if (!result)
        cr_assert_fail("%s: %s", method,
                       answer ? json_str_at(answer, "error.message") : "no answer");
    return result;
}

int fake_client_error(struct fake_client *client, const char *method, json_t *params)
{
    const json_t *answer = fake_client_call(client, method, params);
    if (!json_object_get(answer, "error"))
        cr_assert_fail("%s did not fail", method);
    return (int)json_int_at(answer, "error.code", 0);
}
