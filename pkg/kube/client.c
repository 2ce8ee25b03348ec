/* kube, 8: one request at a time to the API server. */
#include "kube/client.h"

#include "kube/status.h"
#include "kube/transport.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <string.h>

#define FIELD_MANAGER "fieldManager=xo-operator"

struct kube_client {
    struct kube_client_options options;
    struct kube_connection connection;
    struct buf answer;
};

static size_t take_answer(char *data, size_t size, size_t count, void *userdata)
{
    struct kube_client *client = userdata;
    return buf_append(&client->answer, data, size * count, NULL) < 0 ? 0 : size * count;
}

struct kube_client *kube_client_new(const struct kube_client_options *options)
{
    struct kube_client *client = mem_alloc(sizeof(*client));
    client->options = *options;
    if (client->options.deadline_ms == 0)
        client->options.deadline_ms = KUBE_CLIENT_DEADLINE_MS;
    client->answer.max = KUBE_CLIENT_ANSWER_MAX;
    kube_connection_init(&client->connection, options->config);
    CURLcode result = curl_easy_setopt(client->connection.curl, CURLOPT_WRITEFUNCTION, take_answer);
    assert(result == CURLE_OK);
    result = curl_easy_setopt(client->connection.curl, CURLOPT_WRITEDATA, client);
    assert(result == CURLE_OK);
    (void)result; /* asserted */
    return client;
}

struct kube_client *kube_client_free(struct kube_client *client)
{
    if (!client)
        return NULL;
    kube_connection_done(&client->connection);
    buf_done(&client->answer);
    return mem_free(client);
}

void kube_client_set_deadline(struct kube_client *client, int64_t deadline_ms)
{
    client->options.deadline_ms = deadline_ms > 0 ? deadline_ms : 1;
}

static void count(struct kube_client *client, const struct kube_request *request)
{
    CURL *curl = client->connection.curl;
    long status = 0;
    curl_off_t duration_us = 0;
    char code[16] = "<error>";
    if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status > 0)
        str_format(code, sizeof(code), "%ld", status);
    if (curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &duration_us) != CURLE_OK)
        duration_us = 0;
    kube_metrics_request(client->options.metrics, request->method, code, duration_us / 1000);
}

/* One try. On an HTTP error the body is in `answer` and *ret_status is set, with 0 returned. */
static int attempt(struct kube_client *client, const struct kube_request *request, int *ret_status,
                   struct err *err)
{
    if (kube_connection_prepare(&client->connection, request, err) < 0)
        return -1;
    buf_clear(&client->answer);
    CURL *curl = client->connection.curl;
    CURLcode code = curl_easy_perform(curl);
    count(client, request);
    if (code == CURLE_WRITE_ERROR)
        return err_set(err, ERR_REFUSED, "the API server's answer to %s %s is longer than %d MiB",
                       request->method, request->path, KUBE_CLIENT_ANSWER_MAX >> 20);
    if (code != CURLE_OK) {
        kube_connection_error(&client->connection, code, err);
        return -1;
    }
    long status = 0;
    code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    assert(code == CURLE_OK);
    *ret_status = (int)status;
    return 0;
}

static int http_error(struct kube_client *client, const struct kube_request *request, int status,
                      struct err *err)
{
    kube_status_error_from_body(buf_str(&client->answer), client->answer.len, status, err);
    curl_off_t seconds = 0;
    CURLcode code = curl_easy_getinfo(client->connection.curl, CURLINFO_RETRY_AFTER, &seconds);
    if (err && code == CURLE_OK && seconds > 0 && seconds <= KUBE_RETRY_AFTER_MAX_S)
        err->retry_after_ms = seconds * 1000;
    if (status == 401)
        return err_wrap(err, "the API server does not accept our credentials (%s)",
                        client->options.config->source);
    return err_wrap(err, "%s %.*s", request->method, (int)strcspn(request->path, "?"),
                    request->path);
}

/* The request and, after a 401, once more. The answer is in `answer`. */
static int perform(struct kube_client *client, struct kube_request *request, struct err *err)
{
    request->deadline_ms = client->options.deadline_ms;
    if (client->options.limiter)
        kube_limiter_wait(client->options.limiter);
    int status = 0;
    if (attempt(client, request, &status, err) < 0)
        return -1;
    if (status == 401) {
        kube_auth_refused(client->options.config->auth, &client->connection.auth);
        if (attempt(client, request, &status, err) < 0)
            return -1;
    }
    return status >= 200 && status < 300 ? 0 : http_error(client, request, status, err);
}

static int parse_answer(struct kube_client *client, json_t **ret, struct err *err)
{
    if (json_parse(buf_str(&client->answer), client->answer.len, ret, err) < 0)
        return err_wrap(err, "the API server's answer");
    return 0;
}

/* A client that once read something large does not keep the memory. */
static void let_go(struct kube_client *client)
{
    enum { KEPT = 64 * 1024 };
    if (client->answer.capacity > KEPT)
        buf_done(&client->answer);
}

int kube_client_get_json(struct kube_client *client, const char *path, const char *accept,
                         json_t **ret, struct err *err)
{
    struct kube_request request = {.method = "GET", .path = path, .accept = accept};
    int result = perform(client, &request, err);
    if (result == 0)
        result = parse_answer(client, ret, err);
    let_go(client);
    return result;
}

int kube_client_get(struct kube_client *client, const struct kube_target *target,
                    const struct kube_object **ret, struct err *err)
{
    cleanup_str char *path =
        kube_path_new(target->kind, target->namespace, target->name, target->subresource, NULL);
    cleanup_json json_t *json = NULL;
    struct kube_object *object = NULL;
    if (kube_client_get_json(client, path, NULL, &json, err) < 0 ||
        kube_object_decode(target->kind, json, &object, err) < 0)
        return -1;
    *ret = object;
    return 0;
}

struct write {
    const char *method;
    const char *content_type;
    const char *query;
};

static int write_object(struct kube_client *client, const struct write *write,
                        const struct kube_target *target, const json_t *body,
                        struct kube_written *ret, struct err *err)
{
    cleanup_str char *path = kube_path_new(target->kind, target->namespace, target->name,
                                           target->subresource, write->query);
    cleanup_str char *text = json_dump(body);
    struct kube_request request = {.method = write->method,
                                   .path = path,
                                   .content_type = write->content_type,
                                   .body = text,
                                   .body_len = strlen(text)};
    if (perform(client, &request, err) < 0)
        return -1;
    if (ret) {
        ret->version[0] = '\0';
        cleanup_json json_t *json = NULL;
        if (parse_answer(client, &json, NULL) == 0) {
            const char *version = json_str_at(json, "metadata.resourceVersion");
            str_copy(ret->version, sizeof(ret->version), version ? version : "");
        }
    }
    let_go(client);
    return 0;
}

int kube_client_merge_patch(struct kube_client *client, const struct kube_target *target,
                            const json_t *body, struct kube_written *ret, struct err *err)
{
    const struct write write = {.method = "PATCH",
                                .content_type = "application/merge-patch+json",
                                .query = FIELD_MANAGER};
    return write_object(client, &write, target, body, ret, err);
}

int kube_client_apply(struct kube_client *client, const struct kube_target *target,
                      const json_t *body, struct kube_written *ret, struct err *err)
{
    const struct write write = {.method = "PATCH",
                                .content_type = "application/apply-patch+yaml",
                                .query = FIELD_MANAGER "&force=true"};
    const struct kube_kind *kind = target->kind;
    cleanup_json json_t *whole = json_copy((json_t *)(uintptr_t)body);
    cleanup_str char *version =
        str_new("%s%s%s", kind->group, *kind->group ? "/" : "", kind->version);
    json_put_str(whole, "apiVersion", version);
    json_put_str(whole, "kind", kind->name);
    json_t *metadata = json_copy(json_object_get(whole, "metadata"));
    if (!metadata)
        metadata = json_object();
    json_put_str(metadata, "name", target->name);
    if (!str_empty(target->namespace))
        json_put_str(metadata, "namespace", target->namespace);
    json_put(whole, "metadata", metadata);
    return write_object(client, &write, target, whole, ret, err);
}

int kube_client_create(struct kube_client *client, const struct kube_target *target,
                       const json_t *body, struct kube_written *ret, struct err *err)
{
    const struct write write = {.method = "POST",
                                .content_type = "application/json",
                                .query = FIELD_MANAGER};
    struct kube_target list = *target;
    list.name = NULL;
    return write_object(client, &write, &list, body, ret, err);
}

int kube_client_replace(struct kube_client *client, const struct kube_target *target,
                        const json_t *body, struct kube_written *ret, struct err *err)
{
    const struct write write = {.method = "PUT",
                                .content_type = "application/json",
                                .query = FIELD_MANAGER};
    return write_object(client, &write, target, body, ret, err);
}

int kube_client_delete(struct kube_client *client, const struct kube_target *target,
                       const char *uid, struct kube_written *ret, struct err *err)
{
    const struct write write = {.method = "DELETE", .content_type = "application/json"};
    cleanup_json json_t *options = json_build("{s:s, s:s, s:s}", "apiVersion", "v1", "kind",
                                              "DeleteOptions", "propagationPolicy", "Background");
    if (uid)
        json_put(options, "preconditions", json_build("{s:s}", "uid", uid));
    return write_object(client, &write, target, options, ret, err);
}
