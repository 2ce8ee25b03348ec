/*
 * xosim, upper layer: Xen Orchestra: sessions, its mirror of the pools, notifications, and calls
 * made of XAPI operations.
 *
 * Flow: a frame comes in (xo_session_frame) → a call → XAPI operations, one after the other, each
 * awaited *in the mirror*, as the real one does → an answer. Changes come from XAPI → pending per
 * pool → flushed into the mirror after the delays below → told to every signed-in session.
 * Guarantees: within a flush `enter` comes before `exit`, and both before the calls that waited for
 * it go on. Nothing is told to a client before `before_output` has run, which makes it durable.
 * Assumptions: XAPI goes on when this layer is restarted (xo_restart): its calls are forgotten, not
 * undone. Thread: the simulator's only one.
 */
#ifndef XOSIM_XO_H
#define XOSIM_XO_H

#include "base/err.h"
#include "base/macros.h"
#include "base/map.h"
#include "xosim/xapi.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    XO_EVENT_DELAY_MS =
        50,                /* XAPI gathers events for so long: it ends before a storage call does */
    XO_DEBOUNCE_MS = 202,  /* Xen Orchestra asks for events at most every 200 ms */
    XO_PASSWORD_MS = 118,  /* what checking a password costs */
    XO_THROTTLE_MS = 2000, /* after a bad password, every sign-in of that user fails for so long */
    XO_IN_USE_TRIES = 10,  /* VDI.destroy of a disk in use is tried so often … */
    XO_IN_USE_DELAY_MS = 5000,       /* … so far apart */
    XO_TOO_MANY_TRIES = 10,          /* a move that XAPI has no slot for is tried so often … */
    XO_VM_TOO_MANY_DELAY_MS = 10000, /* a VM's, for ever, so far apart */
    XO_TOO_MANY_DELAY_MS = 1000,     /* … so far apart */
    XO_XAPI_CALLS_MAX = 20,          /* made to a pool at once, event.from included */
    XO_TOOLSTACK_MS = 1200,          /* how long a restarted toolstack does not answer */
    XO_CALLS_MAX =
        10000, /* under way at once: a call is some 500 bytes; more is a client in a loop */
    XO_FRAME_DEPTH_MAX = 100 /* of JSON; ours are 4 deep */
};

enum { XO_TASK_ID_SIZE = 24 /* of an XO task: 0mwq5l3fi-3f8bod7bxi5 */ };

struct xo;
struct xo_session;
struct xo_call;

/** A user of Xen Orchestra. */
struct xo_user {
    char id[UUID_SIZE];
    char *email;
    char *password;
    char *permission;     /* "admin" or "none" */
    json_t *acls;         /* { uuid: true }: pools, hosts, SRs and VMs that it has access to */
    bool sees_all;        /* of a version that filters nothing */
    int64_t bad_until_us; /* throttled until then */
    struct timer resync;  /* until it is told what it sees now */
    struct xo *xo;
};

/** An authentication token. */
struct xo_token {
    char *token;
    struct xo_user *user;
    char *description;
    int64_t created_ms;
    int64_t expires_ms; /* wall time */
};

/** How a session reaches its client. */
struct xo_client {
    void *userdata;
    /** Sends one frame; the text is *borrowed*. It may be dropped when the client is gone. */
    void (*send)(void *userdata, const char *text, size_t len, bool binary);
    /** Closes the connection soon; xo_session_close() follows. Abruptly: as when the process at the
     * other end dies. */
    void (*close)(void *userdata, bool abruptly);
};

enum xo_pool_state {
    XO_POOL_CONNECTED,
    XO_POOL_STALLED,     /* XAPI does not answer: the mirror is served as it was */
    XO_POOL_GONE,        /* the connection was lost: nothing of the pool is in the mirror … */
    XO_POOL_DISCONNECTED /* … or could not be made, or a person does not want it */
};

/** One pool, and the entry among Xen Orchestra's servers that it is reached by. */
struct xo_pool {
    struct xo *xo;
    struct xapi_pool *pool;
    char server_id[UUID_SIZE];
    enum xo_pool_state state;
    bool disabled;        /* by a person: Xen Orchestra does not connect to it */
    unsigned unreachable; /* how many faults keep it from being connected to */
    bool failed;          /* the last attempt to connect did */
    json_t *pending;      /* { id: true }, in the order of the changes */
    struct timer flush;
    struct timer reconnect;
    int64_t flushed_us;  /* when last; far in the past at first */
    unsigned slots;      /* calls to its XAPI under way, event.from not counted (xo_slots.c) */
    bool listening;      /* event.from is under way */
    struct list waiting; /* for a slot: struct xo_call, and the pool itself for event.from */
};

/** What the site does for this layer. Every function may be NULL. */
struct xo_hooks {
    void *userdata;
    /** Makes everything durable that a client is about to see. */
    void (*before_output)(void *userdata);
    /** A token was made, or has expired. */
    void (*token_changed)(void *userdata, const struct xo_token *token);
    /** A user has other access. */
    void (*user_changed)(void *userdata, const struct xo_user *user);
    /** A person has enabled or disabled a server. */
    void (*server_changed)(void *userdata, const struct xo_pool *pool);
};

/** Moments of a call at which faults may interfere. */
enum xo_moment {
    XO_BEFORE_CALL, /* it is known what is asked for; XAPI knows nothing of it */
    XO_AFTER_XAPI,  /* XAPI has done something for it; Xen Orchestra does not know yet */
    XO_BEFORE_REPLY /* it has ended; the caller does not know yet */
};

enum xo_verdict {
    XO_GO_ON,
    XO_CUT,  /* the connection is cut; before a call, nothing is done */
    XO_FAIL, /* before a call: it ends with an XAPI error */
    XO_HOLD  /* nobody is answered, the connection stays; before a call, nothing is done until
               xo_calls_release() */
};

/** What is known of such a moment; *borrowed* during the call of the hook. */
struct xo_event {
    enum xo_moment moment;
    const char *method;
    const char *operation; /* the XAPI task that has ended well, such as VDI.copy; NULL: none */
    const json_t *params;
    char
        *held_by; /* UUID_SIZE bytes: before a call, who holds it is written here; NULL otherwise */
};

/** How a call came to its end. */
struct xo_outcome {
    const json_t *result;     /* NULL: it failed */
    const json_t *error;      /* as JSON-RPC has it: { code, message, data? }; NULL: it worked */
    const json_t *error_info; /* the XAPI error that it is, or NULL */
    bool cut;                 /* the caller must not be told: its connection is to end */
};

/** Who watches what happens, to show it otherwise: the REST API. Every function may be NULL. */
struct xo_observer {
    void *userdata;
    /** A call has to wait for something, for the first time. */
    void (*call_waits)(void *userdata, struct xo_call *call);
    /** A call ends; it is there for the last time. */
    void (*call_ends)(void *userdata, const struct xo_call *call, const struct xo_outcome *outcome);
    /** An object of the mirror is new (`before` NULL), has changed, or is gone (`after` NULL). */
    void (*object_changed)(void *userdata, const json_t *before, const json_t *after);
    /** Xen Orchestra has ended; calls are gone. */
    void (*restarted)(void *userdata);
};

/** What faults may interfere with. */
struct xo_call_hooks {
    void *userdata;
    /** May be NULL. For XO_FAIL, *ret_error is a *new* error_info. The hook may restart Xen
     * Orchestra, which takes the call away. */
    enum xo_verdict (*on_call)(void *userdata, const struct xo_event *event, json_t **ret_error);
};

struct xo {
    struct xapi *xapi;
    struct timers *timers;
    struct ids *ids;
    bool down;    /* restarting: its port refuses connections … */
    bool hanging; /* … or, for the last moments, takes them and answers nothing */
    int64_t hang_us;
    unsigned restarts; /* so far */
    struct timer up_again;
    json_t *objects;   /* the mirror: { id: object } */
    json_t *by_type;   /* { type: { id: object } } */
    json_t *left;      /* { id: object }: gone from the mirror since the last notification */
    json_t *tasks;     /* { id: XAPI's record of the task } */
    struct list pools; /* struct xo_pool, owned */
    struct list users; /* struct xo_user, owned */
    struct map tokens; /* struct xo_token, owned, by token */
    struct list sessions;
    struct xo_call *calls; /* under way, newest first */
    size_t calls_len;
    struct xo_hooks hooks;
    struct xo_call_hooks call_hooks;
    struct xo_observer observer;
};

/** *New*. `xapi` is *borrowed* for its life and must have its pools. Becomes XAPI's first listener.
 */
struct xo *xo_new(struct xapi *xapi);

/** Frees it and forgets calls; sessions are freed without being closed. Takes NULL, returns NULL.
 */
struct xo *xo_free(struct xo *xo);

/** Fills the mirror from all pools, telling nobody. */
void xo_connect_pools(struct xo *xo);

/** Ends the process of Xen Orchestra: closes sessions, forgets calls; serves again after `seconds`,
 * during the last `hang_seconds` of which it takes connections and answers nothing. */
void xo_restart(struct xo *xo, double seconds, double hang_seconds);

/** Closes every session's connection; calls go on. */
void xo_drop_sessions(struct xo *xo);

/** A new user. *Borrowed*. */
struct xo_user *xo_add_user(struct xo *xo, const char *id, const char *email, const char *password,
                            const char *permission);

/** *Borrowed*, or NULL. */
struct xo_user *xo_find_user(const struct xo *xo, const char *email);

/** A new token, or other terms for a known one. *Borrowed*. */
struct xo_token *xo_add_token(struct xo *xo, const char *token, struct xo_user *user,
                              int64_t expires_ms);

/** Whose token it is, while it is valid; *borrowed*, or NULL. */
struct xo_user *xo_token_user(const struct xo *xo, const char *token);

/* --- the mirror (xo_mirror.c) --- */

/** *Borrowed*: the object as clients see it, or NULL. */
json_t *xo_object(const struct xo *xo, const char *id);

/** *Borrowed*: the object when it is of one of the types (a NULL-ended list), else NULL. */
json_t *xo_object_of_type(const struct xo *xo, const char *id, const char *const *types);

/** Loses the connection to a pool for `seconds`. */
void xo_pool_blip(struct xo *xo, struct xapi_pool *pool, double seconds);

/** The mirror has nothing of a pool any more, with one `exit`, until xo_pool_connect(). `state` is
 * XO_POOL_GONE or XO_POOL_DISCONNECTED. */
void xo_pool_lose(struct xo_pool *pool, enum xo_pool_state state);

/** Fills the mirror from a pool, with one `enter`: Xen Orchestra has connected to it. */
void xo_pool_connect(struct xo_pool *pool);

/** No event comes from a pool for `seconds`: the mirror is served as it was. */
void xo_pool_stall(struct xo *xo, struct xapi_pool *pool, double seconds);

/** Asks for a slot for event.from, behind those who wait; until there is one nothing is heard of the
 * pool (xo_slots.c). */
void xo_pool_listen(struct xo_pool *pool);

/** event.from is under way again: what has changed meanwhile is heard of soon. */
void xo_pool_listens(struct xo_pool *pool);

/** Takes a slot for a call to XAPI; false: there is none, xapi_reply_admit() follows. */
bool xo_slot_take(struct xo_call *call, const struct xapi_pool *xapi_pool);

/** The call to XAPI is over, or nobody wants it any more. */
void xo_slot_give(struct xo_call *call);

/** The state of the pool an object belongs to. */
struct xo_pool *xo_pool_of(const struct xo *xo, const struct xapi_pool *pool);

/* --- access (xo_acl.c) --- */

/** Whether the user is an administrator. */
bool xo_user_is_admin(const struct xo_user *user);

/** Whether the user has access to an object as clients see it. */
bool xo_user_may(const struct xo *xo, const struct xo_user *user, const json_t *object);

/** Whether lists have the object for this user. */
bool xo_user_sees(const struct xo *xo, const struct xo_user *user, const json_t *object);

/** Of { id: object, or 0 for one that has just left }, what the user sees, *new*. */
json_t *xo_user_filter(const struct xo *xo, const struct xo_user *user, json_t *items) WARN_UNUSED;

/** Gives a user other access: a permission, and { uuid: true } (*stolen*). Sessions are told of what
 * was given, not of what was taken. */
void xo_user_set_access(struct xo_user *user, const char *permission, json_t *acls);

/* --- servers (xo_server.c) --- */

/** One more reason why a pool can not be reached over the network, or one less. Without any Xen
 * Orchestra connects to it at once, unless a person has disabled it. */
void xo_server_set_unreachable(struct xo *xo, struct xapi_pool *pool, bool unreachable);

/** What a person has asked for. Nothing is connected or lost by it before xo_connect_pools(). */
void xo_server_set_enabled(struct xo *xo, const struct xapi_pool *pool, bool enabled);

/** Whether Xen Orchestra, which starts, connects to the pool; notes that it failed. */
bool xo_server_connects(struct xo_pool *pool);

/** Sends a notification to every signed-in session, each what its user sees. */
void xo_notify(struct xo *xo, const char *type, json_t *items);

/** The XAPI object as Xen Orchestra shows it (xo_render.c). *New*. */
json_t *xo_render(const struct xapi_object *object) WARN_UNUSED;

/* --- filters (xo_filter.c, xo_query.c) --- */

/** Whether an object has everything that the pattern has: objects by key, arrays as sets, the rest
 * by value. */
bool xo_filter_matches(const json_t *object, const json_t *pattern);

struct xo_query;

/** Parses a string filter. *New*. ERR_INVALID says where it can not be read. */
int xo_query_parse(const char *text, struct xo_query **ret, struct err *err) WARN_UNUSED;

/** Whether an object matches. */
bool xo_query_matches(const struct xo_query *query, const json_t *object);

/** Takes NULL, returns NULL. */
struct xo_query *xo_query_free(struct xo_query *query);

DEFINE_CLEANUP(struct xo_query *, xo_query, xo_query_free)
#define cleanup_xo_query CLEANUP(cleanup_xo_query_p)

/* --- sessions (xo_session.c) --- */

struct xo_session {
    struct xo *xo;
    struct xo_client client;
    struct xo_user *user; /* NULL: not signed in */
    char *token;          /* that it signed in with, or NULL */
    bool cut;             /* its connection is about to end: nothing more is said */
};

/** A new session that is not signed in. *Borrowed*: ended by xo_session_close(). */
struct xo_session *xo_session_open(struct xo *xo, const struct xo_client *client);

/** The connection is gone; calls of it go on. Frees the session; takes NULL. */
void xo_session_close(struct xo_session *session);

/** Ends the connection soon, see `close` above; nothing more is sent. */
void xo_session_cut(struct xo_session *session, bool abruptly);

/** A text frame from the client. */
void xo_session_frame(struct xo_session *session, const char *text, size_t len);

/** Sends a JSON value as a frame. */
void xo_session_send(struct xo_session *session, const json_t *message);

/** Sends a notification to one session; none when there are no items. */
void xo_session_tell(struct xo_session *session, const char *type, json_t *items);

/* --- calls (xo_call.c, xo_error.c) --- */

enum xo_wait { XO_WAIT_NOTHING, XO_WAIT_TASK, XO_WAIT_PRESENT, XO_WAIT_ABSENT, XO_WAIT_BARRIER };

/** Continues a call. */
typedef void xo_step_fn(struct xo_call *call);

/** A call under way. It ends with exactly one of the functions below that say so. */
struct xo_call {
    struct xo *xo;
    struct xo_session *session; /* NULL: nobody waits for the answer */
    json_t *id;
    const char *method; /* static */
    json_t *params;
    struct xo_user *user;
    enum xo_wait wait;
    char waits_for[REF_SIZE]; /* id or barrier key */
    struct xapi_pool *pool;   /* in which that is awaited */
    xo_step_fn *next;
    xo_step_fn *then; /* after a detour of several steps */
    struct timer timer;
    struct xapi_reply reply;
    struct xo_pool *slot;    /* of which it has a slot, or waits for one; NULL: neither */
    bool queued;             /* it waits */
    json_t *task_record;     /* XAPI's record of the task last awaited, as last seen; NULL: none */
    char task_ref[REF_SIZE]; /* of the task last awaited, or of the object that a synchronous call
                                is about */
    bool task_vanished;      /* it was gone from the mirror before it ended */
    json_t *error_info;      /* of the operation last awaited; NULL: it worked */
    char created[UUID_SIZE]; /* by the operation last awaited */
    int64_t duration_ms;
    unsigned tries;
    void (*finish)(void *userdata,
                   const struct xo_outcome *outcome); /* NULL: the session is told */
    void *finish_userdata;
    char shown_as[XO_TASK_ID_SIZE]; /* its XO task; "": none yet */
    char held_by[UUID_SIZE];        /* see struct xo_event; "": it is not held */
    char source[UUID_SIZE];         /* free for the method's use */
    char target[UUID_SIZE];
    struct list vbds; /* free for the method's use: uuids, owned */
    struct xo_call *previous;
    struct xo_call *next_call;
};

/** A call that does not come over a session. */
struct xo_call_options {
    const char *method; /* static; the JSON-RPC method that does the same */
    xo_step_fn *run;    /* NULL: that method's */
    json_t *params;     /* *stolen* */
    struct xo_user *user;
    const char *shown_as; /* the XO task that it is part of; NULL: none */
    /** Told how it ended, once; not when Xen Orchestra restarts. */
    void (*finish)(void *userdata, const struct xo_outcome *outcome);
    void *userdata;
};

/** Starts such a call. It may have ended when this returns. */
void xo_call_start_internal(struct xo *xo, const struct xo_call_options *options);

/** Nobody waits for the end of calls with this userdata any more; they go on. */
void xo_calls_forget(struct xo *xo, const void *userdata);

/** Calls that were held before they began, by this one, begin now. */
void xo_calls_release(struct xo *xo, const char *held_by);

/** Starts a call. Steals `id` and `params`. */
void xo_call_start(struct xo_session *session, json_t *id, const char *method, json_t *params);

/** Goes on with `step` when the task has ended or is gone; error_info and task_record say how. */
void xo_call_await_task(struct xo_call *call, const struct xapi_task *task, xo_step_fn *step);

/** Goes on when the id is in the mirror (or no longer in it), with its pool connected. */
void xo_call_await_object(struct xo_call *call, const struct xapi_pool *pool, const char *id,
                          bool present, xo_step_fn *step);

/** Goes on when everything that happened in the pool until now is in the mirror: writes a key into
 * the pool and awaits it. */
void xo_call_await_barrier(struct xo_call *call, struct xapi_pool *pool, xo_step_fn *step);

/** Goes on when the reply, given to a synchronous XAPI call, is filled. */
struct xapi_reply *xo_call_await_reply(struct xo_call *call, xo_step_fn *step);

/** Goes on after a while. */
void xo_call_await_time(struct xo_call *call, int64_t ms, xo_step_fn *step);

/** A disk is in use and can not be destroyed: takes it out of control domains that keep it, and goes
 * on after a while. */
void xo_call_destroy_again(struct xo_call *call, const char *id, xo_step_fn *step);

/** Looks whether calls that wait in this pool can go on. `vanished_only`: only those whose task is
 * gone. */
void xo_calls_check(struct xo *xo, const struct xapi_pool *pool, bool vanished_only);

/** Ends the call with a result (*stolen*). */
void xo_call_answer(struct xo_call *call, json_t *result);

/** Ends the call with an error; `data` (*stolen*) may be NULL. */
void xo_call_fail(struct xo_call *call, int code, const char *message, json_t *data);

/** Ends the call: unknown id. `types` as in xo_object_of_type(). */
void xo_call_fail_no_such(struct xo_call *call, const char *id, const char *const *types);

/** Ends the call with the error of the operation last awaited; a synchronous call is named with its
 * parameters (*stolen*). */
void xo_call_fail_xapi(struct xo_call *call, const char *xapi_method, json_t *xapi_params);

/** Ends the call with an error_info that was never an operation's (*stolen*). */
void xo_call_fail_refused(struct xo_call *call, const char *xapi_method, json_t *error_info);

/** An XAPI error as a text: CODE(first, second). *New*. */
char *xo_error_text(const json_t *error_info) WARN_UNUSED;

/** Frees the call without an answer. */
void xo_call_drop(struct xo_call *call);

/** Says that a moment has come; `operation` and `ret_error` may be NULL when the moment has none. */
enum xo_verdict xo_call_moment(struct xo *xo, const struct xo_event *event, json_t **ret_error);

/** A XAPI task has ended well: whoever waits for it does not know yet. */
void xo_calls_task_done(struct xo *xo, const struct xapi_task *task);

/** The code of the error of the operation last awaited, or "" when it worked. */
const char *xo_call_error_code(const struct xo_call *call);

/** The string parameter, *borrowed*, or NULL. */
const char *xo_call_param(const struct xo_call *call, const char *name);

/** Turns tracking of changed blocks off on all disks of a VM (xo_call_cbt.c), then goes on with
 * `step`. */
void xo_call_disable_cbt(struct xo_call *call, const struct xapi_vm *vm, xo_step_fn *step);

/**
 * The XAPI object behind the id in a parameter, checked as Xen Orchestra does: it must be in the
 * mirror with one of the types. NULL: the call has been ended with the right error.
 */
void *xo_call_object(struct xo_call *call, const char *param, enum xapi_class class,
                     const char *const *types);

extern const char *const xo_types_vdi[];  /* "VDI", "VDI-snapshot" */
extern const char *const xo_types_disk[]; /* "VDI" */
extern const char *const xo_types_sr[];
extern const char *const xo_types_vm[];
extern const char *const xo_types_host[];
extern const char *const xo_types_vbd[];
extern const char *const xo_types_task[];

/** Deletes the snapshot of a VM that the call names: how vm.delete goes on for one. */
void xo_vm_snapshot_delete(struct xo_call *call);

/* --- methods (xo_methods.c and the xo_call_*.c it lists) --- */

/** A parameter of a method, as it is validated before the method runs. */
struct xo_param {
    const char *name;
    const char
        *type; /* of JSON: "string", "number", "boolean"; "number,string": either; NULL: anything */
    bool optional;
};

enum { XO_PARAMS_MAX = 8 /* no method has more */ };

struct xo_method {
    const char *name;
    xo_step_fn *run;
    bool before_sign_in; /* allowed then */
    bool admin;          /* only for administrators */
    struct xo_param params[XO_PARAMS_MAX];
};

/** *Borrowed*, static; NULL: unknown. */
const struct xo_method *xo_method_find(const char *name);

/** The errors of a call's parameters as a *new* array, or NULL when they are right. */
json_t *xo_params_check(const struct xo_method *method, const json_t *params);

xo_step_fn xo_session_sign_in, xo_session_sign_out, xo_session_get_user;
xo_step_fn xo_token_create;
xo_step_fn xo_get_all_objects;
xo_step_fn xo_disk_create;
xo_step_fn xo_vdi_set, xo_vdi_delete, xo_vdi_migrate;
xo_step_fn xo_vm_attach_disk, xo_vm_migrate, xo_vm_snapshot, xo_vm_delete;
xo_step_fn xo_vm_set, xo_vm_start, xo_vm_stop, xo_vm_restart, xo_vm_suspend, xo_vm_resume;
xo_step_fn xo_vm_pause, xo_vm_unpause, xo_host_enable, xo_host_disable, xo_host_detach;
xo_step_fn xo_sr_forget;
xo_step_fn xo_vbd_connect, xo_vbd_disconnect, xo_vbd_delete;
xo_step_fn xo_task_cancel;
xo_step_fn xo_tag_add, xo_tag_remove;
xo_step_fn xo_server_get_all, xo_server_enable, xo_server_disable;

#endif
