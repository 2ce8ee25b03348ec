/*
 * kube, 1: kubeconfig files.
 *
 * Nothing is merged into a new document: all files stay open side by side, and each look-up
 * (current- context, a context, a cluster, a user by name) takes the first file that has it. That
 * is what client-go's merge comes to.
 */
#include "kube/config.h"
#include "kube/yaml.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <openssl/evp.h>
#include <string.h>

enum {
    FILES_MAX = 32,
    FILE_MAX = 4 << 20 /* some hundred contexts with their certificates are 2 MiB */
};

struct file {
    char *path;
    yaml_document_t document;
};

/* What is being loaded. */
struct load {
    struct file files[FILES_MAX];
    size_t count;
    const struct kube_config_options *options;
    const char *context; /* its name */
};

/* A named entry (cluster, user, context) and the file that it is in. */
struct entry {
    struct file *file;
    const yaml_node_t *node; /* the value of `kind`: its fields */
    const char *kind;
    const char *name;
};

static yaml_node_t *root_of(struct file *file)
{
    return yaml_document_get_root_node(&file->document);
}

static int read_file(struct load *load, const char *path, bool must_exist, struct err *err)
{
    struct buf text = {.max = FILE_MAX};
    struct err reason = {0};
    if (file_read(path, &text, &reason) < 0) {
        buf_done(&text);
        if (reason.class == ERR_NOT_FOUND && !must_exist)
            return 0;
        (void)err_copy(err, &reason); /* returned below */
        return err_wrap(err, "kubeconfig");
    }
    struct file *file = &load->files[load->count];
    int result = kube_yaml_parse(buf_str(&text), text.len, &file->document, err);
    if (text.data)
        explicit_bzero(text.data, text.capacity);
    buf_done(&text);
    if (result < 0)
        return err_wrap(err, "kubeconfig %s", path);
    file->path = mem_strdup(path);
    load->count++;
    return 0;
}

static int read_files(struct load *load, const char *paths, struct err *err)
{
    bool alone = strchr(paths, ':') == NULL;
    for (const char *at = paths; *at;) {
        const char *end = strchrnul(at, ':');
        cleanup_str char *path = mem_strndup(at, (size_t)(end - at));
        at = *end ? end + 1 : end;
        if (*path == '\0')
            continue;
        if (load->count == FILES_MAX)
            return err_set(err, ERR_INVALID, "kubeconfig: more than %d files", FILES_MAX);
        if (read_file(load, path, alone, err) < 0)
            return -1;
    }
    if (load->count == 0)
        return err_set(err, ERR_NOT_FOUND, "kubeconfig: none of these files exists: %s", paths);
    return 0;
}

static void close_files(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        yaml_document_delete(&load->files[i].document);
        (void)mem_free(load->files[i].path); /* returns NULL, by convention */
    }
}

/* All the files' names, for messages; *new*. */
static char *file_names(const struct load *load)
{
    struct buf names = {0};
    for (size_t i = 0; i < load->count; i++)
        buf_putf(&names, "%s%s", i > 0 ? ", " : "", load->files[i].path);
    return buf_steal(&names);
}

static int find_entry(struct load *load, const char *list, const char *kind, const char *name,
                      struct entry *ret, struct err *err)
{
    for (size_t i = 0; i < load->count; i++) {
        struct file *file = &load->files[i];
        const yaml_node_t *entries = kube_yaml_at(&file->document, root_of(file), list);
        const yaml_node_t *named = kube_yaml_named(&file->document, entries, name);
        if (named) {
            *ret = (struct entry){.file = file,
                                  .node = kube_yaml_at(&file->document, named, kind),
                                  .kind = kind,
                                  .name = name};
            return 0;
        }
    }
    cleanup_str char *names = file_names(load);
    (void)err_set(err, ERR_INVALID, "kubeconfig %s: context %s: there is no %s named \"%s\"", names,
                  load->context, kind, name); /* returned below */
    return -1;
}

static const char *text_of(const struct entry *entry, const char *key)
{
    return kube_yaml_text_at(&entry->file->document, entry->node, key);
}

static int invalid(const struct entry *entry, const char *field, const char *problem,
                   struct err *err)
{
    return err_set(err, ERR_INVALID, "kubeconfig %s: %s \"%s\": %s: %s", entry->file->path,
                   entry->kind, entry->name, field, problem);
}

/* A path, relative to the folder of the file that says it. *New*, or NULL. */
static char *path_of(const struct entry *entry, const char *key)
{
    const char *path = text_of(entry, key);
    if (str_empty(path))
        return NULL;
    const char *slash = strrchr(entry->file->path, '/');
    if (*path == '/' || !slash)
        return mem_strdup(path);
    int folder = (int)(slash - entry->file->path);
    return str_new("%.*s/%s", folder, entry->file->path, path);
}

/* Base64 to a secret, *new*; *ret stays NULL when the key is not there. */
static int data_of(const struct entry *entry, const char *key, struct secret **ret, struct err *err)
{
    const char *text = text_of(entry, key);
    if (str_empty(text))
        return 0;
    size_t len = strlen(text);
    cleanup_mem unsigned char *plain = mem_alloc(len + 4);
    int decoded =
        len < FILE_MAX ? EVP_DecodeBlock(plain, (const unsigned char *)text, (int)len) : -1;
    if (decoded <= 0)
        return invalid(entry, key, "is not valid base64", err);
    for (const char *end = text + len; end > text && end[-1] == '='; end--)
        decoded--;
    *ret = secret_new((const char *)plain, (size_t)decoded);
    explicit_bzero(plain, len + 4);
    return 0;
}

static int bool_of(const struct entry *entry, const char *key, bool *ret, struct err *err)
{
    const char *text = text_of(entry, key);
    if (text && !str_equal(text, "true") && !str_equal(text, "false"))
        return invalid(entry, key, "must be true or false", err);
    *ret = str_equal(text, "true");
    return 0;
}

static int load_cluster(const struct entry *cluster, struct kube_config *config, struct err *err)
{
    const char *server = text_of(cluster, "server");
    if (str_empty(server))
        return invalid(cluster, "server", "is missing; it is the URL of the API server", err);
    config->server = mem_strdup(server);
    config->tls_server_name = mem_strdup(text_of(cluster, "tls-server-name"));
    config->proxy_url = mem_strdup(text_of(cluster, "proxy-url"));
    cleanup_secret struct secret *ca = NULL;
    if (bool_of(cluster, "insecure-skip-tls-verify", &config->insecure, err) < 0 ||
        data_of(cluster, "certificate-authority-data", &ca, err) < 0)
        return -1;
    if (ca)
        config->ca_data = mem_strdup(secret_reveal(ca)); /* a CA is public */
    else
        config->ca_file = path_of(cluster, "certificate-authority");
    if (config->insecure && (config->ca_data || config->ca_file))
        return invalid(cluster, "insecure-skip-tls-verify",
                       "can't be true together with a certificate authority; remove one", err);
    return 0;
}

static int load_exec_lists(const struct entry *user, const yaml_node_t *node,
                           struct kube_auth_exec *exec, struct err *err)
{
    yaml_document_t *document = &user->file->document;
    const yaml_node_t *args = kube_yaml_at(document, node, "args");
    const yaml_node_t *env = kube_yaml_at(document, node, "env");
    if (kube_yaml_len(args) > KUBE_AUTH_EXEC_ARGS_MAX ||
        kube_yaml_len(env) > KUBE_AUTH_EXEC_ENV_MAX)
        return invalid(user, "exec", "has more than 64 args or env", err);
    for (size_t i = 0; i < kube_yaml_len(args); i++) {
        const char *arg = kube_yaml_text(kube_yaml_element(document, args, i));
        exec->args[exec->arg_count++] = arg ? arg : "";
    }
    for (size_t i = 0; i < kube_yaml_len(env); i++) {
        const yaml_node_t *element = kube_yaml_element(document, env, i);
        const char *name = kube_yaml_text_at(document, element, "name");
        const char *value = kube_yaml_text_at(document, element, "value");
        if (str_empty(name))
            return invalid(user, "exec.env", "an entry has no name", err);
        exec->env[exec->env_count++] =
            (struct kube_auth_env){.name = name, .value = value ? value : ""};
    }
    return 0;
}

/* What a plugin that asked for it is told of the cluster. *New*. */
static json_t *cluster_info(const struct kube_config *config)
{
    json_t *info = json_build("{s:s}", "server", config->server);
    json_put_str(info, "tls-server-name", config->tls_server_name);
    json_put_str(info, "proxy-url", config->proxy_url);
    if (config->insecure)
        json_put(info, "insecure-skip-tls-verify", json_true());
    if (config->ca_data) {
        size_t len = strlen(config->ca_data);
        cleanup_mem unsigned char *encoded = mem_alloc((len + 2) / 3 * 4 + 1);
        int written = EVP_EncodeBlock(encoded, (const unsigned char *)config->ca_data, (int)len);
        json_put(info, "certificate-authority-data",
                 json_stringn((const char *)encoded, (size_t)written));
    }
    return info;
}

static int load_exec(struct load *load, const struct entry *user, const yaml_node_t *node,
                     struct kube_config *config, struct err *err)
{
    yaml_document_t *document = &user->file->document;
    struct kube_auth_exec exec = {
        .command = kube_yaml_text_at(document, node, "command"),
        .api_version = kube_yaml_text_at(document, node, "apiVersion"),
        .install_hint = kube_yaml_text_at(document, node, "installHint"),
    };
    if (str_empty(exec.command))
        return invalid(user, "exec.command", "is missing", err);
    if (!str_equal(exec.api_version, "client.authentication.k8s.io/v1") &&
        !str_equal(exec.api_version, "client.authentication.k8s.io/v1beta1"))
        return invalid(user, "exec.apiVersion",
                       "must be client.authentication.k8s.io/v1 (or v1beta1)", err);
    if (str_equal(kube_yaml_text_at(document, node, "interactiveMode"), "Always"))
        return invalid(user, "exec.interactiveMode",
                       "is Always, but there is no terminal to ask a person", err);
    if (load_exec_lists(user, node, &exec, err) < 0)
        return -1;
    cleanup_str char *command = NULL;
    const char *slash = strrchr(user->file->path, '/');
    if (strchr(exec.command, '/') && *exec.command != '/' && slash) {
        command =
            str_new("%.*s/%s", (int)(slash - user->file->path), user->file->path, exec.command);
        exec.command = command;
    }
    cleanup_json json_t *cluster = NULL;
    if (str_equal(kube_yaml_text_at(document, node, "provideClusterInfo"), "true"))
        cluster = cluster_info(config);
    exec.cluster = cluster;
    config->auth = kube_auth_new_exec(&exec, load->options->clock);
    return 0;
}

static int load_credentials(struct load *load, const struct entry *user, struct kube_config *config,
                            struct err *err)
{
    const yaml_node_t *exec = kube_yaml_at(&user->file->document, user->node, "exec");
    if (exec && exec->type == YAML_MAPPING_NODE)
        return load_exec(load, user, exec, config, err);
    if (kube_yaml_at(&user->file->document, user->node, "auth-provider"))
        return invalid(user, "auth-provider", "is no longer supported; use an exec plugin", err);
    cleanup_str char *token_file = path_of(user, "tokenFile");
    const char *token = text_of(user, "token");
    const char *name = text_of(user, "username");
    const char *password = text_of(user, "password");
    if (token_file)
        config->auth = kube_auth_new_token_file(token_file, load->options->clock);
    else if (!str_empty(token))
        config->auth = kube_auth_new_token(token);
    else if (!str_empty(name))
        config->auth = kube_auth_new_basic(name, password ? password : "");
    else
        config->auth = kube_auth_new_none();
    return 0;
}

static int load_user(struct load *load, const struct entry *user, struct kube_config *config,
                     struct err *err)
{
    if (data_of(user, "client-certificate-data", &config->cert_data, err) < 0 ||
        data_of(user, "client-key-data", &config->key_data, err) < 0)
        return -1;
    if (!config->cert_data)
        config->cert_file = path_of(user, "client-certificate");
    if (!config->key_data)
        config->key_file = path_of(user, "client-key");
    bool cert = config->cert_data || config->cert_file;
    bool key = config->key_data || config->key_file;
    if (cert && !key)
        return invalid(user, "client-key", "is missing, but client-certificate is there", err);
    if (key && !cert)
        return invalid(user, "client-certificate", "is missing, but client-key is there", err);
    return load_credentials(load, user, config, err);
}

static int find_current_context(struct load *load, struct err *err)
{
    load->context = load->options->context;
    for (size_t i = 0; str_empty(load->context) && i < load->count; i++)
        load->context = kube_yaml_text_at(&load->files[i].document, root_of(&load->files[i]),
                                          "current-context");
    if (!str_empty(load->context))
        return 0;
    cleanup_str char *names = file_names(load);
    return err_set(err, ERR_INVALID,
                   "kubeconfig %s: current-context is not set; set it, or name a context", names);
}

static int load_context(struct load *load, struct kube_config *config, struct err *err)
{
    struct entry context = {0};
    struct entry cluster = {0};
    struct entry user = {0};
    if (find_current_context(load, err) < 0 ||
        find_entry(load, "contexts", "context", load->context, &context, err) < 0)
        return -1;
    const char *cluster_name = text_of(&context, "cluster");
    const char *user_name = text_of(&context, "user");
    if (str_empty(cluster_name))
        return invalid(&context, "cluster", "is missing", err);
    if (find_entry(load, "clusters", "cluster", cluster_name, &cluster, err) < 0 ||
        load_cluster(&cluster, config, err) < 0)
        return -1;
    config->namespace = mem_strdup(text_of(&context, "namespace"));
    config->source = str_new("kubeconfig %s, context %s", context.file->path, load->context);
    if (str_empty(user_name)) {
        config->auth = kube_auth_new_none();
        return 0;
    }
    if (find_entry(load, "users", "user", user_name, &user, err) < 0)
        return -1;
    return load_user(load, &user, config, err);
}

int kube_config_load_files(const char *files, const struct kube_config_options *options,
                           struct kube_config **ret, struct err *err)
{
    struct load load = {.options = options};
    cleanup_kube_config struct kube_config *config = mem_alloc(sizeof(*config));
    int result = read_files(&load, files, err);
    if (result == 0)
        result = load_context(&load, config, err);
    close_files(&load);
    if (result == 0)
        result = kube_config_check(config, err);
    if (result == 0)
        *ret = steal(&config);
    return result;
}
