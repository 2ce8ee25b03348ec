/*
 * reconcile, 7: effects, counted. Reads are handed through; each write is one effect:
 *
 *   journal it → exit before it? → let the port do it → exit after it?
 *
 * The journal is written before, and the count comes from it after a restart: an effect that was begun is not counted again.
 * So the effect that a process was ended before, when it is made at last, has the next number, and no exit fits twice.
 */
#include "reconcile/effects.h"

#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* What is known of a key. */
struct key_effects {
    int64_t begun;
    int64_t exit_at; /* 0: nowhere */
    bool exit_after;
};

struct rec_effects {
    struct rec_ports ports; /* what does the work; its strings are borrowed */
    int journal;
    pthread_mutex_t lock; /* guards what follows */
    struct map keys;      /* struct key_effects, owned */
};

static void free_key(void *value)
{
    (void)mem_free(value); /* returns NULL */
}

static struct key_effects *of_key(struct rec_effects *effects, const char *key)
{
    struct key_effects *found = map_get(&effects->keys, key);

    if (!found) {
        found = mem_alloc(sizeof(*found));
        map_put(&effects->keys, key, found);
    }
    return found;
}

/* A line's words, in place: "KEY N WORD…". */
struct line {
    const char *key;
    int64_t number;
    const char *rest;
};

static bool split(char *text, struct line *line)
{
    char *number = strchr(text, ' ');
    char *rest = number ? strchr(number + 1, ' ') : NULL;

    if (!number || !rest)
        return false;
    *number++ = '\0';
    *rest++ = '\0';
    line->key = text;
    line->rest = rest;
    return str_parse_int64(number, 1, INT64_MAX, &line->number);
}

typedef bool take_line_fn(struct rec_effects *effects, const struct line *line);

static bool take_journal_line(struct rec_effects *effects, const struct line *line)
{
    struct key_effects *it = of_key(effects, line->key);

    if (line->number > it->begun)
        it->begun = line->number;
    return true;
}

static bool take_exit_line(struct rec_effects *effects, const struct line *line)
{
    struct key_effects *it = of_key(effects, line->key);

    it->exit_at = line->number;
    it->exit_after = str_equal(line->rest, "after");
    return it->exit_after || str_equal(line->rest, "before");
}

static int read_lines(struct rec_effects *effects, const char *path, take_line_fn *take,
                      struct err *err)
{
    cleanup_buf struct buf buf = {.max = REC_EFFECTS_FILE_MAX};
    struct err failure = {0};

    if (file_read(path, &buf, &failure) < 0) {
        if (failure.class == ERR_NOT_FOUND)
            return 0;
        *err = failure;
        return -1;
    }
    cleanup_str char *all = buf_steal(&buf);
    int number = 1;
    for (char *text = all, *next = NULL; *text; text = next, number++) {
        struct line line = {0};
        char *end = strchrnul(text, '\n');
        next = *end ? end + 1 : end;
        *end = '\0';
        if (*text && !(split(text, &line) && take(effects, &line)))
            return err_set(err, ERR_INVALID, "%s:%d: not understood; a line is KEY N before|after",
                           path, number);
    }
    return 0;
}

int rec_effects_new(const struct rec_ports *ports, const char *folder, struct rec_effects **ret,
                    struct err *err)
{
    cleanup_str char *journal = str_new("%s/journal", folder);
    cleanup_str char *exits = str_new("%s/exit", folder);
    struct rec_effects *effects = mem_alloc(sizeof(*effects));

    effects->ports = *ports;
    map_init(&effects->keys, free_key);
    (void)pthread_mutex_init(&effects->lock, NULL); /* can't fail with default attributes */
    effects->journal = open(journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (effects->journal < 0)
        (void)err_set_errno(err, errno, "%s", journal); /* returned below */
    if (effects->journal < 0 || read_lines(effects, journal, take_journal_line, err) < 0 ||
        read_lines(effects, exits, take_exit_line, err) < 0) {
        (void)rec_effects_free(effects); /* returns NULL */
        return -1;
    }
    *ret = effects;
    return 0;
}

struct rec_effects *rec_effects_free(struct rec_effects *effects)
{
    if (!effects)
        return NULL;
    if (effects->journal >= 0)
        (void)close(effects->journal); /* each line was written by itself */
    map_done(&effects->keys);
    (void)pthread_mutex_destroy(&effects->lock);
    return mem_free(effects);
}

/* One effect that is being made. */
struct effect {
    char key[512]; /* two names of at most 253 characters, and a slash */
    int64_t number;
    bool exit_after;
};

static void end_process(const struct effect *effect, const char *when)
{
    log_warn("ended at an effect, as --effects asks", log_str("key", effect->key),
             log_int("effect", effect->number), log_str("when", when));
    _exit(REC_EFFECTS_EXIT);
}

static struct effect begin(void *userdata, const char *verb, const char *what)
{
    struct rec_effects *effects = userdata;
    struct effect effect = {0};
    const char *key = rec_worker_key();
    char line[1024];
    bool exit_before = false;

    (void)str_copy(effect.key, sizeof(effect.key), str_empty(key) ? "-" : key);
    (void)pthread_mutex_lock(&effects->lock);
    struct key_effects *it = of_key(effects, effect.key);
    effect.number = ++it->begun;
    exit_before = it->exit_at == effect.number && !it->exit_after;
    effect.exit_after = it->exit_at == effect.number && it->exit_after;
    (void)pthread_mutex_unlock(&effects->lock);

    (void)str_format(line, sizeof(line), "%s %lld %s%s%s\n", effect.key, (long long)effect.number,
                     verb, *what ? " " : "", what);
    if (write(effects->journal, line, strlen(line)) < 0)
        log_error("the journal of effects cannot be written", log_str("key", effect.key));
    if (exit_before)
        end_process(&effect, "before");
    return effect;
}

static void end(const struct effect *effect)
{
    if (effect->exit_after)
        end_process(effect, "after");
}

/* 1. Kubernetes. */

static const struct kube_port *kube_of(const void *userdata)
{
    return &((const struct rec_effects *)userdata)->ports.kube;
}

static bool caught_up(void *userdata, const struct kube_kind *kind, const char *namespace,
                      const char *name)
{
    const struct kube_port *kube = kube_of(userdata);
    return kube->caught_up(kube->userdata, kind, namespace, name);
}

static const struct kube_object *get(void *userdata, const struct kube_kind *kind,
                                     const char *namespace, const char *name)
{
    const struct kube_port *kube = kube_of(userdata);
    return kube->get(kube->userdata, kind, namespace, name);
}

static struct kube_list list(void *userdata, const struct kube_kind *kind, const char *index,
                             const char *value)
{
    const struct kube_port *kube = kube_of(userdata);
    return kube->list(kube->userdata, kind, index, value);
}

static int get_live(void *userdata, const struct kube_kind *kind, const char *namespace,
                    const char *name, const struct kube_object **ret, struct err *err)
{
    const struct kube_port *kube = kube_of(userdata);
    return kube->get_live(kube->userdata, kind, namespace, name, ret, err);
}

static void event(void *userdata, const struct kube_event *it)
{
    const struct kube_port *kube = kube_of(userdata);
    kube->event(kube->userdata, it);
}

static int patch(void *userdata, const struct kube_patch *it, struct err *err)
{
    const struct kube_port *kube = kube_of(userdata);
    struct effect effect =
        begin(userdata, it->subresource ? "patch-status" : "patch", it->kind->name);
    int rv = kube->patch(kube->userdata, it, err);

    end(&effect);
    return rv;
}

static int create(void *userdata, const struct kube_kind *kind, const char *namespace,
                  const json_t *body, struct err *err)
{
    const struct kube_port *kube = kube_of(userdata);
    struct effect effect = begin(userdata, "create", kind->name);
    int rv = kube->create(kube->userdata, kind, namespace, body, err);

    end(&effect);
    return rv;
}

static int delete (void *userdata, const struct kube_kind *kind, const char *namespace,
                   const char *name, const char *uid, struct err *err)
{
    const struct kube_port *kube = kube_of(userdata);
    struct effect effect = begin(userdata, "delete", kind->name);
    int rv = kube->delete (kube->userdata, kind, namespace, name, uid, err);

    end(&effect);
    return rv;
}

/* 2. Xen Orchestra. */

static const struct xo_port *xo_of(const void *userdata)
{
    return &((const struct rec_effects *)userdata)->ports.xo;
}

static const struct xo_inventory *read_inventory(void *userdata)
{
    const struct xo_port *xo = xo_of(userdata);
    return xo->read(xo->userdata);
}

static void unread(void *userdata, const struct xo_inventory *inventory)
{
    const struct xo_port *xo = xo_of(userdata);
    xo->unread(xo->userdata, inventory);
}

static struct xo_move move(void *userdata, const char *disk)
{
    const struct xo_port *xo = xo_of(userdata);
    return xo->move(xo->userdata, disk);
}

static void forget_move(void *userdata, const char *disk)
{
    const struct xo_port *xo = xo_of(userdata);
    xo->forget_move(xo->userdata, disk);
}

static enum xo_result migrate(void *userdata, const char *disk, const char *sr, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "vdi.migrate", "");
    enum xo_result result = xo->migrate(xo->userdata, disk, sr, err);

    end(&effect);
    return result;
}

/* Nothing changes in XO by it: it is no effect. */
static enum xo_result fence(void *userdata, const char *disk, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    return xo->fence(xo->userdata, disk, err);
}

static enum xo_result cancel_task(void *userdata, const char *task, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "task.cancel", "");
    enum xo_result result = xo->cancel_task(xo->userdata, task, err);

    end(&effect);
    return result;
}

static enum xo_result set_disk(void *userdata, const char *disk, const char *name,
                               const char *description, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "vdi.set", name ? "name" : "description");
    enum xo_result result = xo->set_disk(xo->userdata, disk, name, description, err);

    end(&effect);
    return result;
}

static enum xo_result delete_disk(void *userdata, const char *disk, const char *name,
                                  struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "vdi.delete", "");
    enum xo_result result = xo->delete_disk(xo->userdata, disk, name, err);

    end(&effect);
    return result;
}

static enum xo_result add_tag(void *userdata, const char *disk, const char *tag, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "tag.add", "");
    enum xo_result result = xo->add_tag(xo->userdata, disk, tag, err);

    end(&effect);
    return result;
}

static enum xo_result remove_tag(void *userdata, const char *disk, const char *tag, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "tag.remove", "");
    enum xo_result result = xo->remove_tag(xo->userdata, disk, tag, err);

    end(&effect);
    return result;
}

static enum xo_result attach(void *userdata, const struct xo_attach *it, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "vm.attachDisk", "");
    enum xo_result result = xo->attach(xo->userdata, it, err);

    end(&effect);
    return result;
}

static enum xo_result stop_vm(void *userdata, const char *vm, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "vm.stop", "");
    enum xo_result result = xo->stop_vm(xo->userdata, vm, err);

    end(&effect);
    return result;
}

static enum xo_result connect_vbd(void *userdata, const char *vbd, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "vbd.connect", "");
    enum xo_result result = xo->connect_vbd(xo->userdata, vbd, err);

    end(&effect);
    return result;
}

static enum xo_result disconnect_vbd(void *userdata, const char *vbd, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "vbd.disconnect", "");
    enum xo_result result = xo->disconnect_vbd(xo->userdata, vbd, err);

    end(&effect);
    return result;
}

static enum xo_result delete_vbd(void *userdata, const char *vbd, struct err *err)
{
    const struct xo_port *xo = xo_of(userdata);
    struct effect effect = begin(userdata, "vbd.delete", "");
    enum xo_result result = xo->delete_vbd(xo->userdata, vbd, err);

    end(&effect);
    return result;
}

struct rec_ports rec_effects_ports(struct rec_effects *effects)
{
    struct rec_ports ports = effects->ports;

    ports.kube = (struct kube_port){.userdata = effects,
                                    .caught_up = caught_up,
                                    .get = get,
                                    .list = list,
                                    .get_live = get_live,
                                    .patch = patch,
                                    .create = create,
                                    .delete = delete,
                                    .event = event};
    ports.xo = (struct xo_port){.userdata = effects,
                                .read = read_inventory,
                                .unread = unread,
                                .migrate = migrate,
                                .move = move,
                                .forget_move = forget_move,
                                .fence = fence,
                                .cancel_task = cancel_task,
                                .set_disk = set_disk,
                                .delete_disk = delete_disk,
                                .add_tag = add_tag,
                                .remove_tag = remove_tag,
                                .attach = attach,
                                .stop_vm = stop_vm,
                                .connect_vbd = connect_vbd,
                                .disconnect_vbd = disconnect_vbd,
                                .delete_vbd = delete_vbd};
    return ports;
}
