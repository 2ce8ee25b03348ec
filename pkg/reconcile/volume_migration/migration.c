/*
 * reconcile/volume_migration, 5 → 8: one pass over an XoVolumeMigration.
 *
 * An object gets a finalizer before its first attempt, so that deleting it cancels what runs; one that
 * never did anything is deleted at once. It keeps it until it is deleted: taking it off at the end would
 * be a write more for each move, and a later generation would need it again.
 */
#include "reconcile/volume_migration/migration.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/volume_migration/admit.h"
#include "reconcile/volume_migration/expire.h"
#include "reconcile/volume_migration/notes.h"
#include "reconcile/volume_migration/remember.h"
#include "reconcile/volume_migration/summarize.h"

enum {
    /* Our own write comes back by the watch; this is for one that got lost. */
    WRITE_SEEN_MS = 5 * 1000,
    /* What keeps a volume waiting is watched; this is for what no watch tells (a node's host). */
    LOOK_AGAIN_MS = 5 * 60 * 1000,
    /* A task that was asked to stop, or can't be yet, is looked at again. */
    CANCEL_AGAIN_MS = 10 * 1000
};

struct migration_controller {
    const struct rec_ports *ports;
    struct migration_memories *memories;
    struct migration_budget budget;
};

struct migration_controller *migration_controller_new(const struct rec_ports *ports)
{
    struct migration_controller *controller = mem_alloc(sizeof(*controller));

    controller->ports = ports;
    controller->memories = migration_memories_new();
    migration_budget_init(&controller->budget);
    return controller;
}

struct migration_controller *migration_controller_free(struct migration_controller *controller)
{
    if (!controller)
        return NULL;
    (void)migration_memories_free(controller->memories); /* returns NULL */
    migration_budget_done(&controller->budget);
    return mem_free(controller);
}

static struct rec_outcome set_finalizer(const struct migration_controller *controller,
                                        const struct migration_resource *resource, bool present)
{
    struct err err = {0};

    if (migration_act_finalizer(controller->ports, resource, present, &err) == 0)
        return rec_later(WRITE_SEEN_MS);
    if (err.class == ERR_NOT_FOUND)
        return rec_settled();
    (void)err_wrap(&err, "finalizer of XoVolumeMigration %s/%s", resource->object.namespace,
                   resource->object.name); /* returns -1 */
    return rec_retry(&err);
}

static struct rec_outcome let_go(const struct migration_controller *controller,
                                 const struct migration_resource *resource)
{
    if (kube_object_has_finalizer(&resource->object, MIGRATION_FINALIZER))
        return set_finalizer(controller, resource, false);
    return rec_settled();
}

/* Until the disk has been quiet for as long as it takes. */
static int64_t until_settled(const struct migration_observation *observation, size_t index)
{
    const struct migration_facts *facts = &observation->facts[index];
    int64_t quiet_ms = observation->mono.ms - observation->volumes[index].memory->quiet_since.ms;
    int64_t need_ms = facts->call == MIGRATION_CALL_ANSWERED && !facts->noticed
                          ? MIGRATION_NOTICE_MS
                      : facts->quiet ? MIGRATION_DESTROY_MS
                                     : MIGRATION_SETTLE_MS;
    return need_ms > quiet_ms ? need_ms - quiet_ms : 1;
}

static int64_t until_stuck(const struct migration_observation *observation, size_t index)
{
    const struct migration_volume_memory *memory = observation->volumes[index].memory;
    int64_t passed_ms = observation->mono.ms - memory->progress_at.ms;
    int64_t patience_ms = migration_patience_ms(observation->resource, &observation->facts[index]);

    if (memory->progress_at.ms == 0)
        return LOOK_AGAIN_MS;
    return patience_ms > passed_ms ? patience_ms - passed_ms : CANCEL_AGAIN_MS;
}

/* Until a control domain has kept a disk for longer than a copy needs it. */
static int64_t until_forgotten(const struct migration_observation *observation, size_t index)
{
    const struct mono_time since = observation->volumes[index].memory->control_domain_since;
    int64_t passed_ms = observation->mono.ms - since.ms;

    return since.ms == 0 || passed_ms >= MIGRATION_DESTROY_MS ? LOOK_AGAIN_MS
                                                              : MIGRATION_DESTROY_MS - passed_ms;
}

/* When a volume has to be looked at again although nothing was seen to change. */
static int64_t until_next_look(const struct migration_observation *observation,
                               const struct migration_verdict *verdict, size_t index)
{
    const struct migration_volume_record *record = observation->volumes[index].record;

    if (migration_step_is_write(verdict->step))
        return verdict->step == MIGRATION_CANCEL_TASK ? CANCEL_AGAIN_MS : MIGRATION_NOTICE_MS;
    if (verdict->reason == API_REASON_OBSERVING)
        return until_settled(observation, index);
    if (verdict->step == MIGRATION_WAIT && record && record->next_retry.ms > observation->wall.ms)
        return record->next_retry.ms - observation->wall.ms;
    switch (verdict->state) {
    case MIGRATION_STATE_MOVING:
        if (observation->facts[index].open)
            return until_stuck(observation, index);
        return until_forgotten(observation, index);
    case MIGRATION_STATE_STARTING:
        return until_stuck(observation, index);
    case MIGRATION_STATE_CANCELLING:
        return CANCEL_AGAIN_MS;
    case MIGRATION_STATE_BACKING_OFF:
        return 1;
    case MIGRATION_STATE_WAITING:
    case MIGRATION_STATE_FINISHING:
    case MIGRATION_STATE_STALLED:
    case MIGRATION_STATE_MANUAL:
    case MIGRATION_STATE_DONE:
    case MIGRATION_STATE_CANCELLED:
    case MIGRATION_STATE_FAILED:
        break;
    }
    return LOOK_AGAIN_MS;
}

static struct rec_outcome look_again(const struct migration_observation *observation,
                                     const struct migration_verdict *verdicts, int64_t put_off_ms)
{
    int64_t delay_ms = put_off_ms > 0 ? put_off_ms : LOOK_AGAIN_MS;

    for (size_t i = 0; i < observation->count; i++) {
        int64_t wanted_ms = until_next_look(observation, &verdicts[i], i);
        if (wanted_ms < delay_ms)
            delay_ms = wanted_ms;
    }
    return rec_later(delay_ms);
}

static bool wants_to_open(const struct migration_verdict *verdicts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (verdicts[i].step == MIGRATION_OPEN)
            return true;
    return false;
}

/* A refused or failed step in XO: nothing happened, or nobody knows; both are looked at again. */
static struct rec_outcome after_act(const struct migration_act *act, struct rec_outcome outcome)
{
    if (act->step == MIGRATION_WAIT || act->result == XO_DONE)
        return outcome;
    return rec_retry(&act->error);
}

/* Whether attempts may have been written down although the write failed. */
static enum migration_opening opening_of(const struct err *err)
{
    return err->class == ERR_TRANSIENT || err->class == ERR_UNKNOWN ? MIGRATION_OPENING_IN_DOUBT
                                                                    : MIGRATION_NOT_OPENED;
}

static struct rec_outcome pass(struct migration_controller *controller,
                               const struct migration_resource *resource,
                               struct migration_observation *observation)
{
    const struct rec_ports *ports = controller->ports;
    cleanup_mem struct migration_verdict *verdicts =
        mem_alloc_array(observation->count + 1, sizeof(*verdicts));
    cleanup_migration_admission struct migration_admission admission = {0};
    cleanup_migration_summary struct migration_summary summary = {0};
    cleanup_str char *key = kube_object_key(&resource->object);
    struct migration_memory *memory = migration_memory_of(controller->memories, key);
    const struct migration_turns turns = {&controller->budget, &memory->booking};
    enum migration_written written = MIGRATION_UNCHANGED;
    struct migration_act act;
    int64_t put_off_ms = 0;
    struct err err = {0};

    migration_admit(ports, observation, verdicts, &admission);
    if (wants_to_open(verdicts, observation->count) &&
        !kube_object_has_finalizer(&resource->object, MIGRATION_FINALIZER))
        return set_finalizer(controller, resource, true);

    act = migration_act(ports, observation, verdicts);
    if (act.step != MIGRATION_WAIT)
        migration_report_act(ports, observation, verdicts, &act);
    if (act.step != MIGRATION_WAIT && act.result != XO_DONE && act.error.class != ERR_CONFLICT)
        (void)str_copy(observation->volumes[act.volume].trouble, MIGRATION_WHY_SIZE,
                       act.error.message);
    /* What follows says more than "almost done". But an attempt that has its slot is written down now: to give the slot back
     * would wake this object at once, for it is next. */
    if (act.arriving && !wants_to_open(verdicts, observation->count))
        return after_act(&act, rec_later(MIGRATION_NOTICE_MS));
    migration_summarize(ports, observation, verdicts, &summary);
    if (migration_summary_write(ports, observation, verdicts, &summary, &turns, &written,
                                &put_off_ms, &err) < 0) {
        admission.opening = opening_of(&err);
        memory->fenced = memory->fenced && admission.opening != MIGRATION_OPENING_IN_DOUBT;
        return err.class == ERR_NOT_FOUND ? rec_settled() : rec_retry(&err);
    }
    memory->fenced = memory->fenced || written == MIGRATION_WRITTEN;
    admission.opening = written == MIGRATION_WRITTEN ? MIGRATION_OPENED : MIGRATION_NOT_OPENED;
    if (written == MIGRATION_WRITTEN)
        return after_act(&act, rec_later(WRITE_SEEN_MS));
    return after_act(&act, look_again(observation, verdicts, put_off_ms));
}

static struct rec_outcome reconcile_object(struct migration_controller *controller,
                                           const struct migration_resource *resource)
{
    bool deleting = kube_object_deleting(&resource->object);
    const char *release = kube_object_annotation(&resource->object, MIGRATION_RELEASE_ANNOTATION);
    struct err err = {0};
    bool shown;

    if (deleting && (str_equal(release, "true") || !migration_resource_open(resource)))
        return let_go(controller, resource);
    if (!deleting && migration_resource_ended(resource) && !migration_resource_open(resource) &&
        !migration_resource_tidies(resource))
        return migration_expire(controller->ports, resource);

    if (migration_notes_shown(controller->ports, controller->memories, resource, &shown, &err) < 0)
        return rec_retry(&err);
    if (!shown)
        return rec_later(WRITE_SEEN_MS);
    cleanup_migration_observation struct migration_observation observation = {0};
    migration_observe(controller->ports, controller->memories, resource, &observation);
    migration_remember(&observation);
    return pass(controller, resource, &observation);
}

struct rec_outcome migration_reconcile(void *userdata, const char *key)
{
    struct migration_controller *controller = userdata;
    const struct kube_port *kube = &controller->ports->kube;
    cleanup_str char *namespace = kube_key_namespace(key);
    const char *name = kube_key_name(key);
    cleanup_kube_object const struct kube_object *object = NULL;

    if (!kube->caught_up(kube->userdata, &migration_kind, namespace, name))
        return rec_later(WRITE_SEEN_MS);
    object = kube->get(kube->userdata, &migration_kind, namespace, name);
    if (!object) {
        migration_memory_forget(controller->memories, key);
        return rec_settled();
    }
    return reconcile_object(controller, migration_resource_of(object));
}
