/* cmd/simulate: what one process of the operator has of Xen Orchestra. */
#include "xo_link.h"

#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "truth.h"
#include "xo/errors.h"

enum {
    LIST_STEP_MS = 5,
    LIST_STEP_MAX_MS = 60,
    RECONNECT_MS = 1000,
    SERVERS_MS = 30000,
    SERVERS_SOON_MS = 1000,
    NOTICE_MS = 1,
    NOTICE_MAX_MS = 20,
    ANSWER_MAX_MS = 300
};

/* A vdi.migrate that this process sent. */
struct sim_sent {
    char disk[SIM_ID_SIZE];
    char name[2 * SIM_ID_SIZE];
    struct xo_move move;
};

struct sim_letter {
    struct sim_letter *next;
    struct sim_xo_link *link;
    uint64_t session;
    int64_t told_ms;
    json_t *enter, *exit; /* of a notification */
    struct sim_sent sent; /* of an answer */
};

/* A letter of this session; the link owns it, so that one that never arrives is freed as well. */
static struct sim_letter *write_letter(struct sim_xo_link *link, uint64_t session)
{
    struct sim_letter *letter = mem_alloc(sizeof(*letter));

    letter->next = link->letters;
    letter->link = link;
    letter->session = session;
    link->letters = letter;
    return letter;
}

static struct sim *sim_of(const struct sim_xo_link *link)
{
    return link->operator->sim;
}

static void free_sent(void *value)
{
    (void)mem_free(value); /* returns NULL */
}

static void ask_servers(void *userdata, int64_t session);

/* As the session does: what server.getAll says may be old when a pool comes or goes. */
static void on_change(enum xo_change_kind kind, const char *id, const char *disk_name,
                      void *userdata)
{
    struct sim_xo_link *link = userdata;

    (void)id;
    (void)disk_name;
    if (kind != XO_CHANGE_FRESHNESS || !link->up || link->asking_servers)
        return;
    link->asking_servers = true;
    sim_timeline_in(&sim_of(link)->timeline, SERVERS_SOON_MS, ask_servers, link,
                    (int64_t)link->session);
}

struct sim_xo_link *sim_xo_link_new(struct sim_operator *operator)
{
    struct sim_xo_link *link = mem_alloc(sizeof(*link));

    link->operator= operator;
    link->inventory = xo_inventory_new(&operator->sim->timeline.clock);
    map_init(&link->moves, free_sent);
    xo_inventory_on_change(link->inventory, on_change, link);
    return link;
}

struct sim_xo_link *sim_xo_link_free(struct sim_xo_link *link)
{
    if (!link)
        return NULL;
    (void)xo_inventory_free(link->inventory); /* returns NULL */
    map_done(&link->moves);
    while (link->letters) {
        struct sim_letter *letter = link->letters;
        link->letters = letter->next;
        json_decref(letter->enter);
        json_decref(letter->exit);
        (void)mem_free(letter); /* returns NULL */
    }
    return mem_free(link);
}

/* The session. */

static bool is_void(const struct sim_xo_link *link, int64_t session)
{
    return link->operator->dead || !link->up ||(uint64_t) session != link->session;
}

static void ask_servers(void *userdata, int64_t session)
{
    struct sim_xo_link *link = userdata;

    if (is_void(link, session))
        return;
    link->asking_servers = false;
    cleanup_json json_t *servers = sim_xo_servers(sim_of(link)->xo);
    xo_inventory_servers(link->inventory, servers);
}

static void ask_servers_again(void *userdata, int64_t session)
{
    struct sim_xo_link *link = userdata;

    if (is_void(link, session))
        return;
    ask_servers(link, session);
    sim_timeline_in(&sim_of(link)->timeline, SERVERS_MS, ask_servers_again, link, session);
}

static void list_next(void *userdata, int64_t session)
{
    static const char *const types[] = {"pool", "host",          "SR",  "PBD", "VDI", "VBD",
                                        "VM",   "VM-controller", "task"};
    struct sim_xo_link *link = userdata;
    struct sim *sim = sim_of(link);

    if (is_void(link, session))
        return;
    if (link->listed < (int)ARRAY_LEN(types)) {
        cleanup_json json_t *objects = sim_xo_list(sim->xo, types[link->listed++]);
        xo_inventory_list_add(link->inventory, objects);
        sim_timeline_in(&sim->timeline, sim_delay(sim, LIST_STEP_MS, LIST_STEP_MAX_MS), list_next,
                        link, session);
        return;
    }
    cleanup_json json_t *servers = sim_xo_servers(sim->xo);
    xo_inventory_servers(link->inventory, servers);
    sim_note(sim, "operator %zu: has listed Xen Orchestra", link->operator->number);
    xo_inventory_list_end(link->inventory);
    sim_timeline_in(&sim->timeline, SERVERS_MS, ask_servers_again, link, session);
}

static void sign_in(void *userdata, int64_t session)
{
    struct sim_xo_link *link = userdata;
    struct sim *sim = sim_of(link);

    if (link->operator->dead || link->up ||(uint64_t) session != link->session)
        return;
    if (sim->xo->up_at_ms > sim->timeline.now_ms) {
        sim_timeline_in(&sim->timeline, RECONNECT_MS, sign_in, link, session);
        return;
    }
    link->up = true;
    link->listed = 0;
    link->asking_servers = false;
    link->arrives_ms = link->told_ms = sim->timeline.now_ms;
    xo_inventory_list_begin(link->inventory);
    list_next(link, session);
}

void sim_xo_link_connect(struct sim_xo_link *link, int64_t delay_ms)
{
    sim_timeline_in(&sim_of(link)->timeline, delay_ms, sign_in, link, (int64_t)link->session);
}

void sim_xo_link_cut(struct sim_xo_link *link)
{
    void *value;

    link->session++;
    if (!link->up)
        return;
    link->up = false;
    for (size_t i = 0; map_next(&link->moves, &i, NULL, &value);) {
        struct sim_sent *sent = value;
        if (sent->move.state != XO_MOVE_PENDING)
            continue;
        sent->move.state = XO_MOVE_LOST;
        sent->move.since = clock_mono(&sim_of(link)->timeline.clock);
    }
    xo_inventory_stale(link->inventory);
}

/* Notifications. */

static void arrive(void *userdata, int64_t argument)
{
    struct sim_letter *letter = userdata;
    struct sim_xo_link *link = letter->link;
    cleanup_json json_t *enter = steal(&letter->enter);
    cleanup_json json_t *exit = steal(&letter->exit);

    (void)argument;
    if (is_void(link, (int64_t)letter->session))
        return;
    if (enter)
        xo_inventory_notify(link->inventory, enter);
    if (exit)
        xo_inventory_notify(link->inventory, exit);
    link->told_ms = letter->told_ms;
}

void sim_xo_link_notify(struct sim_xo_link *link, json_t *enter, json_t *exit)
{
    struct sim *sim = sim_of(link);
    int64_t now_ms = sim->timeline.now_ms;
    int64_t at_ms = now_ms + sim_delay(sim, NOTICE_MS, NOTICE_MAX_MS);

    if (!link->up)
        return;
    if (sim->xo->lag_until_ms > now_ms)
        at_ms += sim->xo->lag_ms;
    if (at_ms < link->arrives_ms)
        at_ms = link->arrives_ms;
    link->arrives_ms = at_ms;
    struct sim_letter *letter = write_letter(link, link->session);
    letter->told_ms = now_ms;
    letter->enter = json_incref(enter);
    letter->exit = json_incref(exit);
    sim_timeline_in(&sim->timeline, at_ms - now_ms, arrive, letter, 0);
}

bool sim_xo_link_knows(const struct sim_xo_link *link, int64_t happened_ms)
{
    return link->seen.fresh && link->seen.told_ms >= happened_ms;
}

/* Answers. */

/* An error as XO words it, read by the operator's own table. */
static enum xo_result read_error(enum xo_call_kind kind, const char *code, struct err *err)
{
    cleanup_json json_t *error = NULL;

    if (str_equal(code, "NO_SUCH_OBJECT"))
        error = json_build("{s:i, s:s}", "code", XO_CODE_NO_SUCH_OBJECT, "message",
                           "no such VDI,VDI-snapshot");
    else if (str_equal(code, "VDI_IN_USE"))
        error = json_build("{s:i, s:s}", "code", 17, "message", "VDI in use");
    else if (str_equal(code, "TASK_CANCELLED"))
        error = json_build("{s:i, s:s, s:{s:s}}", "code", -32000, "message", "task canceled",
                           "data", "message", "task canceled");
    else if (str_equal(code, "TASK_DESTROYED"))
        error = json_build("{s:i, s:s, s:{s:s}}", "code", -32000, "message",
                           "task has been destroyed before completion", "data", "taskRef", "-");
    else
        error = json_build("{s:i, s:s, s:{s:s, s:[]}}", "code", -32000, "message", code, "data",
                           "code", code, "params");
    return xo_error_read(kind, error, err);
}

static void replied(void *userdata, int64_t argument)
{
    const struct sim_letter *letter = userdata;
    struct sim_xo_link *link = letter->link;
    struct sim_sent *sent = map_get(&link->moves, letter->sent.disk);
    char name[2 * SIM_ID_SIZE];

    (void)argument;
    if (is_void(link, (int64_t)letter->session) || !sent || sent->move.state != XO_MOVE_PENDING)
        return;
    sent->move = letter->sent.move;
    sent->move.since = clock_mono(&sim_of(link)->timeline.clock);
    (void)str_copy(name, sizeof(name), sent->name); /* it may be forgotten by the call below */
    sim_note(sim_of(link), "operator %zu: answer to the move of %s: %s", link->operator->number,
             letter->sent.disk,
             sent->move.result == XO_DONE ? sent->move.new_disk : sent->move.error.message);
    xo_inventory_disk_changed(link->inventory, letter->sent.disk, name);
}

void sim_xo_link_answer(struct sim_xo_link *link, uint64_t session, const char *disk,
                        const char *code, const char *new_disk)
{
    struct sim_letter *letter = write_letter(link, session);
    struct xo_move *move = &letter->sent.move;

    (void)str_copy(letter->sent.disk, sizeof(letter->sent.disk), disk); /* the same sizes */
    move->state = XO_MOVE_ENDED;
    if (code)
        move->result = read_error(XO_CALL_MIGRATE, code, &move->error);
    else
        (void)str_copy(move->new_disk, sizeof(move->new_disk), new_disk);
    sim_timeline_in(&sim_of(link)->timeline, sim_delay(sim_of(link), 0, ANSWER_MAX_MS), replied,
                    letter, 0);
}

/* The port. */

static const struct xo_inventory *port_read(void *userdata)
{
    struct sim_xo_link *link = userdata;
    const struct xo_inventory *inventory = xo_inventory_read(link->inventory);

    link->seen =
        (struct sim_seen){.fresh = xo_inventory_fresh(inventory), .told_ms = link->told_ms};
    return inventory;
}

static void port_unread(void *userdata, const struct xo_inventory *inventory)
{
    (void)userdata;
    xo_inventory_unread(inventory);
}

struct verdict {
    bool happens;
    enum xo_result result; /* what the caller hears when it happened without error */
};

static struct verdict judge(struct sim_xo_link *link, struct err *err)
{
    struct sim_faults *faults = &sim_faults;
    uint64_t session = link->session;

    if (!link->up || faults->xo_write_refused) {
        faults->xo_write_refused = false;
        (void)err_set(err, ERR_TRANSIENT, "no session"); /* returns -1, as below */
        return (struct verdict){.result = XO_NOT_DONE};
    }
    sim_operator_wait(link->operator);
    if (link->operator->dead ||
        link->session != session) { /* nobody can tell whether it got through */
        (void)err_set(err, ERR_TRANSIENT, "the session was lost under the call");
        return (struct verdict){.happens = !link->operator->dead && session % 2 == 0,
                                .result = XO_UNKNOWN};
    }
    sim_of(link)->last_write_ms = sim_of(link)->timeline.now_ms;
    enum sim_effect effect = sim_operator_effect(link->operator);
    if (effect == SIM_EFFECT_DO && !faults->xo_write_lost)
        return (struct verdict){.happens = true, .result = XO_DONE};
    (void)err_set(err, ERR_TRANSIENT, "the connection was lost before the answer came");
    bool happens =
        effect == SIM_EFFECT_DO_AND_DIE || (effect == SIM_EFFECT_DO && faults->xo_write_lost_done);
    faults->xo_write_lost = false;
    return (struct verdict){.happens = happens, .result = XO_UNKNOWN};
}

/* A call that the model has taken: its code, or what the verdict says. */
static enum xo_result finish(struct verdict verdict, const char *code, struct err *err)
{
    if (verdict.result != XO_DONE || !code)
        return verdict.result;
    return read_error(XO_CALL_SIMPLE, code, err);
}

static enum xo_result port_migrate(void *userdata, const char *disk, const char *sr,
                                   struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    struct sim_sent *sent = map_get(&link->moves, disk);

    if (sent && sent->move.state == XO_MOVE_PENDING) {
        (void)err_set(err, ERR_CONFLICT, "a move of disk %s is under way", disk); /* returns -1 */
        return XO_NOT_DONE;
    }
    struct verdict verdict = judge(link, err);
    if (!verdict.happens && verdict.result == XO_NOT_DONE)
        return XO_NOT_DONE;
    int source = sim_xo_disk(xo, disk);
    int target = sim_xo_sr(xo, sr);
    bool heard = verdict.result == XO_DONE;
    sent = mem_alloc(sizeof(*sent));
    sent->move.state = heard ? XO_MOVE_PENDING : XO_MOVE_LOST;
    sent->move.since = clock_mono(&sim_of(link)->timeline.clock);
    (void)str_copy(sent->disk, sizeof(sent->disk), disk); /* ids are short here */
    (void)str_copy(sent->name, sizeof(sent->name),
                   source == SIM_NONE ? "" : xo->disks.items[source].name);
    map_put(&link->moves, disk, sent);
    if (!verdict.happens)
        return XO_UNKNOWN;
    sim_note(sim_of(link), "operator %zu: migrates %s to %s%s", link->operator->number, disk, sr,
             heard ? "" : " (nobody hears of it)");
    sim_truth_migrate(link->operator, source, target);
    if (source == SIM_NONE || target == SIM_NONE)
        sim_xo_link_answer(link, link->session, disk, "NO_SUCH_OBJECT", "");
    else
        sim_xo_migrate(xo, source, target,
                       (struct sim_caller){.link = link, .session = link->session});
    /* The call itself is sent; the port has no third answer for it but that it is not known. */
    return heard ? XO_DONE : XO_UNKNOWN;
}

static struct xo_move port_move(void *userdata, const char *disk)
{
    const struct sim_xo_link *link = userdata;
    const struct sim_sent *sent = map_get(&link->moves, disk);
    return sent ? sent->move : (struct xo_move){.state = XO_MOVE_NONE};
}

static void port_forget_move(void *userdata, const char *disk)
{
    struct sim_xo_link *link = userdata;
    const struct sim_sent *sent = map_get(&link->moves, disk);
    if (sent && sent->move.state != XO_MOVE_PENDING)
        map_remove(&link->moves, disk);
}

static enum xo_result port_cancel_task(void *userdata, const char *task, struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    sim_note(sim_of(link), "operator %zu: cancels task %s", link->operator->number, task);
    return finish(verdict, sim_xo_cancel(sim_of(link)->xo, task), err);
}

static enum xo_result port_set_disk(void *userdata, const char *disk, const char *name,
                                    const char *description, struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    int number = sim_xo_disk(xo, disk);
    sim_note(sim_of(link), "operator %zu: sets %s%s%s%s%s", link->operator->number, disk,
             name ? " name " : "", name ? name : "", description ? " description " : "",
             description ? description : "");
    if (number == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    sim_truth_set(link->operator, number, name, description);
    if (name)
        (void)str_copy(xo->disks.items[number].name, sizeof(xo->disks.items[number].name),
                       name); /* short */
    sim_xo_describe(xo, number, description ? description : xo->disks.items[number].description);
    return verdict.result;
}

static enum xo_result change_tag(struct sim_xo_link *link, const char *disk, const char *tag,
                                 struct err *err)
{
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    int number = sim_xo_disk(xo, disk);
    if (number == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    (void)str_copy(xo->disks.items[number].tag, SIM_ID_SIZE, tag); /* tags are short here */
    sim_xo_changed(xo, &xo->disks.items[number].shown);
    return verdict.result;
}

static enum xo_result port_add_tag(void *userdata, const char *disk, const char *tag,
                                   struct err *err)
{
    return change_tag(userdata, disk, tag, err);
}

static enum xo_result port_remove_tag(void *userdata, const char *disk, const char *tag,
                                      struct err *err)
{
    (void)tag;
    return change_tag(userdata, disk, "", err);
}

static enum xo_result port_attach(void *userdata, const struct xo_attach *attach, struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);
    int vbd;

    if (!verdict.happens)
        return verdict.result;
    int vm = sim_xo_vm(xo, attach->vm);
    int disk = sim_xo_disk(xo, attach->disk);
    sim_note(sim_of(link), "operator %zu: attaches %s to %s at %d", link->operator->number,
             attach->disk, attach->vm, attach->position);
    if (vm == SIM_NONE || disk == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    sim_truth_attach(link->operator, disk, vm);
    return finish(verdict,
                  sim_xo_attach(xo,
                                &(struct sim_vbd){.vm = vm,
                                                  .disk = disk,
                                                  .position = attach->position,
                                                  .read_only = attach->read_only},
                                &vbd),
                  err);
}

static enum xo_result plug(struct sim_xo_link *link, const char *vbd, bool attached,
                           struct err *err)
{
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    int number = sim_xo_vbd(xo, vbd);
    sim_note(sim_of(link), "operator %zu: %s %s", link->operator->number,
             attached ? "connects" : "disconnects", vbd);
    if (number == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    if (attached)
        sim_truth_attach(link->operator, xo->vbds.items[number].disk, xo->vbds.items[number].vm);
    else
        sim_truth_detach(link->operator, number);
    const char *code = sim_xo_plug(xo, number, attached);
    if (str_equal(code, attached ? "DEVICE_ALREADY_ATTACHED" : "DEVICE_ALREADY_DETACHED"))
        code = NULL;
    return finish(verdict, code, err);
}

static enum xo_result port_connect_vbd(void *userdata, const char *vbd, struct err *err)
{
    return plug(userdata, vbd, true, err);
}

static enum xo_result port_disconnect_vbd(void *userdata, const char *vbd, struct err *err)
{
    return plug(userdata, vbd, false, err);
}

static enum xo_result port_delete_vbd(void *userdata, const char *vbd, struct err *err)
{
    struct sim_xo_link *link = userdata;
    struct sim_xo *xo = sim_of(link)->xo;
    struct verdict verdict = judge(link, err);

    if (!verdict.happens)
        return verdict.result;
    int number = sim_xo_vbd(xo, vbd);
    sim_note(sim_of(link), "operator %zu: deletes VBD %s", link->operator->number, vbd);
    if (number == SIM_NONE)
        return finish(verdict, "NO_SUCH_OBJECT", err);
    sim_truth_detach(link->operator, number);
    sim_xo_remove_vbd(xo, number);
    return verdict.result;
}

struct xo_port sim_xo_link_port(struct sim_xo_link *link)
{
    return (struct xo_port){.userdata = link,
                            .read = port_read,
                            .unread = port_unread,
                            .migrate = port_migrate,
                            .move = port_move,
                            .forget_move = port_forget_move,
                            .cancel_task = port_cancel_task,
                            .set_disk = port_set_disk,
                            .add_tag = port_add_tag,
                            .remove_tag = port_remove_tag,
                            .attach = port_attach,
                            .connect_vbd = port_connect_vbd,
                            .disconnect_vbd = port_disconnect_vbd,
                            .delete_vbd = port_delete_vbd};
}
