/* xo, tests: a session against a fake XO. */
#include "xo/fake/fixture.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct xo_fixture xo_fixture = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                .changed = PTHREAD_COND_INITIALIZER};

const char xo_fixture_one_disk[] =
    "{\"p\":{\"type\":\"pool\",\"name_label\":\"one\"},"
    "\"d\":{\"type\":\"VDI\",\"name_label\":\"csi-x\",\"$pool\":\"p\"}}";

static void on_status(const struct xo_session_status *status, void *userdata)
{
    (void)userdata;
    pthread_mutex_lock(&xo_fixture.mutex);
    xo_fixture.status = *status;
    size_t used = strlen(xo_fixture.texts);
    str_format(xo_fixture.texts + used, sizeof(xo_fixture.texts) - used, "%s\n", status->text);
    pthread_cond_broadcast(&xo_fixture.changed);
    pthread_mutex_unlock(&xo_fixture.mutex);
}

static void on_change(enum xo_change_kind kind, const char *id, const char *name, void *userdata)
{
    (void)id;
    (void)name;
    (void)userdata;
    pthread_mutex_lock(&xo_fixture.mutex);
    xo_fixture.disk_changes += kind == XO_CHANGE_DISK;
    pthread_cond_broadcast(&xo_fixture.changed);
    pthread_mutex_unlock(&xo_fixture.mutex);
}

static void remove_folder(void)
{
    if (!xo_fixture.folder[0])
        return;
    DIR *folder = opendir(xo_fixture.folder);
    cr_assert_not_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] != '.')
            cr_assert_eq(unlinkat(dirfd(folder), entry->d_name, 0), 0);
    }
    cr_assert_eq(closedir(folder), 0);
    cr_assert_eq(rmdir(xo_fixture.folder), 0);
}

void xo_fixture_init(void)
{
    struct err err = {0};
    cr_assert_eq(loop_new(&xo_fixture.loop, &err), 0, "%s", err.message);
    xo_fixture.inventory = xo_inventory_new(&clock_system);
    xo_inventory_on_change(xo_fixture.inventory, on_change, NULL);
    xo_fixture.token = secret_new("good", 4);
}

void xo_fixture_done(void)
{
    xo_fixture.session = xo_session_free(xo_fixture.session);
    xo_fixture.moves = xo_moves_free(xo_fixture.moves);
    loop_stop(xo_fixture.loop);
    xo_fixture.loop = loop_free(xo_fixture.loop);
    xo_fixture.inventory = xo_inventory_free(xo_fixture.inventory);
    xo_fixture.fake = xo_fake_free(xo_fixture.fake);
    xo_fixture.token = secret_free(xo_fixture.token);
    remove_folder();
}

const char *xo_fixture_folder(void)
{
    if (!xo_fixture.folder[0]) {
        str_copy(xo_fixture.folder, sizeof(xo_fixture.folder), "/tmp/xo-session-test-XXXXXX");
        cr_assert_not_null(mkdtemp(xo_fixture.folder));
    }
    return xo_fixture.folder;
}

/* Everything that may be short is. */
static const struct xo_session_times short_times = {.deadline_ms = 20000,
                                                    .answer_ms = 20000,
                                                    .backoff_first_ms = 10,
                                                    .backoff_max_ms = 40,
                                                    .refused_first_ms = 20,
                                                    .refused_max_ms = 60,
                                                    .servers_ms = 60000,
                                                    .file_ms = 10};

struct xo_session_options xo_fixture_options(void)
{
    return (struct xo_session_options){.loop = xo_fixture.loop,
                                       .inventory = xo_fixture.inventory,
                                       .clock = &clock_system,
                                       .endpoint = {.url = xo_fixture.fake
                                                               ? xo_fake_url(xo_fixture.fake)
                                                               : NULL,
                                                    .handshake_ms = 20000},
                                       .token = xo_fixture.token,
                                       .on_status = on_status,
                                       .times = short_times};
}

void xo_fixture_start(const struct xo_session_options *options)
{
    struct err err = {0};
    cr_assert_eq(xo_session_new(options, &xo_fixture.session, &err), 0, "%s", err.message);
    xo_fixture.moves = xo_moves_new(xo_fixture.session, xo_fixture.inventory, &clock_system);
    cr_assert_eq(loop_start(xo_fixture.loop, &err), 0, "%s", err.message);
}

void xo_fixture_wait_ready(uint64_t connections)
{
    pthread_mutex_lock(&xo_fixture.mutex);
    while (xo_fixture.status.state != XO_SESSION_READY ||
           xo_fixture.status.connections < connections)
        pthread_cond_wait(&xo_fixture.changed, &xo_fixture.mutex);
    pthread_mutex_unlock(&xo_fixture.mutex);
}

void xo_fixture_wait_text(const char *text)
{
    pthread_mutex_lock(&xo_fixture.mutex);
    while (!strstr(xo_fixture.texts, text))
        pthread_cond_wait(&xo_fixture.changed, &xo_fixture.mutex);
    pthread_mutex_unlock(&xo_fixture.mutex);
}

void xo_fixture_forget_texts(void)
{
    pthread_mutex_lock(&xo_fixture.mutex);
    xo_fixture.texts[0] = '\0';
    pthread_mutex_unlock(&xo_fixture.mutex);
}

/* Starts fake and session, and waits for the listing. */
void xo_fixture_connect(xo_fake_script_fn *script, const char *objects)
{
    struct xo_fake_options options = {.script = script, .world = objects};
    xo_fixture.fake = xo_fake_new(&options);
    struct xo_session_options session = xo_fixture_options();
    xo_fixture_start(&session);
    xo_fixture_wait_ready(1);
}

bool xo_fixture_has_disk(const char *id)
{
    const struct xo_inventory *read = xo_inventory_read(xo_fixture.inventory);
    bool found = xo_inventory_disk(read, id) != NULL;
    xo_inventory_unread(read);
    return found;
}

bool xo_fixture_fresh(void)
{
    const struct xo_inventory *read = xo_inventory_read(xo_fixture.inventory);
    bool is_fresh = xo_inventory_fresh(read);
    xo_inventory_unread(read);
    return is_fresh;
}

void xo_fixture_write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}
