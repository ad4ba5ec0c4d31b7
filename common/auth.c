/* ZAP is ZeroMQ's RFC 27: a request has the parts version, request id, domain, address, routing id,
 * mechanism, credentials; the reply version, request id, status, text, user id, metadata. Whatever
 * is not exactly a CURVE request of our domain with a key that the lookup accepts gets 400. */
#include "common/auth.h"

#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define KEY_FILE_BYTES_MAX 1024
#define KEY_RAW_BYTES 32
#define KEY_LOG_CHARACTERS 8
#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_DOMAIN "sealyard"
#define ZAP_PARTS 7
#define ZAP_PARTS_MAX 16
#define ZAP_PART_BYTES_MAX 255
#define ZAP_REQUESTS_PER_TURN 64

/* ---------------------------------------------------------------- keys ---------------------- */

/* Best effort: RLIMIT_MEMLOCK may be small, and a key in swap is no reason not to run. */
static void lock_memory(struct sy_keypair *pair)
{
    int rc = mlock(pair, sizeof *pair);
    (void)rc;
}

void sy_keypair_wipe(struct sy_keypair *pair)
{
    if (pair)
        explicit_bzero(pair, sizeof *pair);
}

int sy_keypair_generate(struct sy_keypair *ret, struct sy_error *err)
{
    struct sy_keypair pair;
    if (zmq_curve_keypair(pair.public_key, pair.secret_key) != 0)
        return sy_fail(err, SY_E_UNSUPPORTED, "keys: libzmq cannot make CURVE keys: %s",
                       zmq_strerror(zmq_errno()));
    lock_memory(ret);
    *ret = pair;
    sy_keypair_wipe(&pair);
    return 0;
}

static bool is_key_text(const char *text)
{
    uint8_t raw[KEY_RAW_BYTES];
    char again[SY_KEY_TEXT_BYTES];
    bool valid = strlen(text) == SY_KEY_TEXT_BYTES - 1 && zmq_z85_decode(raw, text) &&
                 zmq_z85_encode(again, raw, sizeof raw) && strcmp(again, text) == 0;
    explicit_bzero(raw, sizeof raw);
    explicit_bzero(again, sizeof again);
    return valid;
}

/* Takes `name = "..."` from the start of *text and moves it behind the line. */
static bool take_key_line(char **text, const char *name, char ret_key[SY_KEY_TEXT_BYTES])
{
    char *p = *text;
    size_t name_length = strlen(name);
    if (strncmp(p, name, name_length) != 0)
        return false;
    p += name_length;
    p += strspn(p, " \t");
    if (*p++ != '=')
        return false;
    p += strspn(p, " \t");
    if (*p++ != '"')
        return false;
    size_t length = strcspn(p, "\"\n");
    if (length != SY_KEY_TEXT_BYTES - 1 || p[length] != '"')
        return false;
    memcpy(ret_key, p, length);
    ret_key[length] = 0;
    p += length + 1;
    p += strspn(p, " \t\r");
    if (*p && *p != '\n')
        return false;
    *text = p + (*p == '\n');
    return is_key_text(ret_key);
}

static int check_key_directory(const char *path, struct sy_error *err)
{
    char copy[SY_PATH_BYTES];
    int rc = sy_path_format(copy, err, "%s", path);
    if (rc < 0)
        return rc;
    struct stat st;
    const char *directory = dirname(copy);
    if (stat(directory, &st) < 0)
        return sy_fail_errno(err, errno, "key directory %s", directory);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return sy_fail(err, SY_E_DENIED,
                       "key directory %s has mode %04o: others could change the key; chmod go-w %s",
                       directory, st.st_mode & 07777, directory);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return sy_fail(err, SY_E_DENIED, "key directory %s belongs to user %u, expected %u or root",
                       directory, st.st_uid, geteuid());
    return 0;
}

static int check_key_file(int fd, const char *path, struct sy_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return sy_fail_errno(err, errno, "key file %s", path);
    if (!S_ISREG(st.st_mode))
        return sy_fail(err, SY_E_DENIED, "key file %s is not a regular file", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return sy_fail(err, SY_E_DENIED, "key file %s has mode %04o, expected 0600; chmod 600 %s",
                       path, st.st_mode & 07777, path);
    if (st.st_uid != geteuid())
        return sy_fail(err, SY_E_DENIED, "key file %s belongs to user %u, expected %u; chown %u %s",
                       path, st.st_uid, geteuid(), geteuid(), path);
    if (st.st_size > KEY_FILE_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "key file %s has %" PRId64 " bytes, at most %d are read",
                       path, (int64_t)st.st_size, KEY_FILE_BYTES_MAX);
    return 0;
}

static int parse_keypair(const char *path, char *text, struct sy_keypair *ret, struct sy_error *err)
{
    char derived[SY_KEY_TEXT_BYTES];
    if (!take_key_line(&text, "public", ret->public_key) ||
        !take_key_line(&text, "secret", ret->secret_key) || *text)
        return sy_fail(err, SY_E_PARSE,
                       "key file %s: expected the two lines public = \"...\" and secret = \"...\" "
                       "with 40 characters each",
                       path);
    if (zmq_curve_public(derived, ret->secret_key) != 0 || strcmp(derived, ret->public_key) != 0)
        return sy_fail(err, SY_E_MISMATCH, "key file %s: public and secret do not belong together",
                       path);
    return 0;
}

int sy_keypair_load(const char *path, struct sy_keypair *ret, struct sy_error *err)
{
    char text[KEY_FILE_BYTES_MAX + 1] = "";
    struct sy_keypair pair = {"", ""};
    int rc = check_key_directory(path, err);
    if (rc < 0)
        return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return sy_fail_errno(err, errno, "key file %s", path);
    rc = check_key_file(fd, path, err);
    if (rc == 0 && read(fd, text, KEY_FILE_BYTES_MAX) < 0)
        rc = sy_fail_errno(err, errno, "key file %s", path);
    close(fd);
    if (rc == 0)
        rc = parse_keypair(path, text, &pair, err);
    if (rc == 0) {
        lock_memory(ret);
        *ret = pair;
    }
    explicit_bzero(text, sizeof text);
    sy_keypair_wipe(&pair);
    return rc;
}

/* Writes all of text into the new file. */
static int write_new_file(const char *path, mode_t mode, const char *text, struct sy_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return sy_fail_errno(err, errno, "key file %s", path);
    int rc = fchmod(fd, mode) < 0 ? sy_fail_errno(err, errno, "key file %s", path)
                                  : sy_file_pwrite(fd, text, strlen(text), 0, path, err);
    if (rc == 0 && fsync(fd) < 0)
        rc = sy_fail_errno(err, errno, "key file %s: fsync", path);
    if (close(fd) < 0 && rc == 0)
        rc = sy_fail_errno(err, errno, "key file %s: close", path);
    return rc;
}

/* link() and not rename(): it refuses when the name is taken, whoever comes first. */
static int save_new(const char *path, mode_t mode, const char *text, struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    int rc = sy_path_format(temp, err, "%s.%d%s", path, (int)getpid(), SY_FILE_TEMP_SUFFIX);
    if (rc < 0)
        return rc;
    rc = write_new_file(temp, mode, text, err);
    if (rc == 0 && link(temp, path) < 0)
        rc = errno == EEXIST
                 ? sy_fail(err, SY_E_EXISTS,
                           "key file %s exists; keys are never overwritten, move it away first",
                           path)
                 : sy_fail_errno(err, errno, "key file %s", path);
    if (unlink(temp) < 0 && rc == 0)
        rc = sy_fail_errno(err, errno, "key file %s", temp);
    return rc < 0 ? rc : sy_file_sync_parent(path, err);
}

int sy_keypair_save(const char *path, const struct sy_keypair *pair, struct sy_error *err)
{
    char text[KEY_FILE_BYTES_MAX];
    snprintf(text, sizeof text, "public = \"%s\"\nsecret = \"%s\"\n", pair->public_key,
             pair->secret_key);
    int rc = save_new(path, 0600, text, err);
    explicit_bzero(text, sizeof text);
    return rc;
}

int sy_public_key_save(const char *path, const char *public_key, struct sy_error *err)
{
    char text[KEY_FILE_BYTES_MAX];
    if (!is_key_text(public_key))
        return sy_fail(err, SY_E_ARG, "public key: expected 40 characters of Z85");
    snprintf(text, sizeof text, "public = \"%s\"\n", public_key);
    return save_new(path, 0644, text, err);
}

int sy_public_key_load(const char *path, char ret_key[SY_KEY_TEXT_BYTES], struct sy_error *err)
{
    char *text = NULL, key[SY_KEY_TEXT_BYTES];
    size_t bytes = 0;
    int rc = sy_file_read(path, KEY_FILE_BYTES_MAX, &text, &bytes, err);
    if (rc < 0)
        return rc;
    char *p = text;
    if (!take_key_line(&p, "public", key) || *p)
        rc = sy_fail(err, SY_E_PARSE,
                     "public key file %s: expected one line public = \"...\" with 40 characters",
                     path);
    else
        memcpy(ret_key, key, sizeof key);
    explicit_bzero(text, bytes); /* somebody may have given us the secret file by mistake */
    free(text);
    return rc;
}

/* ---------------------------------------------------------------- token --------------------- */

#define TOKEN_PREFIX "sy1."
#define TOKEN_INNER_BYTES 700
#define TOKEN_LINES 6

int sy_enroll_token_print(const struct sy_enroll_token *token, char ret_text[SY_TOKEN_TEXT_BYTES],
                          struct sy_error *err)
{
    char inner[TOKEN_INNER_BYTES];
    int rc = sy_name_check(token->name, err);
    if (rc < 0)
        return rc;
    if (!is_key_text(token->server_key) || !is_key_text(token->once.public_key) ||
        !is_key_text(token->once.secret_key))
        return sy_fail(err, SY_E_ARG, "enrolment token: a key is not 40 characters of Z85");
    if (!token->endpoint[0] || strchr(token->endpoint, '\n'))
        return sy_fail(err, SY_E_ARG, "enrolment token: the endpoint is empty or has two lines");
    int length = snprintf(inner, sizeof inner, "%s\n%s\n%s\n%s\n%s\n", token->name, token->endpoint,
                          token->server_key, token->once.public_key, token->once.secret_key);
    size_t bytes = (size_t)length;
    length = snprintf(inner + bytes, sizeof inner - bytes, "%08x\n", sy_crc32c(0, inner, bytes));
    bytes += (size_t)length;
    memcpy(ret_text, TOKEN_PREFIX, sizeof TOKEN_PREFIX);
    sy_base64_encode(inner, bytes, ret_text + sizeof TOKEN_PREFIX - 1);
    explicit_bzero(inner, sizeof inner);
    return 0;
}

/* The lines of the token's inside, each ended by a newline that becomes NUL. */
static bool split_lines(char *text, size_t bytes, char *lines[TOKEN_LINES])
{
    char *p = text, *end = text + bytes;
    if (memchr(text, 0, bytes))
        return false;
    for (size_t i = 0; i < TOKEN_LINES; i++) {
        char *newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline)
            return false;
        *newline = 0;
        lines[i] = p;
        p = newline + 1;
    }
    return p == end;
}

static int fill_token(char *inner, size_t bytes, struct sy_enroll_token *ret, struct sy_error *err)
{
    char *lines[TOKEN_LINES], checksum[16], derived[SY_KEY_TEXT_BYTES];
    uint32_t crc = bytes > 9 ? sy_crc32c(0, inner, bytes - 9) : 0;
    snprintf(checksum, sizeof checksum, "%08x", crc);
    if (!split_lines(inner, bytes, lines) || strcmp(lines[5], checksum) != 0)
        return sy_fail(err, SY_E_PARSE, "enrolment token: it is damaged; copy the whole line");
    int rc = sy_name_check(lines[0], err);
    if (rc < 0)
        return sy_error_wrap(err, "enrolment token");
    if (strlen(lines[1]) >= sizeof ret->endpoint || !lines[1][0])
        return sy_fail(err, SY_E_LIMIT, "enrolment token: the endpoint is empty or longer than %zu",
                       sizeof ret->endpoint - 1);
    if (!is_key_text(lines[2]) || !is_key_text(lines[3]) || !is_key_text(lines[4]) ||
        zmq_curve_public(derived, lines[4]) != 0 || strcmp(derived, lines[3]) != 0)
        return sy_fail(err, SY_E_PARSE, "enrolment token: a key in it is not valid");
    lock_memory(&ret->once);
    memset(ret, 0, sizeof *ret);
    memcpy(ret->name, lines[0], strlen(lines[0]));
    memcpy(ret->endpoint, lines[1], strlen(lines[1]));
    memcpy(ret->server_key, lines[2], SY_KEY_TEXT_BYTES);
    memcpy(ret->once.public_key, lines[3], SY_KEY_TEXT_BYTES);
    memcpy(ret->once.secret_key, lines[4], SY_KEY_TEXT_BYTES);
    return 0;
}

int sy_enroll_token_parse(const char *text, struct sy_enroll_token *ret, struct sy_error *err)
{
    char inner[TOKEN_INNER_BYTES];
    struct sy_error local;
    size_t length = strcspn(text, "\r\n"), prefix = sizeof TOKEN_PREFIX - 1, bytes = 0;
    if (!err)
        err = &local;
    if (length >= SY_TOKEN_TEXT_BYTES)
        return sy_fail(err, SY_E_LIMIT, "enrolment token: longer than %d characters",
                       SY_TOKEN_TEXT_BYTES - 1);
    if (strncmp(text, TOKEN_PREFIX, prefix) != 0)
        return sy_fail(err, SY_E_PARSE, "enrolment token: expected a line that starts with %s",
                       TOKEN_PREFIX);
    int rc = sy_base64_decode(text + prefix, length - prefix, inner, sizeof inner, &bytes, NULL);
    rc = rc < 0 ? sy_fail(err, SY_E_PARSE, "enrolment token: it is damaged; copy the whole line")
                : fill_token(inner, bytes, ret, err);
    explicit_bzero(inner, sizeof inner);
    return rc;
}

bool sy_token_equal(const void *a, const void *b, size_t bytes)
{
    return sodium_memcmp(a, b, bytes) == 0;
}

/* ---------------------------------------------------------------- ZAP ----------------------- */

struct sy_zap {
    struct sy_loop *loop; /* borrowed */
    void *socket;
    struct sy_watch *watch;
    sy_auth_lookup *lookup;
    void *ctx;
    uint64_t refused;
};

struct zap_request {
    uint8_t data[ZAP_PARTS][ZAP_PART_BYTES_MAX + 1]; /* NUL-terminated */
    size_t bytes[ZAP_PARTS];
    size_t parts;
};
enum {
    PART_VERSION,
    PART_ID,
    PART_DOMAIN,
    PART_ADDRESS,
    PART_ROUTING_ID,
    PART_MECHANISM,
    PART_KEY
};

/* Reads one whole request; parts that are too long or too many make request->parts wrong. */
static bool receive_request(struct sy_zap *zap, struct zap_request *request)
{
    int more = 1;
    size_t more_bytes = sizeof more;
    memset(request, 0, sizeof *request);
    for (size_t i = 0; more; i++) {
        uint8_t scratch[ZAP_PART_BYTES_MAX + 1];
        uint8_t *part = i < ZAP_PARTS ? request->data[i] : scratch;
        int got = zmq_recv(zap->socket, part, ZAP_PART_BYTES_MAX, ZMQ_DONTWAIT);
        if (got < 0)
            return false;
        if (i < ZAP_PARTS)
            request->bytes[i] = (size_t)got;
        request->parts = got > ZAP_PART_BYTES_MAX ? ZAP_PARTS_MAX : request->parts + 1;
        zmq_getsockopt(zap->socket, ZMQ_RCVMORE, &more, &more_bytes);
    }
    return true;
}

static bool part_is(const struct zap_request *request, size_t part, const char *text)
{
    return request->bytes[part] == strlen(text) &&
           memcmp(request->data[part], text, request->bytes[part]) == 0;
}

static int check_request(struct sy_zap *zap, const struct zap_request *request,
                         char ret_key[SY_KEY_TEXT_BYTES], struct sy_identity *ret,
                         struct sy_error *err)
{
    if (request->parts != ZAP_PARTS || !part_is(request, PART_VERSION, "1.0"))
        return sy_fail(err, SY_E_PARSE, "not a ZAP 1.0 request");
    if (!part_is(request, PART_DOMAIN, ZAP_DOMAIN))
        return sy_fail(err, SY_E_AUTH, "domain is not " ZAP_DOMAIN);
    if (!part_is(request, PART_MECHANISM, "CURVE") || request->bytes[PART_KEY] != KEY_RAW_BYTES)
        return sy_fail(err, SY_E_AUTH, "mechanism is not CURVE");
    if (!zmq_z85_encode(ret_key, request->data[PART_KEY], KEY_RAW_BYTES))
        return sy_fail(err, SY_E_AUTH, "key cannot be printed");
    int rc = zap->lookup(zap->ctx, ret_key, ret, err);
    if (rc < 0)
        return rc;
    if (ret->revoked)
        return sy_fail(err, SY_E_AUTH, "the key of %s is revoked", ret->name);
    if (ret->expires_ms != 0 && ret->expires_ms <= sy_env_wall_ms(sy_loop_env(zap->loop)))
        return sy_fail(err, SY_E_AUTH, "the key of %s is expired", ret->name);
    if (strnlen(ret->name, sizeof ret->name) - 1 >= sizeof ret->name - 1)
        return sy_fail(err, SY_E_BUG, "the identity has no name");
    return 0;
}

static void send_reply(struct sy_zap *zap, const struct zap_request *request, bool accepted,
                       const char *user_id)
{
    const char *status = accepted ? "200" : "400", *text = accepted ? "OK" : "key not accepted";
    const struct {
        const void *data;
        size_t bytes;
    } parts[] = {
        {"1.0", 3},
        {request->data[PART_ID], request->bytes[PART_ID]},
        {status, 3},
        {text, strlen(text)},
        {user_id, strlen(user_id)},
        {"", 0},
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(parts); i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < SY_ARRAY_SIZE(parts) ? ZMQ_SNDMORE : 0);
        if (zmq_send(zap->socket, parts[i].data, parts[i].bytes, flags) < 0)
            return; /* the connection is gone; it was not accepted */
    }
}

static void answer_request(struct sy_zap *zap, const struct zap_request *request, bool quiet)
{
    struct sy_error err = {0};
    struct sy_identity identity = {0};
    char key[SY_KEY_TEXT_BYTES] = "", why[SY_ERROR_TEXT_BYTES], from[ZAP_PART_BYTES_MAX + 1];
    int rc = check_request(zap, request, key, &identity, &err);
    if (rc < 0 && !quiet) {
        zap->refused++;
        key[KEY_LOG_CHARACTERS] = 0;
        char shown[4 * KEY_LOG_CHARACTERS];
        SY_WARN("auth", "refused", "key=%s from=%s why=%s total=%" PRIu64,
                sy_log_value(key, shown, sizeof shown),
                sy_log_value((const char *)request->data[PART_ADDRESS], from, sizeof from),
                sy_log_value(err.text, why, sizeof why), zap->refused);
    }
    send_reply(zap, request, rc == 0, rc == 0 ? identity.name : "");
}

size_t sy_zap_serve(struct sy_zap *zap, bool quiet)
{
    struct zap_request request;
    size_t served = 0;
    while (served < ZAP_REQUESTS_PER_TURN && receive_request(zap, &request)) {
        answer_request(zap, &request, quiet);
        served++;
    }
    return served;
}

static void on_zap_ready(void *ctx)
{
    sy_zap_serve(ctx, false);
}

int sy_zap_create(struct sy_zap **ret, struct sy_loop *loop, void *zmq_context,
                  sy_auth_lookup *lookup, void *ctx, struct sy_error *err)
{
    int rc = 0, linger = 0;
    struct sy_zap *zap = sy_mem_alloc(sizeof *zap);
    if (!zap)
        return sy_fail(err, SY_E_NOMEM, "ZAP: no memory");
    zap->loop = loop;
    zap->lookup = lookup;
    zap->ctx = ctx;
    zap->socket = zmq_socket(zmq_context, ZMQ_REP);
    if (!zap->socket || zmq_setsockopt(zap->socket, ZMQ_LINGER, &linger, sizeof linger) < 0 ||
        zmq_bind(zap->socket, ZAP_ENDPOINT) < 0)
        rc = sy_fail(err, zmq_errno() == EADDRINUSE ? SY_E_EXISTS : SY_E_RESOURCE,
                     "ZAP: cannot answer at %s: %s", ZAP_ENDPOINT, zmq_strerror(zmq_errno()));
    if (rc == 0)
        rc = sy_loop_watch_socket(loop, zap->socket, on_zap_ready, zap, &zap->watch, err);
    if (rc < 0) {
        sy_zap_destroy(zap);
        return rc;
    }
    *ret = zap;
    return 0;
}

void sy_zap_destroy(struct sy_zap *zap)
{
    if (!zap)
        return;
    sy_watch_destroy(zap->watch);
    if (zap->socket)
        zmq_close(zap->socket);
    sy_mem_free(zap);
}

void *sy_zap_socket(const struct sy_zap *zap)
{
    return zap->socket;
}

uint64_t sy_zap_refused_count(const struct sy_zap *zap)
{
    return zap->refused;
}
