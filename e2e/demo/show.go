package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"xo-operator.dev/e2e/lab"
)

// show runs a kubectl command for the reader to see.
func (p *player) show(ctx context.Context, arguments ...string) error {
	p.out.Command("kubectl %s", strings.Join(arguments, " "))
	text, err := p.Kubectl(ctx, arguments...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		p.out.Output(shorten(line))
	}
	return nil
}

// apply gives kubectl a manifest and shows its answer.
func (p *player) apply(ctx context.Context, manifest string) error {
	text, err := p.KubectlInput(ctx, manifest, "apply", "-f", "-")
	if err == nil {
		p.out.Output(text)
	}
	return err
}

// waitPod waits for a Pod with a sign of life.
func (p *player) waitPod(ctx context.Context, limit time.Duration, name, not string) (*lab.Pod, error) {
	what := "Pod " + name + " runs"
	if not != "" {
		what += " on another node than " + not
	}
	done := p.out.Wait(what, func() string {
		var pod lab.Pod
		if err := p.Get(ctx, "/api/v1/namespaces/"+namespace+"/pods/"+name, &pod); err != nil || pod.Spec.NodeName == "" {
			return ""
		}
		return pod.Status.Phase + " on " + pod.Spec.NodeName
	})
	pod, err := p.WaitPod(ctx, limit, namespace, name, not)
	done(err)
	return pod, err
}

// showDisk shows every disk of the volume's name as it truly is.
func (p *player) showDisk(ctx context.Context, volume *lab.Volume) error {
	truth, err := p.Xosim.Truth(ctx)
	if err != nil {
		return err
	}
	p.out.Output(fmt.Sprintf("%-23s %-36s  %-14s %-8s %s", "DISK", "VDI", "SR", "SIZE", "SHA-256"))
	for _, disk := range truth.Named(volume.Disk) {
		p.out.Output(fmt.Sprintf("%-23s %-36s  %-14s %-8s %.16s…", disk.Name, disk.UUID, p.World.SR(disk.SR).Name, size(disk.Size),
			disk.SHA256))
	}
	return nil
}

// showMigration describes the move that the operator made for the attach.
func (p *player) showMigration(ctx context.Context) error {
	migrations, err := p.Migrations(ctx, namespace)
	if err != nil {
		return err
	}
	for _, migration := range migrations {
		if err := p.show(ctx, "-n", namespace, "describe", "xovolumemigration", migration.Metadata.Name); err != nil {
			return err
		}
	}
	return p.show(ctx, "-n", namespace, "get", "volumeattachments")
}

// watch is a kubectl command that goes on until it is ended.
type watch struct {
	who       string
	arguments []string
}

// follower shows what several watches print, line by line as it comes.
type follower struct {
	player *player
	cancel context.CancelFunc
	all    sync.WaitGroup
	lock   sync.Mutex
	seen   strings.Builder
}

func (p *player) follow(ctx context.Context, watches ...watch) *follower {
	ctx, cancel := context.WithCancel(ctx)
	f := &follower{player: p, cancel: cancel}
	for _, one := range watches {
		f.all.Go(func() {
			// The API server closes a watch now and then.
			for ctx.Err() == nil {
				f.once(ctx, one)
			}
		})
	}
	return f
}

// stop ends the watches. It first waits a moment for a line with the text, for what it tells may be known by other means
// before it is printed.
func (f *follower) stop(ctx context.Context, text string) {
	const lineMax = 5 * time.Second
	lab.Wait(ctx, lineMax, func(context.Context) error { // the reader sees that it is not there
		f.lock.Lock()
		defer f.lock.Unlock()
		if !strings.Contains(f.seen.String(), text) {
			return errors.New("not printed yet")
		}
		return nil
	})
	f.end()
}

// end ends the watches at once; it may be called again.
func (f *follower) end() {
	f.cancel()
	f.all.Wait()
}

func (f *follower) once(ctx context.Context, one watch) {
	f.player.out.Note("%s: kubectl %s", one.who, strings.Join(one.arguments, " "))
	command := f.player.KubectlCommand(ctx, one.arguments...)
	pipe, err := command.StdoutPipe()
	if err != nil || command.Start() != nil {
		return
	}
	for scanner := bufio.NewScanner(pipe); scanner.Scan(); {
		f.player.out.From(one.who, shorten(scanner.Text()))
		f.lock.Lock()
		f.seen.WriteString(scanner.Text() + "\n")
		f.lock.Unlock()
	}
	command.Wait() // it was ended, or is started again
}

// attachName is the name that Kubernetes gives to a VolumeAttachment, and the operator to the move it makes for it.
var attachName = regexp.MustCompile(`(csi-[0-9a-f]{6})[0-9a-f]{52}([0-9a-f]{6})`)

// shorten takes the middle out of such names, and as much space out of the header above them, so that lines fit a terminal.
func shorten(line string) string {
	const taken = 51 // 52 digits for one "…"
	if header, is := strings.CutPrefix(line, "NAME"); is {
		if rest, wide := strings.CutPrefix(header, strings.Repeat(" ", taken)); wide {
			return "NAME" + rest
		}
	}
	return attachName.ReplaceAllString(line, "$1…$2")
}

// size shows bytes as people write them.
func size(bytes int64) string {
	const gib = 1 << 30
	if bytes%gib == 0 {
		return fmt.Sprintf("%d GiB", bytes/gib)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
