/* xosim: the state that survives. A process that dies is a child that ends without another word. Covers store_restore.c. */
#include "xosim/store.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/control.h"
#include "xosim/fake/lab.h"
#include "xosim/xapi_guest.h"
#include "xosim/xapi_object.h"
#include "xosim/xapi_snapshot.h"
#include "xosim/xapi_sr.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static void setup(void)
{
    (void)str_format(folder, sizeof(folder), "/tmp/xosim-store-XXXXXX"); /* it fits */
    cr_assert_not_null(mkdtemp(folder));
}

static void teardown(void)
{
    static const char *const names[] = {"state.json", "state.json.new", "journal.1", "journal.2",
                                        "journal.3"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cleanup_str char *path = str_new("%s/%s", folder, names[i]);
        (void)unlink(path); /* most are not there */
    }
    (void)rmdir(folder); /* a leftover is looked at by hand */
}

TestSuite(store, .init = setup, .fini = teardown);

static struct site *open_site(struct fake_client **ret_client)
{
    struct site *site = fake_site_from(WORLDS "/default.yaml", NULL, folder);
    *ret_client = fake_client_signed_in(site, "lab-token");
    return site;
}

/* Runs `act` on a site in a process that then dies at once. */
static void in_a_life(void (*act)(struct site *site, struct fake_client *client))
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        struct fake_client *client = NULL;
        struct site *site = open_site(&client);
        act(site, client);
        _exit(0);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void make_and_attach(struct site *site, struct fake_client *client)
{
    struct disk *disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    fake_client_must(client, "vdi.set",
                     json_build("{s:s, s:s}", "id", disk->uuid, "name_description", "kept"));
    fake_client_must(client, "tag.add", json_build("{s:s, s:s}", "id", disk->uuid, "tag", "t"));
    lab_attach(client, LAB_WORKER_A1, disk, "4");
    const char *text = "{\"offset\":0,\"length\":4096,\"seed\":9}";
    const struct control_request request = {.method = "POST",
                                            .path = "/vms/worker-a1/devices/xvde/write",
                                            .body = text,
                                            .body_len = strlen(text)};
    json_t *body = NULL;
    if (control_handle(site, &request, &body) != 200)
        _exit(1);
    json_decref(body);
}

Test(store, brings_disks_devices_and_their_bytes_back)
{
    in_a_life(make_and_attach);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    struct disk *disk = lab_find(site, "pvc-1", LAB_LOCAL_A1);
    cr_assert_not_null(disk);
    struct content written = {0};
    cr_assert(content_write(&written, 0, 4096, 9));
    cr_expect_eq(content_difference(&disk->content, &written, 4096), 0);
    cr_expect_eq(disk_stale_bytes(disk), 0);
    const json_t *seen = xo_object(site->xo, disk->uuid);
    cr_expect_str_eq(json_str_at(seen, "name_description"), "kept");
    cr_expect_eq(json_array_size(json_object_get(seen, "tags")), 1);
    const struct xapi_vm *vm = xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1);
    const struct xapi_vbd *vbd = xapi_vm_device(vm, "xvde");
    cr_assert_not_null(vbd);
    cr_expect_eq(vbd->vdi->disk, disk);
    content_done(&written);
    lab_close(site, client);
}

static void die_in_mid_copy(struct site *site, struct fake_client *client)
{
    const struct disk *disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    lab_migrate(client, disk, LAB_LOCAL_A2);
    fake_run(site, 5000);
}

Test(store, finds_a_copy_in_flight_again_as_an_incomplete_disk_without_a_task)
{
    in_a_life(die_in_mid_copy);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    const struct disk *disk = lab_find(site, "pvc-1", LAB_LOCAL_A1);
    const struct disk *copy = lab_find(site, "pvc-1", LAB_LOCAL_A2);
    cr_assert(disk && copy);
    cr_expect(disk->complete && !copy->complete);
    cr_expect_gt(disk_stale_bytes(copy), 0);
    cr_expect_lt(disk_stale_bytes(copy), disk_only_here_bytes(disk) + disk->size);
    cr_expect_str_eq(copy->parent, disk->uuid);
    const json_t *seen = xo_object(site->xo, disk->uuid);
    cr_expect_eq(json_array_size(json_object_get(seen, "$VBDs")), 0);
    cr_expect_eq(json_object_size(json_object_get(seen, "current_operations")), 0);
    cr_expect_eq(json_object_size(json_object_get(site->xo->by_type, "task")), 0);
    fake_client_must(client, "vdi.delete", lab_id(copy->uuid));
    lab_close(site, client);
}

static void make_and_delete(struct site *site, struct fake_client *client)
{
    const struct disk *disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    fake_client_must(client, "vdi.delete", lab_id(disk->uuid));
    lab_disk(site, "pvc-2", LAB_LOCAL_A1);
}

Test(store, keeps_what_is_gone_in_the_ground_truth_only)
{
    in_a_life(make_and_delete);
    in_a_life(make_and_delete);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    cr_expect_eq(lab_count(site, "pvc-1"), 0);
    cr_expect_eq(lab_count(site, "pvc-2"), 2);
    size_t ever = 0;
    for (size_t i = 0; i < site->xapi->disks.all.len; i++)
        ever += str_equal(((const struct disk *)site->xapi->disks.all.items[i])->name, "pvc-1");
    cr_expect_eq(ever, 2);
    const struct xapi_sr *sr = xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A1);
    uint64_t sum = 0;
    for (size_t i = 0; i < sr->vdis.len; i++)
        sum += ((const struct xapi_vdi *)sr->vdis.items[i])->size;
    cr_expect_eq(sr->allocated, sum);
    lab_close(site, client);
}

static void expire_and_make_tokens(struct site *site, struct fake_client *client)
{
    fake_client_must(client, "token.create", json_build("{s:s}", "description", "for a test"));
    lab_fault(site, "{\"name\":\"expire-token\",\"token\":\"lab-token\"}");
    site_commit(site);
}

Test(store, keeps_tokens_and_their_end)
{
    in_a_life(expire_and_make_tokens);
    struct site *site = fake_site_from(WORLDS "/default.yaml", NULL, folder);
    struct fake_client *client = fake_client_open(site);
    cr_expect_eq(fake_client_error(client, "session.signIn",
                                   json_build("{s:s}", "token", "lab-token")),
                 3);
    cr_expect_eq(site->xo->tokens.len, 2);
    lab_close(site, client);
}

Test(store, leaves_out_a_last_record_that_was_torn)
{
    in_a_life(make_and_attach);
    cleanup_str char *path = str_new("%s/journal.1", folder);
    FILE *file = fopen(path, "ae");
    cr_assert_not_null(file);
    cr_assert_gt(fprintf(file, "{\"disk\":{\"uuid\":\"torn"), 0);
    cr_assert_eq(fclose(file), 0);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    cr_expect_eq(lab_count(site, "pvc-1"), 1);
    lab_close(site, client);
}

static int open_with(const char *yaml, struct err *err)
{
    cleanup_world struct world world = {0};
    struct site *site = NULL;
    cr_assert_eq(world_read(&world, "other.yaml", yaml, strlen(yaml), err), 0);
    const struct site_options options = {.world = &world, .seed = 1, .state_dir = folder};
    int result = site_new(&options, &site, err);
    site_free(site);
    return result;
}

Test(store, refuses_the_state_of_another_world)
{
    struct err err = {0};
    in_a_life(make_and_attach);
    cr_assert_neq(open_with("pools: [{name: p}]\nhosts: [{name: h, pool: p}]\n", &err), 0);
    cr_expect(strstr(err.message, "holds the state of another world"), "%s", err.message);
}

Test(store, says_where_a_state_can_not_be_understood)
{
    cleanup_str char *path = str_new("%s/state.json", folder);
    FILE *file = fopen(path, "we");
    struct err err = {0};
    cr_assert_not_null(file);
    cr_assert_gt(fprintf(file, "{\"what\":1}\n"), 0);
    cr_assert_eq(fclose(file), 0);
    cr_assert_neq(open_with("pools: [{name: p}]\nhosts: [{name: h, pool: p}]\n", &err), 0);
    cr_expect(strstr(err.message, "state.json:1: not understood"), "%s", err.message);
}

Test(store, never_hands_out_an_id_twice)
{
    in_a_life(make_and_delete);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    size_t before = site->xapi->disks.all.len;
    lab_disk(site, "pvc-3", LAB_LOCAL_A1); /* asserts inside that its uuid is new */
    cr_expect_eq(site->xapi->disks.all.len, before + 1);
    lab_close(site, client);
}

static void move_worker(struct site *site, struct fake_client *client)
{
    (void)site;
    fake_client_must(client, "vm.migrate",
                     json_build("{s:s, s:s}", "vm", LAB_WORKER_A1, "targetHost",
                                "b0000000-0000-4000-8000-0000000000b1"));
}

Test(store, knows_where_a_vm_went_and_which_disks_it_has_there)
{
    in_a_life(move_worker);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    const struct xapi_vm *vm = xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1);
    cr_expect_str_eq(vm->host->name_label, "host-b1");
    cr_expect_eq(vm->object.pool, vm->host->object.pool);
    cr_assert_eq(vm->vbds.len, 1);
    const struct xapi_vbd *vbd = vm->vbds.items[0];
    cr_expect_eq(vbd->object.pool, vm->object.pool);
    cr_expect_eq(vbd->vdi->object.pool, vm->object.pool);
    lab_close(site, client);
}

static void make_snapshot(struct site *site, struct fake_client *client)
{
    (void)client;
    struct disk *disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
    vdi->cbt_enabled = true;
    (void)xapi_snapshot_add(site->xapi, vdi, false); /* looked for by its name */
    site_commit(site);
}

Test(store, knows_snapshots_and_tracked_disks)
{
    in_a_life(make_snapshot);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    const char *id = NULL;
    json_t *snapshot = NULL;
    json_object_foreach(json_object_get(site->xo->by_type, "VDI-snapshot"), id, snapshot) {
        const struct xapi_vdi *origin =
            xapi_find(site->xapi, XAPI_VDI, json_str_at(snapshot, "$snapshot_of"));
        cr_assert(origin && origin->snapshots.len == 1);
        cr_expect(origin->cbt_enabled);
    }
    cr_expect_not_null(snapshot);
    lab_close(site, client);
}

static void disable_server(struct site *site, struct fake_client *client)
{
    const struct xo_pool *pool = site->xo->pools.items[1];
    fake_client_must(client, "server.disable", json_build("{s:s}", "id", pool->server_id));
}

Test(store, keeps_which_servers_a_person_has_disabled)
{
    in_a_life(disable_server);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    const struct xo_pool *pool = site->xo->pools.items[1];
    cr_expect(pool->disabled);
    cr_expect_eq(pool->state, XO_POOL_DISCONNECTED);
    fake_client_close(client);
    site_free(site);
}

static void ask_for_backups(struct site *site, struct fake_client *client)
{
    static const char *const bodies[] = {
        "{\"kind\":\"replica\",\"vm\":\"tenant-db\",\"sr\":\"pool-b shared\"}",
        "{\"kind\":\"health-check\",\"vm\":\"tenant-db\",\"sr\":\"pool-a shared\"}",
        "{\"kind\":\"health-check\",\"vm\":\"tenant-db\",\"sr\":\"pool-a shared\",\"seconds\":1}"};
    (void)client;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        const struct control_request request = {.method = "POST",
                                                .path = "/backups",
                                                .body = bodies[i],
                                                .body_len = strlen(bodies[i])};
        json_t *body = NULL;
        if (control_handle(site, &request, &body) != 201)
            _exit(1);
        json_decref(body);
    }
    fake_run(site, 10000);
    site_commit(site);
}

Test(store, brings_the_vms_of_backups_back_with_their_disks_until_their_time_is_over)
{
    in_a_life(ask_for_backups);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    const json_t *all = fake_client_must(client, "xo.getAllObjects",
                                         json_build("{s:{s:s}}", "filter", "type", "VM"));
    size_t halted = 0;
    const char *id = NULL;
    json_t *vm = NULL;
    json_object_foreach((json_t *)(uintptr_t)all, id, vm) {
        const json_t *other = json_object_get(vm, "other");
        if (!json_object_get(other, "xo:copy_of"))
            continue;
        cr_expect_eq(json_array_size(json_object_get(vm, "$VBDs")), 2);
        halted += str_equal(json_str_at(vm, "power_state"), "Halted");
    }
    cr_expect_eq(halted, 1);
    cr_expect_eq(lab_count(site, "tenant-db data"), 3); /* the shortest check was over before */
    fake_run(site, 300000);
    cr_expect_eq(lab_count(site, "tenant-db data"), 2);
    lab_close(site, client);
}

static void lose_writes(struct site *site, struct fake_client *client)
{
    struct disk *disk = lab_disk(site, "pvc-1", LAB_LOCAL_A1);
    lab_attach(client, LAB_WORKER_A1, disk, "4");
    struct xapi_vbd *vbd = xapi_vm_device(xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1), "xvde");
    if (!xapi_guest_write(site->xapi, vbd, 0, 4096, 9))
        _exit(1);
    fake_client_must(client, "vbd.disconnect", json_build("{s:s}", "id", vbd->object.uuid));
}

Test(store, keeps_what_guests_have_lost_and_by_which_call)
{
    in_a_life(lose_writes);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    const struct disk *disk = lab_find(site, "pvc-1", LAB_LOCAL_A1);
    cr_assert_not_null(disk);
    cr_expect_eq(disk->lost_bytes, 4096);
    cr_expect_str_eq(json_str_at(json_array_get(disk->losses, 0), "call"), "vbd.disconnect");
    cr_expect_eq(family_lost_bytes(disk->family), 4096);
    lab_close(site, client);
}

static void stop_and_delete(struct site *site, struct fake_client *client)
{
    (void)site;
    fake_client_must(client, "vm.suspend", json_build("{s:s}", "id", LAB_WORKER_A1));
    fake_client_must(client, "vm.delete", json_build("{s:s}", "id", LAB_WORKER_A2));
}

Test(store, keeps_what_vms_do_and_which_are_gone)
{
    in_a_life(stop_and_delete);
    for (int life = 0; life < 2; life++) { /* once from the journal, once from the snapshot */
        struct fake_client *client = NULL;
        struct site *site = open_site(&client);
        const struct xapi_vm *vm = xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A1);
        cr_assert_not_null(vm);
        cr_expect_eq(vm->power, XAPI_SUSPENDED);
        cr_expect_null(xapi_find(site->xapi, XAPI_VM, LAB_WORKER_A2));
        lab_close(site, client);
    }
}

static void demote(struct site *site, struct fake_client *client)
{
    (void)client;
    struct xo_user *user = xo_find_user(site->xo, "admin@admin.net");
    xo_user_set_access(user, "none", json_build("{s:b}", LAB_LOCAL_A1, 1));
    site_commit(site);
}

Test(store, keeps_what_users_have_access_to)
{
    in_a_life(demote);
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    const struct xo_user *user = xo_find_user(site->xo, "admin@admin.net");
    cr_expect_str_eq(user->permission, "none");
    cr_expect(json_object_get(user->acls, LAB_LOCAL_A1));
    lab_close(site, client);
}

static void forget_and_eject(struct site *site, struct fake_client *client)
{
    const struct xapi_vm *vm = xapi_find_named(site->xapi, XAPI_VM, "worker-a3");
    struct disk *disk = lab_disk(site, "pvc-1", LAB_LOCAL_A2);
    struct disk *local = lab_disk(site, "pvc-3", LAB_LOCAL_A3);
    (void)local; /* it goes with its host */
    fake_client_must(client, "vdi.set",
                     json_build("{s:s, s:s}", "id", disk->uuid, "name_description", "kept"));
    fake_client_must(client, "vm.stop", json_build("{s:s}", "id", LAB_WORKER_A2));
    fake_client_must(client, "vm.stop", json_build("{s:s}", "id", vm->object.uuid));
    fake_client_must(client, "sr.forget", json_build("{s:s}", "id", LAB_LOCAL_A2));
    fake_client_must(client, "host.detach",
                     json_build("{s:s}", "id", "a0000000-0000-4000-8000-0000000000a3"));
    fake_client_must(client, "host.disable",
                     json_build("{s:s}", "id", "a0000000-0000-4000-8000-0000000000a2"));
}

Test(store, keeps_which_srs_are_forgotten_which_hosts_have_left_and_which_are_disabled)
{
    in_a_life(forget_and_eject);
    for (int life = 0; life < 2; life++) { /* once from the journal, once from the snapshot */
        struct fake_client *client = NULL;
        struct site *site = open_site(&client);
        const struct xapi_host *host = xapi_find_named(site->xapi, XAPI_HOST, "host-a2");
        cr_expect(host && host->disabled);
        cr_expect_null(xapi_find_named(site->xapi, XAPI_HOST, "host-a3"));
        cr_expect_null(xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A3));
        cr_expect_null(xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A2));
        struct xapi_sr *sr = xapi_sr_forgotten(site->xapi, LAB_LOCAL_A2);
        cr_assert_not_null(sr);
        if (life == 1) {
            xapi_sr_introduce(site->xapi, sr);
            const struct disk *disk = lab_find(site, "pvc-1", LAB_LOCAL_A2);
            cr_assert_not_null(disk);
            const struct xapi_vdi *vdi = xapi_find(site->xapi, XAPI_VDI, disk->uuid);
            cr_expect_str_eq(vdi->name_description, "kept");
        }
        lab_close(site, client);
    }
    struct fake_client *client = NULL;
    struct site *site = open_site(&client);
    cr_expect_not_null(xapi_find(site->xapi, XAPI_SR, LAB_LOCAL_A2));
    cr_expect_not_null(lab_find(site, "pvc-1", LAB_LOCAL_A2));
    lab_close(site, client);
}
