/* xosim: reading the state back. Each record says all of its object, so a later one of the same object replaces it. */
#include "xosim/store_internal.h"
#include "xosim/xapi_backup.h"
#include "xosim/xapi_motion.h"
#include "xosim/xapi_power.h"
#include "xosim/xapi_snapshot.h"
#include "xosim/xapi_sr.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static const struct xapi_vm *vm_of(const struct store *store, const json_t *record)
{
    const char *uuid = json_str_at(record, "vm");
    return uuid ? xapi_find(store->xapi, XAPI_VM, uuid) : NULL;
}

static bool restore_vdi(struct store *store, const json_t *record, struct disk *disk)
{
    const char *sr_uuid = json_str_at(record, "sr");
    const char *name = json_str_at(record, "name");
    struct xapi_sr *sr = sr_uuid ? xapi_find(store->xapi, XAPI_SR, sr_uuid) : NULL;
    struct xapi_vdi *vdi = xapi_find(store->xapi, XAPI_VDI, disk->uuid);
    if (!sr || !name)
        return false;
    const struct xapi_vdi_options options = {.uuid = disk->uuid, .name_label = name, .disk = disk};
    if (!vdi)
        vdi = xapi_vdi_add(store->xapi, sr, &options);
    xapi_set_ref(store->xapi, &vdi->object, json_str_at(record, "ref"));
    xapi_vdi_set_size(vdi, (uint64_t)json_int_at(record, "size", 0));
    mem_replace_str(&vdi->name_label, name);
    mem_replace_str(&vdi->name_description, json_str_at(record, "description"));
    vdi->type = str_equal(json_str_at(record, "type"), "system") ? "system" : "user";
    vdi->cbt_enabled = json_bool_at(record, "cbt", false);
    if (json_object_get(record, "snapshotTime"))
        xapi_snapshot_restore(store->xapi, vdi, json_str_at(record, "snapshotOf"),
                              json_int_at(record, "snapshotTime", 0));
    json_decref(vdi->tags);
    json_decref(vdi->other_config);
    vdi->tags = json_deep_copy(json_object_get(record, "tags"));
    vdi->other_config = json_deep_copy(json_object_get(record, "otherConfig"));
    return true;
}

static bool restore_disk(struct store *store, const json_t *record)
{
    const char *uuid = json_str_at(record, "uuid");
    const char *family = json_str_at(record, "family");
    if (!uuid || !family)
        return false;
    struct disk *disk = disks_find(&store->xapi->disks, uuid);
    if (!disk)
        disk = disks_restore(&store->xapi->disks, uuid, family);
    mem_replace_str(&disk->name, json_str_at(record, "name"));
    str_copy(disk->sr, sizeof(disk->sr), json_str_at(record, "sr"));
    str_copy(disk->parent, sizeof(disk->parent), json_str_at(record, "parent"));
    disk->exists = json_bool_at(record, "exists", false);
    disk->complete = json_bool_at(record, "complete", false);
    if (json_object_get(record, "backup"))
        str_copy(disk->backup, sizeof(disk->backup), json_str_at(record, "backup"));
    disk->apart = json_bool_at(record, "apart", false);
    disk_resize(disk, (uint64_t)json_int_at(record, "size", 0));
    disk->family->size = (uint64_t)json_int_at(record, "familySize", 0);
    disk->lost_bytes = (uint64_t)json_int_at(record, "lostBytes", 0);
    json_decref(disk->losses);
    disk->losses = json_deep_copy(json_object_get(record, "losses"));
    content_done(&disk->content);
    content_done(&disk->family->ideal);
    if (!content_from_json(&disk->content, json_object_get(record, "content")) ||
        !content_from_json(&disk->family->ideal, json_object_get(record, "ideal")))
        return false;
    const json_t *vdi = json_object_get(record, "vdi");
    if (vdi)
        return restore_vdi(store, vdi, disk);
    struct xapi_vdi *old = xapi_find(store->xapi, XAPI_VDI, uuid);
    if (old)
        xapi_vdi_remove(store->xapi, old);
    return true;
}

static bool restore_vbd(struct store *store, const json_t *record)
{
    const char *uuid = json_str_at(record, "uuid");
    const char *vdi_uuid = json_str_at(record, "vdi");
    const struct xapi_vm *vm = vm_of(store, record);
    struct xapi_vdi *vdi = vdi_uuid ? xapi_find(store->xapi, XAPI_VDI, vdi_uuid) : NULL;
    const char *position = json_str_at(record, "position");
    if (!uuid || !vm || !position)
        return false;
    struct xapi_vbd *vbd = xapi_find(store->xapi, XAPI_VBD, uuid);
    if (!vdi) /* a journal that is read again: the disk has gone since */
        return true;
    if (!vbd)
        vbd = xapi_vbd_add(store->xapi, vdi, (struct xapi_vm *)(uintptr_t)vm, uuid, position);
    xapi_set_ref(store->xapi, &vbd->object, json_str_at(record, "ref"));
    vbd->attached = json_bool_at(record, "attached", false);
    vbd->read_only = json_bool_at(record, "readOnly", false);
    vbd->unpluggable = json_bool_at(record, "unpluggable", false);
    vbd->bootable = json_bool_at(record, "bootable", false);
    mem_replace_str(&vbd->device, json_str_at(record, "device"));
    return true;
}

static enum xapi_power power_of(const char *word)
{
    enum xapi_power power = XAPI_HALTED;
    while (power < XAPI_SUSPENDED && !str_equal(word, xapi_power_word(power)))
        power++;
    return power;
}

static bool restore_vm(struct store *store, const json_t *record)
{
    const char *uuid = json_str_at(record, "uuid");
    const char *host_uuid = json_str_at(record, "host");
    struct xapi_vm *vm = uuid ? xapi_find(store->xapi, XAPI_VM, uuid) : NULL;
    struct xapi_host *host = host_uuid ? xapi_find(store->xapi, XAPI_HOST, host_uuid) : NULL;
    if (!vm && uuid && host)
        vm = xapi_backup_restore_vm(store->xapi, uuid, host, json_object_get(record, "made"));
    if (!vm || !host)
        return false;
    xapi_vm_place(store->xapi, vm, host, NULL);
    xapi_set_ref(store->xapi, &vm->object, json_str_at(record, "ref"));
    json_decref(vm->blocked_operations);
    vm->blocked_operations = json_deep_copy(json_object_get(record, "blocked"));
    vm->memory = (uint64_t)json_int_at(record, "memory", 0);
    xapi_vm_set_power(store->xapi, vm, power_of(json_str_at(record, "power")));
    return true;
}

static void restore_gone(struct store *store, const char *uuid)
{
    struct xapi_vm *vm = xapi_find(store->xapi, XAPI_VM, uuid);
    struct xapi_host *host = xapi_find(store->xapi, XAPI_HOST, uuid);
    json_put(store->gone, uuid, json_true());
    if (vm)
        xapi_vm_remove(store->xapi, vm);
    if (host)
        xapi_host_remove(store->xapi, host);
}

static bool restore_sr(struct store *store, const json_t *record)
{
    const char *uuid = json_str_at(record, "uuid");
    bool forgotten = json_bool_at(record, "forgotten", false);
    struct xapi_sr *sr = uuid ? xapi_find(store->xapi, XAPI_SR, uuid) : NULL;
    struct xapi_sr *old = uuid ? xapi_sr_forgotten(store->xapi, uuid) : NULL;
    if (!uuid)
        return false;
    if (forgotten && sr) {
        json_put(store->forgotten, uuid, json_true());
        xapi_sr_forget(store->xapi, sr);
    } else if (!forgotten && old) {
        json_object_del(store->forgotten, uuid);
        xapi_sr_introduce(store->xapi, old);
    }
    return true;
}

static bool restore_host(struct store *store, const json_t *record)
{
    const char *uuid = json_str_at(record, "uuid");
    struct xapi_host *host = uuid ? xapi_find(store->xapi, XAPI_HOST, uuid) : NULL;
    if (!host) /* it has left since */
        return uuid != NULL;
    host->disabled = !json_bool_at(record, "enabled", true);
    if (host->disabled)
        json_put(store->disabled, uuid, json_true());
    else
        json_object_del(store->disabled, uuid);
    return true;
}

static bool restore_header(struct store *store, const json_t *record, struct err *err)
{
    store->generation = json_int_at(record, "generation", 0);
    /* Never hand out an id of an earlier run again. */
    store->xapi->ids->state = ids_mix(store->xapi->ids->state ^ (uint64_t)store->generation);
    if (str_equal(json_str_at(record, "world"), store->world_hash))
        return true;
    err_set(err, ERR_INVALID,
            "%s: holds the state of another world; name another --state-dir or delete this one",
            store->folder);
    return false;
}

static bool restore_line(struct store *store, const json_t *line, struct err *err)
{
    const char *kind = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)line));
    json_t *record = kind ? json_object_get(line, kind) : NULL;
    if (str_equal(kind, "header"))
        return restore_header(store, record, err);
    if (str_equal(kind, "disk"))
        return restore_disk(store, record);
    if (str_equal(kind, "sr"))
        return restore_sr(store, record);
    if (str_equal(kind, "host"))
        return restore_host(store, record);
    if (str_equal(kind, "vm"))
        return restore_vm(store, record);
    if (str_equal(kind, "vbd"))
        return restore_vbd(store, record);
    if (str_equal(kind, "token")) {
        json_add(store->tokens, json_incref(record));
        return true;
    }
    if (str_equal(kind, "server")) {
        json_add(store->servers, json_incref(record));
        return true;
    }
    if (str_equal(kind, "vmGone") && json_is_string(record)) {
        struct xapi_vm *vm = xapi_find(store->xapi, XAPI_VM, json_string_value(record));
        if (vm && vm->made_by)
            xapi_backup_remove_vm(store->xapi, vm);
        return true;
    }
    if (str_equal(kind, "user")) {
        json_add(store->users, json_incref(record));
        return true;
    }
    if (str_equal(kind, "gone") && json_is_string(record)) {
        restore_gone(store, json_string_value(record));
        return true;
    }
    if (str_equal(kind, "vbdGone") && json_is_string(record)) {
        struct xapi_vbd *vbd = xapi_find(store->xapi, XAPI_VBD, json_string_value(record));
        if (vbd)
            xapi_vbd_remove(store->xapi, vbd);
        return true;
    }
    return false;
}

int store_read_file(struct store *store, const char *path, bool *ret_found, struct err *err)
{
    cleanup_buf struct buf text = {.max = STORE_FILE_MAX};
    struct err problem = {0};
    *ret_found = file_read(path, &text, &problem) == 0;
    if (!*ret_found)
        return problem.class == ERR_NOT_FOUND ? 0 : err_copy(err, &problem);
    size_t number = 0;
    for (const char *line = buf_str(&text), *end = NULL; (end = strchr(line, '\n'));
         line = end + 1) {
        cleanup_json json_t *json = NULL;
        number++;
        problem = (struct err){0};
        if (json_parse(line, (size_t)(end - line), &json, &problem) != 0 ||
            !restore_line(store, json, &problem)) {
            if (problem.class != ERR_NONE)
                return err_copy(err, &problem);
            return err_set(err, ERR_INVALID,
                           "%s:%zu: not understood; delete the folder to begin anew", path, number);
        }
    }
    return 0;
}

static void restore_tokens(const struct store *store)
{
    for (size_t i = 0; i < json_array_size(store->tokens); i++) {
        const json_t *record = json_array_get(store->tokens, i);
        const char *email = json_str_at(record, "user");
        const char *text = json_str_at(record, "token");
        struct xo_user *user = email ? xo_find_user(store->xo, email) : NULL;
        if (!user || !text)
            continue;
        struct xo_token *token =
            xo_add_token(store->xo, text, user, json_int_at(record, "expires", 0));
        token->created_ms = json_int_at(record, "created", 0);
        mem_replace_str(&token->description, json_str_at(record, "description"));
    }
}

static void restore_servers(const struct store *store)
{
    for (size_t i = 0; i < json_array_size(store->servers); i++) {
        const json_t *record = json_array_get(store->servers, i);
        const char *uuid = json_str_at(record, "pool");
        const struct xapi_pool *pool = uuid ? xapi_find(store->xapi, XAPI_POOL, uuid) : NULL;
        if (pool)
            xo_server_set_enabled(store->xo, pool, json_bool_at(record, "enabled", true));
    }
}

static void restore_users(const struct store *store)
{
    for (size_t i = 0; i < json_array_size(store->users); i++) {
        const json_t *record = json_array_get(store->users, i);
        const char *email = json_str_at(record, "email");
        struct xo_user *user = email ? xo_find_user(store->xo, email) : NULL;
        if (user)
            xo_user_set_access(user, json_str_at(record, "permission"),
                               json_deep_copy(json_object_get(record, "acls")));
    }
}

void store_restore_xo(struct store *store)
{
    restore_users(store);
    restore_tokens(store);
    restore_servers(store);
}
