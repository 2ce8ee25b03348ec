/*
 * reconcile/fake: a move as XO does it. For a disk that is attached nowhere: VDI.copy, then the
 * source is destroyed, by xo-server and not by XAPI; dom0 has both plugged meanwhile. For one that a
 * running VM has: VDI.pool_migrate, all of it by XAPI: tags and other_config are lost, the VBD stays and
 * names the new disk, the last twentieth can't be cancelled. Only the source carries current_operations,
 * and both disks have the same name.
 */
#include "reconcile/fake/xo_internal.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>

static const char *text_of(const struct fake_xo *fake, const char *id, const char *field)
{
    const char *text = json_string_value(json_object_get(fake_xo_object(fake, id), field));
    return text ? text : "";
}

struct xo_move *fake_xo_call(struct fake_xo *fake, const char *disk)
{
    struct xo_move *call = map_get(&fake->calls, disk);
    if (!call) {
        call = mem_alloc(sizeof(*call));
        map_put(&fake->calls, disk, call);
    }
    return call;
}

/* The VM that has the disk plugged and runs; NULL: none. */
static const char *running_vm(const struct fake_xo *fake, const char *disk)
{
    const json_t *vbds = json_object_get(fake_xo_object(fake, disk), "$VBDs");

    for (size_t i = 0; i < json_array_size(vbds); i++) {
        const char *vbd = json_string_value(json_array_get(vbds, i));
        const char *vm = text_of(fake, vbd, "VM");
        if (str_equal(text_of(fake, vm, "type"), "VM") &&
            str_equal(text_of(fake, vm, "power_state"), "Running") &&
            json_is_true(json_object_get(fake_xo_object(fake, vbd), "attached")))
            return vm;
    }
    return NULL;
}

static bool sees(struct fake_xo *fake, const char *vm, const char *sr)
{
    const struct xo_inventory *inventory = xo_inventory_read(fake->inventory);
    bool reachable = xo_inventory_sr_reachable(inventory, sr, text_of(fake, vm, "$container"));

    xo_inventory_unread(inventory);
    return reachable;
}

static void end_call(struct fake_xo *fake, struct fake_move *move, enum xo_result result,
                     const struct err *error)
{
    if (!move->ours)
        return;
    struct xo_move *call = fake_xo_call(fake, move->source);
    *call = (struct xo_move){.state = XO_MOVE_ENDED,
                             .result = result,
                             .since = clock_mono(&fake->clock->clock)};
    if (error)
        call->error = *error;
    else
        (void)str_copy(call->new_disk, sizeof(call->new_disk), move->target);
}

/* A disk comes to an SR, or goes (sign -1). */
static void add_usage(struct fake_xo *fake, const char *sr, const char *disk, int sign)
{
    json_t *object = fake_xo_mutable(fake, sr);
    const int64_t size = json_int_at(fake_xo_object(fake, disk), "size", 0);
    const int64_t used = json_int_at(object, "physical_usage", 0);
    const int64_t promised = json_int_at(object, "usage", 0);

    json_put(object, "physical_usage",
             json_integer(used + sign * fake_xo_taken_on(fake, disk, sr)));
    json_put(object, "usage", json_integer(promised + sign * size));
    fake_xo_notify(fake, sr);
}

static struct fake_move *free_slot(struct fake_xo *fake)
{
    for (size_t i = 0; i < FAKE_MOVES_MAX; i++)
        if (!fake->moves[i].active)
            return &fake->moves[i];
    cr_assert_fail("more moves at once than the fake can hold");
    return NULL;
}

static void add_target(struct fake_xo *fake, const struct fake_move *move, const char *sr)
{
    json_t *target = json_deep_copy(fake_xo_object(fake, move->source));
    cleanup_str char *content = str_new("half of %s", text_of(fake, move->source, "content"));

    json_put_str(target, "$SR", sr);
    json_put(target, "$VBDs", json_array());
    json_put(target, "current_operations", json_object());
    json_put_str(target, "content", content);
    if (move->mirror) {
        json_put(target, "tags", json_array());
        json_put(target, "other_config", json_object());
    }
    fake_xo_insert(fake, move->target, target);
    add_usage(fake, sr, move->target, 1);
}

static const char *control_domain(const struct fake_xo *fake, const char *pool)
{
    const char *id;
    void *value;

    for (size_t i = 0; map_next(&fake->objects, &i, &id, &value);)
        if (str_equal(json_string_value(json_object_get(value, "type")), "VM-controller") &&
            str_equal(json_string_value(json_object_get(value, "$pool")), pool))
            return id;
    return NULL;
}

static void plug_dom0(struct fake_xo *fake, struct fake_move *move, const char *dom0)
{
    fake_xo_new_id(fake, "vbd", move->vbds[0]);
    fake_xo_new_id(fake, "vbd", move->vbds[1]);
    fake_xo_add_vbd(fake, &(struct fake_vbd){.id = move->vbds[0],
                                             .vm = dom0,
                                             .disk = move->source,
                                             .position = 1,
                                             .read_only = true,
                                             .attached = true});
    fake_xo_add_vbd(fake, &(struct fake_vbd){.id = move->vbds[1],
                                             .vm = dom0,
                                             .disk = move->target,
                                             .position = 2,
                                             .attached = true});
}

/* A disk that is in use can't be copied, and XAPI finds no host for this VM that sees the target. */
static void refuse_in_use(struct fake_xo *fake, struct fake_move *move)
{
    struct err in_use = {0};

    (void)err_set(&in_use, ERR_IN_USE, "VDI in use"); /* returns -1 */
    err_set_code(&in_use, "VDI_IN_USE");
    end_call(fake, move, XO_NOT_DONE, &in_use);
    move->active = false;
}

/* Lets a move begin to show. */
static void begin(struct fake_xo *fake, struct fake_move *move)
{
    char ref[FAKE_ID_SIZE + 16];
    const char *pool = text_of(fake, move->source, "$pool");
    const char *dom0 = control_domain(fake, pool);
    const char *vm = running_vm(fake, move->source);
    struct err refusal = {0};

    move->held_back = false;
    move->mirror = vm != NULL;
    if (vm && !sees(fake, vm, move->sr)) {
        refuse_in_use(fake, move);
        return;
    }
    if (fake_xo_refuses_move(fake, move->source, move->sr, vm, &refusal)) {
        end_call(fake, move, XO_NOT_DONE, &refusal);
        move->active = false;
        return;
    }
    move->start_ms = fake->clock->mono_ms;
    fake_xo_new_id(fake, "copy", move->target);
    fake_xo_new_id(fake, "task", move->task);
    (void)str_join(ref, sizeof(ref), "OpaqueRef", ":", move->task); /* it fits */
    fake_xo_insert(fake, move->task,
                   json_build("{s:s, s:s, s:s, s:s, s:s, s:f, s:[s], s:s, s:i, s:i}", "type",
                              "task", "name_label",
                              move->mirror ? "Async.VDI.pool_migrate" : "Async.VDI.copy", "xapiRef",
                              ref, "$pool", pool, "status", "pending", "progress", 0.0,
                              "allowedOperations", "cancel", "result", "", "created", 1, "finished",
                              0));
    add_target(fake, move, move->sr);
    json_put(fake_xo_mutable(fake, move->source), "current_operations",
             json_build("{s:s}", ref, move->mirror ? "mirror" : "copy"));
    fake_xo_notify(fake, move->source);
    if (dom0 && !move->mirror)
        plug_dom0(fake, move, dom0);
}

struct fake_move *fake_xo_start_move(struct fake_xo *fake, const char *disk, const char *sr)
{
    struct fake_move *move = free_slot(fake);

    *move = (struct fake_move){.active = true,
                               .held_back = true,
                               .start_ms = fake->clock->mono_ms + fake->start_delay_ms,
                               .duration_ms = fake->duration_ms,
                               .fails = fake->fail_move,
                               .error = fake->fail_move_error,
                               .spared = fake->spare_source};
    fake->fail_move = false;
    fake->spare_source = false;
    (void)str_copy(move->source, sizeof(move->source), disk); /* it fits */
    (void)str_copy(move->sr, sizeof(move->sr), sr);
    if (fake->start_delay_ms == 0)
        begin(fake, move);
    return move;
}

/* What goes with the copy itself, whichever way it ends. */
static void stop_operations(struct fake_xo *fake, struct fake_move *move)
{
    fake_xo_remove_vbd(fake, move->vbds[0]);
    fake_xo_remove_vbd(fake, move->vbds[1]);
    if (fake_xo_object(fake, move->source)) {
        json_put(fake_xo_mutable(fake, move->source), "current_operations", json_object());
        fake_xo_notify(fake, move->source);
    }
    move->active = false;
}

void fake_xo_remove_disk(struct fake_xo *fake, const char *disk)
{
    cleanup_str char *sr = mem_strdup(text_of(fake, disk, "$SR"));

    if (!fake_xo_object(fake, disk))
        return;
    add_usage(fake, sr, disk, -1);
    fake_xo_remove(fake, disk);
}

static void end_task(struct fake_xo *fake, const struct fake_move *move, const char *status)
{
    json_t *task = fake_xo_mutable(fake, move->task);
    char result[FAKE_ID_SIZE + 64];

    (void)str_format(result, sizeof(result), "<value>OpaqueRef:%s</value>", move->target);
    json_put_str(task, "status", status);
    json_put_str(task, "result", str_equal(status, "success") ? result : "");
    json_put(task, "allowedOperations", json_array());
    json_put(task, "finished", json_integer(2));
    fake_xo_notify(fake, move->task);
}

void fake_xo_abort_move(struct fake_xo *fake, struct fake_move *move, const struct err *error)
{
    end_call(fake, move, XO_NOT_DONE, error);
    end_task(fake, move, error->class == ERR_CANCELLED ? "cancelled" : "failure");
    fake_xo_remove_disk(fake, move->target);
    stop_operations(fake, move);
    fake_xo_remove(fake, move->task);
}

/* The source's VBDs name the target from now on. */
static void hand_over(struct fake_xo *fake, const struct fake_move *move)
{
    json_t *vbds = json_incref(json_object_get(fake_xo_object(fake, move->source), "$VBDs"));

    for (size_t i = 0; i < json_array_size(vbds); i++) {
        const char *vbd = json_string_value(json_array_get(vbds, i));
        json_put_str(fake_xo_mutable(fake, vbd), "VDI", move->target);
        fake_xo_notify(fake, vbd);
    }
    json_put(fake_xo_mutable(fake, move->target), "$VBDs", json_deep_copy(vbds));
    json_put(fake_xo_mutable(fake, move->source), "$VBDs", json_array());
    json_decref(vbds);
    fake_xo_notify(fake, move->target);
    fake_xo_notify(fake, move->source);
}

/* What XO does when the copy is whole: XAPI's part of a mirror includes it. */
static void destroy_source(struct fake_xo *fake, struct fake_move *move)
{
    const json_t *vbds = json_object_get(fake_xo_object(fake, move->source), "$VBDs");
    struct err in_use = {0};

    if (move->mirror || (json_array_size(vbds) == 0 && !move->orphan && !move->spared)) {
        end_call(fake, move, XO_DONE, NULL);
        fake_xo_remove_disk(fake, move->source);
    } else if (!move->orphan) {
        (void)err_set(&in_use, ERR_IN_USE, "VDI in use"); /* returns -1 */
        end_call(fake, move, XO_UNKNOWN, &in_use);
    }
}

static void complete_move(struct fake_xo *fake, struct fake_move *move)
{
    cleanup_str char *content = mem_strdup(text_of(fake, move->source, "content"));

    if (fake_xo_object(fake, move->target))
        json_put_str(fake_xo_mutable(fake, move->target), "content", content);
    end_task(fake, move, "success");
    fake_xo_remove_vbd(fake, move->vbds[0]);
    fake_xo_remove_vbd(fake, move->vbds[1]);
    if (move->mirror && fake_xo_object(fake, move->target))
        hand_over(fake, move);
    destroy_source(fake, move);
    stop_operations(fake, move);
    if (!move->orphan)
        fake_xo_remove(fake, move->task);
}

static void show_progress(struct fake_xo *fake, const struct fake_move *move, double progress)
{
    json_t *task = fake_xo_mutable(fake, move->task);

    json_put(task, "progress", json_real(progress));
    if (move->mirror && progress >= 0.95)
        json_put(task, "allowedOperations", json_array());
    fake_xo_notify(fake, move->task);
}

void fake_xo_advance(struct fake_xo *fake, int64_t ms)
{
    fake_clock_advance(fake->clock, ms);
    for (size_t i = 0; i < FAKE_MOVES_MAX; i++) {
        struct fake_move *move = &fake->moves[i];
        if (!move->active)
            continue;
        if (move->held_back) {
            if (fake->clock->mono_ms >= move->start_ms)
                begin(fake, move);
            continue;
        }
        double progress =
            (double)(fake->clock->mono_ms - move->start_ms) / (double)move->duration_ms;
        if (move->fails && progress >= 0.5) {
            fake_xo_abort_move(fake, move, &move->error);
        } else if (progress >= 1) {
            complete_move(fake, move);
        } else {
            show_progress(fake, move, progress);
        }
    }
}

void fake_xo_move_starts_after(struct fake_xo *fake, int64_t ms)
{
    fake->start_delay_ms = ms;
}

void fake_xo_move_takes(struct fake_xo *fake, int64_t ms)
{
    fake->duration_ms = ms;
}

void fake_xo_fail_next_move(struct fake_xo *fake, enum err_class class, const char *code)
{
    fake->fail_move = true;
    (void)err_set(&fake->fail_move_error, class, "%s()", code); /* returns -1 */
    err_set_code(&fake->fail_move_error, code);
}

void fake_xo_foreign_move(struct fake_xo *fake, const char *disk, const char *sr)
{
    (void)fake_xo_start_move(fake, disk, sr); /* nobody waits for it */
}

void fake_xo_restart(struct fake_xo *fake)
{
    for (size_t i = 0; i < FAKE_MOVES_MAX; i++)
        fake->moves[i].orphan = true;
    fake_xo_drop_session(fake);
    fake_xo_return_session(fake);
}

void fake_xo_toolstack_restart(struct fake_xo *fake)
{
    struct err error = {0};

    (void)err_set(&error, ERR_UNKNOWN, "task has been destroyed before completion"); /* -1 */
    for (size_t i = 0; i < FAKE_MOVES_MAX; i++) {
        struct fake_move *move = &fake->moves[i];
        if (!move->active || move->held_back)
            continue;
        end_call(fake, move, XO_UNKNOWN, &error);
        fake_xo_remove(fake, move->task);
        stop_operations(fake, move);
    }
}

void fake_xo_spare_next_source(struct fake_xo *fake)
{
    fake->spare_source = true;
}
