/* reconcile/volume, 8: the annotation of a PersistentVolume that says which disk it is. */
#include "reconcile/volume/remember.h"

#include "base/mem.h"
#include "base/str.h"
#include "kube/types.h"

json_t *volume_remember_metadata(const struct kube_object *volume,
                                 const struct volume_remembered *remembered)
{
    cleanup_str char *text = volume_remembered_text(remembered);

    return json_build("{s:s, s:{s:s}}", "resourceVersion", volume->resource_version, "annotations",
                      VOLUME_DISK_ANNOTATION, text);
}

int volume_remember(const struct rec_ports *ports, const char *volume_name,
                    const struct volume_remembered *remembered, struct err *err)
{
    cleanup_kube_object const struct kube_object *volume =
        ports->kube.get(ports->kube.userdata, &kube_kind_persistent_volume, "", volume_name);
    struct volume_remembered known;

    if (!volume)
        return err_set(err, ERR_NOT_FOUND, "PersistentVolume %s does not exist any more",
                       volume_name);
    volume_remembered_parse(kube_object_annotation(volume, VOLUME_DISK_ANNOTATION), &known);
    if (volume_remembered_equal(&known, remembered))
        return 0;
    cleanup_json json_t *body =
        json_build("{s:o}", "metadata", volume_remember_metadata(volume, remembered));
    const struct kube_patch patch = {.patch_kind = KUBE_PATCH_MERGE,
                                     .kind = &kube_kind_persistent_volume,
                                     .namespace = "",
                                     .name = volume_name,
                                     .body = body};
    if (ports->kube.patch(ports->kube.userdata, &patch, err) < 0)
        return err_wrap(err, "PersistentVolume %s", volume_name);
    return 0;
}
