/* cmd/simulate: everything that breaks, but for what people break (admins.c). */
#include "base/mem.h"
#include "base/str.h"
#include "operator.h"
#include "people_internal.h"
#include "truth_internal.h"

#include <string.h>

enum {
    RENEW_DEADLINE_MS = 10000,
    XO_RESTART_MS = 3000,
    XO_RESTART_MAX_MS = 7000,
    SECOND_MS = 1000
};

/* What ends by itself after a while: each is one function with a number. */

/* XO finds the pool again, unless it was started anew while it could not: then it may not try any more until a person makes it. */
static void end_blip(void *userdata, int64_t pool)
{
    struct sim *sim = userdata;
    bool tries =
        !sim->xo->pools[pool].disconnected || sim->healing || sim_random_once_in(&sim->people, 2);

    if (sim->lost_pool != (int)pool && tries)
        sim_xo_hide(sim->xo, (int)pool, false, false);
}

static void end_forget(void *userdata, int64_t sr)
{
    struct sim *sim = userdata;
    const struct sim_sr *it = &sim->xo->srs[sr];
    if (it->host == SIM_NONE || !sim->xo->hosts[it->host].shown.gone)
        sim_xo_introduce_sr(sim->xo, (int)sr);
}

static void end_unplug(void *userdata, int64_t sr)
{
    struct sim *sim = userdata;
    (void)sim_xo_unplug_sr(sim->xo, (int)sr, false); /* nothing refuses a plug */
}

static void end_host_off(void *userdata, int64_t host)
{
    struct sim *sim = userdata;
    sim_xo_host_off(sim->xo, (int)host, false);
}

static void end_eject(void *userdata, int64_t host)
{
    struct sim *sim = userdata;
    sim_xo_eject(sim->xo, (int)host, false);
}

/* A person makes XAPI know that the VMs of a host do not run. */
static void reset_vms(void *userdata, int64_t host)
{
    struct sim *sim = userdata;
    for (int i = 0; i < SIM_VMS; i++)
        if (sim->xo->hosts[host].off && sim->xo->vms[i].host == host && !sim->xo->vms[i].control)
            sim_xo_power(sim->xo, i, SIM_HALTED);
}

static void end_cut_off(void *userdata, int64_t process)
{
    struct sim *sim = userdata;
    sim_operator_die(sim->operators[process], false);
}

void sim_people_in_s(struct sim *sim, int64_t seconds, sim_fn *fn, int64_t argument)
{
    sim_timeline_in(&sim->timeline, seconds * SECOND_MS, fn, sim, argument);
}

/* What breaks below Xen Orchestra. */

/* Most often it is the other pool; a lost one stays away when everything else has been put right. */
static void lose_pool(struct sim *sim, const struct sim_event *event)
{
    int pool = event->a == 0 ? 0 : 1;

    if (sim->lost_pool != SIM_NONE)
        return;
    sim->lost_pool = pool;
    sim->for_good = event->c != 0;
    sim_xo_hide(sim->xo, pool, true, true);
}

static bool break_places(struct sim *sim, const struct sim_event *event)
{
    struct sim_xo *xo = sim->xo;

    switch ((int)event->kind) {
    case SIM_BLIP:
        sim_xo_hide(xo, event->a, true, xo->pools[event->a].disconnected);
        sim_people_in_s(sim, event->b, end_blip, event->a);
        return true;
    case SIM_POOL_LOSS:
        lose_pool(sim, event);
        return true;
    case SIM_SR_FORGET:
        if (sim_xo_forget_sr(xo, event->a))
            sim_people_in_s(sim, event->b, end_forget, event->a);
        return true;
    case SIM_SR_UNPLUG:
        if (sim_xo_unplug_sr(xo, event->a, true))
            sim_people_in_s(sim, event->b, end_unplug, event->a);
        return true;
    case SIM_HOST_OFF:
        sim_xo_host_off(xo, event->a, true);
        sim_people_in_s(sim, event->b, end_host_off, event->a);
        if (event->c != 0)
            sim_people_in_s(sim, event->b / 2, reset_vms, event->a);
        return true;
    case SIM_HOST_EJECT:
        sim_xo_eject(xo, event->a, true);
        sim_people_in_s(sim, event->b, end_eject, event->a);
        return true;
    default:
        return false;
    }
}

/* What breaks at Xen Orchestra and below. */

static void cut_sessions(struct sim *sim, int64_t back_ms)
{
    for (size_t i = 0; i < sim->operator_count; i++) {
        struct sim_xo_link *link = sim->operators[i]->xo;
        if (sim->operators[i]->dead)
            continue;
        sim_xo_link_cut(link);
        sim_xo_link_connect(link, back_ms);
    }
}

/* A pool that it can't reach when it starts is one that it says it is disconnected from. */
static void restart_xo(struct sim *sim)
{
    sim_xo_restart(sim->xo);
    for (int i = 0; i < SIM_POOLS; i++)
        if (sim->xo->pools[i].hidden)
            sim_xo_hide(sim->xo, i, true, true);
}

static bool break_xo(struct sim *sim, const struct sim_event *event)
{
    struct sim_xo *xo = sim->xo;
    int64_t now_ms = sim->timeline.now_ms;

    switch ((int)event->kind) {
    case SIM_XO_RESTART:
        xo->up_at_ms = now_ms + sim_delay(sim, XO_RESTART_MS, XO_RESTART_MAX_MS);
        restart_xo(sim);
        cut_sessions(sim, xo->up_at_ms - now_ms);
        return true;
    case SIM_TOOLSTACK_RESTART:
        sim_xo_toolstack_restart(xo, event->a);
        return true;
    case SIM_SESSION_LOSS:
        cut_sessions(sim, (int64_t)event->a * SECOND_MS);
        return true;
    case SIM_NOTICE_LAG:
        xo->lag_ms = event->a;
        xo->lag_until_ms = now_ms + (int64_t)event->b * SECOND_MS;
        return true;
    case SIM_MOVE_FAILS:
        xo->move_fails_at = event->b + 1;
        xo->move_fail_kind = event->a;
        xo->move_target_stays = event->c != 0;
        return true;
    case SIM_MOVE_HANGS:
        xo->move_hangs_ms = (int64_t)event->a * SECOND_MS;
        return true;
    case SIM_MOVE_SLOW_START:
        xo->move_slow_ms = event->a;
        return true;
    case SIM_FORGET_TASKS:
        sim_xo_forget_tasks(xo);
        return true;
    case SIM_FORGET_RUNNING:
        sim_xo_forget_running(xo);
        return true;
    case SIM_MOVE_LIES:
        xo->move_lies = true;
        return true;
    case SIM_CALL_SILENT:
        sim_faults.xo_move_unanswered = event->a == 0;
        xo->move_silent = event->a != 0;
        return true;
    default:
        return false;
    }
}

/* What breaks between the operator and the others, and the operator itself. */

static void cut_off(struct sim *sim)
{
    struct sim_operator *leader = sim_operator_leader(sim);

    if (!leader)
        return;
    leader->kube->cut_off = true;
    sim_timeline_in(&sim->timeline, RENEW_DEADLINE_MS, end_cut_off, sim, (int64_t)leader->number);
}

static void break_calls(struct sim *sim, const struct sim_event *event)
{
    struct sim_operator *leader = sim_operator_leader(sim);
    struct sim_watch *watch = leader ? &leader->kube->watches[event->a % SIM_KINDS] : NULL;

    switch ((int)event->kind) {
    case SIM_CALL_LOST:
        sim_faults.xo_write_lost = true;
        sim_faults.xo_write_lost_done = event->a != 0;
        break;
    case SIM_CALL_LIES:
        sim_faults.xo_write_lies = true;
        break;
    case SIM_CALL_REFUSED:
        sim_faults.xo_write_refused = true;
        break;
    case SIM_API_DOWN:
        sim->kube->down_until_ms = sim->timeline.now_ms + (int64_t)event->a * SECOND_MS;
        break;
    case SIM_WRITE_FAILS:
        sim_faults.kube_writes_fail = 1 + event->a;
        break;
    case SIM_WRITE_LOST:
        sim_faults.kube_write_lost = true;
        break;
    case SIM_WATCH_LAG:
        if (watch) {
            watch->lag_ms = event->b;
            watch->lag_until_ms = sim->timeline.now_ms + 60L * SECOND_MS;
        }
        break;
    case SIM_WATCH_RELIST:
        if (leader)
            sim_kube_link_relist(leader->kube, (enum sim_kind)(event->a % SIM_KINDS));
        break;
    case SIM_CRASH_AT:
        sim_faults.crash_in = 1 + event->a;
        sim_faults.crash_before = event->b != 0;
        break;
    case SIM_KILL:
        if (leader)
            sim_operator_die(leader, event->a != 0);
        break;
    case SIM_CUT_OFF:
        cut_off(sim);
        break;
    default:
        break;
    }
}

void sim_people_fault(struct sim *sim, const struct sim_event *event)
{
    if (!sim_people_at_xo(sim, event) && !break_places(sim, event) && !break_xo(sim, event))
        break_calls(sim, event);
}

void sim_people_mend(struct sim *sim)
{
    sim_faults = (struct sim_faults){0};
    sim->kube->down_until_ms = 0;
    sim->xo->lag_until_ms = 0;
    sim->xo->move_fails_at = 0;
    sim->xo->move_hangs_ms = sim->xo->move_slow_ms = 0;
    sim->xo->move_silent = sim->xo->move_lies = false;
    for (int i = 0; i < SIM_POOLS; i++)
        end_blip(sim, i);
    for (int i = 0; i < SIM_HOSTS; i++) {
        end_host_off(sim, i);
        end_eject(sim, i);
    }
    for (int i = 0; i < SIM_SRS; i++) {
        end_forget(sim, i);
        end_unplug(sim, i);
    }
    sim_people_undo(sim);
}

void sim_people_find_pool(struct sim *sim)
{
    int pool = sim->lost_pool;

    sim->lost_pool = SIM_NONE;
    sim_xo_hide(sim->xo, pool, false, false);
}
