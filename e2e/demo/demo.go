// Package demo plays both ways to move a disk on a lab of its own, to be followed by eye: a Pod moves and its disk follows;
// an XoVolumeMigration is applied and watched. What it claims at the end it has checked.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"xo-operator.dev/e2e/console"
	"xo-operator.dev/e2e/lab"
)

const (
	namespace = "shop"
	// A move of 3 GiB takes half a minute at the default world's speed; the limits allow for a machine that does much else.
	moveMax = 3 * time.Minute
	podMax  = time.Minute
)

type player struct {
	*lab.Lab
	out *console.Console
}

// Play starts a lab, plays both ways and cleans up; keep leaves the lab running. An error means that something was not as it
// should be, and says where to look.
func Play(ctx context.Context, options lab.Options, keep bool) (err error) {
	out := console.New(os.Stdout)
	options.Out = os.Stdout
	begin := time.Now()
	out.Title("A lab: Kubernetes, Xen Orchestra (simulated), the operator")
	out.Say("A real control plane and one real kubelet per virtual machine; only the hypervisors are simulated. The operator runs " +
		"with a token of its ServiceAccount and exactly the RBAC that config/ ships.")
	started, err := lab.Up(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finish(ctx, out, started, keep, err)) }()
	p := &player{Lab: started, out: out}
	if err := p.introduce(ctx); err != nil {
		return err
	}
	if err := p.followPod(ctx); err != nil {
		return fmt.Errorf("a Pod moves, its disk follows: %w", err)
	}
	if err := p.applyMigration(ctx); err != nil {
		return fmt.Errorf("an XoVolumeMigration: %w", err)
	}
	if problems := started.Problems(ctx); len(problems) > 0 {
		return errors.New(strings.Join(problems, "\n"))
	}
	out.Title("Both ways work")
	out.Say("It took %s.", time.Since(begin).Round(time.Second))
	return nil
}

// finish ends the lab, or leaves it and says how to look around.
func finish(ctx context.Context, out *console.Console, started *lab.Lab, keep bool, failure error) error {
	if ctx.Err() != nil {
		out.Warn("interrupted")
		keep = false
	} else if failure != nil {
		out.Bad("%v", failure)
		out.Say("The operator's last lines:")
		out.Output(started.Tail(lab.Operator))
	}
	ctx = context.WithoutCancel(ctx)
	if !keep {
		done := out.Wait("everything is ended and removed", nil)
		err := started.Down(ctx)
		done(err)
		return err
	}
	if err := started.Detach(ctx); err != nil {
		return err
	}
	out.Say("The lab keeps running. Look around:")
	out.Output(fmt.Sprintf("source %s\nkubectl get pods,pvc,xovolumemigrations -A\nmake lab-down LAB=%s    ends it",
		started.Short(started.EnvironmentFile()), started.Name))
	return nil
}

// introduce shows what there is.
func (p *player) introduce(ctx context.Context) error {
	p.out.Say("")
	p.out.Say("Each node is a virtual machine on a host of its own. A host reaches its own local storage repository (SR) and the " +
		"shared one of its pool:")
	p.out.Output(fmt.Sprintf("%-12s %-10s %-10s %s", "NODE", "HOST", "POOL", "STORAGE REPOSITORIES (TAGS)"))
	for _, node := range p.World.Nodes() {
		var names []string
		for _, sr := range p.World.SRs {
			if sr.Host == node.Host || (sr.Host == "" && sr.Pool == node.Pool) {
				names = append(names, fmt.Sprintf("%s (%s)", sr.Name, strings.Join(sr.Tags, ", ")))
			}
		}
		p.out.Output(fmt.Sprintf("%-12s %-10s %-10s %s", node.Name, p.World.Host(node.Host).Name, p.World.Pool(node.Pool).Name,
			strings.Join(names, ", ")))
	}
	if err := p.show(ctx, "get", "nodes"); err != nil {
		return err
	}
	if err := p.show(ctx, "-n", lab.OperatorNamespace, "get", "lease,serviceaccount"); err != nil {
		return err
	}
	_, err := p.Kubectl(ctx, "create", "namespace", namespace)
	return err
}

// followPod is the main job: a drained Pod runs elsewhere with its data.
func (p *player) followPod(ctx context.Context) error {
	p.out.Title("1. A Pod moves, its disk follows")
	first := p.World.Nodes()[0]
	home := p.World.LocalSR(first.Host, "k8s-local")
	if home == nil {
		return fmt.Errorf("host of %s has no SR with tag k8s-local", first.Name)
	}
	volume, err := p.MakeVolume(ctx, lab.VolumeOptions{Namespace: namespace, Claim: "data-db-0", SR: home.UUID, Size: 3 << 30})
	if err != nil {
		return err
	}
	p.out.Say("A database with a volume of %s. Its disk, %s, is on %q, which only the host of %s reaches. Its "+
		"contents are known:", size(volume.Size), volume.Disk, home.Name, first.Name)
	if err := p.showDisk(ctx, volume); err != nil {
		return err
	}
	manifest := lab.StatefulSet(namespace, "db", first.Name, p.World.Pool(first.Pool).Name)
	p.out.Command("kubectl apply -f statefulset.yaml")
	if err := p.apply(ctx, manifest); err != nil {
		return err
	}
	before, err := p.waitPod(ctx, podMax, "db-0", "")
	if err != nil {
		return err
	}
	if err := p.show(ctx, "-n", namespace, "get", "pods", "-o", "wide"); err != nil {
		return err
	}

	const offset, length, seed = 300 << 20, 64 << 20, 4711
	if err := p.Write(ctx, volume, before.Spec.NodeName, offset, length, seed); err != nil {
		return err
	}
	p.out.Say("")
	p.out.Say("The database writes %s to its volume, so the disk now holds:", size(length))
	if err := p.showDisk(ctx, volume); err != nil {
		return err
	}

	p.out.Say("")
	p.out.Say("Now the node is drained, as for an update. The scheduler puts the Pod on another node, whose host does not reach the " +
		"disk: the operator moves the disk, then attaches it. What it does is seen live:")
	live := p.follow(ctx,
		watch{"migration", []string{"-n", namespace, "get", "xovolumemigrations", "-w"}},
		watch{"Pod event", []string{"-n", namespace, "get", "events", "--watch-only", "--no-headers", "--field-selector",
			"involvedObject.kind=Pod", "-o", "custom-columns=REASON:.reason,MESSAGE:.message"}})
	defer live.end()
	p.out.Command("kubectl drain %s --ignore-daemonsets", first.Name)
	drained, err := p.Kubectl(ctx, "drain", first.Name, "--ignore-daemonsets", "--timeout=60s")
	if err != nil {
		return err
	}
	p.out.Output(drained)
	pod, err := p.waitPod(ctx, moveMax, "db-0", first.Name)
	if err != nil {
		return err
	}
	live.stop(ctx, "Succeeded")
	if err := p.showMigration(ctx); err != nil {
		return err
	}
	if err := p.show(ctx, "-n", namespace, "get", "pods", "-o", "wide"); err != nil {
		return err
	}
	if err := p.provePod(ctx, volume, pod.Spec.NodeName); err != nil {
		return err
	}
	return p.show(ctx, "uncordon", first.Name)
}

// provePod compares the contents where the disk is now, and as the new node saw them, with what they were.
func (p *player) provePod(ctx context.Context, volume *lab.Volume, node string) error {
	p.out.Say("")
	p.out.Say("The proof. Where the disk is and what it holds is read from the simulated hypervisors, past the API that the " +
		"operator uses:")
	if err := p.showDisk(ctx, volume); err != nil {
		return err
	}
	sr := p.World.LocalSR(p.World.VM(node).Host, "k8s-local")
	if sr == nil {
		return fmt.Errorf("host of %s has no SR with tag k8s-local", node)
	}
	if _, err := p.CheckDisk(ctx, volume, sr.UUID); err != nil {
		return err
	}
	p.out.Good("exactly one disk of the name, on %q, which the host of %s reaches", sr.Name, node)
	staged, err := p.StagedAt(node, volume)
	if err != nil {
		return err
	}
	if staged.SHA256 != volume.SHA256 {
		return fmt.Errorf("%s saw %s on device %s, it should have been %s", node, staged.SHA256, staged.Context["device"], volume.SHA256)
	}
	p.out.Good("every byte is the same, and %s saw the same on /dev/%s", node, staged.Context["device"])
	return nil
}

// applyMigration moves the disk of a claim that no Pod uses, on request.
func (p *player) applyMigration(ctx context.Context) error {
	p.out.Title("2. Somebody asks for a move and watches it")
	node := p.World.Nodes()[1]
	from := p.World.LocalSR(node.Host, "k8s-local")
	to := p.sharedSR(node.Pool)
	if from == nil || to == nil {
		return fmt.Errorf("the world has no SR with tag k8s-local on the host of %s, or none with k8s-shared in its pool", node.Name)
	}
	volume, err := p.MakeVolume(ctx, lab.VolumeOptions{Namespace: namespace, Claim: "archive", SR: from.UUID, Size: 2 << 30})
	if err != nil {
		return err
	}
	p.out.Say("A claim that no Pod uses now; its disk is on %q:", from.Name)
	if err := p.showDisk(ctx, volume); err != nil {
		return err
	}
	manifest := `apiVersion: migration.xo-operator.dev/v1alpha1
kind: XoVolumeMigration
metadata: {name: archive-to-shared, namespace: ` + namespace + `}
spec:
  volumes: [{claimName: archive}]
  target: {srsWithTag: k8s-shared}
`
	p.out.Say("")
	p.out.Say("It shall go to shared storage:")
	p.out.Output(manifest)
	p.out.Command("kubectl apply -f archive-to-shared.yaml")
	if err := p.apply(ctx, manifest); err != nil {
		return err
	}
	live := p.follow(ctx, watch{"migration", []string{"-n", namespace, "get", "xovolumemigrations", "archive-to-shared", "-w"}})
	defer live.end()
	p.out.Command("kubectl -n %s wait --for=condition=Ready xovolumemigration/archive-to-shared", namespace)
	waited, err := p.Kubectl(ctx, "-n", namespace, "wait", "--for=condition=Ready", "--timeout="+moveMax.String(),
		"xovolumemigration/archive-to-shared")
	if err != nil {
		return err
	}
	p.out.Output(waited)
	live.stop(ctx, "Succeeded")
	if err := p.show(ctx, "-n", namespace, "describe", "xovolumemigration", "archive-to-shared"); err != nil {
		return err
	}
	p.out.Say("")
	p.out.Say("The proof, read from the simulated hypervisors:")
	if err := p.showDisk(ctx, volume); err != nil {
		return err
	}
	if _, err := p.CheckDisk(ctx, volume, to.UUID); err != nil {
		return err
	}
	p.out.Good("exactly one disk of the name, on %q, and every byte is the same", to.Name)
	return nil
}

// sharedSR finds the SR with tag k8s-shared of a pool; nil: there is none.
func (p *player) sharedSR(pool string) *lab.SR {
	for i := range p.World.SRs {
		if sr := &p.World.SRs[i]; sr.Pool == pool && sr.Host == "" && sr.HasTag("k8s-shared") {
			return sr
		}
	}
	return nil
}
