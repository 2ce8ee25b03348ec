/* xosim, for tests: a server in a child process, and sockets that speak to it by hand. */
#include "xosim/fake/wire.h"

#include "base/mem.h"
#include "base/str.h"
#include "xosim/fake/client.h"
#include "xosim/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int wire_ports[2];

static pid_t child;
static struct server *running;

static void on_term(int number)
{
    (void)number;
    server_stop(running);
}

static void serve(const char *more, double speed, int pipe_end)
{
    struct err err = {0};
    struct site *site = fake_site_from(WORLDS "/default.yaml", more, NULL);
    const struct options options = {.listen = {.address = "127.0.0.1"},
                                    .control = {.address = "127.0.0.1"},
                                    .speed = speed};
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

void wire_serve(const char *more, double speed)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        serve(more, speed, ends[1]);
    close(ends[1]);
    cr_assert_eq(read(ends[0], wire_ports, sizeof(wire_ports)), (ssize_t)sizeof(wire_ports));
    close(ends[0]);
}

void wire_end(void)
{
    int status = 0;
    cr_assert_eq(kill(child, SIGTERM), 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server did not end cleanly");
}

static int new_connection(int port, int *ret_why)
{
    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_geq(socket_fd, 0);
    int result = connect(socket_fd, (const struct sockaddr *)&address, sizeof(address));
    *ret_why = result == 0 ? 0 : errno;
    return socket_fd;
}

int wire_dial(int port)
{
    int why = 0;
    int socket_fd = new_connection(port, &why);
    cr_assert_eq(why, 0, "error %d", why);
    return socket_fd;
}

int wire_try_to_dial(int port)
{
    int why = 0;
    close(new_connection(port, &why));
    return why;
}

void wire_say(int socket_fd, const void *data, size_t len)
{
    const char *rest = data;
    while (len > 0) {
        ssize_t sent = send(socket_fd, rest, len, MSG_NOSIGNAL);
        cr_assert_gt(sent, 0);
        rest += sent;
        len -= (size_t)sent;
    }
}

bool wire_hear(int socket_fd, struct buf *heard, int ms)
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

void wire_hear_until(int socket_fd, struct buf *heard, const char *text)
{
    while (!memmem(heard->data ? heard->data : "", heard->len, text, strlen(text)))
        cr_assert(wire_hear(socket_fd, heard, WIRE_DEADLINE_MS), "\"%s\" never came", text);
}

int wire_upgrade_with(const char *path, const char *headers)
{
    int socket_fd = wire_dial(wire_ports[0]);
    cleanup_str char *request = str_new(
        "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
        path, headers ? headers : "");
    wire_say(socket_fd, request, strlen(request));
    return socket_fd;
}

int wire_upgrade(const char *path)
{
    return wire_upgrade_with(path, NULL);
}

void wire_say_bytes(int socket_fd, unsigned char first, const void *data, size_t len)
{
    unsigned char head[14] = {first};
    size_t used = 2;
    if (len < 126) {
        head[1] = (unsigned char)(0x80 | len);
    } else {
        bool wide = len > 65535;
        head[1] = wide ? 0x80 | 127 : 0x80 | 126;
        for (size_t bytes = wide ? 8 : 2; bytes > 0; bytes--)
            head[used++] = (unsigned char)(len >> (8 * (bytes - 1)));
    }
    wire_say(socket_fd, head, used + 4); /* the mask is 0 */
    wire_say(socket_fd, data, len);
}

void wire_say_frame(int socket_fd, unsigned char opcode, const char *text)
{
    wire_say_bytes(socket_fd, (unsigned char)(0x80 | opcode), text, strlen(text));
}

void wire_sign_in(int socket_fd, struct buf *heard)
{
    wire_hear_until(socket_fd, heard, "\r\n\r\n");
    wire_say_frame(socket_fd, 1,
                   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.signIn\","
                   "\"params\":{\"token\":\"lab-token\"}}");
    wire_hear_until(socket_fd, heard, "admin@admin.net");
}

void wire_ask_control(const char *request, struct buf *heard, const char *until)
{
    int socket_fd = wire_dial(wire_ports[1]);
    wire_say(socket_fd, request, strlen(request));
    wire_hear_until(socket_fd, heard, until);
    close(socket_fd);
}

void wire_post(const char *path, const char *body, struct buf *heard, const char *until)
{
    cleanup_str char *request =
        str_new("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", path, strlen(body),
                body);
    wire_ask_control(request, heard, until);
}
