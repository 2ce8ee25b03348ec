package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/scheme"
)

// The XoVolumeMigration as a Go operator declares it, with the fields that the bench's objects have.

type target struct {
	SRUUID     string `json:"srUUID,omitempty"`
	SRsWithTag string `json:"srsWithTag,omitempty"`
	NodeName   string `json:"nodeName,omitempty"`
}

type volumeSpec struct {
	ClaimName string  `json:"claimName"`
	Target    *target `json:"target,omitempty"`
}

type migrationSpec struct {
	Volumes []volumeSpec `json:"volumes"`
	Target  *target      `json:"target,omitempty"`
	Retry   *struct {
		Limit        *int64 `json:"limit,omitempty"`
		InitialDelay string `json:"initialDelay,omitempty"`
		MaxDelay     string `json:"maxDelay,omitempty"`
	} `json:"retry,omitempty"`
	StallTimeout string `json:"stallTimeout,omitempty"`
	Cancel       bool   `json:"cancel,omitempty"`
}

type place struct {
	SRUUID  string `json:"srUUID,omitempty"`
	VDIUUID string `json:"vdiUUID,omitempty"`
}

type migratedVolume struct {
	ClaimName       string `json:"claimName"`
	DiskName        string `json:"diskName,omitempty"`
	Phase           string `json:"phase,omitempty"`
	ProgressPercent int64  `json:"progressPercent,omitempty"`
	Source          *place `json:"source,omitempty"`
	Destination     *place `json:"destination,omitempty"`
}

type migrationStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Phase              string             `json:"phase,omitempty"`
	Progress           string             `json:"progress,omitempty"`
	From               string             `json:"from,omitempty"`
	To                 string             `json:"to,omitempty"`
	Attempts           int64              `json:"attempts,omitempty"`
	StartTime          *metav1.Time       `json:"startTime,omitempty"`
	CompletionTime     *metav1.Time       `json:"completionTime,omitempty"`
	MigratedVolumes    []migratedVolume   `json:"migratedVolumes,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type migration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              migrationSpec   `json:"spec"`
	Status            migrationStatus `json:"status,omitempty"`
}

type migrationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []migration `json:"items"`
}

func pointerTo[T any](value *T) *T {
	if value == nil {
		return nil
	}
	copied := *value
	return &copied
}

// DeepCopyObject is what controller-gen would write.
func (m *migration) DeepCopyObject() runtime.Object {
	out := *m
	m.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Volumes = append([]volumeSpec(nil), m.Spec.Volumes...)
	for i := range out.Spec.Volumes {
		out.Spec.Volumes[i].Target = pointerTo(m.Spec.Volumes[i].Target)
	}
	out.Spec.Target = pointerTo(m.Spec.Target)
	out.Spec.Retry = pointerTo(m.Spec.Retry)
	out.Status.StartTime = m.Status.StartTime.DeepCopy()
	out.Status.CompletionTime = m.Status.CompletionTime.DeepCopy()
	out.Status.MigratedVolumes = append([]migratedVolume(nil), m.Status.MigratedVolumes...)
	for i := range out.Status.MigratedVolumes {
		out.Status.MigratedVolumes[i].Source = pointerTo(m.Status.MigratedVolumes[i].Source)
		out.Status.MigratedVolumes[i].Destination = pointerTo(m.Status.MigratedVolumes[i].Destination)
	}
	out.Status.Conditions = append([]metav1.Condition(nil), m.Status.Conditions...)
	return &out
}

// DeepCopyObject is what controller-gen would write.
func (l *migrationList) DeepCopyObject() runtime.Object {
	out := *l
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]migration, len(l.Items))
	for i := range l.Items {
		out.Items[i] = *l.Items[i].DeepCopyObject().(*migration)
	}
	return &out
}

func register(s *runtime.Scheme) error {
	builder := &scheme.Builder{GroupVersion: schema.GroupVersion{Group: "migration.xo-operator.dev", Version: "v1alpha1"}}
	s.AddKnownTypeWithName(builder.GroupVersion.WithKind("XoVolumeMigration"), &migration{})
	s.AddKnownTypeWithName(builder.GroupVersion.WithKind("XoVolumeMigrationList"), &migrationList{})
	metav1.AddToGroupVersion(s, builder.GroupVersion)
	return nil
}
