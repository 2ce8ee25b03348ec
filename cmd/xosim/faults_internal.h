/* xosim: what the files of the faults share: faults.c (the list), faults_kinds.c (the table and what
 * they do), faults_spec.c (how they are written), faults_hooks.c (the events). Thread: the
 * simulator's only one. */
#ifndef XOSIM_FAULTS_INTERNAL_H
#define XOSIM_FAULTS_INTERNAL_H

#include "xosim/faults.h"

/** Fields beside `name`, `when` and `after`, which all take. */
enum fault_fields {
    FAULT_POOL = 1,
    FAULT_HOST = 2,
    FAULT_SR = 4,
    FAULT_SECONDS = 8,
    FAULT_HANG = 16,
    FAULT_ERROR = 32,
    FAULT_TIMES = 64,
    FAULT_METHOD = 128, /* short for when.method */
    FAULT_TOKEN = 256,
    FAULT_USER = 512,
    FAULT_FACTOR = 1024,
    FAULT_AT = 2048, /* `at` and `match`, short for the same in `when` */
    FAULT_VM = 4096,
    FAULT_CALL = 8192,    /* `nth` and `match`, short for the same in `when` */
    FAULT_DISK = 1 << 20, /* `match`: the disks that it is about, whatever its event */
    FAULT_READ_ONLY = 1 << 21,
    FAULT_LIE = 1 << 22 /* `kind` of it */
};

/** What a fault waits for. */
enum fault_event {
    FAULT_NOW,
    FAULT_TIME,        /* `after` is all */
    FAULT_ANY_COPY,    /* a point of a copy or of a mirror */
    FAULT_COPY,        /* of a copy */
    FAULT_MIRROR,      /* of a mirror */
    FAULT_SWITCHED,    /* a mirror is complete, the VM has the new disk, the old one is there */
    FAULT_SOURCE_GONE, /* the old one is gone; the task has not ended */
    FAULT_BEFORE_CALL, /* Xen Orchestra has a call; XAPI knows nothing of it */
    FAULT_AFTER_XAPI,  /* XAPI has done what a call asked for; Xen Orchestra does not know yet */
    FAULT_BEFORE_REPLY /* it is done; the caller does not know yet */
};

struct fault;

struct fault_kind {
    const char *name;
    const char *what;        /* it does, in one sentence without the stop */
    unsigned fields;         /* that it takes */
    unsigned needs;          /* of those, the ones that it can not do without */
    double seconds;          /* when left out */
    enum fault_event event;  /* when nothing is said of it */
    bool fixed_event;        /* no other is possible (any point of a copy counts as one) */
    bool standing;           /* it does nothing of itself: hooks ask for it */
    enum xo_verdict verdict; /* of a standing one that waits for a moment of a call */
    void (*begin)(struct site *site, struct fault *fault);
    void (*end)(struct site *site, struct fault *fault); /* NULL: it is over when it has begun */
};

struct fault {
    struct faults *faults;
    const struct fault_kind *kind;
    char id[UUID_SIZE];
    json_t *spec;
    enum fault_event event;
    const char *match;     /* *borrowed* from spec; NULL: any */
    const char *method;    /* *borrowed* from spec; NULL: any */
    const char *operation; /* *borrowed* from spec; NULL: any */
    double at;             /* of a copy; -1 when the event is another one */
    int64_t nth;           /* such event it happens at */
    int64_t met;           /* such events so far */
    bool due;              /* `after` has passed */
    bool on;               /* begun and not ended */
    int64_t times;         /* left; INT64_MAX: until taken away */
    int64_t happened;
    char pool[UUID_SIZE]; /* of the copy that it was met at */
    char task[UUID_SIZE]; /* of that copy; "": it was met at none */
    struct list stalled;  /* uuids of tasks that it holds up, owned */
    struct timer timer;
};

struct faults {
    struct site *site;
    struct list list; /* struct fault, owned, oldest first */
    struct ids ids;
};

/** The table, ended by a row without a name (faults_kinds.c). */
extern const struct fault_kind fault_kinds[];

/** *Borrowed*, static; NULL: there is none of that name. */
const struct fault_kind *fault_kind_find(const char *name);

/** Reads fault->spec into the rest of it, and checks all of it (faults_spec.c). */
int fault_read(struct fault *fault, struct err *err) WARN_UNUSED;

/** The fields of a kind: names, *new*. */
json_t *fault_fields_describe(unsigned fields) WARN_UNUSED;

/** A text of the spec; *borrowed*, NULL: there is none. */
const char *fault_text(const struct fault *fault, const char *field);

/** What the spec names, by UUID or name; *borrowed*, NULL: there is none. Of pools, when none is
 * named, that of the copy it was met at, or the first. */
struct xapi_pool *fault_pool(const struct fault *fault);
struct xapi_host *fault_host(const struct fault *fault);
struct xapi_sr *fault_sr(const struct fault *fault);

/** Whether there is a lie of that name (`kind` of vbd-lies). */
bool fault_lie_known(const char *name);

/** Whether it is about this disk: `match` of a kind with FAULT_DISK. */
bool fault_names_disk(const struct fault *fault, const struct xapi_vdi *vdi);

/** How long it lasts, in virtual seconds. */
double fault_seconds(const struct fault *fault);

/** Counts that it has happened. */
void fault_note(struct fault *fault);

/** Its event is met: begins it, now or, `soon`, when what is going on has come to its end. */
void fault_meet(struct fault *fault, bool soon);

/** The error that it makes XAPI answer, *new*. */
json_t *fault_error(const struct fault *fault) WARN_UNUSED;

#endif
