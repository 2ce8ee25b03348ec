/* xo: asking for a name's address without holding up the loop. */
#include "xo/resolve.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

static struct loop *loop;
static struct {
    struct xo_resolution *resolution;
    const char *host;
    size_t turn;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    int told;
    char address[64];
    char message[512];
} asked = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void setup(void)
{
    struct err err = {0};
    cr_assert_eq(loop_new(&loop, &err), 0, "%s", err.message);
    cr_assert_eq(loop_start(loop, &err), 0, "%s", err.message);
}

static void teardown(void)
{
    loop_stop(loop);
    loop = loop_free(loop);
}

TestSuite(xo_resolve, .init = setup, .fini = teardown, .timeout = 60);

static void on_resolved(const char *address, const struct err *err, void *userdata)
{
    (void)userdata;
    pthread_mutex_lock(&asked.mutex);
    asked.told++;
    asked.resolution = NULL;
    str_copy(asked.address, sizeof(asked.address), address ? address : "");
    str_copy(asked.message, sizeof(asked.message), err->message);
    pthread_cond_signal(&asked.changed);
    pthread_mutex_unlock(&asked.mutex);
}

static void ask(void *userdata)
{
    (void)userdata;
    asked.resolution = xo_resolve(loop, asked.host, asked.turn, on_resolved, NULL);
}

static void wait_until_told(int times)
{
    pthread_mutex_lock(&asked.mutex);
    while (asked.told < times)
        pthread_cond_wait(&asked.changed, &asked.mutex);
    pthread_mutex_unlock(&asked.mutex);
}

Test(xo_resolve, tells_the_address_of_a_name)
{
    asked.host = "localhost";
    for (int i = 1; i <= 3; i++, asked.turn++) { /* more turns than addresses */
        loop_call(loop, ask, NULL);
        wait_until_told(i);
        cr_assert(str_equal(asked.address, "127.0.0.1") || str_equal(asked.address, "::1"), "%s",
                  asked.address);
    }
}

Test(xo_resolve, says_that_a_name_has_no_address)
{
    char label[100];
    memset(label, 'x', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0'; /* longer than a label may be: no name server is asked */
    asked.host = label;
    loop_call(loop, ask, NULL);
    wait_until_told(1);
    cr_assert_str_eq(asked.address, "");
    cr_assert(str_starts_with(asked.message, "the name xxx"), "%s", asked.message);
}

static void ask_and_cancel(void *userdata)
{
    ask(userdata);
    asked.resolution = xo_resolution_cancel(asked.resolution);
}

Test(xo_resolve, tells_nobody_after_it_was_cancelled)
{
    asked.host = "localhost";
    loop_call(loop, ask_and_cancel, NULL);
    asked.turn = 0;
    loop_call(loop, ask, NULL);
    wait_until_told(1);
    loop_stop(loop); /* whatever was posted has run */
    cr_assert_eq(asked.told, 1);
}
