// The peer is an operator as one writes it with controller-runtime: typed objects, one controller whose reconciler reads
// the object from the cache and finds nothing to do, informers for the kinds that xo-operator reads. It is kept lean the
// way its documentation advises: managedFields are cut before an object is cached.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

var informed = []client.Object{
	&corev1.PersistentVolume{}, &corev1.PersistentVolumeClaim{}, &corev1.Pod{}, &corev1.Node{},
	&storagev1.VolumeAttachment{}, &storagev1.CSINode{}, &storagev1.StorageClass{},
}

type reconciler struct{ client.Client }

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var object migration
	if err := r.Get(ctx, request.NamespacedName, &object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if object.Status.ObservedGeneration != object.Generation || object.Status.Phase != "Succeeded" {
		return ctrl.Result{}, errors.New("the bench has only migrations that succeeded")
	}
	return ctrl.Result{}, nil
}

func run(listen string) error {
	ctrl.SetLogger(zap.New())
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), register(s)); err != nil {
		return err
	}
	manager, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme:                 s,
		Metrics:                metricsserver.Options{BindAddress: "127.0.0.1:0"},
		HealthProbeBindAddress: listen,
		Cache:                  cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
	})
	if err != nil {
		return err
	}
	if err := ctrl.NewControllerManagedBy(manager).Named("migration").For(&migration{}).Complete(
		&reconciler{manager.GetClient()}); err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	for _, object := range append(informed, &migration{}) {
		if _, err := manager.GetCache().GetInformer(ctx, object, cache.BlockUntilSynced(false)); err != nil {
			return err
		}
	}
	var synced atomic.Bool
	go func() { synced.Store(manager.GetCache().WaitForCacheSync(ctx)) }()
	if err := manager.AddReadyzCheck("synced", func(*http.Request) error {
		if !synced.Load() {
			return errors.New("not synced")
		}
		return nil
	}); err != nil {
		return err
	}
	return manager.Start(ctx)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where /readyz is served")
	flag.Parse()
	if err := run(*listen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
