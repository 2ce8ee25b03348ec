/* kube, 1: which configuration is used, and what is asked of every one. */
#include "kube/config.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

struct kube_config *kube_config_free(struct kube_config *config)
{
    if (!config)
        return NULL;
    char *texts[] = {config->source,          config->server,    config->namespace,
                     config->tls_server_name, config->proxy_url, config->ca_file,
                     config->ca_data,         config->cert_file, config->key_file};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        (void)mem_free(texts[i]); /* returns NULL, by convention */
    secret_free(config->cert_data);
    secret_free(config->key_data);
    kube_auth_free(config->auth);
    return mem_free(config);
}

bool kube_config_loopback(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    char name[64];
    size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    if (len >= sizeof(name))
        return false;
    memcpy(name, host, len);
    name[len] = '\0';
    struct in_addr address;
    if (inet_pton(AF_INET, name, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return strcmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0;
}

static int check_readable(const char *path, const char *field, const struct kube_config *config,
                          struct err *err)
{
    if (!path || access(path, R_OK) == 0)
        return 0;
    return err_set(err, ERR_INVALID, "%s: %s: %s can't be read", config->source, field, path);
}

int kube_config_check(struct kube_config *config, struct err *err)
{
    size_t len = strlen(config->server);
    while (len > 0 && config->server[len - 1] == '/')
        config->server[--len] = '\0';
    bool https = str_starts_with(config->server, "https://");
    bool http = str_starts_with(config->server, "http://");
    if (!https && !(http && kube_config_loopback(config->server)))
        return err_set(err, ERR_INVALID,
                       "%s: server: %s must be a https:// URL (http:// only for loopback)",
                       config->source, config->server);
    if (strchr(config->server, '@'))
        return err_set(err, ERR_INVALID, "%s: server: must not hold credentials", config->source);
    if (check_readable(config->ca_file, "certificate-authority", config, err) < 0 ||
        check_readable(config->cert_file, "client-certificate", config, err) < 0 ||
        check_readable(config->key_file, "client-key", config, err) < 0)
        return -1;
    return 0;
}

int kube_config_load_in_cluster(const char *folder, const struct kube_config_options *options,
                                struct kube_config **ret, struct err *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    cleanup_str char *token_file = str_new("%s/token", folder);
    if (str_empty(host) || str_empty(port) || access(token_file, F_OK) != 0)
        return err_set(err, ERR_NOT_FOUND,
                       "not in a Pod: KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT or %s is "
                       "missing",
                       token_file);
    cleanup_kube_config struct kube_config *config = mem_alloc(sizeof(*config));
    bool v6 = strchr(host, ':') != NULL;
    config->source = mem_strdup("in-cluster");
    config->server = str_new("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    config->ca_file = str_new("%s/ca.crt", folder);
    config->auth = kube_auth_new_token_file(token_file, options->clock);
    cleanup_str char *namespace_file = str_new("%s/namespace", folder);
    cleanup_buf struct buf namespace = {.max = 256}; /* a name has at most 63 characters */
    if (file_read(namespace_file, &namespace, NULL) == 0 && namespace.len > 0)
        config->namespace = mem_strdup(buf_str(&namespace));
    if (kube_config_check(config, err) < 0)
        return -1;
    *ret = steal(&config);
    return 0;
}

int kube_config_load(const struct kube_config_options *options, struct kube_config **ret,
                     struct err *err)
{
    if (!str_empty(options->kubeconfig))
        return kube_config_load_files(options->kubeconfig, options, ret, err);
    const char *files = getenv("KUBECONFIG");
    if (!str_empty(files))
        return kube_config_load_files(files, options, ret, err);
    struct err reason = {0};
    if (kube_config_load_in_cluster(SERVICE_ACCOUNT, options, ret, &reason) == 0)
        return 0;
    const char *home = getenv("HOME");
    if (reason.class != ERR_NOT_FOUND || str_empty(home))
        return err_copy(err, &reason);
    cleanup_str char *file = str_new("%s/.kube/config", home);
    if (access(file, F_OK) != 0)
        return err_set(err, ERR_NOT_FOUND,
                       "no way to the API server is configured: give a kubeconfig file, set "
                       "KUBECONFIG, or run in a Pod (%s does not exist; %s)",
                       file, reason.message);
    return kube_config_load_files(file, options, ret, err);
}
