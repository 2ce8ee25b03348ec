/* xosim: the control endpoint. */
#include "xosim/control.h"
#include "xosim/control_internal.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/backup.h"
#include "xosim/xapi_effects.h"
#include "xosim/xapi_space.h"

#include <math.h>
#include <string.h>

/* A copy of 1 TiB in a second is faster than any test needs; slower than this nothing seems to
 * move. */
#define SPEED_MAX 100000.0
#define SPEED_MIN 0.001

int control_fail(struct control *control, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cleanup_str char *text = str_new_v(format, arguments);
    va_end(arguments);
    control->answer = json_build("{s:o}", "error", json_text(text));
    return status;
}

int control_answer(struct control *control, int status, json_t *body)
{
    control->answer = body;
    return status;
}

static json_t *describe_sr(const struct xapi_sr *sr)
{
    return json_build("{s:s, s:s, s:s, s:s?, s:b, s:O, s:I, s:I}", "uuid", sr->object.uuid, "name",
                      sr->name_label, "pool", sr->object.pool->object.uuid, "host",
                      sr->host ? sr->host->object.uuid : NULL, "shared", sr->host == NULL, "tags",
                      sr->tags, "size", (json_int_t)sr->size, "free", (json_int_t)xapi_sr_free(sr));
}

static int get_world(struct control *control)
{
    const struct xapi *xapi = control->site->xapi;
    json_t *pools = json_array();
    json_t *hosts = json_array();
    json_t *srs = json_array();
    json_t *vms = json_array();
    for (size_t i = 0; i < xapi->pools.len; i++) {
        const struct xapi_pool *pool = xapi->pools.items[i];
        json_add(pools, json_build("{s:s, s:s, s:s}", "uuid", pool->object.uuid, "name",
                                   pool->name_label, "master", pool->master->object.uuid));
        for (const struct xapi_object *object = pool->first; object; object = object->next) {
            const struct xapi_vm *vm = (const struct xapi_vm *)object;
            const struct xapi_host *host = (const struct xapi_host *)object;
            if (object->class == XAPI_HOST)
                json_add(hosts, json_build("{s:s, s:s, s:s}", "uuid", object->uuid, "name",
                                           host->name_label, "pool", pool->object.uuid));
            else if (object->class == XAPI_SR)
                json_add(srs, describe_sr((const struct xapi_sr *)object));
            else if (object->class == XAPI_VM && xapi_vm_is_guest(vm))
                json_add(vms, control_describe_vm(vm));
        }
    }
    return control_answer(control, 200,
                          json_build("{s:o, s:o, s:o, s:o, s:f}", "pools", pools, "hosts", hosts,
                                     "srs", srs, "vms", vms, "speed", control->site->speed));
}

static int get_truth(struct control *control)
{
    return control_answer(control, 200, truth_describe(control->site));
}

/* As somebody at the hypervisor would, who asks no Xen Orchestra. */
static int delete_disk(struct control *control)
{
    struct xapi *xapi = control->site->xapi;
    struct xapi_vdi *vdi = xapi_find(xapi, XAPI_VDI, control->segments[1]);
    if (!vdi)
        return control_fail(control, 404, "there is no disk \"%s\"", control->segments[1]);
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->attached)
            return control_fail(control, 409, "VM %s has disk %s plugged; unplug it first",
                                vbd->vm->name_label, vdi->name_label);
    }
    if (vdi->held || json_object_size(vdi->current_operations) > 0)
        return control_fail(control, 409, "disk %s is being worked on; wait for its end",
                            vdi->name_label);
    xapi_vdi_remove(xapi, vdi);
    return control_answer(control, 200, json_object());
}

static int post_disk(struct control *control)
{
    struct xapi *xapi = control->site->xapi;
    const char *name = json_str_at(control->body, "name");
    const char *sr_name = json_str_at(control->body, "sr");
    const char *description = json_str_at(control->body, "description");
    const json_t *tags = json_object_get(control->body, "tags");
    int64_t size = json_int_at(control->body, "size", -1);
    struct xapi_sr *sr = sr_name ? site_find(control->site, XAPI_SR, sr_name) : NULL;
    if (!name || !sr || size <= 0 || (uint64_t)size > XAPI_SIZE_MAX)
        return control_fail(control, 400,
                            "write name, sr (name or UUID, see GET /world) and size in bytes");
    uint64_t rounded = xapi_round_size((uint64_t)size);
    cleanup_json json_t *too_large = xapi_space_refuses_size(sr, rounded);
    if (too_large)
        return control_fail(control, 409, "SR %s holds no disk of that size", sr->name_label);
    if (xapi_space_needed(sr, rounded) > xapi_sr_free(sr))
        return control_fail(control, 409, "SR %s has %llu bytes left", sr->name_label,
                            (unsigned long long)xapi_sr_free(sr));
    const struct xapi_vdi_options options = {.name_label = name, .size = rounded};
    struct xapi_vdi *vdi = xapi_vdi_add(xapi, sr, &options);
    if (description)
        mem_replace_str(&vdi->name_description, description);
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *tag = json_string_value(json_array_get(tags, i));
        if (tag)
            json_add(vdi->tags, json_text(tag));
    }
    disk_fill(vdi->disk, (uint64_t)json_int_at(control->body, "seed", 0));
    xapi_touch(xapi, &vdi->object);
    xapi_touch_disk(xapi, vdi->disk);
    return control_answer(control, 201,
                          json_build("{s:s, s:s, s:I}", "uuid", vdi->object.uuid, "sha256",
                                     disk_hash(vdi->disk), "size", (json_int_t)rounded));
}

static int get_effects(struct control *control)
{
    return control_answer(control, 200, xapi_effects_describe(control->site->xapi));
}

static int get_disk(struct control *control)
{
    struct disk *disk = disks_find(&control->site->xapi->disks, control->segments[1]);
    if (!disk)
        return control_fail(control, 404, "there never was a disk \"%s\"", control->segments[1]);
    return control_answer(control, 200, truth_describe_disk(control->site, disk));
}

static int post_fault(struct control *control)
{
    struct err err = {0};
    json_t *fault = NULL;
    if (faults_add(control->site->faults, control->body, &fault, &err) != 0)
        return control_fail(control, 400, "%s", err.message);
    return control_answer(control, 201, fault);
}

static int post_backup(struct control *control)
{
    struct err err = {0};
    json_t *made = NULL;
    if (backup_make(control->site, control->body, &made, &err) != 0)
        return control_fail(control, err.class == ERR_CAPACITY ? 409 : 400, "%s", err.message);
    return control_answer(control, 201, made);
}

static int get_fault_kinds(struct control *control)
{
    return control_answer(control, 200, faults_kinds());
}

static int get_faults(struct control *control)
{
    return control_answer(control, 200, faults_list(control->site->faults));
}

static int delete_fault(struct control *control)
{
    if (!faults_remove(control->site->faults, control->segments[1]))
        return control_fail(control, 404, "there is no fault \"%s\"", control->segments[1]);
    return control_answer(control, 200, json_object());
}

static int post_speed(struct control *control)
{
    double speed = json_real_at(control->body, "speed", 0);
    if (!isfinite(speed) || speed < SPEED_MIN || speed > SPEED_MAX)
        return control_fail(control, 400, "write speed, from 0.001 to 100000");
    site_set_speed(control->site, speed, control->request->real_us);
    return control_answer(control, 200, json_build("{s:f}", "speed", speed));
}

/* "*" stands for any one segment. */
static const struct {
    const char *method;
    const char *path[CONTROL_SEGMENTS_MAX];
    int (*handle)(struct control *control);
} routes[] = {
    {"GET", {"world"}, get_world},
    {"GET", {"truth"}, get_truth},
    {"GET", {"effects"}, get_effects},
    {"POST", {"vms", "*"}, control_post_vm},
    {"GET", {"disks", "*"}, get_disk},
    {"POST", {"disks"}, post_disk},
    {"DELETE", {"disks", "*"}, delete_disk},
    {"GET", {"vms", "*", "devices", "*"}, control_get_device},
    {"POST", {"vms", "*", "devices", "*", "write"}, control_post_write},
    {"POST", {"vms", "*", "devices", "*", "mount"}, control_post_mount},
    {"POST", {"vms", "*", "devices", "*", "unmount"}, control_post_unmount},
    {"POST", {"backups"}, post_backup},
    {"GET", {"faults"}, get_faults},
    {"GET", {"faults", "kinds"}, get_fault_kinds},
    {"POST", {"faults"}, post_fault},
    {"DELETE", {"faults", "*"}, delete_fault},
    {"POST", {"srs", "*", "forget"}, control_post_forget},
    {"POST", {"srs", "*", "introduce"}, control_post_introduce},
    {"POST", {"hosts", "*", "eject"}, control_post_eject},
    {"POST", {"users", "*"}, control_post_user},
    {"POST", {"speed"}, post_speed},
};

/* The value of a hexadecimal digit, or -1. */
static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    int value = at ? (int)(at - digits) : -1;
    return value > 15 ? value - 6 : value;
}

static char *decode(const char *text, size_t len)
{
    char *decoded = mem_alloc(len + 1);
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        int high = text[i] == '%' && i + 2 < len ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low < 0) {
            decoded[used++] = text[i];
            continue;
        }
        decoded[used++] = (char)(unsigned char)((unsigned)high << 4 | (unsigned)low);
        i += 2;
    }
    return decoded;
}

static bool split(struct control *control)
{
    const char *path = control->request->path;
    while (*path) {
        path += strspn(path, "/");
        size_t len = strcspn(path, "/");
        if (len == 0)
            break;
        if (control->segments_len == CONTROL_SEGMENTS_MAX)
            return false;
        control->segments[control->segments_len++] = decode(path, len);
        path += len;
    }
    return true;
}

static bool fits(const struct control *control, const char *const *path)
{
    for (size_t i = 0; i < CONTROL_SEGMENTS_MAX; i++) {
        const char *segment = i < control->segments_len ? control->segments[i] : NULL;
        if (!path[i] || !segment)
            return !path[i] && !segment;
        if (!str_equal(path[i], "*") && !str_equal(path[i], segment))
            return false;
    }
    return true;
}

static int route(struct control *control)
{
    struct err err = {0};
    const struct control_request *request = control->request;
    if (!split(control))
        return control_fail(control, 404, "there is nothing at %.200s", request->path);
    if (request->body_len > 0 &&
        (json_parse(request->body, request->body_len, &control->body, &err) != 0 ||
         !json_is_object(control->body)))
        return control_fail(control, 400, "the body is no JSON object: %s", err.message);
    bool path_known = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!fits(control, routes[i].path))
            continue;
        path_known = true;
        if (str_equal(routes[i].method, request->method))
            return routes[i].handle(control);
    }
    if (path_known)
        return control_fail(control, 405, "%s is not possible at %.200s", request->method,
                            request->path);
    return control_fail(control, 404, "there is nothing at %.200s; docs/xosim.md lists the routes",
                        request->path);
}

int control_handle(struct site *site, const struct control_request *request, json_t **ret_body)
{
    struct control control = {.site = site, .request = request};
    int status = route(&control);
    site_commit(site);
    for (size_t i = 0; i < control.segments_len; i++)
        mem_free(control.segments[i]);
    json_decref(control.body);
    *ret_body = control.answer;
    return status;
}
