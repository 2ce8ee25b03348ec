/*
 * kube, 1: runs a client.authentication.k8s.io plugin.
 *
 * posix_spawn() with a pipe for its output, nothing as its input, and our own standard error for
 * what it has to say to a person. The plugin gets our environment, the variables that the
 * kubeconfig sets, and KUBERNETES_EXEC_INFO.
 */
#include "kube/auth_exec.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 256 * 1024 }; /* a token and two PEM chains are under 32 KiB */

extern char **environ;

struct kube_auth_exec_command {
    char **argv;
    char **env; /* ended by NULL */
    char *api_version;
    char *install_hint;
    int64_t deadline_ms;
};

/* KUBERNETES_EXEC_INFO=…, *new*. */
static char *exec_info(const struct kube_auth_exec *exec)
{
    json_t *spec = json_build("{s:b}", "interactive", 0);
    if (exec->cluster)
        json_put(spec, "cluster", json_deep_copy(exec->cluster));
    cleanup_json json_t *info = json_build("{s:s, s:s, s:o}", "kind", "ExecCredential",
                                           "apiVersion", exec->api_version, "spec", spec);
    cleanup_str char *text = json_dump(info);
    return str_new("KUBERNETES_EXEC_INFO=%s", text);
}

static bool overridden(const char *variable, const struct kube_auth_exec *exec)
{
    const char *equals = strchrnul(variable, '=');
    size_t len = (size_t)(equals - variable);
    for (size_t i = 0; i < exec->env_count; i++) {
        if (strlen(exec->env[i].name) == len && memcmp(exec->env[i].name, variable, len) == 0)
            return true;
    }
    return str_starts_with(variable, "KUBERNETES_EXEC_INFO=");
}

static char **env_new(const struct kube_auth_exec *exec)
{
    size_t inherited = 0;
    while (environ[inherited])
        inherited++;
    char **env = mem_alloc_array(inherited + exec->env_count + 2, sizeof(*env));
    size_t count = 0;
    for (size_t i = 0; i < inherited; i++) {
        if (!overridden(environ[i], exec))
            env[count++] = mem_strdup(environ[i]);
    }
    for (size_t i = 0; i < exec->env_count; i++)
        env[count++] = str_new("%s=%s", exec->env[i].name, exec->env[i].value);
    env[count] = exec_info(exec);
    return env;
}

struct kube_auth_exec_command *kube_auth_exec_command_new(const struct kube_auth_exec *exec)
{
    struct kube_auth_exec_command *command = mem_alloc(sizeof(*command));
    command->argv = mem_alloc_array(exec->arg_count + 2, sizeof(*command->argv));
    command->argv[0] = mem_strdup(exec->command);
    for (size_t i = 0; i < exec->arg_count; i++)
        command->argv[i + 1] = mem_strdup(exec->args[i]);
    command->env = env_new(exec);
    command->api_version = mem_strdup(exec->api_version);
    command->install_hint = mem_strdup(exec->install_hint);
    command->deadline_ms = exec->deadline_ms > 0 ? exec->deadline_ms : KUBE_AUTH_EXEC_DEADLINE_MS;
    return command;
}

static void free_strings(char **strings)
{
    for (char **string = strings; *string; string++)
        (void)mem_free(*string); /* returns NULL, by convention */
    (void)mem_free(strings);     /* the same */
}

struct kube_auth_exec_command *kube_auth_exec_command_free(struct kube_auth_exec_command *command)
{
    if (!command)
        return NULL;
    free_strings(command->argv);
    free_strings(command->env);
    (void)mem_free(command->api_version);  /* returns NULL, by convention */
    (void)mem_free(command->install_hint); /* the same */
    return mem_free(command);
}

static int spawn(const struct kube_auth_exec_command *command, int output, pid_t *ret_pid,
                 struct err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t pipe_only;
    (void)sigemptyset(&none);             /* none of these can fail on a valid set */
    (void)sigemptyset(&pipe_only);        /* the same */
    (void)sigaddset(&pipe_only, SIGPIPE); /* the same */
    int result = posix_spawn_file_actions_init(&actions);
    result |= posix_spawnattr_init(&attributes);
    result |= posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    result |= posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    /* Our threads block signals, and SIGPIPE is ignored; the plugin must not inherit that. */
    result |= posix_spawnattr_setsigmask(&attributes, &none);
    result |= posix_spawnattr_setsigdefault(&attributes, &pipe_only);
    result |= posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (result == 0)
        result = posix_spawnp(ret_pid, command->argv[0], &actions, &attributes, command->argv,
                              command->env);
    (void)posix_spawn_file_actions_destroy(&actions); /* frees memory only */
    (void)posix_spawnattr_destroy(&attributes);       /* the same */
    if (result == 0)
        return 0;
    (void)err_set_errno(err, result, "exec plugin %s", command->argv[0]); /* returned below */
    if (command->install_hint)
        return err_wrap(err, "%s", command->install_hint);
    return -1;
}

/* Whether there is something to read, or to reap, before the deadline. */
static bool wait_for(int descriptor, struct mono_time deadline)
{
    for (;;) {
        int64_t left_ms = mono_until_ms(deadline, clock_mono(&clock_system));
        struct pollfd wait = {.fd = descriptor, .events = POLLIN};
        int ready = poll(&wait, 1, (int)left_ms);
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

/* Reads until the plugin closes its output; false when the deadline passes or it says too much. */
static bool read_output(int output, struct mono_time deadline, struct buf *text)
{
    for (;;) {
        if (!wait_for(output, deadline))
            return false;
        char chunk[4096];
        ssize_t len = read(output, chunk, sizeof(chunk));
        if (len <= 0)
            return len == 0;
        bool fits = buf_append(text, chunk, (size_t)len, NULL) == 0;
        explicit_bzero(chunk, sizeof(chunk));
        if (!fits)
            return false;
    }
}

/* Whether the plugin ends before the deadline: one may have closed its output and go on. Where the
 * kernel can't say (before Linux 5.3) it is taken to. */
static bool ends_by(pid_t pid, struct mono_time deadline)
{
    cleanup_fd int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 || wait_for(descriptor, deadline);
}

/* Waits for its end, after killing it when `kill_it`; returns whether it ended with 0. */
static bool reap(pid_t pid, bool kill_it)
{
    if (kill_it)
        (void)kill(pid, SIGKILL); /* it may have ended just now */
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int run(const struct kube_auth_exec_command *command, struct buf *text, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set_errno(err, errno, "exec plugin %s: pipe", command->argv[0]);
    cleanup_fd int output = ends[0];
    pid_t pid = -1;
    int result = spawn(command, ends[1], &pid, err);
    (void)close(ends[1]); /* the plugin's copy is what counts */
    if (result < 0)
        return -1;
    struct mono_time deadline = mono_add(clock_mono(&clock_system), command->deadline_ms);
    bool ended = read_output(output, deadline, text) && ends_by(pid, deadline);
    if (reap(pid, !ended))
        return 0;
    return err_set(err, ERR_TRANSIENT,
                   ended ? "exec plugin %s failed; it says why on standard error"
                         : "exec plugin %s gave no whole answer in time and was killed",
                   command->argv[0]);
}

static struct secret *secret_at(const json_t *json, const char *path)
{
    const char *text = json_str_at(json, path);
    return str_empty(text) ? NULL : secret_new(text, strlen(text));
}

int kube_auth_exec_parse(const char *text, size_t len, const char *api_version,
                         struct kube_auth_exec_result *ret, struct err *err)
{
    cleanup_json json_t *json = NULL;
    if (json_parse(text, len, &json, NULL) < 0)
        return err_set(err, ERR_INVALID, "its output is not valid JSON");
    if (!str_equal(json_str_at(json, "kind"), "ExecCredential") ||
        !str_equal(json_str_at(json, "apiVersion"), api_version))
        return err_set(err, ERR_INVALID, "its output is no ExecCredential of %s", api_version);
    struct wall_time expires = {0};
    const char *expiry = json_str_at(json, "status.expirationTimestamp");
    if (expiry && !wall_parse(expiry, &expires))
        return err_set(err, ERR_INVALID, "status.expirationTimestamp is no RFC 3339 time");
    cleanup_secret struct secret *token = secret_at(json, "status.token");
    cleanup_secret struct secret *cert = secret_at(json, "status.clientCertificateData");
    cleanup_secret struct secret *key = secret_at(json, "status.clientKeyData");
    if (!cert != !key)
        return err_set(err, ERR_INVALID,
                       "status has one of clientCertificateData and "
                       "clientKeyData, but they go together");
    if (!token && !cert)
        return err_set(err, ERR_INVALID, "status has neither a token nor a client certificate");
    *ret = (struct kube_auth_exec_result){.token = steal(&token),
                                          .cert = steal(&cert),
                                          .key = steal(&key),
                                          .expires = expires};
    return 0;
}

int kube_auth_exec_run(struct kube_auth_exec_command *command, struct kube_auth_exec_result *ret,
                       struct err *err)
{
    struct buf text = {.max = OUTPUT_MAX};
    int result = run(command, &text, err);
    if (result == 0) {
        result = kube_auth_exec_parse(buf_str(&text), text.len, command->api_version, ret, err);
        if (result < 0)
            (void)err_wrap(err, "exec plugin %s", command->argv[0]); /* returned below */
    }
    if (text.data)
        explicit_bzero(text.data, text.capacity);
    buf_done(&text);
    return result;
}
