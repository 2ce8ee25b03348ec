/* reconcile: the real XO port on a session that has not connected yet: each function reaches the
 * session, and nothing is taken for done. */
#include "reconcile/xo_port.h"

#include "base/loop.h"

#include <criterion/criterion.h>

static struct loop *loop;
static struct secret *token;
static struct rec_xo_port parts;
static struct xo_port port;

static void setup(void)
{
    struct err err = {0};
    cr_assert_eq(loop_new(&loop, &err), 0, "%s", err.message);
    token = secret_new("token", 5);
    parts.inventory = xo_inventory_new(&clock_system);
    struct xo_session_options options = {.loop = loop,
                                         .inventory = parts.inventory,
                                         .clock = &clock_system,
                                         .endpoint = {.url = "http://127.0.0.1:1"},
                                         .token = token};
    cr_assert_eq(xo_session_new(&options, &parts.session, &err), 0, "%s", err.message);
    parts.moves = xo_moves_new(parts.session, parts.inventory, &clock_system);
    port = rec_xo_port(&parts);
}

static void teardown(void)
{
    parts.session = xo_session_free(parts.session);
    parts.moves = xo_moves_free(parts.moves);
    parts.inventory = xo_inventory_free(parts.inventory);
    loop = loop_free(loop);
    token = secret_free(token);
}

TestSuite(rec_xo_port, .init = setup, .fini = teardown);

static void refused(enum xo_result result, const struct err *err)
{
    cr_assert_eq(result, XO_NOT_DONE);
    cr_assert_eq(err->class, ERR_TRANSIENT);
}

Test(rec_xo_port, does_nothing_while_xo_is_away)
{
    struct err err = {0};
    void *data = port.userdata;
    refused(port.migrate(data, "d", "s", &err), &err);
    refused(port.cancel_task(data, "t", &err), &err);
    refused(port.set_disk(data, "d", "n", NULL, &err), &err);
    refused(port.add_tag(data, "d", "t", &err), &err);
    refused(port.remove_tag(data, "d", "t", &err), &err);
    struct xo_attach attach = {.vm = "m", .disk = "d", .position = 1};
    refused(port.attach(data, &attach, &err), &err);
    refused(port.connect_vbd(data, "b", &err), &err);
    refused(port.disconnect_vbd(data, "b", &err), &err);
    refused(port.delete_vbd(data, "b", &err), &err);
    cr_assert_eq(port.move(data, "d").state, XO_MOVE_NONE);
    port.forget_move(data, "d");
}

Test(rec_xo_port, reads_the_inventory)
{
    const struct xo_inventory *read = port.read(port.userdata);
    cr_assert_not(xo_inventory_fresh(read));
    port.unread(port.userdata, read);
}
