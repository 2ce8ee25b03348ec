/* xosim: what the files of the REST API share. Thread: the simulator's only one. */
#ifndef XOSIM_REST_INTERNAL_H
#define XOSIM_REST_INTERNAL_H

#include "base/buf.h"
#include "xosim/rest.h"

struct rest_route;
struct rest_transfer;

struct rest {
    struct xo *xo;
    json_t *tasks;         /* { id: log }, oldest first */
    json_t *transient;     /* { id: true }: those that go away when they end well */
    struct list exchanges; /* struct rest_exchange, not owned */
    struct timer ping;
};

struct rest_exchange {
    struct rest *rest;
    struct rest_client client;
    struct xo_user *user; /* NULL: nobody signed in */
    char *method;
    char *path;
    char *segments[REST_SEGMENTS_MAX]; /* behind the root, owned */
    size_t segments_len;
    json_t *params;
    int64_t content_length;
    struct buf body;
    json_t *json; /* the body, once it is whole */
    const struct rest_route *route;
    bool answered;
    bool over;                       /* nothing more is sent */
    int success;                     /* status when the call has ended well */
    char waits_for[XO_TASK_ID_SIZE]; /* a task; "": none */
    bool watches;                    /* tasks */
    struct xo_query *filter;         /* of what it watches, or NULL */
    char subscriber[UUID_SIZE];      /* "": no event stream */
    json_t *subscriptions;           /* { collection: fields } */
    struct rest_transfer *transfer;  /* of a disk's content, or NULL */
};

/** A route. */
struct rest_route {
    const char *method;
    const char *path[REST_SEGMENTS_MAX]; /* "*" stands for any one segment */
    void (*handle)(struct rest_exchange *exchange);
    const char *resource; /* what a privilege is missing on; NULL: open to every user */
    const char *action;
    const char *const *fields; /* that a body may have, "name:type" and "!" for one that must be
                                  there, ended by NULL; NULL: no body is read */
    bool streams;              /* handled before its body is there */
};

/** A collection: what is under a path. */
struct rest_collection {
    const char *path;
    const char *type; /* of XO objects */
};

/** *Borrowed*, static, or NULL. */
const struct rest_collection *rest_collection_find(const char *path);
bool rest_type_is_known(const char *type);

/** The route of an exchange (rest_route.c), or NULL. */
const struct rest_route *rest_route_find(const struct rest_exchange *exchange);

/** Checks the body's fields; false: answered with 422. */
bool rest_body_check(struct rest_exchange *exchange);

/* --- answers (rest_answer.c) --- */

/** Answers with JSON (*stolen*). `headers`: more lines, or NULL. */
void rest_answer(struct rest_exchange *exchange, int status, const char *headers, json_t *json);

/** Answers without a body. */
void rest_answer_empty(struct rest_exchange *exchange, int status);

/** Answers { error, data? }; both are *stolen*, `data` may be NULL. */
void rest_fail(struct rest_exchange *exchange, int status, json_t *error, json_t *data);

/** Answers that there is no such object. */
void rest_fail_no_such(struct rest_exchange *exchange, const char *type, const char *id);

/** Answers 422 about one field; `value` may be NULL. */
void rest_fail_field(struct rest_exchange *exchange, const char *field, const char *message,
                     const json_t *value);

/** Answers that the route is not known: a page. */
void rest_fail_route(struct rest_exchange *exchange);

/** Answers as the call ended: the failure as it is, or exchange->success without a body. */
void rest_answer_outcome(struct rest_exchange *exchange, const struct xo_outcome *outcome);

/** The head of a stream. */
void rest_stream(struct rest_exchange *exchange, const char *headers);

/** A piece of a stream, and its end. */
void rest_stream_text(struct rest_exchange *exchange, const char *text);
void rest_stream_end(struct rest_exchange *exchange);

/* --- parameters and objects --- */

/** A text of the query; *borrowed*, NULL: none. */
const char *rest_param(const struct rest_exchange *exchange, const char *name);

/** A boolean of the query; false is returned when it has been answered with 422. */
bool rest_flag(struct rest_exchange *exchange, const char *name, bool *ret);

/** The object that a segment names; NULL: answered with 404. */
const json_t *rest_object(struct rest_exchange *exchange, const char *type, const char *id);

/** Sends a list of objects ({ id: object }) with the query's fields, limit and format. */
void rest_send_list(struct rest_exchange *exchange, const json_t *objects, const char *path);

/** The query's filter; false: answered with 400. *ret is *new* or NULL. */
bool rest_filter(struct rest_exchange *exchange, struct xo_query **ret);

/** An object as `fields` asks for it, with its href under a path. *New*. */
json_t *rest_map(const json_t *object, const char *path, const char *fields);

/* --- tasks (rest_task.c) --- */

/** A new pending task of these properties (*stolen*); its id goes to `id`. */
void rest_task_start(struct rest *rest, json_t *properties, bool transient,
                     char id[static XO_TASK_ID_SIZE]);

/** Starts the call of an action and answers it: `sync` in the query says when. `run` NULL: the
 * method's; `params` is *stolen*. */
void rest_action(struct rest_exchange *exchange, const char *name,
                 const struct xo_call_options *call);

/** Starts a call whose end is the answer. */
void rest_call(struct rest_exchange *exchange, const char *method, xo_step_fn *run, json_t *params,
               int success);

/** Gives a call that has to wait its task. */
void rest_tasks_call_waits(struct rest *rest, struct xo_call *call);

/** Ends the task of a call. */
void rest_tasks_call_ends(struct rest *rest, const struct xo_call *call,
                          const struct xo_outcome *outcome);

/** Notes that Xen Orchestra has ended under all that are pending. */
void rest_tasks_interrupt(struct rest *rest);

/* --- events (rest_events.c) --- */

/** An object of the mirror is new, has changed or is gone, as struct xo_observer says. */
void rest_events_object(struct rest *rest, const json_t *before, const json_t *after);

/** A task has changed or (`removed`) is gone. */
void rest_events_task(struct rest *rest, const json_t *task, bool removed);

/* --- content (rest_content.c) --- */

/** A piece of what is imported. */
void rest_transfer_body(struct rest_exchange *exchange, const void *data, size_t len);

/** All of it has come. */
void rest_transfer_body_end(struct rest_exchange *exchange);

/** There is room for more of what is exported. */
void rest_transfer_drained(struct rest_exchange *exchange);

/** The exchange is over: ends its transfer, which breaks off when it was not whole. */
void rest_transfer_end(struct rest_exchange *exchange);

/* --- handlers --- */

/** Handles a request whose user, route and body are in order; it answers now or later. */
typedef void rest_handler(struct rest_exchange *exchange);

rest_handler rest_get_list, rest_get_object, rest_get_object_tasks;
rest_handler rest_ping;
rest_handler rest_post_vdi, rest_patch_vdi, rest_delete_vdi, rest_put_tag, rest_delete_tag;
rest_handler rest_migrate_vdi, rest_get_vdi, rest_put_vdi, rest_import_vdi;
rest_handler rest_post_vbd, rest_delete_vbd, rest_connect_vbd, rest_disconnect_vbd;
rest_handler rest_migrate_vm;
rest_handler rest_get_tasks, rest_get_task, rest_delete_task, rest_delete_tasks, rest_abort_task;
rest_handler rest_get_events, rest_post_subscription, rest_delete_subscription;

#endif
