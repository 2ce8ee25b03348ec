// Package tests is what is known of Xen Orchestra, as tests: each name is a sentence of behaviour, each tells which facts it shows.
package tests

import "xo-operator.dev/e2e/conformance/suite"

// All is every test, area by area.
func All() []*suite.Test {
	var all []*suite.Test
	for _, area := range [][]*suite.Test{
		webSocket, signIn, tokens, errorsOfCalls, objects, notifications, disks, devices, limits, machines, copies, mirrors, failures, restarts, away, restSigning, restErrors, restObjects, restDevices, restTasks, restEvents, keptByDom0, forgottenTasks, backups, space, clients, recordings, itself,
	} {
		all = append(all, area...)
	}
	return all
}

// params saves words: calls have one object of parameters.
type params = map[string]any
