/*
 * xosim: the two servers, over real sockets: a server in a child process, spoken to by hand. Covers server_ws.c, server_http.c,
 * server_hang.c.
 */
#include "xosim/server.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/fake/client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DEADLINE_MS = 20000, /* for what must come: generous, it is never waited for in vain */
    HANG_MS = 300        /* for what must not come */
};

static pid_t child;
static int ports[2]; /* Xen Orchestra's, the control endpoint's */
static struct server *running;

static void on_term(int number)
{
    (void)number;
    server_stop(running);
}

static void serve(int pipe_end)
{
    struct err err = {0};
    struct site *site = fake_site_from(WORLDS "/default.yaml", NULL, NULL);
    const struct options options = {.listen = {.address = "127.0.0.1"},
                                    .control = {.address = "127.0.0.1"},
                                    .speed = 100};
    const struct sigaction stop = {.sa_handler = on_term};
    site->timers.wall_base_ms = 0;
    if (server_new(&options, site, &running, &err) != 0 || sigaction(SIGTERM, &stop, NULL) != 0)
        _exit(1);
    int found[2] = {server_port(running), server_control_port(running)};
    if (write(pipe_end, found, sizeof(found)) != (ssize_t)sizeof(found))
        _exit(1);
    server_run(running);
    server_free(running);
    site_free(site);
    _exit(0);
}

static void setup(void)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        serve(ends[1]);
    close(ends[1]);
    cr_assert_eq(read(ends[0], ports, sizeof(ports)), (ssize_t)sizeof(ports));
    close(ends[0]);
}

static void teardown(void)
{
    int status = 0;
    cr_assert_eq(kill(child, SIGTERM), 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server did not end cleanly");
}

TestSuite(server, .init = setup, .fini = teardown);

static int dial(int port)
{
    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_geq(socket_fd, 0);
    cr_assert_eq(connect(socket_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return socket_fd;
}

static void say(int socket_fd, const void *data, size_t len)
{
    cr_assert_eq(send(socket_fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Whether anything, or the end, comes within a time; what comes is appended. */
static bool hear(int socket_fd, struct buf *heard, int ms)
{
    struct pollfd watched = {.fd = socket_fd, .events = POLLIN};
    char chunk[65536];
    struct err err = {0};
    if (poll(&watched, 1, ms) <= 0)
        return false;
    ssize_t len = recv(socket_fd, chunk, sizeof(chunk), 0);
    if (len > 0)
        cr_assert_eq(buf_append(heard, chunk, (size_t)len, &err), 0);
    return len > 0;
}

static void hear_until(int socket_fd, struct buf *heard, const char *text)
{
    while (!memmem(heard->data ? heard->data : "", heard->len, text, strlen(text)))
        cr_assert(hear(socket_fd, heard, DEADLINE_MS), "\"%s\" never came", text);
}

static int upgrade(const char *path)
{
    int socket_fd = dial(ports[0]);
    cleanup_str char *request = str_new(
        "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        path);
    say(socket_fd, request, strlen(request));
    return socket_fd;
}

/* A masked frame with an opcode, of less than 126 bytes; the mask is 0. */
static void say_frame(int socket_fd, unsigned char opcode, const char *text)
{
    unsigned char frame[132] = {(unsigned char)(0x80 | opcode),
                                (unsigned char)(0x80 | strlen(text))};
    memcpy(frame + 6, text, strlen(text));
    say(socket_fd, frame, 6 + strlen(text));
}

static void sign_in(int socket_fd, struct buf *heard)
{
    hear_until(socket_fd, heard, "\r\n\r\n");
    say_frame(socket_fd, 1,
              "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.signIn\","
              "\"params\":{\"token\":\"lab-token\"}}");
    hear_until(socket_fd, heard, "admin@admin.net");
}

Test(server, answers_calls_over_a_websocket_and_pings)
{
    cleanup_buf struct buf heard = {0};
    int socket_fd = upgrade("/api/");
    sign_in(socket_fd, &heard);
    say_frame(socket_fd, 9, "are you there");
    hear_until(socket_fd, &heard, "are you there");
    close(socket_fd);
}

Test(server, sends_a_large_answer_whole)
{
    cleanup_buf struct buf heard = {0};
    int socket_fd = upgrade("/api/");
    sign_in(socket_fd, &heard);
    say_frame(socket_fd, 1,
              "{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"xo.getAllObjects\",\"params\":{}}");
    hear_until(socket_fd, &heard, "\"id\":77,\"jsonrpc\":\"2.0\"}");
    cr_expect_gt(heard.len, 30000);
    close(socket_fd);
}

Test(server, never_answers_an_upgrade_on_another_path)
{
    static const char *const paths[] = {"/api", "/", "/api/?x=1", "/other/"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        int socket_fd = upgrade(paths[i]);
        struct pollfd watched = {.fd = socket_fd, .events = POLLIN};
        cr_expect_eq(poll(&watched, 1, HANG_MS), 0, "%s", paths[i]);
        close(socket_fd);
    }
}

static void ask_control(const char *request, struct buf *heard, const char *until)
{
    int socket_fd = dial(ports[1]);
    say(socket_fd, request, strlen(request));
    hear_until(socket_fd, heard, until);
    close(socket_fd);
}

static void post(const char *path, const char *body, struct buf *heard, const char *until)
{
    cleanup_str char *request =
        str_new("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", path, strlen(body),
                body);
    ask_control(request, heard, until);
}

Test(server, serves_the_control_endpoint)
{
    cleanup_buf struct buf world = {0};
    cleanup_buf struct buf wrong = {0};
    cleanup_buf struct buf made = {0};
    ask_control("GET /world HTTP/1.1\r\nHost: x\r\n\r\n", &world, "\"speed\"");
    cr_expect(str_starts_with(buf_str(&world), "HTTP/1.1 200"));
    ask_control("DELETE /faults/none HTTP/1.1\r\nHost: x\r\n\r\n", &wrong, "there is no fault");
    cr_expect(str_starts_with(buf_str(&wrong), "HTTP/1.1 404"));
    post("/disks", "{\"name\": \"pvc\", \"sr\": \"host-a1 local\", \"size\": 1073741824}", &made,
         "sha256");
    cr_expect(str_starts_with(buf_str(&made), "HTTP/1.1 201"));
}

Test(server, tells_a_client_of_a_disk_that_the_control_endpoint_made)
{
    cleanup_buf struct buf heard = {0};
    cleanup_buf struct buf made = {0};
    int socket_fd = upgrade("/api/");
    sign_in(socket_fd, &heard);
    post("/disks", "{\"name\": \"pvc\", \"sr\": \"host-a1 local\", \"size\": 1073741824}", &made,
         "sha256");
    hear_until(socket_fd, &heard, "\"name_label\":\"pvc\"");
    close(socket_fd);
}

/* 0, or why a connection is not made. */
static int try_to_dial(int port)
{
    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int result = connect(socket_fd, (const struct sockaddr *)&address, sizeof(address));
    int why = result == 0 ? 0 : errno;
    close(socket_fd);
    return why;
}

static void restart_xen_orchestra(const char *fault)
{
    cleanup_buf struct buf heard = {0};
    cleanup_buf struct buf made = {0};
    int socket_fd = upgrade("/api/");
    sign_in(socket_fd, &heard);
    post("/faults", fault, &made, "fault-1");
    while (hear(socket_fd, &heard, DEADLINE_MS)) /* until the end */
        continue;
    close(socket_fd);
}

Test(server, refuses_connections_while_xen_orchestra_is_away_and_takes_them_when_it_is_back)
{
    cleanup_buf struct buf heard = {0};
    restart_xen_orchestra("{\"name\": \"xo-restart\", \"seconds\": 30}");
    cr_expect_eq(try_to_dial(ports[0]), ECONNREFUSED);
    cr_expect_eq(try_to_dial(ports[1]), 0, "the control endpoint went away too");
    while (try_to_dial(ports[0]) != 0) /* 0.3 s of real time */
        continue;
    int socket_fd = upgrade("/api/");
    if (!hear(socket_fd, &heard, HANG_MS)) { /* this one hung on the way up */
        close(socket_fd);
        socket_fd = upgrade("/api/");
    }
    sign_in(socket_fd, &heard);
    close(socket_fd);
}

Test(server, leaves_a_handshake_hanging_while_xen_orchestra_is_on_its_way_up)
{
    restart_xen_orchestra("{\"name\": \"xo-restart\", \"seconds\": 9999, \"hang\": 9999}");
    int socket_fd = upgrade("/api/");
    struct pollfd watched = {.fd = socket_fd, .events = POLLIN};
    cr_expect_eq(poll(&watched, 1, HANG_MS), 0);
    close(socket_fd);
}
