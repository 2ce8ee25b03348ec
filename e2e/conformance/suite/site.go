package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/wire"
	"xo-operator.dev/e2e/lab"
)

// Site is a Xen Orchestra with what tests may use of it.
type Site struct {
	URL                          string
	Token                        string
	Username, Password           string
	OtherUsername, OtherPassword string
	Insecure                     bool
	Speed                        float64 // virtual seconds per second; 1 but for a simulator
	Tag                          string  // of the SRs that tests may make disks on

	control *lab.Xosim // nil: a real one
	place   *place
	testVMs []string // names or UUIDs

	certificate string // file of a simulator's, "": it has none
}

// local is a host with its own SR.
type local struct{ host, sr string }

// place is what was found.
type place struct {
	pool        string // of all that follows but otherPoolSR
	locals      []local
	srs         []string // all that are tagged, those of `pool` first
	shared      string
	thin        string
	otherPoolSR string
	otherHost   string   // of a second pool
	near        []string // running VMs on the host of the first local SR
	far         []string // … of the second
	halted      []string
	vms         map[string]bool // all that tests may use
	bytes       int             // of the inventory
}

// FromEnvironment is the real Xen Orchestra that the environment names; nil: it names none.
func FromEnvironment() (*Site, error) {
	if os.Getenv("XOA_URL") == "" {
		return nil, nil
	}
	site := &Site{
		URL: strings.TrimRight(os.Getenv("XOA_URL"), "/"), Token: os.Getenv("XOA_TOKEN"), Username: os.Getenv("XOA_USERNAME"),
		Password: os.Getenv("XOA_PASSWORD"), OtherUsername: os.Getenv("OTHER_USERNAME"), OtherPassword: os.Getenv("OTHER_PASSWORD"),
		Insecure: os.Getenv("XOA_INSECURE") == "1", Tag: os.Getenv("SR_TAG"), testVMs: strings.Fields(strings.ReplaceAll(os.Getenv("TEST_VMS"), ",", " ")), Speed: 1,
	}
	if !strings.HasPrefix(site.URL, "http://") && !strings.HasPrefix(site.URL, "https://") {
		return nil, fmt.Errorf("XOA_URL: found %q; write http://… or https://…", site.URL)
	}
	if site.Token == "" && (site.Username == "" || site.Password == "") {
		return nil, errors.New("XOA_URL is set; set XOA_TOKEN as well, or XOA_USERNAME and XOA_PASSWORD")
	}
	if site.Tag == "" {
		return nil, errors.New("XOA_URL is set; set SR_TAG to the tag of the SRs that disks may be made on")
	}
	return site, nil
}

// Dial opens a connection and signs in.
func (s *Site) Dial(ctx context.Context) (*wire.Conn, error) {
	conn, err := wire.Dial(ctx, s.URL, wire.Options{Insecure: s.Insecure})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.URL, err)
	}
	if _, err := conn.Call("session.signIn", s.Credentials(), time.Minute); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: sign in: %w", s.URL, err)
	}
	return conn, nil
}

// Credentials are what to sign in with.
func (s *Site) Credentials() map[string]any {
	if s.Token != "" {
		return map[string]any{"token": s.Token}
	}
	return map[string]any{"email": s.Username, "password": s.Password}
}

// Real says whether it is no simulator.
func (s *Site) Real() bool { return s.control == nil }

func (s *Site) discover(ctx context.Context) error {
	conn, err := s.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	result, err := conn.Call("xo.getAllObjects", map[string]any{}, 2*time.Minute)
	if err != nil {
		return err
	}
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	s.place = survey(wire.Of(result), s.Tag, s.testVMs)
	s.place.bytes = len(text)
	return nil
}

type inventory struct {
	objects wire.Object
	ids     []string
}

func (i inventory) each(kind string, use func(id string, object wire.Object)) {
	for _, id := range i.ids {
		if object := i.objects.Of(id); object.Text("type") == kind {
			use(id, object)
		}
	}
}

// survey looks for what tests need. Hosts, SRs and VMs are taken in the order of their names, so that each run finds the same.
func survey(objects wire.Object, tag string, testVMs []string) *place {
	i := inventory{objects: objects}
	for id := range objects {
		i.ids = append(i.ids, id)
	}
	sort.Slice(i.ids, func(a, b int) bool {
		x, y := objects.Of(i.ids[a]).Text("name_label")+i.ids[a], objects.Of(i.ids[b]).Text("name_label")+i.ids[b]
		return x < y
	})
	p := &place{vms: map[string]bool{}}
	locals, shared := i.tagged(tag)
	for pool, found := range locals { // the pool with the most hosts that can be used; of those the first by UUID
		if len(found) > len(p.locals) || (len(found) == len(p.locals) && pool < p.pool) {
			p.pool, p.locals = pool, found
		}
	}
	for pool, sr := range shared {
		if p.pool == "" || pool == p.pool {
			p.pool, p.shared = pool, sr
		}
	}
	i.others(p, locals, shared)
	i.each("SR", func(id string, sr wire.Object) {
		if p.thin == "" && sr.Text("$pool") == p.pool && thin(sr) && contains(sr.Texts("tags"), tag) {
			p.thin = id
		}
	})
	if p.thin != "" && !contains(p.srs, p.thin) {
		p.srs = append(p.srs, p.thin)
	}
	i.machines(p, testVMs)
	return p
}

// tagged are local SRs with their hosts and shared SRs, by pool.
func (i inventory) tagged(tag string) (map[string][]local, map[string]string) {
	locals, shared := map[string][]local{}, map[string]string{}
	i.each("SR", func(id string, sr wire.Object) {
		if !contains(sr.Texts("tags"), tag) {
			return
		}
		if sr.Bool("shared") {
			if shared[sr.Text("$pool")] == "" || !thin(sr) { // a thick one, whose numbers are known beforehand, is better
				shared[sr.Text("$pool")] = id
			}
		} else {
			locals[sr.Text("$pool")] = append(locals[sr.Text("$pool")], local{sr.Text("$container"), id})
		}
	})
	return locals, shared
}

func thin(sr wire.Object) bool { return sr.Text("allocationStrategy") == "thin" }

func (i inventory) others(p *place, locals map[string][]local, shared map[string]string) {
	for _, one := range p.locals {
		p.srs = append(p.srs, one.sr)
	}
	if p.shared != "" {
		p.srs = append(p.srs, p.shared)
	}
	for pool, sr := range shared {
		if pool != p.pool {
			p.otherPoolSR = sr
		}
	}
	for pool, found := range locals {
		if pool != p.pool {
			p.otherPoolSR, p.otherHost = found[0].sr, found[0].host
		}
	}
}

func (i inventory) machines(p *place, wanted []string) {
	i.each("VM", func(id string, vm wire.Object) {
		if !contains(wanted, id) && !contains(wanted, vm.Text("name_label")) {
			return
		}
		p.vms[id] = true
		host := vm.Text("$container")
		switch {
		case vm.Text("$pool") != p.pool:
		case vm.Text("power_state") == "Halted":
			p.halted = append(p.halted, id)
		case len(p.locals) > 0 && host == p.locals[0].host:
			p.near = append(p.near, id)
		case len(p.locals) > 1 && host == p.locals[1].host:
			p.far = append(p.far, id)
		}
	})
}

func contains(list []string, wanted string) bool {
	for _, one := range list {
		if one == wanted {
			return true
		}
	}
	return false
}
