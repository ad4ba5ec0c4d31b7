/* The reference string of SnarkPack: facts groth16.md 8.1. */
#include "tasks/snark/aggregate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "tasks/tree/parallel.h"

#define VECTORS 4
/* The network's limit for one vector of the file. */
#define VECTOR_POINTS_MAX ((2u << 19) + 1)
#define DECODE_CHUNK 64u

/* One vector of the file and the part of it that is wanted. */
struct vector {
    const uint8_t *bytes;
    uint32_t wanted;
    struct sy_g1_affine *g1; /* one of the two */
    struct sy_g2_affine *g2;
};

static size_t point_bytes(unsigned index)
{
    return index < 2 ? SY_G1_COMPRESSED_BYTES : SY_G2_COMPRESSED_BYTES;
}

static int decode_point(const struct vector *v, uint32_t i, struct sy_error *err)
{
    int rc;
    if (v->g1) {
        rc = sy_g1_decompress(&v->g1[i], v->bytes + (size_t)i * SY_G1_COMPRESSED_BYTES, true, err);
        if (rc == 0 && sy_g1_affine_is_infinity(&v->g1[i]))
            rc = sy_fail(err, SY_E_CORRUPT, "the point is infinity");
    } else {
        rc = sy_g2_decompress(&v->g2[i], v->bytes + (size_t)i * SY_G2_COMPRESSED_BYTES, true, err);
        if (rc == 0 && sy_g2_affine_is_infinity(&v->g2[i]))
            rc = sy_fail(err, SY_E_CORRUPT, "the point is infinity");
    }
    return rc == 0 ? 0 : sy_error_wrap(err, "SRS, %s, point %u", v->g1 ? "G1" : "G2", i);
}

static int decode_chunk(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    const struct vector *v = ctx;
    uint32_t begin = (uint32_t)index * DECODE_CHUNK;
    uint32_t end = SY_MIN(begin + DECODE_CHUNK, v->wanted);
    int rc = 0;
    (void)worker;
    for (uint32_t i = begin; rc == 0 && i < end; i++)
        rc = decode_point(v, i, err);
    return rc;
}

static int find_vectors(struct vector vectors[VECTORS], const uint8_t *bytes, size_t count,
                        struct sy_error *err)
{
    size_t at = 0;
    for (unsigned k = 0; k < VECTORS; k++) {
        if (count - at < 4)
            return sy_fail(err, SY_E_CORRUPT, "SRS: the file ends before vector %u", k);
        const uint8_t *b = bytes + at;
        uint32_t points = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        at += 4;
        if (points > VECTOR_POINTS_MAX || (count - at) / point_bytes(k) < points)
            return sy_fail(err, SY_E_CORRUPT,
                           "SRS: vector %u names %u points, at most %u and what the file holds "
                           "expected",
                           k, points, VECTOR_POINTS_MAX);
        if (points < vectors[k].wanted)
            return sy_fail(err, SY_E_LIMIT,
                           "SRS: vector %u has %u points, this many proofs need %u: use a larger "
                           "SRS or aggregate fewer proofs",
                           k, points, vectors[k].wanted);
        vectors[k].bytes = bytes + at;
        at += points * point_bytes(k);
    }
    if (at != count)
        return sy_fail(err, SY_E_CORRUPT, "SRS: %zu bytes follow the last point", count - at);
    return 0;
}

int sy_srs_parse(struct sy_srs *ret, const uint8_t *bytes, size_t count, uint32_t proofs,
                 unsigned threads, struct sy_error *err)
{
    if (proofs < 2 || proofs > SY_AGGREGATE_PROOFS_MAX)
        return sy_fail(err, SY_E_RANGE, "an SRS for %u proofs, expected 2 to %u", proofs,
                       SY_AGGREGATE_PROOFS_MAX);
    struct sy_srs srs = {.g_count = 2 * proofs, .h_count = proofs};
    struct vector vectors[VECTORS] = {{.wanted = srs.g_count},
                                      {.wanted = srs.g_count},
                                      {.wanted = srs.h_count},
                                      {.wanted = srs.h_count}};
    int rc = find_vectors(vectors, bytes, count, err);
    if (rc != 0)
        return rc;
    vectors[0].g1 = srs.g_alpha = calloc(srs.g_count, sizeof *srs.g_alpha);
    vectors[1].g1 = srs.g_beta = calloc(srs.g_count, sizeof *srs.g_beta);
    vectors[2].g2 = srs.h_alpha = calloc(srs.h_count, sizeof *srs.h_alpha);
    vectors[3].g2 = srs.h_beta = calloc(srs.h_count, sizeof *srs.h_beta);
    if (!srs.g_alpha || !srs.g_beta || !srs.h_alpha || !srs.h_beta)
        rc = sy_fail(err, SY_E_NOMEM, "no memory for an SRS of %u proofs", proofs);
    for (unsigned k = 0; rc == 0 && k < VECTORS; k++)
        rc = sy_parallel_for(threads, 0, (vectors[k].wanted + DECODE_CHUNK - 1) / DECODE_CHUNK,
                             decode_chunk, &vectors[k], err);
    if (rc != 0)
        sy_srs_fini(&srs);
    else
        *ret = srs;
    return rc;
}

int sy_srs_open(struct sy_srs *ret, const char *path, uint32_t proofs, unsigned threads,
                struct sy_error *err)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    int rc = fstat(fd, &status) == 0 ? 0 : sy_fail_errno(err, errno, "look at %s", path);
    if (rc == 0 && status.st_size <= 0)
        rc = sy_fail(err, SY_E_CORRUPT, "%s is empty", path);
    if (rc == 0) {
        size_t bytes = (size_t)status.st_size;
        void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        rc = map != MAP_FAILED ? sy_srs_parse(ret, map, bytes, proofs, threads, err)
                               : sy_fail_errno(err, errno, "map %s", path);
        if (map != MAP_FAILED)
            munmap(map, bytes);
    }
    close(fd);
    return rc == 0 ? 0 : sy_error_wrap(err, "%s", path);
}

void sy_srs_fini(struct sy_srs *srs)
{
    free(srs->g_alpha);
    free(srs->g_beta);
    free(srs->h_alpha);
    free(srs->h_beta);
    memset(srs, 0, sizeof *srs);
}

/* ------------------------------------------------------------------------------------- generating
 */

static uint8_t *put_powers(uint8_t *at, unsigned vector, uint32_t points,
                           const struct sy_fr *secret)
{
    struct sy_fr power = sy_fr_one;
    for (unsigned i = 0; i < 4; i++)
        *at++ = (uint8_t)(points >> (24 - 8 * i));
    for (uint32_t i = 0; i < points; i++, at += point_bytes(vector)) {
        if (vector < 2) {
            struct sy_g1 point;
            struct sy_g1_affine affine;
            sy_g1_from_affine(&point, &sy_g1_generator);
            sy_g1_mul_fr(&point, &point, &power);
            sy_g1_to_affine(&affine, &point);
            sy_g1_compress(at, &affine);
        } else {
            struct sy_g2 point;
            struct sy_g2_affine affine;
            sy_g2_from_affine(&point, &sy_g2_generator);
            sy_g2_mul_fr(&point, &point, &power);
            sy_g2_to_affine(&affine, &point);
            sy_g2_compress(at, &affine);
        }
        sy_fr_mul(&power, &power, secret);
    }
    return at;
}

int sy_srs_generate(const char *path, uint32_t proofs, const struct sy_fr *alpha,
                    const struct sy_fr *beta, struct sy_error *err)
{
    if (proofs < 2 || proofs > SY_AGGREGATE_PROOFS_MAX)
        return sy_fail(err, SY_E_RANGE, "an SRS for %u proofs, expected 2 to %u", proofs,
                       SY_AGGREGATE_PROOFS_MAX);
    if (sy_fr_is_zero(alpha) || sy_fr_is_zero(beta))
        return sy_fail(err, SY_E_ARG, "a secret of an SRS is zero");
    uint32_t points = 2 * proofs;
    size_t bytes =
        VECTORS * 4 + (size_t)points * 2 * (SY_G1_COMPRESSED_BYTES + SY_G2_COMPRESSED_BYTES);
    uint8_t *data = malloc(bytes);
    if (!data)
        return sy_fail(err, SY_E_NOMEM, "no memory for an SRS of %zu bytes", bytes);
    uint8_t *at = data;
    for (unsigned k = 0; k < VECTORS; k++)
        at = put_powers(at, k, points, k % 2 == 0 ? alpha : beta);
    SY_ASSERT((size_t)(at - data) == bytes);
    int rc = sy_file_write(path, data, bytes, 0644, err);
    free(data);
    return rc;
}
