/* xo: what is known of a move that was started, over real sockets. */
#include "xo/moves.h"

#include "base/str.h"
#include "xo/fake/fixture.h"
#include "xo/fake/recording.h"

#include <criterion/criterion.h>
#include <pthread.h>

TestSuite(xo_moves, .init = xo_fixture_init, .fini = xo_fixture_done, .timeout = 60);

/* Moves. */

static void wait_for_move(enum xo_move_state state)
{
    pthread_mutex_lock(&xo_fixture.mutex);
    while (xo_moves_get(xo_fixture.moves, "d").state != state)
        pthread_cond_wait(&xo_fixture.changed, &xo_fixture.mutex);
    pthread_mutex_unlock(&xo_fixture.mutex);
}

static int64_t migrate_id;

static bool keep_migrate(struct xo_fake *fake, const struct xo_fake_request *request,
                         void *userdata)
{
    (void)fake;
    (void)userdata;
    if (!str_equal(request->method, "vdi.migrate"))
        return false;
    migrate_id = request->id;
    return true;
}

Test(xo_moves, keeps_the_reply_to_a_move_until_it_is_forgotten)
{
    xo_fixture_connect(keep_migrate, xo_fixture_one_disk);
    struct err err = {0};
    cr_assert_eq(xo_moves_get(xo_fixture.moves, "d").state, XO_MOVE_NONE);
    cr_assert_eq(xo_moves_start(xo_fixture.moves, "d", "s", &err), XO_DONE, "%s", err.message);
    cr_assert_eq(xo_moves_get(xo_fixture.moves, "d").state, XO_MOVE_PENDING);
    cr_assert_eq(xo_moves_pending(xo_fixture.moves), 1);
    cr_assert_eq(xo_moves_start(xo_fixture.moves, "d", "s", &err), XO_NOT_DONE, "one at a time");
    cr_assert_eq(err.class, ERR_CONFLICT);
    xo_moves_forget(xo_fixture.moves, "d");
    cr_assert_eq(xo_moves_get(xo_fixture.moves, "d").state, XO_MOVE_PENDING,
                 "not while it is pending");

    xo_fake_wait(xo_fixture.fake, "vdi.migrate", 1);
    xo_fake_reply(xo_fixture.fake, migrate_id, json_string("new"));
    wait_for_move(XO_MOVE_ENDED);
    struct xo_move move = xo_moves_get(xo_fixture.moves, "d");
    cr_assert_eq(move.result, XO_DONE);
    cr_assert_str_eq(move.new_disk, "new");
    xo_moves_forget(xo_fixture.moves, "d");
    cr_assert_eq(xo_moves_get(xo_fixture.moves, "d").state, XO_MOVE_NONE);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "vdi.migrate"), 1);
}

Test(xo_moves, keeps_the_error_of_a_move_as_recorded)
{
    xo_fixture_connect(keep_migrate, xo_fixture_one_disk);
    struct err err = {0};
    cr_assert_eq(xo_moves_start(xo_fixture.moves, "d", "s", &err), XO_DONE);
    xo_fake_wait(xo_fixture.fake, "vdi.migrate", 1);
    json_t *reply cleanup_json = xo_recording_reply("migrate-copy-toolstack-restart", 2);
    xo_fake_error(xo_fixture.fake, migrate_id, json_incref(json_object_get(reply, "error")));
    wait_for_move(XO_MOVE_ENDED);
    struct xo_move move = xo_moves_get(xo_fixture.moves, "d");
    cr_assert_eq(move.result, XO_UNKNOWN);
    cr_assert_str_eq(move.error.code, "TASK_DESTROYED");
}

Test(xo_moves, loses_a_move_with_the_connection)
{
    xo_fixture_connect(keep_migrate, xo_fixture_one_disk);
    struct err err = {0};
    cr_assert_eq(xo_moves_start(xo_fixture.moves, "d", "s", &err), XO_DONE);
    xo_fake_wait(xo_fixture.fake, "vdi.migrate", 1);
    xo_fake_close(xo_fixture.fake);
    wait_for_move(XO_MOVE_LOST);
    cr_assert_eq(xo_moves_get(xo_fixture.moves, "d").result, XO_UNKNOWN);
    xo_fixture_wait_ready(2);
    cr_assert_eq(xo_fake_count(xo_fixture.fake, "vdi.migrate"), 1, "never sent again");
}

Test(xo_moves, starts_no_move_while_it_is_not_ready)
{
    struct xo_fake_options options = {.token = "another"};
    xo_fixture.fake = xo_fake_new(&options);
    struct xo_session_options session = xo_fixture_options();
    xo_fixture_start(&session);
    xo_fixture_wait_text("XO refused the token");
    struct err err = {0};
    cr_assert_eq(xo_moves_start(xo_fixture.moves, "d", "s", &err), XO_NOT_DONE);
    cr_assert_eq(xo_moves_get(xo_fixture.moves, "d").state, XO_MOVE_NONE);
}
