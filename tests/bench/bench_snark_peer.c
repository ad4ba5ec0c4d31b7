/* Sums of points by blst (its shared library, when it is installed), one thread, on the points and
 * scalars of our own sums and right after them: both sums must be the same point.
 *
 * Its field elements have our form (six 64-bit limbs, times 2^384), so points are shared as they
 * are; scalars are 32 bytes, least significant first.
 */
#include "tests/bench/bench_snark.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCALAR_BITS 255
#define G2_LOG2_MAX 18

/* Of a group: `points` and `scalars` name one array each, the NULL behind it says so. */
typedef size_t scratch_bytes_fn(size_t points);
typedef void sum_fn(void *ret, const void *const points[], size_t count,
                    const uint8_t *const scalars[], size_t bits, uint64_t *scratch);
typedef void compress_fn(uint8_t *ret, const void *point);

struct group {
    scratch_bytes_fn *scratch_bytes;
    sum_fn *sum;
    compress_fn *compress;
    size_t compressed_bytes;
};

static bool find(void *library, const char *name, void *ret_function)
{
    void *found = dlsym(library, name);
    memcpy(ret_function, &found, sizeof found);
    return found != NULL;
}

static bool find_group(void *library, char digit, struct group *ret)
{
    char name[64];
    snprintf(name, sizeof name, "blst_p%cs_mult_pippenger_scratch_sizeof", digit);
    bool ok = find(library, name, &ret->scratch_bytes);
    snprintf(name, sizeof name, "blst_p%cs_mult_pippenger", digit);
    ok = ok && find(library, name, &ret->sum);
    snprintf(name, sizeof name, "blst_p%c_compress", digit);
    ret->compressed_bytes = digit == '1' ? SY_G1_COMPRESSED_BYTES : SY_G2_COMPRESSED_BYTES;
    return ok && find(library, name, &ret->compress);
}

/* CPU time per point, 0 without memory. */
static double time_sum(const struct group *group, const void *points, const uint8_t *scalars,
                       size_t count, uint8_t *ret_sum)
{
    const void *const point_list[] = {points, NULL};
    const uint8_t *const scalar_list[] = {scalars, NULL};
    struct sy_g2 sum; /* a Jacobian point of either group */
    uint64_t *scratch = malloc(group->scratch_bytes(count));
    if (!scratch)
        return 0;
    double start = bench_cpu_s();
    group->sum(&sum, point_list, count, scalar_list, SCALAR_BITS, scratch);
    double spent = bench_cpu_s() - start;
    group->compress(ret_sum, &sum);
    free(scratch);
    return spent / (double)count * 1e9;
}

/* Ours, then theirs; the ratio is how many times as fast we are. */
static bool compare(const struct bench_inputs *in, const struct group *group, char digit,
                    const uint8_t *scalars, unsigned log2_size)
{
    uint8_t ours[SY_G2_COMPRESSED_BYTES], theirs[SY_G2_COMPRESSED_BYTES];
    char name[64];
    const void *points = digit == '1' ? (const void *)in->g1 : (const void *)in->g2;
    double mine = digit == '1' ? bench_time_g1(in, in->full, log2_size, 2, ours)
                               : bench_time_g2(in, in->full, log2_size, 2, ours);
    double peer = time_sum(group, points, scalars, (size_t)1 << log2_size, theirs);
    double again = time_sum(group, points, scalars, (size_t)1 << log2_size, theirs);
    peer = again < peer ? again : peer;
    if (peer <= 0) {
        bench_skip("peer", "no memory");
        return false;
    }
    if (memcmp(ours, theirs, group->compressed_bytes) != 0) {
        fprintf(stderr, "bench_snark: G%c sum of 2^%u points: the peer has another sum\n", digit,
                log2_size);
        return false;
    }
    snprintf(name, sizeof name, "G%c sum 2^%u, blst", digit, log2_size);
    bench_number(name, 1e9 / peer, "points/s a core", peer / mine, "ours, times as fast");
    return true;
}

bool bench_peer(const struct bench_inputs *in, const char *path)
{
    struct group g1, g2;
    size_t count = (size_t)1 << 20;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library || !find_group(library, '1', &g1) || !find_group(library, '2', &g2)) {
        const char *why = dlerror();
        fprintf(stderr, "bench_snark: --peer %s: a shared blst library expected: %s\n", path,
                why ? why : "a function is missing");
        if (library)
            dlclose(library);
        return false;
    }
    uint8_t *scalars = malloc(count * SY_FR_BYTES);
    bool ok = scalars != NULL;
    for (size_t i = 0; ok && i < count; i++)
        sy_fr_to_bytes(scalars + i * SY_FR_BYTES, &in->full[i]);
    for (unsigned n = 16; ok && n <= 20; n += 2)
        ok = compare(in, &g1, '1', scalars, n);
    for (unsigned n = 16; ok && n <= G2_LOG2_MAX; n += 2)
        ok = compare(in, &g2, '2', scalars, n);
    free(scalars);
    dlclose(library);
    return ok;
}
