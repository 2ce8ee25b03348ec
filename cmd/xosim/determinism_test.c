/*
 * xosim: with one seed and one script, everything that happens is the same, byte for byte: every frame that a client gets and when, every
 * answer of the REST API, the ground truth at the end. Covers site.c.
 *
 * Each run has a process of its own, so that nothing is the same only because it lies at the same address or has the same hash.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/control.h"
#include "xosim/fake/client.h"
#include "xosim/fake/rest.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(determinism);

static const char world_more[] = "  - {name: pvc-1, uuid: a0000000-0000-4000-8000-0000000d1111, "
                                 "sr: host-a1 local, size: 1 GiB, seed: 1}\n"
                                 "  - {name: pvc-2, uuid: a0000000-0000-4000-8000-0000000d2222, "
                                 "sr: host-a1 local, size: 2 GiB, seed: 2, "
                                 "vm: worker-a1, position: 4}\n"
                                 "  - {name: pvc-3, uuid: a0000000-0000-4000-8000-0000000d3333, "
                                 "sr: host-a2 local, size: 1 GiB, seed: 3}\n";

#define ID_1 "a0000000-0000-4000-8000-0000000d1111"
#define ID_2 "a0000000-0000-4000-8000-0000000d2222"
#define ID_3 "a0000000-0000-4000-8000-0000000d3333"
#define SR_2 "a0000000-0000-4000-8000-000000005a02"
#define SR_S "a0000000-0000-4000-8000-0000000005af"

enum kind { CALL, FAULT, REST };

/* What is done, in this order, each after the seconds of virtual time that it says. */
static const struct {
    int after_ms;
    enum kind kind;
    const char *what; /* a method, the JSON of a fault, or a method and path */
    const char *body;
} script[] = {
    {0, FAULT, "{\"name\":\"pool-blip\",\"pool\":\"pool-b\",\"after\":5,\"seconds\":61}", NULL},
    {0, FAULT, "{\"name\":\"slow-sr\",\"sr\":\"host-a2 local\",\"factor\":0.5,\"seconds\":30}",
     NULL},
    {0, FAULT, "{\"name\":\"toolstack-restart\",\"at\":0.7,\"match\":\"pvc-3\"}", NULL},
    {0, FAULT,
     "{\"name\":\"drop-session\",\"when\":{\"event\":\"before-reply\",\"method\":\"disk.create\","
     "\"nth\":2}}",
     NULL},
    {100, CALL, "vdi.migrate", "{\"id\":\"" ID_1 "\",\"sr_id\":\"" SR_2 "\"}"},
    {7, CALL, "vdi.migrate", "{\"id\":\"" ID_2 "\",\"sr_id\":\"" SR_S "\"}"},
    {3, CALL, "disk.create", "{\"name\":\"x\",\"size\":\"1 GiB\",\"sr\":\"" SR_S "\"}"},
    {0, CALL, "vm.attachDisk",
     "{\"vm\":\"a0000000-0000-4000-8000-00000000ea02\",\"vdi\":\"" ID_3 "\"}"},
    {500, REST, "POST /vdis",
     "{\"srId\":\"" SR_S "\",\"virtual_size\":1000,\"name_label\":\"rest\"}"},
    {1, CALL, "disk.create", "{\"name\":\"y\",\"size\":\"1 GiB\",\"sr\":\"" SR_S "\"}"},
    {9000, REST, "GET /tasks?fields=*", NULL},
    {20, CALL, "vdi.migrate", "{\"id\":\"" ID_3 "\",\"sr_id\":\"" SR_S "\"}"},
    {30000, FAULT, "{\"name\":\"xo-restart\"}", NULL},
    {5000, CALL, "xo.getAllObjects", "{\"filter\":\"type:VDI name_label:pvc\"}"},
    {0, REST, "GET /vdis?fields=*&filter=name_label:/^pvc/", NULL},
    {100000, CALL, "xo.getAllObjects", "{}"},
};

struct recorder {
    struct site *site;
    struct xo_session *session; /* NULL: closed */
    struct buf log;
    int64_t last_id;
    bool closed;
};

static void on_frame(void *userdata, const char *text, size_t len, bool binary)
{
    struct recorder *recorder = userdata;
    buf_putf(&recorder->log, "%lld us%s: ", (long long)recorder->site->timers.now_us,
             binary ? " binary" : "");
    buf_put_bytes(&recorder->log, text, len);
    buf_put(&recorder->log, "\n");
}

static void on_close(void *userdata, bool abruptly)
{
    struct recorder *recorder = userdata;
    buf_putf(&recorder->log, "%lld us: closed %s\n", (long long)recorder->site->timers.now_us,
             abruptly ? "abruptly" : "politely");
    recorder->closed = true;
}

static void say(struct recorder *recorder, const char *method, const char *params)
{
    cleanup_str char *text =
        str_new("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"%s\",\"params\":%s}",
                (long long)++recorder->last_id, method, params);
    xo_session_frame(recorder->session, text, strlen(text));
}

/* Connects anew when the connection has been cut, as a client does. */
static void connect_again(struct recorder *recorder)
{
    const struct xo_client client = {.userdata = recorder, .send = on_frame, .close = on_close};
    if (recorder->session && !recorder->closed)
        return;
    xo_session_close(recorder->session);
    recorder->closed = false;
    recorder->session = xo_session_open(recorder->site->xo, &client);
    say(recorder, "session.signIn", "{\"token\":\"lab-token\"}");
}

static void ask_rest(struct recorder *recorder, const char *what, const char *body)
{
    cleanup_str char *method = str_new("%.*s", (int)strcspn(what, " "), what);
    struct fake_rest *rest =
        fake_rest_do(recorder->site, "lab-token", method, what + strlen(method) + 1, body);
    buf_putf(&recorder->log, "%lld us: %d %s%s\n", (long long)recorder->site->timers.now_us,
             rest->status, rest->headers, buf_str(&rest->body));
    fake_rest_free(rest);
}

static void add_fault(struct recorder *recorder, const char *text)
{
    cleanup_json json_t *spec = json_loads(text, 0, NULL);
    json_t *fault = NULL;
    struct err err = {0};
    if (!spec || faults_add(recorder->site->faults, spec, &fault, &err) != 0)
        cr_assert_fail("%s: %s", text, err.message);
    json_decref(fault);
}

static void run_script(struct recorder *recorder)
{
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        fake_run(recorder->site, script[i].after_ms);
        connect_again(recorder);
        switch (script[i].kind) {
        case CALL:
            say(recorder, script[i].what, script[i].body);
            break;
        case FAULT:
            add_fault(recorder, script[i].what);
            break;
        case REST:
            ask_rest(recorder, script[i].what, script[i].body);
            break;
        }
    }
    fake_run(recorder->site, 600000);
    json_t *truth = truth_describe(recorder->site);
    char *text = json_dumps(truth, JSON_INDENT(1));
    buf_put(&recorder->log, text);
    mem_free(text);
    json_decref(truth);
}

/* The whole log of a run. *New*. */
static char *record(uint64_t seed)
{
    struct recorder recorder = {.site = fake_site_seeded(WORLDS "/default.yaml", world_more, seed)};
    run_script(&recorder);
    xo_session_close(recorder.session);
    site_free(recorder.site);
    return buf_steal(&recorder.log);
}

/* The same in a process of its own. */
static void record_apart(uint64_t seed, struct buf *log)
{
    int ends[2];
    char chunk[65536];
    struct err err = {0};
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        cleanup_str char *text = record(seed);
        for (size_t sent = 0, len = strlen(text); sent < len;) {
            ssize_t some = write(ends[1], text + sent, len - sent);
            if (some <= 0)
                _exit(1);
            sent += (size_t)some;
        }
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t len; (len = read(ends[0], chunk, sizeof(chunk))) > 0;)
        cr_assert_eq(buf_append(log, chunk, (size_t)len, &err), 0);
    close(ends[0]);
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(determinism, gives_the_same_log_for_the_same_seed_and_script)
{
    cleanup_buf struct buf first = {0};
    cleanup_buf struct buf second = {0};
    record_apart(1, &first);
    record_apart(1, &second);
    size_t same = 0;
    while (same < first.len && same < second.len && first.data[same] == second.data[same])
        same++;
    size_t shown = same > 200 ? same - 200 : 0;
    cr_expect(same == first.len && same == second.len,
              "first difference after:\n%.400s\n--\n%.400s", buf_str(&first) + shown,
              buf_str(&second) + shown);
    cr_expect(strstr(buf_str(&first), "closed abruptly"), "the script did not do what it should");
    cr_expect(strstr(buf_str(&first), "Async.VDI.pool_migrate"));
}

Test(determinism, gives_another_log_for_another_seed)
{
    cleanup_buf struct buf first = {0};
    cleanup_buf struct buf second = {0};
    record_apart(1, &first);
    record_apart(2, &second);
    cr_expect_str_neq(buf_str(&first), buf_str(&second));
}

Test(determinism, ends_the_same_at_any_speed)
{
    static const double speeds[] = {1, 50, 200};
    char hash[CONTENT_HASH_SIZE] = "";
    for (size_t i = 0; i < ARRAY_LEN(speeds); i++) {
        struct site *site = fake_site_seeded(WORLDS "/default.yaml", world_more, 1);
        struct fake_client *client = fake_client_signed_in(site, "lab-token");
        site_set_speed(site, speeds[i], 0);
        fake_client_start(client, "vdi.migrate",
                          json_build("{s:s, s:s}", "id", ID_1, "sr_id", SR_2));
        for (int64_t real_us = 0; real_us <= (int64_t)(60e6 / speeds[i]); real_us += 1000)
            site_follow(site, real_us);
        struct disk *copy = NULL;
        for (size_t k = 0; k < site->xapi->disks.all.len; k++) {
            struct disk *disk = site->xapi->disks.all.items[k];
            if (disk->exists && str_equal(disk->name, "pvc-1"))
                copy = disk;
        }
        cr_assert_not_null(copy);
        cr_expect(copy->complete);
        cr_expect_str_eq(copy->sr, SR_2, "it was not moved within a minute");
        cr_expect(hash[0] == '\0' || str_equal(hash, disk_hash(copy)));
        str_copy(hash, sizeof(hash), disk_hash(copy));
        fake_client_close(client);
        site_free(site);
    }
}
