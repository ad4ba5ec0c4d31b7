#include "common/env.h"

#include "common/file.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define UUID_TEXT_BYTES 37

static uint64_t real_boot_ms(void *self)
{
    (void)self;
    struct timespec now;
    SY_ASSERT(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t real_wall_ms(void *self)
{
    (void)self;
    struct timespec now;
    SY_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A machine without randomness cannot make keys or tokens: there is no way on from here. */
static void real_random(void *self, void *ret_data, size_t bytes)
{
    (void)self;
    uint8_t *out = ret_data;
    while (bytes > 0) {
        ssize_t got = getrandom(out, bytes, 0);
        if (got < 0 && errno == EINTR)
            continue;
        SY_ASSERT(got > 0);
        out += got;
        bytes -= (size_t)got;
    }
}

const struct sy_env *sy_env_real(void)
{
    static const struct sy_env_ops ops = {
        .abi = SY_ENV_ABI,
        .boot_ms = real_boot_ms,
        .wall_ms = real_wall_ms,
        .random = real_random,
    };
    static const struct sy_env env = {&ops, NULL};
    return &env;
}

int sy_env_boot_id(char ret_text[37], struct sy_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    int rc = sy_file_read(BOOT_ID_PATH, 64, &text, &bytes, err);
    if (rc < 0)
        return rc;
    if (bytes > 0 && text[bytes - 1] == '\n')
        bytes--;
    if (bytes == UUID_TEXT_BYTES - 1) {
        memcpy(ret_text, text, bytes);
        ret_text[bytes] = 0;
    } else {
        rc = sy_fail(err, SY_E_PARSE, "%s has %zu characters, expected %d", BOOT_ID_PATH, bytes,
                     UUID_TEXT_BYTES - 1);
    }
    free(text);
    return rc;
}

void sy_env_uuid(const struct sy_env *env, char ret_text[37])
{
    uint8_t id[16];
    sy_env_random(env, id, sizeof id);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40); /* RFC 4122 4.4: version 4, variant 1 */
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    snprintf(ret_text, UUID_TEXT_BYTES,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0], id[1],
             id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12], id[13],
             id[14], id[15]);
}

#ifdef SY_FAULTS
void sy_fault_visit(const char *name)
{
    static atomic_ulong visits;
    const char *wanted = getenv("SEALYARD_FAULT");
    if (!wanted)
        return;
    size_t length = strcspn(wanted, ":");
    if (strlen(name) != length || strncmp(name, wanted, length) != 0)
        return;
    unsigned long count = 1;
    if (wanted[length] == ':')
        count = strtoul(wanted + length + 1, NULL, 10);
    if (atomic_fetch_add(&visits, 1) + 1 == count)
        kill(getpid(), SIGKILL);
}
#endif
