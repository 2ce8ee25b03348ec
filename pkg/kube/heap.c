/* kube, 4: a binary heap of embedded nodes. */
#include "kube/heap.h"

#include "base/mem.h"

#include <assert.h>

void kube_heap_init(struct kube_heap *heap, kube_heap_before_fn *before)
{
    *heap = (struct kube_heap){.before = before};
}

void kube_heap_done(struct kube_heap *heap)
{
    heap->nodes = mem_free(heap->nodes);
    heap->len = 0;
    heap->capacity = 0;
}

static void place(struct kube_heap *heap, size_t position, struct kube_heap_node *node)
{
    heap->nodes[position] = node;
    node->position = position;
}

static void sift_up(struct kube_heap *heap, size_t position)
{
    struct kube_heap_node *node = heap->nodes[position];
    while (position > 0 && heap->before(node, heap->nodes[(position - 1) / 2])) {
        place(heap, position, heap->nodes[(position - 1) / 2]);
        position = (position - 1) / 2;
    }
    place(heap, position, node);
}

static void sift_down(struct kube_heap *heap, size_t position)
{
    struct kube_heap_node *node = heap->nodes[position];
    for (;;) {
        size_t child = 2 * position + 1;
        if (child >= heap->len)
            break;
        if (child + 1 < heap->len && heap->before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!heap->before(heap->nodes[child], node))
            break;
        place(heap, position, heap->nodes[child]);
        position = child;
    }
    place(heap, position, node);
}

void kube_heap_add(struct kube_heap *heap, struct kube_heap_node *node)
{
    if (heap->len == heap->capacity) {
        heap->capacity = heap->capacity ? heap->capacity * 2 : 16;
        heap->nodes = mem_resize_array(heap->nodes, heap->capacity, sizeof(node));
    }
    place(heap, heap->len, node);
    heap->len++;
    sift_up(heap, heap->len - 1);
}

void kube_heap_remove(struct kube_heap *heap, struct kube_heap_node *node)
{
    size_t position = node->position;
    assert(position < heap->len && heap->nodes[position] == node);
    heap->len--;
    if (position == heap->len)
        return;
    place(heap, position, heap->nodes[heap->len]);
    sift_down(heap, position);
    sift_up(heap, position);
}

struct kube_heap_node *kube_heap_first(const struct kube_heap *heap)
{
    return heap->len > 0 ? heap->nodes[0] : NULL;
}
