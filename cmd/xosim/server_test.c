/*
 * xosim: the two servers, over real sockets: a server in a child process, spoken to by hand. Covers server_ws.c, server_http.c,
 * server_hang.c, server_away.c.
 */
#include "xosim/fake/wire.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void setup(void)
{
    wire_serve(NULL, 100);
}

TestSuite(server, .init = setup, .fini = wire_end);

Test(server, answers_calls_over_a_websocket_and_pings)
{
    cleanup_buf struct buf heard = {0};
    int socket_fd = wire_upgrade("/api/");
    wire_sign_in(socket_fd, &heard);
    wire_say_frame(socket_fd, 9, "are you there");
    wire_hear_until(socket_fd, &heard, "are you there");
    close(socket_fd);
}

Test(server, sends_a_large_answer_whole)
{
    cleanup_buf struct buf heard = {0};
    int socket_fd = wire_upgrade("/api/");
    wire_sign_in(socket_fd, &heard);
    wire_say_frame(socket_fd, 1,
                   "{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"xo.getAllObjects\",\"params\":{}}");
    wire_hear_until(socket_fd, &heard, "\"id\":77,\"jsonrpc\":\"2.0\"}");
    cr_expect_gt(heard.len, 30000);
    close(socket_fd);
}

Test(server, never_answers_an_upgrade_on_another_path)
{
    static const char *const paths[] = {"/api", "/", "/api/?x=1", "/other/"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        int socket_fd = wire_upgrade(paths[i]);
        struct pollfd watched = {.fd = socket_fd, .events = POLLIN};
        cr_expect_eq(poll(&watched, 1, WIRE_HANG_MS), 0, "%s", paths[i]);
        close(socket_fd);
    }
}

Test(server, serves_the_control_endpoint)
{
    cleanup_buf struct buf world = {0};
    cleanup_buf struct buf wrong = {0};
    cleanup_buf struct buf made = {0};
    wire_ask_control("GET /world HTTP/1.1\r\nHost: x\r\n\r\n", &world, "\"speed\"");
    cr_expect(str_starts_with(buf_str(&world), "HTTP/1.1 200"));
    wire_ask_control("DELETE /faults/none HTTP/1.1\r\nHost: x\r\n\r\n", &wrong,
                     "there is no fault");
    cr_expect(str_starts_with(buf_str(&wrong), "HTTP/1.1 404"));
    wire_post("/disks", "{\"name\": \"pvc\", \"sr\": \"host-a1 local\", \"size\": 1073741824}",
              &made, "sha256");
    cr_expect(str_starts_with(buf_str(&made), "HTTP/1.1 201"));
}

Test(server, tells_a_client_of_a_disk_that_the_control_endpoint_made)
{
    cleanup_buf struct buf heard = {0};
    cleanup_buf struct buf made = {0};
    int socket_fd = wire_upgrade("/api/");
    wire_sign_in(socket_fd, &heard);
    wire_post("/disks", "{\"name\": \"pvc\", \"sr\": \"host-a1 local\", \"size\": 1073741824}",
              &made, "sha256");
    wire_hear_until(socket_fd, &heard, "\"name_label\":\"pvc\"");
    close(socket_fd);
}

static void restart_xen_orchestra(const char *fault)
{
    cleanup_buf struct buf heard = {0};
    cleanup_buf struct buf made = {0};
    int socket_fd = wire_upgrade("/api/");
    wire_sign_in(socket_fd, &heard);
    wire_post("/faults", fault, &made, "fault-1");
    while (wire_hear(socket_fd, &heard, WIRE_DEADLINE_MS)) /* until the end */
        continue;
    close(socket_fd);
}

Test(server, refuses_connections_while_xen_orchestra_is_away_and_takes_them_when_it_is_back)
{
    cleanup_buf struct buf heard = {0};
    restart_xen_orchestra("{\"name\": \"xo-restart\", \"seconds\": 30}");
    cr_expect_eq(wire_try_to_dial(wire_ports[0]), ECONNREFUSED);
    cr_expect_eq(wire_try_to_dial(wire_ports[1]), 0, "the control endpoint went away too");
    while (wire_try_to_dial(wire_ports[0]) != 0) /* 0.3 s of real time */
        continue;
    int socket_fd = wire_upgrade("/api/");
    if (!wire_hear(socket_fd, &heard, WIRE_HANG_MS)) { /* this one hung on the way up */
        close(socket_fd);
        socket_fd = wire_upgrade("/api/");
    }
    wire_sign_in(socket_fd, &heard);
    close(socket_fd);
}

Test(server, leaves_a_handshake_hanging_while_xen_orchestra_is_on_its_way_up)
{
    restart_xen_orchestra("{\"name\": \"xo-restart\", \"seconds\": 9999, \"hang\": 9999}");
    int socket_fd = wire_upgrade("/api/");
    struct pollfd watched = {.fd = socket_fd, .events = POLLIN};
    cr_expect_eq(poll(&watched, 1, WIRE_HANG_MS), 0);
    close(socket_fd);
}
