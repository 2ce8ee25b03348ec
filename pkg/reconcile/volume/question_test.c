/* reconcile/volume: which disk is the volume's, asked of both worlds. Covers question_text.c. */
#include "reconcile/volume/question.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcile/fake/world.h"

#include <criterion/criterion.h>
#include <string.h>

static struct fake_world world;
static struct volume_question question;
static struct volume_answer answer;
static const struct xo_inventory *inventory;

static void start(void)
{
    fake_world_init(&world);
    fake_world_add_volume(&world, "data", "disk-1", "L1");
}

static void let_go(void)
{
    if (inventory)
        world.ports.xo.unread(world.ports.xo.userdata, inventory);
    inventory = NULL;
}

static void stop(void)
{
    let_go();
    fake_world_done(&world);
}

TestSuite(volume_question, .init = start, .fini = stop);

/* Asks and answers; the inventory stays read until the next time. */
static void ask(void)
{
    let_go();
    cleanup_kube_object const struct kube_object *volume =
        world.ports.kube.get(world.ports.kube.userdata, &kube_kind_persistent_volume, "",
                             "pv-data");
    volume_question_ask(&world.ports, kube_persistent_volume_of(volume), &question);
    inventory = world.ports.xo.read(world.ports.xo.userdata);
    volume_question_answer(&question, inventory, &answer);
}

static void expect(enum volume_verdict verdict, const char *disk)
{
    ask();
    cr_assert_eq((int)answer.verdict, (int)verdict, "verdict %d, not %d: %s", (int)answer.verdict,
                 (int)verdict, answer.why);
    cr_assert_str_eq(answer.disk ? answer.disk->uuid : "", disk);
}

static void add(const char *uuid, const char *sr)
{
    fake_xo_add_disk(world.xo, &(struct fake_disk){.uuid = uuid, .name = "csi-data", .sr = sr});
}

static void plug(const char *vm, const char *disk)
{
    (void)fake_xo_plug(world.xo, vm, disk); /* its VBD is of no interest */
}

/* A VM of no node has it; plugged, if the VM runs. */
static void give_to_vm(const char *vm, const char *power_state, const char *disk)
{
    cleanup_str char *text =
        str_new("{\"%s\":{\"type\":\"VM\",\"name_label\":\"vm %s\",\"$pool\":\"P\","
                "\"$container\":\"H1\",\"power_state\":\"%s\",\"$VBDs\":[]}}",
                vm, vm, power_state);
    fake_xo_load(world.xo, text);
    cleanup_str char *vbd = mem_strdup(fake_xo_plug(world.xo, vm, disk));
    fake_xo_set(world.xo, vbd, "attached", str_equal(power_state, "Running") ? "true" : "false");
}

static void attach(const char *vbd)
{
    cleanup_str char *text = str_new(
        "{\"metadata\":{\"name\":\"va\"},\"spec\":{\"attacher\":\"%s\",\"nodeName\":\"node-1\","
        "\"source\":{\"persistentVolumeName\":\"pv-data\"}},\"status\":{\"attached\":true,"
        "\"attachmentMetadata\":{\"vbd\":\"%s\"}}}",
        world.ports.driver_name, vbd);
    fake_kube_put(world.kube, &kube_kind_volume_attachment, text);
}

Test(volume_question, finds_the_remembered_disk_first_among_all_of_its_name)
{
    add("a-first-by-uuid", "S");
    expect(VOLUME_IS, "disk-1");
    cr_assert_eq(answer.count, 2);
    cr_assert_str_eq(answer.candidates[0].disk->uuid, "disk-1");
}

Test(volume_question, finds_the_remembered_disk_under_another_name)
{
    fake_xo_set(world.xo, "disk-1", "name_label", "\"other\"");
    expect(VOLUME_RENAMED, "disk-1");
    let_go();
    plug("V1", "disk-1");
    expect(VOLUME_IN_USE_RENAMED, "disk-1");
}

Test(volume_question, says_what_hides_the_remembered_disk)
{
    fake_xo_blip(world.xo, "P");
    expect(VOLUME_OUT_OF_SIGHT, "");
    cr_assert_not(str_empty(answer.why));
}

Test(volume_question, says_that_the_sr_of_the_remembered_disk_is_gone)
{
    fake_xo_remove(world.xo, "disk-1");
    fake_xo_remove(world.xo, "L1");
    expect(VOLUME_OUT_OF_REACH, "");
    cr_assert_not_null(strstr(answer.why, "introduce the SR again"), "%s", answer.why);
}

Test(volume_question, follows_the_vbd_that_the_attachment_names)
{
    add("leaf", "L2");
    add("parent", "L2");
    cleanup_str char *vbd = mem_strdup(fake_xo_plug(world.xo, "V1", "leaf"));
    attach(vbd);
    fake_xo_remove(world.xo, "disk-1");
    expect(VOLUME_IS, "leaf");
}

/* A live move under another name ends in a disk of that name, and a restored one has the volume's. */
Test(volume_question, follows_the_vbd_that_the_attachment_names_to_a_disk_of_another_name)
{
    add("restored", "L2");
    fake_xo_add_disk(world.xo, &(struct fake_disk){.uuid = "leaf", .name = "other", .sr = "L2"});
    cleanup_str char *vbd = mem_strdup(fake_xo_plug(world.xo, "V1", "leaf"));
    attach(vbd);
    expect(VOLUME_IS, "disk-1");
    cr_assert_eq(answer.count, 2, "while it is seen, only the name counts");
    let_go();
    fake_xo_remove(world.xo, "disk-1");
    expect(VOLUME_IS, "leaf");
    let_go();
    fake_xo_set(world.xo, vbd, "attached", "false");
    expect(VOLUME_CONCLUDED, "restored");
}

Test(volume_question, takes_the_only_disk_that_the_nodes_vm_has_plugged)
{
    fake_world_forget_disk(&world, "data");
    plug("V1", "disk-1");
    attach("");
    expect(VOLUME_IS, "disk-1");
    cr_assert(answer.candidates[0].facts.descends);
}

Test(volume_question, does_not_follow_a_plugged_disk_that_is_one_of_several)
{
    fake_world_forget_disk(&world, "data");
    add("disk-2", "S");
    plug("V1", "disk-1");
    attach("");
    expect(VOLUME_AMBIGUOUS, "");
}

Test(volume_question, concludes_from_the_only_disk_of_the_remembered_ones_pool)
{
    fake_xo_remove(world.xo, "disk-1");
    add("disk-2", "L2");
    expect(VOLUME_CONCLUDED, "disk-2");
    let_go();
    add("elsewhere", "L3");
    expect(VOLUME_AMBIGUOUS, "");
}

Test(volume_question, takes_no_replica_for_the_volume)
{
    fake_xo_remove(world.xo, "disk-1");
    add("replica", "S");
    give_to_vm("R", "Halted", "replica");
    expect(VOLUME_AMBIGUOUS, "");
    cr_assert(answer.candidates[0].facts.replica);
}

Test(volume_question, knows_a_replica_by_what_its_vm_says)
{
    fake_xo_remove(world.xo, "disk-1");
    add("replica", "S");
    give_to_vm("R", "Running", "replica");
    expect(VOLUME_CONCLUDED, "replica");
    let_go();
    fake_xo_set(world.xo, "R", "tags", "[\"Disaster Recovery\"]");
    expect(VOLUME_AMBIGUOUS, "");
    let_go();
    fake_xo_set(world.xo, "R", "tags", "[]");
    fake_xo_set(world.xo, "R", "other", "{\"xo:copy_of\":\"V1\"}");
    expect(VOLUME_AMBIGUOUS, "");
}

Test(volume_question, does_not_call_the_disk_of_a_halted_node_a_replica)
{
    plug("V1", "disk-1");
    fake_xo_halt(world.xo, "V1");
    expect(VOLUME_IS, "disk-1");
    cr_assert_not(answer.candidates[0].facts.replica);
}

Test(volume_question, knows_nodes_by_their_driver)
{
    plug("V1", "disk-1");
    give_to_vm("R", "Halted", "disk-1");
    ask();
    cr_assert(volume_question_is_node(&question, "V1"));
    cr_assert_not(volume_question_is_node(&question, "R"));
    cr_assert(volume_question_is_node(&question, "never-met"));
}

Test(volume_question, says_that_the_disk_was_destroyed)
{
    fake_xo_remove(world.xo, "disk-1");
    expect(VOLUME_DESTROYED, "");
}

Test(volume_question, says_that_no_disk_ever_had_the_name)
{
    fake_world_forget_disk(&world, "data");
    fake_xo_remove(world.xo, "disk-1");
    expect(VOLUME_NOT_FOUND, "");
}

Test(volume_question, is_not_answered_from_a_part_of_the_world)
{
    fake_world_forget_disk(&world, "data");
    fake_xo_blip(world.xo, "Q");
    expect(VOLUME_OUT_OF_SIGHT, "");
}

Test(volume_question, finds_the_remembered_disk_among_more_than_it_looks_at)
{
    for (int i = 0; i <= VOLUME_DISKS_MAX; i++) {
        char uuid[16];
        (void)str_format(uuid, sizeof(uuid), "a-%02d", i); /* it fits */
        add(uuid, "S");
    }
    expect(VOLUME_IS, "disk-1");
    cr_assert(answer.truncated);
    let_go();
    fake_world_forget_disk(&world, "data");
    expect(VOLUME_AMBIGUOUS, "");
}

static void put_by_uuid(const char *uuid)
{
    cleanup_str char *text =
        str_new("{\"metadata\":{\"name\":\"pv-data\"},\"spec\":{\"csi\":{\"driver\":\"%s\","
                "\"volumeHandle\":\"%s\"}}}",
                world.ports.driver_name, uuid);
    fake_kube_delete(world.kube, &kube_kind_persistent_volume, "", "pv-data");
    fake_kube_put(world.kube, &kube_kind_persistent_volume, text);
}

Test(volume_question, of_a_volume_tracked_by_uuid_is_about_that_disk_alone)
{
    static const char uuid[] = "0a1b2c3d-0000-4000-8000-000000000001";
    put_by_uuid(uuid);
    expect(VOLUME_NOT_FOUND, "");
    let_go();
    fake_xo_blip(world.xo, "Q");
    expect(VOLUME_OUT_OF_SIGHT, "");
    let_go();
    fake_xo_add_disk(world.xo, &(struct fake_disk){.uuid = uuid, .name = "any", .sr = "S"});
    expect(VOLUME_IS, uuid);
}

Test(volume_question, is_asked_by_name_where_the_persistent_volume_is_gone)
{
    volume_question_ask_name(&world.ports, "pv-gone", "csi-data", &question);
    inventory = world.ports.xo.read(world.ports.xo.userdata);
    volume_question_answer(&question, inventory, &answer);
    cr_assert_eq((int)answer.verdict, (int)VOLUME_IS);
}

Test(volume_question, says_where_a_disk_is_to_be_remembered)
{
    ask();
    const struct volume_remembered place = volume_remembered_of(answer.disk);
    cr_assert(volume_remembered_equal(&place, &question.remembered));
}

static void expect_described(const char *part)
{
    cleanup_buf struct buf text = {0};
    ask();
    volume_answer_describe(&question, inventory, &answer, &text);
    cr_assert_not_null(strstr(buf_str(&text), part), "\"%s\" is not in \"%s\"", part,
                       buf_str(&text));
}

Test(volume_question, describes_each_disk_with_all_that_tells_them_apart)
{
    add("replica", "S");
    plug("V1", "disk-1");
    give_to_vm("R", "Halted", "replica");
    expect_described("disk-1 on SR sr-l1 of host host-1 in pool pool-p, 10.0 GiB, plugged into VM "
                     "worker-1 (Running, a node of this cluster), the one that Kubernetes used "
                     "last; replica on SR sr-s in pool pool-p, 10.0 GiB, belongs to VM vm R "
                     "(Halted), looks like a backup's replica");
}

Test(volume_question, describes_a_free_disk_and_one_that_several_have)
{
    expect_described("no VM has it");
    let_go();
    plug("V1", "disk-1");
    plug("V2", "disk-1");
    expect_described("and 1 others");
}
