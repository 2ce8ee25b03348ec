/* xosim: the REST API. Covers rest_answer.c, rest_route.c, rest_list.c, rest_vdi.c, rest_task.c, rest_events.c, rest_content.c. */
#include "xosim/rest.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/fake/lab.h"
#include "xosim/fake/rest.h"

#include <criterion/criterion.h>
#include <string.h>

static struct site *site;
static struct fake_client *client;
static struct fake_rest *rest;

static void setup(void)
{
    site = lab_open(&client);
}

static void teardown(void)
{
    fake_rest_free(rest);
    lab_close(site, client);
}

TestSuite(rest, .init = setup, .fini = teardown);

/* A whole request; the one before is forgotten. Returns the status. */
static int ask_as(const char *token, const char *method, const char *path, const char *body)
{
    fake_rest_free(rest);
    rest = fake_rest_do(site, token, method, path, body);
    return rest->status;
}

static int ask(const char *method, const char *path, const char *body)
{
    return ask_as("lab-token", method, path, body);
}

static int ask_disk(const char *method, const struct disk *disk, const char *suffix,
                    const char *body)
{
    cleanup_str char *path = str_new("/vdis/%s%s", disk->uuid, suffix);
    return ask(method, path, body);
}

static const char *answer(const char *path)
{
    const char *text = json_str_at(rest->json, path);
    return text ? text : "";
}

Test(rest, asks_for_a_cookie_or_a_password)
{
    cr_expect_eq(ask_as(NULL, "GET", "/vdis", NULL), 401);
    cr_expect(strstr(rest->headers, "WWW-Authenticate: Basic realm=\"xo\""));
    cr_expect_str_eq(answer("error"), "invalid credentials");
    cr_expect_eq(ask_as("wrong", "GET", "/vdis", NULL), 401);
    cr_expect_eq(ask("GET", "/vdis", NULL), 200);
}

Test(rest, answers_in_pretty_printed_json)
{
    ask("GET", "/pools?limit=1", NULL);
    cr_expect_str_eq(buf_str(&rest->body),
                     "[\n  \"/rest/v0/pools/a0000000-0000-4000-8000-000000000001\"\n]");
}

Test(rest, answers_an_unknown_route_with_a_page)
{
    cr_expect_eq(ask("GET", "/vdis/x/y/<z>", NULL), 404);
    cr_expect(strstr(rest->headers, "text/html"));
    cr_expect(strstr(buf_str(&rest->body), "Cannot GET /rest/v0/vdis/x/y/&lt;z&gt;"));
}

Test(rest, names_an_unknown_object_and_its_type)
{
    cr_expect_eq(ask("GET", "/vdis/none", NULL), 404);
    cr_expect_str_eq(answer("error"), "no such VDI none");
    cr_expect_str_eq(answer("data.type"), "VDI");
    cr_expect_eq(ask("DELETE", "/vbds/none", NULL), 404);
    cr_expect_str_eq(answer("error"), "no such VBD none");
}

Test(rest, lists_addresses_or_the_fields_that_are_asked_for)
{
    ask("GET", "/vms?filter=name_label:worker-a1", NULL);
    cr_expect_str_eq(json_string_value(json_array_get(rest->json, 0)),
                     "/rest/v0/vms/" LAB_WORKER_A1);
    ask("GET", "/vms?filter=name_label:worker-a1&fields=name_label,power_state", NULL);
    const json_t *vm = json_array_get(rest->json, 0);
    cr_expect_eq(json_object_size(vm), 3);
    cr_expect_str_eq(json_str_at(vm, "name_label"), "worker-a1");
    cr_expect_str_eq(json_str_at(vm, "href"), "/rest/v0/vms/" LAB_WORKER_A1);
    ask("GET", "/vms?fields=*&ndjson=true&limit=2", NULL);
    cr_expect_str_eq(strchr(buf_str(&rest->body), '\n') + 1,
                     strstr(buf_str(&rest->body), "\n{") + 1);
}

Test(rest, refuses_a_bad_filter_and_a_boolean_that_is_none)
{
    cr_expect_eq(ask("GET", "/vdis?filter=(", NULL), 400);
    cr_expect_eq(ask("GET", "/vdis?ndjson", NULL), 422);
    cr_expect_str_eq(answer("error.ndjson.message"), "invalid boolean value");
}

Test(rest, shows_nothing_to_who_has_no_privileges)
{
    char token[] = "tenant-token";
    xo_add_token(site->xo, token, xo_find_user(site->xo, "tenant@example.org"), INT64_MAX);
    cr_expect_eq(ask_as(token, "GET", "/vdis", NULL), 200);
    cr_expect_eq(json_array_size(rest->json), 0);
    cr_expect_eq(ask_as(token, "DELETE", "/vdis/x", NULL), 403);
    cr_expect_str_eq(answer("error"), "not enough privileges");
    const json_t *missing = json_array_get(json_at(rest->json, "data.missingPrivileges"), 0);
    cr_expect_str_eq(json_str_at(missing, "objectId"), "x");
    cr_expect_str_eq(json_str_at(missing, "action"), "delete");
    cr_expect_str_eq(json_str_at(missing, "resource"), "vdi");
}

static const char new_disk[] =
    "{\"srId\":\"" LAB_LOCAL_A1 "\",\"virtual_size\":1073741824,\"name_label\":\"made\","
    "\"name_description\":\"here\",\"tags\":[\"a\"],\"other_config\":{\"k\":\"v\"}}";

Test(rest, makes_a_disk_that_is_not_seen_at_once)
{
    cr_expect_eq(ask("POST", "/vdis", new_disk), 201);
    cleanup_str char *path = str_new("/vdis/%s", answer("id"));
    cr_expect(strstr(rest->headers, path));
    int64_t made_us = site->timers.now_us;
    cr_expect_eq(ask("GET", path, NULL), 404);
    fake_run(site, 130 - (site->timers.now_us - made_us) / 1000);
    cr_expect_eq(ask("GET", path, NULL), 404);
    fake_run(site, 170);
    cr_expect_eq(ask("GET", path, NULL), 200);
    cr_expect_str_eq(answer("name_description"), "here");
    cr_expect_str_eq(answer("other_config.k"), "v");
    cr_expect_str_eq(json_string_value(json_array_get(json_object_get(rest->json, "tags"), 0)),
                     "a");
}

Test(rest, checks_the_body_of_a_request)
{
    cr_expect_eq(ask("POST", "/vdis", "{\"srId\":1,\"odd\":2}"), 422);
    const json_t *error = json_object_get(rest->json, "error");
    cr_expect_eq(json_object_size(error), 3, "srId, virtual_size, odd");
    cr_expect_eq(ask("POST", "/vdis", "{\"srId\""), 500, "malformed");
    cr_expect_eq(ask("POST", "/vdis", "{\"srId\":\"none\",\"virtual_size\":1}"), 404);
}

Test(rest, changes_and_deletes_a_disk)
{
    const struct disk *disk = lab_disk(site, "before", LAB_LOCAL_A1);
    cr_expect_eq(ask_disk("PATCH", disk, "", "{\"name_label\":\"after\",\"size\":2147483648}"),
                 204);
    cr_expect_eq(ask_disk("PUT", disk, "/tags/kept", NULL), 204);
    fake_run(site, 1000);
    ask_disk("GET", disk, "", NULL);
    cr_expect_str_eq(answer("name_label"), "after");
    cr_expect_eq(json_int_at(rest->json, "size", 0), 2147483648);
    cr_expect_eq(json_array_size(json_object_get(rest->json, "tags")), 1);
    cr_expect_eq(ask_disk("DELETE", disk, "/tags/kept", NULL), 204);
    cr_expect_eq(ask_disk("PATCH", disk, "", "{\"size\":1}"), 422);
    cr_expect(str_starts_with(answer("error"), "cannot set new size"));
    cr_expect_eq(ask_disk("DELETE", disk, "", NULL), 204);
    cr_expect_eq(ask_disk("DELETE", disk, "", NULL), 404);
}

Test(rest, shows_an_error_of_xapi_as_a_text_only)
{
    const struct disk *disk = lab_disk(site, "used", LAB_LOCAL_A1);
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
    int64_t started_us = site->timers.now_us;
    cr_expect_eq(ask_disk("DELETE", disk, "", NULL), 500);
    cr_expect(str_starts_with(answer("error"), "VDI_IN_USE(OpaqueRef:"));
    cr_expect(str_ends_with(answer("error"), ", destroy)"));
    cr_expect_str_eq(answer("info"), "This is a XenServer/XCP-ng error, not an XO error");
    cr_expect_geq(site->timers.now_us - started_us, ms_to_us(45000));
}

static const char to_a2[] = "{\"srId\":\"" LAB_LOCAL_A2 "\"}";

Test(rest, moves_a_disk_in_a_task_that_outlives_the_request)
{
    const struct disk *disk = lab_disk(site, "moving", LAB_LOCAL_A1);
    cr_expect_eq(ask_disk("POST", disk, "/actions/migrate", to_a2), 202);
    cleanup_str char *task = str_new("/tasks/%s", answer("taskId"));
    cr_expect(strstr(rest->headers, task));
    ask_disk("GET", disk, "/tasks?fields=*&filter=status:pending", NULL);
    const json_t *shown = json_array_get(rest->json, 0);
    cr_expect_str_eq(json_str_at(shown, "properties.name"), "REST API: migrate VDI");
    cr_expect_str_eq(json_str_at(shown, "properties.objectId"), disk->uuid);
    cleanup_str char *wait = str_new("%s?wait=true", task);
    cr_expect_eq(ask("GET", wait, NULL), 200);
    cr_expect_str_eq(answer("status"), "success");
    cr_expect_str_eq(answer("result.id"), lab_find(site, "moving", LAB_LOCAL_A2)->uuid);
}

Test(rest, moves_a_disk_and_waits_for_it)
{
    const struct disk *disk = lab_disk(site, "moving", LAB_LOCAL_A1);
    cr_expect_eq(ask_disk("POST", disk, "/actions/migrate?sync=true", to_a2), 200);
    cr_expect_str_eq(answer("id"), lab_find(site, "moving", LAB_LOCAL_A2)->uuid);
    cr_expect_eq(ask("POST", "/vdis/none/actions/migrate", to_a2), 404);
}

Test(rest, tells_in_the_task_how_a_move_failed)
{
    const struct disk *disk = lab_disk(site, "moving", LAB_LOCAL_A1);
    lab_fault(site, "{\"name\":\"copy-fails\",\"at\":0.5}");
    ask_disk("POST", disk, "/actions/migrate", to_a2);
    cleanup_str char *wait = str_new("/tasks/%s?wait=true", answer("taskId"));
    ask("GET", wait, NULL);
    cr_expect_str_eq(answer("status"), "failure");
    cr_expect_str_eq(answer("result.code"), "SR_BACKEND_FAILURE_44");
    cr_expect_str_eq(answer("result.task.status"), "failure");
}

Test(rest, notes_that_a_task_was_to_be_aborted_and_lets_it_go_on)
{
    const struct disk *disk = lab_disk(site, "moving", LAB_LOCAL_A1);
    ask_disk("POST", disk, "/actions/migrate", to_a2);
    cleanup_str char *abort = str_new("/tasks/%s/actions/abort", answer("taskId"));
    cleanup_str char *wait = str_new("/tasks/%s?wait=true", answer("taskId"));
    cr_expect_eq(ask("POST", abort, NULL), 202);
    cr_expect_eq(ask("POST", abort, NULL), 202, "it is going on still");
    ask("GET", wait, NULL);
    cr_expect_str_eq(answer("status"), "success");
    cr_expect_gt(json_int_at(rest->json, "abortionRequestedAt", 0), 0);
    cr_expect_eq(ask("POST", abort, NULL), 404, "it is over");
    cr_expect_eq(ask("GET", "/tasks/none?wait=true", NULL), 404);
}

Test(rest, leaves_tasks_interrupted_by_a_restart)
{
    const struct disk *disk = lab_disk(site, "moving", LAB_LOCAL_A1);
    ask_disk("POST", disk, "/actions/migrate", to_a2);
    cleanup_str char *wait = str_new("/tasks/%s?wait=true", answer("taskId"));
    struct fake_rest *waiting = fake_rest_begin(site, "lab-token", "GET", wait, -1);
    rest_exchange_body_end(waiting->exchange);
    lab_fault(site, "{\"name\":\"xo-restart\"}");
    cr_expect(waiting->cut);
    fake_rest_free(waiting);
    fake_run(site, 60000);
    ask("GET", wait, NULL);
    cr_expect_str_eq(answer("status"), "interrupted");
    cr_expect_null(json_object_get(rest->json, "end"));
}

Test(rest, shows_the_calls_of_the_other_api_while_they_run)
{
    const struct disk *disk = lab_disk(site, "moving", LAB_LOCAL_A1);
    int64_t id = lab_migrate(client, disk, LAB_LOCAL_A2);
    ask_disk("GET", disk, "/tasks?fields=*", NULL);
    const json_t *task = json_array_get(rest->json, 0);
    cr_expect_str_eq(json_str_at(task, "properties.method"), "vdi.migrate");
    cr_expect_str_eq(json_str_at(task, "properties.type"), "api.call");
    fake_client_wait(client, id);
    ask("GET", "/tasks", NULL);
    cr_expect_eq(json_array_size(rest->json), 0);
}

Test(rest, never_shows_a_password_in_a_task)
{
    struct fake_client *other = fake_client_open(site);
    fake_client_start(other, "session.signIn",
                      json_build("{s:s, s:s}", "email", "admin@admin.net", "password", "hunter2"));
    ask("GET", "/tasks?fields=*", NULL);
    cr_expect_eq(json_array_size(rest->json), 1);
    cr_expect_null(strstr(buf_str(&rest->body), "hunter2"));
    fake_client_close(other);
}

Test(rest, sends_no_head_to_a_watcher_before_the_first_event)
{
    const struct disk *disk = lab_disk(site, "moving", LAB_LOCAL_A1);
    struct fake_rest *watcher =
        fake_rest_begin(site, "lab-token", "GET", "/tasks?watch=true&ndjson=true", -1);
    rest_exchange_body_end(watcher->exchange);
    fake_run(site, 10000);
    cr_expect_eq(watcher->status, 0);
    fake_client_wait(client, lab_migrate(client, disk, LAB_LOCAL_A2));
    cr_expect_eq(watcher->status, 200);
    cr_expect(str_starts_with(buf_str(&watcher->body), "[\"update\",\"/rest/v0/tasks/0"));
    cr_expect(strstr(buf_str(&watcher->body), "\n[\"remove\",{\"id\":"));
    fake_rest_free(watcher);
}

static void subscribe(const struct fake_rest *stream, const char *body)
{
    const char *id = strstr(buf_str(&stream->body), "\"id\":\"");
    cr_assert_not_null(id);
    cleanup_str char *path = str_new("/events/%.36s/subscriptions", id + 6);
    cr_assert_eq(ask("POST", path, body), 201);
}

Test(rest, tells_subscribers_of_changes_in_the_fields_they_asked_for)
{
    const struct disk *disk = lab_disk(site, "old", LAB_LOCAL_A1);
    struct fake_rest *stream = fake_rest_begin(site, "lab-token", "GET", "/events", -1);
    rest_exchange_body_end(stream->exchange);
    cr_expect(str_starts_with(buf_str(&stream->body), "event: init\ndata: {\"id\":\""));
    cr_expect(strstr(stream->headers, "text/event-stream"));
    subscribe(stream, "{\"collection\":\"VDI\",\"fields\":[\"id\",\"name_label\"]}");
    buf_clear(&stream->body);
    ask_disk("PUT", disk, "/tags/unheard", NULL);
    fake_run(site, 1000);
    cr_expect_eq(stream->body.len, 0, "no field that was asked for has changed");
    ask_disk("PATCH", disk, "", "{\"name_label\":\"new\"}");
    fake_run(site, 1000);
    cleanup_str char *wanted =
        str_new("event: update\ndata: {\"$subscription\":\"VDI\",\"id\":\"%s\","
                "\"name_label\":\"new\"}\n\n",
                disk->uuid);
    cr_expect_str_eq(buf_str(&stream->body), wanted);
    fake_run(site, REST_PING_MS);
    cr_expect(strstr(buf_str(&stream->body), "event: ping\ndata: {\"ping\":"));
    cr_expect_eq(ask("POST", "/events/none/subscriptions", "{\"collection\":\"VDI\"}"), 404);
    cr_expect_eq(ask("POST", "/events/none/subscriptions", "{\"collection\":\"car\"}"), 422);
    fake_rest_free(stream);
}

Test(rest, plugs_a_disk_and_does_not_say_whether_that_worked)
{
    const struct disk *disk = lab_disk(site, "plugged", LAB_LOCAL_A2);
    cleanup_str char *body = str_new("{\"VM\":\"" LAB_WORKER_A1 "\",\"VDI\":\"%s\"}", disk->uuid);
    cr_expect_eq(ask("POST", "/vbds", body), 201, "the VM's host does not see the SR");
    cleanup_str char *vbd = str_new("/vbds/%s", answer("id"));
    cleanup_str char *connect = str_new("%s/actions/connect?sync=true", vbd);
    cleanup_str char *disconnect = str_new("%s/actions/disconnect?sync=true", vbd);
    fake_run(site, 1000);
    ask("GET", vbd, NULL);
    cr_expect_not(json_bool_at(rest->json, "attached", true));
    cr_expect_eq(ask("POST", connect, NULL), 500);
    cr_expect(str_starts_with(answer("error"), "SR_NOT_ATTACHED("));
    cr_expect_eq(ask("POST", disconnect, NULL), 500);
    cr_expect(str_starts_with(answer("error"), "DEVICE_ALREADY_DETACHED("));
    cr_expect_eq(ask("DELETE", vbd, NULL), 204);
}

Test(rest, refuses_to_plug_a_disk_of_another_pool)
{
    const struct disk *disk = lab_disk(site, "far", LAB_LOCAL_B1);
    cleanup_str char *body = str_new("{\"VM\":\"" LAB_WORKER_A1 "\",\"VDI\":\"%s\"}", disk->uuid);
    cr_expect_eq(ask("POST", "/vbds", body), 422);
    cr_expect_str_eq(answer("error"), "VM and VDI must be in the same pool");
}

Test(rest, cuts_the_connection_when_a_fault_loses_a_call_or_its_answer)
{
    const struct disk *disk = lab_disk(site, "disk", LAB_LOCAL_A1);
    lab_fault(site, "{\"name\":\"drop-call\",\"method\":\"disk.create\"}");
    cr_expect_eq(ask("POST", "/vdis", new_disk), 0);
    cr_expect(rest->cut);
    cr_expect_eq(lab_count(site, "made"), 0);
    lab_fault(site, "{\"name\":\"drop-reply\",\"method\":\"disk.create\"}");
    cr_expect_eq(ask("POST", "/vdis", new_disk), 0);
    cr_expect(rest->cut);
    cr_expect_eq(lab_count(site, "made"), 1);
    lab_fault(site, "{\"name\":\"drop-reply\",\"method\":\"vdi.migrate\"}");
    cr_expect_eq(ask_disk("POST", disk, "/actions/migrate?sync=true", to_a2), 0);
    cr_expect(rest->cut);
    cr_expect_eq(lab_count(site, "disk"), 1);
}

Test(rest, answers_a_head_like_a_get_without_its_body)
{
    cr_expect_eq(ask("HEAD", "/pools", NULL), 200);
    cr_expect_gt(rest->length, 0);
    cr_expect_eq(rest->body.len, 0);
    cr_expect_eq(ask("HEAD", "/nowhere", NULL), 404);
    cr_expect_eq(rest->body.len, 0);
}

static const char import_path[] = "/srs/" LAB_LOCAL_A2 "/vdis?raw=true&name_label=copy";

Test(rest, exports_and_imports_the_bytes_of_a_disk)
{
    cr_assert_eq(ask("POST", "/vdis",
                     "{\"srId\":\"" LAB_LOCAL_A1 "\",\"virtual_size\":2097152,"
                     "\"name_label\":\"small\"}"),
                 201);
    fake_run(site, 1000);
    struct disk *disk = lab_find(site, "small", LAB_LOCAL_A1);
    disk_fill(disk, 42);
    cr_assert_eq(ask_disk("GET", disk, ".raw", NULL), 200);
    cr_expect_eq(rest->length, -1, "chunked: XAPI does not say how long it is");
    cr_assert_eq(rest->body.len, 2097152);
    struct fake_rest *import = fake_rest_begin(site, "lab-token", "POST", import_path, 2097152);
    cr_expect(import->paused, "the disk is being made");
    fake_run(site, 1000);
    cr_expect_not(import->paused);
    for (size_t at = 0; at < rest->body.len; at += 10000)
        rest_exchange_body(import->exchange, rest->body.data + at,
                           rest->body.len - at < 10000 ? rest->body.len - at : 10000);
    cr_expect_not(lab_find(site, "copy", LAB_LOCAL_A2)->complete);
    fake_rest_finish(import);
    cr_expect_eq(import->status, 201);
    struct disk *copy = lab_find(site, "copy", LAB_LOCAL_A2);
    cr_expect(copy->complete);
    cr_expect_str_eq(disk_hash(copy), disk_hash(disk));
    fake_rest_free(import);
}

Test(rest, destroys_what_a_broken_import_has_made)
{
    struct fake_rest *import = fake_rest_begin(site, "lab-token", "POST", import_path, 2097152);
    fake_run(site, 1000);
    rest_exchange_body(import->exchange, "some bytes", 10);
    cr_expect_eq(lab_count(site, "copy"), 1);
    fake_rest_free(import);
    fake_run(site, 1000);
    cr_expect_eq(lab_count(site, "copy"), 0);
}

Test(rest, leaves_half_of_an_import_when_xen_orchestra_restarts)
{
    struct fake_rest *import = fake_rest_begin(site, "lab-token", "POST", import_path, 2097152);
    fake_run(site, 1000);
    rest_exchange_body(import->exchange, "some bytes", 10);
    lab_fault(site, "{\"name\":\"xo-restart\"}");
    cr_expect(import->cut);
    fake_rest_free(import);
    fake_run(site, 10000);
    cr_expect_eq(lab_count(site, "copy"), 1);
    cr_expect_not(lab_find(site, "copy", LAB_LOCAL_A2)->complete);
}

Test(rest, writes_into_a_disk_that_is_there_and_not_in_use)
{
    struct disk *disk = lab_disk(site, "there", LAB_LOCAL_A1);
    cr_expect_eq(ask_disk("PUT", disk, ".raw", "sixteen bytes..."), 204);
    unsigned char bytes[16];
    content_read(&disk->content, 0, bytes, sizeof(bytes));
    cr_expect_eq(memcmp(bytes, "sixteen bytes...", 16), 0);
    lab_attach(client, LAB_WORKER_A1, disk, NULL);
    cr_expect_eq(ask_disk("PUT", disk, ".raw", "sixteen bytes..."), 500);
    cr_expect_eq(ask_disk("GET", disk, ".raw", NULL), 500);
    cr_expect(str_starts_with(answer("error"), "VDI_IN_USE("));
    cr_expect_eq(ask_disk("GET", disk, ".iso", NULL), 422);
}
