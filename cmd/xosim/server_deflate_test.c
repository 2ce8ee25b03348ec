/* xosim: compression, over real sockets: messages that clients inflate by hand. Covers server_deflate.c. */
#include "xosim/fake/wire.h"

#include "base/json.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum {
    CLIENTS = 20,
    ROUNDS = 3,
    DISKS = 9900 /* with them everything is about 7 MB */
};

static const char disks[] = "  - {name: many, sr: pool-a shared, size: 10 MiB, count: 9900}\n";
static const char everything[] =
    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"xo.getAllObjects\",\"params\":{}}";

static void setup(void)
{
    wire_serve(disks, 1);
}

TestSuite(server_deflate, .init = setup, .fini = wire_end, .timeout = 300);

struct message {
    unsigned char first;
    const unsigned char *payload; /* *borrowed* from what was heard */
    size_t len;
    size_t whole; /* with its head */
};

/* Whether a whole frame has been heard. */
static bool next_message(const struct buf *heard, struct message *message)
{
    const unsigned char *data = (const unsigned char *)buf_str(heard);
    size_t head = 2;
    if (heard->len < 2)
        return false;
    uint64_t len = data[1];
    if (len >= 126) {
        size_t bytes = len == 126 ? 2 : 8;
        head += bytes;
        len = 0;
        for (size_t i = 0; i < bytes && heard->len >= head; i++)
            len = len << 8 | data[2 + i];
    }
    *message = (struct message){data[0], data + head, (size_t)len, head + (size_t)len};
    return heard->len >= head && heard->len - head >= len;
}

/* Inflates a message that was compressed by itself. */
static void inflate_message(const struct message *message, struct buf *text)
{
    static const unsigned char tail[] = {0, 0, 0xff, 0xff};
    z_stream stream = {0};
    struct buf data = {0};
    unsigned char chunk[65536];
    struct err err = {0};
    buf_put_bytes(&data, message->payload, message->len);
    buf_put_bytes(&data, tail, sizeof(tail));
    cr_assert_eq(inflateInit2(&stream, -15), Z_OK);
    stream.next_in = (unsigned char *)data.data;
    stream.avail_in = (uInt)data.len;
    do {
        stream.next_out = chunk;
        stream.avail_out = sizeof(chunk);
        cr_assert_eq(inflate(&stream, Z_SYNC_FLUSH), Z_OK, "%s", stream.msg);
        cr_assert_eq(buf_append(text, chunk, sizeof(chunk) - stream.avail_out, &err), 0);
    } while (stream.avail_out == 0);
    (void)inflateEnd(&stream); /* the stream goes on: it has no end of its own */
    buf_done(&data);
}

static int connect_client(const char *offer)
{
    cleanup_buf struct buf heard = {0};
    int socket_fd = wire_upgrade_with("/api/", offer);
    wire_sign_in(socket_fd, &heard);
    return socket_fd;
}

static const char offer[] = "Sec-WebSocket-Extensions: permessage-deflate; "
                            "client_no_context_takeover; client_max_window_bits\r\n";

/* The next message that is no notification nor a control frame, in full. */
static void receive(int socket_fd, struct buf *heard, struct buf *text, unsigned char *ret_first)
{
    struct message message;
    for (;;) {
        while (!next_message(heard, &message))
            cr_assert(wire_hear(socket_fd, heard, WIRE_DEADLINE_MS));
        bool compressed = message.first & 0x40;
        buf_clear(text);
        if (compressed)
            inflate_message(&message, text);
        else
            buf_put_bytes(text, message.payload, message.len);
        *ret_first = message.first;
        buf_drop(heard, message.whole);
        if ((message.first & 0x0f) == 1 && !strstr(buf_str(text), "\"method\":\"all\""))
            return;
    }
}

Test(server_deflate, compresses_large_messages_and_no_others)
{
    cleanup_buf struct buf heard = {0};
    cleanup_buf struct buf text = {0};
    unsigned char first = 0;
    int socket_fd = connect_client(offer);
    wire_say_frame(socket_fd, 1,
                   "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"session.getUser\",\"params\":{}}");
    receive(socket_fd, &heard, &text, &first);
    cr_expect_eq(first, 0x81);
    wire_say_frame(socket_fd, 1, everything);
    receive(socket_fd, &heard, &text, &first);
    cr_expect_eq(first, 0xc1);
    cr_expect_gt(text.len, 6000000);
    close(socket_fd);
}

Test(server_deflate, does_not_compress_for_who_did_not_offer_it_or_limits_its_window)
{
    static const char *const offers[] = {
        NULL, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        cleanup_buf struct buf heard = {0};
        cleanup_buf struct buf text = {0};
        unsigned char first = 0;
        int socket_fd = connect_client(offers[i]);
        wire_say_frame(socket_fd, 1, everything);
        receive(socket_fd, &heard, &text, &first);
        cr_expect_eq(first, 0x81);
        cr_expect_gt(text.len, 6000000);
        close(socket_fd);
    }
}

/* Compresses what a client says, each message knowing those before it. */
static void say_compressed(int socket_fd, z_stream *stream, const char *text)
{
    size_t room = strlen(text) + 1024;
    unsigned char *data = mem_alloc(room);
    stream->next_in = (unsigned char *)(uintptr_t)text;
    stream->avail_in = (uInt)strlen(text);
    stream->next_out = data;
    stream->avail_out = (uInt)room;
    cr_assert_eq(deflate(stream, Z_SYNC_FLUSH), Z_OK);
    wire_say_bytes(socket_fd, 0xc1, data, room - stream->avail_out - 4);
    mem_free(data);
}

Test(server_deflate, understands_compressed_messages_of_every_size)
{
    cleanup_buf struct buf heard = {0};
    cleanup_buf struct buf text = {0};
    unsigned char first = 0;
    z_stream stream = {0};
    int socket_fd = connect_client(
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n");
    cr_assert_eq(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (size_t size = 1; size < 400000; size = size * 3 / 2 + 1) {
        cleanup_str char *padding = mem_alloc(size + 1);
        for (size_t i = 0; i < size; i++)
            padding[i] = (char)('a' + (i * i + size) % 26);
        cleanup_str char *call =
            str_new("{\"jsonrpc\":\"2.0\",\"id\":%zu,\"method\":\"%s\"}", size, padding);
        say_compressed(socket_fd, &stream, call);
        receive(socket_fd, &heard, &text, &first);
        wire_say_frame(socket_fd, 1, call); /* plain ones in between do no harm */
        receive(socket_fd, &heard, &text, &first);
        cleanup_str char *id = str_new("\"id\":%zu", size);
        cr_expect(strstr(buf_str(&text), id), "%zu", size);
        cr_expect(strstr(buf_str(&text), padding), "%zu", size);
    }
    cr_expect_not(wire_hear(socket_fd, &heard, WIRE_HANG_MS), "an answer too many");
    (void)deflateEnd(&stream); /* it has no end of its own */
    close(socket_fd);
}

Test(server_deflate, garbles_nothing_with_many_clients_pings_and_slow_readers)
{
    static struct buf heard[CLIENTS];
    int sockets[CLIENTS];
    cleanup_buf struct buf expected = {0};
    cleanup_buf struct buf text = {0};
    unsigned char first = 0;
    for (size_t i = 0; i < CLIENTS; i++)
        sockets[i] = connect_client(i % 4 == 3 ? NULL : offer);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < CLIENTS; i++) {
            wire_say_frame(sockets[i], 1, everything);
            wire_say_frame(sockets[i], 9, "in between");
        }
        for (size_t i = CLIENTS; i-- > 0;) { /* the first has to wait longest before it is read */
            receive(sockets[i], &heard[i], &text, &first);
            if (expected.len == 0)
                buf_put_bytes(&expected, buf_str(&text), text.len);
            cr_assert_eq(text.len, expected.len, "client %zu, round %zu", i, round);
            cr_assert_eq(memcmp(buf_str(&text), buf_str(&expected), text.len), 0,
                         "client %zu, round %zu", i, round);
        }
    }
    cleanup_json json_t *message = NULL;
    struct err err = {0};
    cr_assert_eq(json_parse(buf_str(&expected), expected.len, &message, &err), 0, "%s",
                 err.message);
    cr_expect_gt(json_object_size(json_object_get(message, "result")), DISKS);
    for (size_t i = 0; i < CLIENTS; i++) {
        buf_done(&heard[i]);
        close(sockets[i]);
    }
}
