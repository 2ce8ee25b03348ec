/*
 * reconcile/attach, 8: the sentences of sentences.c, filled in from what was observed.
 */
#include "reconcile/attach/summarize.h"

#include "base/buf.h"
#include "base/str.h"
#include "reconcile/attach/sentences.h"

#include <assert.h>
#include <string.h>

/* Longest word in braces, and its value at most. */
enum { WORD_MAX = 16, VALUE_SIZE = 1200 };

/* " to sr-b1, 42 %, about 3 min", as far as it is known. */
static void format_progress(const struct attach_progress *progress, char target[static VALUE_SIZE])
{
    char percent[16] = "";
    char remaining[32] = "";

    if (progress->percent >= 0)
        (void)str_format(percent, sizeof(percent), ", %d %%", progress->percent); /* it fits */
    if (progress->remaining_s >= 60)
        (void)str_format(remaining, sizeof(remaining), ", about %lld min", /* it fits */
                         (long long)((progress->remaining_s + 59) / 60));
    else if (progress->remaining_s >= 0)
        (void)str_copy(remaining, sizeof(remaining), ", less than a minute"); /* it fits */
    (void)str_format(target, VALUE_SIZE, "%s%s%s%s", /* cut: it is for people */
                     str_empty(progress->to) ? "" : " to ", progress->to, percent, remaining);
}

/* Values that are made of several things. */
struct made {
    char progress[VALUE_SIZE];
    char instead[VALUE_SIZE];
    char pods[VALUE_SIZE];
};

/* Who keeps the node using it, and what to do: kubelet lists a volume also because a Pod waits for it. */
static void format_pods(const struct attach_observation *o, char target[static VALUE_SIZE])
{
    target[0] = '\0';
    if (!str_empty(o->pods))
        (void)str_format(
            target, VALUE_SIZE, /* cut: it is for people */
            ". It is used there by %s: delete it, or where that is made anew at once, scale "
            "its owner to 0 for a moment",
            o->pods);
}

/* Why the disk is where it is, instead of where it is wanted. */
static void format_instead(const struct attach_observation *o, char target[static VALUE_SIZE])
{
    if (str_empty(o->sharer))
        (void)str_format(target, VALUE_SIZE, /* cut: it is for people */
                         ", not to VM %s of node %s; disconnect it there if nothing uses it",
                         o->vm_name, o->attachment->node_name);
    else
        (void)str_format(target, VALUE_SIZE, /* cut: it is for people */
                         " for PersistentVolume %s, which names the same disk; use only one of the "
                         "two at a time",
                         o->sharer);
}

/* A word of the sentences with its value; *borrowed*. */
struct word {
    const char *name;
    const char *value;
};

enum { WORDS_MAX = 34 }; /* as many as words_of() has */

static void words_of(const struct attach_controller *controller, const struct attach_observation *o,
                     const struct made *made, struct word words[static WORDS_MAX])
{
    const struct kube_persistent_volume *volume = o->volume;
    const bool by_name = o->identity.by_name;
    const struct word all[] = {
        {"attachment", o->attachment->object.name},
        {"control-domain", o->control_domain},
        {"disk", o->identity.disk},
        {"disks", o->disk_list},
        {"driver", controller->ports->driver_name},
        {"from", str_empty(o->progress.from) ? o->sr_name : o->progress.from},
        {"handle", volume ? volume->csi_volume_handle : ""},
        {"holder", o->holder},
        {"host", o->host_name},
        {"if-gone", by_name ? "if it was renamed, give it that name again"
                            : "if it was moved, its UUID changed and the PersistentVolume must be "
                              "made anew"},
        {"instead", made->instead},
        {"known-by", by_name ? "named" : "with UUID"},
        {"last-seen", o->last_seen},
        {"name-now", o->disk_name},
        {"namespace", volume ? volume->claim_namespace : ""},
        {"node", o->attachment->node_name},
        {"node-state", o->node_state},
        {"other-vm", o->other_vm_name},
        {"other-vmid", o->other_vm},
        {"pods", made->pods},
        {"problem", o->settings.problem},
        {"progress", made->progress},
        {"recovery", o->recovery},
        {"sr", o->sr_name},
        {"state", o->vm_state},
        {"strangers", o->stranger_list},
        {"tag", o->settings.tag},
        {"theirs", o->progress.message},
        {"uuid", o->disk},
        {"vbd", o->vbd},
        {"vm", o->vm_name},
        {"vmid", o->node_id},
        {"volume", o->attachment->volume_name},
        {"why", o->why},
    };

    _Static_assert(ARRAY_LEN(all) == WORDS_MAX, "WORDS_MAX is their number");
    for (size_t i = 0; i < WORDS_MAX; i++)
        words[i] = all[i];
}

/* Appends the value of the word of `length` bytes at `name`; false when it is none of ours. */
static bool put_word(struct buf *text, const struct word words[static WORDS_MAX], const char *name,
                     size_t length)
{
    for (size_t i = 0; i < WORDS_MAX; i++) {
        if (strlen(words[i].name) != length || strncmp(words[i].name, name, length) != 0)
            continue;
        /* nothing to say is something in two places only */
        const bool may_be_empty =
            str_equal(words[i].name, "progress") || str_equal(words[i].name, "pods");
        buf_put(text, str_empty(words[i].value) && !may_be_empty ? "(unknown)" : words[i].value);
        return true;
    }
    return false;
}

/* Fills in a sentence of the table; braces around anything else stay. */
static void fill_in(const char *sentence, const struct word words[static WORDS_MAX],
                    struct buf *text)
{
    for (const char *at = sentence; *at;) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end && end - at <= WORD_MAX && put_word(text, words, at + 1, (size_t)(end - at - 1))) {
            at = end + 1;
            continue;
        }
        buf_put_bytes(text, at, 1);
        at++;
    }
}

void attach_explain(const struct attach_controller *controller,
                    const struct attach_observation *observation, struct attach_decision decision,
                    struct attach_message *ret)
{
    struct word words[WORDS_MAX];
    struct made made;
    cleanup_buf struct buf text = {0};

    assert(decision.reason > ATTACH_BECAUSE_NONE && decision.reason < ATTACH_BECAUSE_COUNT);
    const struct attach_sentence *sentence = attach_sentence_of(decision.reason);
    format_progress(&observation->progress, made.progress);
    format_instead(observation, made.instead);
    format_pods(observation, made.pods);
    words_of(controller, observation, &made, words);
    fill_in(sentence->text, words, &text);
    ret->reason = sentence->reason;
    (void)str_copy(ret->text, sizeof(ret->text), buf_str(&text)); /* cut: it is for people */
}

void attach_explain_failure(const struct attach_observation *observation, const char *doing,
                            const struct err *error, struct attach_message *ret)
{
    ret->reason = observation->facts.deleting ? API_REASON_DETACH_FAILED : API_REASON_ATTACH_FAILED;
    (void)str_format(ret->text, sizeof(ret->text), /* cut: it is for people */
                     "%s disk %s (VM %s of node %s) failed: %s", doing, observation->identity.disk,
                     observation->vm_name, observation->attachment->node_name, error->message);
}
