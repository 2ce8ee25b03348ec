/*
 * reconcile/attach, 8: a sentence for every reason: what was found, under its own name, and what
 * to do about it.
 *
 * The sentences are a table with words in braces, which are filled in from what was observed: so
 * all of them can be read in one place, and a test goes through all.
 */
#include "reconcile/attach/summarize.h"

#include "base/buf.h"
#include "base/str.h"

#include <assert.h>
#include <string.h>

/* Longest word in braces, and its value at most. */
enum { WORD_MAX = 16, VALUE_SIZE = 768 };

#define OUT_OF_REACH "disk {disk} is on {sr}, which host {host} of node {node} does not reach"
#define ELSEWHERE    "run the Pod on a node whose host reaches {sr}"
#define TRY_AGAIN    "to try again, delete XoVolumeMigration {attachment} in namespace {namespace}"

static const struct {
    enum api_reason reason;
    const char *text;
} sentences[ATTACH_BECAUSE_COUNT] = {
    /* what is wrong with the objects of Kubernetes */
    [ATTACH_BECAUSE_INLINE] = {API_REASON_UNSUPPORTED,
                               "spec.source.inlineVolumeSpec is set: only volumes of a "
                               "PersistentVolume can be attached; use a PersistentVolumeClaim"},
    [ATTACH_BECAUSE_VOLUME_MISSING] = {API_REASON_VOLUME_NOT_FOUND,
                                       "PersistentVolume {volume} does not exist; if it was "
                                       "deleted, delete the Pod and bind its claim anew"},
    [ATTACH_BECAUSE_BAD_HANDLE] = {API_REASON_UNSUPPORTED,
                                   "PersistentVolume {volume}: spec.csi.volumeHandle is "
                                   "\"{handle}\"; it must be name:<volume name> or the UUID of a "
                                   "disk"},
    [ATTACH_BECAUSE_VOLUME_DELETING] = {API_REASON_UNSUPPORTED,
                                        "PersistentVolume {volume} is being deleted, so it is not "
                                        "attached any more; delete the Pod or give it another "
                                        "claim"},
    [ATTACH_BECAUSE_NODE_UNKNOWN] = {API_REASON_NODE_NOT_FOUND,
                                     "node {node}: CSINode {node} has no entry for driver "
                                     "{driver}; check that the node plugin runs on that node"},
    [ATTACH_BECAUSE_CONTRADICTION] = {API_REASON_SETTINGS_CONTRADICT,
                                      "volume {volume} has srUUID together with migrating: a "
                                      "volume either stays on one storage repository or follows "
                                      "its Pod; keep srUUID, or migrating with srsWithTag"},
    [ATTACH_BECAUSE_NO_TAG] = {API_REASON_TAG_UNKNOWN,
                               "volume {volume} has migrating without srsWithTag: set srsWithTag "
                               "to the tag of the storage repositories that it may live on"},
    [ATTACH_BECAUSE_NO_CLAIM] = {API_REASON_CLAIM_NOT_FOUND,
                                 OUT_OF_REACH ", and PersistentVolume {volume} has no claim: a "
                                              "disk is moved in its claim's namespace; bind a "
                                              "claim to it"},
    /* what stands against moving the disk */
    [ATTACH_BECAUSE_TRACKED_BY_UUID] = {API_REASON_TRACKED_BY_UUID, OUT_OF_REACH
                                        ", and volume {volume} is tracked by its UUID, which a "
                                        "move would change: the volume would be lost; " ELSEWHERE},
    [ATTACH_BECAUSE_NOT_MIGRATING] = {API_REASON_SR_NOT_REACHABLE, OUT_OF_REACH
                                      ", and volume {volume} does not migrate; " ELSEWHERE},
    [ATTACH_BECAUSE_PLACEMENT_UNSAID] = {API_REASON_TAG_UNKNOWN, OUT_OF_REACH
                                         ", and neither the disk's marker nor volume {volume} nor "
                                         "its StorageClass has srUUID or srsWithTag: set "
                                         "srsWithTag with migrating, or " ELSEWHERE},
    [ATTACH_BECAUSE_OTHER_POOL] = {API_REASON_OTHER_POOL,
                                   "disk {disk} is on {sr}, in another pool than VM {vm} of node "
                                   "{node}: this version moves disks within a pool only; run the "
                                   "Pod on a node of the disk's pool"},
    [ATTACH_BECAUSE_TAG_NOBODY] = {API_REASON_TAG_NOT_FOUND,
                                   "no storage repository in the pool of VM {vm} (node {node}) has "
                                   "the tag \"{tag}\" of volume {volume}; tag one that host {host} "
                                   "reaches"},
    [ATTACH_BECAUSE_TAG_MIXED] = {API_REASON_TAG_MIXED,
                                  "the tag \"{tag}\" of volume {volume} is on local and on shared "
                                  "storage repositories of one pool; leave it on one sort only"},
    [ATTACH_BECAUSE_TAG_UNREACHABLE] = {API_REASON_SR_NOT_REACHABLE,
                                        "host {host} of node {node} reaches no storage repository "
                                        "with the tag \"{tag}\" of volume {volume}; tag one of "
                                        "that host, or plug it there"},
    /* what is wrong in Xen Orchestra */
    [ATTACH_BECAUSE_NO_VM] = {API_REASON_NODE_WITHOUT_VM,
                              "node {node}: Xen Orchestra has no VM with UUID {vmid}, which the "
                              "driver registered as the node's id; check that the VM's pool is "
                              "added to Xen Orchestra"},
    [ATTACH_BECAUSE_VM_STOPPED] = {API_REASON_VM_NOT_RUNNING,
                                   "VM {vm} ({vmid}) of node {node} runs on no host (power state: "
                                   "{state}); start it"},
    [ATTACH_BECAUSE_NO_DISK] = {API_REASON_DISK_NOT_FOUND,
                                "Xen Orchestra has no disk {known-by} {disk} (volume {volume}); "
                                "{if-gone}"},
    [ATTACH_BECAUSE_SEVERAL_DISKS] = {API_REASON_DUPLICATE_NAME,
                                      "several disks are named {disk}: {disks}; find out which one "
                                      "holds the data and rename the others"},
    [ATTACH_BECAUSE_READ_ONLY] = {API_REASON_UNSUPPORTED,
                                  "disk {disk} is plugged into VM {vm} read-only (VBD {vbd}), and "
                                  "volume {volume} is writable; disconnect and delete that VBD"},
    [ATTACH_BECAUSE_ELSEWHERE] = {API_REASON_ATTACHED_ELSEWHERE,
                                  "disk {disk} is attached to VM {other-vm} ({other-vmid}), not to "
                                  "VM {vm} of node {node}; disconnect it there if nothing uses it"},
    [ATTACH_BECAUSE_BAD_MARKER] = {API_REASON_MARKER_UNREADABLE,
                                   "disk {disk} ({disks}): what follows \"csi:info:\" in its "
                                   "description can't be read ({problem}); correct it, or write "
                                   "csi:info: {}"},
    [ATTACH_BECAUSE_NO_POSITION] = {API_REASON_NO_DEVICE_FREE,
                                    "VM {vm} ({vmid}) of node {node} has no free device position "
                                    "for disk {disk}; run the Pod on another node"},
    /* what a migration of the claim says */
    [ATTACH_BECAUSE_RECOVERY] = {API_REASON_MANUAL_RECOVERY_REQUIRED,
                                 "a person has to decide first which disk of volume {volume} is "
                                 "the good one: see kubectl describe xovolumemigration {recovery} "
                                 "-n {namespace}"},
    [ATTACH_BECAUSE_MOVE_RETRYING] = {API_REASON_BACKING_OFF,
                                      "moving disk {disk} to where node {node} reaches it failed "
                                      "and is tried again: {theirs}"},
    [ATTACH_BECAUSE_MOVE_STALLED] = {API_REASON_REFUSED,
                                     "disk {disk} can't be moved to where node {node} reaches it: "
                                     "{theirs} (XoVolumeMigration {namespace}/{attachment})"},
    [ATTACH_BECAUSE_MOVE_FAILED] = {API_REASON_ATTEMPT_FAILED,
                                    "moving disk {disk} to where node {node} reaches it failed: "
                                    "{theirs}; " TRY_AGAIN},
    [ATTACH_BECAUSE_MOVE_CANCELLED] = {API_REASON_CANCELLED,
                                       "moving disk {disk} to where node {node} reaches it was "
                                       "cancelled; " TRY_AGAIN},
    [ATTACH_BECAUSE_NAME_TAKEN] = {API_REASON_VOLUME_BUSY,
                                   "disk {disk} has to move, and the name of its move, "
                                   "XoVolumeMigration {attachment} in namespace {namespace}, is "
                                   "taken by an object that this operator did not make; delete it"},
    [ATTACH_BECAUSE_BUSY] = {API_REASON_VOLUME_BUSY,
                             "waiting for XoVolumeMigration {holder} in namespace {namespace}, "
                             "which moves disk {disk}"},
    [ATTACH_BECAUSE_ARRIVED] = {API_REASON_OBSERVING,
                                "disk {disk} was moved and is on {sr}, which host {host} does not "
                                "reach (yet); looking again"},
    [ATTACH_BECAUSE_MOVING] = {API_REASON_MOVING_DISK, "moving disk {disk} from {from}{progress}"},
    /* what else is waited for */
    [ATTACH_BECAUSE_STALE] = {API_REASON_XEN_ORCHESTRA_AWAY,
                              "waiting for Xen Orchestra: there is no connection to it, or it has "
                              "not listed everything yet; volume {volume} stays as it is"},
    [ATTACH_BECAUSE_POOL_AWAY] = {API_REASON_POOL_AWAY,
                                  "waiting: Xen Orchestra is not connected to all of its pools, so "
                                  "where disk {disk} and VM {vm} are can't be told"},
    [ATTACH_BECAUSE_IN_DOUBT] = {API_REASON_OBSERVING,
                                 "disk {disk} is being attached to VM {vm}, and Xen Orchestra has "
                                 "not confirmed it; looking again"},
    /* why nothing had to be detached */
    [ATTACH_BECAUSE_GONE_VOLUME] = {API_REASON_DETACHED,
                                    "volume {volume} does not exist or is not of driver {driver}: "
                                    "nothing had to be detached"},
    [ATTACH_BECAUSE_GONE_NODE] = {API_REASON_DETACHED,
                                  "node {node} is not known any more and disk {disk} is attached "
                                  "nowhere: counts as detached"},
    [ATTACH_BECAUSE_GONE_VM] = {API_REASON_DETACHED,
                                "VM {vmid} of node {node} does not exist any more: disk {disk} "
                                "counts as detached"},
    [ATTACH_BECAUSE_GONE_DISK] = {API_REASON_DETACHED,
                                  "disk {disk} does not exist any more: counts as detached from "
                                  "node {node}"},
};

/* " to sr-b1, 42 %, about 3 min", as far as it is known. */
static void format_progress(const struct attach_progress *progress, char target[static VALUE_SIZE])
{
    char percent[16] = "";
    char remaining[32] = "";

    if (progress->percent >= 0)
        (void)str_format(percent, sizeof(percent), ", %d %%", progress->percent); /* it fits */
    if (progress->remaining_s >= 60)
        (void)str_format(remaining, sizeof(remaining), ", about %lld min", /* it fits */
                         (long long)((progress->remaining_s + 59) / 60));
    else if (progress->remaining_s >= 0)
        (void)str_copy(remaining, sizeof(remaining), ", less than a minute"); /* it fits */
    (void)str_format(target, VALUE_SIZE, "%s%s%s%s", /* cut: it is for people */
                     str_empty(progress->to) ? "" : " to ", progress->to, percent, remaining);
}

/* A word of the sentences with its value; *borrowed*. */
struct word {
    const char *name;
    const char *value;
};

enum { WORDS_MAX = 25 }; /* as many as words_of() has */

static void words_of(const struct attach_controller *controller, const struct attach_observation *o,
                     const char *progress, struct word words[static WORDS_MAX])
{
    const struct kube_persistent_volume *volume = o->volume;
    const bool by_name = o->identity.by_name;
    const struct word all[] = {
        {"attachment", o->attachment->object.name},
        {"disk", o->identity.disk},
        {"disks", o->disk_list},
        {"driver", controller->ports->driver_name},
        {"from", str_empty(o->progress.from) ? o->sr_name : o->progress.from},
        {"handle", volume ? volume->csi_volume_handle : ""},
        {"holder", o->holder},
        {"host", o->host_name},
        {"if-gone", by_name ? "if it was renamed, give it that name again"
                            : "if it was moved, its UUID changed and the PersistentVolume must be "
                              "made anew"},
        {"known-by", by_name ? "named" : "with UUID"},
        {"namespace", volume ? volume->claim_namespace : ""},
        {"node", o->attachment->node_name},
        {"other-vm", o->other_vm_name},
        {"other-vmid", o->other_vm},
        {"problem", o->settings.problem},
        {"progress", progress},
        {"recovery", o->recovery},
        {"sr", o->sr_name},
        {"state", o->vm_state},
        {"tag", o->settings.tag},
        {"theirs", o->progress.message},
        {"vbd", o->vbd},
        {"vm", o->vm_name},
        {"vmid", o->node_id},
        {"volume", o->attachment->volume_name},
    };

    _Static_assert(ARRAY_LEN(all) == WORDS_MAX, "WORDS_MAX is their number");
    for (size_t i = 0; i < WORDS_MAX; i++)
        words[i] = all[i];
}

/* Appends the value of the word of `length` bytes at `name`; false when it is none of ours. */
static bool put_word(struct buf *text, const struct word words[static WORDS_MAX], const char *name,
                     size_t length)
{
    for (size_t i = 0; i < WORDS_MAX; i++) {
        if (strlen(words[i].name) != length || strncmp(words[i].name, name, length) != 0)
            continue;
        /* nothing to say is something in one place only */
        const bool may_be_empty = str_equal(words[i].name, "progress");
        buf_put(text, str_empty(words[i].value) && !may_be_empty ? "(unknown)" : words[i].value);
        return true;
    }
    return false;
}

/* Fills in a sentence of the table; braces around anything else stay. */
static void fill_in(const char *sentence, const struct word words[static WORDS_MAX],
                    struct buf *text)
{
    for (const char *at = sentence; *at;) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end && end - at <= WORD_MAX && put_word(text, words, at + 1, (size_t)(end - at - 1))) {
            at = end + 1;
            continue;
        }
        buf_put_bytes(text, at, 1);
        at++;
    }
}

void attach_explain(const struct attach_controller *controller,
                    const struct attach_observation *observation, struct attach_decision decision,
                    struct attach_message *ret)
{
    struct word words[WORDS_MAX];
    char progress[VALUE_SIZE];
    cleanup_buf struct buf text = {0};

    assert(decision.reason > ATTACH_BECAUSE_NONE && decision.reason < ATTACH_BECAUSE_COUNT);
    format_progress(&observation->progress, progress);
    words_of(controller, observation, progress, words);
    fill_in(sentences[decision.reason].text, words, &text);
    ret->reason = sentences[decision.reason].reason;
    (void)str_copy(ret->text, sizeof(ret->text), buf_str(&text)); /* cut: it is for people */
}

void attach_explain_failure(const struct attach_observation *observation, const char *doing,
                            const struct err *error, struct attach_message *ret)
{
    ret->reason = observation->facts.deleting ? API_REASON_DETACH_FAILED : API_REASON_ATTACH_FAILED;
    (void)str_format(ret->text, sizeof(ret->text), /* cut: it is for people */
                     "%s disk %s (VM %s of node %s) failed: %s", doing, observation->identity.disk,
                     observation->vm_name, observation->attachment->node_name, error->message);
}
