/* xo, tests: self-made certificates. */
#include "base/str.h"
#include "xo/fake/server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static void add_extension(X509 *certificate, int number, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, number, value);
    if (!extension || !X509_add_ext(certificate, extension, -1))
        abort();
    X509_EXTENSION_free(extension);
}

static X509 *make(EVP_PKEY *key, const char *alternative)
{
    X509 *certificate = X509_new();
    X509_NAME *name = certificate ? X509_get_subject_name(certificate) : NULL;
    if (!name || !X509_set_version(certificate, 2) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) ||
        !X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) ||
        !X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) ||
        !X509_set_pubkey(certificate, key) ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"fake", -1, -1,
                                    0) ||
        !X509_set_issuer_name(certificate, name))
        abort();
    add_extension(certificate, NID_basic_constraints, "CA:TRUE");
    add_extension(certificate, NID_subject_alt_name, alternative);
    if (!X509_sign(certificate, key, EVP_sha256()))
        abort();
    return certificate;
}

void xo_fake_certificate(const char *folder, const char *name, char **ret_certificate_file,
                         char **ret_key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key)
        abort();
    char alternative[128] = "IP:127.0.0.1";
    if (name)
        str_format(alternative, sizeof(alternative), "DNS:%s", name);
    X509 *certificate = make(key, alternative);
    *ret_certificate_file = str_new("%s/certificate.pem", folder);
    *ret_key_file = str_new("%s/key.pem", folder);
    FILE *file = fopen(*ret_certificate_file, "w");
    if (!file || !PEM_write_X509(file, certificate) || fclose(file) != 0)
        abort();
    file = fopen(*ret_key_file, "w");
    if (!file || !PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) || fclose(file) != 0)
        abort();
    X509_free(certificate);
    EVP_PKEY_free(key);
}
