/* xosim, upper layer: which methods there are, and how their parameters are checked before they
 * run. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/xo.h"

#include <string.h>

#define STRING(name_)                                                                              \
    {                                                                                              \
        .name = (name_), .type = "string"                                                          \
    }
#define OPTIONAL(name_)                                                                            \
    {                                                                                              \
        .name = (name_), .type = "string", .optional = true                                        \
    }
#define FLAG(name_)                                                                                \
    {                                                                                              \
        .name = (name_), .type = "boolean", .optional = true                                       \
    }

static const struct xo_method methods[] = {
    {.name = "session.signIn", .run = xo_session_sign_in, .before_sign_in = true},
    {.name = "session.signInWithPassword", .run = xo_session_sign_in, .before_sign_in = true},
    {.name = "session.signInWithToken", .run = xo_session_sign_in, .before_sign_in = true},
    {.name = "session.signOut", .run = xo_session_sign_out},
    {.name = "session.getUser", .run = xo_session_get_user, .before_sign_in = true},
    {.name = "token.create",
     .run = xo_token_create,
     .params = {OPTIONAL("description"),
                {.name = "expiresIn", .type = "number,string", .optional = true}}},
    {.name = "xo.getAllObjects",
     .run = xo_get_all_objects,
     .params = {{.name = "filter", .type = "object,string", .optional = true},
                {.name = "limit", .type = "number", .optional = true}}},
    {.name = "disk.create",
     .run = xo_disk_create,
     .params = {STRING("name"), {.name = "size", .type = "integer,string"}, STRING("sr")}},
    {.name = "vdi.set",
     .run = xo_vdi_set,
     .params = {STRING("id"),
                OPTIONAL("name_label"),
                OPTIONAL("name_description"),
                {.name = "cbt", .type = "boolean", .optional = true},
                {.name = "size", .type = "integer,string", .optional = true}}},
    {.name = "vdi.delete", .run = xo_vdi_delete, .params = {STRING("id")}},
    {.name = "vdi.migrate", .run = xo_vdi_migrate, .params = {STRING("id"), STRING("sr_id")}},
    {.name = "vm.attachDisk",
     .run = xo_vm_attach_disk,
     .params = {STRING("vm"),
                STRING("vdi"),
                OPTIONAL("mode"),
                OPTIONAL("position"),
                {.name = "bootable", .type = "boolean", .optional = true}}},
    {.name = "vm.snapshot",
     .run = xo_vm_snapshot,
     .params = {STRING("id"),
                OPTIONAL("name"),
                OPTIONAL("description"),
                {.name = "saveMemory", .type = "boolean", .optional = true}}},
    {.name = "vm.delete",
     .run = xo_vm_delete,
     .params = {STRING("id"), FLAG("deleteDisks"), FLAG("force"), FLAG("forceBlockedOperation")}},
    {.name = "vm.set",
     .run = xo_vm_set,
     .params = {STRING("id"), {.name = "blockedOperations", .type = "object", .optional = true}}},
    {.name = "vm.start", .run = xo_vm_start, .params = {STRING("id"), FLAG("force")}},
    {.name = "vm.stop",
     .run = xo_vm_stop,
     .params = {STRING("id"), FLAG("force"), FLAG("bypassBlockedOperation")}},
    {.name = "vm.restart",
     .run = xo_vm_restart,
     .params = {STRING("id"), FLAG("force"), FLAG("bypassBlockedOperation")}},
    {.name = "vm.suspend", .run = xo_vm_suspend, .params = {STRING("id")}},
    {.name = "vm.resume", .run = xo_vm_resume, .params = {STRING("id")}},
    {.name = "vm.pause", .run = xo_vm_pause, .params = {STRING("id")}},
    {.name = "vm.unpause", .run = xo_vm_unpause, .params = {STRING("id")}},
    {.name = "host.enable", .run = xo_host_enable, .params = {STRING("id")}},
    {.name = "host.disable", .run = xo_host_disable, .params = {STRING("id")}},
    {.name = "host.detach", .run = xo_host_detach, .params = {STRING("id")}},
    {.name = "sr.forget", .run = xo_sr_forget, .params = {STRING("id")}},
    {.name = "vm.migrate",
     .run = xo_vm_migrate,
     .params = {STRING("vm"),
                STRING("targetHost"),
                OPTIONAL("sr"),
                OPTIONAL("migrationNetwork"),
                {.name = "mapVdisSrs", .type = "object", .optional = true},
                {.name = "mapVifsNetworks", .type = "object", .optional = true},
                {.name = "force", .type = "boolean", .optional = true},
                {.name = "bypassAssert", .type = "boolean", .optional = true}}},
    {.name = "vbd.connect", .run = xo_vbd_connect, .params = {STRING("id")}},
    {.name = "vbd.disconnect", .run = xo_vbd_disconnect, .params = {STRING("id")}},
    {.name = "vbd.delete", .run = xo_vbd_delete, .params = {STRING("id")}},
    {.name = "task.cancel", .run = xo_task_cancel, .params = {STRING("id")}},
    {.name = "tag.add", .run = xo_tag_add, .params = {STRING("id"), STRING("tag")}},
    {.name = "tag.remove", .run = xo_tag_remove, .params = {STRING("id"), STRING("tag")}},
    {.name = "server.getAll", .run = xo_server_get_all, .admin = true},
    {.name = "server.enable", .run = xo_server_enable, .admin = true, .params = {STRING("id")}},
    {.name = "server.disable", .run = xo_server_disable, .admin = true, .params = {STRING("id")}},
};

const struct xo_method *xo_method_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (str_equal(methods[i].name, name))
            return &methods[i];
    }
    return NULL;
}

static bool is_of_type(const json_t *value, const char *type, size_t len)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return len == 6 && memcmp(type, "string", len) == 0;
    case JSON_INTEGER:
        return (len == 7 && memcmp(type, "integer", len) == 0) ||
               (len == 6 && memcmp(type, "number", len) == 0);
    case JSON_REAL:
        return len == 6 && memcmp(type, "number", len) == 0;
    case JSON_TRUE:
    case JSON_FALSE:
        return len == 7 && memcmp(type, "boolean", len) == 0;
    case JSON_OBJECT:
        return len == 6 && memcmp(type, "object", len) == 0;
    case JSON_ARRAY:
    case JSON_NULL:
        return false;
    }
    return false;
}

/* Whether a value is of one of the types in a list with commas. */
static bool is_of_types(const json_t *value, const char *types)
{
    for (const char *type = types;; type++) {
        size_t len = strcspn(type, ",");
        if (is_of_type(value, type, len))
            return true;
        type += len;
        if (!*type)
            return false;
    }
}

static json_t *missing(const char *name)
{
    cleanup_str char *message = str_new("must have required property '%s'", name);
    return json_build("{s:s, s:s, s:s, s:{s:s}, s:s}", "instancePath", "", "schemaPath",
                      "#/required", "keyword", "required", "params", "missingProperty", name,
                      "message", message);
}

static json_t *mistyped(const struct xo_param *param)
{
    cleanup_str char *instance = str_new("/%s", param->name);
    cleanup_str char *schema = str_new("#/properties/%s/type", param->name);
    cleanup_str char *message = str_new("must be %s", param->type);
    return json_build("{s:s, s:s, s:s, s:{s:s}, s:s}", "instancePath", instance, "schemaPath",
                      schema, "keyword", "type", "params", "type", param->type, "message", message);
}

json_t *xo_params_check(const struct xo_method *method, const json_t *params)
{
    json_t *errors = json_array();
    if (!json_is_object(params))
        json_add(errors, json_build("{s:s, s:s, s:s, s:{s:s}, s:s}", "instancePath", "",
                                    "schemaPath", "#/type", "keyword", "type", "params", "type",
                                    "object", "message", "must be object"));
    for (size_t i = 0; json_is_object(params) && i < XO_PARAMS_MAX && method->params[i].name; i++) {
        const struct xo_param *param = &method->params[i];
        const json_t *value = json_object_get(params, param->name);
        if (!value && !param->optional)
            json_add(errors, missing(param->name));
        else if (value && !is_of_types(value, param->type))
            json_add(errors, mistyped(param));
    }
    if (json_array_size(errors) > 0)
        return errors;
    json_decref(errors);
    return NULL;
}
