/* kube, 2: one page of a list, item by item. */
#include "kube/list_split.h"

#include "kube/status.h"

#include "base/mem.h"
#include "base/str.h"

static int take_item(const char *text, size_t len, void *userdata, struct err *err)
{
    const struct kube_list_split *split = userdata;
    cleanup_json json_t *json = NULL;
    if (json_parse(text, len, &json, err) < 0)
        return err_wrap(err, "an item of the list of %s", split->kind->plural);
    struct kube_object *object = NULL;
    struct err reason = {0};
    if (kube_object_decode(split->kind, json, &object, &reason) == 0) {
        split->sink.object(object, split->sink.userdata);
        return 0;
    }
    const char *name = json_str_at(json, "metadata.name");
    if (str_empty(name))
        return err_copy(err, &reason);
    const char *namespace = json_str_at(json, "metadata.namespace");
    split->sink.unreadable(namespace ? namespace : "", name, &reason, split->sink.userdata);
    return 0;
}

void kube_list_split_init(struct kube_list_split *split, const struct kube_kind *kind,
                          struct kube_list_sink sink)
{
    split->kind = kind;
    split->sink = sink;
    kube_json_scan_init(&split->scan, KUBE_JSON_LIST, take_item, split);
}

void kube_list_split_done(struct kube_list_split *split)
{
    kube_json_scan_done(&split->scan);
}

int kube_list_split_feed(struct kube_list_split *split, const char *data, size_t len,
                         struct err *err)
{
    return kube_json_scan_feed(&split->scan, data, len, err);
}

int kube_list_split_end(struct kube_list_split *split, struct kube_list_head *ret_head,
                        struct err *err)
{
    if (!kube_json_scan_complete(&split->scan))
        return err_set(err, ERR_TRANSIENT, "the list of %s was cut off", split->kind->plural);
    cleanup_json json_t *json = NULL;
    if (json_parse(split->scan.envelope.data, split->scan.envelope.len, &json, err) < 0)
        return err_wrap(err, "the list of %s", split->kind->plural);
    if (str_equal(json_str_at(json, "kind"), "Status")) {
        kube_status_error(json, 0, err);
        return -1;
    }
    const char *version = json_str_at(json, "metadata.resourceVersion");
    if (!json_is_array(json_at(json, "items")) || str_empty(version))
        return err_set(err, ERR_INVALID,
                       "the answer to a list of %s is no list: `items` or "
                       "`metadata.resourceVersion` is missing",
                       split->kind->plural);
    if (!str_copy(ret_head->version, sizeof(ret_head->version), version))
        return err_set(err, ERR_INVALID, "the list of %s: metadata.resourceVersion is too long",
                       split->kind->plural);
    const char *next_page = json_str_at(json, "metadata.continue");
    ret_head->next_page = str_empty(next_page) ? NULL : mem_strdup(next_page);
    return 0;
}
