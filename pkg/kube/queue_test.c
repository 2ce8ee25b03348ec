/* kube, 4: what the work queue promises.
 * Covers heap.c, backoff.c. */
#include "kube/queue.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <pthread.h>

static struct mono_time virtual_now = {.ms = 1000};

static struct mono_time now_mono(void *userdata)
{
    (void)userdata; /* one clock for all tests of a process */
    return virtual_now;
}

static struct wall_time now_wall(void *userdata)
{
    (void)userdata; /* see above */
    return (struct wall_time){.ms = 1};
}

static const struct clock virtual_clock = {.now_wall = now_wall, .now_mono = now_mono};

static struct kube_queue *new_queue(void)
{
    return kube_queue_new(
        &(struct kube_queue_options){.name = "test", .clock = &virtual_clock, .seed = 7});
}

static void expect_take(struct kube_queue *queue, const char *expected)
{
    cleanup_str char *key = kube_queue_take_now(queue);
    cr_assert(str_equal(key, expected), "expected %s, got %s", expected ? expected : "nothing",
              key ? key : "nothing");
}

Test(kube_queue, gives_a_key_once_however_often_it_was_added)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    expect_take(queue, "a");
    expect_take(queue, NULL);
    kube_queue_done(queue, "a");
    expect_take(queue, NULL);
    kube_queue_free(queue);
}

Test(kube_queue, holds_a_key_while_it_is_being_worked)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    expect_take(queue, "a");
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    expect_take(queue, NULL);
    kube_queue_done(queue, "a");
    expect_take(queue, "a");
    kube_queue_done(queue, "a");
    expect_take(queue, NULL);
    kube_queue_free(queue);
}

Test(kube_queue, gives_attach_before_user_before_plan_and_older_before_newer)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add(queue, "plan", KUBE_QUEUE_PLAN);
    kube_queue_add(queue, "user-1", KUBE_QUEUE_USER);
    kube_queue_add(queue, "user-2", KUBE_QUEUE_USER);
    kube_queue_add(queue, "attach", KUBE_QUEUE_ATTACH);
    expect_take(queue, "attach");
    expect_take(queue, "user-1");
    expect_take(queue, "user-2");
    expect_take(queue, "plan");
    kube_queue_free(queue);
}

Test(kube_queue, keeps_the_better_of_two_priorities)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    kube_queue_add(queue, "b", KUBE_QUEUE_PLAN);
    kube_queue_add(queue, "b", KUBE_QUEUE_ATTACH);
    kube_queue_add(queue, "b", KUBE_QUEUE_PLAN);
    expect_take(queue, "b");
    expect_take(queue, "a");
    kube_queue_free(queue);
}

Test(kube_queue, gives_a_delayed_key_when_it_is_due_and_not_before)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add_after(queue, "a", KUBE_QUEUE_USER, 500);
    cr_assert_eq(kube_queue_next_due(queue).ms, virtual_now.ms + 500);
    virtual_now.ms += 499;
    expect_take(queue, NULL);
    virtual_now.ms += 1;
    cr_assert_eq(kube_queue_depth(queue), 1);
    expect_take(queue, "a");
    cr_assert_eq(kube_queue_next_due(queue).ms, 0);
    kube_queue_free(queue);
}

Test(kube_queue, brings_a_delayed_key_forward_but_never_puts_it_off)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add_after(queue, "a", KUBE_QUEUE_USER, 500);
    kube_queue_add_after(queue, "a", KUBE_QUEUE_USER, 900);
    cr_assert_eq(kube_queue_next_due(queue).ms, virtual_now.ms + 500);
    kube_queue_add_after(queue, "a", KUBE_QUEUE_USER, 100);
    cr_assert_eq(kube_queue_next_due(queue).ms, virtual_now.ms + 100);
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    expect_take(queue, "a");
    kube_queue_done(queue, "a");
    cr_assert_eq(kube_queue_next_due(queue).ms, 0);
    kube_queue_free(queue);
}

Test(kube_queue, does_not_delay_a_key_that_is_ready)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    kube_queue_add_after(queue, "a", KUBE_QUEUE_USER, 500);
    expect_take(queue, "a");
    cr_assert_eq(kube_queue_next_due(queue).ms, 0);
    kube_queue_free(queue);
}

Test(kube_queue, keeps_a_delay_that_was_asked_for_during_the_work)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    expect_take(queue, "a");
    kube_queue_add_after(queue, "a", KUBE_QUEUE_USER, 500);
    kube_queue_done(queue, "a");
    expect_take(queue, NULL);
    virtual_now.ms += 500;
    expect_take(queue, "a");
    kube_queue_free(queue);
}

Test(kube_queue, gives_a_key_that_came_due_during_its_work_after_it)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    expect_take(queue, "a");
    kube_queue_add_after(queue, "a", KUBE_QUEUE_USER, 500);
    virtual_now.ms += 600;
    expect_take(queue, NULL);
    kube_queue_done(queue, "a");
    expect_take(queue, "a");
    kube_queue_free(queue);
}

Test(kube_queue, doubles_the_back_off_up_to_its_maximum_with_a_fifth_of_jitter)
{
    struct kube_queue *queue = new_queue();
    int64_t expected = 200;
    for (int i = 0; i < 20; i++) {
        int64_t delay = kube_queue_add_backoff(queue, "a", KUBE_QUEUE_USER);
        cr_assert_geq(delay, expected * 8 / 10);
        cr_assert_leq(delay, expected * 12 / 10);
        expected = expected * 2 > 300000 ? 300000 : expected * 2;
        virtual_now.ms += delay;
        expect_take(queue, "a");
        kube_queue_done(queue, "a");
    }
    kube_queue_free(queue);
}

Test(kube_queue, starts_the_back_off_over_once_it_is_forgotten)
{
    struct kube_queue *queue = new_queue();
    for (int i = 0; i < 5; i++)
        kube_queue_add_backoff(queue, "a", KUBE_QUEUE_USER);
    kube_queue_forget(queue, "a");
    cr_assert_leq(kube_queue_add_backoff(queue, "a", KUBE_QUEUE_USER), 240);
    kube_queue_free(queue);
}

Test(kube_queue, gives_nothing_and_takes_nothing_once_it_is_shut_down)
{
    struct kube_queue *queue = new_queue();
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    kube_queue_shut_down(queue);
    expect_take(queue, NULL);
    kube_queue_add(queue, "b", KUBE_QUEUE_USER);
    cr_assert_null(kube_queue_take(queue));
    kube_queue_free(queue);
}

static void *take_one(void *userdata)
{
    return kube_queue_take(userdata);
}

Test(kube_queue, wakes_a_waiting_worker_when_a_key_is_added)
{
    struct kube_queue *queue =
        kube_queue_new(&(struct kube_queue_options){.name = "test", .clock = &clock_system});
    pthread_t worker;
    cr_assert_eq(pthread_create(&worker, NULL, take_one, queue), 0);
    kube_queue_add(queue, "a", KUBE_QUEUE_USER);
    void *key = NULL;
    cr_assert_eq(pthread_join(worker, &key), 0);
    cr_assert_str_eq(key, "a");
    mem_free(key);
    kube_queue_free(queue);
}

Test(kube_queue, wakes_a_waiting_worker_when_a_delayed_key_is_due_or_brought_forward)
{
    struct kube_queue *queue =
        kube_queue_new(&(struct kube_queue_options){.name = "test", .clock = &clock_system});
    kube_queue_add_after(queue, "a", KUBE_QUEUE_USER, 600000);
    pthread_t worker;
    cr_assert_eq(pthread_create(&worker, NULL, take_one, queue), 0);
    kube_queue_add_after(queue, "a", KUBE_QUEUE_USER, 1);
    void *key = NULL;
    cr_assert_eq(pthread_join(worker, &key), 0);
    cr_assert_str_eq(key, "a");
    mem_free(key);
    kube_queue_free(queue);
}
