/*
 * reconcile/volume_migration: what is never believed without proof: whose disk it is, that what is not seen is gone,
 * that a call which is not answered moves something, that a clock is right.
 *
 * Covers observe_disks.c and observe_attempt.c.
 */
#include "reconcile/volume_migration/migration.h"

#include "api/migration.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"
#include "reconcile/fake/migrations.h"
#include "reconcile/slots.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(migration_proof, .init = fake_migrations_start, .fini = fake_migrations_stop);

#define XO (fake_migrations_world.xo)

static void apply_delete(void)
{
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"leftovers\":\"Delete\"}");
}

/* a disk that the operator never made: restored from a backup under the volume's name, on an SR that is neither source nor
 * destination of any attempt, while an attempt runs that then fails. */
Test(migration_proof, never_deletes_a_disk_that_no_attempt_of_ours_could_have_made)
{
    fake_xo_fail_next_move(XO, ERR_TRANSIENT, "HOST_OFFLINE");
    apply_delete();
    fake_migrations_run(4 * 1000);
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "restored", .name = "csi-data", .sr = "S"});
    fake_migrations_run(300 * 1000);
    cr_assert_not_null(fake_xo_object(XO, "restored"), "the restored disk was deleted");
}

/* the same with a disk in another pool, which was away when the attempt was opened. */
Test(migration_proof, never_deletes_a_disk_of_another_pool_that_was_only_out_of_sight)
{
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "other-pool", .name = "csi-data", .sr = "L3"});
    fake_xo_blip(XO, "Q");
    fake_xo_fail_next_move(XO, ERR_TRANSIENT, "HOST_OFFLINE");
    apply_delete();
    fake_migrations_run(4 * 1000);
    fake_xo_unblip(XO, "Q");
    fake_migrations_run(300 * 1000);
    cr_assert_not_null(fake_xo_object(XO, "other-pool"), "the disk of the other pool was deleted");
}

/* the host with the source dies in mid-copy, the toolstack restarts; while the operator is away the administrator forgets
 * the dead host's SR. What is left of the name is half a copy. */
Test(migration_proof, does_not_call_half_a_copy_a_success_when_the_sr_of_the_source_was_forgotten)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(XO);
    fake_xo_remove(XO, "disk-1"); /* SR.forget */
    fake_xo_remove(XO, "L1");
    fake_migrations_restart();
    fake_migrations_run(300 * 1000);
    cr_assert_str_neq(fake_migrations_phase(), "Succeeded");
}

/* the copy is broken off, the operator dies; somebody moves the disk, which is as it was, to another SR by hand. */
Test(migration_proof, does_not_call_half_a_copy_a_success_when_somebody_else_has_moved_the_source)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(XO);
    fake_migrations_restart();
    fake_xo_foreign_move(XO, "disk-1", "S");
    fake_migrations_run(300 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired", "%s",
                     fake_migrations_message());
    cr_assert_str_eq(fake_migrations_reason(), "AmbiguousCopies");
}

/* a pool that has nothing to do with the volume goes away in mid-move and stays away. */
Test(migration_proof, ends_a_move_although_another_pool_is_away)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(5 * 1000);
    fake_xo_blip(XO, "Q");
    fake_migrations_run((int64_t)24 * 3600 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

/* … and can't even be cancelled. */
Test(migration_proof, lets_a_move_be_deleted_although_another_pool_is_away)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(5 * 1000);
    fake_xo_blip(XO, "Q");
    fake_migrations_run(3600 * 1000);
    fake_kube_delete(fake_migrations_world.kube, &migration_kind, "shop", "m");
    fake_migrations_run(3600 * 1000);
    cr_assert_null(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m"),
                   "deletion hangs: %s", fake_migrations_message());
}

/* XO never answers vdi.migrate and nothing moves, though the connection lives. */
Test(migration_proof, says_of_no_call_that_is_never_answered_that_it_copies)
{
    fake_xo_move_starts_after(XO, (int64_t)365 * 24 * 3600 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"stallTimeout\":\"1m\"}");
    fake_migrations_run(300 * 1000);
    cr_assert_str_neq(fake_migrations_condition(API_CONDITION_MIGRATING, "status"), "True",
                      "nothing was ever seen to move, and the status says for a week: %s",
                      fake_migrations_message());
}

/* the clock of the node where the next leader runs is ten minutes behind. The VM that was seen to run on the copy stops
 * after that was written down. */
static void run_on_copy_then_stop(int64_t step_back_ms)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(XO);
    fake_migrations_world.clock.wall_ms -= step_back_ms;
    fake_migrations_restart(); /* the next leader */
    const char *plugged = fake_xo_plug(XO, "V2", "copy-1");
    cleanup_str char *vbd = mem_strdup(plugged);
    fake_migrations_run(20 * 1000); /* noticed and written down: disk-1 is the leftover */
    fake_xo_set(XO, "copy-1", "content", "\"newest bytes, written by V2\"");
    fake_xo_remove_vbd(XO, vbd);
    fake_migrations_run(300 * 1000);
}

Test(migration_proof, keeps_the_disk_that_a_vm_ran_on_when_it_stops)
{
    run_on_copy_then_stop(0);
    cr_assert_str_eq(fake_migrations_content(fake_xo_disk_named(XO, "csi-data", 0)),
                     "newest bytes, written by V2");
}

Test(migration_proof, keeps_what_was_decided_although_the_clock_was_set_back)
{
    run_on_copy_then_stop(10 * 60 * 1000);
    cr_assert_str_eq(fake_migrations_content(fake_xo_disk_named(XO, "csi-data", 0)),
                     "newest bytes, written by V2", "stale data has the name: %s",
                     fake_migrations_content(fake_xo_disk_named(XO, "csi-data", 0)));
}

/* the clock was a year ahead when an attempt failed. */
Test(migration_proof, takes_no_pause_for_longer_than_the_longest_that_is_ever_made)
{
    fake_migrations_world.clock.wall_ms += (int64_t)365 * 24 * 3600 * 1000;
    fake_xo_fail_next_move(XO, ERR_TRANSIENT, "HOST_OFFLINE");
    fake_migrations_apply_to_l2();
    fake_migrations_run(15 * 1000);
    fake_migrations_world.clock.wall_ms -= (int64_t)365 * 24 * 3600 * 1000;
    fake_migrations_run((int64_t)7 * 24 * 3600 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded");
}

/* a VBD of dom0 that a crashed backup or copy has left. */
Test(migration_proof, takes_no_disk_that_a_control_domain_forgot_for_one_that_moves)
{
    const char *vbd = fake_xo_plug(XO, "V1", "disk-1");
    cleanup_str char *id = mem_strdup(vbd);

    fake_xo_set(XO, id, "VM", "\"D1\"");
    fake_migrations_apply_to_l2();
    fake_migrations_run((int64_t)24 * 3600 * 1000);
    cr_assert_str_neq(fake_migrations_reason(), "Adopted");
}

/* two VolumeAttachments of a volume with ReadWriteOnce and ReadOnlyMany. va-2's attach has been sent and not answered; the move
 * for va-1 begins. */
Test(migration_proof, moves_nothing_for_one_attachment_while_another_is_being_attached)
{
    fake_world_add_attachment(&fake_migrations_world, "va-1", "data", "node-2", NULL);
    fake_world_add_attachment(&fake_migrations_world, "va-2", "data", "node-1",
                              "external-attacher/csi-xen-orchestra-marcsi-ch");
    fake_kube_put(fake_migrations_world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"va-1\",\"namespace\":\"shop\",\"labels\":{"
                  "\"migration.xo-operator.dev/trigger\":\"attach\"}},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"data\"}],\"target\":{\"nodeName\":\"node-2\"},"
                  "\"mode\":\"Offline\"}}");
    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller,
                   "shop/va-1", 10 * 1000);
    fake_migrations_expect_no_start();
}

/* Xen Orchestra's backup health check restores the node's VM with all its disks, under their names, and boots it, while an attempt
 * fails. Its disk is on the backup SR, where no attempt of ours ever went. */
Test(migration_proof, does_not_take_a_restored_backup_for_the_volume)
{
    fake_xo_fail_next_move(XO, ERR_TRANSIENT, "HOST_OFFLINE");
    fake_migrations_apply_to_l2();
    fake_migrations_run(4 * 1000);
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "restored", .name = "csi-data", .sr = "S"});
    fake_xo_set(XO, "restored", "content", "\"yesterday's bytes\"");
    fake_xo_plug(XO, "V2", "restored");
    fake_migrations_run(300 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_str_eq(fake_migrations_content(fake_xo_disk_named(XO, "csi-data", 0)), "disk-1");
    cr_assert_str_eq(fake_migrations_field("restored", "$SR"), "S", "the backup was moved");
}

/* the same, and the health check ends: XO destroys what it had restored. */
Test(migration_proof, still_has_the_volume_when_a_health_check_has_ended)
{
    fake_xo_fail_next_move(XO, ERR_TRANSIENT, "HOST_OFFLINE");
    fake_migrations_apply_to_l2();
    fake_migrations_run(4 * 1000);
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "restored", .name = "csi-data", .sr = "S"});
    const char *plugged = fake_xo_plug(XO, "V2", "restored");
    cleanup_str char *vbd = mem_strdup(plugged);
    fake_migrations_run(90 * 1000);
    fake_xo_remove_vbd(XO, vbd);
    fake_xo_remove(XO, "restored");
    fake_migrations_run(300 * 1000);
    cr_assert_eq(fake_xo_disks_named(XO, "csi-data"), 1, "no disk has the volume's name any more");
}

/* the old moves of a dead pool keep no slots; here: with a limit of one copy an SR, a move that has ended in XO while pool Q is away
 * holds its slot, so that the next volume of pool P waits as well. */
Test(migration_proof, holds_no_slot_of_a_move_that_has_ended_although_another_pool_is_away)
{
    const struct rec_slots_limits limits = {.live_per_host = 1,
                                            .copies_per_host = 1,
                                            .copies_per_sr = 1};
    struct rec_slots *slots = rec_slots_new(&limits);

    fake_migrations_world.ports.slots = slots;
    fake_world_add_volume(&fake_migrations_world, "two", "disk-2", "L1");
    fake_migrations_apply_to_l2();
    fake_migrations_run(5 * 1000);
    fake_xo_blip(XO, "Q");
    fake_migrations_run(3600 * 1000);
    fake_kube_put(fake_migrations_world.kube, &migration_kind,
                  "{\"metadata\":{\"name\":\"m2\",\"namespace\":\"shop\"},\"spec\":{\"volumes\":[{"
                  "\"claimName\":\"two\"}],\"target\":{\"srUUID\":\"L2\"}}}");
    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller,
                   "shop/m2", 3600 * 1000);
    const char *message =
        json_str_at(fake_kube_object(fake_migrations_world.kube, &migration_kind, "shop", "m2"),
                    "status.message");
    cleanup_str char *copy = mem_strdup(message ? message : "");
    fake_migrations_world.ports.slots = NULL;
    rec_slots_free(slots);
    cr_assert_null(strstr(copy, "position"), "the other volume, after an hour: %s", copy);
}

/* the same with the operator up all the time, and told by XO that the move did not end: the source goes 20 s later. */
Test(migration_proof, does_not_call_half_a_copy_a_success_when_xo_has_said_that_the_move_failed)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_xo_toolstack_restart(XO);
    fake_migrations_run(20 * 1000);
    fake_xo_remove(XO, "disk-1");
    fake_xo_remove(XO, "L1");
    fake_migrations_run(300 * 1000);
    cr_assert_str_neq(fake_migrations_phase(), "Succeeded");
}

/* a volume that does not migrate (srsWithTag, no migrating) and whose disk has no marker yet is moved once, by a person. */
Test(migration_proof, makes_no_volume_follow_its_pods_that_did_not_before)
{
    fake_kube_put(
        fake_migrations_world.kube, &kube_kind_persistent_volume,
        "{\"metadata\":{\"name\":\"pv-data\"},\"spec\":{\"csi\":{\"driver\":"
        "\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":\"name:data\","
        "\"volumeAttributes\":{\"srsWithTag\":\"fast\"}},\"accessModes\":[\"ReadWriteOnce\"],"
        "\"claimRef\":{\"namespace\":\"shop\",\"name\":\"data\"}},\"status\":{\"phase\":\"Bound\"}"
        "}");
    fake_xo_set(XO, "disk-1", "name_description", "\"\"");
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    const char *description =
        fake_migrations_field(fake_xo_disk_named(XO, "csi-data", 0), "name_description");
    cr_assert_null(strstr(description, "\"enabled\":true"), "%s", description);
}
/* More of the same kinds. */

Test(migration_proof, says_where_to_detach_a_disk_that_a_control_domain_forgot_and_goes_on_then)
{
    const char *vbd = fake_xo_plug(XO, "V1", "disk-1");
    cleanup_str char *id = mem_strdup(vbd);

    fake_xo_set(XO, id, "VM", "\"D1\"");
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Stalled", "%s", fake_migrations_message());
    cr_assert_str_eq(fake_migrations_reason(), "DiskInControlDomain", "%s",
                     fake_migrations_message());
    cr_assert_not_null(strstr(fake_migrations_message(), "Dashboard > Health"));
    fake_xo_remove_vbd(XO, id);
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
}

Test(migration_proof, fences_off_a_call_that_is_not_answered_says_so_and_tries_again)
{
    fake_xo_move_starts_after(XO, (int64_t)365 * 24 * 3600 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
                          "\"stallTimeout\":\"1m\"}");
    fake_migrations_run(30 * 1000);
    cr_assert_not_null(strstr(fake_migrations_message(), "nothing of it is seen yet"), "%s",
                       fake_migrations_message());
    fake_migrations_run(45 * 1000);
    cr_assert_eq(fake_kube_events(fake_migrations_world.kube, "Unanswered"), 1, "%s: %s",
                 fake_migrations_reason(), fake_migrations_message());
    fake_xo_move_starts_after(XO, 0);
    fake_migrations_run(600 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    fake_migrations_expect_one_good_disk("L2");
}

Test(migration_proof, asks_a_person_when_the_sr_of_the_disk_was_forgotten_and_another_has_its_name)
{
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "replica", .name = "csi-data", .sr = "S"});
    fake_xo_remove(XO, "disk-1");
    fake_xo_remove(XO, "L1");
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired");
    cr_assert_str_eq(fake_migrations_reason(), "DiskOutOfReach");
    cr_assert_not_null(strstr(fake_migrations_message(), "introduce the SR again"), "%s",
                       fake_migrations_message());
    fake_migrations_expect_no_start();
}

Test(migration_proof, moves_the_volumes_own_disk_and_leaves_a_replica_of_its_name_as_it_is)
{
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "replica", .name = "csi-data", .sr = "L2"});
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_str_eq(fake_migrations_content("copy-1"), "disk-1");
    cr_assert_str_eq(fake_migrations_field("replica", "name_label"), "csi-data");
    cr_assert_str_eq(fake_migrations_field("replica", "$SR"), "L2");
    cr_assert_eq(fake_kube_events(fake_migrations_world.kube, "StrangersIgnored"), 1);
}

/* Somebody moved the disk by hand while nobody looked: its SR is there, and it is not. */
Test(migration_proof,
     concludes_which_disk_it_is_from_the_only_one_of_the_name_in_its_pool_and_says_so)
{
    fake_xo_remove(XO, "disk-1");
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "moved", .name = "csi-data", .sr = "S"});
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_eq(fake_kube_events(fake_migrations_world.kube, "DiskConcluded"), 1);
}

/* It was moved to the other pool, and a backup was restored in its own: the name does not tell which is which. */
Test(migration_proof, concludes_nothing_while_a_disk_of_another_pool_may_be_the_volumes_as_well)
{
    fake_xo_remove(XO, "disk-1");
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "restored", .name = "csi-data", .sr = "S"});
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "moved", .name = "csi-data", .sr = "L3"});
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "DuplicateName", "%s", fake_migrations_message());
    fake_migrations_expect_no_start();
}

Test(migration_proof, concludes_nothing_while_a_pool_is_away)
{
    fake_xo_remove(XO, "disk-1");
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "moved", .name = "csi-data", .sr = "S"});
    fake_xo_blip(XO, "Q");
    fake_migrations_apply_to_l2();
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "PoolAway", "%s", fake_migrations_message());
    fake_migrations_expect_no_start();
    fake_xo_unblip(XO, "Q");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
}

Test(migration_proof, takes_no_disk_of_the_name_for_the_volume_while_its_own_is_out_of_sight)
{
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "other", .name = "csi-data", .sr = "L3"});
    fake_xo_blip(XO, "P");
    fake_migrations_apply(
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L3\"}}");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "PoolAway", "%s", fake_migrations_message());
    fake_migrations_expect_no_start();
}

/* An answer that stood in the spec when another question was asked is no answer to it. */
Test(migration_proof, obeys_no_answer_that_was_given_to_an_earlier_question)
{
    static const char *const keep =
        "{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"L2\"},"
        "\"recovery\":[{\"claimName\":\"data\",\"keep\":\"disk-2\"}]}";

    fake_world_forget_disk(&fake_migrations_world, "data");
    fake_xo_add_disk(XO, &(struct fake_disk){.uuid = "disk-2", .name = "csi-data", .sr = "S"});
    fake_migrations_apply(keep);
    fake_migrations_run(300 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "ManualRecoveryRequired", "nobody was asked before");
    cr_assert_not_null(strstr(fake_migrations_message(), "before this question was asked"), "%s",
                       fake_migrations_message());
    fake_migrations_apply_to_l2(); /* the person takes it out, and says it again */
    fake_migrations_run(10 * 1000);
    fake_migrations_apply(keep);
    fake_migrations_run(300 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_str_eq(fake_migrations_content("copy-1"), "disk-2");
    cr_assert_eq(fake_kube_events(fake_migrations_world.kube, "Recovered"), 1);
}

/* Objects that vanish in mid-move. */

Test(migration_proof, ends_a_move_whose_claim_and_volume_are_deleted_and_says_so)
{
    fake_migrations_apply_to_l2();
    fake_migrations_run(8 * 1000);
    fake_kube_delete(fake_migrations_world.kube, &kube_kind_claim, "shop", "data");
    fake_kube_delete(fake_migrations_world.kube, &kube_kind_persistent_volume, "", "pv-data");
    fake_migrations_run(120 * 1000);
    cr_assert_str_eq(fake_migrations_phase(), "Succeeded", "%s", fake_migrations_message());
    cr_assert_not_null(strstr(fake_migrations_message(), "was deleted during the move"), "%s",
                       fake_migrations_message());
}

/* Two PersistentVolumes with one handle, as who moves a claim to another namespace makes them. */
static void add_twin(const char *namespace, const char *claim)
{
    cleanup_str char *volume =
        str_new("{\"metadata\":{\"name\":\"pv-twin\"},\"spec\":{\"csi\":{\"driver\":"
                "\"csi.xen-orchestra.marcsi.ch\",\"volumeHandle\":\"name:data\"},\"accessModes\":["
                "\"ReadWriteOnce\"],\"claimRef\":{\"namespace\":\"%s\",\"name\":\"%s\"}},"
                "\"status\":{\"phase\":\"Bound\"}}",
                namespace, claim);
    cleanup_str char *bound = str_new("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\"},"
                                      "\"spec\":{\"volumeName\":\"pv-twin\"},\"status\":{"
                                      "\"phase\":\"Bound\"}}",
                                      claim, namespace);

    fake_kube_put(fake_migrations_world.kube, &kube_kind_persistent_volume, volume);
    fake_kube_put(fake_migrations_world.kube, &kube_kind_claim, bound);
}

Test(migration_proof, waits_for_the_move_of_another_volume_that_is_the_same_disk_and_names_it)
{
    add_twin("other", "twin");
    fake_kube_put(
        fake_migrations_world.kube, &migration_kind,
        "{\"metadata\":{\"name\":\"first\",\"namespace\":\"other\"},\"spec\":{\"volumes\":["
        "{\"claimName\":\"twin\"}],\"target\":{\"srUUID\":\"L2\"}}}");
    fake_world_run(&fake_migrations_world, migration_reconcile, fake_migrations_controller,
                   "other/first", 5 * 1000);
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"}],\"target\":{\"srUUID\":\"S\"}}");
    fake_migrations_run(2 * 1000);
    cr_assert_str_eq(fake_migrations_reason(), "VolumeBusy");
    cr_assert_not_null(strstr(fake_migrations_message(), "other/first"), "%s",
                       fake_migrations_message());
}

Test(migration_proof, moves_a_disk_once_that_two_claims_of_one_object_have)
{
    add_twin("shop", "twin");
    fake_migrations_apply("{\"volumes\":[{\"claimName\":\"data\"},{\"claimName\":\"twin\"}],"
                          "\"target\":{\"srUUID\":\"L2\"}}");
    fake_migrations_run(60 * 1000);
    cr_assert_not_null(strstr(fake_migrations_message(), "have the same disk"), "%s",
                       fake_migrations_message());
    fake_migrations_expect_no_start();
}
