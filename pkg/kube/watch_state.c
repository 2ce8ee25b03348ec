/* kube, 2: what to do next about one kind. The table is in the header. */
#include "kube/watch_state.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>

enum { GONE = 410, NOT_FOUND = 404 };

static void back_off(struct kube_watch *watch, int64_t retry_after_ms, struct mono_time now)
{
    watch->failures++;
    int64_t delay_ms = kube_backoff_ms(&watch->random, KUBE_WATCH_BACKOFF_MS,
                                       KUBE_WATCH_BACKOFF_MAX_MS, watch->failures);
    watch->next = mono_add(now, retry_after_ms > delay_ms ? retry_after_ms : delay_ms);
}

static enum kube_watch_do request(struct kube_watch *watch, enum kube_watch_state state,
                                  struct mono_time now)
{
    watch->state = state;
    watch->opened = now;
    watch->life = now;
    return state == KUBE_WATCH_LISTING ? KUBE_WATCH_DO_LIST : KUBE_WATCH_DO_WATCH;
}

static enum kube_watch_do list_first_page(struct kube_watch *watch, struct mono_time now)
{
    watch->next_page = mem_free(watch->next_page);
    watch->limit = watch->whole ? 0 : KUBE_WATCH_PAGE_ITEMS;
    watch->whole = false;
    return request(watch, KUBE_WATCH_LISTING, now);
}

static enum kube_watch_do page_ended(struct kube_watch *watch, const struct kube_watch_told *told,
                                     struct mono_time now)
{
    assert(watch->state == KUBE_WATCH_LISTING);
    mem_replace_str(&watch->next_page, told->next_page);
    if (told->next_page)
        return request(watch, KUBE_WATCH_LISTING, now);
    str_copy(watch->version, sizeof(watch->version), told->version);
    return request(watch, KUBE_WATCH_WATCHING, now);
}

static void list_failed(struct kube_watch *watch, const struct kube_watch_told *told,
                        struct mono_time now)
{
    watch->state = KUBE_WATCH_EMPTY;
    if (told->status == GONE && watch->next_page) {
        watch->whole = true; /* so it can't happen twice in a row */
        watch->next = now;
    } else {
        back_off(watch, told->retry_after_ms, now);
    }
}

static void watch_failed(struct kube_watch *watch, const struct kube_watch_told *told,
                         struct mono_time now)
{
    bool from_the_start = told->relist || told->status == GONE || told->status == NOT_FOUND;
    watch->state = from_the_start ? KUBE_WATCH_EMPTY : KUBE_WATCH_LISTED;
    back_off(watch, told->retry_after_ms, now);
}

static void failed(struct kube_watch *watch, const struct kube_watch_told *told,
                   struct mono_time now)
{
    if (watch->state == KUBE_WATCH_LISTING)
        list_failed(watch, told, now);
    else
        watch_failed(watch, told, now);
}

static void closed(struct kube_watch *watch, struct mono_time now)
{
    assert(watch->state == KUBE_WATCH_WATCHING);
    watch->state = KUBE_WATCH_LISTED;
    if (now.ms - watch->opened.ms < KUBE_WATCH_SHORT_MS) {
        back_off(watch, 0, now);
    } else {
        watch->failures = 0;
        watch->next = now;
    }
}

static bool showed_life(const struct kube_watch *watch)
{
    return watch->life.ms > watch->opened.ms;
}

static struct mono_time silent_at(const struct kube_watch *watch)
{
    bool listing = watch->state == KUBE_WATCH_LISTING;
    return mono_add(watch->life, listing ? KUBE_WATCH_LIST_SILENCE_MS : KUBE_WATCH_SILENCE_MS);
}

struct mono_time kube_watch_next(const struct kube_watch *watch)
{
    bool waiting = watch->state == KUBE_WATCH_EMPTY || watch->state == KUBE_WATCH_LISTED;
    return waiting ? watch->next : silent_at(watch);
}

static enum kube_watch_do time_came(struct kube_watch *watch, struct mono_time now)
{
    if (now.ms < kube_watch_next(watch).ms)
        return KUBE_WATCH_DO_NOTHING;
    switch (watch->state) {
    case KUBE_WATCH_EMPTY:
        return list_first_page(watch, now);
    case KUBE_WATCH_LISTED:
        return request(watch, KUBE_WATCH_WATCHING, now);
    case KUBE_WATCH_LISTING:
    case KUBE_WATCH_WATCHING:
        failed(watch,
               &(struct kube_watch_told){.input = KUBE_WATCH_FAILED, .relist = !showed_life(watch)},
               now);
        return KUBE_WATCH_DO_STOP;
    }
    return KUBE_WATCH_DO_NOTHING;
}

enum kube_watch_do kube_watch_step(struct kube_watch *watch, const struct kube_watch_told *told,
                                   struct mono_time now)
{
    switch (told->input) {
    case KUBE_WATCH_TIME:
        return time_came(watch, now);
    case KUBE_WATCH_LIFE:
        watch->life = now;
        return KUBE_WATCH_DO_NOTHING;
    case KUBE_WATCH_PAGE:
        return page_ended(watch, told, now);
    case KUBE_WATCH_VERSION:
        assert(watch->state == KUBE_WATCH_WATCHING);
        str_copy(watch->version, sizeof(watch->version), told->version);
        watch->failures = 0;
        return KUBE_WATCH_DO_NOTHING;
    case KUBE_WATCH_CLOSED:
        closed(watch, now);
        return KUBE_WATCH_DO_NOTHING;
    case KUBE_WATCH_FAILED:
        assert(watch->state == KUBE_WATCH_LISTING || watch->state == KUBE_WATCH_WATCHING);
        failed(watch, told, now);
        return KUBE_WATCH_DO_NOTHING;
    }
    return KUBE_WATCH_DO_NOTHING;
}

void kube_watch_done(struct kube_watch *watch)
{
    watch->next_page = mem_free(watch->next_page);
}
