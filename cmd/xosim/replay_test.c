/*
 * xosim: recordings of a real Xen Orchestra are played against the simulator: the same requests in the same world, and what came back is
 * compared: facts, their order, codes and messages, keys and JSON types of every object and error.
 */
#include "xosim/fake/client.h"
#include "xosim/fake/trace.h"
#include "xosim/xapi_pool.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

enum action_kind {
    ACTION_NONE,
    ACTION_DELETE,
    ACTION_DELETE_OTHER,
    ACTION_DETACH,
    ACTION_BLIP,
    ACTION_TOOLSTACK
};

/* What somebody else did while the recording was made. */
struct action {
    int64_t at_ms;
    enum action_kind kind;
    const char *what; /* ACTION_DELETE: the SR that the recording's disk is on. ACTION_DELETE_OTHER:
                         the name of another disk */
};

enum { ACTIONS_MAX = 5 /* no recording has more */ };

struct recording {
    const char *name;
    const char *disk; /* UUID of the disk that was there, or NULL */
    const char *disk_name;
    const char *disk_size;
    const char
        *disk_where;      /* its SR and VM, as fields of the world; NULL: detached, on the first */
    const char *others;   /* more disks, as items of the world, or NULL */
    bool no_live_moves;   /* no host had a slot for one */
    int64_t moment_ms;    /* what came within so long came at once; 0: nothing did */
    const char *known[2]; /* objects that the recording's client knew from the start */
    const char *fault;    /* armed before, or NULL */
    bool blanked; /* its sign-in was with a wrong token, which the recording does not show */
    struct action actions[ACTIONS_MAX];
};

#define LOCAL_1 "0d14f1cf-19e0-4780-8f64-17ac33b7b249"
#define LOCAL_2 "41bba0be-4b6f-4af3-8ae2-cb65d9ac1e36"
#define SHARED  "883e5621-eaca-4118-808c-9e2d89ded2ee"

struct replay {
    const struct recording *recording;
    struct site *site;
    struct fake_client *client;
    struct fake_client *other;
    json_t *seen;    /* objects that the recording has shown so far */
    json_t *pending; /* ids that have been asked for and not yet answered in the recording */
    struct trace wanted;
    size_t next_action;
};

/* A disk of a name, on an SR (NULL: any), as the clients see it. *Borrowed*. */
static const json_t *find_vdi(const struct replay *replay, const char *name, const char *sr)
{
    const char *id = NULL;
    json_t *vdi = NULL;
    json_object_foreach(json_object_get(replay->site->xo->by_type, "VDI"), id, vdi) {
        if (str_equal(json_str_at(vdi, "name_label"), name) &&
            (!sr || str_equal(json_str_at(vdi, "$SR"), sr)))
            return vdi;
    }
    cr_assert_fail("there is no disk %s", name);
    return NULL;
}

/* Somebody else calls a method on an object. */
static void call_on(const struct replay *replay, const char *method, const json_t *object)
{
    fake_client_start(replay->other, method, json_build("{s:s}", "id", json_str_at(object, "id")));
}

static void perform(struct replay *replay, const struct action *action)
{
    struct xo *xo = replay->site->xo;
    const json_t *vdi = NULL;
    struct xapi_pool *pool = replay->site->xapi->pools.items[0];
    const struct recording *recording = replay->recording;
    switch (action->kind) {
    case ACTION_NONE:
        break;
    case ACTION_BLIP:
        xo_pool_blip(xo, pool, 74);
        break;
    case ACTION_TOOLSTACK:
        xapi_restart(replay->site->xapi, pool);
        break;
    case ACTION_DELETE:
        call_on(replay, "vdi.delete", find_vdi(replay, recording->disk_name, action->what));
        break;
    case ACTION_DELETE_OTHER:
        call_on(replay, "vdi.delete", find_vdi(replay, action->what, NULL));
        break;
    case ACTION_DETACH:
        vdi = find_vdi(replay, recording->disk_name, NULL);
        call_on(replay, "vbd.disconnect",
                xo_object(xo, json_string_value(json_array_get(json_object_get(vdi, "$VBDs"), 0))));
        break;
    }
}

/* Lets time pass until `t_ms` of the recording, with what others do meanwhile. */
static void run_to(struct replay *replay, int64_t t_ms)
{
    for (;;) {
        int64_t now_ms = replay->site->timers.now_us / 1000;
        const struct action *action = replay->next_action < ACTIONS_MAX
                                          ? &replay->recording->actions[replay->next_action]
                                          : NULL;
        bool due = action && action->kind != ACTION_NONE && action->at_ms <= t_ms;
        int64_t until_ms = due ? action->at_ms : t_ms;
        if (until_ms > now_ms)
            fake_run(replay->site, until_ms - now_ms);
        if (!due)
            return;
        replay->next_action++;
        perform(replay, action);
    }
}

static bool same(const json_t *a, const json_t *b, const char *key)
{
    const json_t *in_a = json_object_get(a, key);
    const json_t *in_b = json_object_get(b, key);
    return in_a == in_b || json_equal(in_a, in_b) == 1;
}

/* The simulator's id of an object that the recording made up. */
static const char *translate(const struct replay *replay, const char *recorded_id)
{
    const json_t *recorded = json_object_get(replay->seen, recorded_id);
    const char *id = NULL;
    json_t *object = NULL;
    if (!recorded || xo_object(replay->site->xo, recorded_id))
        return recorded_id;
    json_object_foreach(replay->site->xo->objects, id, object) {
        if (same(object, recorded, "type") && same(object, recorded, "name_label") &&
            same(object, recorded, "VM") && same(object, recorded, "position") &&
            same(object, recorded, "$SR") && same(object, recorded, "status"))
            return id;
    }
    return recorded_id;
}

/* The params with ids translated, *new*. */
static json_t *translate_all(const struct replay *replay, const json_t *params)
{
    if (json_is_string(params))
        return json_text(translate(replay, json_string_value(params)));
    if (!json_is_object(params))
        return json_deep_copy(params);
    json_t *result = json_object();
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)params, key, value)
        json_put(result, key, translate_all(replay, value));
    return result;
}

static void note_objects(struct replay *replay, const json_t *items)
{
    const char *id = NULL;
    json_t *object = NULL;
    json_object_foreach((json_t *)(uintptr_t)items, id, object) {
        if (json_is_object(object))
            json_object_set(replay->seen, id, object);
    }
}

static void note_received(struct replay *replay, int64_t t_ms, const json_t *message)
{
    run_to(replay, t_ms);
    const json_t *id = json_object_get(message, "id");
    note_objects(replay, json_at(message, "params.items"));
    note_objects(replay, json_object_get(message, "result"));
    replay->wanted.now_ms = t_ms;
    trace_add(&replay->wanted, message);
    for (size_t i = json_array_size(replay->pending); id && i-- > 0;) {
        if (json_equal(json_array_get(replay->pending, i), id)) {
            json_array_remove(replay->pending, i);
            fake_client_wait(replay->client,
                             json_integer_value(id)); /* no later request before it */
        }
    }
}

static void send_request(struct replay *replay, int64_t t_ms, const json_t *recorded)
{
    run_to(replay, t_ms);
    cleanup_json json_t *message = json_deep_copy(recorded);
    json_put(message, "params", translate_all(replay, json_object_get(recorded, "params")));
    if (replay->recording->blanked && str_equal(json_str_at(message, "method"), "session.signIn"))
        json_put(message, "params", json_build("{s:s}", "token", "wrong"));
    json_add(replay->pending, json_incref(json_object_get(message, "id")));
    fake_client_send(replay->client, message);
}

static void play(struct replay *replay)
{
    cleanup_buf struct buf text = {0};
    cleanup_str char *path = str_new(TESTDATA "/transcripts/%s.jsonl", replay->recording->name);
    struct err err = {0};
    int64_t t_ms = 0;
    cr_assert_eq(file_read(path, &text, &err), 0, "%s", err.message);
    for (const char *line = buf_str(&text), *end = NULL; (end = strchr(line, '\n'));
         line = end + 1) {
        cleanup_json json_t *entry = NULL;
        cr_assert_eq(json_parse(line, (size_t)(end - line), &entry, &err), 0, "%s", err.message);
        const json_t *message = json_object_get(entry, "msg");
        t_ms = json_int_at(entry, "t", 0);
        if (str_equal(json_str_at(entry, "dir"), "out"))
            send_request(replay, t_ms, message);
        else if (str_equal(json_str_at(entry, "dir"), "in"))
            note_received(replay, t_ms, message);
    }
    run_to(replay, t_ms + 100);
}

static struct site *site_of(const struct recording *recording)
{
    cleanup_str char *disk =
        recording->disk
            ? str_new("  - {name: %s, uuid: %s, %s, size: %s, seed: 9, description: "
                      "'csi:info: "
                      "{\"migrating\":{\"enabled\":true},\"srsWithTag\":\"k8s-local\"}'}\n%s",
                      recording->disk_name, recording->disk,
                      recording->disk_where ? recording->disk_where : "sr: pool-a-host1 local",
                      recording->disk_size, recording->others ? recording->others : "")
            : NULL;
    return fake_site_from(TESTDATA "/worlds/recordings.yaml", disk, NULL);
}

static void check(const struct recording *recording)
{
    struct replay replay = {.recording = recording, .seen = json_object(), .pending = json_array()};
    struct err err = {0};
    replay.site = site_of(recording);
    replay.other = fake_client_signed_in(replay.site, "other-token");
    replay.client = fake_client_open(replay.site);
    for (size_t i = 0; recording->no_live_moves && i < replay.site->xapi->pools.len; i++)
        ((struct xapi_pool *)replay.site->xapi->pools.items[i])->live_moves_max = 0;
    if (recording->fault) {
        cleanup_json json_t *spec = json_build("{s:s}", "name", recording->fault);
        json_t *fault = NULL;
        cr_assert_eq(faults_add(replay.site->faults, spec, &fault, &err), 0, "%s", err.message);
        json_decref(fault);
    }
    struct trace got;
    trace_init(&replay.wanted, replay.site->xo->objects);
    replay.wanted.moment_ms = recording->moment_ms;
    for (size_t i = 0; i < ARRAY_LEN(recording->known) && recording->known[i]; i++)
        json_put(replay.wanted.last, recording->known[i], json_text(""));
    trace_init(&got, replay.site->xo->objects);
    play(&replay);
    for (size_t i = 0; i < replay.client->frames.len; i++)
        trace_add(&got, ((const struct fake_frame *)replay.client->frames.items[i])->message);
    cleanup_str char *facts = trace_compare(&replay.wanted, &got);
    cleanup_str char *shapes = trace_compare_shapes(&replay.wanted, &got);
    cr_expect(str_empty(facts), "%s: facts differ:\n%s", recording->name, facts);
    cr_expect(str_empty(shapes), "%s: shapes differ:\n%s", recording->name, shapes);
    cr_expect_gt(json_object_size(replay.wanted.facts), 0);
    trace_done(&replay.wanted);
    trace_done(&got);
    json_decref(replay.seen);
    json_decref(replay.pending);
    fake_client_close(replay.client);
    fake_client_close(replay.other);
    site_free(replay.site);
}

Test(replay, answers_sign_in_and_inventory_as_recorded)
{
    check(&(struct recording){.name = "sign-in-and-inventory"});
}

Test(replay, refuses_who_is_not_signed_in_as_recorded)
{
    check(&(struct recording){.name = "sign-in-refused", .blanked = true});
}

Test(replay, creates_names_expands_and_deletes_a_disk_as_recorded)
{
    check(&(struct recording){.name = "create-name-expand-delete"});
}

Test(replay, attaches_and_detaches_as_recorded)
{
    check(&(struct recording){.name = "attach-detach",
                              .disk = "1af4c3f4-e1e4-499d-83d6-15fd309f6a90",
                              .disk_name = "csi-pvc-2",
                              .disk_size = "2 GiB",
                              .actions = {{2220, ACTION_DELETE, LOCAL_1}}});
}

Test(replay, refuses_to_attach_on_a_host_that_does_not_see_the_sr_as_recorded)
{
    check(&(struct recording){.name = "attach-wrong-host",
                              .disk = "a1f26a2f-a55e-4c9a-84b5-77eb17ae3a1b",
                              .disk_name = "csi-pvc-3",
                              .disk_size = "2 GiB",
                              .actions = {{1047, ACTION_DELETE, LOCAL_1}}});
}

Test(replay, migrates_a_detached_disk_by_copy_and_destroy_as_recorded)
{
    check(&(struct recording){.name = "migrate-detached-copy",
                              .disk = "8abb107c-4050-4cd4-93e3-e902e3a59bcc",
                              .disk_name = "csi-pvc-4",
                              .disk_size = "2 GiB",
                              .actions = {{11718, ACTION_DELETE, LOCAL_2}}});
}

Test(replay, cancels_a_copy_as_recorded)
{
    check(&(struct recording){.name = "migrate-copy-cancelled",
                              .disk = "7dc6b8f1-101d-4acc-8569-d437d2b33ba6",
                              .disk_name = "csi-pvc-7",
                              .disk_size = "4 GiB",
                              .actions = {{2702, ACTION_DELETE, LOCAL_1}}});
}

Test(replay, fails_a_copy_midway_as_recorded)
{
    check(&(struct recording){.name = "migrate-copy-fails-midway",
                              .disk = "35668fd8-fc73-4e27-b12b-4fe885582589",
                              .disk_name = "csi-pvc-6",
                              .disk_size = "2 GiB",
                              .fault = "copy-fails",
                              .actions = {{6326, ACTION_DELETE, LOCAL_1}}});
}

Test(replay, leaves_two_disks_after_a_toolstack_restart_as_recorded)
{
    check(&(struct recording){.name = "migrate-copy-toolstack-restart",
                              .disk = "6723fea2-d8f0-408b-8e7f-abc2238a60cd",
                              .disk_name = "csi-pvc-8",
                              .disk_size = "4 GiB",
                              .actions = {{1512, ACTION_TOOLSTACK, NULL},
                                          {5720, ACTION_DELETE, LOCAL_1},
                                          {5979, ACTION_DELETE, LOCAL_2}}});
}

Test(replay, refuses_what_can_not_be_done_as_recorded)
{
    check(&(struct recording){.name = "refusals",
                              .disk = "04c3dbd5-e080-4736-ae84-2c106a32cb2c",
                              .disk_name = "csi-pvc-10",
                              .disk_size = "2 GiB",
                              .actions = {{602, ACTION_DELETE, LOCAL_1}}});
}

Test(replay, loses_a_pool_and_finds_it_again_as_recorded)
{
    check(&(struct recording){.name = "pool-connection-blip",
                              .disk = "d4758576-133c-4a40-a743-36ecfca9d33a",
                              .disk_name = "csi-pvc-11",
                              .disk_size = "2 GiB",
                              .actions = {{134, ACTION_BLIP, NULL}}});
}

#define ON_WORKER_1 "sr: pool-a shared, vm: pool-a-worker1, position: 1"

Test(replay, moves_an_attached_disk_as_recorded)
{
    check(&(struct recording){.name = "migrate-attached-mirror",
                              .disk = "52e4a4f6-8929-4e79-bb20-21b5b68630f0",
                              .disk_name = "csi-pvc-5",
                              .disk_size = "2 GiB",
                              .disk_where = ON_WORKER_1,
                              .actions = {{11610, ACTION_DETACH, NULL},
                                          {11680, ACTION_DELETE, LOCAL_1}}});
}

Test(replay, refuses_a_live_move_without_a_slot_ten_times_as_recorded)
{
    check(&(struct recording){.name = "migrate-attached-fourth-refused",
                              .disk = "3a4af674-02bb-403d-af98-ba1cf8896fcb",
                              .disk_name = "csi-pvc-90",
                              .disk_size = "8 GiB",
                              .disk_where = ON_WORKER_1,
                              .others = "  - {name: a, uuid: 72e6e70f-e169-47c7-8c51-a35d41961042, "
                                        "sr: pool-a shared, size: 8 GiB}\n"
                                        "  - {name: b, uuid: bae296d2-506f-4378-9b7d-d18f0470b01a, "
                                        "sr: pool-a shared, size: 8 GiB}\n"
                                        "  - {name: c, uuid: 14127ee7-8aff-4d64-9d17-8ee3026213fe, "
                                        "sr: pool-a shared, size: 8 GiB}\n",
                              .no_live_moves = true,
                              .actions = {{9900, ACTION_DETACH, NULL},
                                          {10120, ACTION_DELETE, SHARED},
                                          {10320, ACTION_DELETE_OTHER, "a"},
                                          {10520, ACTION_DELETE_OTHER, "b"},
                                          {10720, ACTION_DELETE_OTHER, "c"}}});
}

Test(replay, moves_a_vm_to_another_pool_and_back_as_recorded)
{
    /* The events of the two pools have no order between them. */
    check(&(struct recording){.name = "cross-pool-vm-migrate",
                              .moment_ms = 10,
                              .known = {"47363fc2-5dda-4855-8dca-17c4575b55db",
                                        "ed4cb5c9-ad57-4a2e-8266-ab3a29f8e6f3"}});
}
