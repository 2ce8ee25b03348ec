/* base: the event loop and its HTTP endpoint, over real sockets. Covers loop.c. */
#include "base/http_server.h"

#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct http_server *server;
static struct buf big;

static void hello(struct http_response *response, void *userdata)
{
    buf_put(&response->body, userdata);
}

static void failing(struct http_response *response, void *userdata)
{
    (void)userdata;
    response->status = 503;
    response->content_type = "text/x-reason";
    buf_put(&response->body, "cannot reach XO");
}

static void huge(struct http_response *response, void *userdata)
{
    (void)userdata;
    buf_put_bytes(&response->body, big.data, big.len);
}

static void setup(void)
{
    struct err err = {0};
    cr_assert_eq(loop_new(&loop, &err), 0, "%s", err.message);
    cr_assert_eq(http_server_new(loop, "127.0.0.1:0", &server, &err), 0, "%s", err.message);
    static char text[] = "hello";
    http_server_handle(server, "/hello", hello, text);
    http_server_handle(server, "/failing", failing, NULL);
    http_server_handle(server, "/huge", huge, NULL);
    for (int i = 0; i < 100000; i++)
        buf_putf(&big, "line %d\n", i);
    cr_assert_eq(loop_start(loop, &err), 0, "%s", err.message);
}

static void teardown(void)
{
    server = http_server_free(server);
    loop_stop(loop);
    loop = loop_free(loop);
    buf_done(&big);
}

TestSuite(http_server, .init = setup, .fini = teardown, .timeout = 30);
TestSuite(loop, .init = setup, .fini = teardown, .timeout = 30);

static int connect_to(uint16_t port)
{
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cr_assert_eq(connect(descriptor, (const struct sockaddr *)&address, sizeof(address)), 0);
    return descriptor;
}

/* Sends a request and reads until the server closes. */
static char *ask(const char *request)
{
    int descriptor = connect_to(http_server_port(server));
    cr_assert_eq(write(descriptor, request, strlen(request)), (ssize_t)strlen(request));
    struct buf reply = {0};
    char piece[4096];
    for (ssize_t got; (got = read(descriptor, piece, sizeof(piece))) > 0;)
        buf_put_bytes(&reply, piece, (size_t)got);
    close(descriptor);
    return buf_steal(&reply);
}

Test(http_server, answers_a_get_with_what_the_handler_says)
{
    char *reply cleanup_str = ask("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cr_assert(str_starts_with(reply, "HTTP/1.1 200"), "%s", reply);
    cr_assert(str_ends_with(reply, "\r\n\r\nhello"), "%s", reply);
    cr_assert_not_null(strcasestr(reply, "content-length: 5"));
}

Test(http_server, passes_status_and_type_on)
{
    char *reply cleanup_str = ask("GET /failing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cr_assert(str_starts_with(reply, "HTTP/1.1 503"), "%s", reply);
    cr_assert_not_null(strcasestr(reply, "content-type: text/x-reason"));
}

Test(http_server, answers_a_head_without_the_body)
{
    char *reply cleanup_str = ask("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cr_assert(str_starts_with(reply, "HTTP/1.1 200"), "%s", reply);
    cr_assert(str_ends_with(reply, "\r\n\r\n"), "%s", reply);
}

Test(http_server, refuses_other_paths_and_methods)
{
    char *missing cleanup_str = ask("GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cr_assert(str_starts_with(missing, "HTTP/1.1 404"), "%s", missing);
    char *post cleanup_str = ask("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxx");
    cr_assert(str_starts_with(post, "HTTP/1.1 405"), "%s", post);
}

Test(http_server, sends_a_large_body_whole)
{
    char *reply cleanup_str = ask("GET /huge HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const char *body = strstr(reply, "\r\n\r\n");
    cr_assert_not_null(body);
    cr_assert_str_eq(body + 4, buf_str(&big));
}

Test(http_server, serves_several_requests_on_one_connection)
{
    char *reply cleanup_str = ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                                  "GET /failing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const char *first = strstr(reply, "hello");
    cr_assert_not_null(first);
    cr_assert_not_null(strstr(first, "cannot reach XO"));
}

Test(http_server, closes_on_headers_that_are_too_long)
{
    struct buf request cleanup_buf = {0};
    buf_put(&request, "GET /hello HTTP/1.1\r\nX: ");
    for (int i = 0; i < 10000; i++)
        buf_put(&request, "x");
    buf_put(&request, "\r\n\r\n");
    char *reply cleanup_str = ask(buf_str(&request));
    cr_assert_not(str_starts_with(reply, "HTTP/1.1 200"), "%s", reply);
}

Test(http_server, says_what_is_wrong_with_an_address)
{
    static const char *const wrong[] = {"8080",   "127.0.0.1",  "127.0.0.1:99999",
                                        "::1:80", "127.0.0.1:", "x:-1"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct err err = {0};
        struct http_server *none = NULL;
        cr_assert_eq(http_server_new(loop, wrong[i], &none, &err), -1, "%s", wrong[i]);
        cr_assert_eq(err.class, ERR_INVALID, "%s", wrong[i]);
        cr_assert_not_null(strstr(err.message, wrong[i]));
    }
}

static void listen_again(void *userdata)
{
    struct err *err = userdata;
    char address[32];
    str_format(address, sizeof(address), "127.0.0.1:%u", (unsigned int)http_server_port(server));
    /* libwebsockets shares a listening socket between its own hosts, so take a port of ours. */
    int taken = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    cr_assert_eq(bind(taken, (const struct sockaddr *)&at, len), 0);
    cr_assert_eq(listen(taken, 1), 0);
    cr_assert_eq(getsockname(taken, (struct sockaddr *)&at, &len), 0);
    str_format(address, sizeof(address), "127.0.0.1:%u", (unsigned int)ntohs(at.sin_port));
    struct http_server *none = NULL;
    cr_assert_eq(http_server_new(loop, address, &none, err), -1);
    close(taken);
}

Test(http_server, says_that_a_port_is_taken)
{
    struct err err = {0};
    loop_call(loop, listen_again, &err);
    cr_assert_eq(err.class, ERR_TRANSIENT);
    cr_assert_not_null(strstr(err.message, "port is taken"));
}

struct posts {
    int next;      /* what is expected next */
    int mistakes;  /* runs out of order */
    int elsewhere; /* runs off the loop's thread */
};

static struct posts posts;

static void expect(void *userdata)
{
    posts.mistakes += (int)(intptr_t)userdata != posts.next++;
    posts.elsewhere += !loop_is_current(loop);
}

static void nothing(void *userdata)
{
    (void)userdata;
}

Test(loop, runs_posted_functions_in_order_on_its_thread)
{
    cr_assert_not(loop_is_current(loop));
    for (int i = 0; i < 1000; i++)
        loop_post(loop, expect, (void *)(intptr_t)i);
    loop_call(loop, nothing, NULL);
    cr_assert_eq(posts.next, 1000);
    cr_assert_eq(posts.mistakes, 0);
    cr_assert_eq(posts.elsewhere, 0);
}

Test(loop, runs_what_was_posted_before_it_stopped)
{
    for (int i = 0; i < 10; i++)
        loop_post(loop, expect, (void *)(intptr_t)i);
    loop_stop(loop);
    cr_assert_eq(posts.next, 10);
}

struct ticking {
    struct loop_timer *timer;
    pthread_mutex_t mutex; /* guards fired */
    pthread_cond_t changed;
    int fired;
};

static void tick(void *userdata)
{
    struct ticking *ticking = userdata;
    pthread_mutex_lock(&ticking->mutex);
    if (++ticking->fired < 3)
        loop_timer_set(ticking->timer, 1);
    pthread_cond_signal(&ticking->changed);
    pthread_mutex_unlock(&ticking->mutex);
}

static void start_ticking(void *userdata)
{
    struct ticking *ticking = userdata;
    ticking->timer = loop_timer_new(loop, tick, ticking);
    loop_timer_set(ticking->timer, 0);
}

static void stop_ticking(void *userdata)
{
    struct ticking *ticking = userdata;
    ticking->timer = loop_timer_free(ticking->timer);
}

Test(loop, fires_a_timer_once_per_setting)
{
    struct ticking ticking = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER};
    loop_call(loop, start_ticking, &ticking);
    pthread_mutex_lock(&ticking.mutex);
    while (ticking.fired < 3)
        pthread_cond_wait(&ticking.changed, &ticking.mutex);
    pthread_mutex_unlock(&ticking.mutex);
    loop_call(loop, stop_ticking, &ticking);
    cr_assert_eq(ticking.fired, 3);
}
