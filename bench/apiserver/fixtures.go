// Package apiserver is a scripted Kubernetes API server: it answers from bytes that were rendered beforehand, so that
// what is measured is the client.
package apiserver

import (
	"fmt"
	"strings"
)

// Kind is a resource that clients list and watch.
type Kind struct {
	Group, Version, Plural, Name string
	Namespaced                   bool
	count                        func(migrations int) int
	render                       func(i, version int) string
}

// The other kinds have the size of a small cluster, whatever the number of migrations.
const (
	nodes   = 3
	classes = 2
	volumes = 30
)

func fixed(n int) func(int) int { return func(int) int { return n } }

// Kinds are those that the operator reads.
var Kinds = []Kind{
	{"migration.xo-operator.dev", "v1alpha1", "xovolumemigrations", "XoVolumeMigration", true,
		func(migrations int) int { return migrations }, migration},
	{"", "v1", "persistentvolumes", "PersistentVolume", false, fixed(volumes), volume},
	{"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, fixed(volumes), claim},
	{"", "v1", "pods", "Pod", true, fixed(volumes), pod},
	{"", "v1", "nodes", "Node", false, fixed(nodes), node},
	{"storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", false, fixed(volumes), attachment},
	{"storage.k8s.io", "v1", "csinodes", "CSINode", false, fixed(nodes), csiNode},
	{"storage.k8s.io", "v1", "storageclasses", "StorageClass", false, fixed(classes), class},
}

func (k Kind) path() string {
	if k.Group == "" {
		return "/api/" + k.Version
	}
	return "/apis/" + k.Group + "/" + k.Version
}

func (k Kind) apiVersion() string { return strings.TrimPrefix(k.Group+"/"+k.Version, "/") }

func uuid(space, i int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", space, i) }

// object puts apiVersion, kind and metadata in front of the rest of an object.
func object(apiVersion, kind, name, extra, rest string, i, version int) string {
	return fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"uid":%q,"resourceVersion":"%d",`+
		`"creationTimestamp":"2026-11-21T08:00:00Z"%s},%s}`, apiVersion, kind, name, uuid(len(kind), i), version, extra, rest)
}

// MigrationBytes is the size of each XoVolumeMigration.
const MigrationBytes = 2000

// A migration that succeeded: nothing is left to do for it. Padded in managedFields, which is where real objects have
// their bulk, to MigrationBytes.
func migration(i, version int) string {
	name := fmt.Sprintf("move-%05d", i)
	condition := func(kind, status, reason string) string {
		return fmt.Sprintf(`{"type":%q,"status":%q,"observedGeneration":1,"lastTransitionTime":"2026-11-21T08:01:10Z",`+
			`"reason":%q,"message":""}`, kind, status, reason)
	}
	rest := fmt.Sprintf(`"spec":{"volumes":[{"claimName":"data-%05d"}],"target":{"srUUID":%q},`+
		`"retry":{"initialDelay":"10s","maxDelay":"5m"},"stallTimeout":"30m","cancel":false},`+
		`"status":{"observedGeneration":1,"phase":"Succeeded","progress":"100%%","from":"local-a","to":"local-b","attempts":1,`+
		`"startTime":"2026-11-21T08:00:01Z","completionTime":"2026-11-21T08:01:10Z",`+
		`"migratedVolumes":[{"claimName":"data-%05d","diskName":"csi-pv-%05d","phase":"Succeeded","progressPercent":100,`+
		`"source":{"srUUID":%q},"destination":{"srUUID":%q}}],"conditions":[%s]}`,
		i, uuid(2, i%7), i, i, uuid(3, i%7), uuid(2, i%7), strings.Join([]string{
			condition("Ready", "True", "Succeeded"), condition("Reconciling", "False", "Succeeded"),
			condition("Stalled", "False", "Succeeded")}, ","))
	managed := func(fields string) string {
		return `,"namespace":"shop","generation":1,"managedFields":[{"manager":"kubectl","operation":"Apply",` +
			`"apiVersion":"migration.xo-operator.dev/v1alpha1","time":"2026-11-21T08:00:00Z","fieldsType":"FieldsV1",` +
			`"fieldsV1":{"f:spec":{` + fields + `}}}]`
	}
	render := func(fields string) string {
		return object("migration.xo-operator.dev/v1alpha1", "XoVolumeMigration", name, managed(fields), rest, i, version)
	}
	// Fields as a real server writes them, the last with a name that takes what is left.
	fields := `"f:target":{}`
	left := MigrationBytes - len(render(fields))
	for n := 0; left >= 40; n++ {
		more := fmt.Sprintf(`,"f:field%d":{}`, n)
		fields, left = fields+more, left-len(more)
	}
	const bare = len(`,"f:":{}`)
	fields += `,"f:` + strings.Repeat("x", left-bare) + `":{}`
	return render(fields)
}

func volume(i, version int) string {
	return object("v1", "PersistentVolume", fmt.Sprintf("pv-%05d", i), "", fmt.Sprintf(
		`"spec":{"capacity":{"storage":"10Gi"},"accessModes":["ReadWriteOnce"],"volumeMode":"Filesystem","storageClassName":"local-0",`+
			`"csi":{"driver":"csi.xen-orchestra.marcsi.ch","volumeHandle":"pv-%05d","volumeAttributes":{"migrating":"true"}},`+
			`"claimRef":{"kind":"PersistentVolumeClaim","namespace":"shop","name":"data-%05d","uid":%q}},"status":{"phase":"Bound"}`,
		i, i, uuid(21, i)), i, version)
}

func claim(i, version int) string {
	return object("v1", "PersistentVolumeClaim", fmt.Sprintf("data-%05d", i), `,"namespace":"shop"`, fmt.Sprintf(
		`"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"10Gi"}},"volumeName":"pv-%05d",`+
			`"storageClassName":"local-0","volumeMode":"Filesystem"},"status":{"phase":"Bound"}`, i), i, version)
}

func pod(i, version int) string {
	return object("v1", "Pod", fmt.Sprintf("db-%05d", i), `,"namespace":"shop","labels":{"app":"db"}`, fmt.Sprintf(
		`"spec":{"nodeName":"worker-%d","containers":[{"name":"db","image":"db:1","volumeMounts":[{"name":"data","mountPath":"/data"}]}],`+
			`"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data-%05d"}}]},"status":{"phase":"Running"}`, i%nodes, i), i, version)
}

func node(i, version int) string {
	return object("v1", "Node", fmt.Sprintf("worker-%d", i), `,"labels":{"kubernetes.io/os":"linux"}`, fmt.Sprintf(
		`"spec":{"providerID":"xen-orchestra://%s"},"status":{"conditions":[{"type":"Ready","status":"True"}]}`, uuid(4, i)), i, version)
}

// Of another attacher, so that nothing is to be done about them.
func attachment(i, version int) string {
	return object("storage.k8s.io/v1", "VolumeAttachment", fmt.Sprintf("csi-%05d", i), "", fmt.Sprintf(
		`"spec":{"attacher":"other.example.org","nodeName":"worker-%d","source":{"persistentVolumeName":"pv-%05d"}},`+
			`"status":{"attached":true}`, i%nodes, i), i, version)
}

func csiNode(i, version int) string {
	return object("storage.k8s.io/v1", "CSINode", fmt.Sprintf("worker-%d", i), "", fmt.Sprintf(
		`"spec":{"drivers":[{"name":"csi.xen-orchestra.marcsi.ch","nodeID":%q,"topologyKeys":null}]}`, uuid(4, i)), i, version)
}

func class(i, version int) string {
	return object("storage.k8s.io/v1", "StorageClass", fmt.Sprintf("local-%d", i), "",
		`"provisioner":"csi.xen-orchestra.marcsi.ch","parameters":{"srsWithTag":"k8s-local"},"reclaimPolicy":"Delete"`, i, version)
}
