/* cmd/simulate: what one process of the operator has of Xen Orchestra. */
#include "xo_link_internal.h"

#include "base/mem.h"
#include "base/str.h"
#include "operator.h"

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
    return link->process->sim;
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

struct sim_xo_link *sim_xo_link_new(struct sim_operator *process)
{
    struct sim_xo_link *link = mem_alloc(sizeof(*link));

    link->process = process;
    link->inventory = xo_inventory_new(&process->sim->timeline.clock);
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
    return link->process->dead || !link->up || (uint64_t)session != link->session;
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
    sim_note(sim, "operator %zu: has listed Xen Orchestra", link->process->number);
    xo_inventory_list_end(link->inventory);
    sim_timeline_in(&sim->timeline, SERVERS_MS, ask_servers_again, link, session);
}

static void sign_in(void *userdata, int64_t session)
{
    struct sim_xo_link *link = userdata;
    struct sim *sim = sim_of(link);

    if (link->process->dead || link->up || (uint64_t)session != link->session)
        return;
    if (sim->xo->up_at_ms > sim->timeline.now_ms) {
        sim_timeline_in(&sim->timeline, RECONNECT_MS, sign_in, link, session);
        return;
    }
    link->up = true;
    link->listed = 0;
    link->asking_servers = false;
    link->arrives_ms = link->told_ms = sim->timeline.now_ms;
    xo_inventory_user(link->inventory, true);
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
    sim_note(sim_of(link), "operator %zu: answer to the move of %s: %s", link->process->number,
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
        move->result = sim_xo_read_error(XO_CALL_MIGRATE, code, &move->error);
    else
        (void)str_copy(move->new_disk, sizeof(move->new_disk), new_disk);
    sim_timeline_in(&sim_of(link)->timeline, sim_delay(sim_of(link), 0, ANSWER_MAX_MS), replied,
                    letter, 0);
}
