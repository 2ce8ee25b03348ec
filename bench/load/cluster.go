package main

import (
	"context"
	"errors"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"xo-operator.dev/e2e/lab"
)

var migrations = schema.GroupVersionResource{Group: "migration.xo-operator.dev", Version: "v1alpha1", Resource: "xovolumemigrations"}

// cluster is the lab's Kubernetes, seen by its administrator.
type cluster struct {
	kube    *kubernetes.Clientset
	objects *dynamic.DynamicClient
}

// writers is how many requests of ours are under way at once.
const writers = 16

func connect(kubeconfig string) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // no limit: nobody else is there
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	return &cluster{kube: kube, objects: objects}, err
}

// each does something with every volume, several at once; the first error ends it.
func each(ctx context.Context, volumes []*volume, do func(context.Context, *volume) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan *volume)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for v := range next {
				if err := do(ctx, v); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, v := range volumes {
		if ctx.Err() != nil {
			break
		}
		next <- v
	}
	close(next)
	group.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}

// makeVolumes makes the claims, bound to volumes of the disks that are there, as the provisioner and the volume controller would
// leave them.
func (c *cluster) makeVolumes(ctx context.Context, p *plan) error {
	made := map[string]bool{}
	for _, v := range p.volumes {
		if made[v.namespace] {
			continue
		}
		made[v.namespace] = true
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v.namespace}}
		if _, err := c.kube.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return each(ctx, p.volumes, c.makeVolume)
}

func (c *cluster) makeVolume(ctx context.Context, v *volume) error {
	class := ""
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	capacity := corev1.ResourceList{corev1.ResourceStorage: *resource.NewQuantity(v.size, resource.BinarySI)}
	claims := c.kube.CoreV1().PersistentVolumeClaims(v.namespace)
	claim, err := claims.Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: v.claim},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, StorageClassName: &class, VolumeName: v.name(),
			Resources: corev1.VolumeResourceRequirements{Requests: capacity},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = c.kube.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: v.name()},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes: modes, Capacity: capacity, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			ClaimRef: &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: v.namespace, Name: v.claim, UID: claim.UID},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: lab.Driver, VolumeHandle: "name:" + v.name(), VolumeAttributes: map[string]string{"srsWithTag": tag},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, AccessModes: modes, Capacity: capacity}
	_, err = claims.UpdateStatus(ctx, claim, metav1.UpdateOptions{})
	return err
}

// makeMigrations asks for every move, with the finalizer in the manifest unless the operator is to put it there: then it writes each
// object once more.
func (c *cluster) makeMigrations(ctx context.Context, p *plan) error {
	return each(ctx, p.volumes, func(ctx context.Context, v *volume) error {
		metadata := map[string]any{"name": v.claim}
		if p.settings.finalizer {
			metadata["finalizers"] = []any{"migration.xo-operator.dev/cancel"}
		}
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "migration.xo-operator.dev/v1alpha1", "kind": "XoVolumeMigration",
			"metadata": metadata,
			"spec": map[string]any{
				"volumes": []any{map[string]any{"claimName": v.claim}},
				"target":  map[string]any{"srUUID": v.target},
			},
		}}
		_, err := c.objects.Resource(migrations).Namespace(v.namespace).Create(ctx, object, metav1.CreateOptions{})
		return err
	})
}
