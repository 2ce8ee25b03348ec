package scenarios

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

func TestADryRunAtTheServerIsAccepted(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	manifest := testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data")
	text, err := t.KubectlInput(t.Ctx, manifest, "-n", t.Namespace, "apply", "--server-side", "--dry-run=server", "-f", "-")
	t.Must(err)
	t.Mentions(text, "serverside-applied", "server dry run")
	if text := t.In("get", "xvm", "--no-headers", "--ignore-not-found"); text != "" {
		t.Errorf("a dry run made %s", text)
	}
}

func TestTheSamplesAreAccepted(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	top, err := lab.Top()
	t.Must(err)
	samples, err := filepath.Glob(filepath.Join(top, "config", "samples", "*.yaml"))
	t.Must(err)
	if len(samples) < 5 {
		t.Fatalf("only %d samples were found: %v", len(samples), samples)
	}
	for _, sample := range samples {
		t.Mentions(t.Do("apply", "--server-side", "--dry-run=server", "-f", sample), "serverside-applied")
	}
}

func TestAWrongObjectIsRefusedWithWhatToWriteInstead(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	for name, test := range map[string]struct{ manifest, says string }{
		"no target":    {testlab.MigrationManifest("move", "", "", "data"), "set spec.target"},
		"two targets":  {testlab.MigrationManifest("move", "{srsWithTag: a, nodeName: b}", "", "data"), "set exactly one of srUUID"},
		"empty target": {testlab.MigrationManifest("move", "{}", "", "data"), "set exactly one of srUUID"},
		"an SR's name": {testlab.MigrationManifest("move", "{srUUID: my-sr}", "", "data"), "srUUID takes the UUID"},
		"no volumes":   {testlab.MigrationManifest("move", "{srsWithTag: a}", ""), "spec.volumes"},
		"one claim twice": {testlab.MigrationManifest("move", "{srsWithTag: a}", "", "data", "data"),
			"Duplicate value"},
		"a delay of words": {testlab.MigrationManifest("move", "{srsWithTag: a}", "retry: {initialDelay: soon}", "data"),
			"write a duration"},
		"delays in the wrong order": {testlab.MigrationManifest("move", "{srsWithTag: a}", "retry: {initialDelay: 1h, maxDelay: 1m}", "data"),
			"initialDelay is longer"},
		"a field that there is not": {testlab.MigrationManifest("move", "{srsWithTag: a}", "until: noon", "data"), "until"},
		"a mode of its own":         {testlab.MigrationManifest("move", "{srsWithTag: a}", "mode: Online", "data"), "mode is one of Auto, Offline"},
		"what becomes of leftovers": {testlab.MigrationManifest("move", "{srsWithTag: a}", "leftovers: Keep", "data"), "leftovers is one of Rename"},
		"a disk's name to keep": {testlab.MigrationManifest("move", "{srsWithTag: a}", "recovery: [{claimName: data, keep: csi-data}]", "data"),
			"keep takes the UUID of the disk"},
		"recovery of another claim": {testlab.MigrationManifest("move", "{srsWithTag: a}",
			"recovery: [{claimName: wal, keep: 0b6f2c0e-7a55-4d0e-9d0a-1c2d3e4f5a6b}]", "data"), "names a claim that spec.volumes does not"},
		"cancelling a dry run": {testlab.MigrationManifest("move", "{srsWithTag: a}", "cancel: true\n  dryRun: true", "data"),
			"set either cancel or dryRun"},
		"a claim that can't exist": {testlab.MigrationManifest("move", "{srsWithTag: a}", "", "Data_DB"),
			"claimName takes the name of a PersistentVolumeClaim"},
		"what becomes of snapshots": {testlab.MigrationManifest("move", "{srsWithTag: a}", "snapshots: Delete", "data"),
			"snapshots is one of Keep"},
		"a time to live before the end": {testlab.MigrationManifest("move", "{srsWithTag: a}", "ttlSecondsAfterFinished: -1", "data"),
			"ttlSecondsAfterFinished"},
	} {
		if said := t.Refused(test.manifest); !strings.Contains(said, test.says) {
			t.Errorf("%s: this should say %q:\n%s", name, test.says, said)
		}
	}
}

// schema is as much of an OpenAPI schema as is needed to walk it.
type schema struct {
	Type        string
	Description string
	Properties  map[string]*schema
	Items       *schema
}

func TestEveryFieldIsExplained(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	t.Mentions(t.Do("explain", "xvm.spec.target.srsWithTag"), "FIELD: srsWithTag", "tag")
	t.Mentions(t.Do("explain", "xovolumemigrations", "--recursive"), "migratedVolumes", "stallTimeout")
	var definition struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema *schema }
			}
		}
	}
	text := t.Do("get", "crd", "xovolumemigrations.migration.xo-operator.dev", "-o", "json")
	t.Must(json.Unmarshal([]byte(text), &definition))
	var walk func(path string, s *schema) int
	walk = func(path string, s *schema) int {
		count := 1
		if s.Description == "" && path != ".metadata" {
			t.Errorf("%s has no description", path)
		}
		for name, property := range s.Properties {
			count += walk(path+"."+name, property)
		}
		if s.Items != nil {
			count += walk(path+"[]", s.Items)
		}
		return count
	}
	if count := walk("", definition.Spec.Versions[0].Schema.OpenAPIV3Schema); count < 40 {
		t.Errorf("only %d fields were found: the walk is wrong", count)
	}
}

func TestTheShortNameAndTheCategoryWork(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	t.Mentions(t.In("get", "xvm"), "move")
	t.Mentions(t.In("get", "xo"), "move")
}
