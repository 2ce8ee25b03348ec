// Command lab starts, ends and shows labs: a real Kubernetes on a simulated Xen Orchestra with the operator beside them.
//
//	lab up        start one and leave it running
//	lab down      end it
//	lab status    what runs, and where the logs are
//	lab env       the file to source
//	lab demo      play both ways to move a disk in a lab of its own
//	lab controlplane
//	              build the control plane, if nobody has, and print where it is
//	lab kill, lab stop, lab freeze, lab thaw, lab start PART
//	              trouble for one part of a running lab
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"xo-operator.dev/e2e/demo"
	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/supervisor"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		os.Exit(1)
	}
}

// settings are the flags that all commands share.
type settings struct {
	options lab.Options
	preset  string
	keep    bool
	rest    []string
}

const usage = "usage: lab up|down|status|env|demo|controlplane|kill|stop|freeze|thaw|start [--name NAME] [--preset PRESET] " +
	"[--world FILE] [--speed N] [--seed N] " +
	"[--log-level LEVEL] [PART]"

func run(arguments []string) error {
	if len(arguments) == 0 {
		return errors.New(usage)
	}
	if arguments[0] == "supervise" { // started by a harness, never by a person
		return supervise(arguments[1:])
	}
	settings, err := parse(arguments[0], arguments[1:])
	if err != nil {
		return err
	}
	// The first Ctrl-C ends what was started, in order; the second ends this process, and the supervisor does the rest.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	switch arguments[0] {
	case "up":
		return up(ctx, settings)
	case "down":
		return down(ctx, settings)
	case "status":
		return status(ctx, settings)
	case "env":
		return environment(ctx, settings)
	case "demo":
		return demo.Play(ctx, settings.options, settings.keep)
	case "controlplane": // for those who want to see it being built
		binary, err := lab.ControlPlane(ctx)
		if err == nil {
			fmt.Println(binary)
		}
		return err
	case "keep-token":
		return keepToken(ctx, settings)
	case "kill", "stop", "freeze", "thaw", "start":
		return trouble(ctx, arguments[0], settings)
	}
	return fmt.Errorf("%q is no command; %s", arguments[0], usage)
}

func parse(command string, arguments []string) (*settings, error) {
	s := &settings{keep: os.Getenv("KEEP") != "" && os.Getenv("KEEP") != "0"}
	flags := flag.NewFlagSet("lab "+command, flag.ContinueOnError)
	name := "dev"
	if command == "demo" {
		name = "demo"
	}
	flags.StringVar(&s.options.Name, "name", name, "name of the lab; several may run side by side")
	flags.StringVar(&s.preset, "preset", "dev", "which build of operator and simulator to run: build/PRESET")
	flags.StringVar(&s.options.Build, "build", "", "folder of operator and simulator, instead of --preset")
	flags.StringVar(&s.options.World, "world", "", "file that describes the simulated world")
	flags.Float64Var(&s.options.Speed, "speed", 1, "simulated seconds per second")
	flags.StringVar(&s.options.LogLevel, "log-level", "info", "of the operator: debug, info, warn or error")
	flags.Int64Var(&s.options.Seed, "seed", 1, "seed of what is random in the simulator")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	s.rest = flags.Args()
	s.options.NoOperator = os.Getenv("OPERATOR") == "0"
	if s.options.Build == "" {
		top, err := lab.Top()
		if err != nil {
			return nil, err
		}
		s.options.Build = filepath.Join(top, "build", s.preset)
	}
	return s, nil
}

// up starts a lab and leaves it. One that runs already is fine.
func up(ctx context.Context, s *settings) error {
	if running, err := lab.Open(ctx, s.options.Name); err == nil {
		fmt.Printf("lab %s runs already\n", s.options.Name)
		return look(running)
	}
	started, err := lab.Up(ctx, s.options)
	if err != nil {
		return err
	}
	if err := started.Detach(ctx); err != nil {
		return err
	}
	return look(started)
}

// look says how to look around.
func look(running *lab.Lab) error {
	fmt.Printf("\n  source %s\n  kubectl get nodes\n\n", running.Short(running.EnvironmentFile()))
	return nil
}

func down(ctx context.Context, s *settings) error {
	was, err := lab.Down(ctx, s.options.Name)
	if err == nil && !was {
		fmt.Printf("lab %s was not running\n", s.options.Name)
	}
	return err
}

func status(ctx context.Context, s *settings) error {
	running, err := lab.Open(ctx, s.options.Name)
	if err != nil {
		return err
	}
	parts, err := running.Parts(ctx)
	if err != nil {
		return err
	}
	for _, part := range parts {
		state := fmt.Sprintf("pid %d", part.PID)
		if !part.Running {
			state = "ended: " + part.Exit
		}
		fmt.Printf("%-28s %-24s %s\n", part.Name, state, running.Short(part.Log))
	}
	return look(running)
}

func environment(ctx context.Context, s *settings) error {
	running, err := lab.Open(ctx, s.options.Name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(running.EnvironmentFile())
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

func trouble(ctx context.Context, what string, s *settings) error {
	if len(s.rest) != 1 {
		return fmt.Errorf("lab %s needs one part; lab status lists them", what)
	}
	running, err := lab.Open(ctx, s.options.Name)
	if err != nil {
		return err
	}
	do := map[string]func(context.Context, string) error{
		"kill": running.Kill, "stop": running.Stop, "freeze": running.Freeze, "thaw": running.Thaw, "start": running.Start,
	}
	return do[what](ctx, s.rest[0])
}

// keepToken is a part of the lab: it keeps the operator's token fresh.
func keepToken(ctx context.Context, s *settings) error {
	var running *lab.Lab
	err := lab.Wait(ctx, time.Minute, func(ctx context.Context) (err error) {
		running, err = lab.Open(ctx, s.options.Name)
		return err
	})
	if err != nil {
		return err
	}
	return running.KeepToken(ctx)
}

// supervise is the supervisor process of a lab; the pipe to its harness is its file descriptor 3.
func supervise(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: lab supervise FOLDER RUNTIME")
	}
	const pipe = 3
	return supervisor.Serve(supervisor.Paths{Folder: arguments[0], Runtime: arguments[1]}, os.NewFile(pipe, "harness"))
}
