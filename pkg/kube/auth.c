/* kube, 1: what is said in the Authorization header. */
#include "kube/auth.h"

#include "kube/auth_exec.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

enum {
    TOKEN_FILE_MS = 60 * 1000,    /* the kubelet renews a projected token long before it expires */
    EXPIRY_MARGIN_MS = 30 * 1000, /* a plugin's token is not used in its last half minute */
    REFUSED_PAUSE_MS = 5 * 1000   /* after a 401 look it up again, but not in a tight loop */
};

enum source { SOURCE_NONE, SOURCE_FIXED, SOURCE_TOKEN_FILE, SOURCE_EXEC };

struct kube_auth {
    enum source source;
    char *path;                          /* of a token file */
    struct kube_auth_exec_command *exec; /* how to run a plugin */
    const struct clock *clock;
    pthread_mutex_t mutex; /* guards everything below */
    struct secret *header;
    struct secret *cert;
    struct secret *key;
    struct mono_time looked_up;
    struct wall_time expires; /* of a plugin's answer; not set: never */
    bool refused;
};

static struct kube_auth *auth_new(enum source source, const struct clock *clock)
{
    struct kube_auth *auth = mem_alloc(sizeof(*auth));
    auth->source = source;
    auth->clock = clock;
    int result = pthread_mutex_init(&auth->mutex, NULL);
    assert(result == 0);
    (void)result; /* asserted */
    return auth;
}

/* "Authorization: <scheme> <credentials>"; no copy of it is left behind. */
static struct secret *header_new(const char *scheme, const char *credentials)
{
    struct buf text = {0};
    buf_putf(&text, "Authorization: %s ", scheme);
    buf_put(&text, credentials);
    struct secret *header = secret_new(text.data, text.len);
    explicit_bzero(text.data, text.capacity);
    buf_done(&text);
    return header;
}

struct kube_auth *kube_auth_new_none(void)
{
    return auth_new(SOURCE_NONE, NULL);
}

struct kube_auth *kube_auth_new_token(const char *token)
{
    struct kube_auth *auth = auth_new(SOURCE_FIXED, NULL);
    auth->header = header_new("Bearer", token);
    return auth;
}

struct kube_auth *kube_auth_new_token_file(const char *path, const struct clock *clock)
{
    struct kube_auth *auth = auth_new(SOURCE_TOKEN_FILE, clock);
    auth->path = mem_strdup(path);
    return auth;
}

struct kube_auth *kube_auth_new_basic(const char *name, const char *password)
{
    struct kube_auth *auth = auth_new(SOURCE_FIXED, NULL);
    cleanup_str char *plain = str_new("%s:%s", name, password);
    size_t len = strlen(plain);
    cleanup_mem unsigned char *encoded = mem_alloc((len + 2) / 3 * 4 + 1);
    int written = EVP_EncodeBlock(encoded, (const unsigned char *)plain, (int)len);
    auth->header = header_new("Basic", (const char *)encoded);
    explicit_bzero(plain, len);
    explicit_bzero(encoded, (size_t)written);
    return auth;
}

struct kube_auth *kube_auth_new_exec(const struct kube_auth_exec *exec, const struct clock *clock)
{
    struct kube_auth *auth = auth_new(SOURCE_EXEC, clock);
    auth->exec = kube_auth_exec_command_new(exec);
    return auth;
}

static void forget(struct kube_auth *auth)
{
    auth->header = secret_free(auth->header);
    auth->cert = secret_free(auth->cert);
    auth->key = secret_free(auth->key);
    auth->expires = (struct wall_time){0};
}

struct kube_auth *kube_auth_free(struct kube_auth *auth)
{
    if (!auth)
        return NULL;
    forget(auth);
    (void)mem_free(auth->path); /* returns NULL, by convention */
    kube_auth_exec_command_free(auth->exec);
    (void)pthread_mutex_destroy(&auth->mutex); /* nobody uses it any more */
    return mem_free(auth);
}

static bool due(const struct kube_auth *auth)
{
    if (auth->source == SOURCE_NONE || auth->source == SOURCE_FIXED)
        return false;
    if (auth->looked_up.ms == 0)
        return true;
    int64_t age_ms = clock_mono(auth->clock).ms - auth->looked_up.ms;
    if (auth->refused && age_ms >= REFUSED_PAUSE_MS)
        return true;
    if (auth->source == SOURCE_TOKEN_FILE)
        return age_ms >= TOKEN_FILE_MS;
    return auth->expires.ms != 0 &&
           clock_wall(auth->clock).ms >= auth->expires.ms - EXPIRY_MARGIN_MS;
}

static int look_up_file(struct kube_auth *auth, struct err *err)
{
    cleanup_secret struct secret *token = NULL;
    if (secret_read_file(auth->path, &token, err) < 0)
        return err_wrap(err, "token file");
    forget(auth);
    auth->header = header_new("Bearer", secret_reveal(token));
    return 0;
}

static int look_up_exec(struct kube_auth *auth, struct err *err)
{
    struct kube_auth_exec_result result = {0};
    if (kube_auth_exec_run(auth->exec, &result, err) < 0)
        return -1;
    forget(auth);
    if (result.token)
        auth->header = header_new("Bearer", secret_reveal(result.token));
    result.token = secret_free(result.token);
    auth->cert = result.cert;
    auth->key = result.key;
    auth->expires = result.expires;
    return 0;
}

static int look_up(struct kube_auth *auth, struct err *err)
{
    int result = auth->source == SOURCE_EXEC ? look_up_exec(auth, err) : look_up_file(auth, err);
    /* A file that can't be read just now, as while it is being replaced: the old token may do. */
    if (result < 0 && !(auth->source == SOURCE_TOKEN_FILE && auth->header))
        return -1;
    auth->looked_up = clock_mono(auth->clock);
    auth->refused = false;
    return 0;
}

static struct secret *secret_copy(const struct secret *secret)
{
    if (!secret)
        return NULL;
    const char *text = secret_reveal(secret);
    return secret_new(text, strlen(text));
}

static void lock(struct kube_auth *auth)
{
    int result = pthread_mutex_lock(&auth->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

static void unlock(struct kube_auth *auth)
{
    int result = pthread_mutex_unlock(&auth->mutex);
    assert(result == 0);
    (void)result; /* asserted */
}

int kube_auth_get(struct kube_auth *auth, struct kube_auth_now *ret, struct err *err)
{
    lock(auth);
    int result = due(auth) ? look_up(auth, err) : 0;
    if (result == 0) {
        ret->header = secret_copy(auth->header);
        ret->cert = secret_copy(auth->cert);
        ret->key = secret_copy(auth->key);
    }
    unlock(auth);
    return result;
}

void kube_auth_now_done(struct kube_auth_now *now)
{
    now->header = secret_free(now->header);
    now->cert = secret_free(now->cert);
    now->key = secret_free(now->key);
}

void kube_auth_refused(struct kube_auth *auth, const struct kube_auth_now *now)
{
    lock(auth);
    if (secret_equal(auth->header, now->header) && secret_equal(auth->cert, now->cert))
        auth->refused = true;
    unlock(auth);
}
