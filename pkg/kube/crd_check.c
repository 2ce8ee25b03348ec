/* kube, 1: whether a served CustomResourceDefinition is the one that this program was built for. */
#include "kube/crd_check.h"

#include "kube/transport.h"

#include "base/mem.h"
#include "base/str.h"

#define METADATA_ONLY "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

static const struct kube_kind crd_kind = {.group = "apiextensions.k8s.io",
                                          .version = "v1",
                                          .plural = "customresourcedefinitions",
                                          .name = "CustomResourceDefinition",
                                          .size = sizeof(struct kube_object)};

struct kube_crd_finding kube_crd_judge(const char *name, const char *annotation, int64_t version)
{
    struct kube_crd_finding finding = {.verdict = KUBE_CRD_MATCHES};
    int64_t served = 0;
    if (!annotation || !str_parse_int64(annotation, 1, INT64_MAX, &served)) {
        finding.verdict = KUBE_CRD_OLDER;
        str_format(finding.text, sizeof(finding.text),
                   "the CustomResourceDefinition %s does not say which schema it has (annotation "
                   "%s); apply the crds/ of this version",
                   name, KUBE_CRD_SCHEMA_VERSION);
    } else if (served < version) {
        finding.verdict = KUBE_CRD_OLDER;
        str_format(finding.text, sizeof(finding.text),
                   "the CustomResourceDefinition %s has schema version %lld, older than this "
                   "program's %lld; apply the crds/ of this version",
                   name, (long long)served, (long long)version);
    } else if (served > version) {
        finding.verdict = KUBE_CRD_NEWER;
        str_format(finding.text, sizeof(finding.text),
                   "the CustomResourceDefinition %s has schema version %lld, newer than this "
                   "program's %lld; upgrade the program",
                   name, (long long)served, (long long)version);
    }
    return finding;
}

struct kube_crd_finding kube_crd_check(struct kube_client *client, const char *name,
                                       int64_t version)
{
    cleanup_str char *path = kube_path_new(&crd_kind, NULL, name, NULL, NULL);
    cleanup_json json_t *json = NULL;
    struct err err = {0};
    if (kube_client_get_json(client, path, METADATA_ONLY, &json, &err) == 0) {
        json_t *annotations = json_at(json, "metadata.annotations");
        const char *served =
            json_string_value(json_object_get(annotations, KUBE_CRD_SCHEMA_VERSION));
        return kube_crd_judge(name, served, version);
    }
    struct kube_crd_finding finding = {.verdict = KUBE_CRD_UNREADABLE};
    if (err.class == ERR_NOT_FOUND) {
        finding.verdict = KUBE_CRD_MISSING;
        str_format(finding.text, sizeof(finding.text),
                   "the CustomResourceDefinition %s is not installed; apply crds/", name);
    } else {
        str_format(finding.text, sizeof(finding.text),
                   "the CustomResourceDefinition %s could not be read: %s", name, err.message);
    }
    return finding;
}
