package lab

// World is what xosim simulates, as its control endpoint describes it.
type World struct {
	Pools []Pool `json:"pools"`
	Hosts []Host `json:"hosts"`
	SRs   []SR   `json:"srs"`
	VMs   []VM   `json:"vms"`
}

// Pool is a pool of hosts.
type Pool struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

// Host is a hypervisor.
type Host struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
	Pool string `json:"pool"`
}

// SR is a storage repository; a shared one has no host.
type SR struct {
	UUID string   `json:"uuid"`
	Name string   `json:"name"`
	Pool string   `json:"pool"`
	Host string   `json:"host"`
	Tags []string `json:"tags"`
}

// VM is a virtual machine; a Kubernetes node of its name runs in it if Node is set.
type VM struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
	Pool string `json:"pool"`
	Host string `json:"host"`
	Node bool   `json:"node"`
}

// Truth is every disk as it really is, and as it was: disks that are gone stay listed.
type Truth struct {
	Disks    []Disk   `json:"disks"`
	Families []Family `json:"families"`
	Hosts    []Busy   `json:"hosts"`
	SRs      []Busy   `json:"srs"`
}

// Busy is how many moves went on at once, at most: live ones of a host, copies of an SR.
type Busy struct {
	Name             string `json:"name"`
	LiveMovesReached int    `json:"liveMovesReached"`
	LiveMovesRefused int    `json:"liveMovesRefused"`
	CopiesReached    int    `json:"copiesReached"`
}

// Disk is one disk. Its contents are what matters: two disks that look alike to the API differ here.
type Disk struct {
	UUID        string `json:"uuid"`
	Name        string `json:"name"`
	Description string `json:"description"`
	SR          string `json:"sr"`
	Size        int64  `json:"size"`
	Exists      bool   `json:"exists"`
	Forgotten   bool   `json:"forgotten"`  // its SR was: nobody knows of it, its bytes are there
	Complete    bool   `json:"complete"`   // false from the first byte of a copy to its last
	StaleBytes  int64  `json:"staleBytes"` // bytes that are not what they would be, had there been only one disk all along
	SHA256      string `json:"sha256"`
	Family      string `json:"family"`
	Backup      string `json:"backup"`    // "replica", "restore" or "health-check" that made it, else empty
	LostBytes   int64  `json:"lostBytes"` // that guests had written and not flushed when the disk was pulled from them
	LostBy      []Loss `json:"lostBy"`    // each time that it was pulled so, or while it was mounted
	VBDs        []VBD  `json:"vbds"`
}

// Loss is a disk that was pulled from a guest that used it.
type Loss struct {
	Call    string  `json:"call"` // the method of Xen Orchestra
	VM      string  `json:"vmName"`
	At      float64 `json:"at"` // virtual seconds
	Bytes   int64   `json:"bytes"`
	Mounted bool    `json:"mounted"`
}

// VBD is a disk's place on a VM.
type VBD struct {
	UUID          string `json:"uuid"`
	VM            string `json:"vm"`
	Device        string `json:"device"`
	Attached      bool   `json:"attached"`
	ControlDomain bool   `json:"controlDomain"` // of the hypervisor itself, which copies
}

// Family is a disk with all copies that were made of it.
type Family struct {
	UUID      string `json:"uuid"`
	LostBytes int64  `json:"lostBytes"` // that were written once and are on no disk any more
}

// NewDisk describes a disk that is to be made with contents.
type NewDisk struct {
	Name        string   `json:"name"`
	SR          string   `json:"sr"`
	Size        int64    `json:"size"`
	Seed        int64    `json:"seed"`
	Description string   `json:"description,omitempty"`
	Tags        []string `json:"tags,omitempty"`
}

// MadeDisk is what came of it.
type MadeDisk struct {
	UUID   string `json:"uuid"`
	SHA256 string `json:"sha256"`
}

// MadeBackup is what MakeBackup made; VM and Name are empty when no VM was made.
type MadeBackup struct {
	Kind  string       `json:"kind"`
	VM    string       `json:"vm"`
	Name  string       `json:"name"`
	Disks []BackupDisk `json:"disks"`
}

// BackupDisk is a copy that a backup made.
type BackupDisk struct {
	UUID       string `json:"uuid"`
	Name       string `json:"name"`
	CopyOf     string `json:"copyOf"`
	StaleBytes int64  `json:"staleBytes"` // that are not as on the disk itself
}

// Device is what a VM sees at one of its devices.
type Device struct {
	VDI      string `json:"vdi"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	ReadOnly bool   `json:"readOnly"`
}

// Nodes are the VMs that are Kubernetes nodes.
func (w *World) Nodes() []VM {
	var nodes []VM
	for _, vm := range w.VMs {
		if vm.Node {
			nodes = append(nodes, vm)
		}
	}
	return nodes
}

// VM finds a VM by name; nil: there is none.
func (w *World) VM(name string) *VM {
	for i := range w.VMs {
		if w.VMs[i].Name == name {
			return &w.VMs[i]
		}
	}
	return nil
}

// Host finds a host by UUID; nil: there is none.
func (w *World) Host(uuid string) *Host {
	for i := range w.Hosts {
		if w.Hosts[i].UUID == uuid {
			return &w.Hosts[i]
		}
	}
	return nil
}

// Pool finds a pool by UUID; nil: there is none.
func (w *World) Pool(uuid string) *Pool {
	for i := range w.Pools {
		if w.Pools[i].UUID == uuid {
			return &w.Pools[i]
		}
	}
	return nil
}

// SR finds an SR by UUID; nil: there is none.
func (w *World) SR(uuid string) *SR {
	for i := range w.SRs {
		if w.SRs[i].UUID == uuid {
			return &w.SRs[i]
		}
	}
	return nil
}

// LocalSR is the SR of a host that has the tag; nil: there is none.
func (w *World) LocalSR(host, tag string) *SR {
	for i := range w.SRs {
		if w.SRs[i].Host == host && w.SRs[i].HasTag(tag) {
			return &w.SRs[i]
		}
	}
	return nil
}

// HasTag says whether the SR has a tag.
func (s *SR) HasTag(tag string) bool {
	for _, own := range s.Tags {
		if own == tag {
			return true
		}
	}
	return false
}

// Named are the disks of a name that exist: more than one while a move is under way, or after one went wrong.
func (t *Truth) Named(name string) []Disk {
	var found []Disk
	for _, disk := range t.Disks {
		if disk.Exists && disk.Name == name {
			found = append(found, disk)
		}
	}
	return found
}

// Disk finds a disk by UUID, whether it exists still or not; nil: there never was one.
func (t *Truth) Disk(uuid string) *Disk {
	for i := range t.Disks {
		if t.Disks[i].UUID == uuid {
			return &t.Disks[i]
		}
	}
	return nil
}

// LostBytes says how much of what a disk and its copies ever held is on none of them any more.
func (t *Truth) LostBytes(family string) int64 {
	for _, one := range t.Families {
		if one.UUID == family {
			return one.LostBytes
		}
	}
	return 0
}

// AttachedTo lists the VMs that have the disk plugged in.
func (d *Disk) AttachedTo() []string {
	var vms []string
	for _, vbd := range d.VBDs {
		if vbd.Attached && !vbd.ControlDomain {
			vms = append(vms, vbd.VM)
		}
	}
	return vms
}
