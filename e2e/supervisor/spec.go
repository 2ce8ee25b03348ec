// Package supervisor holds the processes of one lab so that none outlives it.
//
// A harness (the lab command, a test program) starts one supervisor process and keeps the write end of a pipe to it. The
// supervisor is the parent of every part. Whatever happens to the harness, Ctrl-C, a panic, kill -9, the pipe ends, and the
// supervisor ends every part, then itself. Should the supervisor be killed instead, the kernel kills the parts, for each was
// started with a parent-death signal. A lab that is to outlive its harness (`lab up`) is detached once it is complete: from
// then on only `lab down` ends it.
//
// The two talk HTTP with JSON over a Unix socket. The supervisor also owns what must be given up exactly when the lab ends:
// the lock on the lab's folder and a block of TCP ports.
package supervisor

import "time"

// Spec is one process to hold. A part keeps its name, its command line and its log across restarts.
type Spec struct {
	Name    string
	Argv    []string
	Env     []string      // added to the supervisor's own environment
	Log     string        // file that gets its output; appended to
	Restart bool          // start it again when it ends unasked, as a Deployment would
	Delay   time.Duration // before that; 0: restartDelay
	Grace   time.Duration // from SIGTERM to SIGKILL when the lab ends; 0: killed at once, its state is thrown away anyway
}

// Status says what became of a part.
type Status struct {
	Name    string
	PID     int
	Start   uint64 // clock ticks since boot: with the PID it names a process for certain
	Running bool
	Exit    string // how it ended last, "" when it never did
	Unasked int    // how often it ended without being asked to
	Log     string
}

// State is what the supervisor writes beside its lock, for a `lab down` that finds the supervisor itself dead.
type State struct {
	Supervisor Status
	Runtime    string // short folder for sockets
	Parts      []Status
}

// restartDelay keeps a part that ends at once from spinning; a kubelet waits longer, and tests are in a hurry.
const restartDelay = time.Second

// PortsPerLab is the size of the block of ports that a lab owns: ten parts and up to fifty nodes.
const PortsPerLab = 64
