/* libcurl behind one handle. The token lives in memory of libsodium (locked, guarded, wiped); the
 * header list is our own node that points there, so libcurl keeps no second copy of the list. */
#include "common/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

#define CONNECT_MS_MAX 10000L
#define TOKEN_BYTES_MAX 4096

struct sy_http {
    CURL *curl;
    struct curl_slist headers[2]; /* content type, then authorization when there is a token */
    char *authorization;          /* locked memory, or NULL */
    char *url;
    struct sy_buffer *out; /* borrowed during a request */
    struct sy_error *err;  /* borrowed during a request */
    int write_rc;
    uint64_t calls;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;
static int sodium_ready;

static void init_libraries(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    sodium_ready = sodium_init();
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct sy_http *http = ctx;
    http->write_rc = sy_buffer_append(http->out, data, size * count, http->err);
    return http->write_rc < 0 ? 0 : size * count;
}

static int keep_token(struct sy_http *http, const char *token, struct sy_error *err)
{
    size_t length = strlen(token);
    if (length > TOKEN_BYTES_MAX || strpbrk(token, "\r\n"))
        return sy_fail(err, SY_E_ARG, "token: expected one line of at most %d characters",
                       TOKEN_BYTES_MAX);
    size_t bytes = length + sizeof "Authorization: Bearer ";
    http->authorization = sodium_malloc(bytes);
    if (!http->authorization)
        return sy_fail(err, SY_E_NOMEM, "token: no locked memory for %zu bytes", bytes);
    snprintf(http->authorization, bytes, "Authorization: Bearer %s", token);
    http->headers[1] = (struct curl_slist){http->authorization, NULL};
    http->headers[0].next = &http->headers[1];
    return 0;
}

static int set_curl_options(struct sy_http *http, uint64_t timeout_ms, struct sy_error *err)
{
    static char content_type[] = "Content-Type: application/json";
    long total_ms = (long)SY_MIN(timeout_ms, (uint64_t)3600000);
    http->headers[0].data = content_type;
    CURL *curl = http->curl;
    if (curl_easy_setopt(curl, CURLOPT_URL, http->url) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, total_ms) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, SY_MIN(total_ms, CONNECT_MS_MAX)) !=
            CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "sealyard/" SY_VERSION) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, http) != CURLE_OK)
        return sy_fail(err, SY_E_UNSUPPORTED, "http: libcurl refuses an option for %s", http->url);
    return 0;
}

int sy_http_create(struct sy_http **ret, const char *url, const char *bearer_token,
                   uint64_t timeout_ms, struct sy_error *err)
{
    pthread_once(&curl_once, init_libraries);
    if (curl_ready != CURLE_OK || sodium_ready < 0)
        return sy_fail(err, SY_E_RESOURCE, "http: libcurl or libsodium cannot start");
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return sy_fail(err, SY_E_ARG, "http: '%.100s' is not a URL with http:// or https://", url);
    struct sy_http *http = sy_mem_alloc(sizeof *http);
    if (!http)
        return sy_fail(err, SY_E_NOMEM, "http: no memory");
    http->url = sy_mem_dup(url, strlen(url) + 1);
    http->curl = curl_easy_init();
    int rc = http->url && http->curl ? 0 : sy_fail(err, SY_E_NOMEM, "http: no memory");
    if (rc == 0 && bearer_token)
        rc = keep_token(http, bearer_token, err);
    if (rc == 0)
        rc = set_curl_options(http, timeout_ms, err);
    if (rc < 0) {
        sy_http_destroy(http);
        return rc;
    }
    *ret = http;
    return 0;
}

void sy_http_destroy(struct sy_http *http)
{
    if (!http)
        return;
    if (http->curl)
        curl_easy_cleanup(http->curl);
    if (http->authorization)
        sodium_free(http->authorization);
    sy_mem_free(http->url);
    sy_mem_free(http);
}

static int fail_transfer(const struct sy_http *http, CURLcode code, struct sy_error *err)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return sy_fail(err, SY_E_TIMEOUT, "%s: no answer in time", http->url);
    case CURLE_OUT_OF_MEMORY:
        return sy_fail(err, SY_E_NOMEM, "%s: no memory", http->url);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return sy_fail(err, SY_E_ARG, "%s: %s", http->url, curl_easy_strerror(code));
    default:
        return sy_fail(err, SY_E_UNREACHABLE, "%s: %s", http->url, curl_easy_strerror(code));
    }
}

int sy_http_post_json(struct sy_http *http, const char *body, size_t body_bytes, int *ret_status,
                      struct sy_buffer *out, struct sy_error *err)
{
    size_t before = out->bytes;
    long status = 0;
    http->out = out;
    http->err = err;
    http->write_rc = 0;
    if (curl_easy_setopt(http->curl, CURLOPT_POST, 1L) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body) != CURLE_OK ||
        curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_bytes) !=
            CURLE_OK)
        return sy_fail(err, SY_E_NOMEM, "%s: no memory", http->url);
    CURLcode code = curl_easy_perform(http->curl);
    http->out = NULL;
    http->err = NULL;
    int rc = http->write_rc; /* over the limit, or out of memory: err is filled */
    if (rc == 0 && code != CURLE_OK)
        rc = fail_transfer(http, code, err);
    if (rc == 0 && curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        rc = sy_fail(err, SY_E_REMOTE, "%s: no HTTP status", http->url);
    if (rc < 0) {
        out->bytes = before;
        return rc;
    }
    *ret_status = (int)status;
    return 0;
}

/* ---------------------------------------------------------------- files --------------------- */

#define SLOW_BYTES_PER_S 1024L
#define SLOW_S_MAX 60L

struct file_fetch {
    CURL *curl;
    const char *url, *path;
    int fd;
    uint64_t at;   /* bytes in the file */
    uint64_t base; /* of them from an earlier call */
    bool started;
    const struct sy_http_progress *progress;
    struct sy_error *err;
    int rc; /* of writing */
};

/* The first bytes tell whether the server sends the rest or the whole. */
static int start_body(struct file_fetch *f)
{
    long status = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    f->started = true;
    if (f->base == 0 || status == 206)
        return 0;
    f->base = f->at = 0;
    if (ftruncate(f->fd, 0) != 0)
        return sy_fail_errno(f->err, errno, "empty %s", f->path);
    return 0;
}

static size_t on_file_body(char *data, size_t size, size_t count, void *ctx)
{
    struct file_fetch *f = ctx;
    size_t bytes = size * count;
    if (!f->started)
        f->rc = start_body(f);
    if (f->rc == 0 && bytes > SY_HTTP_FILE_BYTES_MAX - f->at)
        f->rc = sy_fail(f->err, SY_E_LIMIT, "%s: more than %llu bytes", f->url,
                        (unsigned long long)SY_HTTP_FILE_BYTES_MAX);
    if (f->rc == 0)
        f->rc = sy_file_pwrite(f->fd, data, bytes, f->at, f->path, f->err);
    if (f->rc < 0)
        return CURL_WRITEFUNC_ERROR;
    f->at += bytes;
    return bytes;
}

static int on_file_progress(void *ctx, curl_off_t total, curl_off_t done, curl_off_t up_total,
                            curl_off_t up_done)
{
    struct file_fetch *f = ctx;
    (void)up_total;
    (void)up_done;
    if (f->progress && done > 0)
        f->progress->on_progress(f->progress->ctx, f->base + (uint64_t)done,
                                 total > 0 ? f->base + (uint64_t)total : 0);
    return 0;
}

static int set_file_options(struct file_fetch *f, struct sy_error *err)
{
    CURL *curl = f->curl;
    if (curl_easy_setopt(curl, CURLOPT_URL, f->url) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS_MAX) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_S_MAX) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "sealyard/" SY_VERSION) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)f->base) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_file_progress) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, f) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_file_body) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, f) != CURLE_OK)
        return sy_fail(err, SY_E_UNSUPPORTED, "http: libcurl refuses an option for %s", f->url);
    return 0;
}

static int judge_file(const struct file_fetch *f, CURLcode code, struct sy_error *err)
{
    struct sy_http shown = {.url = (char *)(uintptr_t)f->url};
    long status = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (f->rc < 0)
        return f->rc;
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return sy_fail(err, status == 404 || status == 410 ? SY_E_NOT_FOUND : SY_E_REMOTE,
                       "%s: HTTP %ld", f->url, status);
    if (code != CURLE_OK)
        return fail_transfer(&shown, code, err);
    if (status != 200 && status != 206)
        return sy_fail(err, SY_E_REMOTE, "%s: HTTP %ld, expected 200 (redirects are not followed)",
                       f->url, status);
    return 0;
}

/* A server may refuse to continue (416: nothing is left, or the file there is another one): then
 * everything is asked for again. */
static int perform_file(struct file_fetch *f, struct sy_error *err)
{
    int rc = set_file_options(f, err);
    if (rc != 0)
        return rc;
    CURLcode code = curl_easy_perform(f->curl);
    long status = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (f->base > 0 && f->rc == 0 && (status == 416 || code == CURLE_RANGE_ERROR)) {
        f->base = f->at = 0;
        f->started = false;
        if (ftruncate(f->fd, 0) != 0)
            return sy_fail_errno(err, errno, "empty %s", f->path);
        rc = set_file_options(f, err);
        if (rc != 0)
            return rc;
        code = curl_easy_perform(f->curl);
    }
    rc = judge_file(f, code, err);
    if (rc == 0 && fsync(f->fd) != 0)
        rc = sy_fail_errno(err, errno, "sync %s", f->path);
    return rc;
}

int sy_http_fetch_file(const char *url, const char *path, bool resume,
                       const struct sy_http_progress *progress, struct sy_error *err)
{
    struct sy_error local = {0};
    struct stat status;
    pthread_once(&curl_once, init_libraries);
    if (curl_ready != CURLE_OK)
        return sy_fail(err, SY_E_RESOURCE, "http: libcurl cannot start");
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return sy_fail(err, SY_E_ARG, "http: '%.100s' is not a URL with http:// or https://", url);
    struct file_fetch f = {
        .url = url, .path = path, .progress = progress, .err = err ? err : &local};
    f.fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (resume ? 0 : O_TRUNC), 0644);
    if (f.fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    f.curl = curl_easy_init();
    int rc = f.curl ? 0 : sy_fail(err, SY_E_NOMEM, "http: no memory");
    if (rc == 0 && fstat(f.fd, &status) != 0)
        rc = sy_fail_errno(err, errno, "look at %s", path);
    if (rc == 0) {
        f.base = f.at = (uint64_t)status.st_size;
        rc = perform_file(&f, f.err);
    }
    if (f.curl)
        curl_easy_cleanup(f.curl);
    close(f.fd);
    return rc;
}

/* ---------------------------------------------------------------- JSON-RPC ------------------ */

#define REPLY_BYTES_MAX (64u << 20)
#define SNIPPET_CHARACTERS 120

static int take_error(const struct sy_http *http, const char *method, const json_t *error,
                      int *ret_rpc_code, struct sy_error *err)
{
    const json_t *code = json_object_get(error, "code");
    const char *message = json_string_value(json_object_get(error, "message"));
    int number = (int)json_integer_value(code);
    (void)http;
    if (ret_rpc_code)
        *ret_rpc_code = number;
    return sy_fail(err, SY_E_REMOTE, "%s: (%d) %s", method, number, message ? message : "");
}

static int take_reply(const struct sy_http *http, const char *method, uint64_t id, int status,
                      const struct sy_buffer *body, json_t **ret_result, int *ret_rpc_code,
                      struct sy_error *err)
{
    int shown = (int)SY_MIN(body->bytes, (size_t)SNIPPET_CHARACTERS);
    const char *text = body->bytes > 0 ? (const char *)body->data : "";
    json_t *reply = json_loadb(text, body->bytes, 0, NULL);
    const json_t *error = json_object_get(reply, "error");
    json_t *result = json_object_get(reply, "result");
    int rc = 0;
    if (json_is_object(error))
        rc = take_error(http, method, error, ret_rpc_code, err);
    else if (status == 401 || status == 403)
        rc = sy_fail(err, SY_E_AUTH, "%s: %s answers HTTP %d: the token is not accepted", method,
                     http->url, status);
    else if (status != 200 || !json_is_object(reply))
        rc = sy_fail(err, SY_E_REMOTE, "%s: %s answers HTTP %d: %.*s", method, http->url, status,
                     shown, text);
    else if ((uint64_t)json_integer_value(json_object_get(reply, "id")) != id)
        rc = sy_fail(err, SY_E_REMOTE, "%s: the reply has another id", method);
    else
        *ret_result = result ? json_incref(result) : json_null();
    json_decref(reply);
    return rc;
}

int sy_jsonrpc_call(struct sy_http *http, const char *method, json_t *params, json_t **ret_result,
                    int *ret_rpc_code, struct sy_error *err)
{
    uint64_t id = ++http->calls;
    struct sy_buffer body;
    int status = 0;
    if (ret_rpc_code)
        *ret_rpc_code = 0;
    json_t *request = json_pack("{s:s, s:I, s:s, s:O}", "jsonrpc", "2.0", "id", (json_int_t)id,
                                "method", method, "params", params);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (!text)
        return sy_fail(err, SY_E_NOMEM, "%s: the request cannot be made", method);
    sy_buffer_init(&body, REPLY_BYTES_MAX);
    int rc = sy_http_post_json(http, text, strlen(text), &status, &body, err);
    free(text);
    if (rc == 0)
        rc = take_reply(http, method, id, status, &body, ret_result, ret_rpc_code, err);
    sy_buffer_fini(&body);
    return rc;
}
