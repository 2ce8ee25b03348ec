/* kube, 1: what is said of a CustomResourceDefinition that does not fit. */
#include "kube/crd_check.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect(const char *annotation, enum kube_crd_verdict verdict, const char *part)
{
    struct kube_crd_finding finding = kube_crd_judge("xs.example.com", annotation, 3);
    cr_expect_eq(finding.verdict, verdict);
    cr_expect(strstr(finding.text, part), "%s", finding.text);
    if (verdict != KUBE_CRD_MATCHES)
        cr_expect(strstr(finding.text, "xs.example.com"), "%s", finding.text);
}

Test(kube_crd_check, tells_older_from_newer_and_says_what_to_do)
{
    expect("3", KUBE_CRD_MATCHES, "");
    expect("2", KUBE_CRD_OLDER, "apply the crds/");
    expect("4", KUBE_CRD_NEWER, "upgrade the program");
}

Test(kube_crd_check, takes_a_missing_or_garbled_version_for_old)
{
    expect(NULL, KUBE_CRD_OLDER, "does not say which schema");
    expect("", KUBE_CRD_OLDER, "does not say which schema");
    expect("three", KUBE_CRD_OLDER, "does not say which schema");
    expect("0", KUBE_CRD_OLDER, "does not say which schema");
}
