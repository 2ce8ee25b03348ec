/*
 * xosim: connections that are never answered.
 *
 * libwebsockets either answers an upgrade or closes the connection; a real Xen Orchestra does neither on a wrong path. So the connection
 * is taken out of its hands: the descriptor that it knows is replaced by one end of a pair that leads nowhere, which it closes, and
 * the client's connection is kept here until the client gives up.
 */
#include "base/log.h"
#include "base/mem.h"
#include "xosim/server_internal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Closes those whose client has gone, and the oldest when there are too many. */
static void sweep(struct hanging *hanging)
{
    size_t kept = 0;
    for (size_t i = 0; i < hanging->len; i++) {
        struct pollfd watched = {.fd = hanging->descriptors[i], .events = POLLRDHUP};
        bool gone = poll(&watched, 1, 0) > 0;
        if (gone || (i == 0 && hanging->len == SERVER_HANGING_MAX))
            close(hanging->descriptors[i]);
        else
            hanging->descriptors[kept++] = hanging->descriptors[i];
    }
    hanging->len = kept;
}

void server_hang(struct lws *wsi)
{
    struct hanging *hanging = &server_of(wsi)->hanging;
    int known = lws_get_socket_fd(wsi);
    int pair[2];
    sweep(hanging);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        log_warn("no descriptor is left: an upgrade on a wrong path is refused, not left hanging");
        return;
    }
    int kept = fcntl(known, F_DUPFD_CLOEXEC, 0);
    if (kept >= 0 && dup3(pair[0], known, O_CLOEXEC) >= 0)
        hanging->descriptors[hanging->len++] = kept;
    else if (kept >= 0)
        close(kept);
    close(pair[0]);
    close(pair[1]);
}

void server_hanging_done(struct hanging *hanging)
{
    for (size_t i = 0; i < hanging->len; i++)
        close(hanging->descriptors[i]);
    hanging->len = 0;
}
