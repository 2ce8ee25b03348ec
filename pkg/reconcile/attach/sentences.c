/*
 * reconcile/attach, 8: a sentence for every reason: what was found, under its own name, and what
 * to do about it, with words in braces that are filled in from what was observed. All of them can be
 * read in one place, and a test goes through all.
 */
#include "reconcile/attach/sentences.h"

#define OUT_OF_REACH "disk {disk} is on {sr}, which host {host} of node {node} does not reach"
#define ELSEWHERE    "run the Pod on a node whose host reaches {sr}"
#define TRY_AGAIN    "to try again, delete XoVolumeMigration {attachment} in namespace {namespace}"

#define HELD "disk {disk} of volume {volume} stays attached to node {node}: "
#define OUT_OF_SERVICE                                                                             \
    "kubectl taint nodes {node} " KUBE_NODE_OUT_OF_SERVICE_KEY "=nodeshutdown:NoExecute"
#define FORCE                                                                                      \
    "kubectl annotate volumeattachment {attachment} " VOLUME_FORCE_DETACH_ANNOTATION "=true"

static const struct attach_sentence sentences[ATTACH_BECAUSE_COUNT] = {
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
    [ATTACH_BECAUSE_HOST_OFF] =
        {API_REASON_VM_NOT_RUNNING,
         "VM {vm} ({vmid}) of node {node} counts as running on host {host}, "
         "which is off or gone; start the host, or run the Pod on another "
         "node"},
    [ATTACH_BECAUSE_NO_DISK] = {API_REASON_DISK_NOT_FOUND,
                                "Xen Orchestra has no disk {known-by} {disk} (volume {volume}); "
                                "{if-gone}"},
    [ATTACH_BECAUSE_DESTROYED] =
        {API_REASON_DISK_DESTROYED,
         "disk {uuid} of volume {volume} does not exist any more; it was "
         "last seen {last-seen}. A VM that is deleted with its disks takes "
         "the volumes with it that are attached to it: restore the disk "
         "from a backup under the name {disk}, or delete the claim"},
    [ATTACH_BECAUSE_RENAMED] = {API_REASON_DISK_RENAMED,
                                "disk {uuid} on {sr}, which is volume {volume}, is named "
                                "\"{name-now}\" now, not {disk}: give it that name back in Xen "
                                "Orchestra"},
    [ATTACH_BECAUSE_OUT_OF_REACH] = {API_REASON_DISK_OUT_OF_REACH,
                                     "disk {uuid} of volume {volume} is out of reach: {why}"},
    [ATTACH_BECAUSE_SEVERAL_DISKS] = {API_REASON_DUPLICATE_NAME,
                                      "nothing proves which disk named {disk} is volume {volume}: "
                                      "find out which one holds the data, and write its UUIDs on "
                                      "the PersistentVolume: kubectl annotate persistentvolume "
                                      "{volume} " VOLUME_DISK_ANNOTATION
                                      "='{\"vdi\":\"<disk>\",\"sr\":\"<its SR>\",\"pool\":\"<its "
                                      "pool>\"}'; leave the others as they are, backups may need "
                                      "them. There are: {disks}"},
    [ATTACH_BECAUSE_CONTROL_DOMAIN] = {API_REASON_DISK_IN_CONTROL_DOMAIN,
                                       "disk {disk} is plugged into the control domain "
                                       "{control-domain} and no task uses it: disconnect it in Xen "
                                       "Orchestra, Dashboard > Health > VDIs attached to control "
                                       "domain"},
    [ATTACH_BECAUSE_READ_ONLY] = {API_REASON_UNSUPPORTED,
                                  "disk {disk} is plugged into VM {vm} read-only (VBD {vbd}), and "
                                  "volume {volume} is writable; disconnect and delete that VBD"},
    [ATTACH_BECAUSE_ELSEWHERE] =
        {API_REASON_ATTACHED_ELSEWHERE,
         "disk {disk} is attached to VM {other-vm} ({other-vmid}){instead}"},
    [ATTACH_BECAUSE_BAD_MARKER] = {API_REASON_MARKER_UNREADABLE,
                                   "disk {disk} ({uuid} on {sr}): what follows \"csi:info:\" in "
                                   "its description can't be read ({problem}); correct it, or "
                                   "write csi:info: {}"},
    [ATTACH_BECAUSE_NO_POSITION] = {API_REASON_NO_DEVICE_FREE,
                                    "VM {vm} ({vmid}) of node {node} has no free device position "
                                    "for disk {disk}; run the Pod on another node"},
    /* what a migration of the claim says */
    [ATTACH_BECAUSE_RECOVERY] = {API_REASON_MANUAL_RECOVERY_REQUIRED,
                                 "a person has to decide first which disk of volume {volume} is "
                                 "the good one: see kubectl describe xovolumemigration {recovery}"},
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
    [ATTACH_BECAUSE_BUSY] = {API_REASON_VOLUME_BUSY, "waiting for XoVolumeMigration {holder}, "
                                                     "which moves disk {disk}"},
    [ATTACH_BECAUSE_ARRIVED] = {API_REASON_OBSERVING,
                                "disk {disk} was moved and is on {sr}, which host {host} does not "
                                "reach (yet); looking again"},
    [ATTACH_BECAUSE_MOVING] = {API_REASON_MOVING_DISK, "moving disk {disk} from {from}{progress}"},
    /* what else is waited for */
    [ATTACH_BECAUSE_STALE] = {API_REASON_XEN_ORCHESTRA_AWAY,
                              "waiting for Xen Orchestra: there is no connection to it, or it has "
                              "not listed everything yet; volume {volume} stays as it is"},
    [ATTACH_BECAUSE_OUT_OF_SIGHT] = {API_REASON_POOL_AWAY,
                                     "waiting, volume {volume} stays as it is: {why}"},
    [ATTACH_BECAUSE_IN_DOUBT] = {API_REASON_OBSERVING,
                                 "disk {disk} is being attached to VM {vm}, and Xen Orchestra has "
                                 "not confirmed it; looking again"},
    [ATTACH_BECAUSE_IN_DOUBT_ELSEWHERE] = {API_REASON_OBSERVING,
                                           "disk {disk} is being attached to another VM, and Xen "
                                           "Orchestra has not confirmed it; looking again"},
    [ATTACH_BECAUSE_MARKED] = {API_REASON_OBSERVING,
                               "disk {disk} is marked as being moved and nothing moves it; when "
                               "that stays so for a minute, the mark is taken off and the disk "
                               "attached"},
    /* why it is not taken away from the VM */
    [ATTACH_BECAUSE_HOLD_ASLEEP] = {API_REASON_DETACH_HELD,
                                    HELD "VM {vm} ({vmid}) is {state}, and its memory holds data "
                                         "that is not on the disk yet; resume it, or shut it "
                                         "down"},
    [ATTACH_BECAUSE_HOLD_HOST_OFF] = {API_REASON_DETACH_HELD,
                                      HELD "VM {vm} ({vmid}) counts as running on host {host}, "
                                           "which is off or gone; start the host, or when it stays "
                                           "off, say so: " OUT_OF_SERVICE},
    [ATTACH_BECAUSE_HOLD_RESET] = {API_REASON_DETACH_HELD,
                                   HELD "Xen Orchestra still counts VM {vm} as running on host "
                                        "{host}, which is off or gone; make sure that the host is "
                                        "really off, then reset the VM on another host of the "
                                        "pool: xe vm-reset-powerstate uuid={vmid} force=true; the "
                                        "disk is detached by itself then"},
    [ATTACH_BECAUSE_HOLD_IN_USE] = {API_REASON_DETACH_HELD, HELD
                                    "VM {vm} runs on host {host}, and kubelet of node {node} "
                                    "has not unmounted the volume (status.volumesInUse of the "
                                    "Node); the disk is detached when it has{pods}. If nothing "
                                    "runs there any more, power the VM off in Xen Orchestra, or "
                                    "take the disk, and lose what is not written: " FORCE},
    [ATTACH_BECAUSE_HOLD_SILENT] = {API_REASON_DETACH_HELD,
                                    HELD "VM {vm} ({vmid}) runs on host {host}, and {node-state}: "
                                         "its containers may still write. Power the VM off in Xen "
                                         "Orchestra, then the disk is detached at once; or take "
                                         "it, and lose what is not written: " FORCE},
    [ATTACH_BECAUSE_HOLD_VM_GONE] = {API_REASON_DETACH_HELD,
                                     HELD "Xen Orchestra does not show VM {vmid} of node {node}, "
                                          "but shows its VBD {vbd} plugged; look for the VM in its "
                                          "pool, or disconnect that VBD"},
    /* what is done by force */
    [ATTACH_BECAUSE_FORCED] =
        {API_REASON_DETACH_FORCED,
         "disk {disk} is taken away from VM {vm} ({vmid}), which runs on host "
         "{host}, as the taint " KUBE_NODE_OUT_OF_SERVICE_KEY
         " of node {node} or the annotation of VolumeAttachment {attachment} "
         "asks: what the VM has not written yet is lost"},
    [ATTACH_BECAUSE_FENCED] =
        {API_REASON_VM_POWERED_OFF,
         "VM {vm} ({vmid}) of node {node} is powered off to detach disk "
         "{disk}, as --fence=power-off and the taint " KUBE_NODE_OUT_OF_SERVICE_KEY
         " of the node or the annotation of "
         "VolumeAttachment {attachment} ask"},
    /* what is said beside */
    [ATTACH_BECAUSE_CONCLUDED] = {API_REASON_DISK_CONCLUDED,
                                  "the disk that volume {volume} was is gone, and exactly one disk "
                                  "of its pool is named {disk}: {uuid} on {sr} is taken for it; if "
                                  "that is wrong, stop the Pods and write the right one on the "
                                  "PersistentVolume (annotation " VOLUME_DISK_ANNOTATION ")"},
    [ATTACH_BECAUSE_STILL_RENAMED] =
        {API_REASON_DISK_RENAMED, "disk {uuid} on {sr}, which is volume {volume} and in use, is "
                                  "named \"{name-now}\" now: give it the name {disk} back in "
                                  "Xen Orchestra, or it will not be attached again"},
    [ATTACH_BECAUSE_STRANGERS] =
        {API_REASON_STRANGERS_IGNORED,
         "volume {volume} is disk {uuid} on {sr}; other disks are named "
         "{disk}, too, such as replicas. They are ignored and left as they "
         "are: {strangers}"},
    [ATTACH_BECAUSE_MARKER_CLEARED] =
        {API_REASON_STALE_MARKER_CLEARED,
         "disk {disk} was marked as being moved, and nothing has moved "
         "it for a minute: the mark is taken off"},
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

const struct attach_sentence *attach_sentence_of(enum attach_reason reason)
{
    return &sentences[reason];
}

const char *attach_hold_name(enum attach_reason reason)
{
    static const char *const names[ATTACH_BECAUSE_COUNT] = {
        [ATTACH_BECAUSE_HOLD_ASLEEP] = "asleep", [ATTACH_BECAUSE_HOLD_HOST_OFF] = "host-off",
        [ATTACH_BECAUSE_HOLD_RESET] = "reset",   [ATTACH_BECAUSE_HOLD_IN_USE] = "in-use",
        [ATTACH_BECAUSE_HOLD_SILENT] = "silent", [ATTACH_BECAUSE_HOLD_VM_GONE] = "vm-gone",
    };

    return names[reason];
}
