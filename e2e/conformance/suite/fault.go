package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
	"time"
)

// Fault is something that a command of the environment makes go wrong on a real site; on xosim its control endpoint does.
type Fault struct {
	Name     string // FAULT_<Name>
	Contract string // when the command may return, and what holds then
	Gets     string // variables that the command finds in its environment beside DO
	Undone   string // what the command does when DO is "undo"; "": by itself, it is not run again
	xosim    func(with map[string]string) map[string]any
}

func named(name string, fields ...string) func(map[string]string) map[string]any {
	return func(with map[string]string) map[string]any {
		fault := map[string]any{"name": name}
		for _, field := range fields {
			key, variable, _ := strings.Cut(field, "=")
			if value := with[variable]; value != "" {
				fault[key] = value
			}
		}
		return fault
	}
}

// also adds fixed fields to a fault.
func also(make func(map[string]string) map[string]any, key string, value any) func(map[string]string) map[string]any {
	return func(with map[string]string) map[string]any {
		fault := make(with)
		fault[key] = value
		return fault
	}
}

// Faults is every fault that a test may ask for.
var Faults = []Fault{
	{Name: "COPY_SLOW", Gets: "DISK", xosim: also(named("copy-stalls", "match=DISK"), "times", 0),
		Contract: "returns at once; from then on a copy or live migration of the disk of that name does not get to its end",
		Undone:   "such copies go on and end"},
	{Name: "COPY_FAILS", Gets: "DISK", xosim: named("copy-fails", "match=DISK"),
		Contract: "returns at once; the next copy or live migration of the disk of that name ends half way with a storage error",
		Undone:   "copies succeed again"},
	{Name: "TOOLSTACK_RESTART", Gets: "POOL", xosim: named("toolstack-restart", "pool=POOL"),
		Contract: "restarts XAPI on the hosts of the pool (`xe-toolstack-restart`) and returns when its tasks are gone"},
	{Name: "POOL_BLIP", Gets: "POOL", xosim: named("pool-blip", "pool=POOL"),
		Contract: "cuts the TCP connections between Xen Orchestra and the pool's XAPI once and refuses new ones until Xen Orchestra has noticed (a few seconds: a cut that is over at once may pass unseen, then tests that need it are skipped); returns at once"},
	{Name: "POOL_UNREACHABLE", Gets: "POOL", xosim: named("pool-disconnected", "pool=POOL"),
		Contract: "lets no packet of Xen Orchestra reach the hosts of the pool (`iptables … -j REJECT`), those of open connections either; returns at once",
		Undone:   "they are reached again"},
	{Name: "XO_RESTART", xosim: named("xo-restart"),
		Contract: "ends xo-server with SIGTERM and starts it again; returns when the old process has ended"},
	{Name: "SR_FULL", Gets: "SR", xosim: also(named("sr-full", "sr=SR"), "times", 0),
		Contract: "the SR has no room for another disk when it returns", Undone: "it has room again"},
	{Name: "HOST_OFF", Gets: "HOST", xosim: named("host-power-off", "host=HOST"),
		Contract: "switches the host off and returns when XAPI shows it as not live", Undone: "switches it on, returns when it is live"},
	{Name: "SR_SLOW", Gets: "SR", xosim: also(named("slow-sr", "sr=SR"), "factor", 0.05),
		Contract: "making a disk on the SR takes a second when it returns", Undone: "it is as fast as before"},
	{Name: "DISK_DESTROYED", Gets: "VDI", Contract: "destroys the disk with that UUID behind Xen Orchestra (`xe vdi-destroy`) and returns when it is gone"},
	{Name: "EVENTS_STALL", Gets: "POOL", xosim: also(named("events-stall", "pool=POOL"), "seconds", 8),
		Contract: "Xen Orchestra gets no event of the pool any more, though its calls work (hold the answers to `event.from`) for 8 s, after which those that were missed come"},
	{Name: "DOM0_KEEPS", Gets: "DISK", xosim: named("dom0-keeps-vbd", "match=DISK"),
		Contract: "plugs the disk of that name into the control domain of a host that sees it, for writing (`xe vbd-create vm-uuid=… mode=RW`, `xe vbd-plug`), and returns when it is"},
	{Name: "PLUG_FAILS", Gets: "VM", xosim: named("plug-fails", "vm=VM"),
		Contract: "returns at once; the next disk that is hot-plugged into the VM fails to be", Undone: "it can be plugged"},
}

func fault(name string) *Fault {
	for i := range Faults {
		if Faults[i].Name == name {
			return &Faults[i]
		}
	}
	return nil
}

// commandMax is the longest that a command of the environment may take: switching on a host takes minutes.
const commandMax = 20 * time.Minute

func (s *Site) run(ctx context.Context, f *Fault, do string, with map[string]string) error {
	limited, cancel := context.WithTimeout(ctx, commandMax)
	defer cancel()
	command := exec.CommandContext(limited, "/bin/sh", "-c", os.Getenv("FAULT_"+f.Name))
	command.Env = append(os.Environ(), "DO="+do)
	names := make([]string, 0, len(with))
	for name := range with {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		command.Env = append(command.Env, name+"="+with[name])
	}
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("FAULT_%s (DO=%s): %w\n%s", f.Name, do, err, output)
	}
	return nil
}

// inject makes a fault happen and returns what undoes it.
func (s *Site) inject(ctx context.Context, f *Fault, with map[string]string) (func() error, error) {
	if s.control != nil && f.xosim == nil { // the only one that is no fault there
		return func() error { return nil }, s.control.RemoveDisk(ctx, with["VDI"])
	}
	if s.control != nil {
		id, err := s.control.AddFault(ctx, f.xosim(with))
		return func() error {
			if f.Undone == "" {
				return nil
			}
			return s.control.RemoveFault(context.Background(), id)
		}, err
	}
	if err := s.run(ctx, f, "do", with); err != nil {
		return nil, err
	}
	return func() error {
		if f.Undone == "" {
			return nil
		}
		return s.run(context.Background(), f, "undo", with)
	}, nil
}

// Expire waits until a token that lives so long has expired. A simulator is told, for its tokens expire by the clock on the wall.
func (t *T) Expire(token string, lifetime time.Duration) {
	if t.Site.control == nil {
		t.Pass(lifetime + 2*time.Second)
		return
	}
	_, err := t.Site.control.AddFault(t.Ctx, map[string]any{"name": "expire-token", "token": token})
	t.Must(err)
}
