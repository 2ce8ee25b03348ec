package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

const (
	mebibyte  = int64(1) << 20
	gibibyte  = int64(1) << 30
	bandwidth = 104 * mebibyte // of an SR, in bytes per second: what a copy over 1 Gbit/s was seen to reach
	vmsOnHost = 5              // that have disks to be moved live
	tag       = "load"
)

// volume is one that is to be moved.
type volume struct {
	namespace, claim string
	size             int64
	source, target   string // UUIDs of SRs
	live             bool
}

func (v *volume) name() string { return "pvc-" + v.namespace + "-" + v.claim }

// plan says which hosts and volumes there are, and where each volume goes. It follows from the settings alone.
type plan struct {
	settings settings
	volumes  []*volume
}

// UUIDs of the world, so that it is known without asking.
func hostUUID(host int) string { return fmt.Sprintf("10ad0000-0000-4000-8000-%012x", 0xa000+host) }
func poolUUID() string         { return "10ad0000-0000-4000-8000-000000000001" }

// srUUID is the UUID of a local SR: each host has two.
func srUUID(host, number int) string {
	return fmt.Sprintf("10ad0000-0000-4000-8000-%012x", 0x5000+2*host+number)
}

func vmUUID(host, number int) string {
	return fmt.Sprintf("10ad0000-0000-4000-8000-%012x", 0xe000+vmsOnHost*host+number)
}

// newPlan spreads the volumes evenly over the hosts: detached ones go from the first SR of a host to that of another one, those
// that a VM runs on from the first to the second SR of their host, which both are seen from there.
func newPlan(s settings) *plan {
	random := rand.New(rand.NewPCG(s.seed, 0))
	p := &plan{settings: s}
	for i := range s.migrations {
		host := i % s.hosts
		v := &volume{
			namespace: fmt.Sprintf("load-%d", i/s.hosts%s.namespaces),
			claim:     fmt.Sprintf("claim-%04d", i),
			size:      (1 + random.Int64N(7)) * gibibyte,
			source:    srUUID(host, 0),
			live:      i < s.live,
		}
		v.target = srUUID((host+1+random.IntN(s.hosts-1))%s.hosts, 0)
		if v.live {
			v.target = srUUID(host, 1)
		}
		p.volumes = append(p.volumes, v)
	}
	return p
}

// ideal is the least time in simulated seconds that any order of the moves takes: each SR has to read and write what is on its way
// from and to it, and does no more than its bandwidth.
func (p *plan) ideal() float64 {
	through := map[string]int64{}
	longest := int64(0)
	for _, v := range p.volumes {
		through[v.source] += v.size
		through[v.target] += v.size
		longest = max(longest, through[v.source], through[v.target])
	}
	return float64(longest) / float64(bandwidth)
}

func (p *plan) bytes() int64 {
	sum := int64(0)
	for _, v := range p.volumes {
		sum += v.size
	}
	return sum
}

// writeWorld writes what xosim is to simulate, and gives the name of the file.
func (p *plan) writeWorld() (string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "users:\n  - {email: admin@admin.net, password: admin}\ntokens:\n  - {token: load-token, user: admin@admin.net}\n")
	fmt.Fprintf(&text, "pools:\n  - {name: load, uuid: %s}\nhosts:\n", poolUUID())
	for host := range p.settings.hosts {
		fmt.Fprintf(&text, "  - {name: host-%d, uuid: %s, pool: load}\n", host+1, hostUUID(host))
	}
	text.WriteString("srs:\n")
	for host := range p.settings.hosts {
		for number, kind := range []string{"first", "second"} {
			fmt.Fprintf(&text, "  - {name: host-%d %s, uuid: %s, host: host-%d, tags: [%s], size: 40 TiB, bandwidth: %d}\n", host+1, kind,
				srUUID(host, number), host+1, tag, bandwidth)
		}
	}
	text.WriteString("vms:\n  - {name: node-1, host: host-1, node: true}\n")
	for host := range p.settings.hosts {
		for number := range vmsOnHost {
			fmt.Fprintf(&text, "  - {name: vm-%d-%d, uuid: %s, host: host-%d}\n", host+1, number+1, vmUUID(host, number), host+1)
		}
	}
	text.WriteString("disks:\n")
	for i, v := range p.volumes {
		host, rank := i%p.settings.hosts, i/p.settings.hosts
		fmt.Fprintf(&text, "  - {name: csi-%s, sr: %s, size: %d, seed: %d, description: '%s'", v.name(),
			fmt.Sprintf("host-%d first", host+1), v.size, i+1, `csi:info: {"migrating":{"enabled":true},"srsWithTag":"`+tag+`"}`)
		if v.live {
			fmt.Fprintf(&text, ", vm: vm-%d-%d, position: %d", host+1, rank%vmsOnHost+1, 4+rank/vmsOnHost)
		}
		text.WriteString("}\n")
	}
	file, err := os.CreateTemp("", "load-*.yaml")
	if err != nil {
		return "", err
	}
	defer file.Close()
	_, err = file.WriteString(text.String())
	return file.Name(), err
}
