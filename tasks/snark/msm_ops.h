/* Internal: the sum of scalar multiples with the points as a kernel sees them.
 *
 * One engine (msm_engine.c) cuts scalars into digits, sorts points into buckets and says which
 * points to add; a kernel (scalar or IFMA, of G1 or G2) holds points in its own form and adds many
 * pairs with one inversion. A point takes point_bytes, is aligned to 64 bytes where the kernel
 * wants it (point_bytes then divides by 64), and all-zero bytes are the point at infinity.
 */
#ifndef SEALYARD_TASKS_SNARK_MSM_OPS_H
#define SEALYARD_TASKS_SNARK_MSM_OPS_H

#include "tasks/field/fr.h"

/* Additions that share one inversion. More need more cache: half of the second level with 2048. */
#define SY_MSM_PAIRS_MAX 2048
/* At the smallest window of three bits. */
#define SY_MSM_WINDOWS_MAX 86

/* left + right -> *to of `count` pairs. Operands are the addresses of points, bit 0 set = minus the
 * point. `to` may be one of the two operands of the same pair, and of no other pair. Kernels fill
 * the places behind count up to the next multiple of eight. */
struct sy_msm_pairs {
    _Alignas(64) uintptr_t left[SY_MSM_PAIRS_MAX], right[SY_MSM_PAIRS_MAX], to[SY_MSM_PAIRS_MAX];
    size_t count;
};
_Static_assert(SY_MSM_PAIRS_MAX % 8 == 0, "vectors of pairs are whole");

/* Exactly one is not NULL. */
struct sy_msm_source {
    const uint8_t *encoded;
    const void *affine;
};

struct sy_msm_kernel {
    const char *name;
    bool (*usable)(void);
    size_t point_bytes, work_bytes, affine_bytes;
    /* The points of the source with these indices to `to` and following. -SY_E_CORRUPT for a
     * coordinate >= p. */
    int (*load)(void *to, const struct sy_msm_source *source, const size_t *indices, size_t count,
                struct sy_error *err);
    /* work is the caller's memory of work_bytes. */
    void (*add)(void *work, struct sy_msm_pairs *pairs);
    /* To the group's affine structure. */
    void (*store)(void *ret_affine, const void *point);
};

/* What remains to be summed with the group's own functions: for each window the sums of its chains,
 * bucket by bucket. Chain s of window w holds the buckets of digits s * length + 1 to (s + 1) *
 * length: sums[(w * chains + s) * 2] is sum_t t * bucket (t from 1), the next one sum of buckets.
 * ones are partial sums of the points with scalar one. All affine. */
struct sy_msm_sums {
    unsigned window_bits, windows, chains, length, ones_count;
    void *sums, *ones;
};

struct sy_msm_job {
    const struct sy_msm_kernel *kernel;
    struct sy_msm_source source;
    const struct sy_fr *scalars;
    size_t count;
    unsigned threads;
};

/* The caller frees ret->sums and ret->ones. */
int sy_msm_run(struct sy_msm_sums *ret, const struct sy_msm_job *job, struct sy_error *err);

/* The kernel in use for a group, by the place in the tables below. */
enum sy_msm_kind { SY_MSM_IFMA, SY_MSM_SCALAR, SY_MSM_KINDS };
enum sy_msm_kind sy_msm_kind(void);

extern const struct sy_msm_kernel sy_msm_g1_ifma, sy_msm_g2_ifma;

#endif
