/* c2 refuses what does not fit into memory before it works: with every limit that it looks at. The
 * parameter files are as long as real ones and hold a key, counts and nothing else.
 */
#include "tests/unit/stage_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "common/file.h"
#include "tasks/snark/params_store.h"
#include "tasks/stage/memory.h"

#define RESOURCE 12
#define THREADS 8
#define H_COUNT ((1u << 24) - 1) /* 1.9 GB needed, and a file of 1.6 GB */
#define ADDRESS_BYTES ((uint64_t)3 << 30)
#define GROUP_BYTES ((uint64_t)3 << 29)
#define COUNT 40 /* points of the queries besides h */
#define VK_BYTES (864 + 4 + SY_G1_BYTES)

static char parameters[SY_PATH_BYTES];

/* All points are generators: a key that passes every check. */
static void make_key(uint8_t key[VK_BYTES])
{
    static const size_t g1[] = {0, 96, 576, 868}, g2[] = {192, 384, 672};
    memset(key, 0, VK_BYTES);
    for (size_t i = 0; i < SY_ARRAY_SIZE(g1); i++)
        sy_g1_serialize(key + g1[i], &sy_g1_generator);
    for (size_t i = 0; i < SY_ARRAY_SIZE(g2); i++)
        sy_g2_serialize(key + g2[i], &sy_g2_generator);
    key[867] = 1;
}

static bool put_vector(int fd, off_t *at, uint32_t count, size_t point_bytes)
{
    const uint8_t bytes[4] = {(uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8),
                              (uint8_t)count};
    bool ok = pwrite(fd, bytes, 4, *at) == 4;
    *at += 4 + (off_t)count * (off_t)point_bytes;
    return ok;
}

/* PoRep parameters of 2 KiB whose domain has h_count + 1 elements; false when no file here can be
 * as long. */
static bool make_parameters(uint32_t h_count)
{
    uint8_t key[VK_BYTES];
    off_t at = VK_BYTES;
    char path[SY_PATH_BYTES];
    assert_int_equal(
        sy_params_store_path(path, parameters, SY_CIRCUIT_POREP, 2048, SY_PARAMS_KEYS, NULL), 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    make_key(key);
    assert_int_equal(pwrite(fd, key, sizeof key, 0), sizeof key);
    bool ok = put_vector(fd, &at, h_count, SY_G1_BYTES);
    for (int i = 0; i < 3; i++)
        ok = ok && put_vector(fd, &at, COUNT, SY_G1_BYTES);
    ok = ok && put_vector(fd, &at, COUNT, SY_G2_BYTES);
    ok = ok && ftruncate(fd, at) == 0;
    if (!ok)
        assert_int_equal(errno, EFBIG);
    close(fd);
    return ok;
}

static void open_parameters(struct sy_groth16_params *params)
{
    struct sy_error err = {0};
    char path[SY_PATH_BYTES];
    assert_int_equal(
        sy_params_store_path(path, parameters, SY_CIRCUIT_POREP, 2048, SY_PARAMS_KEYS, NULL), 0);
    if (sy_groth16_params_open(params, path, &err) != 0)
        fail_msg("%s", err.text);
}

static uint64_t needed_bytes(void)
{
    struct sy_groth16_params params;
    open_parameters(&params);
    uint64_t needed = sy_groth16_memory_bytes(&params, THREADS, 1);
    sy_groth16_params_close(&params);
    return needed;
}

static size_t bytes_in_memory(void)
{
    struct sy_groth16_params params;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    open_parameters(&params);
    size_t pages = (params.map_bytes + page - 1) / page;
    unsigned char *in = malloc(pages);
    assert_non_null(in);
    assert_int_equal(mincore(params.map, params.map_bytes, in), 0);
    for (size_t i = 0; i < pages; i++)
        count += in[i] & 1;
    free(in);
    sy_groth16_params_close(&params);
    return count * page;
}

/* "verify": full would read all parameters and miss their digests: an error of another class. */
static json_t *spec(void)
{
    return json_pack("{s:i,s:i,s:i,s:s,s:s,s:i,s:s}", "proof_type", 5, "miner", 1000, "number", 1,
                     "parameters", parameters, "input",
                     SY_KAT_DIR "/reference/files/seal-2KiB-v1_1-multi/c1.api.json", "threads",
                     THREADS, "verify", "full");
}

static json_t *own_spec(void)
{
    json_t *root =
        json_load_file(SY_KAT_DIR "/reference/seal-2KiB-v1_1-multi-proved.json", 0, NULL);
    assert_non_null(root);
    json_t *sector = kat_get(root, "sector");
    json_t *common = spec();
    json_t *own = stage_with(common, json_pack("{s:O,s:O}", "miner", kat_get(sector, "actor_id"),
                                               "number", kat_get(sector, "sector_number")));
    json_decref(common);
    json_decref(root);
    return own;
}

static void expect_refusal(void)
{
    char part[160];
    snprintf(part, sizeof part, "c2 needs %llu bytes of memory, ",
             (unsigned long long)needed_bytes());
    json_t *error = stage_run("c2", own_spec(), RESOURCE);
    const char *text = kat_text(error, "text");
    assert_string_equal(kat_text(error, "class"), "RESOURCE");
    assert_string_equal(kat_text(error, "code"), "SY_E_RESOURCE");
    const char *found = strstr(text, part);
    if (!found)
        fail_msg("\"%s\" expected in \"%s\"", part, text);
    uint64_t available = strtoull(found + strlen(part), NULL, 10);
    assert_true(available < needed_bytes());
    assert_non_null(strstr(text, " are available: give the task more memory or fewer threads (8)"));
    json_decref(error);
}

/* ------------------------------------------------------------------------------------- limits */

static int limit_address_space(void)
{
    struct rlimit limit = {ADDRESS_BYTES, ADDRESS_BYTES};
    return setrlimit(RLIMIT_AS, &limit);
}

static void an_address_space_limit_counts(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* its shadow alone is larger */
#endif
    assert_true(make_parameters(H_COUNT));
    stage_prepare(limit_address_space);
    expect_refusal();
    stage_prepare(NULL);
    assert_true(bytes_in_memory() < 4u << 20);
}

static void the_machine_is_too_small(void **state)
{
    uint64_t available;
    (void)state;
    assert_int_equal(sy_stage_memory_available(&available, NULL), 0);
    if (!make_parameters(UINT32_MAX) || needed_bytes() <= available)
        skip();
    expect_refusal();
}

/* The group of the stage has no limit of its own, the one above has. */
static char outer[SY_CGROUP_NAME_BYTES], inner[SY_CGROUP_NAME_BYTES];

static int join_group(void)
{
    struct sy_cgroup_host *host;
    if (sy_cgroup_host_open(&host, NULL) != 0)
        return -1;
    int rc = sy_cgroup_join(host, inner, 0, NULL);
    sy_cgroup_host_close(host);
    return rc;
}

static void remove_groups(struct sy_cgroup_host *host)
{
    sy_cgroup_remove(host, inner, NULL);
    sy_cgroup_remove(host, outer, NULL);
    sy_cgroup_remove(host, "sealyard-test", NULL);
}

static void set_limit(struct sy_cgroup_host *host, uint64_t bytes)
{
    remove_groups(host);
    struct sy_cgroup_limits limits = {.memory_bytes = bytes}, none = {0};
    struct sy_error err = {0};
    if (sy_cgroup_create(host, outer, &limits, &err) != 0 ||
        sy_cgroup_create(host, inner, &none, &err) != 0)
        fail_msg("%s", err.text);
}

static void a_control_group_counts(void **state)
{
    struct sy_cgroup_host *host;
    struct sy_error err = {0};
    (void)state;
    assert_int_equal(sy_cgroup_host_open(&host, &err), 0);
    if (sy_cgroup_host_check(host, "sealyard-test", &err) != 0) {
        print_message("skipped: %s\n", err.text);
        sy_cgroup_host_close(host);
        skip();
    }
    snprintf(outer, sizeof outer, "sealyard-test/c2-%d", (int)getpid());
    snprintf(inner, sizeof inner, "sealyard-test/c2-%d/1", (int)getpid());
    assert_true(make_parameters(H_COUNT));
    stage_prepare(join_group);
    set_limit(host, GROUP_BYTES);
    expect_refusal();
    assert_true(bytes_in_memory() < 4u << 20);
    set_limit(host, 2 * needed_bytes());
    uint64_t available;
    assert_int_equal(sy_stage_memory_available(&available, NULL), 0);
    if (available > needed_bytes()) /* then the digests are missing */
        stage_refused("c2", own_spec(), 10, "SY_E_NOT_FOUND", "parameters.json");
    stage_prepare(NULL);
    remove_groups(host);
    sy_cgroup_host_close(host);
}

static int begin(void **state)
{
    (void)state;
    snprintf(parameters, sizeof parameters, "%s", stage_path("parameters"));
    return sy_file_make_directory(parameters, 0700, NULL);
}

static int clean(void **state)
{
    (void)state;
    stage_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_space_limit_counts),
        cmocka_unit_test(the_machine_is_too_small),
        cmocka_unit_test(a_control_group_counts),
    };
    return cmocka_run_group_tests(tests, begin, clean);
}
