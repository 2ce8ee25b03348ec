/*
 * cmd/simulate: a model of Xen Orchestra: VMs, and which of them have which disks.
 *
 * Every unplug is forced: the guest is not asked, and what it has in its memory alone is lost. A VM that sleeps keeps its disks, and
 * so does, as far as XAPI knows, one whose host has failed.
 */
#include "xo_table.h"

#include "base/str.h"
#include "truth.h"
#include "xo_server.h"

bool sim_xo_runs(const struct sim_xo *xo, int vm)
{
    const struct sim_vm *it = &xo->vms[vm];
    return !it->shown.gone && it->power == SIM_RUNNING && !xo->hosts[it->host].off;
}

/* The i-th VBD of a disk to a control domain, or to another VM. */
static int vbd_of(const struct sim_xo *xo, int disk, bool control, size_t wanted)
{
    for (size_t i = 0; i < xo->vbds.len; i++) {
        const struct sim_vbd *vbd = &xo->vbds.items[i];
        if (!vbd->shown.gone && vbd->disk == disk && xo->vms[vbd->vm].control == control &&
            wanted-- == 0)
            return (int)i;
    }
    return SIM_NONE;
}

int sim_xo_vbd_of(const struct sim_xo *xo, int disk, size_t wanted)
{
    return vbd_of(xo, disk, false, wanted);
}

int sim_xo_dom0_of(const struct sim_xo *xo, int disk, size_t wanted)
{
    return vbd_of(xo, disk, true, wanted);
}

bool sim_xo_plugged(const struct sim_xo *xo, int disk)
{
    int vbd;

    for (size_t i = 0; (vbd = sim_xo_vbd_of(xo, disk, i)) != SIM_NONE; i++)
        if (xo->vbds.items[vbd].attached)
            return true;
    return false;
}

bool sim_xo_reaches(const struct sim_xo *xo, int host, int sr)
{
    const struct sim_sr *it = &xo->srs[sr];

    if (it->shown.gone || it->unplugged || xo->hosts[host].shown.gone)
        return false;
    return it->host == SIM_NONE ? it->pool == xo->hosts[host].pool : it->host == host;
}

/* VBDs. */

static void vbd_changed(struct sim_xo *xo, struct sim_vbd *vbd)
{
    sim_xo_changed(xo, &vbd->shown);
    sim_xo_changed(xo, &xo->disks.items[vbd->disk].shown);
    sim_xo_changed(xo, &xo->vms[vbd->vm].shown);
}

/* The guest has no more of it than what it has written through. */
static void pull(struct sim_xo *xo, int number)
{
    struct sim_vbd *vbd = &xo->vbds.items[number];

    if (vbd->dirty)
        sim_truth_lost(xo->sim, vbd->disk);
    vbd->mounted = vbd->dirty = false;
}

int sim_xo_add_vbd(struct sim_xo *xo, const struct sim_vbd *vbd)
{
    struct sim_vbd copy = *vbd;

    sim_xo_id(xo, "b", copy.shown.id);
    int number = SIM_ADD(&xo->vbds, copy);
    vbd_changed(xo, &xo->vbds.items[number]);
    return number;
}

static bool position_taken(const struct sim_xo *xo, int vm, int position)
{
    for (size_t i = 0; i < xo->vbds.len; i++)
        if (!xo->vbds.items[i].shown.gone && xo->vbds.items[i].vm == vm &&
            xo->vbds.items[i].position == position)
            return true;
    return false;
}

/* Why a VM can't have a disk plugged; NULL: it can. */
static const char *refuses(const struct sim_xo *xo, int vm, int disk)
{
    if (xo->hosts[xo->vms[vm].host].off)
        return "HOST_OFFLINE";
    return sim_xo_runs(xo, vm) && sim_xo_reaches(xo, xo->vms[vm].host, xo->disks.items[disk].sr)
               ? NULL
               : "SR_NOT_ATTACHED";
}

const char *sim_xo_attach(struct sim_xo *xo, const struct sim_vbd *wanted, int *ret)
{
    struct sim_vbd vbd = *wanted;

    if (sim_xo_plugged(xo, vbd.disk) && !vbd.read_only)
        return "VDI_IN_USE";
    if (position_taken(xo, vbd.vm, vbd.position))
        return "DEVICE_ALREADY_EXISTS";
    const char *refusal = refuses(xo, vbd.vm, vbd.disk);
    vbd.attached = !refusal; /* a plug that fails leaves its VBD behind */
    *ret = sim_xo_add_vbd(xo, &vbd);
    if (vbd.attached)
        sim_truth_plugged(xo->sim, *ret);
    return refusal;
}

static const char *unplug(struct sim_xo *xo, int number)
{
    struct sim_vbd *vbd = &xo->vbds.items[number];

    if (xo->hosts[xo->vms[vbd->vm].host].off)
        return "HOST_OFFLINE";
    if (!sim_xo_runs(xo, vbd->vm))
        return "VM_BAD_POWER_STATE"; /* it sleeps */
    pull(xo, number);
    vbd->attached = false;
    vbd_changed(xo, vbd);
    return NULL;
}

const char *sim_xo_plug(struct sim_xo *xo, int number, bool attached)
{
    struct sim_vbd *vbd = &xo->vbds.items[number];

    if (vbd->attached == attached)
        return attached ? "DEVICE_ALREADY_ATTACHED" : "DEVICE_ALREADY_DETACHED";
    if (!attached)
        return unplug(xo, number);
    if (sim_xo_plugged(xo, vbd->disk))
        return "VDI_IN_USE";
    const char *refusal = refuses(xo, vbd->vm, vbd->disk);
    if (refusal)
        return refusal;
    vbd->attached = true;
    vbd_changed(xo, vbd);
    sim_truth_plugged(xo->sim, number);
    return NULL;
}

void sim_xo_remove_vbd(struct sim_xo *xo, int number)
{
    struct sim_vbd *vbd = &xo->vbds.items[number];

    pull(xo, number);
    vbd->shown.gone = true;
    vbd->attached = false;
    vbd_changed(xo, vbd);
}

/* VMs. */

static void stop_vbds(struct sim_xo *xo, int vm)
{
    for (size_t i = 0; i < xo->vbds.len; i++) {
        struct sim_vbd *vbd = &xo->vbds.items[i];
        if (vbd->shown.gone || vbd->vm != vm)
            continue;
        pull(xo, (int)i);
        vbd->attached = false;
        vbd_changed(xo, vbd);
    }
}

static void start_vbds(struct sim_xo *xo, int vm)
{
    for (size_t i = 0; i < xo->vbds.len; i++)
        if (!xo->vbds.items[i].shown.gone && xo->vbds.items[i].vm == vm)
            (void)sim_xo_plug(xo, (int)i, true); /* as far as it can be */
}

void sim_xo_power(struct sim_xo *xo, int number, enum sim_power power)
{
    struct sim_vm *vm = &xo->vms[number];
    enum sim_power before = vm->power;

    if (before == power || vm->shown.gone)
        return;
    vm->power = power;
    xo->places_ms = xo->sim->timeline.now_ms;
    sim_xo_changed(xo, &vm->shown);
    if (power != SIM_RUNNING)
        sim_xo_move_vm_stopped(xo, number);
    if (power == SIM_HALTED)
        stop_vbds(xo, number);
    if (power == SIM_RUNNING && before == SIM_HALTED)
        start_vbds(xo, number);
}

int sim_xo_add_vm(struct sim_xo *xo, int pool, enum sim_power power, bool copy)
{
    int number = SIM_VM_BACKUP;
    int host = 0;

    while (number < SIM_VMS && *xo->vms[number].shown.id)
        number++;
    if (number == SIM_VMS)
        return SIM_NONE;
    while (xo->hosts[host].pool != pool || xo->hosts[host].off || xo->hosts[host].shown.gone)
        if (++host == SIM_HOSTS)
            return SIM_NONE;
    xo->vms[number] = (struct sim_vm){.pool = pool, .host = host, .power = power, .copy = copy};
    sim_xo_id(xo, "B", xo->vms[number].shown.id);
    sim_xo_changed(xo, &xo->vms[number].shown);
    return number;
}

void sim_xo_remove_vm(struct sim_xo *xo, int vm)
{
    if (xo->vms[vm].shown.gone)
        return;
    xo->places_ms = xo->sim->timeline.now_ms;
    sim_xo_move_vm_stopped(xo, vm);
    for (size_t i = 0; i < xo->vbds.len; i++)
        if (!xo->vbds.items[i].shown.gone && xo->vbds.items[i].vm == vm)
            sim_xo_remove_vbd(xo, (int)i);
    xo->vms[vm].shown.gone = true;
    sim_xo_changed(xo, &xo->vms[vm].shown);
}
