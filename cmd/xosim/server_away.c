/*
 * xosim: Xen Orchestra's port while it is away.
 *
 * When a process ends, its port refuses connections. libwebsockets can not stop listening without
 * ending its host. So the descriptor that it listens on is replaced by one at which nothing ever
 * arrives, which closes the listening socket; meanwhile a socket that is bound and does not listen
 * keeps the port (the kernel refuses connections to it); it becomes the listening one again when
 * Xen Orchestra is back.
 */
#include "base/log.h"
#include "xosim/server_internal.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DESCRIPTORS_MAX = 64, /* the listening sockets are among the first that are opened */
    BACKLOG = 128
};

static int flag_of(int fd, int option)
{
    int value = 0;
    socklen_t len = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : 0;
}

static int port_of(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
    if (address->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
    return -1;
}

void server_away_init(struct away *away, int port)
{
    away->listening = -1;
    away->kept = -1;
    for (int fd = 0; fd < DESCRIPTORS_MAX && away->listening < 0; fd++) {
        socklen_t len = sizeof(away->address);
        if (flag_of(fd, SO_ACCEPTCONN) &&
            getsockname(fd, (struct sockaddr *)&away->address, &len) == 0 &&
            port_of(&away->address) == port) {
            away->listening = fd;
            away->address_len = len;
        }
    }
}

/* Has libwebsockets watch something else under the number that it knows. */
static bool replace(int known, int other)
{
    bool replaced = other >= 0 && dup3(other, known, O_CLOEXEC) >= 0;
    if (other >= 0)
        close(other);
    return replaced;
}

/* A socket that has the port and does not listen, or -1. */
static int keep_port(const struct away *away)
{
    int yes = 1;
    int fd = socket(away->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
                    bind(fd, (const struct sockaddr *)&away->address, away->address_len) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void leave(struct away *away)
{
    if (!replace(away->listening, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {
        log_warn("no descriptor is left: connections are not refused while Xen Orchestra is away");
        return;
    }
    away->gone = true;
    away->kept = keep_port(away);
}

static void come_back(struct away *away)
{
    if (away->kept < 0)
        away->kept = keep_port(away);
    if (away->kept < 0 || listen(away->kept, BACKLOG) != 0) {
        log_warn("Xen Orchestra can not listen yet: somebody else has taken its port");
        return;
    }
    away->gone = !replace(away->listening, away->kept);
    away->kept = -1;
}

void server_away_follow(struct away *away, bool gone)
{
    if (away->listening < 0 || away->gone == gone)
        return;
    if (gone)
        leave(away);
    else
        come_back(away);
}

void server_away_done(struct away *away)
{
    if (away->kept >= 0)
        close(away->kept);
    away->kept = -1;
}
