#include "tests/unit/common_test.h"

#include "common/env.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void real_clocks_agree_with_the_system(void **state)
{
    (void)state;
    const struct sy_env *env = sy_env_real();
    struct timespec now;
    assert_int_equal(env->ops->abi, SY_ENV_ABI);
    clock_gettime(CLOCK_BOOTTIME, &now);
    uint64_t boot_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    assert_in_range(sy_env_boot_ms(env), boot_ms, boot_ms + 5000);
    int64_t wall_ms = (int64_t)time(NULL) * 1000;
    assert_in_range(sy_env_wall_ms(env), wall_ms - 1000, wall_ms + 5000);
}

static void randomness_fills_every_byte(void **state)
{
    (void)state;
    uint8_t seen[64] = {0}, data[66];
    data[0] = data[65] = 0xa5;
    for (int round = 0; round < 64; round++) {
        sy_env_random(sy_env_real(), data + 1, 64);
        for (size_t i = 0; i < 64; i++)
            seen[i] |= data[i + 1];
    }
    for (size_t i = 0; i < 64; i++)
        assert_true(seen[i] != 0); /* 64 zero bytes in a row: 2^-512 */
    assert_int_equal(data[0], 0xa5);
    assert_int_equal(data[65], 0xa5);
    sy_env_random(sy_env_real(), data, 0);
}

static void fixed_random(void *self, void *ret_data, size_t bytes)
{
    memset(ret_data, *(int *)self, bytes);
}

static void uuids_have_version_and_variant(void **state)
{
    (void)state;
    int byte = 0xff;
    const struct sy_env_ops ops = {.abi = SY_ENV_ABI, .random = fixed_random};
    const struct sy_env env = {&ops, &byte};
    char text[37];
    sy_env_uuid(&env, text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    byte = 0;
    sy_env_uuid(&env, text);
    assert_string_equal(text, "00000000-0000-4000-8000-000000000000");
}

static void boot_id_is_a_uuid(void **state)
{
    (void)state;
    char text[37] = "", again[37] = "";
    assert_works(sy_env_boot_id(text, &err));
    assert_int_equal(strlen(text), 36);
    assert_int_equal(text[8], '-');
    assert_works(sy_env_boot_id(again, &err));
    assert_string_equal(text, again);
}

#ifdef SY_FAULTS
static int visit_in_child(const char *wanted, int visits)
{
    pid_t child = fork();
    if (child == 0) {
        setenv("SEALYARD_FAULT", wanted, 1);
        for (int i = 0; i < visits; i++) {
            SY_FAULT("store.other");
            SY_FAULT("store.before_commit");
        }
        _exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void faults_kill_at_the_counted_visit(void **state)
{
    (void)state;
    assert_int_equal(visit_in_child("store.before_commit", 1), SIGKILL);
    assert_int_equal(visit_in_child("store.before_commit:3", 3), SIGKILL);
    assert_int_equal(visit_in_child("store.before_commit:3", 2), 0);
    assert_int_equal(visit_in_child("store.before", 3), 0);
    assert_int_equal(visit_in_child("", 3), 0);
}
#else
static void faults_kill_at_the_counted_visit(void **state)
{
    (void)state;
    setenv("SEALYARD_FAULT", "store.before_commit", 1);
    SY_FAULT("store.before_commit"); /* compiled out: we are still here */
    unsetenv("SEALYARD_FAULT");
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_clocks_agree_with_the_system),
        cmocka_unit_test(randomness_fills_every_byte),
        cmocka_unit_test(uuids_have_version_and_variant),
        cmocka_unit_test(boot_id_is_a_uuid),
        cmocka_unit_test(faults_kill_at_the_counted_visit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
