/* reconcile/volume, 6: what a disk takes on an SR, and whether it can be there at all. */
#include "reconcile/volume/room.h"

#include "base/str.h"

#include <string.h>

/* Types of SRs whose disks are images of a format; others, such as LUNs, have no such limit. */
static const char *const image_types[] = {"lvm",    "lvmoiscsi",  "lvmohba", "lvmofcoe",
                                          "ext",    "nfs",        "smb",     "file",
                                          "cephfs", "glusterfs",  "moosefs", "xfs",
                                          "zfs",    "largeblock", "linstor"};

/* … of which these know no other than VHD. */
static const char *const vhd_types[] = {"smb", "linstor"};

static bool is_one_of(const char *type, const char *const *types, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(type, types[i]))
            return true;
    return false;
}

/* Sizes come from outside: 2^60 bytes are more than any SR has, and leave room for sums. */
static int64_t bounded(int64_t bytes)
{
    const int64_t most = INT64_C(1) << 60;

    return bytes < 0 ? 0 : bytes > most ? most : bytes;
}

static int64_t whole(int64_t size_bytes)
{
    const int64_t blocks = size_bytes / VOLUME_VHD_BLOCK_BYTES + 1;

    return size_bytes + blocks * VOLUME_VHD_BITMAP_BYTES + VOLUME_VHD_TABLE_BYTES;
}

int64_t volume_room_needed(const struct xo_sr *sr, const struct xo_disk *disk, int64_t size_bytes,
                           bool strict)
{
    const int64_t most = whole(bounded(size_bytes));
    int64_t written;
    int64_t margin;

    if (!xo_sr_thin(sr) || strict || !disk || disk->usage_bytes <= 0)
        return most;
    written = bounded(disk->usage_bytes) + bounded(disk->snapshot_bytes);
    margin = written / VOLUME_THIN_MARGIN_SHARE;
    written += margin > VOLUME_THIN_MARGIN_BYTES ? margin : VOLUME_THIN_MARGIN_BYTES;
    return written < most ? written : most;
}

int64_t volume_room_free(const struct xo_sr *sr, bool strict)
{
    int64_t taken = bounded(sr->physical_usage_bytes);

    if (strict && xo_sr_thin(sr) && sr->promised_bytes > taken)
        taken = bounded(sr->promised_bytes);
    return bounded(sr->size_bytes) - taken;
}

bool volume_room_oversubscribed(const struct xo_sr *sr, int64_t size_bytes)
{
    return xo_sr_thin(sr) &&
           bounded(sr->promised_bytes) + bounded(size_bytes) > bounded(sr->size_bytes);
}

int64_t volume_room_largest(const struct xo_inventory *inventory, const struct xo_sr *sr,
                            const struct xo_disk *disk)
{
    const char *formats = xo_inventory_sr_image_formats(inventory, sr->uuid);
    bool qcow2;

    if (!is_one_of(sr->type, image_types, ARRAY_LEN(image_types)))
        return INT64_MAX;
    if (is_one_of(sr->type, vhd_types, ARRAY_LEN(vhd_types)))
        return VOLUME_VHD_LARGEST_BYTES;
    qcow2 = !str_empty(formats) ? strstr(formats, "qcow2") != NULL
                                : str_equal(disk->image_format, "qcow2");
    return qcow2 ? VOLUME_QCOW2_LARGEST_BYTES : VOLUME_VHD_LARGEST_BYTES;
}

void volume_size_text(int64_t bytes, char text[static VOLUME_SIZE_TEXT_SIZE])
{
    const int64_t gib = INT64_C(1) << VOLUME_GIB_SHIFT;
    const bool large = bytes >= INT64_C(10) * 1024 * gib;
    const int64_t unit = large ? INT64_C(1024) * gib : gib;
    const int64_t tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;

    if (bytes < gib)
        (void)str_format(text, VOLUME_SIZE_TEXT_SIZE, "%lld MiB",
                         (long long)(bytes > 0 ? bytes >> 20 : 0)); /* it fits, as below */
    else if (tenths % 10 == 0)
        (void)str_format(text, VOLUME_SIZE_TEXT_SIZE, "%lld %s", (long long)(tenths / 10),
                         large ? "TiB" : "GiB");
    else
        (void)str_format(text, VOLUME_SIZE_TEXT_SIZE, "%lld.%lld %s", (long long)(tenths / 10),
                         (long long)(tenths % 10), large ? "TiB" : "GiB");
}
