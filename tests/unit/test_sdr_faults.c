#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sdr/encode.h"
#include "tasks/sector/aux.h"
#include "tasks/sector/pieces.h"
#include "tests/unit/sdr_kat.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct fixture {
    char dir[SY_PATH_BYTES];
    char cache[SY_PATH_BYTES];
    char out[SY_PATH_BYTES];
    struct sy_porep_params params;
    struct sy_graph graph;
    struct sy_parents parents;
    uint8_t replica_id[32];
    struct sy_labels_opts opts;
};

static void setup(struct fixture *f, uint64_t proof_id)
{
    memset(f, 0, sizeof(*f));
    scratch_make(f->dir);
    path_set(f->cache, "%s/cache", f->dir);
    path_set(f->out, "%s/cache/out", f->dir);
    assert_int_equal(mkdir(f->cache, 0700), 0);
    assert_ok(sy_porep_params_init(&f->params, proof_id, err));
    assert_ok(sy_graph_init_params(&f->graph, &f->params, true, err));
    struct sy_parents_opts opts = {.directory = f->dir, .threads = 2};
    assert_ok(sy_parents_open(&f->parents, &f->graph, &opts, err));
    f->opts.params = &f->params;
    f->opts.replica_id = f->replica_id;
    f->opts.parents = &f->parents;
    f->opts.cache = f->cache;
    f->opts.threads = 1;
}

static void teardown(struct fixture *f)
{
    sy_parents_close(&f->parents);
    sy_graph_fini(&f->graph);
    scratch_remove(f->dir);
}

/* From here on no file of this process may grow beyond `bytes`: writes fail as on a full device. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static size_t count_files(const char *dir)
{
    size_t count = 0;
    DIR *handle = opendir(dir);
    assert_non_null(handle);
    while (readdir(handle))
        count++;
    closedir(handle);
    return count - 2;
}

static void failed_writes_leave_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct sy_labels_result result;
    struct sy_piece_list list;
    struct sy_parents parents;
    uint8_t comm[32];
    char layer[SY_PATH_BYTES], other[SY_PATH_BYTES];

    setup(&f, 5);
    limit_files(1000);
    for (f.opts.threads = 1; f.opts.threads <= 2; f.opts.threads++)
        assert_error(sy_labels_run(&f.opts, &result, NULL, err), SY_E_IO);
    assert_int_equal(count_files(f.cache), 0);

    struct sy_parents_opts parent_opts = {.directory = f.cache, .threads = 2};
    assert_error(sy_parents_open(&parents, &f.graph, &parent_opts, err), SY_E_IO);
    assert_int_equal(count_files(f.cache), 1); /* the lock */
    sy_piece_list_init(&list);
    assert_error(sy_pieces_write(&f.params, NULL, 0, f.out, 1, NULL, &list, comm, err), SY_E_IO);
    assert_int_equal(count_files(f.cache), 1);

    limit_files(RLIM_INFINITY);
    assert_ok(sy_labels_run(&f.opts, &result, NULL, err));
    assert_ok(sy_files_layer(layer, f.cache, 2, err));
    path_set(other, "%s/other", f.dir);
    assert_int_equal(mkdir(other, 0700), 0);
    path_set(f.out, "%s/out", other);
    limit_files(1000);
    assert_error(sy_encode_file(&f.params, layer, layer, f.out, 1, NULL, err), SY_E_IO);
    uint8_t *key = calloc(1, f.params.sector_bytes);
    assert_non_null(key);
    assert_error(sy_unseal_range(&f.params, layer, key, f.out, 0, 2032, 1, NULL, NULL, err),
                 SY_E_IO);
    free(key);
    assert_int_equal(count_files(other), 0);
    limit_files(RLIM_INFINITY);
    teardown(&f);
}

static void kill_in_layer_2(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    (void)ctx;
    if (strcmp(phase, "layer 2/2") == 0 && done == total)
        raise(SIGKILL);
}

/* The process dies before layer 2 is stored; layer 1 is there, or not yet when a writer had it. */
static void a_killed_run_is_resumed(unsigned threads)
{
    struct fixture f;
    struct sy_labels_result want, have;
    struct sy_progress killer = {.fn = kill_in_layer_2};
    int status;

    setup(&f, 6);
    f.opts.threads = threads;
    assert_ok(sy_labels_run(&f.opts, &want, NULL, err));
    assert_ok(sy_labels_remove(f.cache, err));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        f.opts.progress = &killer;
        (void)sy_labels_run(&f.opts, &have, NULL, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_ok(sy_labels_run(&f.opts, &have, NULL, err));
    if (threads == 1)
        assert_int_equal(have.resumed_from_layer, 1);
    else
        assert_true(have.resumed_from_layer <= 1);
    assert_memory_equal(have.layer_sha256, want.layer_sha256, sizeof(want.layer_sha256));
    teardown(&f);
}

static void killed_runs_are_resumed(void **state)
{
    (void)state;
    a_killed_run_is_resumed(1);
    a_killed_run_is_resumed(2);
}

/* A builder that died leaves a temporary file and no lock: the next one builds. */
static void a_dead_builder_does_not_block(void **state)
{
    (void)state;
    struct fixture f;
    struct sy_parents parents;
    char name[SY_GRAPH_CACHE_NAME_BYTES], path[SY_PATH_BYTES];
    setup(&f, 15);
    sy_graph_cache_name(&f.graph, name);
    path_set(path, "%s/%s%s", f.cache, name, SY_FILE_TEMP_SUFFIX);
    write_file(path, "half", 4);
    path_set(path, "%s/%s.lock", f.cache, name);
    write_file(path, "", 0);
    struct sy_parents_opts opts = {.directory = f.cache, .threads = 1, .no_repair = true};
    assert_ok(sy_parents_open(&parents, &f.graph, &opts, err));
    assert_true(parents.built);
    sy_parents_close(&parents);
    assert_int_equal(count_files(f.cache), 3); /* cache, sidecar, lock */
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_writes_leave_nothing),
        cmocka_unit_test(killed_runs_are_resumed),
        cmocka_unit_test(a_dead_builder_does_not_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
