/* kube, 2 → 3: lists and watches over real sockets, with servers that misbehave.
 * Covers reflector.c. */
#include "kube/fake/http_server.h"
#include "kube/transport.h"
#include "kube/types.h"
#include "kube/watcher.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OBJECT(name, version)                                                                      \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"},\"spec\":{"         \
    "\"attacher\":\"d\"}}"
#define LIST(version, more, items)                                                                 \
    "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"" version "\"" more                    \
    "},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define BOOKMARK(version)                                                                          \
    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" version "\"}}}\n"
#define GONE "{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"too old\",\"code\":410}"

/* What the server does: one step per request, the last one repeated. */
struct step {
    const char *expect; /* part of the request's path */
    int status;         /* 200: `text` is streamed; else a whole answer */
    const char *text;
    enum { END, HOLD, CUT } then;
};

struct world {
    const struct step *steps;
    struct kube_fake_server *server;
    struct kube_config config;
    struct kube_cache *cache;
    struct kube_watcher *watcher;
    atomic_int mismatches;
    const char *wanted; /* by await_names() */
};

static struct world world;

static void follow(struct kube_fake_exchange *exchange, void *userdata)
{
    struct world *seen = userdata;
    const struct step *step = seen->steps;
    for (int i = 1; i < exchange->number && step[1].expect; i++)
        step++;
    if (!strstr(exchange->path, step->expect))
        atomic_fetch_add(&seen->mismatches, 1);
    if (step->status != 200) {
        kube_fake_reply(exchange, step->status, step->text);
        return;
    }
    kube_fake_stream_begin(exchange);
    if (*step->text)
        kube_fake_stream_send(exchange, step->text);
    if (step->then == END)
        kube_fake_stream_end(exchange);
    else if (step->then == CUT)
        kube_fake_close(exchange);
    else
        kube_fake_hold(exchange);
}

static void changed(const struct kube_object *before, const struct kube_object *after,
                    void *userdata)
{
    (void)before;   /* only that something has changed is of interest */
    (void)after;    /* the same */
    (void)userdata; /* the same */
    kube_fake_changed();
}

static void start_with(const struct step *steps, struct kube_auth *auth)
{
    kube_transport_init();
    world.steps = steps;
    world.server = kube_fake_server_new(follow, &world, false);
    world.config = (struct kube_config){.source = mem_strdup("test"),
                                        .server = mem_strdup(kube_fake_server_url(world.server)),
                                        .auth = auth};
    world.cache = kube_cache_new(&kube_kind_volume_attachment);
    kube_cache_on_change(world.cache, changed, NULL);
    world.watcher = kube_watcher_new();
    kube_watcher_add(world.watcher, &(struct kube_reflector_options){.config = &world.config,
                                                                     .cache = world.cache,
                                                                     .clock = &clock_system,
                                                                     .seed = 1});
    struct err err = {0};
    cr_assert_eq(kube_watcher_start(world.watcher, &err), 0, "%s", err.message);
}

static void start(const struct step *steps)
{
    start_with(steps, kube_auth_new_none());
}

static void stop(void)
{
    kube_watcher_free(world.watcher);
    kube_fake_server_free(world.server);
    kube_cache_free(world.cache);
    mem_free(world.config.source);
    mem_free(world.config.server);
    kube_auth_free(world.config.auth);
    cr_assert_eq(atomic_load(&world.mismatches), 0, "a request was not the one expected");
}

static int by_name(const void *a, const void *b)
{
    const struct kube_object *const *first = a;
    const struct kube_object *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

/* "a:1 b:2": names and versions in the cache. */
static char *contents(void)
{
    cleanup_kube_list struct kube_list list = kube_cache_list(world.cache, NULL, NULL);
    qsort(list.items, list.len, sizeof(struct kube_object *), by_name);
    struct buf text = {0};
    for (size_t i = 0; i < list.len; i++)
        buf_putf(&text, "%s%s:%s", i > 0 ? " " : "", list.items[i]->name,
                 list.items[i]->resource_version);
    return buf_steal(&text);
}

static bool holds_wanted(void *userdata)
{
    (void)userdata; /* one world for all */
    cleanup_str char *text = contents();
    return kube_watcher_synced(world.watcher) && strcmp(text, world.wanted) == 0;
}

static void await_names(const char *wanted)
{
    world.wanted = wanted;
    bool held = kube_fake_await(holds_wanted, NULL);
    cleanup_str char *text = contents();
    cr_assert(held, "expected %s, got %s", wanted, text);
}

static struct kube_watch_health health(void)
{
    struct kube_watch_health now;
    kube_watcher_health(world.watcher, 0, &now);
    return now;
}

static bool is_watching(void *userdata)
{
    (void)userdata; /* one world for all */
    return health().watching;
}

static bool has_failed(void *userdata)
{
    (void)userdata; /* one world for all */
    return health().error[0] != '\0';
}

Test(kube_watcher, lists_in_pages_and_then_follows_the_watch)
{
    static const struct step steps[] = {
        {"volumeattachments?limit=500", 200,
         LIST("10", ",\"continue\":\"p 2\"", OBJECT("a", "1") "," OBJECT("b", "2")), END},
        {"limit=500&continue=p%202", 200, LIST("10", "", OBJECT("c", "3")), END},
        {"watch=1&allowWatchBookmarks=true&resourceVersion=10&timeoutSeconds=", 200,
         EVENT("ADDED", OBJECT("d", "11")) EVENT("DELETED", OBJECT("a", "12"))
             EVENT("MODIFIED", OBJECT("b", "13")) BOOKMARK("20"),
         HOLD},
        {0}};
    start(steps);
    await_names("b:13 c:3 d:11");
    cr_assert(kube_fake_await(is_watching, NULL));
    cr_expect_str_eq(health().error, "");
    stop();
}

Test(kube_watcher, goes_on_from_the_last_bookmark_when_a_watch_is_cut_in_mid_object)
{
    static const struct step steps[] = {
        {"limit=500", 200, LIST("10", "", OBJECT("a", "1")), END},
        {"resourceVersion=10&", 200, BOOKMARK("20") "{\"type\":\"ADDED\",\"object\":{\"meta", CUT},
        {"resourceVersion=20&", 200, EVENT("ADDED", OBJECT("b", "21")), HOLD},
        {0}};
    start(steps);
    await_names("a:1 b:21");
    stop();
}

Test(kube_watcher, takes_nothing_for_gone_when_a_list_is_cut_in_mid_object)
{
    static const struct step steps[] = {
        {"limit=500", 200,
         "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" OBJECT("a", "1") ",{\"me", CUT},
        {"limit=500", 200, LIST("10", "", OBJECT("a", "1") "," OBJECT("b", "2")), END},
        {"resourceVersion=10&", 200, "", HOLD},
        {0}};
    start(steps);
    await_names("a:1 b:2");
    stop();
}

Test(kube_watcher, lists_again_when_a_watch_is_answered_with_http_410)
{
    static const struct step steps[] = {
        {"limit=500", 200, LIST("10", "", OBJECT("a", "1") "," OBJECT("b", "2")), END},
        {"resourceVersion=10&", 410, GONE, END},
        {"limit=500", 200, LIST("50", "", OBJECT("b", "2") "," OBJECT("c", "49")), END},
        {"resourceVersion=50&", 200, "", HOLD},
        {0}};
    start(steps);
    await_names("b:2 c:49");
    stop();
}

Test(kube_watcher, lists_again_when_a_watch_ends_in_an_error_event_of_410)
{
    static const struct step steps[] = {{"limit=500", 200, LIST("10", "", OBJECT("a", "1")), END},
                                        {"resourceVersion=10&", 200, EVENT("ERROR", GONE), END},
                                        {"limit=500", 200, LIST("50", "", OBJECT("c", "49")), END},
                                        {"resourceVersion=50&", 200, "", HOLD},
                                        {0}};
    start(steps);
    await_names("c:49");
    stop();
}

Test(kube_watcher, lists_whole_when_a_page_has_expired)
{
    static const struct step steps[] = {{"limit=500", 200,
                                         LIST("10", ",\"continue\":\"p\"", OBJECT("a", "1")), END},
                                        {"continue=p", 410, GONE, END},
                                        {"volumeattachments", 200,
                                         LIST("50", "", OBJECT("c", "49")), END},
                                        {"resourceVersion=50&", 200, "", HOLD},
                                        {0}};
    start(steps);
    await_names("c:49");
    stop();
}

Test(kube_watcher, lists_whole_when_a_page_has_expired_and_the_server_says_so_with_http_200)
{
    static const struct step steps[] = {{"limit=500", 200,
                                         LIST("10", ",\"continue\":\"p\"", OBJECT("a", "1")), END},
                                        {"continue=p", 200, GONE, END},
                                        {"volumeattachments", 200,
                                         LIST("50", "", OBJECT("c", "49")), END},
                                        {"resourceVersion=50&", 200, "", HOLD},
                                        {0}};
    start(steps);
    await_names("c:49");
    stop();
}

Test(kube_watcher, says_that_a_kind_is_not_installed_and_finds_it_once_it_is)
{
    static const struct step steps[] = {{"limit=500", 404, "404 page not found\n", END},
                                        {"limit=500", 404, "404 page not found\n", END},
                                        {"limit=500", 200, LIST("10", "", OBJECT("a", "1")), END},
                                        {"resourceVersion=10&", 200, "", HOLD},
                                        {0}};
    start(steps);
    cr_assert(kube_fake_await(has_failed, NULL));
    cr_expect(health().missing);
    cr_expect_not(health().synced);
    cr_expect(strstr(health().error, "volumeattachments.storage.k8s.io/v1 is not served"), "%s",
              health().error);
    await_names("a:1");
    cr_assert(kube_fake_await(is_watching, NULL));
    cr_expect_not(health().missing);
    cr_expect_str_eq(health().error, "");
    stop();
}

Test(kube_watcher, says_what_is_not_permitted)
{
    static const struct step steps[] = {
        {"limit=500", 403,
         "{\"kind\":\"Status\",\"message\":\"User x cannot list volumeattachments\",\"code\":403}",
         END},
        {0}};
    start(steps);
    cr_assert(kube_fake_await(has_failed, NULL));
    cr_expect_str_eq(health().error, "User x cannot list volumeattachments");
    cr_expect_not(health().watching);
    stop();
}

Test(kube_watcher, keeps_what_it_knows_of_an_object_that_it_cannot_read)
{
    static const struct step steps[] = {
        {"limit=500", 200, LIST("10", "", OBJECT("a", "1") "," OBJECT("b", "2")), END},
        {"resourceVersion=10&", 410, GONE, END},
        {"limit=500", 200,
         LIST("50", "",
              "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"40\"},\"spec\":{"
              "\"attacher\":false}}," OBJECT("c", "49")),
         END},
        {"resourceVersion=50&", 200, "", HOLD},
        {0}};
    start(steps);
    await_names("a:1 c:49");
    cr_expect(strstr(health().unreadable, "spec.attacher"), "%s", health().unreadable);
    stop();
}

#define UNREADABLE(name, version)                                                                  \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"},\"spec\":{"         \
    "\"attacher\":false}}"

Test(kube_watcher, forgets_an_object_that_was_deleted_also_when_its_last_state_can_not_be_read)
{
    static const struct step steps[] = {
        {"limit=500", 200, LIST("10", "", OBJECT("a", "1") "," OBJECT("b", "2")), END},
        {"resourceVersion=10&", 200,
         EVENT("MODIFIED", UNREADABLE("a", "11")) EVENT("DELETED", UNREADABLE("a", "12")), HOLD},
        {0}};
    start(steps);
    await_names("b:2");
    cr_expect_not(kube_cache_unreadable(world.cache, NULL, "a"));
    stop();
}

Test(kube_watcher, knows_that_what_it_has_of_an_object_is_old_when_it_cannot_read_a_change)
{
    static const struct step steps[] = {
        {"limit=500", 200, LIST("10", "", OBJECT("a", "1") "," OBJECT("b", "2")), END},
        {"resourceVersion=10&", 200,
         EVENT("MODIFIED", UNREADABLE("a", "11")) EVENT("MODIFIED", OBJECT("b", "12")), HOLD},
        {0}};
    start(steps);
    await_names("a:1 b:12");
    cr_expect(kube_cache_unreadable(world.cache, NULL, "a"));
    cr_expect_not(kube_cache_unreadable(world.cache, NULL, "b"));
    stop();
}

static void write_token(const char *path, const char *token)
{
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs(token, file) >= 0 && fclose(file) == 0);
}

Test(kube_watcher, resumes_a_watch_after_its_credentials_were_refused)
{
    static const struct step steps[] = {{"limit=500", 200, LIST("10", "", OBJECT("a", "1")), END},
                                        {"resourceVersion=10&", 401, "{}", END},
                                        {"resourceVersion=10&", 200,
                                         EVENT("ADDED", OBJECT("b", "11")), HOLD},
                                        {0}};
    char path[] = "/tmp/kube-token-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    close(descriptor);
    write_token(path, "one\n");
    start_with(steps, kube_auth_new_token_file(path, &clock_system));
    await_names("a:1 b:11");
    stop();
    unlink(path);
}

Test(kube_watcher, ends_at_once_in_the_middle_of_everything)
{
    static const struct step steps[] = {{"limit=500", 200, "{\"items\":[", HOLD}, {0}};
    start(steps);
    cr_expect_not(kube_watcher_synced(world.watcher));
    stop();
}
