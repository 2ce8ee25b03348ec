package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// StorageClass is the class of the volumes that a lab makes.
const StorageClass = "xo-local-migrating"

// Volume is a disk with known contents, with the PersistentVolume and the claim that lead to it.
type Volume struct {
	Namespace string
	Claim     string
	Name      string // of the PersistentVolume
	Handle    string // how the driver finds the disk
	Disk      string // its name in Xen Orchestra
	VDI       string // its UUID when it was made
	SHA256    string // of its contents
	Size      int64

	class      string
	attributes map[string]string
}

// VolumeOptions say what volume to make. What is left out gets what the CSI driver would give it.
type VolumeOptions struct {
	Namespace   string
	Claim       string
	SR          string            // UUID
	Size        int64             // default 1 GiB
	Seed        int64             // of its contents; default follows from the claim's name
	Tag         string            // of the SRs it belongs to; default k8s-local
	Description string            // of the disk: the driver's marker; default migrating, with the tag
	Handle      string            // default name:<volume name>
	DiskName    string            // default csi-<volume name>
	Attributes  map[string]string // of the PersistentVolume's CSI source
	Class       string            // StorageClass; default StorageClass
}

// Disk makes a volume's disk and leaves its objects, the volume's Manifest, to the caller.
func (l *Lab) Disk(ctx context.Context, options VolumeOptions) (*Volume, error) {
	volume, disk := describe(options)
	made, err := l.Xosim.MakeDisk(ctx, disk)
	if err != nil {
		return nil, err
	}
	volume.VDI, volume.SHA256 = made.UUID, made.SHA256
	if volume.Handle == "uuid" {
		volume.Handle = made.UUID
	}
	return volume, nil
}

// MakeVolume makes a disk, a PersistentVolume and a claim that is bound to it, as the driver's provisioner would leave them.
func (l *Lab) MakeVolume(ctx context.Context, options VolumeOptions) (*Volume, error) {
	volume, err := l.Disk(ctx, options)
	if err != nil {
		return nil, err
	}
	if _, err := l.KubectlInput(ctx, volume.Manifest(), "apply", "-f", "-"); err != nil {
		return nil, err
	}
	return volume, l.WaitBound(ctx, volume.Namespace, volume.Claim)
}

func describe(options VolumeOptions) (*Volume, NewDisk) {
	if options.Tag == "" {
		options.Tag = "k8s-local"
	}
	if options.Description == "" {
		options.Description = `csi:info: {"migrating":{"enabled":true},"srsWithTag":"` + options.Tag + `"}`
	}
	if options.Class == "" {
		options.Class = StorageClass
	}
	if options.Size == 0 {
		options.Size = 1 << 30
	}
	volume := &Volume{
		Namespace: options.Namespace,
		Claim:     options.Claim,
		Name:      "pvc-" + options.Namespace + "-" + options.Claim,
		Size:      options.Size,
		Handle:    options.Handle,
		Disk:      options.DiskName,

		class:      options.Class,
		attributes: options.Attributes,
	}
	if options.Seed == 0 {
		for _, letter := range volume.Name {
			options.Seed = options.Seed*31%1_000_003 + int64(letter)
		}
	}
	if volume.Handle == "" {
		volume.Handle = "name:" + volume.Name
	}
	if volume.Disk == "" {
		volume.Disk = "csi-" + volume.Name
	}
	return volume, NewDisk{Name: volume.Disk, SR: options.SR, Size: options.Size, Seed: options.Seed, Description: options.Description}
}

// Manifest is the volume's PersistentVolume and claim.
func (v *Volume) Manifest() string {
	attributes, err := json.Marshal(v.attributes)
	if err != nil || v.attributes == nil {
		attributes = []byte("{}")
	}
	return fmt.Sprintf(`apiVersion: v1
kind: PersistentVolume
metadata: {name: %[1]s, labels: {lab: volume}}
spec:
  capacity: {storage: %[2]d}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: %[3]s
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: %[4]s, name: %[5]s}
  csi: {driver: %[6]s, volumeHandle: %[7]q, fsType: ext4, volumeAttributes: %[8]s}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: %[5]s, namespace: %[4]s}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: %[3]s
  volumeName: %[1]s
  resources: {requests: {storage: %[2]d}}
`, v.Name, v.Size, v.class, v.Namespace, v.Claim, Driver, v.Handle, attributes)
}

// WaitBound waits until a claim is bound to its volume.
func (l *Lab) WaitBound(ctx context.Context, namespace, claim string) error {
	// After the API server was away its controller tries again after up to half a minute.
	return Wait(ctx, 90*time.Second, func(ctx context.Context) error {
		var object struct{ Status struct{ Phase string } }
		if err := l.Get(ctx, "/api/v1/namespaces/"+namespace+"/persistentvolumeclaims/"+claim, &object); err != nil {
			return err
		}
		if object.Status.Phase != "Bound" {
			return fmt.Errorf("claim %s/%s is %s", namespace, claim, object.Status.Phase)
		}
		return nil
	})
}

// StatefulSet is the manifest of a set with one Pod, <name>-0, which mounts the claim data-<name>-0. The Pod prefers a node
// and stays in that node's pool.
func StatefulSet(namespace, name, prefers, poolName string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: StatefulSet
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  serviceName: %[2]s
  replicas: 1
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec:
      terminationGracePeriodSeconds: 1
      nodeSelector: {topology.k8s.xenorchestra/pool_name_label: %[4]s}
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 100
            preference: {matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%[3]s]}]}
      containers:
      - {name: main, image: database, volumeMounts: [{name: data, mountPath: /data}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec:
      accessModes: [ReadWriteOnce]
      storageClassName: %[5]s
      resources: {requests: {storage: 1Mi}}
`, namespace, name, prefers, poolName, StorageClass)
}

// Pod is what tests look at in a Pod.
type Pod struct {
	Metadata struct{ Name, UID, DeletionTimestamp string }
	Spec     struct{ NodeName string }
	Status   struct {
		Phase      string
		Conditions []struct{ Type, Status string }
	}
}

// Ready says whether the Pod runs and is not being deleted.
func (p *Pod) Ready() bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			return p.Metadata.DeletionTimestamp == "" && p.Status.Phase == "Running"
		}
	}
	return false
}

// WaitPod waits until the Pod runs, on another node than `not` if that is given, and returns it.
func (l *Lab) WaitPod(ctx context.Context, limit time.Duration, namespace, name, not string) (*Pod, error) {
	var pod *Pod
	err := Wait(ctx, limit, func(ctx context.Context) error {
		pod = &Pod{}
		if err := l.Get(ctx, "/api/v1/namespaces/"+namespace+"/pods/"+name, pod); err != nil {
			return err
		}
		if !pod.Ready() || pod.Spec.NodeName == not {
			return fmt.Errorf("Pod %s/%s is %s on %q", namespace, name, pod.Status.Phase, pod.Spec.NodeName)
		}
		return nil
	})
	return pod, err
}

// CheckDisk says what is wrong with a volume's disk, as it truly is: there must be exactly one of the name, complete, with
// its contents, on one of the SRs.
func (l *Lab) CheckDisk(ctx context.Context, volume *Volume, srs ...string) (*Disk, error) {
	truth, err := l.Xosim.Truth(ctx)
	if err != nil {
		return nil, err
	}
	disks := truth.Named(volume.Disk)
	if len(disks) != 1 {
		return nil, fmt.Errorf("%d disks are named %s, one should be: %+v", len(disks), volume.Disk, disks)
	}
	disk := &disks[0]
	if disk.SHA256 != volume.SHA256 || !disk.Complete || disk.StaleBytes > 0 {
		return disk, fmt.Errorf("disk %s (%s) holds %s, it should hold %s; complete: %t, stale bytes: %d", volume.Disk, disk.UUID,
			disk.SHA256, volume.SHA256, disk.Complete, disk.StaleBytes)
	}
	if lost := truth.LostBytes(disk.Family); lost > 0 {
		return disk, fmt.Errorf("%d bytes that were on disk %s once are on no disk any more", lost, volume.Disk)
	}
	for _, sr := range srs {
		if disk.SR == sr {
			return disk, nil
		}
	}
	if len(srs) > 0 {
		return disk, fmt.Errorf("disk %s is on SR %s, it should be on %s", volume.Disk, disk.SR, strings.Join(srs, " or "))
	}
	return disk, nil
}

// Write writes to the volume as a program in a Pod on that node would: the bytes follow from the seed.
func (l *Lab) Write(ctx context.Context, volume *Volume, node string, offset, length, seed int64) error {
	staged, err := l.StagedAt(node, volume)
	if err != nil {
		return err
	}
	view, err := l.Xosim.Write(ctx, l.World.VM(node).UUID, staged.Context["device"], offset, length, seed)
	if err != nil {
		return err
	}
	volume.SHA256 = view.SHA256
	return nil
}

// StagedAt gives the last time that a node took a volume, as its CSI plugin recorded it.
func (l *Lab) StagedAt(node string, volume *Volume) (*JournalLine, error) {
	lines, err := l.Journal(node, volume.Handle)
	if err != nil {
		return nil, err
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i].Call == "NodeStageVolume" && lines[i].Error == "" {
			return &lines[i], nil
		}
	}
	return nil, fmt.Errorf("node %s never staged volume %s", node, volume.Handle)
}

// Migration is what tests look at in an XoVolumeMigration.
type Migration struct {
	Metadata struct {
		Name   string
		UID    string
		Labels map[string]string
	}
	Status struct {
		Phase, Progress, From, To, Message string
		Attempts                           int64
		MigratedVolumes                    []struct {
			ClaimName, Phase, Message string
			ProgressPercent           int64
		}
		Leftovers  []struct{ VDIUUID, Name, Reason string }
		Conditions []Condition
	}
}

// Condition is one condition of an object.
type Condition struct{ Type, Status, Reason, Message string }

// Condition finds a condition; nil: the object does not have it (yet).
func (m *Migration) Condition(name string) *Condition {
	for i := range m.Status.Conditions {
		if m.Status.Conditions[i].Type == name {
			return &m.Status.Conditions[i]
		}
	}
	return nil
}

const migrationsPath = "/apis/migration.xo-operator.dev/v1alpha1/namespaces/"

// Migration reads an XoVolumeMigration.
func (l *Lab) Migration(ctx context.Context, namespace, name string) (*Migration, error) {
	migration := &Migration{}
	return migration, l.Get(ctx, migrationsPath+namespace+"/xovolumemigrations/"+name, migration)
}

// Migrations reads all of a namespace.
func (l *Lab) Migrations(ctx context.Context, namespace string) ([]Migration, error) {
	var list struct{ Items []Migration }
	return list.Items, l.Get(ctx, migrationsPath+namespace+"/xovolumemigrations", &list)
}
