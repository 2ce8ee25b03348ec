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
#include "xo/errors_text.h"

#include <stddef.h>
#include <string.h>

/* What several rows say. */
#define NO_HOSTS_SENTENCE                                                                          \
    "no host of the pool sees both SRs and can run the VM: choose an SR that its host sees, or "   \
    "stop "                                                                                        \
    "what uses the disk, and it is moved offline"
#define FREE_SPACE_ADVICE                                                                          \
    "Free some there (old snapshots, disks named leftover-...), or choose another SR"
#define STORAGE_ADVICE                                                                             \
    "Look into /var/log/SMlog on the SR's host, repair what it names, and scan the SR"
#define NOT_LIVE_ADVICE                                                                            \
    "so the disk can't be moved while it runs: stop what uses the disk, and it is moved offline"
#define HOST_CONNECTION_SENTENCE                                                                   \
    "Xen Orchestra lost or did not get the connection to the pool[: {message}]. See Settings > "   \
    "Servers in Xen Orchestra"

/** A number of XO's own. The sentence is a template of errors_text.h. */
static const struct xo_code {
    int64_t number;
    enum err_class class;
    const char *code;
    const char *sentence;
} xo_codes[] = {
    /* noSuchObject. Also during a blip between XO and the pool, so it proves nothing. */
    {XO_CODE_NO_SUCH_OBJECT, ERR_TRANSIENT, "NO_SUCH_OBJECT",
     "Xen Orchestra has no object [{id} ]of that kind now: it was removed, or its pool is out of "
     "sight for a minute or two"},
    /* unauthorized */
    {XO_CODE_NOT_PERMITTED, ERR_REFUSED, "NOT_PERMITTED",
     "the operator's user in Xen Orchestra may not do this: give it the administrator's role"},
    /* invalidCredentials */
    {XO_CODE_INVALID_CREDENTIALS, ERR_REFUSED, "INVALID_CREDENTIALS",
     "Xen Orchestra does not accept the token or password: make a new token and put it into the "
     "Secret"},
    /* noHostsAvailable: XAPI's NO_HOSTS_AVAILABLE */
    {7, ERR_REFUSED, "NO_HOSTS_AVAILABLE", NO_HOSTS_SENTENCE},
    /* authenticationFailed: of XO at a host */
    {8, ERR_TRANSIENT, "HOST_AUTHENTICATION_FAILED",
     "a host does not accept Xen Orchestra's password: correct it in Settings > Servers in Xen "
     "Orchestra"},
    /* invalidParameters */
    {10, ERR_REFUSED, "INVALID_PARAMETERS",
     "Xen Orchestra does not accept the call[: {message}]: its version may not fit the operator's"},
    /* vmBadPowerState: XAPI's VM_BAD_POWER_STATE */
    {13, ERR_REFUSED, "VM_BAD_POWER_STATE",
     "the VM is not in the state that this needs[: it is {actual}, and has to be {expected}]"},
    /* vdiInUse: XAPI's VDI_IN_USE */
    {17, ERR_IN_USE, "VDI_IN_USE",
     "the disk [{objectId} ]is in use[, so that it can't be the object of \"{operation}\"]: by a "
     "VM, a "
     "backup, or a VBD that was left in a control domain (Dashboard > Health in Xen Orchestra)"},
    /* hostOffline: XAPI's HOST_OFFLINE */
    {18, ERR_TRANSIENT, "HOST_OFFLINE", "the host [{objectId} ]is off: start it"},
    /* operationBlocked: XAPI's OPERATION_BLOCKED; a backup does so, or an administrator */
    {19, ERR_BLOCKED, "OPERATION_BLOCKED",
     "somebody forbids this for the VM[ {objectId}] now[: {code}]. It goes on when that is taken "
     "back; one that was left over is in the VM's page, tab Advanced, in Xen Orchestra"},
    /* JSON-RPC 2.0, section 5.1: this XO does not have what we ask for */
    {-32601, ERR_REFUSED, "METHOD_NOT_FOUND",
     "this version of Xen Orchestra does not have the call[: {message}]. Update it"},
    {-32602, ERR_REFUSED, "INVALID_PARAMETERS",
     "Xen Orchestra does not accept the call[: {message}]: its version may not fit the operator's"},
    {-32600, ERR_REFUSED, "INVALID_REQUEST",
     "Xen Orchestra does not understand the call[: {message}]: its version may not fit the "
     "operator's"},
};

/** A code of XAPI's (api_errors.ml), or of the system below XO (Node's error codes). */
static const struct xapi_code {
    const char *code;
    enum err_class class;
    bool known_unchanged; /* refused before anything changed, or undone by XAPI */
    const char *sentence;
} xapi_codes[] = {
    /* sr_full, and what LVM, file and SMB drivers say instead: "There is insufficient space" */
    {"SR_FULL", ERR_CAPACITY, true,
     "the SR has insufficient space[: {0G} are needed, {1G} are free]. " FREE_SPACE_ADVICE},
    {"SR_BACKEND_FAILURE_44", ERR_CAPACITY, true,
     "the SR has insufficient space. " FREE_SPACE_ADVICE},
    /* What the storage itself says, with its text: sm, drivers/XE_SR_ERRORCODES.xml */
    {"SR_BACKEND_FAILURE_40", ERR_BROKEN, true,
     "the SR can't be scanned[: {1}]. One broken disk of any VM is enough for "
     "that. " STORAGE_ADVICE},
    {"SR_BACKEND_FAILURE_46", ERR_BROKEN, true,
     "the storage does not give the disk[: {1}]. It may be locked since a host "
     "crashed. " STORAGE_ADVICE},
    {"SR_BACKEND_FAILURE_47", ERR_BROKEN, true, "the SR is not available[: {1}]. " STORAGE_ADVICE},
    {"SR_BACKEND_FAILURE_79", ERR_BROKEN, true,
     "the storage does not accept the size of the disk[: {1}]. An SR with VHD images holds disks "
     "of up "
     "to 2040 GiB: choose another SR, or look into /var/log/SMlog on the SR's host"},
    {"SR_BACKEND_FAILURE_82", ERR_BROKEN, true,
     "the storage can't take a snapshot of the disk[: {1}]. " STORAGE_ADVICE},
    {"SR_BACKEND_FAILURE_109", ERR_BROKEN, true,
     "the disk has too long a chain of snapshots[: {1}]. Delete its snapshots, then wait until the "
     "SR "
     "has coalesced them (the SR's page, tab Advanced, in Xen Orchestra)"},
    {"VDI_IN_USE", ERR_IN_USE, true,
     "the disk is in use[, so that it can't be the object of \"{1}\"]: by a VM, a backup, or a VBD "
     "that was left in a control domain (Dashboard > Health in Xen Orchestra)"},
    {"SR_NOT_ATTACHED", ERR_REFUSED, true,
     "the SR is not attached to the host: connect its PBD there, or choose an SR that the host "
     "sees"},
    {"SR_HAS_NO_PBDS", ERR_REFUSED, true,
     "the SR is attached to no host: connect its PBDs in Xen Orchestra"},
    {"SR_NOT_SHARABLE", ERR_REFUSED, true,
     "the SR belongs to one host, and another one was to use it: choose a shared SR"},
    /* too_many_storage_migrates: three per host; XO has tried for ten seconds */
    {"TOO_MANY_STORAGE_MIGRATES", ERR_BUSY, true,
     "the host moves as many disks as it can: it goes on when one of them has ended"},
    {"OTHER_OPERATION_IN_PROGRESS", ERR_TRANSIENT, true,
     "something else is going on[ with the {0}]: it goes on when that has ended"},
    {"TASK_CANCELLED", ERR_CANCELLED, true, "the task was cancelled"},
    /* device_already_exists: somebody took the position meanwhile */
    {"DEVICE_ALREADY_EXISTS", ERR_CONFLICT, true,
     "the position[ {0}] of the VM was taken meanwhile: another one is tried"},
    {"DEVICE_ALREADY_ATTACHED", ERR_CONFLICT, true, "the disk is plugged already"},
    {"DEVICE_ALREADY_DETACHED", ERR_CONFLICT, true, "the disk is unplugged already"},
    /* handle_invalid: gone in XAPI while XO still showed it */
    {"HANDLE_INVALID", ERR_TRANSIENT, true,
     "the [{0} ]object is gone in the pool; Xen Orchestra will show it in a moment"},
    {"UUID_INVALID", ERR_TRANSIENT, true,
     "the [{0} ]object [{1} ]is gone in the pool; Xen Orchestra will show it in a moment"},
    {"NO_HOSTS_AVAILABLE", ERR_REFUSED, true, NO_HOSTS_SENTENCE},
    {"HOST_OFFLINE", ERR_TRANSIENT, true, "the host is off: start it"},
    {"HOST_NOT_LIVE", ERR_TRANSIENT, true,
     "the host does not answer its pool: see whether it is off, or its network"},
    {"HOST_STILL_BOOTING", ERR_TRANSIENT, true, "the host is starting: it goes on when it has"},
    {"HOST_DISABLED", ERR_TRANSIENT, true,
     "the host is disabled, for maintenance perhaps: enable it in Xen Orchestra"},
    {"CANNOT_CONTACT_HOST", ERR_TRANSIENT, false,
     "a host of the pool can't be reached by another: see to its network"},
    /* A live move of a disk reserves the memory of its VM a second time, on the same host too. */
    {"HOST_NOT_ENOUGH_FREE_MEMORY", ERR_REFUSED, true,
     "the host has not enough free memory for a live move, which takes the VM's memory a second "
     "time[: it needs {0G}, has {1G}]. Free memory there, or stop what uses the disk, and it is "
     "moved "
     "offline"},
    {"VM_HAS_VGPU", ERR_REFUSED, true, "the VM has a virtual GPU, " NOT_LIVE_ADVICE},
    {"VM_HAS_PCI_ATTACHED", ERR_REFUSED, true,
     "the VM has a PCI device of the host, " NOT_LIVE_ADVICE},
    {"VM_INCOMPATIBLE_WITH_THIS_HOST", ERR_REFUSED, true,
     "the VM does not fit the host[: {2}], " NOT_LIVE_ADVICE},
    {"SESSION_INVALID", ERR_TRANSIENT, true,
     "the session of Xen Orchestra with the pool has ended: it signs in again by itself"},
    {"VM_BAD_POWER_STATE", ERR_REFUSED, true,
     "the VM is not in the state that this needs[: it is {2}, and has to be {1}]"},
    {"VM_MISSING_PV_DRIVERS", ERR_REFUSED, true,
     "the VM has no guest tools: install them, or stop what uses the disk"},
    {"VM_LACKS_FEATURE", ERR_REFUSED, true,
     "the guest tools of the VM can't do this: update them, or stop what uses the disk"},
    {"VM_REQUIRES_SR", ERR_REFUSED, true,
     "the target host does not see an SR that the VM has disks on: choose another SR or host"},
    {"VDI_READONLY", ERR_REFUSED, true, "the disk is read-only"},
    {"VDI_MISSING", ERR_REFUSED, true,
     "the SR's last scan did not find the disk: scan the SR, and look into /var/log/SMlog on its "
     "host"},
    {"VDI_NOT_MANAGED", ERR_REFUSED, true,
     "the disk is only a link in a chain of snapshots, not one that a VM can use"},
    {"VDI_TOO_LARGE", ERR_REFUSED, true,
     "the disk is too large for the SR[, which takes up to {1G}]: choose another SR"},
    {"VDI_TOO_SMALL", ERR_REFUSED, true,
     "the disk is too small for the SR[, which takes from {1G} on]: choose another SR"},
    {"OPERATION_BLOCKED", ERR_BLOCKED, true,
     "somebody forbids this for the VM now[: {1}]. It goes on when that is taken back; one that "
     "was "
     "left over is in the VM's page, tab Advanced, in Xen Orchestra"},
    {"OPERATION_NOT_ALLOWED", ERR_REFUSED, true, "the pool does not allow this[: {0}]"},
    {"VBD_NOT_UNPLUGGABLE", ERR_REFUSED, true,
     "the disk can't be unplugged while the VM runs: stop the VM"},
    /* device_detach_rejected, device_detach_timeout: the guest did not let go of the device */
    {"DEVICE_DETACH_REJECTED", ERR_IN_USE, true,
     "the VM does not let go of the disk[: {2}]. See what uses it there"},
    {"DEVICE_DETACH_TIMEOUT", ERR_IN_USE, false,
     "the VM did not let go of the disk in time: see what uses it there"},
    /* Between XO and the host (Node: errno names). The call may have got through. */
    {"ECONNREFUSED", ERR_TRANSIENT, true, HOST_CONNECTION_SENTENCE},
    {"ECONNRESET", ERR_TRANSIENT, false, HOST_CONNECTION_SENTENCE},
    {"EHOSTUNREACH", ERR_TRANSIENT, false, HOST_CONNECTION_SENTENCE},
    {"ENETUNREACH", ERR_TRANSIENT, false, HOST_CONNECTION_SENTENCE},
    {"EPIPE", ERR_TRANSIENT, false, HOST_CONNECTION_SENTENCE},
    {"ETIMEDOUT", ERR_TRANSIENT, false, HOST_CONNECTION_SENTENCE},
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

/* `sentence` NULL: the table has no row. */
static void fill(struct err *err, enum err_class class, const char *code, const char *sentence,
                 const json_t *error)
{
    char text[ERR_MESSAGE_MAX];
    if (!err)
        return;
    xo_error_sentence(sentence, error, text);
    (void)err_set(err, class, "%s", text); /* always -1 */
    err_set_code(err, code);
    err->status = (int)json_int_at(error, "code", 0);
}

enum xo_result xo_error_read(enum xo_call_kind kind, const json_t *error, struct err *err)
{
    int64_t number = json_int_at(error, "code", 0);
    const json_t *data = json_object_get(error, "data");
    bool migrate = kind == XO_CALL_MIGRATE;

    const struct xo_code *own = find_xo(number);
    if (own) {
        fill(err, own->class, own->code, own->sentence, error);
        return !migrate || migrate_unchanged(number, data) ? XO_NOT_DONE : XO_UNKNOWN;
    }
    const char *code = json_str_at(data, "code");
    const struct xapi_code *xapi = find_xapi(code);
    if (xapi) {
        fill(err, xapi->class, code, xapi->sentence, error);
        return xapi->known_unchanged && (!migrate || failed_in_the_move(data)) ? XO_NOT_DONE
                                                                               : XO_UNKNOWN;
    }
    if (!code && json_str_at(data, "taskRef")) {
        fill(err, ERR_UNKNOWN, "TASK_DESTROYED", NULL, error);
        return XO_UNKNOWN;
    }
    /* The one form that only its text tells, and it is in data: XO makes it of a cancelled task. */
    if (!code && json_object_size(data) == 1 &&
        str_equal(json_str_at(data, "message"), "task canceled")) {
        fill(err, ERR_CANCELLED, "TASK_CANCELLED", "the task was cancelled", error);
        return XO_NOT_DONE;
    }
    fill(err, ERR_UNKNOWN, code ? code : "", NULL, error);
    return XO_UNKNOWN;
}
