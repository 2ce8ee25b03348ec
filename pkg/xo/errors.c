/*
 * xo, 7: the table of error codes.
 *
 * XO's own codes are numbers (packages/xo-common/api-errors.js in xen-orchestra). A XAPI error that
 * XO has no number for comes as -32000 with XAPI's code in data.code (ocaml/xapi-consts/api_errors.ml
 * in xen-api). The two that carry no code at all are told by the shape of their data: a cancelled
 * task has nothing but a message, a task that XAPI forgot has data.taskRef.
 */
#include "xo/errors.h"

#include "base/str.h"

#include <stddef.h>
#include <string.h>

/** A number of XO's own. */
static const struct xo_code {
    int64_t number;
    enum err_class class;
    const char *code;
} xo_codes[] = {
    /* noSuchObject. Also during a blip between XO and the pool, so it proves nothing. */
    {XO_CODE_NO_SUCH_OBJECT, ERR_TRANSIENT, "NO_SUCH_OBJECT"},
    /* unauthorized */
    {XO_CODE_NOT_PERMITTED, ERR_REFUSED, "NOT_PERMITTED"},
    /* invalidCredentials */
    {XO_CODE_INVALID_CREDENTIALS, ERR_REFUSED, "INVALID_CREDENTIALS"},
    /* noHostsAvailable: XAPI's NO_HOSTS_AVAILABLE */
    {7, ERR_REFUSED, "NO_HOSTS_AVAILABLE"},
    /* authenticationFailed: of XO at a host */
    {8, ERR_TRANSIENT, "HOST_AUTHENTICATION_FAILED"},
    /* invalidParameters */
    {10, ERR_REFUSED, "INVALID_PARAMETERS"},
    /* vmBadPowerState: XAPI's VM_BAD_POWER_STATE */
    {13, ERR_REFUSED, "VM_BAD_POWER_STATE"},
    /* vdiInUse: XAPI's VDI_IN_USE */
    {17, ERR_IN_USE, "VDI_IN_USE"},
    /* hostOffline: XAPI's HOST_OFFLINE */
    {18, ERR_TRANSIENT, "HOST_OFFLINE"},
    /* operationBlocked: XAPI's OPERATION_BLOCKED, set by an administrator */
    {19, ERR_REFUSED, "OPERATION_BLOCKED"},
    /* JSON-RPC 2.0, section 5.1: this XO does not have what we ask for */
    {-32601, ERR_REFUSED, "METHOD_NOT_FOUND"},
    {-32602, ERR_REFUSED, "INVALID_PARAMETERS"},
    {-32600, ERR_REFUSED, "INVALID_REQUEST"},
};

/** A code of XAPI's (api_errors.ml), or of the system below XO (Node's error codes). */
static const struct xapi_code {
    const char *code;
    enum err_class class;
    bool known_unchanged; /* refused before anything changed, or undone by XAPI */
} xapi_codes[] = {
    /* sr_full, and what LVM, file and SMB drivers say instead: "There is insufficient space" */
    {"SR_FULL", ERR_CAPACITY, true},
    {"SR_BACKEND_FAILURE_44", ERR_CAPACITY, true},
    {"VDI_IN_USE", ERR_IN_USE, true},
    {"SR_NOT_ATTACHED", ERR_REFUSED, true},
    {"SR_HAS_NO_PBDS", ERR_REFUSED, true},
    {"SR_NOT_SHARABLE", ERR_REFUSED, true},
    /* too_many_storage_migrates: three per host; XO has tried for ten seconds */
    {"TOO_MANY_STORAGE_MIGRATES", ERR_BUSY, true},
    {"OTHER_OPERATION_IN_PROGRESS", ERR_TRANSIENT, true},
    {"TASK_CANCELLED", ERR_CANCELLED, true},
    /* device_already_exists: somebody took the position meanwhile */
    {"DEVICE_ALREADY_EXISTS", ERR_CONFLICT, true},
    {"DEVICE_ALREADY_ATTACHED", ERR_CONFLICT, true},
    {"DEVICE_ALREADY_DETACHED", ERR_CONFLICT, true},
    /* handle_invalid: gone in XAPI while XO still showed it */
    {"HANDLE_INVALID", ERR_TRANSIENT, true},
    {"UUID_INVALID", ERR_TRANSIENT, true},
    {"NO_HOSTS_AVAILABLE", ERR_REFUSED, true},
    {"HOST_OFFLINE", ERR_TRANSIENT, true},
    {"HOST_NOT_LIVE", ERR_TRANSIENT, true},
    {"HOST_STILL_BOOTING", ERR_TRANSIENT, true},
    {"HOST_DISABLED", ERR_TRANSIENT, true},
    {"CANNOT_CONTACT_HOST", ERR_TRANSIENT, false},
    {"SESSION_INVALID", ERR_TRANSIENT, true},
    {"VM_BAD_POWER_STATE", ERR_REFUSED, true},
    {"VM_MISSING_PV_DRIVERS", ERR_REFUSED, true},
    {"VM_LACKS_FEATURE", ERR_REFUSED, true},
    {"VM_REQUIRES_SR", ERR_REFUSED, true},
    {"VDI_READONLY", ERR_REFUSED, true},
    {"VDI_MISSING", ERR_REFUSED, true},
    {"VDI_NOT_MANAGED", ERR_REFUSED, true},
    {"OPERATION_BLOCKED", ERR_REFUSED, true},
    {"OPERATION_NOT_ALLOWED", ERR_REFUSED, true},
    {"VBD_NOT_UNPLUGGABLE", ERR_REFUSED, true},
    /* device_detach_rejected, device_detach_timeout: the guest did not let go of the device */
    {"DEVICE_DETACH_REJECTED", ERR_IN_USE, true},
    {"DEVICE_DETACH_TIMEOUT", ERR_IN_USE, false},
    /* Between XO and the host (Node: errno names). The call may have got through. */
    {"ECONNREFUSED", ERR_TRANSIENT, true},
    {"ECONNRESET", ERR_TRANSIENT, false},
    {"EHOSTUNREACH", ERR_TRANSIENT, false},
    {"ENETUNREACH", ERR_TRANSIENT, false},
    {"EPIPE", ERR_TRANSIENT, false},
    {"ETIMEDOUT", ERR_TRANSIENT, false},
};

static const struct xapi_code *find_xapi(const char *code)
{
    for (size_t i = 0; code && i < ARRAY_LEN(xapi_codes); i++) {
        if (str_equal(code, xapi_codes[i].code))
            return &xapi_codes[i];
    }
    return NULL;
}

static const struct xo_code *find_xo(int64_t number)
{
    for (size_t i = 0; i < ARRAY_LEN(xo_codes); i++) {
        if (xo_codes[i].number == number)
            return &xo_codes[i];
    }
    return NULL;
}

/*
 * Whether an error of a vdi.migrate names the copy or the live move itself as the step that failed.
 * XAPI removes what these had begun, and the source was not touched yet. Everything else may come
 * from a later step, when there are two whole disks, or the source is gone.
 */
static bool failed_in_the_move(const json_t *data)
{
    static const char *const steps[] = {"VDI.copy", "VDI.pool_migrate"};
    const char *named[] = {json_str_at(data, "task.name_label"), json_str_at(data, "call.method")};
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        const char *name = named[i];
        if (name && str_starts_with(name, "Async."))
            name += strlen("Async.");
        for (size_t j = 0; name && j < ARRAY_LEN(steps); j++) {
            if (str_equal(name, steps[j]))
                return true;
        }
    }
    return false;
}

/* Whether an error with a number of XO's own left the disk of a vdi.migrate as it was. */
static bool migrate_unchanged(int64_t number, const json_t *data)
{
    switch (number) {
    case XO_CODE_NO_SUCH_OBJECT: /* a parameter was looked up by type: before the first step */
        return json_object_get(data, "type") != NULL;
    case 17: /* the copy did not start; as "destroy" it is the source that could not be removed */
        return str_equal(json_str_at(data, "operation"), "copy");
    case XO_CODE_NOT_PERMITTED:
    case XO_CODE_INVALID_CREDENTIALS:
    case 10:
    case -32601:
    case -32602:
    case -32600:
        return true; /* refused by XO's API before the call ran */
    default:
        return false;
    }
}

static void fill(struct err *err, enum err_class class, const char *code, int64_t number,
                 const char *message)
{
    if (!err)
        return;
    (void)err_set(err, class, "XO answered: %s", message);
    err_set_code(err, code);
    err->status = (int)number;
}

enum xo_result xo_error_read(enum xo_call_kind kind, const json_t *error, struct err *err)
{
    int64_t number = json_int_at(error, "code", 0);
    const char *message = json_str_at(error, "message");
    const json_t *data = json_object_get(error, "data");
    message = message ? message : "an error without a message";
    bool migrate = kind == XO_CALL_MIGRATE;

    const struct xo_code *own = find_xo(number);
    if (own) {
        fill(err, own->class, own->code, number, message);
        return !migrate || migrate_unchanged(number, data) ? XO_NOT_DONE : XO_UNKNOWN;
    }
    const char *code = json_str_at(data, "code");
    const struct xapi_code *xapi = find_xapi(code);
    if (xapi) {
        fill(err, xapi->class, code, number, message);
        return xapi->known_unchanged && (!migrate || failed_in_the_move(data)) ? XO_NOT_DONE
                                                                               : XO_UNKNOWN;
    }
    if (!code && json_str_at(data, "taskRef")) {
        fill(err, ERR_UNKNOWN, "TASK_DESTROYED", number, message);
        return XO_UNKNOWN;
    }
    /* The one form that only its text tells, and it is in data: XO makes it of a cancelled task. */
    if (!code && json_object_size(data) == 1 &&
        str_equal(json_str_at(data, "message"), "task canceled")) {
        fill(err, ERR_CANCELLED, "TASK_CANCELLED", number, message);
        return XO_NOT_DONE;
    }
    fill(err, ERR_UNKNOWN, code ? code : "", number, message);
    return XO_UNKNOWN;
}
