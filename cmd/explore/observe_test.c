/* cmd/explore: what the model's operator sees is what the real one sees: states of searches are built in the
 * in-memory Kubernetes and Xen Orchestra, and migration_observe() has to give the same facts. */
#include "explore/model.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/emitted.h"
#include "reconcile/fake/world.h"
#include "reconcile/volume_migration/observe.h"
#include "reconcile/volume_migration/remember.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    STATES_MAX =
        60 * 1000, /* of each search; they are taken in the order in which they were found */
    EVERY = 97     /* … and one in so many is compared */
};

static const char *const sr_ids[] = {"SA", "SB", "SC", "SD"};
static const char attempt_id[] = "u/1767182400";
static struct xo_move move;
static char move_disk[16];

/* The fakes note which reasons the operator's tests bring about; no test here brings about any. */
void fake_emitted_status(const json_t *status)
{
    (void)status; /* as said */
}

void fake_emitted_event(const char *kind, const char *reason)
{
    (void)kind;   /* as said */
    (void)reason; /* as said */
}

static struct xo_move model_move(void *userdata, const char *disk)
{
    (void)userdata;
    return str_equal(disk, move_disk) ? move : (struct xo_move){.state = XO_MOVE_NONE};
}

static void add_sr(struct fake_xo *xo, int sr, const char *pool, const char *host, bool plugged)
{
    cleanup_str char *text = str_new(
        "{\"%s\":{\"type\":\"SR\",\"name_label\":\"%s\",\"$pool\":\"%s\",\"$container\":\"%s\","
        "\"shared\":true,\"size\":107374182400,\"physical_usage\":0,\"tags\":[\"t%d\"]},"
        "\"PBD%d\":{\"type\":\"PBD\",\"host\":\"%s\",\"SR\":\"%s\",\"$pool\":\"%s\","
        "\"attached\":%s}}",
        sr_ids[sr], sr_ids[sr], pool, pool, sr, sr, host, sr_ids[sr], pool,
        plugged ? "true" : "false");
    fake_xo_load(xo, text);
}

/* SRs, and VMs: VH is a node's, VX and VO are no nodes'. */
static void add_storage(struct fake_world *world, const struct explore_state *state)
{
    for (int i = 0; i < EXPLORE_SRS; i++)
        if (state->sr_gone != i + 1 || state->blind == EXPLORE_XO_AWAY) /* what was shown stays */
            add_sr(world->xo, i, "P", "H1", state->sr_unplugged != i + 1);
    add_sr(world->xo, EXPLORE_SR_ELSEWHERE, "Q", "H3", true);
    fake_xo_load(
        world->xo,
        "{\"VH\":{\"type\":\"VM\",\"name_label\":\"halted\",\"$pool\":\"P\",\"$container\":"
        "\"P\",\"power_state\":\"Halted\",\"$VBDs\":[]},"
        "\"VX\":{\"type\":\"VM\",\"name_label\":\"replica\",\"$pool\":\"P\",\"$container\":"
        "\"P\",\"power_state\":\"Halted\",\"$VBDs\":[]},"
        "\"VO\":{\"type\":\"VM\",\"name_label\":\"check\",\"$pool\":\"P\",\"$container\":"
        "\"H1\",\"power_state\":\"Running\",\"$VBDs\":[]}}");
    cleanup_str char *node =
        str_new("{\"metadata\":{\"name\":\"node-h\"},\"spec\":{\"drivers\":[{\"name\":"
                "\"%s\",\"nodeID\":\"VH\"}]}}",
                world->ports.driver_name);
    fake_kube_put(world->kube, &kube_kind_csi_node, node);
}

static void add_task(struct fake_xo *xo, int copy, bool pending, bool cancellable)
{
    cleanup_str char *text = str_new(
        "{\"T%d\":{\"type\":\"task\",\"name_label\":\"Async.VDI.copy\",\"$pool\":\"P\",\"status\":"
        "\"%s\","
        "\"progress\":0.5,\"xapiRef\":\"OpaqueRef:T%d\",\"allowedOperations\":[%s],\"result\":"
        "\"<value>OpaqueRef:disk-%d</value>\"}}",
        copy, pending ? "pending" : "success", copy, cancellable ? "\"cancel\"" : "", copy);
    fake_xo_load(xo, text);
}

/* Which VM has a disk. Strangers are on other nodes than the volume. */
static const char *vm_of(const struct explore_disk *disk)
{
    switch (disk->attached) {
    case EXPLORE_FREE:
        break;
    case EXPLORE_ATTACHED:
        return "VH";
    case EXPLORE_RUNNING:
        return disk->foreign ? "V2" : "V1";
    case EXPLORE_OTHER_HALTED:
        return "VX";
    case EXPLORE_OTHER_RUNNING:
        return "VO";
    }
    return NULL;
}

/* A *new* copy of the VBD's id; NULL when no VM has the disk. */
static char *plug(struct fake_xo *xo, const struct explore_disk *disk, const char *uuid)
{
    const char *vm = vm_of(disk);
    char *vbd = vm ? mem_strdup(fake_xo_plug(xo, vm, uuid)) : NULL;

    if (vbd && !explore_runs(disk->attached))
        fake_xo_set(xo, vbd, "attached", "false");
    return vbd;
}

/* An operation that copies the disk, and its task; a control domain reads it, unless its VM runs on. */
static void add_operation(struct fake_xo *xo, const struct explore_job *job, const char *uuid)
{
    cleanup_str char *operations = str_new("{\"OpaqueRef:T%d\":\"copy\"}", job->copy);

    add_task(xo, job->copy, true, job->phase == EXPLORE_JOB_COPYING);
    fake_xo_set(xo, uuid, "current_operations", operations);
    if (job->mirror)
        return;
    cleanup_str char *vbd = mem_strdup(fake_xo_plug(xo, "D1", uuid));
    fake_xo_set(xo, vbd, "read_only", "true");
}

/* A *new* copy of the id of the VBD by which a VM has it; NULL: none. */
static char *add_disk(struct fake_xo *xo, const struct explore_state *state, int slot)
{
    const struct explore_disk *disk = &state->seen[slot];
    const struct explore_job *job = explore_state_shown_job(state, slot);
    const bool listed = state->cached.record.listed >> slot & 1;
    cleanup_str char *uuid = str_new("disk-%d", slot);
    cleanup_str char *leftover = str_new("leftover-%d", slot);
    cleanup_str char *progress =
        str_new(",\"inProgressToSRUUID\":\"%s\"%s%s%s",
                disk->marker ? sr_ids[disk->marker - 1] : "", disk->id ? ",\"attempt\":\"" : "",
                disk->id ? attempt_id : "", disk->id ? "\"" : "");
    cleanup_str char *description =
        str_new("csi:info: {\"migrating\":{\"enabled\":true%s},\"srsWithTag\":\"t%d\"}",
                disk->marker ? progress : "", disk->tag);

    fake_xo_add_disk(xo, &(struct fake_disk){.uuid = uuid,
                                             .name = disk->named ? "csi-data"
                                                     : listed    ? leftover
                                                                 : "renamed",
                                             .sr = sr_ids[disk->sr],
                                             .description = description});
    char *vbd = plug(xo, disk, uuid);
    if (disk->filled)
        (void)fake_xo_plug(xo, "D1", uuid); /* nobody asks for its id */
    if (disk->moving && job)
        add_operation(xo, job, uuid);
    if (disk->proven)
        add_task(xo, slot, false, false);
    return vbd;
}

static void put_leftovers(struct buf *text, const struct explore_record *record)
{
    const char *separator = "";

    buf_put(text, "\"leftovers\":[");
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        if (!(record->listed >> i & 1))
            continue;
        buf_putf(text,
                 "%s{\"vdiUUID\":\"disk-%d\",\"claimName\":\"data\",\"name\":\"leftover\","
                 "\"since\":\"2025-12-31T%s:00:00Z\"}",
                 separator, i, record->older >> i & 1 ? "10" : "13");
        separator = ",";
    }
    buf_put(text, "],");
}

/* The disks of a set, as a list of their UUIDs. */
static void put_set(struct buf *text, const char *name, int set)
{
    const char *separator = "";

    buf_putf(text, "\"%s\":[", name);
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        if (!(set >> i & 1))
            continue;
        buf_putf(text, "%s\"disk-%d\"", separator, i);
        separator = ",";
    }
    buf_put(text, "]");
}

static void put_attempt(struct buf *text, const struct explore_record *record)
{
    buf_putf(text,
             "\"persistentVolumeName\":\"pv-data\",\"diskName\":\"csi-data\",\"sizeBytes\":1000,"
             "\"source\":{\"srUUID\":\"%s\",\"poolUUID\":\"P\",\"vdiUUID\":\"disk-%d\"},"
             "\"destination\":{\"srUUID\":\"%s\"},\"mode\":\"%s\",\"attempt\":{\"id\":\"%s\","
             "\"startTime\":\"2025-12-31T12:00:00Z\",",
             sr_ids[record->source_sr], record->source, sr_ids[record->destination],
             record->live ? "Live" : "Offline", attempt_id);
    if (record->task != EXPLORE_NO_DISK)
        buf_putf(text, "\"xapiTask\":\"OpaqueRef:T%d\",", record->task);
    put_set(text, "knownVDIs", record->known);
    buf_put(text, "},");
}

static void put_question(struct buf *text, const struct explore_record *record)
{
    buf_put(text, "\"question\":{");
    put_set(text, "vdiUUIDs", record->asked);
    if (record->asked_keep != EXPLORE_NO_DISK)
        buf_putf(text, ",\"earlierAnswer\":\"disk-%d\"", record->asked_keep);
    buf_put(text, "},");
}

/* A *new* reference to the object as it would be read from the API server. */
static const struct kube_object *object_of(const struct explore_preset *preset,
                                           const struct explore_object *it, struct wall_time now)
{
    static const char *const phases[] = {"Migrating", "Succeeded", "Cancelled", "Failed",
                                         "Succeeded"};
    const struct explore_record *record = &it->record;
    bool closed = !record->open && record->end != EXPLORE_GOES_ON;
    cleanup_buf struct buf text = {0};
    cleanup_json json_t *json = NULL;
    struct kube_object *object = NULL;
    struct err err = {0};
    char due[CLOCK_RFC3339_SIZE];
    cleanup_str char *recovery =
        it->spec.keep == EXPLORE_NO_DISK
            ? mem_strdup("")
            : str_new(",\"recovery\":[{\"claimName\":\"data\",\"keep\":\"disk-%d\"}]",
                      it->spec.keep);

    wall_format((struct wall_time){.ms = now.ms + 20 * 1000}, due);
    buf_putf(
        &text,
        "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\",\"uid\":\"u\",\"generation\":%d},"
        "\"spec\":{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"%s\"},"
        "\"mode\":\"%s\",\"stallTimeout\":\"1s\",\"cancel\":%s%s},\"status\":{"
        "\"observedGeneration\":%d,",
        it->spec.generation + 1, sr_ids[it->spec.target], preset->live ? "Auto" : "Offline",
        it->spec.cancel ? "true" : "false", recovery, record->generation + 1);
    put_leftovers(&text, record);
    buf_putf(&text, "\"phase\":\"%s\",%s\"migratedVolumes\":[{\"claimName\":\"data\",",
             phases[record->end], closed ? "\"completionTime\":\"2025-12-31T12:30:00Z\"," : "");
    if (record->open)
        put_attempt(&text, record);
    else if (closed && record->end != EXPLORE_IN_PLACE)
        buf_put(&text, "\"completionTime\":\"2025-12-31T12:30:00Z\",");
    if (record->waiting)
        buf_putf(&text, "\"nextRetryTime\":\"%s\",", due);
    if (record->asked)
        put_question(&text, record);
    buf_putf(&text, "\"phase\":\"%s\",\"attempts\":%d}]}}",
             record->waiting ? "BackingOff" : phases[record->end], record->begun ? 1 : 0);
    cr_assert_eq(json_parse(buf_str(&text), strlen(buf_str(&text)), &json, &err), 0, "%s in %s",
                 err.message, buf_str(&text));
    cr_assert_eq(kube_object_decode(&migration_kind, json, &object, &err), 0, "%s", err.message);
    return object;
}

/* What the process remembers, at the end of its last pass. */
static void remember(const struct explore_state *state, int64_t now_ms,
                     struct migration_volume_memory *memory)
{
    static const int64_t calm_ms[] = {[EXPLORE_BEGUN] = 1000,
                                      [EXPLORE_NOTICED] = MIGRATION_NOTICE_MS,
                                      [EXPLORE_QUIET] = MIGRATION_SETTLE_MS,
                                      [EXPLORE_STILL] = MIGRATION_DESTROY_MS};
    struct wall_time start;

    cr_assert(wall_parse("2025-12-31T12:00:00Z", &start));
    memory->attempt_start_ms = state->memory.ours ? start.ms : 0;
    memory->sent = state->memory.sent;
    memory->watched = state->memory.watching;
    memory->sent_at.ms = now_ms;
    memory->marked = state->memory.marker_shown;
    memory->mark_lost_ms = state->memory.mark_lost ? start.ms : 0;
    memory->progress = 1; /* more than any task here has made: progress is what the model says */
    memory->progress_at.ms = state->memory.stuck ? 1 : now_ms;
    if (state->memory.kept)
        memory->control_domain_since.ms =
            now_ms - (state->memory.kept > 1 ? MIGRATION_DESTROY_MS : 1000);
    if (state->memory.calm != EXPLORE_RESTLESS)
        memory->quiet_since.ms = now_ms - calm_ms[state->memory.calm];
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        cleanup_str char *uuid = str_new("disk-%d", i);
        if (state->memory.shown >> i & 1)
            memory->disks_shown += str_hash(uuid);
    }
    if (state->memory.task_copy != EXPLORE_NO_DISK)
        (void)str_format(memory->task, sizeof(memory->task), "OpaqueRef:T%d",
                         state->memory.task_copy);
    if (state->memory.marked) {
        memory->step = MIGRATION_MARK;
        (void)str_format(memory->step_disk, sizeof(memory->step_disk), "disk-%d",
                         state->cached.record.source);
    }
    move = (struct xo_move){.state = state->memory.move, .result = XO_NOT_DONE};
    if (move.state == XO_MOVE_ENDED && state->memory.reply != EXPLORE_NO_DISK) {
        move.result = XO_DONE;
        (void)str_format(move.new_disk, sizeof(move.new_disk), "disk-%d", state->memory.reply);
    }
    (void)str_format(move_disk, sizeof(move_disk), "disk-%d", state->memory.move_disk);
}

#define SAME(field)                                                                                \
    cr_assert_eq(real->field, model->field, "%s: %d, in the model %d; %s", #field,                 \
                 (int)real->field, (int)model->field, what)

static void compare_disk(const struct migration_disk_facts *real,
                         const struct migration_disk_facts *model, const char *what)
{
    SAME(source);
    SAME(half);
    SAME(remembered);
    SAME(at_target);
    SAME(moving);
    SAME(marked);
    SAME(marked_for_us);
    SAME(marker_final);
    SAME(whole);
    SAME(attached);
    SAME(attached_running);
    SAME(listed);
    SAME(put_aside);
    SAME(chosen);
}

static void compare(const struct migration_observation *observation,
                    const struct explore_view *view, const char *what)
{
    const struct migration_facts *real = &observation->facts[0];
    const struct migration_facts *model = &view->facts;

    SAME(ended);
    SAME(blind);
    SAME(open);
    if (!real->open || real->blind == API_REASON_INACTIVE)
        SAME(cancel);
    if (real->ended != MIGRATION_GOES_ON || (real->cancel && !real->open) ||
        real->blind != API_REASON_INACTIVE)
        return; /* nothing else is asked */
    SAME(call);
    SAME(pause);
    SAME(live);
    SAME(wanted);
    SAME(excluded);
    SAME(noticed);
    SAME(quiet);
    SAME(still);
    SAME(marked_by_us);
    SAME(mark_lost);
    SAME(late_write);
    SAME(task_cancellable);
    SAME(call_failed);
    SAME(copied_elsewhere);
    SAME(seen_going);
    SAME(source_lost);
    SAME(stuck);
    SAME(asked);
    SAME(identity);
    SAME(no_target);
    SAME(no_source);
    SAME(not_live);
    SAME(disk_count);
    SAME(stranger_count);
    for (size_t i = 0; i < real->disk_count + real->stranger_count; i++)
        for (size_t k = 0; k < model->disk_count + model->stranger_count; k++) {
            cleanup_str char *uuid = str_new("disk-%d", view->slots[k]);
            if (!str_equal(observation->volumes[0].disks[i].uuid, uuid))
                continue;
            cr_assert_eq(i < real->disk_count, k < model->disk_count, "%s counts; %s", uuid, what);
            compare_disk(&real->disks[i], &model->disks[k], what);
        }
}

static void add_attachment(struct fake_world *world, bool attached, const char *vbd)
{
    cleanup_str char *text = str_new(
        "{\"metadata\":{\"name\":\"csi-va\",\"finalizers\":[\"f\"]},\"spec\":{\"attacher\":\"%s\","
        "\"nodeName\":\"node-1\",\"source\":{\"persistentVolumeName\":\"pv-data\"}},"
        "\"status\":{\"attached\":%s,\"attachmentMetadata\":{\"vbd\":\"%s\"}}}",
        world->ports.driver_name, attached ? "true" : "false", vbd ? vbd : "");
    fake_kube_put(world->kube, &kube_kind_volume_attachment, text);
}

/* What the PersistentVolume remembers. */
static void note_remembered(struct fake_world *world, const struct explore_remembered *it)
{
    fake_world_forget_disk(world, "data");
    if (it->disk == EXPLORE_NO_DISK)
        return;
    cleanup_json json_t *volume =
        json_deep_copy(fake_kube_object(world->kube, &kube_kind_persistent_volume, "", "pv-data"));
    cleanup_str char *text =
        str_new("{\"vdi\":\"disk-%d\",\"sr\":\"%s\",\"pool\":\"%s\"}", it->disk, sr_ids[it->sr],
                it->sr == EXPLORE_SR_ELSEWHERE ? "Q" : "P");
    json_put(json_object_get(volume, "metadata"), "annotations",
             json_build("{s:s}", VOLUME_DISK_ANNOTATION, text));
    fake_kube_put_json(world->kube, &kube_kind_persistent_volume, volume);
}

/* The world that the state is about, as far as the operator can see it. */
static void build_world(const struct explore_state *state, struct fake_world *world)
{
    cleanup_str char *vbd = NULL;

    fake_world_init(world);
    add_storage(world, state);
    fake_world_add_volume(world, "data", "first", "SD");
    fake_xo_remove(world->xo, "first");
    note_remembered(world, &state->remembered_cached);
    for (int i = 0; i < EXPLORE_DISKS; i++) {
        if (!state->seen[i].there)
            continue;
        char *its_vbd = add_disk(world->xo, state, i);
        if (state->seen[i].attached == EXPLORE_RUNNING && !state->seen[i].foreign && !vbd)
            vbd = steal(&its_vbd);
        (void)mem_free(its_vbd); /* returns NULL */
    }
    if (state->attachment != EXPLORE_VA_NONE)
        add_attachment(world, state->attachment == EXPLORE_VA_ATTACHED, vbd);
    if (state->blind == EXPLORE_POOL_AWAY)
        fake_xo_blip(world->xo, "P");
    if (state->elsewhere_away)
        fake_xo_blip(world->xo, "Q");
    if (state->blind == EXPLORE_XO_AWAY)
        fake_xo_drop_session(world->xo);
    world->ports.xo.move = model_move;
}

static void compare_state(const struct explore_preset *preset, const struct explore_state *state)
{
    struct fake_world world;
    struct explore_state copy = *state;
    struct explore_view view;
    struct migration_memories *memories = migration_memories_new();
    cleanup_migration_observation struct migration_observation observation = {0};
    cleanup_buf struct buf what = {0};

    build_world(state, &world);
    cleanup_kube_object const struct kube_object *object =
        object_of(preset, &state->cached, clock_wall(world.ports.clock));
    remember(state, clock_mono(world.ports.clock).ms,
             migration_memory_volume(memories, "shop/m", "data"));
    migration_memory_of(memories, "shop/m")->fenced = state->memory.fenced;
    migration_observe(&world.ports, memories, migration_resource_of(object), &observation);
    migration_remember(&observation);
    explore_facts(preset, &copy, &view);
    explore_print_state(&what, state);
    compare(&observation, &view, buf_str(&what));
    (void)migration_memories_free(memories); /* returns NULL */
    fake_world_done(&world);
}

/* A search of its own, whose states are then gone through. */
struct walk {
    const struct explore_preset *preset;
    struct explore_cut cut;
};

static void expand(const uint64_t *words, struct explore_search *search, void *userdata)
{
    struct walk *walk = userdata;
    struct explore_state state;
    const struct explore_scene scene = {.preset = walk->preset,
                                        .search = search,
                                        .from = &state,
                                        .cut = &walk->cut};

    explore_state_unpack(words, &state);
    explore_model_expand(&scene);
}

static void compare_preset(const struct explore_preset *preset)
{
    struct walk walk = {.preset = preset};
    struct explore_state state;
    uint64_t words[EXPLORE_WORDS];

    explore_model_initial(preset, &state);
    explore_state_pack(&state, words);
    const struct explore_model model = {.words = EXPLORE_WORDS,
                                        .initial = words,
                                        .userdata = &walk,
                                        .expand = expand};
    const struct explore_limits limits = {.states_max = STATES_MAX,
                                          .liveness = -1,
                                          .liveness_stays = -1};
    struct explore_search *search = explore_search_new(&model, &limits);
    const struct explore_totals *totals = explore_search_run(search);

    for (uint32_t i = 0; i < totals->states; i += EVERY) {
        explore_state_unpack(explore_search_state(search, i), &state);
        if (!state.pass.busy)
            compare_state(preset, &state);
    }
    (void)explore_search_free(search); /* returns NULL */
}

Test(explore_observe, sees_in_every_preset_what_the_real_operator_sees)
{
    for (const struct explore_preset *preset = explore_presets; preset->name; preset++)
        if (!preset->late_cache && !preset->late_view && !preset->deletes)
            compare_preset(preset);
}
