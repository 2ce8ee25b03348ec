package tests

import "xo-operator.dev/e2e/conformance/suite"

// recorded is a recording of a real Xen Orchestra with the test that plays it: cmd/xosim/replay_test.c. It compares which objects came into
// which state and which left, how calls were answered, in which order, and the keys and JSON types of every object and error.
func recorded(file, test, says string) *suite.Test {
	Facts = append(Facts, suite.Fact{Area: "Recordings", ID: "recording-" + file, Says: says})
	return &suite.Test{Name: "recording " + file + ": is answered by xosim as by the real one", Facts: []string{"recording-" + file},
		Needs: []suite.Need{suite.Replays}, Run: func(t *suite.T) { t.Replay(test) }}
}

// recordings is every file of cmd/xosim/testdata/transcripts; main.go checks that none is missing.
var recordings = []*suite.Test{
	recorded("sign-in-and-inventory", "answers_sign_in_and_inventory_as_recorded", "Signing in; every object, type by type"),
	recorded("sign-in-refused", "refuses_who_is_not_signed_in_as_recorded", "A call before signing in; a bad token"),
	recorded("create-name-expand-delete", "creates_names_expands_and_deletes_a_disk_as_recorded", "A disk is made, renamed, grown, not shrunk, deleted"),
	recorded("attach-detach", "attaches_and_detaches_as_recorded", "A disk is attached, not resized, not attached again, detached"),
	recorded("attach-wrong-host", "refuses_to_attach_on_a_host_that_does_not_see_the_sr_as_recorded", "A disk on the local SR of another host leaves its VBD behind"),
	recorded("migrate-detached-copy", "migrates_a_detached_disk_by_copy_and_destroy_as_recorded", "A disk that no VM has moves: refused, copied, destroyed"),
	recorded("migrate-attached-mirror", "moves_an_attached_disk_as_recorded", "A live migration of a disk"),
	recorded("migrate-copy-fails-midway", "fails_a_copy_midway_as_recorded", "A storage error half way through a copy"),
	recorded("migrate-copy-cancelled", "cancels_a_copy_as_recorded", "A copy is cancelled"),
	recorded("migrate-copy-toolstack-restart", "leaves_two_disks_after_a_toolstack_restart_as_recorded", "XAPI restarts under a copy"),
	recorded("migrate-attached-fourth-refused", "refuses_a_live_move_without_a_slot_ten_times_as_recorded", "The fourth live migration of a host"),
	recorded("refusals", "refuses_what_can_not_be_done_as_recorded", "Another pool's SR, unknown ids and methods, a full SR, the same SR"),
	recorded("cross-pool-vm-migrate", "moves_a_vm_to_another_pool_and_back_as_recorded", "A running VM goes to the other pool and back"),
	recorded("pool-connection-blip", "loses_a_pool_and_finds_it_again_as_recorded", "Xen Orchestra loses a pool and finds it again"),
}

// Recordings are the names of the files that are played.
func Recordings() []string {
	var files []string
	for _, test := range recordings {
		files = append(files, test.Facts[0][len("recording-"):])
	}
	return files
}
