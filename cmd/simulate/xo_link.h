/*
 * cmd/simulate: what one process of the operator has of Xen Orchestra: its inventory (the real one), filled by a listing type by type
 * and by notifications that are behind, what it knows of the moves that it sent, and the port. Thread: one.
 */
#ifndef SIMULATE_XO_LINK_H
#define SIMULATE_XO_LINK_H

#include "base/map.h"
#include "reconcile/ports.h"
#include "xo_server.h"

/** A notification, or an answer to a vdi.migrate, that is on its way or was. */
struct sim_letter;

/** What the pass that is being made has seen: it decides from that, however long its calls take. */
struct sim_seen {
    bool fresh;
    int64_t told_ms; /* everything that happened up to then was in the inventory */
};

struct sim_xo_link {
    struct sim_operator *process;
    struct xo_inventory *inventory;
    struct map moves; /* disk → struct sim_sent, owned */
    bool up;
    uint64_t session; /* its number; what belongs to an earlier one is void */
    int listed;       /* types of which the listing has come */
    bool asking_servers;
    int64_t arrives_ms; /* when the last notification on its way arrives: they keep their order */
    struct sim_seen seen;
    struct sim_letter *letters; /* all of them, owned */
    int64_t told_ms;            /* everything that happened up to then is in the inventory */
};

/** *New*, of a process (*borrowed*): there is no session yet. */
struct sim_xo_link *sim_xo_link_new(struct sim_operator *process);
/** Takes NULL, returns NULL. */
struct sim_xo_link *sim_xo_link_free(struct sim_xo_link *link);
/** The port of the operator. */
struct xo_port sim_xo_link_port(struct sim_xo_link *link);

/** Signs in after `delay_ms`, or when XO is up again. */
void sim_xo_link_connect(struct sim_xo_link *link, int64_t delay_ms);

/** The session is lost: calls without an answer are lost, the inventory is stale. */
void sim_xo_link_cut(struct sim_xo_link *link);

/** A notification is sent to it: of either NULL: none (both *borrowed*). */
void sim_xo_link_notify(struct sim_xo_link *link, json_t *enter, json_t *exit);

/** The answer to a vdi.migrate of a session: XO's or XAPI's code, or NULL and the new disk. */
void sim_xo_link_answer(struct sim_xo_link *link, uint64_t session, const char *disk,
                        const char *code, const char *new_disk);

/** Whether what happened at that time was in its inventory when the pass that is being made read it. */
bool sim_xo_link_knows(const struct sim_xo_link *link, int64_t happened_ms);

#endif
