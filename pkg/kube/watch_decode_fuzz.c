/*
 * kube, 2: any bytes as the stream of a watch: whole, and cut in two where its first byte says. What
 * comes out must be the same.
 */
#include "kube/types.h"
#include "kube/watch_decode.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(const struct kube_watch_event *event, void *userdata)
{
    const char *name = event->object ? event->object->name : event->name;
    buf_putf(userdata, "[%d %s %s %d %s]", (int)event->type, name ? name : "", event->version,
             event->reason.status, event->reason.message);
    kube_object_unref(event->object);
}

static void decode(const char *text, size_t len, size_t cut, struct buf *seen)
{
    struct kube_watch_decode decode;
    kube_watch_decode_init(&decode, &kube_kind_pod, note, seen);
    struct err err = {0};
    int result = kube_watch_decode_feed(&decode, text, cut, &err);
    if (result == 0)
        result = kube_watch_decode_feed(&decode, text + cut, len - cut, &err);
    buf_putf(seen, "%d %d %s", result, result == 0 && kube_watch_decode_complete(&decode),
             err.message);
    kube_watch_decode_done(&decode);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    size_t len = size - 1;
    cleanup_buf struct buf whole = {0};
    cleanup_buf struct buf parts = {0};
    decode(text, len, len, &whole);
    decode(text, len, len * data[0] / 255, &parts);
    if (strcmp(buf_str(&whole), buf_str(&parts)) != 0)
        abort();
    return 0;
}
