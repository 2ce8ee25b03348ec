/*
 * xosim, for tests: a server in a child process, and sockets that speak to it by hand. Everything that fails ends the test. Thread:
 * the test's.
 */
#ifndef XOSIM_FAKE_WIRE_H
#define XOSIM_FAKE_WIRE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    WIRE_DEADLINE_MS = 60000, /* for what must come: generous, it is never waited for in vain */
    WIRE_HANG_MS = 300        /* for what must not come */
};

/** Xen Orchestra's port, the control endpoint's. */
extern int wire_ports[2];

/** Starts a server of the default world with `more` at its end (YAML; NULL: nothing), so many times as fast as time. */
void wire_serve(const char *more, double speed);

/** Ends it, and expects that it ends cleanly. */
void wire_end(void);

/** A connection; closed by the caller. */
int wire_dial(int port);

/** 0, or why (errno) a connection is not made. */
int wire_try_to_dial(int port);

/** Sends all of it. */
void wire_say(int socket_fd, const void *data, size_t len);

/** Whether anything comes within a time; what comes is appended. False also at the end. */
bool wire_hear(int socket_fd, struct buf *heard, int ms);

/** Hears until a text has come. */
void wire_hear_until(int socket_fd, struct buf *heard, const char *text);

/** A connection on which an upgrade has been asked for, with more header lines (NULL: none). */
int wire_upgrade_with(const char *path, const char *headers);

/** The same without more. */
int wire_upgrade(const char *path);

/** Sends a masked frame (the mask is 0) whose first byte is `first`: 0x81 for a text. */
void wire_say_bytes(int socket_fd, unsigned char first, const void *data, size_t len);

/** A text or control frame of an opcode. */
void wire_say_frame(int socket_fd, unsigned char opcode, const char *text);

/** Waits for the answer to the upgrade, and signs in. */
void wire_sign_in(int socket_fd, struct buf *heard);

/** Sends a request to the control endpoint and hears until a text has come. */
void wire_ask_control(const char *request, struct buf *heard, const char *until);

/** Posts a body to the control endpoint, likewise. */
void wire_post(const char *path, const char *body, struct buf *heard, const char *until);

#endif
