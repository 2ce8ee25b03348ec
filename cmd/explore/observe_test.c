/* cmd/explore: what the model's operator sees is what the real one sees: states of searches are built in the
 * in-memory Kubernetes and Xen Orchestra, and migration_observe() has to give the same facts. */
#include "explore/model.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/emitted.h"
#include "reconcile/fake/world.h"
#include "reconcile/volume_migration/observe.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    STATES_MAX =
        60 * 1000, /* of each search; they are taken in the order in which they were found */
    EVERY = 97     /* … and one in so many is compared */
};

static const char *const sr_ids[EXPLORE_SRS] = {"SA", "SB", "SC"};
static enum xo_move_state move_state;
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
    return (struct xo_move){.state = str_equal(disk, move_disk) ? move_state : XO_MOVE_NONE};
}

static void add_storage(struct fake_xo *xo)
{
    for (int i = 0; i < EXPLORE_SRS; i++) {
        cleanup_str char *text = str_new(
            "{\"%s\":{\"type\":\"SR\",\"name_label\":\"%s\",\"$pool\":\"P\",\"$container\":\"P\","
            "\"shared\":true,\"size\":107374182400,\"physical_usage\":0,\"tags\":[\"t%d\"]},"
            "\"PBD%d\":{\"type\":\"PBD\",\"host\":\"H1\",\"SR\":\"%s\",\"$pool\":\"P\","
            "\"attached\":true}}",
            sr_ids[i], sr_ids[i], i, i, sr_ids[i]);
        fake_xo_load(xo, text);
    }
    fake_xo_load(
        xo, "{\"VH\":{\"type\":\"VM\",\"name_label\":\"halted\",\"$pool\":\"P\",\"$container\":"
            "\"P\",\"power_state\":\"Halted\",\"$VBDs\":[]}}");
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

static void add_disk(struct fake_xo *xo, const struct explore_state *state, int slot)
{
    const struct explore_disk *disk = &state->seen[slot];
    const struct explore_job *job = explore_state_shown_job(state, slot);
    cleanup_str char *uuid = str_new("disk-%d", slot);
    cleanup_str char *progress =
        str_new(",\"inProgressToSRUUID\":\"%s\"", disk->marker ? sr_ids[disk->marker - 1] : "");
    cleanup_str char *description =
        str_new("csi:info: {\"migrating\":{\"enabled\":true%s},\"srsWithTag\":\"t%d\"}",
                disk->marker ? progress : "", disk->tag);

    fake_xo_add_disk(xo, &(struct fake_disk){.uuid = uuid,
                                             .name = disk->named ? "csi-data" : "leftover",
                                             .sr = sr_ids[disk->sr],
                                             .description = description});
    if (disk->attached != EXPLORE_FREE)
        (void)fake_xo_plug(xo, disk->attached == EXPLORE_RUNNING ? "V1" : "VH",
                           uuid); /* nobody asks for its id */
    if (disk->filled)
        (void)fake_xo_plug(xo, "D1", uuid); /* nobody asks for its id */
    if (disk->moving && job) {
        cleanup_str char *operations = str_new("{\"OpaqueRef:T%d\":\"copy\"}", job->copy);
        add_task(xo, job->copy, true, job->phase == EXPLORE_JOB_COPYING);
        fake_xo_set(xo, uuid, "current_operations", operations);
    }
    if (disk->proven)
        add_task(xo, slot, false, false);
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

static void put_attempt(struct buf *text, const struct explore_record *record)
{
    buf_putf(text,
             "\"persistentVolumeName\":\"pv-data\",\"diskName\":\"csi-data\",\"sizeBytes\":1000,"
             "\"source\":{\"srUUID\":\"%s\",\"vdiUUID\":\"disk-%d\"},\"destination\":{\"srUUID\":"
             "\"%s\"},\"mode\":\"%s\",\"attempt\":{\"startTime\":\"2025-12-31T12:00:00Z\","
             "\"knownVDIs\":[\"disk-%d\"]},",
             sr_ids[record->source_sr], record->source, sr_ids[record->destination],
             record->live ? "Live" : "Offline", record->source);
}

/* A *new* reference to the object as it would be read from the API server. */
static const struct kube_object *object_of(const struct explore_preset *preset,
                                           const struct explore_object *it)
{
    static const char *const phases[] = {"Migrating", "Succeeded", "Cancelled", "Failed",
                                         "Succeeded"};
    const struct explore_record *record = &it->record;
    bool closed = !record->open && record->end != EXPLORE_GOES_ON;
    cleanup_buf struct buf text = {0};
    cleanup_json json_t *json = NULL;
    struct kube_object *object = NULL;
    struct err err = {0};

    buf_putf(
        &text,
        "{\"metadata\":{\"name\":\"m\",\"namespace\":\"shop\",\"uid\":\"u\",\"generation\":%d},"
        "\"spec\":{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"%s\"},"
        "\"mode\":\"%s\",\"cancel\":%s,\"recovery\":[{\"claimName\":\"data\",\"keep\":"
        "\"disk-%d\"}]},\"status\":{\"observedGeneration\":%d,",
        it->spec.generation + 1, sr_ids[it->spec.target], preset->live ? "Auto" : "Offline",
        it->spec.cancel ? "true" : "false", it->spec.keep, record->generation + 1);
    put_leftovers(&text, record);
    buf_putf(&text, "\"phase\":\"%s\",%s\"migratedVolumes\":[{\"claimName\":\"data\",",
             phases[record->end], closed ? "\"completionTime\":\"2025-12-31T12:30:00Z\"," : "");
    if (record->open)
        put_attempt(&text, record);
    else if (closed && record->end != EXPLORE_IN_PLACE)
        buf_put(&text, "\"completionTime\":\"2025-12-31T12:30:00Z\",");
    if (record->waiting)
        buf_put(&text, "\"nextRetryTime\":\"2026-12-31T12:00:00Z\",");
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
    move_state = state->memory.move;
    (void)str_format(move_disk, sizeof(move_disk), "disk-%d", state->memory.move_disk);
}

#define SAME(field)                                                                                \
    cr_assert_eq(real->field, model->field, "%s: %d, in the model %d; %s", #field,                 \
                 (int)real->field, (int)model->field, what)

static void compare_disk(const struct migration_disk_facts *real,
                         const struct migration_disk_facts *model, const char *what)
{
    SAME(source);
    SAME(known);
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
    SAME(disk_count);
    for (size_t i = 0; i < real->disk_count; i++)
        for (size_t k = 0; k < model->disk_count; k++) {
            cleanup_str char *uuid = str_new("disk-%d", view->slots[k]);
            if (str_equal(observation->volumes[0].disks[i].uuid, uuid))
                compare_disk(&real->disks[i], &model->disks[k], what);
        }
}

static void add_attachment(struct fake_world *world, bool attached)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"csi-va\",\"finalizers\":[\"f\"]},\"spec\":{\"attacher\":"
                "\"%s\",\"nodeName\":\"node-1\",\"source\":{\"persistentVolumeName\":\"pv-data\"}},"
                "\"status\":{\"attached\":%s}}",
                world->ports.driver_name, attached ? "true" : "false");
    fake_kube_put(world->kube, &kube_kind_volume_attachment, text);
}

static void compare_state(const struct explore_preset *preset, const struct explore_state *state)
{
    struct fake_world world;
    struct explore_state copy = *state;
    struct explore_view view;
    struct migration_memories *memories = migration_memories_new();
    cleanup_kube_object const struct kube_object *object = object_of(preset, &state->cached);
    cleanup_migration_observation struct migration_observation observation = {0};
    cleanup_buf struct buf what = {0};

    fake_world_init(&world);
    add_storage(world.xo);
    fake_world_add_volume(&world, "data", "first", "SA");
    fake_xo_remove(world.xo, "first");
    for (int i = 0; i < EXPLORE_DISKS; i++)
        if (state->seen[i].there)
            add_disk(world.xo, state, i);
    if (state->attachment != EXPLORE_VA_NONE)
        add_attachment(&world, state->attachment == EXPLORE_VA_ATTACHED);
    remember(state, clock_mono(world.ports.clock).ms,
             migration_memory_volume(memories, "shop/m", "data"));
    migration_memory_of(memories, "shop/m")->fenced = state->memory.fenced;
    if (state->blind == EXPLORE_POOL_AWAY)
        fake_xo_blip(world.xo, "P");
    if (state->blind == EXPLORE_XO_AWAY)
        fake_xo_drop_session(world.xo);
    world.ports.xo.move = model_move;
    migration_observe(&world.ports, memories, migration_resource_of(object), &observation);
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
