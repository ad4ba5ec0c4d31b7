/* What the development chain keeps: restarts, kills, torn and damaged journals. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/devchain_rig.h"

#include "common/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void everything_is_there_after_a_restart(void **state)
{
    struct sy_fil_precommit info;
    uint8_t proof[SY_PROOF_BYTES] = {7}, head[32], root[32];
    uint64_t number = 1;
    (void)state;
    rig_precommit_info(&rig, number, &info);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, 0);
    rig_step(&rig, 10);
    rig_prove(&rig, &number, (const uint8_t(*)[SY_PROOF_BYTES])proof, 1);
    memcpy(head, sy_dc_chain_head(rig.chain)->cid, 32);
    memcpy(root, rig.chain->post_root.data + 6, 32);
    rig_reopen(&rig);
    assert_memory_equal(head, sy_dc_chain_head(rig.chain)->cid, 32);
    assert_memory_equal(root, rig.chain->post_root.data + 6, 32);
    assert_int_equal(rig.chain->message_count, 2);
    rig_precommit_info(&rig, number, &info);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, 16);
}

static void write_all(int fd, const void *data, size_t bytes)
{
    assert_int_equal(write(fd, data, bytes), (ssize_t)bytes);
}

static void child_makes_blocks(struct sy_dc_config config, int out)
{
    struct sy_dc_chain *chain;
    if (sy_dc_chain_open(&chain, &config, NULL) < 0)
        _exit(1);
    for (int64_t i = 0;; i++) {
        if (sy_dc_chain_step(chain, i, NULL) < 0)
            _exit(2);
        if (write(out, &sy_dc_chain_head(chain)->height, sizeof(int64_t)) != sizeof(int64_t))
            _exit(3);
    }
}

static void kill_costs_no_block_that_was_told(void **state)
{
    struct sy_dc_config config = rig.config;
    struct sy_dc_chain *chain;
    char dir[64] = "/tmp/sy-devchain-XXXXXX";
    int64_t told = 0;
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(config.dir, sizeof(config.dir), "%s", dir);
    for (int round = 0; round < 8; round++) {
        int ends[2], status;
        pid_t pid;
        assert_int_equal(pipe(ends), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(ends[0]);
            child_makes_blocks(config, ends[1]);
        }
        close(ends[1]);
        for (int i = 0; i < 5 + round; i++)
            assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
        usleep((useconds_t)(round * 700));
        kill(pid, SIGKILL);
        while (read(ends[0], &told, sizeof(told)) == sizeof(told))
            ;
        close(ends[0]);
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(sy_dc_chain_open(&chain, &config, NULL), 0);
        assert_true(sy_dc_chain_head(chain)->height >= told);
        sy_dc_chain_close(chain);
    }
    assert_int_equal(sy_file_remove_tree(dir, NULL), 0);
}

static void torn_records_are_cut_and_damage_is_refused(void **state)
{
    struct sy_dc_chain *chain;
    struct sy_error err;
    char path[SY_PATH_BYTES];
    uint64_t size, cut;
    int64_t height;
    int fd;
    (void)state;
    rig_step(&rig, 5);
    height = rig_height(&rig);
    assert_int_equal(sy_dc_chain_open(&chain, &rig.config, &err), -SY_E_BUSY);
    snprintf(path, sizeof(path), "%s/chain.journal", rig.dir);
    assert_int_equal(sy_file_size(path, &size, NULL), 0);
    fd = open(path, O_WRONLY | O_APPEND);
    write_all(fd, "SYDC\xff\x00\x00\x00torn", 12);
    close(fd);
    rig_reopen(&rig);
    assert_int_equal(rig_height(&rig), height);
    assert_int_equal(sy_file_size(path, &cut, NULL), 0);
    assert_int_equal(cut, size);
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "\x55", 1, (off_t)size / 2), 1);
    close(fd);
    sy_dc_server_destroy(rig.server);
    rig.server = NULL;
    sy_dc_chain_close(rig.chain);
    rig.chain = NULL;
    assert_int_equal(sy_dc_chain_open(&chain, &rig.config, &err), -SY_E_CORRUPT);
}

static void other_genesis_values_are_refused(void **state)
{
    struct sy_dc_config config = rig.config;
    struct sy_dc_chain *chain;
    struct sy_error err;
    (void)state;
    sy_dc_server_destroy(rig.server);
    rig.server = NULL;
    sy_dc_chain_close(rig.chain);
    rig.chain = NULL;
    config.genesis.challenge_delay = 11;
    assert_int_equal(sy_dc_chain_open(&chain, &config, &err), -SY_E_STATE);
    assert_non_null(strstr(err.text, "challenge_delay"));
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(everything_is_there_after_a_restart),
        RIG_TEST(kill_costs_no_block_that_was_told),
        RIG_TEST(torn_records_are_cut_and_damage_is_refused),
        RIG_TEST(other_genesis_values_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
