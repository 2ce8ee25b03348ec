/*
 * xosim, lower layer: what control domains have plugged.
 *
 * A copy has its source plugged into a control domain for reading and its target for writing. When
 * something goes wrong at its end such a VBD stays: nothing tells why it is there, the disk is in
 * use until somebody disconnects it, and a restart of the toolstack leaves it alone.
 */
#include "xosim/xapi_dom0.h"

#include "base/mem.h"
#include "base/str.h"

static struct xapi_vm *control_domain_for(const struct xapi_sr *sr)
{
    const struct xapi_host *host = sr->object.pool->master;
    if (!xapi_host_sees(host, sr) && sr->pbds.len > 0)
        host = ((const struct xapi_pbd *)sr->pbds.items[0])->host;
    return host->control_domain;
}

struct xapi_vbd *xapi_dom0_plug(struct xapi *xapi, struct xapi_vdi *vdi, bool read_only)
{
    struct xapi_vbd *vbd = xapi_vbd_add(xapi, vdi, control_domain_for(vdi->sr), NULL, "autodetect");
    vbd->device = str_new("sm/backend/%s", vdi->object.uuid);
    vbd->attached = true;
    vbd->read_only = read_only;
    xapi_touch(xapi, &vbd->object);
    return vbd;
}

void xapi_dom0_unplug(struct xapi *xapi, struct xapi_vdi *vdi)
{
    bool read_only = false;
    bool keeps =
        xapi->hooks.dom0_keeps && xapi->hooks.dom0_keeps(xapi->hooks.userdata, vdi, &read_only);
    for (size_t i = 0; i < vdi->vbds.len; i++) { /* several copies of one source have one each */
        struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->vm->control_domain && !vbd->kept) {
            xapi_vbd_remove(xapi, vbd);
            break;
        }
    }
    if (keeps)
        xapi_dom0_keep(xapi, vdi, read_only);
}

void xapi_dom0_keep(struct xapi *xapi, struct xapi_vdi *vdi, bool read_only)
{
    struct xapi_vbd *vbd = xapi_dom0_plug(xapi, vdi, read_only);
    vbd->kept = true;
}

bool xapi_dom0_forbids_copy(const struct xapi_vdi *vdi)
{
    for (size_t i = 0; i < vdi->vbds.len; i++) {
        const struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->kept && vbd->attached && !vbd->read_only)
            return true;
    }
    return false;
}

void xapi_dom0_let_go(struct xapi *xapi, struct xapi_vdi *vdi)
{
    for (size_t i = vdi->vbds.len; i-- > 0;) {
        struct xapi_vbd *vbd = vdi->vbds.items[i];
        if (vbd->kept)
            xapi_vbd_remove(xapi, vbd);
    }
}
