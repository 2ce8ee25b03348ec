/* xosim, for tests: requests to the REST API in the same process. */
#include "xosim/fake/rest.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/fake/client.h"

#include <criterion/criterion.h>
#include <string.h>

static void on_head(void *userdata, int status, const char *headers, int64_t length)
{
    struct fake_rest *rest = userdata;
    cr_assert_eq(rest->status, 0, "two heads");
    rest->status = status;
    rest->length = length;
    rest->headers = mem_strdup(headers);
}

static void on_data(void *userdata, const void *data, size_t len)
{
    struct fake_rest *rest = userdata;
    cr_assert(rest->status != 0 && !rest->ended && !rest->cut, "data out of turn");
    buf_put_bytes(&rest->body, data, len);
}

static void on_end(void *userdata)
{
    struct fake_rest *rest = userdata;
    cr_assert_not(rest->ended, "ended twice");
    rest->ended = true;
}

static void on_cut(void *userdata)
{
    struct fake_rest *rest = userdata;
    rest->cut = true;
}

static void on_pause(void *userdata, bool paused)
{
    struct fake_rest *rest = userdata;
    rest->paused = paused;
}

struct fake_rest *fake_rest_begin(struct site *site, const char *token, const char *method,
                                  const char *path, int64_t length)
{
    struct fake_rest *rest = mem_alloc(sizeof(*rest));
    const struct rest_client client = {.userdata = rest,
                                       .head = on_head,
                                       .data = on_data,
                                       .end = on_end,
                                       .cut = on_cut,
                                       .pause = on_pause};
    cleanup_str char *cookie = token ? str_new("a=b; authenticationToken=%s", token) : NULL;
    cleanup_str char *whole = str_new(REST_ROOT "%s", path);
    cleanup_json json_t *params = json_object();
    char *query = strchr(whole, '?');
    if (query)
        *query++ = '\0';
    while (query && *query) {
        size_t len = strcspn(query, "&");
        cleanup_str char *part = str_new("%.*s", (int)len, query);
        rest_param_add(params, part);
        query += len + (query[len] == '&');
    }
    const struct rest_request request = {.method = method,
                                         .path = whole,
                                         .params = params,
                                         .cookie = cookie,
                                         .content_length = length};
    rest->site = site;
    rest->exchange = rest_exchange_new(site->rest, &request, &client);
    return rest;
}

void fake_rest_finish(struct fake_rest *rest)
{
    struct timers *timers = &rest->site->timers;
    int64_t deadline_us = timers->now_us + ms_to_us(FAKE_DEADLINE_MS);
    struct err err = {0};
    rest_exchange_body_end(rest->exchange);
    while (!rest->ended && !rest->cut && timers->now_us < deadline_us) {
        size_t before = rest->body.len;
        rest_exchange_drained(rest->exchange);
        if (rest->body.len == before && !rest->ended && timers_next_us(timers) >= 0)
            timers_run_until(timers, timers_next_us(timers));
    }
    if (json_parse(buf_str(&rest->body), rest->body.len, &rest->json, &err) != 0)
        rest->json = NULL;
}

struct fake_rest *fake_rest_do(struct site *site, const char *token, const char *method,
                               const char *path, const char *body)
{
    struct fake_rest *rest =
        fake_rest_begin(site, token, method, path, body ? (int64_t)strlen(body) : -1);
    if (body)
        rest_exchange_body(rest->exchange, body, strlen(body));
    fake_rest_finish(rest);
    return rest;
}

struct fake_rest *fake_rest_free(struct fake_rest *rest)
{
    if (!rest)
        return NULL;
    rest_exchange_free(rest->exchange);
    json_decref(rest->json);
    buf_done(&rest->body);
    mem_free(rest->headers);
    return mem_free(rest);
}

int fake_rest_status(struct site *site, const char *method, const char *path, const char *body)
{
    struct fake_rest *rest = fake_rest_do(site, "lab-token", method, path, body);
    int status = rest->status;
    fake_rest_free(rest);
    return status;
}
