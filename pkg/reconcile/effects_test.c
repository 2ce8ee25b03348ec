/* reconcile, 7: effects are counted per key, and the process ends where it was asked to. */
#include "reconcile/effects.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/clock.h"
#include "reconcile/worker.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/effects-XXXXXX";
static struct rec_ports inner;
static struct rec_ports counted;
static struct rec_effects *effects;

/* The world behind: a file that says what was really done, for the process that does it may end. */
static enum xo_result set_disk(void *userdata, const char *disk, const char *name,
                               const char *description, struct err *err)
{
    char path[128];
    (void)userdata, (void)disk, (void)name, (void)description, (void)err;
    (void)str_join(path, sizeof(path), folder, "/", "done");
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    cr_assert_eq(write(fd, "x", 1), 1);
    return XO_DONE;
}

static int patch(void *userdata, const struct kube_patch *it, struct err *err)
{
    (void)userdata, (void)it, (void)err;
    return 0;
}

static char *contents(const char *name)
{
    char path[128];
    struct buf buf = {0};
    (void)str_join(path, sizeof(path), folder, "/", name);
    if (file_read(path, &buf, NULL) < 0)
        buf_clear(&buf); /* one that is not there is empty */
    return buf_steal(&buf);
}

static void write_exit(const char *text)
{
    char path[128];
    (void)str_join(path, sizeof(path), folder, "/", "exit");
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static int open_effects(struct err *err)
{
    if (rec_effects_new(&inner, folder, &effects, err) < 0)
        return -1;
    counted = rec_effects_ports(effects);
    return 0;
}

static struct rec_outcome pass(void *userdata, const char *key)
{
    (void)userdata, (void)key;
    const struct kube_kind kind = {.name = "Thing"};
    const struct kube_patch status = {.kind = &kind, .subresource = "status"};
    cr_assert_eq(counted.kube.patch(counted.kube.userdata, &status, NULL), 0);
    (void)counted.xo.set_disk(counted.xo.userdata, "d", "leftover", NULL, NULL); /* always done */
    return rec_settled();
}

/* Makes a pass over a key as a worker does, in a process of its own, and gives its exit status. */
static int pass_in_child(const char *key)
{
    pid_t child = fork();
    if (child == 0) {
        struct fake_clock fake;
        struct err err = {0};
        fake_clock_init(&fake);
        if (open_effects(&err) < 0)
            _exit(1);
        struct kube_queue *queue =
            kube_queue_new(&(struct kube_queue_options){.name = "t", .clock = &fake.clock});
        struct rec_worker *worker = rec_worker_new(&(struct rec_worker_options){
            .controller = "t", .queue = queue, .reconcile = pass, .clock = &fake.clock});
        kube_queue_add(queue, key, KUBE_QUEUE_USER);
        _exit(rec_worker_run_one(worker) ? 0 : 1);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void start(void)
{
    cr_assert_not_null(mkdtemp(folder));
    inner = (struct rec_ports){.kube.patch = patch, .xo.set_disk = set_disk};
}

static void stop(void)
{
    static const char *const files[] = {"journal", "exit", "done"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[128];
        (void)str_join(path, sizeof(path), folder, "/", files[i]);
        (void)unlink(path); /* not every test makes each */
    }
    (void)rmdir(folder); /* what is left in it stays, for a look */
}

TestSuite(effects, .init = start, .fini = stop);

Test(effects, are_journalled_with_a_number_for_each_key_that_goes_on_over_restarts)
{
    cr_assert_eq(pass_in_child("a/x"), 0);
    cr_assert_eq(pass_in_child("b/y"), 0);
    cr_assert_eq(pass_in_child("a/x"), 0);
    cleanup_str char *journal = contents("journal");
    cr_assert_str_eq(journal, "a/x 1 patch-status Thing\na/x 2 vdi.set name\n"
                              "b/y 1 patch-status Thing\nb/y 2 vdi.set name\n"
                              "a/x 3 patch-status Thing\na/x 4 vdi.set name\n");
}

Test(effects, an_exit_before_one_leaves_it_undone)
{
    write_exit("a/x 2 before\n");
    cr_assert_eq(pass_in_child("a/x"), REC_EFFECTS_EXIT);
    cleanup_str char *done = contents("done");
    cr_assert_str_eq(done, "");
}

Test(effects, an_exit_after_one_leaves_it_done)
{
    write_exit("a/x 2 after\n");
    cr_assert_eq(pass_in_child("a/x"), REC_EFFECTS_EXIT);
    cleanup_str char *done = contents("done");
    cr_assert_str_eq(done, "x");
}

Test(effects, an_exit_happens_once_and_only_to_its_key)
{
    write_exit("a/x 2 before\nb/y 1 after\n");
    cr_assert_eq(pass_in_child("c/z"), 0);
    cr_assert_eq(pass_in_child("a/x"), REC_EFFECTS_EXIT);
    cr_assert_eq(pass_in_child("a/x"), 0);
    cr_assert_eq(pass_in_child("b/y"), REC_EFFECTS_EXIT);
    cr_assert_eq(pass_in_child("b/y"), 0);
}

Test(effects, a_line_that_is_not_understood_is_named)
{
    struct err err = {0};
    write_exit("a/x 2 before\na/x two after\n");
    cr_assert_eq(open_effects(&err), -1);
    cr_assert_eq(err.class, ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "/exit:2"), "%s", err.message);
}

Test(effects, a_folder_that_is_not_there_is_named)
{
    struct err err = {0};
    cr_assert_eq(rec_effects_new(&inner, "/nowhere/at/all", &effects, &err), -1);
    cr_assert_not_null(strstr(err.message, "/nowhere/at/all/journal"), "%s", err.message);
}
