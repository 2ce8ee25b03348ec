/* reconcile/volume, 6: the disks of a name, as a person needs to see them to tell which is the good one. */
#include "base/buf.h"
#include "base/str.h"
#include "reconcile/volume/question.h"

static const double GIB = 1024.0 * 1024.0 * 1024.0;

static void describe_holder(const struct volume_question *question,
                            const struct volume_holders *holders, struct buf *text)
{
    const char *power = holders->vm ? holders->vm->power_state : "not shown";

    if (holders->count == 0) {
        buf_put(text, "no VM has it");
        return;
    }
    buf_putf(text, "%s VM %s (%s%s)", holders->plugged ? "plugged into" : "belongs to",
             holders->vm && !str_empty(holders->vm->name) ? holders->vm->name : holders->vm_id,
             power,
             volume_question_is_node(question, holders->vm_id) ? ", a node of this cluster" : "");
    if (holders->count > 1)
        buf_putf(text, " and %zu others", holders->count - 1);
}

static void describe(const struct volume_question *question, const struct xo_inventory *inventory,
                     const struct volume_candidate *candidate, struct buf *text)
{
    const struct xo_disk *disk = candidate->disk;
    const struct xo_sr *sr = xo_inventory_sr(inventory, disk->sr);
    const struct xo_host *host =
        sr && !sr->shared ? xo_inventory_host(inventory, sr->container) : NULL;
    const struct xo_pool *pool = xo_inventory_pool(inventory, disk->pool);
    const struct volume_holders holders = volume_holders_of(inventory, disk);

    buf_putf(text, "%s on SR %s", disk->uuid, sr ? sr->name : disk->sr);
    if (host)
        buf_putf(text, " of host %s", host->name);
    buf_putf(text, " in pool %s, %.1f GiB, ", pool ? pool->name : disk->pool,
             (double)disk->size_bytes / GIB);
    describe_holder(question, &holders, text);
    if (candidate->facts.replica)
        buf_put(text, ", looks like a backup's replica");
    if (str_equal(disk->uuid, question->remembered.disk))
        buf_put(text, ", the one that Kubernetes used last");
}

void volume_answer_describe(const struct volume_question *question,
                            const struct xo_inventory *inventory,
                            const struct volume_answer *answer, struct buf *text)
{
    for (size_t i = 0; i < answer->count; i++) {
        buf_put(text, i > 0 ? "; " : "");
        describe(question, inventory, &answer->candidates[i], text);
    }
    if (answer->truncated)
        buf_put(text, "; and more");
}
