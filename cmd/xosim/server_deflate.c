/*
 * xosim: permessage-deflate (RFC 7692) as a real Xen Orchestra does it: what a client sends may be
 * compressed, what is sent is from SERVER_DEFLATE_MIN bytes up.
 *
 * libwebsockets 4.1 negotiates and inflates. It does not deflate here, for three reasons: it would
 * compress every message, however small; it spreads a message over many frames and reads it after
 * lws_write() has returned; and a ping that it answers between two of those frames it sends as a
 * piece of the message. So a message is compressed whole, each by itself, and goes out as one frame,
 * whose first byte is marked when it is about to be sent.
 *
 * Two things in its negotiation are put right: an offer that limits our window is declined (it would
 * be taken without saying so), and `server_no_context_takeover` is agreed to without being told to
 * it (it would apply that to what the *client* sends).
 */
#include "base/buf.h"
#include "base/mem.h"
#include "xosim/server_internal.h"

#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
    RAW_WINDOW = -15,              /* 32 KiB, without zlib's own header */
    MEMORY_LEVEL = 8,              /* zlib's default */
    MARK = 0x40,                   /* RSV1: the message is compressed */
    OPCODE = 0x0f,                 /* … of which the first frame says so */
    TAIL = 4,                      /* 00 00 ff ff, which every message would end with */
    SERVER_NO_CONTEXT_TAKEOVER = 0 /* its number among the options of the extension */
};

bool server_deflate(const char *text, size_t len, unsigned char **ret_data, size_t *ret_len)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, RAW_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t room = deflateBound(&stream, (uLong)len) + TAIL + 2; /* a flush is not in the bound */
    unsigned char *data = mem_alloc(LWS_PRE + room);
    stream.next_in = (const unsigned char *)text;
    stream.avail_in = (uInt)len;
    stream.next_out = data + LWS_PRE;
    stream.avail_out = (uInt)room;
    bool done = deflate(&stream, Z_SYNC_FLUSH) == Z_OK && stream.avail_in == 0 &&
                stream.avail_out > 0 && stream.total_out > TAIL;
    *ret_data = data;
    *ret_len = done ? stream.total_out - TAIL : 0;
    (void)deflateEnd(&stream); /* Z_DATA_ERROR: it did not end with Z_FINISH, which is so */
    if (!done)
        mem_free(data);
    return done;
}

bool server_deflate_declines(struct lws *wsi)
{
    char offer[256];
    int len = lws_hdr_copy(wsi, offer, sizeof(offer), WSI_TOKEN_EXTENSIONS);
    return len <= 0 || strstr(offer, "server_max_window_bits");
}

bool server_deflate_agreed(struct lws *wsi)
{
    return lws_set_extension_option(wsi, "permessage-deflate", "rx_buf_size", "15") == 0;
}

static int on_extension(struct lws_context *context, const struct lws_extension *extension,
                        struct lws *wsi, enum lws_extension_callback_reasons reason, void *user,
                        void *in, size_t len)
{
    const struct lws_ext_option_arg *option = in;
    const struct lws_tokens *tokens = in;
    switch ((int)reason) {
    case LWS_EXT_CB_PAYLOAD_TX:
        return 0;
    case LWS_EXT_CB_PACKET_TX_PRESEND:
        if (tokens->token && server_ws_sends_compressed(wsi) && (tokens->token[0] & OPCODE) != 0)
            tokens->token[0] |= MARK;
        return 0;
    case LWS_EXT_CB_OPTION_SET:
        if (option->option_index == SERVER_NO_CONTEXT_TAKEOVER)
            return 0;
        break;
    default:
        break;
    }
    return lws_extension_callback_pm_deflate(context, extension, wsi, reason, user, in, len);
}

const struct lws_extension server_extensions[] = {
    {"permessage-deflate", on_extension, "permessage-deflate"},
    {NULL, NULL, NULL},
};
