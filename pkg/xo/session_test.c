/* xo: the session, against a Xen Orchestra in this process, over real sockets. */
#include "xo/session.h"

#include "base/mem.h"
#include "base/str.h"
#include "xo/fake/recording.h"
#include "xo/fake/server.h"
#include "xo/moves.h"
#include "xo/task.h"
#include "xo/vbd.h"
#include "xo/vdi.h"
#include "xo/vm.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    struct loop *loop;
    struct xo_inventory *inventory;
    struct xo_session *session;
    struct xo_moves *moves;
    struct fake_xo *fake;
    struct secret *token;
    char folder[64]; /* for files, "" while there is none */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    struct xo_session_status status;
    char texts[16384]; /* all status texts so far */
    size_t disk_changes;
} world = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void on_status(const struct xo_session_status *status, void *userdata)
{
    (void)userdata;
    pthread_mutex_lock(&world.mutex);
    world.status = *status;
    size_t used = strlen(world.texts);
    str_format(world.texts + used, sizeof(world.texts) - used, "%s\n", status->text);
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.mutex);
}

static void on_change(enum xo_change_kind kind, const char *id, const char *name, void *userdata)
{
    (void)id;
    (void)name;
    (void)userdata;
    pthread_mutex_lock(&world.mutex);
    world.disk_changes += kind == XO_CHANGE_DISK;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.mutex);
}

static void setup(void)
{
    struct err err = {0};
    cr_assert_eq(loop_new(&world.loop, &err), 0, "%s", err.message);
    world.inventory = xo_inventory_new(&clock_system);
    xo_inventory_on_change(world.inventory, on_change, NULL);
    world.token = secret_new("good", 4);
}

static void teardown(void)
{
    world.session = xo_session_free(world.session);
    world.moves = xo_moves_free(world.moves);
    loop_stop(world.loop);
    world.loop = loop_free(world.loop);
    world.inventory = xo_inventory_free(world.inventory);
    world.fake = fake_xo_free(world.fake);
    world.token = secret_free(world.token);
    if (world.folder[0]) {
        char *command cleanup_str = str_new("rm -r %s", world.folder);
        cr_assert_eq(system(command), 0);
    }
}

TestSuite(xo_session, .init = setup, .fini = teardown, .timeout = 60);

static const char *folder(void)
{
    if (!world.folder[0]) {
        str_copy(world.folder, sizeof(world.folder), "/tmp/xo-session-test-XXXXXX");
        cr_assert_not_null(mkdtemp(world.folder));
    }
    return world.folder;
}

/* Everything that may be short is. */
static const struct xo_session_times short_times = {.deadline_ms = 2000,
                                                    .answer_ms = 5000,
                                                    .backoff_first_ms = 10,
                                                    .backoff_max_ms = 40,
                                                    .refused_first_ms = 20,
                                                    .refused_max_ms = 60,
                                                    .servers_ms = 60000,
                                                    .file_ms = 10};

static struct xo_session_options usual_options(void)
{
    return (
        struct xo_session_options){.loop = world.loop,
                                   .inventory = world.inventory,
                                   .clock = &clock_system,
                                   .endpoint = {.url = world.fake ? fake_xo_url(world.fake) : NULL,
                                                .handshake_ms = 5000},
                                   .token = world.token,
                                   .on_status = on_status,
                                   .times = short_times};
}

static void start(const struct xo_session_options *options)
{
    struct err err = {0};
    cr_assert_eq(xo_session_new(options, &world.session, &err), 0, "%s", err.message);
    world.moves = xo_moves_new(world.session, world.inventory, &clock_system);
    cr_assert_eq(loop_start(world.loop, &err), 0, "%s", err.message);
}

static void wait_until_ready(uint64_t connections)
{
    pthread_mutex_lock(&world.mutex);
    while (world.status.state != XO_SESSION_READY || world.status.connections < connections)
        pthread_cond_wait(&world.changed, &world.mutex);
    pthread_mutex_unlock(&world.mutex);
}

static void wait_for_text(const char *text)
{
    pthread_mutex_lock(&world.mutex);
    while (!strstr(world.texts, text))
        pthread_cond_wait(&world.changed, &world.mutex);
    pthread_mutex_unlock(&world.mutex);
}

static void forget_texts(void)
{
    pthread_mutex_lock(&world.mutex);
    world.texts[0] = '\0';
    pthread_mutex_unlock(&world.mutex);
}

/* Starts fake and session, and waits for the listing. */
static void connect_with(fake_script_fn *script, const char *objects)
{
    struct fake_options options = {.script = script, .world = objects};
    world.fake = fake_xo_new(&options);
    struct xo_session_options session = usual_options();
    start(&session);
    wait_until_ready(1);
}

#define ONE_DISK                                                                                   \
    "{\"p\":{\"type\":\"pool\",\"name_label\":\"one\"},"                                           \
    "\"d\":{\"type\":\"VDI\",\"name_label\":\"csi-x\",\"$pool\":\"p\"}}"

static bool has_disk(const char *id)
{
    const struct xo_inventory *read = xo_inventory_read(world.inventory);
    bool found = xo_inventory_disk(read, id) != NULL;
    xo_inventory_unread(read);
    return found;
}

static bool fresh(void)
{
    const struct xo_inventory *read = xo_inventory_read(world.inventory);
    bool is_fresh = xo_inventory_fresh(read);
    xo_inventory_unread(read);
    return is_fresh;
}

Test(xo_session, signs_in_lists_everything_and_is_ready)
{
    connect_with(NULL, ONE_DISK);
    cr_assert(fresh());
    cr_assert(has_disk("d"));
    cr_assert_eq(fake_xo_count(world.fake, "session.signIn"), 1);
    cr_assert_eq(fake_xo_count(world.fake, "xo.getAllObjects"), 9);
    cr_assert_eq(fake_xo_count(world.fake, "server.getAll"), 1);
    struct xo_session_status status = xo_session_status(world.session);
    cr_assert(str_starts_with(status.text, "connected to Xen Orchestra at http://127.0.0.1:"));
}

Test(xo_session, takes_notifications_into_the_inventory)
{
    connect_with(NULL, ONE_DISK);
    fake_xo_notify(world.fake, "enter",
                   json_build("{s:{s:s, s:s}}", "e", "type", "VDI", "name_label", "csi-y"));
    pthread_mutex_lock(&world.mutex);
    while (world.disk_changes < 2) /* d when it was listed, e now */
        pthread_cond_wait(&world.changed, &world.mutex);
    pthread_mutex_unlock(&world.mutex);
    cr_assert(has_disk("e"));
}

static bool notify_in_between(struct fake_xo *fake, const struct fake_request *request,
                              void *userdata)
{
    (void)userdata;
    if (str_equal(json_str_at(request->params, "filter.type"), "VBD")) {
        /* After the disks were listed, before the listing ends. */
        fake_xo_notify(fake, "enter",
                       json_build("{s:{s:s, s:s}}", "e", "type", "VDI", "name_label", "csi-y"));
        fake_xo_notify(fake, "exit", json_build("{s:i}", "d", 0));
    }
    return false;
}

Test(xo_session, applies_notifications_that_come_while_it_lists)
{
    connect_with(notify_in_between, ONE_DISK);
    cr_assert(has_disk("e"));
    cr_assert_not(has_disk("d"));
}

/* Calls. */

Test(xo_session, hands_a_reply_to_who_called)
{
    connect_with(NULL, ONE_DISK);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(world.session, "d", "csi-z", NULL, &err), XO_DONE, "%s", err.message);
    cr_assert_eq(xo_vdi_set(world.session, "d", NULL, NULL, &err), XO_DONE);
    cr_assert_eq(fake_xo_count(world.fake, "vdi.set"), 1, "nothing to change, nothing sent");
}

static char sent_params[512];

static bool remember(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)fake;
    (void)userdata;
    char *text cleanup_str = request->params ? json_dump(request->params) : NULL;
    if (!str_starts_with(request->method, "xo.") && !str_starts_with(request->method, "se"))
        str_format(sent_params, sizeof(sent_params), "%s %s", request->method, text);
    return false;
}

Test(xo_session, sends_each_call_as_xo_wants_it)
{
    connect_with(remember, ONE_DISK);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(world.session, "d", "n", "t", &err), XO_DONE);
    cr_assert_str_eq(sent_params,
                     "vdi.set {\"id\":\"d\",\"name_description\":\"t\",\"name_label\":\"n\"}");
    cr_assert_eq(xo_vdi_add_tag(world.session, "d", "t", &err), XO_DONE);
    cr_assert_str_eq(sent_params, "tag.add {\"id\":\"d\",\"tag\":\"t\"}");
    cr_assert_eq(xo_vdi_remove_tag(world.session, "d", "t", &err), XO_DONE);
    cr_assert_str_eq(sent_params, "tag.remove {\"id\":\"d\",\"tag\":\"t\"}");
    struct xo_vm_attach attach = {.vm = "m", .disk = "d", .read_only = true, .position = 4};
    cr_assert_eq(xo_vm_attach_disk(world.session, &attach, &err), XO_DONE);
    cr_assert_str_eq(
        sent_params,
        "vm.attachDisk {\"mode\":\"RO\",\"position\":\"4\",\"vdi\":\"d\",\"vm\":\"m\"}");
    cr_assert_eq(xo_vbd_connect(world.session, "b", &err), XO_DONE);
    cr_assert_str_eq(sent_params, "vbd.connect {\"id\":\"b\"}");
    cr_assert_eq(xo_vbd_disconnect(world.session, "b", &err), XO_DONE);
    cr_assert_eq(xo_vbd_delete(world.session, "b", &err), XO_DONE);
    cr_assert_eq(xo_task_cancel(world.session, "t", &err), XO_DONE);
    cr_assert_str_eq(sent_params, "task.cancel {\"id\":\"t\"}");
    cr_assert_eq(xo_moves_start(world.moves, "d", "s", &err), XO_DONE);
    fake_xo_wait(world.fake, "vdi.migrate", 1);
    cr_assert_eq(xo_vbd_delete(world.session, "last", &err), XO_DONE); /* and it was answered */
}

static bool already(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)userdata;
    if (!str_starts_with(request->method, "vbd."))
        return false;
    json_t *reply cleanup_json = recording_reply("attach-detach", 7);
    fake_xo_error(fake, request->id, json_incref(json_object_get(reply, "error")));
    return true;
}

Test(xo_session, takes_already_so_as_done)
{
    connect_with(already, ONE_DISK);
    struct err err = {0};
    cr_assert_eq(xo_vbd_disconnect(world.session, "b", &err), XO_DONE);
    cr_assert_eq(xo_vbd_connect(world.session, "b", &err), XO_NOT_DONE, "detached is not attached");
    cr_assert_str_eq(err.code, "DEVICE_ALREADY_DETACHED");
}

static bool no_answer(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)fake;
    (void)userdata;
    return str_equal(request->method, "vdi.set") || str_equal(request->method, "vdi.migrate");
}

Test(xo_session, does_not_know_what_became_of_a_call_that_is_not_answered_in_time)
{
    struct fake_options options = {.script = no_answer};
    world.fake = fake_xo_new(&options);
    struct xo_session_options session = usual_options();
    session.times.deadline_ms = 50;
    start(&session);
    wait_until_ready(1);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(world.session, "d", "n", NULL, &err), XO_UNKNOWN);
    cr_assert_eq(err.class, ERR_UNKNOWN);
    cr_assert_not_null(strstr(err.message, "vdi.set"));
    cr_assert_eq(xo_session_status(world.session).state, XO_SESSION_READY);
}

static bool drop_set(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)userdata;
    if (!str_equal(request->method, "vdi.set"))
        return false;
    fake_xo_close(fake);
    return true;
}

Test(xo_session, does_not_know_what_became_of_a_call_under_a_lost_connection_and_never_resends_it)
{
    connect_with(drop_set, ONE_DISK);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(world.session, "d", "n", NULL, &err), XO_UNKNOWN);
    cr_assert_eq(err.class, ERR_UNKNOWN);
    wait_until_ready(2);
    cr_assert_eq(fake_xo_count(world.fake, "vdi.set"), 1);
}

Test(xo_session, sends_nothing_while_it_is_not_ready)
{
    struct fake_options options = {.token = "another"};
    world.fake = fake_xo_new(&options);
    struct xo_session_options session = usual_options();
    start(&session);
    wait_for_text("XO refused the token: invalid credentials");
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(world.session, "d", "n", NULL, &err), XO_NOT_DONE);
    cr_assert_eq(err.class, ERR_TRANSIENT);
    cr_assert_eq(fake_xo_count(world.fake, "vdi.set"), 0);
}

/* Keeps the first answer back until the second request came. */
static bool swap_answers(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)userdata;
    static int64_t held;
    if (!str_equal(request->method, "vdi.set"))
        return false;
    if (!held) {
        held = request->id;
    } else {
        fake_xo_reply(fake, request->id, json_true());
        fake_xo_error(fake, held, json_build("{s:i, s:s}", "code", 2, "message", "no"));
    }
    return true;
}

static void *set_first(void *userdata)
{
    enum xo_result *result = userdata;
    *result = xo_vdi_set(world.session, "first", "n", NULL, NULL);
    return NULL;
}

Test(xo_session, tells_answers_apart_that_come_out_of_order)
{
    connect_with(swap_answers, ONE_DISK);
    pthread_t thread;
    enum xo_result first = XO_DONE;
    pthread_create(&thread, NULL, set_first, &first);
    fake_xo_wait(world.fake, "vdi.set", 1);
    struct err err = {0};
    cr_assert_eq(xo_vdi_set(world.session, "second", "n", NULL, &err), XO_DONE, "%s", err.message);
    pthread_join(thread, NULL);
    cr_assert_eq(first, XO_NOT_DONE);
}

/* Moves. */

static void wait_for_move(enum xo_move_state state)
{
    pthread_mutex_lock(&world.mutex);
    while (xo_moves_get(world.moves, "d").state != state)
        pthread_cond_wait(&world.changed, &world.mutex);
    pthread_mutex_unlock(&world.mutex);
}

static int64_t migrate_id;

static bool keep_migrate(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)fake;
    (void)userdata;
    if (!str_equal(request->method, "vdi.migrate"))
        return false;
    migrate_id = request->id;
    return true;
}

Test(xo_session, keeps_the_reply_to_a_move_until_it_is_forgotten)
{
    connect_with(keep_migrate, ONE_DISK);
    struct err err = {0};
    cr_assert_eq(xo_moves_get(world.moves, "d").state, XO_MOVE_NONE);
    cr_assert_eq(xo_moves_start(world.moves, "d", "s", &err), XO_DONE, "%s", err.message);
    cr_assert_eq(xo_moves_get(world.moves, "d").state, XO_MOVE_PENDING);
    cr_assert_eq(xo_moves_pending(world.moves), 1);
    cr_assert_eq(xo_moves_start(world.moves, "d", "s", &err), XO_NOT_DONE, "one at a time");
    cr_assert_eq(err.class, ERR_CONFLICT);
    xo_moves_forget(world.moves, "d");
    cr_assert_eq(xo_moves_get(world.moves, "d").state, XO_MOVE_PENDING, "not while it is pending");

    fake_xo_wait(world.fake, "vdi.migrate", 1);
    fake_xo_reply(world.fake, migrate_id, json_string("new"));
    wait_for_move(XO_MOVE_ENDED);
    struct xo_move move = xo_moves_get(world.moves, "d");
    cr_assert_eq(move.result, XO_DONE);
    cr_assert_str_eq(move.new_disk, "new");
    xo_moves_forget(world.moves, "d");
    cr_assert_eq(xo_moves_get(world.moves, "d").state, XO_MOVE_NONE);
    cr_assert_eq(fake_xo_count(world.fake, "vdi.migrate"), 1);
}

Test(xo_session, keeps_the_error_of_a_move_as_recorded)
{
    connect_with(keep_migrate, ONE_DISK);
    struct err err = {0};
    cr_assert_eq(xo_moves_start(world.moves, "d", "s", &err), XO_DONE);
    fake_xo_wait(world.fake, "vdi.migrate", 1);
    json_t *reply cleanup_json = recording_reply("migrate-copy-toolstack-restart", 2);
    fake_xo_error(world.fake, migrate_id, json_incref(json_object_get(reply, "error")));
    wait_for_move(XO_MOVE_ENDED);
    struct xo_move move = xo_moves_get(world.moves, "d");
    cr_assert_eq(move.result, XO_UNKNOWN);
    cr_assert_str_eq(move.error.code, "TASK_DESTROYED");
}

Test(xo_session, loses_a_move_with_the_connection)
{
    connect_with(keep_migrate, ONE_DISK);
    struct err err = {0};
    cr_assert_eq(xo_moves_start(world.moves, "d", "s", &err), XO_DONE);
    fake_xo_wait(world.fake, "vdi.migrate", 1);
    fake_xo_close(world.fake);
    wait_for_move(XO_MOVE_LOST);
    cr_assert_eq(xo_moves_get(world.moves, "d").result, XO_UNKNOWN);
    wait_until_ready(2);
    cr_assert_eq(fake_xo_count(world.fake, "vdi.migrate"), 1, "never sent again");
}

Test(xo_session, starts_no_move_while_it_is_not_ready)
{
    struct fake_options options = {.token = "another"};
    world.fake = fake_xo_new(&options);
    struct xo_session_options session = usual_options();
    start(&session);
    wait_for_text("XO refused the token");
    struct err err = {0};
    cr_assert_eq(xo_moves_start(world.moves, "d", "s", &err), XO_NOT_DONE);
    cr_assert_eq(xo_moves_get(world.moves, "d").state, XO_MOVE_NONE);
}

/* The connection. */

Test(xo_session, lists_again_after_a_reconnection_and_removes_what_has_gone)
{
    connect_with(NULL, ONE_DISK);
    fake_xo_world(world.fake, "{\"p\":{\"type\":\"pool\"},"
                              "\"e\":{\"type\":\"VDI\",\"name_label\":\"csi-y\"}}");
    fake_xo_close(world.fake);
    wait_until_ready(2);
    cr_assert(has_disk("e"));
    cr_assert_not(has_disk("d"));
    cr_assert(fresh());
}

static bool cut_listing(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)userdata;
    static int times;
    if (!str_equal(json_str_at(request->params, "filter.type"), "VDI") || times++ > 0)
        return false;
    fake_xo_cut(fake, "{\"jsonrpc\":\"2.0\",\"id\":6,\"result\":{\"d\":{\"type\":");
    return true;
}

Test(xo_session, starts_over_when_the_connection_is_cut_in_the_middle_of_a_message)
{
    struct fake_options options = {.script = cut_listing, .world = ONE_DISK};
    world.fake = fake_xo_new(&options);
    struct xo_session_options session = usual_options();
    start(&session);
    wait_until_ready(1);
    cr_assert(has_disk("d"));
    cr_assert_eq(fake_xo_count(world.fake, "session.signIn"), 2);
    cr_assert_not_null(strstr(world.texts, "lost the connection to ws://127.0.0.1:"));
}

Test(xo_session, gives_up_on_an_upgrade_that_is_never_answered)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    cr_assert_eq(bind(listener, (const struct sockaddr *)&at, len), 0);
    cr_assert_eq(listen(listener, 8), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    char url[64];
    str_format(url, sizeof(url), "http://127.0.0.1:%u", (unsigned int)ntohs(at.sin_port));
    struct xo_session_options session = usual_options();
    session.endpoint = (struct xo_endpoint){.url = url, .handshake_ms = 50};
    start(&session);
    wait_for_text("the WebSocket upgrade was not answered within 50 ms");
    close(listener);
}

Test(xo_session, says_that_nobody_listens)
{
    struct xo_session_options session = usual_options();
    session.endpoint = (struct xo_endpoint){.url = "http://127.0.0.1:1", .handshake_ms = 5000};
    start(&session);
    wait_for_text("cannot connect to ws://127.0.0.1:1/api/: ");
}

Test(xo_session, notices_a_peer_that_has_gone_silent)
{
    struct fake_options options = {.world = ONE_DISK};
    world.fake = fake_xo_new(&options);
    struct xo_session_options session = usual_options();
    session.endpoint.ping_ms = 100;
    session.endpoint.silence_ms = 500;
    session.endpoint.handshake_ms = 60000;
    start(&session);
    wait_until_ready(1);
    forget_texts();
    fake_xo_freeze(world.fake);
    wait_for_text("the peer has gone silent");
    cr_assert_not(fresh());
}

static bool no_listing(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)fake;
    (void)userdata;
    return str_equal(request->method, "xo.getAllObjects");
}

Test(xo_session, starts_over_when_xo_does_not_answer_a_listing)
{
    struct fake_options options = {.script = no_listing};
    world.fake = fake_xo_new(&options);
    struct xo_session_options session = usual_options();
    session.times.answer_ms = 50;
    start(&session);
    wait_for_text("did not answer within 50 ms while listing its objects");
    fake_xo_wait(world.fake, "session.signIn", 2);
}

Test(xo_session, starts_over_on_a_frame_that_it_can_not_read)
{
    connect_with(NULL, ONE_DISK);
    fake_xo_send(world.fake, "{\"jsonrpc\":\"2.0\",\"method\":\"all\",\"params\":");
    wait_until_ready(2);
    cr_assert_not_null(strstr(world.texts, "a message from XO is no JSON"));
}

Test(xo_session, takes_a_listing_of_many_megabytes)
{
    json_t *objects cleanup_json = json_object();
    for (int i = 0; i < 10000; i++) {
        char id[64];
        str_format(id, sizeof(id), "%08x-0000-4000-8000-%012x", (unsigned int)i * 2654435761U,
                   (unsigned int)i);
        json_put(
            objects, id,
            json_build("{s:s, s:s, s:s, s:s, s:[], s:s}", "type", "VDI", "name_label", id,
                       "name_description", "csi:info: {\"srsWithTag\":\"k8s-local\"}", "$SR", id,
                       "tags", "padding",
                       "a field that nobody here reads, of which a real XO has a dozen or more"));
    }
    char *text cleanup_str = json_dump(objects);
    connect_with(NULL, text);
    const struct xo_inventory *read = xo_inventory_read(world.inventory);
    cr_assert_eq(xo_inventory_counts(read).disks, 10000);
    xo_inventory_unread(read);
}

/* Signing in. */

static int sign_ins;

/* XO refuses everybody for a while after a wrong password, with an error that says nothing. */
static bool refuse_then_throttle(struct fake_xo *fake, const struct fake_request *request,
                                 void *userdata)
{
    (void)userdata;
    if (!str_equal(request->method, "session.signIn") || sign_ins == 2)
        return false;
    json_t *reply cleanup_json = recording_reply("sign-in-refused", 2);
    if (sign_ins++ == 0)
        fake_xo_error(fake, request->id, json_incref(json_object_get(reply, "error")));
    else
        fake_xo_error(fake, request->id,
                      json_build("{s:i, s:s}", "code", -32000, "message",
                                 "unknown error from the peer"));
    return true;
}

Test(xo_session, goes_on_trying_after_a_refused_and_a_throttled_sign_in)
{
    struct fake_options options = {.script = refuse_then_throttle};
    world.fake = fake_xo_new(&options);
    struct xo_session_options session = usual_options();
    start(&session);
    wait_until_ready(1);
    cr_assert_not_null(strstr(world.texts, "XO refused the token: invalid credentials"));
    cr_assert_not_null(strstr(world.texts, "refuses everybody for two seconds"));
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

Test(xo_session, tries_a_changed_token_file_at_once)
{
    world.fake = fake_xo_new(&(struct fake_options){.token = "new"});
    char *path cleanup_str = str_new("%s/token", folder());
    write_file(path, "old\n");
    struct xo_session_options session = usual_options();
    session.token = NULL;
    session.token_file = path;
    session.times.refused_first_ms = 3600000; /* only the change of the file helps */
    session.times.refused_max_ms = 3600000;
    start(&session);
    wait_for_text("XO refused the token: invalid credentials");
    write_file(path, "new\n");
    wait_until_ready(1);
    cr_assert_eq(fake_xo_count(world.fake, "session.signIn"), 2);
}

Test(xo_session, waits_for_a_token_file_that_is_not_there_yet)
{
    world.fake = fake_xo_new(&(struct fake_options){0});
    char *path cleanup_str = str_new("%s/token", folder());
    struct xo_session_options session = usual_options();
    session.token = NULL;
    session.token_file = path;
    start(&session);
    wait_for_text("the token for Xen Orchestra: ");
    cr_assert_eq(fake_xo_count(world.fake, "session.signIn"), 0);
    write_file(path, "good");
    wait_until_ready(1);
}

static bool check_password(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)userdata;
    if (!str_equal(request->method, "session.signIn"))
        return false;
    if (str_equal(json_str_at(request->params, "email"), "op@example.org") &&
        str_equal(json_str_at(request->params, "password"), "secret"))
        fake_xo_reply(fake, request->id, json_true());
    else
        fake_xo_error(fake, request->id,
                      json_build("{s:i, s:s}", "code", 3, "message", "invalid credentials"));
    return true;
}

Test(xo_session, signs_in_with_user_and_password)
{
    world.fake = fake_xo_new(&(struct fake_options){.script = check_password});
    struct secret *password cleanup_secret = secret_new("secret", 6);
    struct xo_session_options session = usual_options();
    session.token = NULL;
    session.username = "op@example.org";
    session.password = password;
    start(&session);
    wait_until_ready(1);
    world.session = xo_session_free(world.session); /* before its password */
}

/* An expired token leaves notifications on, and the next request closes the connection. */
static bool expire(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)userdata;
    static bool expired;
    if (str_equal(request->method, "vdi.set") && !expired) {
        expired = true;
        fake_xo_token(fake, "renewed");
        fake_xo_close(fake);
        return true;
    }
    return false;
}

Test(xo_session, signs_in_again_after_its_token_expired)
{
    world.fake = fake_xo_new(&(struct fake_options){.script = expire});
    char *path cleanup_str = str_new("%s/token", folder());
    write_file(path, "good");
    struct xo_session_options session = usual_options();
    session.token = NULL;
    session.token_file = path;
    start(&session);
    wait_until_ready(1);
    cr_assert_eq(xo_vdi_set(world.session, "d", "n", NULL, NULL), XO_UNKNOWN);
    wait_for_text("XO refused the token: invalid credentials");
    write_file(path, "renewed");
    wait_until_ready(2);
    cr_assert_eq(xo_vdi_set(world.session, "d", "n", NULL, NULL), XO_DONE);
}

static bool deny_servers(struct fake_xo *fake, const struct fake_request *request, void *userdata)
{
    (void)userdata;
    if (!str_equal(request->method, "server.getAll"))
        return false;
    json_t *reply cleanup_json = recording_reply("sign-in-refused", 1);
    fake_xo_error(fake, request->id, json_incref(json_object_get(reply, "error")));
    return true;
}

Test(xo_session, does_without_the_servers_when_xo_does_not_tell_them)
{
    connect_with(deny_servers, ONE_DISK);
    const struct xo_inventory *read = xo_inventory_read(world.inventory);
    cr_assert(xo_inventory_pool_present(read, "p"));
    cr_assert(xo_inventory_all_pools_present(read));
    xo_inventory_unread(read);
}

Test(xo_session, asks_for_the_servers_when_a_pool_goes)
{
    world.fake = fake_xo_new(&(struct fake_options){.world = ONE_DISK});
    struct xo_session_options session = usual_options();
    session.times.servers_ms = 600; /* a thirtieth of it after a change */
    start(&session);
    wait_until_ready(1);
    fake_xo_notify(world.fake, "exit", json_build("{s:i}", "p", 0));
    fake_xo_wait(world.fake, "server.getAll", 2);
}

/* TLS. */

static void start_tls(const char *name, const char *ca_file, bool insecure)
{
    char *certificate cleanup_str = NULL;
    char *key cleanup_str = NULL;
    fake_certificate(folder(), name, &certificate, &key);
    world.fake = fake_xo_new(&(
        struct fake_options){.certificate_file = certificate, .key_file = key, .world = ONE_DISK});
    struct xo_session_options session = usual_options();
    session.endpoint.insecure = insecure;
    session.endpoint.ca_file = ca_file;
    start(&session);
}

Test(xo_session, verifies_the_certificate_with_the_given_authority)
{
    char *ca_file cleanup_str = str_new("%s/certificate.pem", folder());
    start_tls(NULL, ca_file, false);
    wait_until_ready(1);
    cr_assert(has_disk("d"));
}

Test(xo_session, refuses_a_certificate_that_nobody_vouches_for)
{
    start_tls(NULL, NULL, false);
    wait_for_text("its certificate is not trusted: self-signed certificate");
    cr_assert_eq(fake_xo_count(world.fake, "session.signIn"), 0, "no token goes out");
}

Test(xo_session, refuses_a_certificate_of_another_name)
{
    char *ca_file cleanup_str = str_new("%s/certificate.pem", folder());
    start_tls("other.example.org", ca_file, false);
    wait_for_text("its certificate is not trusted: IP address mismatch");
    cr_assert_eq(fake_xo_count(world.fake, "session.signIn"), 0);
}

Test(xo_session, takes_any_certificate_only_when_it_is_told_to)
{
    start_tls("other.example.org", NULL, true);
    wait_until_ready(1);
}

/* Options. */

Test(xo_session, refuses_options_that_contradict_each_other)
{
    struct xo_session *none = NULL;
    struct err err = {0};
    struct xo_session_options options = usual_options();
    options.endpoint.url = "http://127.0.0.1:1";
    options.username = "op";
    cr_assert_eq(xo_session_new(&options, &none, &err), -1);
    cr_assert_eq(err.class, ERR_INVALID);
    options.username = NULL;
    options.token = NULL;
    cr_assert_eq(xo_session_new(&options, &none, &err), -1);
    cr_assert_not_null(strstr(err.message, "no credentials"));
}

Test(xo_session, says_what_is_wrong_with_a_url_or_a_ca_file)
{
    static const char *const wrong[] = {"",
                                        "xoa.example.org",
                                        "ftp://x",
                                        "https://",
                                        "https://x:0",
                                        "https://x:99999",
                                        "https://x:y",
                                        "https://u:p@x",
                                        "https://[::1"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct err err = {0};
        struct xo_endpoint endpoint = {.url = wrong[i]};
        cr_assert_eq(xo_endpoint_check(&endpoint, &err), -1, "%s", wrong[i]);
        cr_assert_eq(err.class, ERR_INVALID, "%s", wrong[i]);
        cr_assert_null(strstr(err.message, "u:p"), "a password is never shown");
    }
    static const char *const right[] = {"https://x", "http://x:1/", "wss://x.example.org:443/api/",
                                        "ws://[::1]:80", "https://x?y"};
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        struct err err = {0};
        struct xo_endpoint endpoint = {.url = right[i]};
        cr_assert_eq(xo_endpoint_check(&endpoint, &err), 0, "%s: %s", right[i], err.message);
    }
    struct err err = {0};
    char *path cleanup_str = str_new("%s/empty.pem", folder());
    struct xo_endpoint endpoint = {.url = "https://x", .ca_file = path};
    cr_assert_eq(xo_endpoint_check(&endpoint, &err), -1);
    cr_assert_eq(err.class, ERR_NOT_FOUND);
    write_file(path, "nothing");
    cr_assert_eq(xo_endpoint_check(&endpoint, &err), -1);
    cr_assert_not_null(strstr(err.message, "holds no certificate"));
}
