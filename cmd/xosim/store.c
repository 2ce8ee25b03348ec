/*
 * xosim: the state that survives the process.
 *
 * state.json is a snapshot: one JSON object a line: a header, then records. journal.<generation>
 * holds the records written since. A record is either whole or (the last line, torn by a kill)
 * ignored; replaying one twice does no harm, for each says all of its object:
 *   {"disk": {…}}   ground truth, and under "vdi" the VDI while there is one
 *   {"vbd": {…}}    {"vbdGone": uuid}    {"token": {…}}    {"server": {…}}    {"user": {…}}
 *   {"vm": {…}}     where a VM is and what it does: before the VBDs that it has there; all of one that
 *                   a backup made
 *   {"vmGone": uuid}
 *   {"gone": uuid}  a VM or host of the world that is no more
 *   {"sr": {…}}     an SR that has been forgotten or introduced again: behind its disks
 *   {"host": {…}}   a host that has been disabled or enabled
 * A start reads both, writes a new snapshot beside the old one, renames it over it, and begins the
 * next journal. A kill between the two leaves an old journal whose records the snapshot has
 * already.
 */
#include "xosim/store_internal.h"
#include "xosim/xapi_backup.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xapi_power.h"
#include "xosim/xapi_sr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *vdi_record(const struct xapi_vdi *vdi)
{
    json_t *json =
        json_build("{s:s, s:o, s:s, s:s, s:I, s:s, s:O, s:O}", "ref", vdi->object.ref, "name",
                   json_text(vdi->name_label), "description", vdi->name_description, "sr",
                   vdi->sr->object.uuid, "size", (json_int_t)vdi->size, "type", vdi->type, "tags",
                   vdi->tags, "otherConfig", vdi->other_config);
    json_put(json, "cbt", json_boolean(vdi->cbt_enabled));
    if (vdi->snapshot) {
        json_put(json, "snapshotTime", json_integer(vdi->snapshot_time_s));
        json_put_str(json, "snapshotOf", vdi->snapshot_of);
    }
    return json;
}

static json_t *vm_record(const struct xapi *xapi, const struct xapi_vm *vm)
{
    json_t *json =
        json_build("{s:s, s:s, s:s, s:s, s:O, s:I}", "uuid", vm->object.uuid, "ref", vm->object.ref,
                   "host", vm->host->object.uuid, "power", xapi_power_word(vm->power), "blocked",
                   vm->blocked_operations, "memory", (json_int_t)vm->memory);
    if (vm->made_by)
        json_put(json, "made", xapi_backup_describe_vm(xapi, vm));
    return json;
}

static json_t *disk_record(const struct xapi *xapi, const struct disk *disk)
{
    const struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, disk->uuid);
    json_t *json =
        json_build("{s:s, s:s, s:o, s:s, s:I, s:s, s:b, s:b, s:o, s:I}", "uuid", disk->uuid,
                   "family", disk->family->uuid, "name", json_text(disk->name), "sr", disk->sr,
                   "size", (json_int_t)disk->size, "parent", disk->parent, "exists", disk->exists,
                   "complete", disk->complete, "content", content_to_json(&disk->content),
                   "familySize", (json_int_t)disk->family->size);
    json_put(json, "ideal", content_to_json(&disk->family->ideal));
    if (disk->backup[0]) {
        json_put_str(json, "backup", disk->backup);
        json_put(json, "apart", json_boolean(disk->apart));
    }
    if (disk->losses) {
        json_put(json, "lostBytes", json_integer((json_int_t)disk->lost_bytes));
        json_put(json, "losses", json_deep_copy(disk->losses));
    }
    if (!vdi && disk->forgotten)
        vdi = xapi_vdi_forgotten(xapi, disk->uuid);
    if (vdi)
        json_put(json, "vdi", vdi_record(vdi));
    return json;
}

static json_t *vbd_record(const struct xapi_vbd *vbd)
{
    json_t *json = json_build("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b}", "uuid", vbd->object.uuid,
                              "ref", vbd->object.ref, "vdi", vbd->vdi->object.uuid, "vm",
                              vbd->vm->object.uuid, "position", vbd->position, "attached",
                              vbd->attached, "readOnly", vbd->read_only, "bootable", vbd->bootable);
    json_put_str(json, "device", vbd->device);
    json_put(json, "unpluggable", json_boolean(vbd->unpluggable));
    return json;
}

static void put_line(struct buf *lines, const char *kind, json_t *record)
{
    cleanup_json json_t *line = json_object();
    json_put(line, kind, record);
    char *text = json_dumps(line, JSON_COMPACT);
    buf_put(lines, text);
    buf_put(lines, "\n");
    mem_free(text);
}

static int write_all(int descriptor, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(descriptor, data, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        data += written;
        len -= (size_t)written;
    }
    return 0;
}

char *store_path(const struct store *store, const char *name)
{
    return str_new("%s/%s", store->folder, name);
}

char *store_journal_path(const struct store *store, int64_t generation)
{
    return str_new("%s/journal.%lld", store->folder, (long long)generation);
}

static json_t *sr_record(const char *uuid, bool forgotten)
{
    return json_build("{s:s, s:b}", "uuid", uuid, "forgotten", forgotten);
}

static json_t *host_record(const char *uuid, bool enabled)
{
    return json_build("{s:s, s:b}", "uuid", uuid, "enabled", enabled);
}

static void put_everything(struct store *store, struct buf *lines)
{
    struct xapi *xapi = store->xapi;
    put_line(lines, "header",
             json_build("{s:i, s:s, s:I}", "version", 1, "world", store->world_hash, "generation",
                        (json_int_t)store->generation));
    const char *uuid = NULL;
    json_t *unused = NULL;
    json_object_foreach(store->gone, uuid, unused)
        put_line(lines, "gone", json_text(uuid));
    void *object = NULL;
    for (size_t i = 0; map_next(&xapi->objects, &i, NULL, &object);) {
        const struct xapi_vm *vm = object;
        if (vm->object.class == XAPI_VM && xapi_vm_is_guest(vm))
            put_line(lines, "vm", vm_record(xapi, vm));
    }
    for (size_t i = 0; i < xapi->disks.all.len; i++)
        put_line(lines, "disk", disk_record(xapi, xapi->disks.all.items[i]));
    for (size_t i = 0; map_next(&xapi->objects, &i, NULL, &object);) {
        const struct xapi_vbd *vbd = object;
        if (vbd->object.class == XAPI_VBD && xapi_vm_is_guest(vbd->vm))
            put_line(lines, "vbd", vbd_record(vbd));
    }
    json_object_foreach(store->forgotten, uuid, unused)
        put_line(lines, "sr", sr_record(uuid, true));
    json_object_foreach(store->disabled, uuid, unused)
        put_line(lines, "host", host_record(uuid, false));
}

static json_t *token_record(const struct xo_token *token)
{
    json_t *json = json_build("{s:s, s:s, s:I, s:I}", "token", token->token, "user",
                              token->user->email, "created", (json_int_t)token->created_ms,
                              "expires", (json_int_t)token->expires_ms);
    json_put_str(json, "description", token->description);
    return json;
}

static json_t *user_record(const struct xo_user *user)
{
    return json_build("{s:s, s:s, s:O}", "email", user->email, "permission", user->permission,
                      "acls", user->acls);
}

static json_t *server_record(const struct xo_pool *pool)
{
    return json_build("{s:s, s:b}", "pool", pool->pool->object.uuid, "enabled", !pool->disabled);
}

/* Writes state.json as it is now and begins a journal beside it. */
static int write_snapshot(struct store *store, struct err *err)
{
    cleanup_buf struct buf lines = {.max = STORE_FILE_MAX};
    put_everything(store, &lines);
    void *token = NULL;
    for (size_t i = 0; map_next(&store->xo->tokens, &i, NULL, &token);)
        put_line(&lines, "token", token_record(token));
    for (size_t i = 0; i < store->xo->pools.len; i++)
        put_line(&lines, "server", server_record(store->xo->pools.items[i]));
    for (size_t i = 0; i < store->xo->users.len; i++)
        put_line(&lines, "user", user_record(store->xo->users.items[i]));
    cleanup_str char *path = store_path(store, "state.json");
    cleanup_str char *next = store_path(store, "state.json.new");
    cleanup_str char *journal = store_journal_path(store, store->generation);
    int descriptor = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return err_set_errno(err, errno, "%s", next);
    int failed = write_all(descriptor, buf_str(&lines), lines.len) != 0 || fsync(descriptor) != 0;
    int reason = errno;
    if (close(descriptor) != 0 || failed || rename(next, path) != 0)
        return err_set_errno(err, failed ? reason : errno, "%s", next);
    if (store->journal >= 0)
        close(store->journal);
    store->journal = open(journal, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    store->journal_len = 0;
    if (store->journal < 0)
        return err_set_errno(err, errno, "%s", journal);
    return 0;
}

int store_open(const char *folder, const char *world_hash, struct xapi *xapi, struct store **ret,
               bool *ret_restored, struct err *err)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return err_set_errno(err, errno, "%s", folder);
    struct store *store = mem_alloc(sizeof(*store));
    store->folder = mem_strdup(folder);
    store->world_hash = mem_strdup(world_hash);
    store->xapi = xapi;
    store->journal = -1;
    store->dirty_disks = json_object();
    store->dirty_vbds = json_object();
    store->dirty_vms = json_object();
    store->gone = json_object();
    store->forgotten = json_object();
    store->disabled = json_object();
    store->tokens = json_array();
    store->servers = json_array();
    store->users = json_array();
    cleanup_str char *path = store_path(store, "state.json");
    bool found = false;
    bool found_journal = false;
    int result = store_read_file(store, path, &found, err);
    cleanup_str char *journal = store_journal_path(store, store->generation);
    if (result == 0 && found)
        result = store_read_file(store, journal, &found_journal, err);
    if (result != 0) {
        store_close(store);
        return -1;
    }
    *ret_restored = found;
    *ret = store;
    return 0;
}

static void put_gone(struct store *store, const char *uuid)
{
    json_put(store->gone, uuid, json_true());
    put_line(&store->lines, "gone", json_text(uuid));
}

static void put_dirty(struct store *store)
{
    const char *uuid = NULL;
    json_t *unused = NULL;
    json_object_foreach(store->dirty_vms, uuid, unused) {
        const struct xapi_vm *vm = xapi_find(store->xapi, XAPI_VM, uuid);
        if (vm)
            put_line(&store->lines, "vm", vm_record(store->xapi, vm));
        else
            put_gone(store, uuid);
    }
    json_object_foreach(store->dirty_disks, uuid, unused) {
        const struct disk *disk = disks_find(&store->xapi->disks, uuid);
        if (disk && !disk->forgotten) /* as it was before its SR was forgotten */
            put_line(&store->lines, "disk", disk_record(store->xapi, disk));
    }
    json_object_foreach(store->dirty_vbds, uuid, unused) {
        const struct xapi_vbd *vbd = xapi_find(store->xapi, XAPI_VBD, uuid);
        if (vbd)
            put_line(&store->lines, "vbd", vbd_record(vbd));
    }
    json_object_clear(store->dirty_vms);
    json_object_clear(store->dirty_disks);
    json_object_clear(store->dirty_vbds);
}

/* Heartbeats touch hosts all the time: only a change is worth a line. */
static void note_host(struct store *store, const struct xapi_host *host)
{
    const char *uuid = host->object.uuid;
    if (host->disabled == (json_object_get(store->disabled, uuid) != NULL))
        return;
    if (host->disabled)
        json_put(store->disabled, uuid, json_true());
    else
        json_object_del(store->disabled, uuid);
    put_line(&store->lines, "host", host_record(uuid, !host->disabled));
}

static void on_changed(void *userdata, struct xapi_object *object)
{
    struct store *store = userdata;
    if (object->class == XAPI_VDI)
        json_put(store->dirty_disks, object->uuid, json_true());
    else if (object->class == XAPI_VBD && xapi_vm_is_guest(((struct xapi_vbd *)object)->vm))
        json_put(store->dirty_vbds, object->uuid, json_true());
    else if (object->class == XAPI_VM && xapi_vm_is_guest((struct xapi_vm *)object))
        json_put(store->dirty_vms, object->uuid, json_true());
    else if (object->class == XAPI_SR && json_object_del(store->forgotten, object->uuid) == 0)
        put_line(&store->lines, "sr", sr_record(object->uuid, false));
    else if (object->class == XAPI_HOST)
        note_host(store, (struct xapi_host *)object);
}

static void on_removed(void *userdata, struct xapi_object *object)
{
    struct store *store = userdata;
    if (object->class == XAPI_VDI) {
        json_put(store->dirty_disks, object->uuid, json_true());
    } else if (object->class == XAPI_VBD && xapi_vm_is_guest(((struct xapi_vbd *)object)->vm)) {
        json_object_del(store->dirty_vbds, object->uuid);
        put_line(&store->lines, "vbdGone", json_text(object->uuid));
    } else if (object->class == XAPI_VM && ((struct xapi_vm *)object)->made_by) {
        json_object_del(store->dirty_vms, object->uuid);
        put_line(&store->lines, "vmGone", json_text(object->uuid));
    } else if (object->class == XAPI_VM && xapi_vm_is_guest((struct xapi_vm *)object)) {
        json_put(store->dirty_vms, object->uuid, json_true()); /* gone, or in another pool soon */
    } else if (object->class == XAPI_HOST) {
        put_gone(store, object->uuid);
    } else if (object->class == XAPI_SR && ((struct xapi_sr *)object)->forgotten) {
        put_dirty(store); /* its disks as they were before */
        json_put(store->forgotten, object->uuid, json_true());
        put_line(&store->lines, "sr", sr_record(object->uuid, true));
    }
}

static void on_disk(void *userdata, struct disk *disk)
{
    struct store *store = userdata;
    json_put(store->dirty_disks, disk->uuid, json_true());
}

int store_start(struct store *store, struct xo *xo, struct err *err)
{
    cleanup_str char *old = store_journal_path(store, store->generation);
    store->xo = xo;
    store_restore_xo(store);
    store->generation++;
    if (write_snapshot(store, err) != 0)
        return -1;
    (void)unlink(old); /* a leftover does no harm: nobody reads another generation's */
    store->xapi->listeners[1] = (struct xapi_listener){.userdata = store,
                                                       .changed = on_changed,
                                                       .removed = on_removed,
                                                       .disk_changed = on_disk};
    return 0;
}

void store_put_token(struct store *store, const struct xo_token *token)
{
    put_line(&store->lines, "token", token_record(token));
}

void store_put_user(struct store *store, const struct xo_user *user)
{
    put_line(&store->lines, "user", user_record(user));
}

void store_put_server(struct store *store, const struct xo_pool *pool)
{
    put_line(&store->lines, "server", server_record(pool));
}

/* Folds a journal that has grown long into a snapshot. */
static void fold(struct store *store)
{
    struct err err = {0};
    cleanup_str char *old = store_journal_path(store, store->generation);
    store->generation++;
    if (write_snapshot(store, &err) == 0) {
        (void)unlink(old); /* as at the start */
        return;
    }
    store->generation--;
    log_error("the state can not be folded into a snapshot", log_err(&err));
}

void store_commit(struct store *store)
{
    struct err err = {0};
    put_dirty(store);
    if (store->lines.len == 0 || store->journal < 0)
        return;
    if (write_all(store->journal, buf_str(&store->lines), store->lines.len) != 0) {
        err_set_errno(&err, errno, "%s", store->folder);
        log_error("the state can not be written", log_err(&err));
        if (ftruncate(store->journal, (off_t)store->journal_len) != 0) /* half a record is none */
            log_error("what was written in part can not be taken back");
        return;
    }
    store->journal_len += store->lines.len;
    buf_clear(&store->lines);
    if (store->journal_len >= STORE_JOURNAL_MAX)
        fold(store);
}

struct store *store_close(struct store *store)
{
    if (!store)
        return NULL;
    if (store->xo)
        store_commit(store);
    store->xapi->listeners[1] = (struct xapi_listener){0};
    if (store->journal >= 0)
        close(store->journal);
    json_decref(store->dirty_disks);
    json_decref(store->dirty_vbds);
    json_decref(store->dirty_vms);
    json_decref(store->gone);
    json_decref(store->forgotten);
    json_decref(store->disabled);
    json_decref(store->tokens);
    json_decref(store->servers);
    json_decref(store->users);
    buf_done(&store->lines);
    mem_free(store->folder);
    mem_free(store->world_hash);
    return mem_free(store);
}
