/* The parameters directory: generation with digests, listing, verification, fetching from a mirror
 * that breaks off, ignores ranges or lies. The set is Window 2 KiB: small, made in a second. */
#include "tests/unit/kat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/http.h"
#include "tasks/snark/params_store.h"

#define KIND SY_CIRCUIT_WINDOW
#define SIZE 2048
#define PARAMS_BYTES 11501496u
#define PATH_BYTES 512
#define DIRECTORY_BYTES 128

static char base[64], source[128], name[SY_PARAMS_NAME_BYTES];

static void expect_ok(int rc, const struct sy_error *err)
{
    if (rc != 0)
        fail_msg("%s", err->text);
}

/* base/leaf in a buffer of the caller. */
static void directory_name(char ret[DIRECTORY_BYTES], const char *leaf)
{
    assert_true(snprintf(ret, DIRECTORY_BYTES, "%s/%s", base, leaf) < DIRECTORY_BYTES);
}

/* directory/file+suffix, good until a few calls later. */
static const char *path_in(const char *directory, const char *file, const char *suffix)
{
    static char buffers[8][PATH_BYTES];
    static unsigned next;
    char path[PATH_BYTES];
    assert_true(snprintf(path, sizeof path, "%s/%s%s", directory, file, suffix) < PATH_BYTES);
    return memcpy(buffers[next++ % SY_ARRAY_SIZE(buffers)], path, sizeof path);
}

static void flip(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    fputc(byte ^ 1, file);
    fclose(file);
}

/* ---------------------------------------------------------------------------------------- a mirror
 */

static struct {
    int fd;
    uint16_t port;
    pthread_t thread;
    /* Set between requests only. */
    bool no_ranges, refuse_ranges;
    long cut_after; /* of a body, once; 0 = never */
    unsigned requests, ranges;
} mirror;

static void send_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data += sent;
        bytes -= (size_t)sent;
    }
}

static void send_status(int fd, const char *status)
{
    char head[200];
    int bytes = snprintf(head, sizeof head,
                         "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
    send_all(fd, head, (size_t)bytes);
}

static void send_file(int fd, const char *path, const char *range)
{
    char *data, head[256];
    size_t bytes, from = 0;
    if (sy_file_read(path, 64u << 20, &data, &bytes, NULL) != 0) {
        send_status(fd, "404 Not Found");
        return;
    }
    if (range) {
        mirror.ranges++;
        from = strtoul(range, NULL, 10);
    }
    if (range && (mirror.refuse_ranges || from >= bytes)) {
        send_status(fd, "416 Range Not Satisfiable");
        free(data);
        return;
    }
    bool partial = range && !mirror.no_ranges;
    if (!partial)
        from = 0;
    int head_bytes =
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n",
                 partial ? "206 Partial Content" : "200 OK", bytes - from);
    send_all(fd, head, (size_t)head_bytes);
    if (partial) {
        head_bytes = snprintf(head, sizeof head, "Content-Range: bytes %zu-%zu/%zu\r\n", from,
                              bytes - 1, bytes);
        send_all(fd, head, (size_t)head_bytes);
    }
    send_all(fd, "\r\n", 2);
    size_t body = bytes - from;
    if (mirror.cut_after > 0 && body > (size_t)mirror.cut_after) {
        body = (size_t)mirror.cut_after;
        mirror.cut_after = 0;
    }
    send_all(fd, data + from, body);
    free(data);
}

static void serve(int fd)
{
    char request[2048], path[PATH_BYTES], target[300];
    size_t used = 0;
    while (used < sizeof request - 1) {
        ssize_t got = recv(fd, request + used, sizeof request - 1 - used, 0);
        if (got <= 0)
            return;
        used += (size_t)got;
        request[used] = 0;
        if (strstr(request, "\r\n\r\n"))
            break;
    }
    mirror.requests++;
    const char *range = strstr(request, "Range: bytes=");
    if (sscanf(request, "GET /%299s ", target) != 1 ||
        snprintf(path, sizeof path, "%s/%s", source, target) >= (int)sizeof path)
        send_status(fd, "400 Bad Request");
    else if (strncmp(target, "moved", 5) == 0)
        send_status(fd, "302 Found");
    else if (strncmp(target, "broken", 6) == 0)
        send_status(fd, "500 Internal Server Error");
    else
        send_file(fd, path, range ? range + strlen("Range: bytes=") : NULL);
}

static void *run_mirror(void *unused)
{
    (void)unused;
    for (;;) {
        int fd = accept(mirror.fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        serve(fd);
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
}

static int start_mirror(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    mirror.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (mirror.fd < 0 || bind(mirror.fd, (struct sockaddr *)&address, length) != 0 ||
        listen(mirror.fd, 8) != 0 ||
        getsockname(mirror.fd, (struct sockaddr *)&address, &length) != 0)
        return -1;
    mirror.port = ntohs(address.sin_port);
    return pthread_create(&mirror.thread, NULL, run_mirror, NULL);
}

static const char *mirror_url(const char *suffix)
{
    static char url[256];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", mirror.port, suffix);
    return url;
}

static void reset_mirror(void)
{
    mirror.no_ranges = mirror.refuse_ranges = false;
    mirror.cut_after = 0;
    mirror.requests = mirror.ranges = 0;
}

/* ------------------------------------------------------------------------------------------- tests
 */

static unsigned progress_calls;

static void count_progress(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    (void)ctx;
    assert_non_null(phase);
    assert_true(total == 0 || done <= total);
    progress_calls++;
}

static const struct sy_snark_progress counting = {count_progress, NULL};

static int setup(void **state)
{
    struct sy_error err = {0};
    (void)state;
    snprintf(base, sizeof base, "/tmp/sealyard-params-XXXXXX");
    if (!mkdtemp(base) || start_mirror() != 0)
        return -1;
    snprintf(source, sizeof source, "%s/source/deep", base);
    expect_ok(sy_params_store_generate(source, KIND, SIZE, NULL, 0, &counting, &err), &err);
    expect_ok(sy_params_name(KIND, SIZE, name, &err), &err);
    return progress_calls > 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    shutdown(mirror.fd, SHUT_RDWR);
    close(mirror.fd);
    pthread_join(mirror.thread, NULL);
    return sy_file_remove_tree(base, NULL);
}

static void a_generated_set_is_listed_and_right(void **state)
{
    static struct sy_params_set sets[SY_PARAMS_SETS_MAX];
    struct sy_error err = {0};
    size_t count;
    (void)state;
    expect_ok(sy_params_store_list(source, sets, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(sets[0].kind, KIND);
    assert_int_equal(sets[0].sector_bytes, SIZE);
    assert_string_equal(sets[0].name, name);
    assert_int_equal(sets[0].files[SY_PARAMS_KEYS].bytes, PARAMS_BYTES);
    assert_int_equal(sets[0].files[SY_PARAMS_VK].bytes, 3076);
    assert_true(sets[0].files[SY_PARAMS_META].present);
    assert_int_equal(strlen(sets[0].files[SY_PARAMS_KEYS].digest), 32);
    assert_string_equal(sets[0].files[SY_PARAMS_META].digest, "");
    expect_ok(sy_params_store_verify(source, KIND, SIZE, NULL, NULL, &err), &err);
    expect_ok(sy_params_store_list("/nonexistent", sets, &count, &err), &err);
    assert_int_equal(count, 0);
}

static void copy_set(const char *to)
{
    struct sy_error err = {0};
    char manifest[] = SY_PARAMS_MANIFEST_NAME;
    assert_int_equal(mkdir(to, 0700), 0);
    expect_ok(
        sy_file_copy(path_in(source, name, ".params"), path_in(to, name, ".params"), 0600, &err),
        &err);
    expect_ok(sy_file_copy(path_in(source, name, ".vk"), path_in(to, name, ".vk"), 0600, &err),
              &err);
    expect_ok(sy_file_copy(path_in(source, manifest, ""), path_in(to, manifest, ""), 0600, &err),
              &err);
}

static void damage_is_found(void **state)
{
    struct sy_error err = {0};
    (void)state;
    char copy[DIRECTORY_BYTES];
    directory_name(copy, "damaged");
    copy_set(copy);
    expect_ok(sy_params_store_verify(copy, KIND, SIZE, NULL, NULL, &err), &err);
    flip(path_in(copy, name, ".params"), PARAMS_BYTES - 1);
    assert_int_equal(sy_params_store_verify(copy, KIND, SIZE, NULL, NULL, &err), -SY_E_MISMATCH);
    assert_non_null(strstr(err.text, ".params"));
    flip(path_in(copy, name, ".params"), PARAMS_BYTES - 1);
    flip(path_in(copy, name, ".vk"), 0);
    assert_int_equal(sy_params_store_verify(copy, KIND, SIZE, NULL, NULL, &err), -SY_E_MISMATCH);
    flip(path_in(copy, name, ".vk"), 0);
    assert_int_equal(sy_params_store_verify(copy, SY_CIRCUIT_POREP, SIZE, NULL, NULL, &err),
                     -SY_E_NOT_FOUND);
    assert_int_equal(unlink(path_in(copy, name, ".vk")), 0);
    assert_int_equal(sy_params_store_verify(copy, KIND, SIZE, NULL, NULL, &err), -SY_E_NOT_FOUND);
    assert_int_equal(sy_params_store_record(copy, KIND, SIZE, NULL, &err), -SY_E_NOT_FOUND);
    assert_int_equal(sy_params_store_verify(copy, KIND, 12345, NULL, NULL, &err), -SY_E_RANGE);
}

static void bad_manifests_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"a\":1}",
        "{\"a\":{\"digest\":\"1234\"}}",
        "{\"a\":{\"digest\":\"XYZ0000000000000000000000000000000\"}}",
        "{\"a\":{\"digest\":\"00000000000000000000000000000000\"},"
        "\"a\":{\"digest\":\"00000000000000000000000000000000\"}}",
    };
    static struct sy_params_set sets[SY_PARAMS_SETS_MAX];
    struct sy_error err = {0};
    size_t count;
    (void)state;
    char directory[DIRECTORY_BYTES];
    directory_name(directory, "manifests");
    assert_int_equal(mkdir(directory, 0700), 0);
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        const char *path = path_in(directory, SY_PARAMS_MANIFEST_NAME, "");
        expect_ok(sy_file_write(path, bad[i], strlen(bad[i]), 0600, &err), &err);
        assert_int_equal(sy_params_store_list(directory, sets, &count, &err), -SY_E_PARSE);
        assert_int_equal(sy_params_store_verify(source, KIND, SIZE, path, NULL, &err), -SY_E_PARSE);
    }
    assert_int_equal(sy_params_store_verify(source, KIND, SIZE, "/nonexistent.json", NULL, &err),
                     -SY_E_NOT_FOUND);
}

static int fetch(const char *directory, unsigned *ret_files, struct sy_error *err)
{
    return sy_params_store_fetch(directory, mirror_url("/"), NULL, KIND, SIZE, &counting, ret_files,
                                 err);
}

static void assert_no_leftovers(const char *directory)
{
    assert_int_not_equal(access(path_in(directory, name, ".params.part"), F_OK), 0);
    assert_int_not_equal(access(path_in(directory, name, ".vk.part"), F_OK), 0);
    assert_int_not_equal(access(path_in(directory, "parameters.json", ".part"), F_OK), 0);
}

static void a_set_is_fetched_once(void **state)
{
    struct sy_error err = {0};
    unsigned files = 0;
    (void)state;
    char to[DIRECTORY_BYTES];
    directory_name(to, "fetched");
    reset_mirror();
    expect_ok(fetch(to, &files, &err), &err);
    assert_int_equal(files, 2);
    expect_ok(sy_params_store_verify(to, KIND, SIZE, NULL, NULL, &err), &err);
    assert_int_equal(access(path_in(to, name, ".meta"), R_OK), 0);
    assert_no_leftovers(to);
    expect_ok(fetch(to, &files, &err), &err);
    assert_int_equal(files, 0);
    /* A damaged file is replaced. */
    flip(path_in(to, name, ".params"), 1000);
    expect_ok(fetch(to, &files, &err), &err);
    assert_int_equal(files, 1);
    expect_ok(sy_params_store_verify(to, KIND, SIZE, NULL, NULL, &err), &err);
}

static void an_interrupted_transfer_is_continued(void **state)
{
    struct sy_error err = {0};
    unsigned files = 0;
    uint64_t bytes = 0;
    (void)state;
    static const char *const directories[] = {"resumed", "restarted", "refused"};
    for (int mode = 0; mode < 3; mode++) {
        char to[DIRECTORY_BYTES];
        directory_name(to, directories[mode]);
        reset_mirror();
        mirror.cut_after = 5000000;
        assert_int_equal(fetch(to, &files, &err), -SY_E_UNREACHABLE);
        assert_int_not_equal(access(path_in(to, name, ".params"), F_OK), 0);
        expect_ok(sy_file_size(path_in(to, name, ".params.part"), &bytes, &err), &err);
        assert_int_equal(bytes, 5000000);
        mirror.no_ranges = mode == 1;
        mirror.refuse_ranges = mode == 2;
        expect_ok(fetch(to, &files, &err), &err);
        assert_int_equal(files, 1);
        assert_int_equal(mirror.ranges, 1);
        expect_ok(sy_params_store_verify(to, KIND, SIZE, NULL, NULL, &err), &err);
        assert_no_leftovers(to);
    }
}

/* A complete ".part" of an earlier run that died before the rename. */
static void a_complete_part_is_adopted(void **state)
{
    struct sy_error err = {0};
    unsigned files = 0;
    (void)state;
    char to[DIRECTORY_BYTES];
    directory_name(to, "complete");
    reset_mirror();
    assert_int_equal(mkdir(to, 0700), 0);
    expect_ok(sy_file_copy(path_in(source, name, ".params"), path_in(to, name, ".params.part"),
                           0600, &err),
              &err);
    expect_ok(fetch(to, &files, &err), &err);
    assert_int_equal(files, 2);
    expect_ok(sy_params_store_verify(to, KIND, SIZE, NULL, NULL, &err), &err);
}

static void a_lying_mirror_is_refused(void **state)
{
    struct sy_error err = {0};
    (void)state;
    char to[DIRECTORY_BYTES], trusted[DIRECTORY_BYTES];
    directory_name(to, "lied");
    directory_name(trusted, "trusted.json");
    reset_mirror();
    expect_ok(sy_file_copy(path_in(source, SY_PARAMS_MANIFEST_NAME, ""), trusted, 0600, &err),
              &err);
    flip(path_in(source, name, ".vk"), 100);
    assert_int_equal(
        sy_params_store_fetch(to, mirror_url(""), trusted, KIND, SIZE, NULL, NULL, &err),
        -SY_E_MISMATCH);
    flip(path_in(source, name, ".vk"), 100);
    assert_int_not_equal(access(path_in(to, name, ".vk"), F_OK), 0);
    assert_no_leftovers(to);
    expect_ok(sy_params_store_fetch(to, mirror_url(""), trusted, KIND, SIZE, NULL, NULL, &err),
              &err);
    assert_int_equal(sy_params_store_fetch(to, mirror_url(""), trusted, SY_CIRCUIT_POREP, SIZE,
                                           NULL, NULL, &err),
                     -SY_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no digest in the manifest"));
}

static void unreachable_mirrors_are_told(void **state)
{
    struct sy_error err = {0};
    (void)state;
    char to[DIRECTORY_BYTES];
    directory_name(to, "nowhere");
    reset_mirror();
    assert_int_equal(
        sy_params_store_fetch(to, mirror_url("/absent"), NULL, KIND, SIZE, NULL, NULL, &err),
        -SY_E_NOT_FOUND);
    assert_int_equal(
        sy_params_store_fetch(to, mirror_url("/moved"), NULL, KIND, SIZE, NULL, NULL, &err),
        -SY_E_REMOTE);
    assert_int_equal(
        sy_params_store_fetch(to, mirror_url("/broken"), NULL, KIND, SIZE, NULL, NULL, &err),
        -SY_E_REMOTE);
    assert_int_equal(
        sy_params_store_fetch(to, "http://127.0.0.1:1", NULL, KIND, SIZE, NULL, NULL, &err),
        -SY_E_UNREACHABLE);
    assert_int_equal(
        sy_params_store_fetch(to, "ftp://127.0.0.1/", NULL, KIND, SIZE, NULL, NULL, &err),
        -SY_E_ARG);
    assert_int_equal(sy_http_fetch_file(mirror_url("/x"), "/nonexistent/x", false, NULL, &err),
                     -SY_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_generated_set_is_listed_and_right),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(bad_manifests_are_refused),
        cmocka_unit_test(a_set_is_fetched_once),
        cmocka_unit_test(an_interrupted_transfer_is_continued),
        cmocka_unit_test(a_complete_part_is_adopted),
        cmocka_unit_test(a_lying_mirror_is_refused),
        cmocka_unit_test(unreachable_mirrors_are_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
