package suite

import (
	"fmt"
	"os"
	"strings"
)

// Need is what a test must find where it runs, or it is skipped by name. A simulator has all of them.
type Need string

// What tests need; the words are those that people read.
const (
	Password    Need = "XOA_USERNAME and XOA_PASSWORD" // signing in by password is what is tested
	SR          Need = "an SR tagged SR_TAG"
	LocalPair   Need = "local SRs tagged SR_TAG on two hosts of one pool"
	LocalTriple Need = "local SRs tagged SR_TAG on three hosts of one pool"
	Shared      Need = "a shared SR tagged SR_TAG beside a local one"
	Thin        Need = "a thin SR tagged SR_TAG in the pool of the first local SR"
	OtherPool   Need = "an SR tagged SR_TAG in a second pool"
	VM          Need = "a running VM of TEST_VMS on the host of the first local SR"
	VMs         Need = "two running VMs of TEST_VMS on the host of the first local SR"
	FourVMs     Need = "four running VMs of TEST_VMS on the host of the first local SR"
	FarVM       Need = "a running VM of TEST_VMS on the host of the second local SR"
	HaltedVM    Need = "a halted VM of TEST_VMS in the pool of the first local SR"
	OtherUser   Need = "OTHER_USERNAME and OTHER_PASSWORD of a user without permissions"
	BigSite     Need = "an inventory of more than 1 MiB"
	TLS         Need = "XOA_URL with https"
	XoLib       Need = "XO_LIB, the folder where xo-lib is installed, and node"
	Replays     Need = "XOSIM_TEST, the unit tests of xosim: the recordings are of a real one"
	Minutes     Need = "minutes of waiting"
	Truth       Need = "xosim: only its control endpoint tells what is on a disk"
	OnlyXosim   Need = "xosim: more than a test's own disks is touched"
)

// Faults are needs too: FaultNeed("COPY_SLOW") is that FAULT_COPY_SLOW names a command.
func FaultNeed(name string) Need { return Need("FAULT_" + name) }

// unmet says why a need is not met, "" if it is.
func (s *Site) unmet(need Need) string {
	if name, is := strings.CutPrefix(string(need), "FAULT_"); is {
		if s.control != nil || os.Getenv("FAULT_"+name) != "" {
			return ""
		}
		return string(need) + " is not set"
	}
	p := s.place
	met := map[Need]bool{
		Password: s.Username != "", SR: len(p.srs) > 0, LocalPair: len(p.locals) > 1, LocalTriple: len(p.locals) > 2,
		Shared: p.shared != "", Thin: p.thin != "", OtherPool: p.otherPoolSR != "", VM: len(p.near) > 0, VMs: len(p.near) > 1, FourVMs: len(p.near) > 3,
		FarVM: len(p.far) > 0, HaltedVM: len(p.halted) > 0, OtherUser: s.OtherUsername != "",
		BigSite: p.bytes > 1<<20 || s.control != nil, Minutes: true, Replays: s.control != nil && os.Getenv("XOSIM_TEST") != "",
		TLS: s.control != nil || strings.HasPrefix(s.URL, "https:"), XoLib: os.Getenv("XO_LIB") != "", Truth: s.control != nil, OnlyXosim: s.control != nil,
	}
	if is, known := met[need]; !known || !is {
		return fmt.Sprintf("needs %s", need)
	}
	return ""
}
