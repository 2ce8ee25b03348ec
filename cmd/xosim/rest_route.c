/* xosim, upper layer: the routes of the REST API, and what their bodies may have. */
#include "rest_internal.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static const struct rest_collection collections[] = {
    {"hosts", "host"},
    {"networks", "network"},
    {"pbds", "PBD"},
    {"pifs", "PIF"},
    {"pools", "pool"},
    {"sms", "SM"},
    {"srs", "SR"},
    {"vbds", "VBD"},
    {"vdi-snapshots", "VDI-snapshot"},
    {"vdis", "VDI"},
    {"vifs", "VIF"},
    {"vm-controllers", "VM-controller"},
    {"vm-snapshots", "VM-snapshot"},
    {"vm-templates", "VM-template"},
    {"vms", "VM"},
};

const struct rest_collection *rest_collection_find(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(collections); i++) {
        if (str_equal(collections[i].path, path))
            return &collections[i];
    }
    return NULL;
}

bool rest_type_is_known(const char *type)
{
    static const char *const others[] = {"task", "alarm", "message", "VDI-unmanaged", "VTPM",
                                         "VGPU", "PGPU",  "PCI",     "gpuGroup"};
    for (size_t i = 0; i < ARRAY_LEN(collections); i++) {
        if (str_equal(collections[i].type, type))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (str_equal(others[i], type))
            return true;
    }
    return false;
}

static const char *const no_fields[] = {NULL};
static const char *const create_vdi[] = {"srId:string!",
                                         "virtual_size:number!",
                                         "name_label:string",
                                         "name_description:string",
                                         "tags:array",
                                         "other_config:object",
                                         "sm_config:object",
                                         "type:string",
                                         "read_only:boolean",
                                         "sharable:boolean",
                                         NULL};
static const char *const update_vdi[] = {"name_label:string", "name_description:string",
                                         "size:number", NULL};
static const char *const migrate_vdi[] = {"srId:string!", NULL};
static const char *const create_vbd[] = {
    "VM:string!",       "VDI:string!",     "mode:string", "userdevice:string",
    "bootable:boolean", "position:string", NULL};
static const char *const migrate_vm[] = {"hostId:string!",
                                         "srId:string",
                                         "srIdByVdiId:object",
                                         "networkIdByVifId:object",
                                         "migrationNetworkId:string",
                                         NULL};
static const char *const subscribe[] = {"collection:string!", "fields", NULL};

static const struct rest_route routes[] = {
    {"GET", {"ping"}, rest_ping, NULL, NULL, NULL, false},
    {"GET", {"tasks"}, rest_get_tasks, NULL, NULL, NULL, false},
    {"DELETE", {"tasks"}, rest_delete_tasks, NULL, NULL, NULL, false},
    {"GET", {"tasks", "*"}, rest_get_task, "task", "read", NULL, false},
    {"DELETE", {"tasks", "*"}, rest_delete_task, "task", "delete", NULL, false},
    {"POST",
     {"tasks", "*", "actions", "abort"},
     rest_abort_task,
     "task",
     "abort",
     no_fields,
     false},
    {"GET", {"events"}, rest_get_events, NULL, NULL, NULL, false},
    {"POST",
     {"events", "*", "subscriptions"},
     rest_post_subscription,
     NULL,
     NULL,
     subscribe,
     false},
    {"DELETE",
     {"events", "*", "subscriptions", "*"},
     rest_delete_subscription,
     NULL,
     NULL,
     NULL,
     false},
    {"POST", {"vdis"}, rest_post_vdi, "vdi", "create", create_vdi, false},
    {"GET", {"vdis", "*"}, rest_get_vdi, "vdi", "read", NULL, false},
    {"GET", {"vdi-snapshots", "*"}, rest_get_vdi, "vdi-snapshot", "read", NULL, false},
    {"PUT", {"vdis", "*"}, rest_put_vdi, "vdi", "import-content", NULL, true},
    {"PATCH", {"vdis", "*"}, rest_patch_vdi, "vdi", "update", update_vdi, false},
    {"DELETE", {"vdis", "*"}, rest_delete_vdi, "vdi", "delete", NULL, false},
    {"DELETE", {"vdi-snapshots", "*"}, rest_delete_vdi, "vdi-snapshot", "delete", NULL, false},
    {"PUT", {"vdis", "*", "tags", "*"}, rest_put_tag, "vdi", "update:tags", NULL, false},
    {"DELETE", {"vdis", "*", "tags", "*"}, rest_delete_tag, "vdi", "update:tags", NULL, false},
    {"POST",
     {"vdis", "*", "actions", "migrate"},
     rest_migrate_vdi,
     "vdi",
     "migrate-send",
     migrate_vdi,
     false},
    {"POST", {"srs", "*", "vdis"}, rest_import_vdi, "sr", "import:vdi", NULL, true},
    {"POST", {"vbds"}, rest_post_vbd, "vbd", "create", create_vbd, false},
    {"DELETE", {"vbds", "*"}, rest_delete_vbd, "vbd", "delete", NULL, false},
    {"POST",
     {"vbds", "*", "actions", "connect"},
     rest_connect_vbd,
     "vbd",
     "connect",
     no_fields,
     false},
    {"POST",
     {"vbds", "*", "actions", "disconnect"},
     rest_disconnect_vbd,
     "vbd",
     "disconnect",
     no_fields,
     false},
    {"POST",
     {"vms", "*", "actions", "migrate"},
     rest_migrate_vm,
     "vm",
     "migrate-send",
     migrate_vm,
     false},
};

static const struct rest_route list_route = {"GET", {"*"}, rest_get_list, NULL, NULL, NULL, false};
static const struct rest_route object_route = {"GET", {"*", "*"}, rest_get_object, "object", "read",
                                               NULL,  false};
static const struct rest_route tasks_route = {
    "GET", {"*", "*", "tasks"}, rest_get_object_tasks, NULL, NULL, NULL, false};

static bool fits(const struct rest_exchange *exchange, const struct rest_route *route)
{
    bool head = str_equal(exchange->method, "HEAD") && str_equal(route->method, "GET");
    if (!head && !str_equal(route->method, exchange->method))
        return false;
    for (size_t i = 0; i < REST_SEGMENTS_MAX; i++) {
        const char *segment = i < exchange->segments_len ? exchange->segments[i] : NULL;
        if (!route->path[i] || !segment)
            return !route->path[i] && !segment;
        if (!str_equal(route->path[i], "*") && !str_equal(route->path[i], segment))
            return false;
    }
    return true;
}

const struct rest_route *rest_route_find(const struct rest_exchange *exchange)
{
    static const struct rest_route *const of_collections[] = {&list_route, &object_route,
                                                              &tasks_route};
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (fits(exchange, &routes[i]))
            return &routes[i];
    }
    bool collection = exchange->segments_len > 0 && rest_collection_find(exchange->segments[0]);
    for (size_t i = 0; collection && i < ARRAY_LEN(of_collections); i++) {
        if (fits(exchange, of_collections[i]))
            return of_collections[i];
    }
    return NULL;
}

static bool is_of_type(const json_t *value, const char *type)
{
    switch (*type) {
    case 's':
        return json_is_string(value);
    case 'n':
        return json_is_number(value);
    case 'b':
        return json_is_boolean(value);
    case 'a':
        return json_is_array(value);
    case 'o':
        return json_is_object(value);
    default:
        return true;
    }
}

/* The description of a field ("name:type!"), or NULL. */
static const char *field_of(const struct rest_route *route, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; route->fields[i]; i++) {
        const char *field = route->fields[i];
        if (strncmp(field, name, len) == 0 && (field[len] == ':' || field[len] == '\0'))
            return field;
    }
    return NULL;
}

/* Notes what is wrong with one field of the body. */
static void note(json_t *errors, const char *name, const char *message, const json_t *value)
{
    cleanup_str char *key = str_new("body.%s", name);
    json_t *about = json_build("{s:s}", "message", message);
    if (value)
        json_put(about, "value", json_deep_copy(value));
    json_put(errors, key, about);
}

bool rest_body_check(struct rest_exchange *exchange)
{
    const struct rest_route *route = exchange->route;
    json_t *errors = json_object();
    const char *key = NULL;
    json_t *value = NULL;
    for (size_t i = 0; route->fields[i]; i++) {
        const char *field = route->fields[i];
        cleanup_str char *name = str_new("%.*s", (int)strcspn(field, ":"), field);
        cleanup_str char *message = str_new("'%s' is required", name);
        if (str_ends_with(field, "!") && !json_object_get(exchange->json, name))
            note(errors, name, message, NULL);
    }
    json_object_foreach(exchange->json, key, value) {
        const char *field = field_of(route, key);
        const char *type = field ? strchr(field, ':') : NULL;
        cleanup_str char *excess =
            str_new("\"%s\" is an excess property and therefore is not allowed", key);
        cleanup_str char *wrong =
            str_new("invalid %.*s value", type ? (int)strcspn(type + 1, "!") : 0,
                    type ? type + 1 : "");
        if (!field)
            note(errors, key, excess, value);
        else if (type && !is_of_type(value, type + 1))
            note(errors, key, wrong, value);
    }
    if (json_object_size(errors) == 0) {
        json_decref(errors);
        return true;
    }
    rest_fail(exchange, 422, errors, NULL);
    return false;
}
