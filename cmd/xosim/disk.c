/* xosim: ground truth: every disk that ever was. */
#include "xosim/disk.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

/* A family of more copies than this is a runaway; the others are not looked at when asking what
 * only one disk holds. */
enum { FAMILY_DISKS_COMPARED = 64 };

static void free_disk(struct disk *disk)
{
    content_done(&disk->content);
    mem_free(disk->name);
    json_decref(disk->losses);
    mem_free(disk);
}

static void free_family(void *value)
{
    struct family *family = value;
    content_done(&family->ideal);
    list_done(&family->disks);
    mem_free(family);
}

void disks_done(struct disks *disks)
{
    for (size_t i = 0; i < disks->all.len; i++)
        free_disk(disks->all.items[i]);
    list_done(&disks->all);
    map_done(&disks->by_uuid);
    disks->families.free_value = free_family;
    map_done(&disks->families);
}

static struct family *family_of(struct disks *disks, const char *uuid)
{
    struct family *family = map_get(&disks->families, uuid);
    if (!family) {
        family = mem_alloc(sizeof(*family));
        str_copy(family->uuid, sizeof(family->uuid), uuid);
        map_put(&disks->families, uuid, family);
    }
    return family;
}

struct disk *disks_restore(struct disks *disks, const char *uuid, const char *family)
{
    struct disk *disk = mem_alloc(sizeof(*disk));
    str_copy(disk->uuid, sizeof(disk->uuid), uuid);
    disk->family = family_of(disks, family);
    list_add(&disk->family->disks, disk);
    list_add(&disks->all, disk);
    map_put(&disks->by_uuid, uuid, disk);
    return disk;
}

struct disk *disks_add(struct disks *disks, const struct disk_options *options)
{
    struct disk *parent = options->parent;
    struct disk *disk =
        disks_restore(disks, options->uuid, parent ? parent->family->uuid : options->uuid);
    disk->name = mem_strdup(options->name);
    str_copy(disk->sr, sizeof(disk->sr), options->sr);
    if (parent)
        str_copy(disk->parent, sizeof(disk->parent), parent->uuid);
    disk->exists = true;
    disk->complete = true;
    disk_resize(disk, options->size);
    return disk;
}

struct disk *disks_find(const struct disks *disks, const char *uuid)
{
    return map_get(&disks->by_uuid, uuid);
}

void disk_write_apart(struct disk *disk, uint64_t start, uint64_t end, uint64_t seed)
{
    disk->hash[0] = '\0';
    if (!content_write(&disk->content, start, end, seed))
        log_warn("a disk has too many extents to be written to", log_str("disk", disk->uuid));
}

static void disk_take(struct disk *target, const struct content *source, uint64_t start,
                      uint64_t end)
{
    target->hash[0] = '\0';
    /* Never refused in practice: a target has the extents of its source, which is bounded, and a
     * few from changes meanwhile. */
    if (!content_copy(&target->content, source, start, end))
        log_warn("a disk has too many extents to be copied faithfully",
                 log_str("disk", target->uuid));
}

bool disk_write(struct disk *disk, uint64_t start, uint64_t end, uint64_t seed)
{
    struct disk *mirror = disk->mirror;
    disk->hash[0] = '\0';
    if (mirror) {
        mirror->hash[0] = '\0';
        if (!content_write(&mirror->content, start, end, seed))
            return false;
    }
    return content_write(&disk->content, start, end, seed) &&
           (disk->apart || content_write(&disk->family->ideal, start, end, seed));
}

void disk_undo(struct disk *disk, const struct content *before, uint64_t start, uint64_t end)
{
    disk_take(disk, before, start, end);
    if (disk->mirror)
        disk_take(disk->mirror, before, start, end);
}

void disk_note_loss(struct disk *disk, uint64_t bytes, json_t *how)
{
    if (!disk->losses)
        disk->losses = json_array();
    disk->lost_bytes += bytes;
    json_add(disk->losses, how);
}

void disk_fill(struct disk *disk, uint64_t seed)
{
    disk->hash[0] = '\0';
    content_fill(&disk->content, disk->size, seed);
    content_fill(&disk->family->ideal, disk->size, seed);
}

bool disk_put(struct disk *disk, uint64_t start, const unsigned char *bytes, size_t len)
{
    disk->hash[0] = '\0';
    return content_put(&disk->content, start, bytes, len) &&
           (disk->apart || content_put(&disk->family->ideal, start, bytes, len));
}

void disk_copy(struct disk *target, const struct disk *source, uint64_t start, uint64_t end)
{
    disk_take(target, &source->content, start, end);
}

void disk_resize(struct disk *disk, uint64_t size)
{
    disk->hash[0] = '\0';
    disk->size = size;
    if (size > disk->family->size)
        disk->family->size = size;
}

const char *disk_hash(struct disk *disk)
{
    if (disk->hash[0] == '\0')
        content_hash(&disk->content, disk->size, disk->hash);
    return disk->hash;
}

uint64_t disk_stale_bytes(const struct disk *disk)
{
    return content_difference(&disk->content, &disk->family->ideal, disk->size);
}

/* The bytes that ought to be there and are on `disk`, as extents. */
static struct content good_part(const struct disk *disk)
{
    struct content good = {0};
    const struct content *ideal = &disk->family->ideal;
    for (size_t i = 0; i < ideal->len; i++) {
        const struct extent *want = &ideal->extents[i];
        for (size_t k = 0; k < disk->content.len; k++) {
            const struct extent *have = &disk->content.extents[k];
            uint64_t start = have->start > want->start ? have->start : want->start;
            uint64_t end = have->end < want->end ? have->end : want->end;
            if (have->seed == want->seed && start < end &&
                !content_write(&good, start, end, want->seed))
                return good; /* more extents than a disk can have: the rest counts as held elsewhere
                              */
        }
    }
    return good;
}

/* Whether its bytes are there, whoever may know of them. */
static bool holds(const struct disk *disk)
{
    return disk->exists || disk->forgotten;
}

static size_t others_of(const struct family *family, const struct disk *disk,
                        const struct content *others[static FAMILY_DISKS_COMPARED])
{
    size_t count = 0;
    for (size_t i = 0; i < family->disks.len && count < FAMILY_DISKS_COMPARED; i++) {
        const struct disk *other = family->disks.items[i];
        if (other != disk && holds(other))
            others[count++] = &other->content;
    }
    return count;
}

uint64_t disk_only_here_bytes(const struct disk *disk)
{
    if (!holds(disk))
        return 0;
    const struct content *others[FAMILY_DISKS_COMPARED];
    size_t count = others_of(disk->family, disk, others);
    struct content good = good_part(disk);
    uint64_t bytes = content_only_here(&good, disk->size, others, count);
    content_done(&good);
    return bytes;
}

uint64_t family_lost_bytes(const struct family *family)
{
    const struct content *others[FAMILY_DISKS_COMPARED];
    size_t count = others_of(family, NULL, others);
    return content_only_here(&family->ideal, family->size, others, count);
}
