/*
 * cmd/simulate: a model of Xen Orchestra: pools, hosts and SRs that come and go, from sight or for real. What is out of sight goes on.
 */
#include "truth.h"
#include "xo_server.h"

/* A pool, host or SR has come or gone, and PBDs with it. */
static void place_changed(struct sim_xo *xo)
{
    xo->places_ms = xo->sim->timeline.now_ms;
    xo->pbds_changed = true;
}

static void pool_changed(struct sim_xo *xo, int pool)
{
    sim_xo_changed(xo, &xo->pools[pool].shown);
    for (int i = 0; i < SIM_HOSTS; i++)
        if (xo->hosts[i].pool == pool)
            sim_xo_changed(xo, &xo->hosts[i].shown);
    for (int i = 0; i < SIM_SRS; i++)
        if (xo->srs[i].pool == pool)
            sim_xo_changed(xo, &xo->srs[i].shown);
    for (int i = 0; i < SIM_VMS; i++)
        if (xo->vms[i].pool == pool && *xo->vms[i].shown.id)
            sim_xo_changed(xo, &xo->vms[i].shown);
    for (size_t i = 0; i < xo->disks.len; i++)
        if (xo->srs[xo->disks.items[i].sr].pool == pool)
            sim_xo_changed(xo, &xo->disks.items[i].shown);
    for (size_t i = 0; i < xo->vbds.len; i++)
        if (xo->vms[xo->vbds.items[i].vm].pool == pool)
            sim_xo_changed(xo, &xo->vbds.items[i].shown);
    for (size_t i = 0; i < xo->tasks.len; i++)
        if (xo->tasks.items[i].pool == pool)
            sim_xo_changed(xo, &xo->tasks.items[i].shown);
}

void sim_xo_hide(struct sim_xo *xo, int pool, bool hidden, bool disconnected)
{
    struct sim_pool *it = &xo->pools[pool];

    it->disconnected = hidden && disconnected;
    if (it->hidden == hidden)
        return;
    it->hidden = hidden;
    place_changed(xo);
    pool_changed(xo, pool);
}

/* SRs. */

/* An SR and all on it are shown, or are not. */
static void sr_changed(struct sim_xo *xo, int sr)
{
    place_changed(xo);
    sim_xo_changed(xo, &xo->srs[sr].shown);
    for (size_t i = 0; i < xo->disks.len; i++)
        if (xo->disks.items[i].sr == sr && !xo->disks.items[i].shown.gone)
            sim_xo_changed(xo, &xo->disks.items[i].shown);
}

/* Whether a VM, or a copy, has a disk of the SR. */
static bool is_used(const struct sim_xo *xo, int sr)
{
    for (size_t i = 0; i < xo->vbds.len; i++) {
        const struct sim_vbd *vbd = &xo->vbds.items[i];
        if (!vbd->shown.gone && vbd->attached && xo->disks.items[vbd->disk].sr == sr)
            return true;
    }
    for (size_t i = 0; i < xo->moves.len; i++) {
        const struct sim_move *move = &xo->moves.items[i];
        bool runs = move->stage == SIM_MOVE_COPYING || move->stage == SIM_MOVE_LAST_PHASE;
        if (runs && (move->sr == sr || xo->disks.items[move->source].sr == sr))
            return true;
    }
    return false;
}

/* XAPI collects the VBDs of disks that it does not know any more. */
static void take_sr_out(struct sim_xo *xo, int sr)
{
    for (size_t i = 0; i < xo->vbds.len; i++)
        if (!xo->vbds.items[i].shown.gone && xo->disks.items[xo->vbds.items[i].disk].sr == sr)
            sim_xo_remove_vbd(xo, (int)i);
    xo->srs[sr].shown.gone = true;
    sr_changed(xo, sr);
}

bool sim_xo_forget_sr(struct sim_xo *xo, int sr)
{
    if (xo->srs[sr].shown.gone || is_used(xo, sr))
        return false;
    take_sr_out(xo, sr);
    return true;
}

void sim_xo_introduce_sr(struct sim_xo *xo, int sr)
{
    if (!xo->srs[sr].shown.gone)
        return;
    xo->srs[sr].shown.gone = false;
    for (size_t i = 0; i < xo->disks.len; i++)
        xo->disks.items[i].loose |= xo->disks.items[i].sr == sr;
    sr_changed(xo, sr);
}

bool sim_xo_unplug_sr(struct sim_xo *xo, int sr, bool unplugged)
{
    if (xo->srs[sr].unplugged == unplugged)
        return true;
    if (unplugged && is_used(xo, sr))
        return false;
    xo->srs[sr].unplugged = unplugged;
    place_changed(xo);
    sim_xo_changed(xo, &xo->srs[sr].shown);
    return true;
}

/* Hosts. */

/* The guests are gone; XAPI goes on saying that their VMs run, with all their disks. */
static void stop_guests(struct sim_xo *xo, int host)
{
    for (size_t i = 0; i < xo->vbds.len; i++) {
        struct sim_vbd *vbd = &xo->vbds.items[i];
        if (vbd->shown.gone || xo->vms[vbd->vm].host != host ||
            xo->vms[vbd->vm].power != SIM_RUNNING)
            continue;
        if (vbd->dirty)
            sim_truth_lost(xo->sim, vbd->disk);
        vbd->mounted = vbd->dirty = false;
    }
}

/* What a host copies ends with it. */
static void cut_moves_of(struct sim_xo *xo, int host)
{
    for (int i = 0; i < SIM_SRS; i++)
        if (xo->srs[i].host == host)
            sim_xo_cut_moves_of_sr(xo, i);
    for (int i = 0; i < SIM_VMS; i++)
        if (xo->vms[i].host == host && !xo->vms[i].control)
            sim_xo_move_vm_stopped(xo, i);
}

static void restart_vms(struct sim_xo *xo, int host)
{
    for (int i = 0; i < SIM_VMS; i++) {
        if (xo->vms[i].host != host || xo->vms[i].control || xo->vms[i].power != SIM_RUNNING)
            continue;
        sim_xo_power(xo, i, SIM_HALTED);
        sim_xo_power(xo, i, SIM_RUNNING);
    }
}

void sim_xo_host_off(struct sim_xo *xo, int host, bool off)
{
    if (xo->hosts[host].off == off)
        return;
    if (off) {
        stop_guests(xo, host);
        cut_moves_of(xo, host);
    }
    xo->hosts[host].off = off;
    place_changed(xo);
    sim_xo_changed(xo, &xo->hosts[host].shown);
    if (!off)
        restart_vms(xo, host);
}

static void take_host_out(struct sim_xo *xo, int host)
{
    stop_guests(xo, host);
    cut_moves_of(xo, host);
    for (int i = 0; i < SIM_VMS; i++)
        if (xo->vms[i].host == host)
            sim_xo_remove_vm(xo, i);
    for (int i = 0; i < SIM_SRS; i++)
        if (xo->srs[i].host == host && !xo->srs[i].shown.gone)
            take_sr_out(xo, i);
}

/* Its VMs are made anew from what their owner has of them; those that backups made are not. */
static void bring_host_back(struct sim_xo *xo, int host)
{
    for (int i = 0; i < SIM_SRS; i++)
        if (xo->srs[i].host == host)
            sim_xo_introduce_sr(xo, i);
    for (int i = 0; i < SIM_VM_BACKUP; i++) {
        if (xo->vms[i].host != host)
            continue;
        xo->vms[i].shown.gone = false;
        xo->vms[i].power = SIM_RUNNING;
        sim_xo_changed(xo, &xo->vms[i].shown);
    }
}

void sim_xo_eject(struct sim_xo *xo, int host, bool ejected)
{
    if (xo->hosts[host].shown.gone == ejected)
        return;
    if (ejected)
        take_host_out(xo, host);
    xo->hosts[host].shown.gone = ejected;
    xo->hosts[host].off = false;
    place_changed(xo);
    sim_xo_changed(xo, &xo->hosts[host].shown);
    if (!ejected)
        bring_host_back(xo, host);
}
