/* kube, 1: kubeconfig files, merged and refused.
 * Covers kubeconfig.c, yaml.c, auth.c, auth_exec.c. */
#include "kube/config.h"

#include "kube/auth_exec.h"

#include "base/mem.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/kube-config-XXXXXX";

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    DIR *stream = opendir(folder);
    const struct dirent *entry = NULL;
    while (stream && (entry = readdir(stream))) {
        cleanup_str char *path = str_new("%s/%s", folder, entry->d_name);
        (void)unlink(path); /* "." and ".." are none */
    }
    if (stream)
        (void)closedir(stream); /* only read */
    (void)rmdir(folder);        /* empty by now */
}

/* Writes a file into the folder; *new* path. */
static char *file(const char *name, const char *text)
{
    char *path = str_new("%s/%s", folder, name);
    FILE *stream = fopen(path, "w");
    cr_assert(stream && fputs(text, stream) >= 0 && fclose(stream) == 0);
    return path;
}

/* Writes a file into the folder that is then found by its name. */
static void put_file(const char *name, const char *text)
{
    cleanup_str char *path = file(name, text);
    cr_assert_not_null(path);
}

static const struct kube_config_options options = {.clock = &clock_system};

static struct kube_config *load(const char *files)
{
    struct kube_config *config = NULL;
    struct err err = {0};
    int result = kube_config_load_files(files, &options, &config, &err);
    cr_assert_eq(result, 0, "%s", err.message);
    return config;
}

static char *header_of(struct kube_config *config)
{
    cleanup_kube_auth_now struct kube_auth_now now = {0};
    struct err err = {0};
    cr_assert_eq(kube_auth_get(config->auth, &now, &err), 0, "%s", err.message);
    return now.header ? mem_strdup(secret_reveal(now.header)) : NULL;
}

static void expect_header(struct kube_config *config, const char *expected)
{
    cleanup_str char *header = header_of(config);
    cr_expect(str_equal(header, expected), "%s", header ? header : "none");
}

#define CONFIG(cluster, user)                                                                      \
    "apiVersion: v1\nkind: Config\ncurrent-context: main\n"                                        \
    "contexts: [{name: main, context: {cluster: c, user: u, namespace: shop}}]\n"                  \
    "clusters: [{name: c, cluster: {" cluster "}}]\nusers: [{name: u, user: {" user "}}]\n"
#define SERVER "server: 'https://k.example:6443/'"

TestSuite(kube_config, .init = make_folder, .fini = remove_folder);
TestSuite(kube_auth, .init = make_folder, .fini = remove_folder);

Test(kube_config, takes_server_namespace_and_token_of_the_current_context)
{
    cleanup_str char *path = file("a", CONFIG(SERVER, "token: abc"));
    cleanup_kube_config struct kube_config *config = load(path);
    cr_expect_str_eq(config->server, "https://k.example:6443");
    cr_expect_str_eq(config->namespace, "shop");
    cr_expect(strstr(config->source, path) && strstr(config->source, "context main"));
    expect_header(config, "Authorization: Bearer abc");
}

Test(kube_config, reads_json_too)
{
    cleanup_str char *path =
        file("a",
             "{\"current-context\":\"m\",\"contexts\":[{\"name\":\"m\",\"context\":{\"cluster\":"
             "\"c\"}}],\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"https://x\"}}]}");
    cleanup_kube_config struct kube_config *config = load(path);
    cr_expect_str_eq(config->server, "https://x");
    expect_header(config, NULL);
}

Test(kube_config, takes_a_named_context_instead_of_the_current_one)
{
    cleanup_str char *path =
        file("a", CONFIG(SERVER, "token: abc") "---\n"); /* a second document is not looked at */
    cleanup_str char *other =
        file("b", "contexts: [{name: other, context: {cluster: c, user: u2}}]\n"
                  "users: [{name: u2, user: {username: joe, password: pa:ss}}]\n");
    cleanup_str char *files = str_new("%s:%s", path, other);
    struct kube_config_options named = options;
    named.context = "other";
    cleanup_kube_config struct kube_config *config = NULL;
    struct err err = {0};
    cr_assert_eq(kube_config_load_files(files, &named, &config, &err), 0, "%s", err.message);
    expect_header(config, "Authorization: Basic am9lOnBhOnNz");
}

Test(kube_config, takes_each_name_whole_from_the_first_file_that_has_it)
{
    cleanup_str char *first =
        file("a", "users: [{name: u, user: {token: first}}]\ncurrent-context: main\n");
    cleanup_str char *second =
        file("b", CONFIG(SERVER, "token: second, client-certificate: /nowhere"));
    cleanup_str char *files = str_new("%s/missing:%s:%s:", folder, first, second);
    cleanup_kube_config struct kube_config *config = load(files);
    expect_header(config, "Authorization: Bearer first");
    cr_expect_null(config->cert_file);
}

Test(kube_config, takes_paths_relative_to_the_file_that_names_them)
{
    cleanup_str char *ca = file("ca.crt", "x");
    put_file("token", "from-file\n");
    cleanup_str char *path = file("a", CONFIG(SERVER ", certificate-authority: ca.crt",
                                              "tokenFile: token, token: ignored"));
    cleanup_kube_config struct kube_config *config = load(path);
    cr_expect_str_eq(config->ca_file, ca);
    expect_header(config, "Authorization: Bearer from-file");
}

Test(kube_config, prefers_data_to_files)
{
    cleanup_str char *path =
        file("a",
             CONFIG(SERVER ", certificate-authority: /x, certificate-authority-data: Y2E=",
                    "client-certificate: /x, client-certificate-data: Y2VydA==, client-key-data: "
                    "a2V5"));
    cleanup_kube_config struct kube_config *config = load(path);
    cr_expect_null(config->ca_file);
    cr_expect_str_eq(config->ca_data, "ca");
    cr_expect_null(config->cert_file);
    cr_expect_str_eq(secret_reveal(config->cert_data), "cert");
    cr_expect_str_eq(secret_reveal(config->key_data), "key");
}

Test(kube_config, keeps_server_name_and_proxy)
{
    cleanup_str char *path = file("a", CONFIG(SERVER ", tls-server-name: api, proxy-url: "
                                                     "'http://p:3128'",
                                              ""));
    cleanup_kube_config struct kube_config *config = load(path);
    cr_expect_str_eq(config->tls_server_name, "api");
    cr_expect_str_eq(config->proxy_url, "http://p:3128");
    expect_header(config, NULL);
}

Test(kube_config, takes_plain_http_for_loopback_only)
{
    static const char *const good[] = {"http://127.0.0.1:8080", "http://localhost",
                                       "http://[::1]:80", "http://127.9.9.9/x"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        cleanup_str char *text = str_new(CONFIG("server: '%s'", ""), good[i]);
        cleanup_str char *path = file("a", text);
        cleanup_kube_config struct kube_config *config = load(path);
        cr_expect_str_eq(config->server, good[i]);
    }
}

/* What can't work, and what the message must hold. */
static const struct {
    const char *text;
    const char *part;
} bad[] = {
    {"", "current-context is not set"},
    {"a: [", "not valid YAML at line 2"},
    {"current-context: x\n", "context x: there is no context named \"x\""},
    {CONFIG(SERVER, "") "current-context: main\n", NULL}, /* twice: the first counts */
    {"current-context: m\ncontexts: [{name: m, context: {cluster: gone}}]\n",
     "no cluster named \"gone\""},
    {"current-context: m\ncontexts: [{name: m}]\n", "context \"m\": cluster: is missing"},
    {CONFIG("", ""), "cluster \"c\": server: is missing"},
    {CONFIG("server: 'http://k.example'", ""), "must be a https:// URL"},
    {CONFIG("server: 'http://127.0.0.1.evil.example'", ""), "must be a https:// URL"},
    {CONFIG("server: 'https://a:b@k'", ""), "must not hold credentials"},
    {CONFIG(SERVER ", certificate-authority: /nowhere/ca", ""),
     "certificate-authority: /nowhere/ca can't be read"},
    {CONFIG(SERVER ", certificate-authority-data: '%%%'", ""),
     "certificate-authority-data: is not valid base64"},
    {CONFIG(SERVER ", insecure-skip-tls-verify: yes", ""),
     "insecure-skip-tls-verify: must be true or false"},
    {CONFIG(SERVER ", insecure-skip-tls-verify: true, certificate-authority-data: Y2E=", ""),
     "can't be true together"},
    {CONFIG(SERVER, "client-certificate-data: Y2E="), "client-key: is missing"},
    {CONFIG(SERVER, "client-key-data: Y2E="), "client-certificate: is missing"},
    {CONFIG(SERVER, "auth-provider: {name: gcp}"), "use an exec plugin"},
    {CONFIG(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1}"),
     "exec.command: is missing"},
    {CONFIG(SERVER, "exec: {command: x, apiVersion: v1alpha1}"),
     "must be client.authentication.k8s.io/v1"},
    {CONFIG(SERVER, "exec: {command: x, apiVersion: client.authentication.k8s.io/v1, "
                    "interactiveMode: Always}"),
     "no terminal"},
};

Test(kube_config, names_file_context_and_field_of_what_cannot_work)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_str char *path = file("bad", bad[i].text);
        cleanup_kube_config struct kube_config *config = NULL;
        struct err err = {0};
        int result = kube_config_load_files(path, &options, &config, &err);
        if (!bad[i].part) {
            cr_expect_eq(result, 0, "%s", err.message);
            continue;
        }
        cr_expect_eq(result, -1, "%s", bad[i].text);
        cr_expect(strstr(err.message, bad[i].part), "%s", err.message);
        cr_expect(strstr(err.message, path), "%s", err.message);
    }
}

Test(kube_config, needs_the_file_that_was_asked_for)
{
    struct kube_config_options asked = options;
    asked.kubeconfig = "/nowhere/kubeconfig";
    cleanup_kube_config struct kube_config *config = NULL;
    struct err err = {0};
    cr_expect_eq(kube_config_load(&asked, &config, &err), -1);
    cr_expect(strstr(err.message, "/nowhere/kubeconfig"), "%s", err.message);
}

Test(kube_config, finds_itself_in_a_pod)
{
    put_file("token", "projected");
    cleanup_str char *ca = file("ca.crt", "x");
    put_file("namespace", "operators");
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    cleanup_kube_config struct kube_config *config = NULL;
    struct err err = {0};
    cr_assert_eq(kube_config_load_in_cluster(folder, &options, &config, &err), 0, "%s",
                 err.message);
    cr_expect_str_eq(config->server, "https://[fd00::1]:443");
    cr_expect_str_eq(config->namespace, "operators");
    cr_expect_str_eq(config->ca_file, ca);
    expect_header(config, "Authorization: Bearer projected");
}

Test(kube_config, knows_that_this_is_no_pod)
{
    unsetenv("KUBERNETES_SERVICE_HOST");
    cleanup_kube_config struct kube_config *config = NULL;
    struct err err = {0};
    cr_assert_eq(kube_config_load_in_cluster(folder, &options, &config, &err), -1);
    cr_expect_eq(err.class, ERR_NOT_FOUND);
}

/* Plugins and tokens */

#define EXEC(command)                                                                              \
    CONFIG(SERVER ", certificate-authority-data: Y2E=",                                            \
           "exec: {apiVersion: client.authentication.k8s.io/v1, command: " command                 \
           ", args: [one, two], env: [{name: EXTRA, value: more}], provideClusterInfo: true, "     \
           "installHint: see the manual}")

static void put_script(const char *name, const char *text)
{
    cleanup_str char *path = file(name, text);
    cr_assert_eq(chmod(path, 0700), 0);
}

Test(kube_auth, runs_a_plugin_with_its_arguments_and_the_cluster)
{
    put_script("plugin",
               "#!/bin/sh\necho \"$KUBERNETES_EXEC_INFO\" > \"$(dirname \"$0\")/info\"\n"
               "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/"
               "v1\",\"status\":{\"token\":\"'$1-$2-$EXTRA'\"}}'\n");
    cleanup_str char *path = file("a", EXEC("./plugin"));
    cleanup_kube_config struct kube_config *config = load(path);
    expect_header(config, "Authorization: Bearer one-two-more");
    cleanup_str char *info_path = str_new("%s/info", folder);
    char info[1024] = "";
    FILE *stream = fopen(info_path, "r");
    cr_assert(stream && fgets(info, sizeof(info), stream));
    fclose(stream);
    cr_expect(strstr(info, "\"cluster\":{\"certificate-authority-data\":\"Y2E=\",\"server\":"),
              "%s", info);
    cr_expect(strstr(info, "\"interactive\":false"), "%s", info);
}

Test(kube_auth, runs_a_plugin_again_only_when_its_token_expires_or_was_refused)
{
    put_script(
        "plugin",
        "#!/bin/sh\necho x >> \"$(dirname \"$0\")/count\"\n"
        "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\","
        "\"status\":{\"token\":\"'$(wc -l < \"$(dirname \"$0\")/count\")'\","
        "\"expirationTimestamp\":\"'$EXPIRY'\"}}'\n");
    cleanup_str char *path = file("a", EXEC("./plugin"));
    setenv("EXPIRY", "2999-01-01T00:00:00Z", 1);
    cleanup_kube_config struct kube_config *lasting = load(path);
    expect_header(lasting, "Authorization: Bearer 1");
    expect_header(lasting, "Authorization: Bearer 1");
    setenv("EXPIRY", "2001-01-01T00:00:00Z", 1);
    cleanup_kube_config struct kube_config *expired = load(path);
    expect_header(expired, "Authorization: Bearer 2");
    expect_header(expired, "Authorization: Bearer 3");
}

Test(kube_auth, says_which_plugin_failed_and_nothing_of_its_output)
{
    put_script("plugin", "#!/bin/sh\necho secret-output; exit 3\n");
    cleanup_str char *path = file("a", EXEC("./plugin"));
    cleanup_kube_config struct kube_config *config = load(path);
    cleanup_kube_auth_now struct kube_auth_now now = {0};
    struct err err = {0};
    cr_assert_eq(kube_auth_get(config->auth, &now, &err), -1);
    cr_expect_eq(err.class, ERR_TRANSIENT);
    cr_expect(strstr(err.message, "plugin failed"), "%s", err.message);
    cr_expect_null(strstr(err.message, "secret-output"));
}

Test(kube_auth, gives_the_hint_when_a_plugin_is_not_installed)
{
    cleanup_str char *path = file("a", EXEC("no-such-plugin-here"));
    cleanup_kube_config struct kube_config *config = load(path);
    cleanup_kube_auth_now struct kube_auth_now now = {0};
    struct err err = {0};
    cr_assert_eq(kube_auth_get(config->auth, &now, &err), -1);
    cr_expect(strstr(err.message, "see the manual"), "%s", err.message);
}

static int64_t now_ms = 1000;

static struct mono_time now_mono(void *userdata)
{
    (void)userdata; /* one clock for all tests of a process */
    return (struct mono_time){.ms = now_ms};
}

static struct wall_time now_wall(void *userdata)
{
    (void)userdata; /* see above */
    return (struct wall_time){.ms = now_ms};
}

static const struct clock virtual_clock = {.now_wall = now_wall, .now_mono = now_mono};

static void expect_token(struct kube_auth *auth, const char *expected)
{
    cleanup_kube_auth_now struct kube_auth_now now = {0};
    struct err err = {0};
    cr_assert_eq(kube_auth_get(auth, &now, &err), 0, "%s", err.message);
    cr_expect(str_ends_with(secret_reveal(now.header), expected));
}

Test(kube_auth, reads_a_token_file_again_every_minute)
{
    cleanup_str char *path = file("token", "one");
    struct kube_auth *auth = kube_auth_new_token_file(path, &virtual_clock);
    expect_token(auth, " one");
    put_file("token", "two");
    now_ms += 59999;
    expect_token(auth, " one");
    now_ms += 1;
    expect_token(auth, " two");
    unlink(path);
    now_ms += 60000;
    expect_token(auth, " two");
    kube_auth_free(auth);
}

Test(kube_auth, reads_a_token_file_again_after_a_401_but_not_in_a_tight_loop)
{
    cleanup_str char *path = file("token", "one");
    struct kube_auth *auth = kube_auth_new_token_file(path, &virtual_clock);
    cleanup_kube_auth_now struct kube_auth_now now = {0};
    struct err err = {0};
    cr_assert_eq(kube_auth_get(auth, &now, &err), 0);
    put_file("token", "two");
    kube_auth_refused(auth, &now);
    expect_token(auth, " one");
    now_ms += 5000;
    expect_token(auth, " two");
    kube_auth_free(auth);
}

Test(kube_auth, knows_a_good_answer_of_a_plugin_from_a_bad_one)
{
    static const struct {
        const char *text;
        const char *problem; /* NULL: it is good */
    } rows[] = {
#define ANSWER(status) "{\"kind\":\"ExecCredential\",\"apiVersion\":\"v\",\"status\":{" status "}}"
        {ANSWER("\"token\":\"t\""), NULL},
        {ANSWER("\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\""), NULL},
        {ANSWER("\"clientCertificateData\":\"c\""), "go together"},
        {ANSWER(""), "neither a token"},
        {ANSWER("\"token\":\"\""), "neither a token"},
        {ANSWER("\"token\":\"t\",\"expirationTimestamp\":\"soon\""), "RFC 3339"},
        {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"w\"}", "no ExecCredential"},
        {"token", "not valid JSON"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_auth_exec_result result = {0};
        struct err err = {0};
        int parsed = kube_auth_exec_parse(rows[i].text, strlen(rows[i].text), "v", &result, &err);
        cr_expect_eq(parsed, rows[i].problem ? -1 : 0, "%s", rows[i].text);
        if (rows[i].problem)
            cr_expect(strstr(err.message, rows[i].problem), "%s", err.message);
        secret_free(result.token);
        secret_free(result.cert);
        secret_free(result.key);
    }
}
