/* xosim: the REST API over real sockets. Covers server_rest.c. */
#include "xosim/fake/wire.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define COOKIE "Host: x\r\nCookie: authenticationToken=lab-token\r\n"
#define SPARE  "a0000000-0000-4000-8000-0000000ddd04"

static void setup(void)
{
    wire_serve("  - {name: tiny, uuid: a0000000-0000-4000-8000-0000000ddd99, sr: pool-a shared, "
               "size: 4 MiB, seed: 7}\n",
               100);
}

TestSuite(server_rest, .init = setup, .fini = wire_end);

static void say(int socket_fd, const char *text)
{
    wire_say(socket_fd, text, strlen(text));
}

Test(server_rest, answers_several_requests_on_one_connection)
{
    cleanup_buf struct buf heard = {0};
    int socket_fd = wire_dial(wire_ports[0]);
    say(socket_fd, "GET /rest/v0/pools HTTP/1.1\r\n" COOKIE "\r\n");
    wire_hear_until(socket_fd, &heard, "\n]");
    cr_expect(str_starts_with(buf_str(&heard), "HTTP/1.1 200 OK\r\n"));
    buf_clear(&heard);
    say(socket_fd, "PATCH /rest/v0/vdis/" SPARE " HTTP/1.1\r\n" COOKIE
                   "Content-Length: 22\r\n\r\n{\"name_label\":\"other\"}");
    wire_hear_until(socket_fd, &heard, "HTTP/1.1 204 No Content\r\n\r\n");
    buf_clear(&heard);
    say(socket_fd, "DELETE /rest/v0/vdis/none HTTP/1.1\r\n" COOKIE "\r\n");
    wire_hear_until(socket_fd, &heard, "no such VDI none");
    buf_clear(&heard);
    say(socket_fd, "GET /rest/v0/vdis?filter=name_label%3A%22other%22&fields=name_label "
                   "HTTP/1.1\r\n" COOKIE "\r\n");
    wire_hear_until(socket_fd, &heard, "\"name_label\": \"other\"");
    close(socket_fd);
}

Test(server_rest, decodes_a_query_and_streams_lines_in_chunks)
{
    cleanup_buf struct buf heard = {0};
    int socket_fd = wire_dial(wire_ports[0]);
    say(socket_fd, "GET /rest/v0/vms?filter=name_label:%2F%5Eworker-a1%24%2F&ndjson=true "
                   "HTTP/1.1\r\n" COOKIE "\r\n");
    wire_hear_until(socket_fd, &heard, "0\r\n\r\n");
    cr_expect(strstr(buf_str(&heard), "Transfer-Encoding: chunked\r\n"));
    cr_expect(strstr(buf_str(&heard), "\r\n34\r\n\"/rest/v0/vms/"), "%s", buf_str(&heard));
    close(socket_fd);
}

Test(server_rest, sends_a_whole_disk)
{
    cleanup_buf struct buf heard = {0};
    int socket_fd = wire_dial(wire_ports[0]);
    say(socket_fd,
        "GET /rest/v0/vdis/a0000000-0000-4000-8000-0000000ddd99.raw HTTP/1.1\r\n" COOKIE "\r\n");
    wire_hear_until(socket_fd, &heard, "\r\n0\r\n\r\n");
    cr_expect_gt(heard.len, (size_t)4 << 20);
    close(socket_fd);
}

Test(server_rest, removes_half_an_import_whose_client_has_gone)
{
    cleanup_buf struct buf heard = {0};
    int watcher = wire_upgrade("/api/");
    wire_sign_in(watcher, &heard);
    int socket_fd = wire_dial(wire_ports[0]);
    say(socket_fd,
        "POST /rest/v0/srs/a0000000-0000-4000-8000-000000005a02/vdis?raw=true"
        "&name_label=half HTTP/1.1\r\n" COOKIE "Content-Length: 4194304\r\n\r\nsome bytes");
    wire_hear_until(watcher, &heard, "Importing content into VDI half");
    close(socket_fd);
    wire_hear_until(watcher, &heard, "Async.VDI.destroy");
    wire_hear_until(watcher, &heard, "\"type\":\"exit\"");
    close(watcher);
}

Test(server_rest, ends_the_connection_when_it_answers_before_it_has_read)
{
    cleanup_buf struct buf heard = {0};
    int socket_fd = wire_dial(wire_ports[0]);
    say(socket_fd, "PUT /rest/v0/vdis/none.raw HTTP/1.1\r\n" COOKIE
                   "Content-Length: 4194304\r\n\r\nsome bytes");
    while (wire_hear(socket_fd, &heard, WIRE_DEADLINE_MS)) /* until the end */
        continue;
    cr_expect(str_starts_with(buf_str(&heard), "HTTP/1.1 404"));
    cr_expect(strstr(buf_str(&heard), "Connection: close"));
    close(socket_fd);
}

Test(server_rest, cuts_streams_when_xen_orchestra_restarts)
{
    cleanup_buf struct buf heard = {0};
    cleanup_buf struct buf made = {0};
    int socket_fd = wire_dial(wire_ports[0]);
    say(socket_fd, "GET /rest/v0/events HTTP/1.1\r\n" COOKIE "\r\n");
    wire_hear_until(socket_fd, &heard, "event: init");
    wire_post("/faults", "{\"name\": \"xo-restart\", \"seconds\": 999}", &made, "fault-1");
    while (wire_hear(socket_fd, &heard, WIRE_DEADLINE_MS)) /* until the end */
        continue;
    struct pollfd watched = {.fd = socket_fd, .events = POLLRDHUP};
    cr_expect_eq(poll(&watched, 1, 0), 1, "it is still open");
    close(socket_fd);
}
