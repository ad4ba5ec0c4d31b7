#include "tests/unit/stage_harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "tasks/hash/sha256.h"

#define RESULT_MAX (16u << 20)

static char directory[STAGE_PATH_BYTES];
static int (*prepare)(void);

const char *stage_directory(void)
{
    if (!directory[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(directory, sizeof directory, "%.200s/sy-stage-XXXXXX", base ? base : "/tmp");
        assert_non_null(mkdtemp(directory));
    }
    return directory;
}

void stage_cleanup(void)
{
    if (directory[0])
        sy_file_remove_tree(directory, NULL);
    directory[0] = 0;
}

const char *stage_path(const char *format, ...)
{
    static char buffers[32][STAGE_PATH_BYTES];
    static unsigned next;
    char *buffer = buffers[next++ % SY_ARRAY_SIZE(buffers)];
    int used = snprintf(buffer, STAGE_PATH_BYTES, "%s/", stage_directory());
    va_list args;
    va_start(args, format);
    vsnprintf(buffer + used, STAGE_PATH_BYTES - (size_t)used, format, args);
    va_end(args);
    return buffer;
}

static pid_t start(const char *stage, json_t *spec, const char *out, const char *name,
                   const char *value)
{
    const char *spec_path = stage_path("spec.json");
    assert_int_equal(json_dump_file(spec, spec_path, JSON_COMPACT), 0);
    json_decref(spec);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int log = open(stage_path("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (name)
            setenv(name, value, 1);
        if (fd < 0 || log < 0 || dup2(fd, 1) < 0 || dup2(log, 2) < 0)
            _exit(99);
        if (prepare && prepare() != 0)
            _exit(97);
        execl(SY_BIN_DIR "/sealyard-task", "sealyard-task", stage, "--spec", spec_path,
              (char *)NULL);
        _exit(98);
    }
    return pid;
}

void stage_prepare(int (*fn)(void))
{
    prepare = fn;
}

json_t *stage_run_env(const char *stage, json_t *spec, int expected_status, const char *name,
                      const char *value)
{
    const char *out = stage_path("result.json");
    char *text = NULL;
    size_t bytes;
    int status;
    pid_t pid = start(stage, spec, out, name, value);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(sy_file_read(out, RESULT_MAX, &text, &bytes, NULL), 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != expected_status)
        fail_msg("%s: status 0x%x, exit %d expected: %.600s", stage, (unsigned)status,
                 expected_status, text);
    json_t *result = json_loadb(text, bytes, 0, NULL);
    if (!result)
        fail_msg("%s: no JSON: %.200s", stage, text);
    free(text);
    if (expected_status == 0) {
        assert_null(json_object_get(result, "error"));
        return result;
    }
    json_t *error = json_incref(kat_get(result, "error"));
    json_decref(result);
    return error;
}

json_t *stage_run(const char *stage, json_t *spec, int expected_status)
{
    return stage_run_env(stage, spec, expected_status, NULL, NULL);
}

void stage_refused(const char *stage, json_t *spec, int expected_status, const char *code,
                   const char *part)
{
    static const char *const classes[] = {"INPUT", "TRANSIENT", "RESOURCE", "CORRUPT", "BUG"};
    json_t *error = stage_run(stage, spec, expected_status);
    assert_string_equal(kat_text(error, "class"), classes[expected_status - 10]);
    if (strcmp(kat_text(error, "code"), code) != 0 || !strstr(kat_text(error, "text"), part))
        fail_msg("%s with \"%s\" expected, found %s \"%s\"", code, part, kat_text(error, "code"),
                 kat_text(error, "text"));
    json_decref(error);
}

int stage_run_killed(const char *stage, json_t *spec, unsigned delay_us)
{
    int status;
    pid_t pid = start(stage, spec, stage_path("result.json"), NULL, NULL);
    usleep(delay_us);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    return WIFSIGNALED(status);
}

json_t *stage_with(const json_t *spec, json_t *more)
{
    json_t *copy = json_deep_copy(spec);
    assert_non_null(copy);
    assert_non_null(more);
    assert_int_equal(json_object_update(copy, more), 0);
    json_decref(more);
    return copy;
}

const char *stage_sha256(const char *path, uint64_t *ret_bytes)
{
    static char hex[SY_HEX_TEXT_BYTES(32)];
    char *data = NULL;
    size_t bytes;
    uint8_t digest[32];
    struct sy_error err;
    if (sy_file_read(path, 256u << 20, &data, &bytes, &err))
        fail_msg("%s", err.text);
    sy_sha256(data, bytes, digest);
    free(data);
    *ret_bytes = bytes;
    return sy_hex_encode(digest, 32, hex);
}

void stage_check_file(const char *path, const char *sha256, uint64_t bytes)
{
    uint64_t found;
    const char *hex = stage_sha256(path, &found);
    if (found != bytes || strcmp(hex, sha256) != 0)
        fail_msg("%s: %llu bytes %s, expected %llu bytes %s", path, (unsigned long long)found, hex,
                 (unsigned long long)bytes, sha256);
}

int stage_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

void stage_write(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

void stage_flip(const char *path, uint64_t offset)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

void stage_cut(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
}

void stage_remove_file(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

unsigned stage_count_files(const char *path, const char *part)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (entry->d_name[0] != '.' && strstr(entry->d_name, part))
            count++;
    closedir(dir);
    return count;
}

uint8_t *stage_stream(const char *seed, const char *label, size_t bytes)
{
    static const char domain[] = "fil-oracle/v1";
    uint8_t block[40];
    struct sy_sha256 sha;
    uint8_t *data = malloc(bytes + 32);
    assert_non_null(data);
    sy_sha256_init(&sha);
    sy_sha256_update(&sha, domain, sizeof domain);
    sy_sha256_update(&sha, seed, strlen(seed) + 1);
    sy_sha256_update(&sha, label, strlen(label));
    sy_sha256_final(&sha, block);
    for (size_t i = 0; i * 32 < bytes; i++) {
        for (unsigned k = 0; k < 8; k++)
            block[32 + k] = (uint8_t)(i >> (8 * k));
        sy_sha256(block, sizeof block, data + i * 32);
    }
    return data;
}
