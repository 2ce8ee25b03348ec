/*
 * xosim, lower layer: how much room disks take.
 *
 * On a thick SR a disk takes its size and what its format needs beside it, from the beginning; on a
 * thin one what was written to it. A snapshot takes what was written until then, on either, as long
 * as it is there: the next one only what is new since it, and on a thin SR the disk itself what is
 * new since the last.
 *
 * Where the world names a format, its own needs count: a VHD has, for every 2 MiB, a bitmap of 4 KiB and 4 bytes of a table: 0.2 %. QCOW2 has 8 bytes for
 * every 64 KiB.
 */
#include "xosim/xapi_space.h"

#include "base/str.h"

/* Read in the sources of the storage manager: a larger one is refused as VDISize, number 79, with the
 * text below. Not seen on the wire. */
#define VHD_SIZE_MAX ((uint64_t)2040 << 30)
/* What is documented for QCOW2; the refusal is taken to be the same. */
#define QCOW2_SIZE_MAX ((uint64_t)16 << 40)
#define VHD_BLOCK      ((uint64_t)2 << 20)
#define QCOW2_CLUSTER  ((uint64_t)64 << 10)

enum {
    VHD_BITMAP = 4096, /* of each block */
    VHD_ENTRY = 4,     /* of each block in the table */
    QCOW2_ENTRY = 8,   /* of each cluster */
    THIN_MIN = 8192    /* header and footer of an empty disk */
};

static bool is_qcow2(const struct xapi_sr *sr)
{
    return str_equal(sr->format, "qcow2");
}

uint64_t xapi_space_taken(const struct xapi_sr *sr, uint64_t size)
{
    if (sr->thin)
        return 0;
    if (!sr->format)
        return size;
    if (is_qcow2(sr))
        return size + (size + QCOW2_CLUSTER - 1) / QCOW2_CLUSTER * QCOW2_ENTRY;
    return size + (size + VHD_BLOCK - 1) / VHD_BLOCK * (VHD_BITMAP + VHD_ENTRY);
}

uint64_t xapi_space_needed(const struct xapi_sr *sr, uint64_t size)
{
    return sr->thin ? THIN_MIN : xapi_space_taken(sr, size);
}

json_t *xapi_space_refuses_size(const struct xapi_sr *sr, uint64_t size)
{
    uint64_t max = is_qcow2(sr) ? QCOW2_SIZE_MAX : VHD_SIZE_MAX;
    char text[96];
    if (size <= max)
        return NULL;
    (void)str_format(text, sizeof(text),
                     "VDI Invalid size [opterr=VDI size must be between 1 MB and %llu MB]",
                     (unsigned long long)(max >> 20));
    return xapi_error("SR_BACKEND_FAILURE_79", "", text, "", NULL);
}

/* The snapshot before this one, or the newest one of a disk; NULL: none on the same SR. */
static const struct xapi_vdi *base_of(const struct xapi_vdi *vdi, const struct list *snapshots)
{
    const struct xapi_vdi *base = NULL;
    for (size_t i = 0; i < snapshots->len && snapshots->items[i] != vdi; i++) {
        const struct xapi_vdi *snapshot = snapshots->items[i];
        if (snapshot->sr == vdi->sr && !snapshot->sparse)
            base = snapshot;
    }
    return base;
}

static void settle(struct xapi_vdi *vdi, const struct list *snapshots)
{
    static const struct content nothing;
    const struct xapi_vdi *base = base_of(vdi, snapshots);
    if (vdi->sparse || (!vdi->sr->thin && !vdi->snapshot))
        return;
    uint64_t physical =
        content_difference(&vdi->disk->content, base ? &base->disk->content : &nothing, vdi->size);
    if (physical == vdi->physical)
        return;
    vdi->sr->allocated += physical - vdi->physical;
    vdi->physical = physical;
    vdi->grown = true;
}

void xapi_space_settle(struct xapi_vdi *vdi)
{
    static const struct list none;
    settle(vdi, vdi->snapshot ? &none : &vdi->snapshots);
}

void xapi_space_settle_chain(struct xapi_vdi *origin)
{
    for (size_t i = 0; i < origin->snapshots.len; i++)
        settle(origin->snapshots.items[i], &origin->snapshots);
    settle(origin, &origin->snapshots);
}

bool xapi_space_exceeded(const struct xapi_sr *sr)
{
    return sr->thin && sr->physical_base + sr->allocated > sr->size;
}

bool xapi_space_for_write(const struct xapi_vdi *vdi, uint64_t len)
{
    return !vdi->sr->thin || xapi_sr_free(vdi->sr) >= len;
}

json_t *xapi_space_error(void)
{
    return xapi_error("SR_BACKEND_FAILURE_44", "", "There is insufficient space", "", NULL);
}

void xapi_space_scan(struct xapi *xapi, const struct xapi_sr *sr)
{
    bool changed = false;
    for (size_t i = 0; i < sr->vdis.len; i++) {
        struct xapi_vdi *vdi = sr->vdis.items[i];
        if (!vdi->grown)
            continue;
        vdi->grown = false;
        changed = true;
        xapi_touch(xapi, &vdi->object);
    }
    if (changed)
        xapi_touch(xapi, &((struct xapi_sr *)(uintptr_t)sr)->object);
}
