// Command load moves thousands of volumes over twenty hosts in a lab, at many times the speed of real ones, and says how long it took
// beside the time that their disks need at least, what each move cost the API server and Xen Orchestra, and whether a slot was
// exceeded. It rewrites its table in docs/benchmarks.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"xo-operator.dev/e2e/lab"
)

// settings are what a run is made with.
type settings struct {
	migrations, live, hosts, namespaces int
	speed                               float64
	seed                                uint64
	limit                               time.Duration
	build                               string
	finalizer, write                    bool
}

func main() {
	var s settings
	flag.IntVar(&s.migrations, "migrations", 2000, "XoVolumeMigrations, of one volume each")
	flag.IntVar(&s.live, "live", 200, "how many of them are of disks that a VM runs on")
	flag.IntVar(&s.hosts, "hosts", 20, "hosts of the pool")
	flag.IntVar(&s.namespaces, "namespaces", 10, "namespaces that the claims are in")
	flag.Float64Var(&s.speed, "speed", 50, "simulated seconds per second")
	flag.Uint64Var(&s.seed, "seed", 1, "of sizes and places")
	flag.DurationVar(&s.limit, "limit", 30*time.Minute, "longest run")
	flag.StringVar(&s.build, "build", "../build/release", "where xo-operator and xosim were built")
	flag.BoolVar(&s.finalizer, "finalizer", true, "make the migrations with their finalizer, which the operator would write otherwise")
	flag.BoolVar(&s.write, "write", true, "rewrite the table in docs/benchmarks.md")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, s); err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	build, err := filepath.Abs(s.build)
	if err != nil {
		return err
	}
	plan := newPlan(s)
	file, err := plan.writeWorld()
	if err != nil {
		return err
	}
	defer os.Remove(file)
	world, err := lab.Up(ctx, lab.Options{Name: "load", Build: build, World: file, Speed: s.speed, LogLevel: "warn",
		// What is slow enough for a real pool's moves is not for those of a simulated one.
		OperatorFlags: []string{"--api-writes-per-second", "1000", "--workers", "16"}})
	if err != nil {
		return err
	}
	defer world.Down(context.WithoutCancel(ctx)) // a failure to end it is shown by the next run
	// What would otherwise work beside: claims are bound here, Pods there are none.
	for _, part := range []string{lab.ControllerManager, lab.Scheduler} {
		if err := world.Stop(ctx, part); err != nil {
			return err
		}
	}
	cluster, err := connect(world.Kubeconfig())
	if err != nil {
		return err
	}
	fmt.Printf("making %d volumes\n", len(plan.volumes))
	if err := cluster.makeVolumes(ctx, plan); err != nil {
		return err
	}
	return measure(ctx, s, plan, world, cluster)
}

// measure makes the migrations, watches them to their end, and tells.
func measure(ctx context.Context, s settings, plan *plan, world *lab.Lab, cluster *cluster) error {
	meter, err := newMeter(ctx, world, cluster)
	if err != nil {
		return err
	}
	watch, err := cluster.follow(ctx, plan)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- watch.untilAllEnded(ctx) }() // a watch that is not read is ended by the server
	started := time.Now()
	if err := cluster.makeMigrations(ctx, plan); err != nil {
		return err
	}
	made := time.Since(started)
	if err := <-ended; err != nil {
		return err
	}
	makespan := time.Since(started)
	r, err := meter.read(ctx)
	if err != nil {
		return err
	}
	r.made, r.makespan, r.watched = made, makespan, watch
	if problems := world.Problems(ctx); len(problems) > 0 {
		return fmt.Errorf("the lab: %v", problems)
	}
	return tell(s, plan, r)
}
