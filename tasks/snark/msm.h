/* Sums of scalar multiples of points: sum_i scalar_i * point_i in G1 and G2.
 *
 * Pippenger with signed digits: the scalars are cut into windows of c bits, each point goes into
 * the bucket of its digit, and buckets are summed by batched affine additions (one inversion for a
 * thousand pairs: 5M + 1S an addition, the shared inversion included). Zeros cost nothing; ones go
 * through one addition each without windows, which is what witnesses are made of. Two kernels:
 * "ifma" adds eight pairs at a time in 52-bit limbs, "scalar" runs on any CPU; same sums.
 *
 * Points are given as they stand in parameter files (uncompressed, big-endian, facts
 * groth16.md 1.3) or as affine points. Decoding checks field bounds only (the infinity flag is out
 * of bounds: parameters have no such points; an affine infinity is allowed); a point that is not on
 * its curve gives a wrong sum, which the proof's verification catches. Memory: 2^17 points per
 * eight threads in G1 192, in G2 320 bytes each, the buckets of all windows (at most 64 MiB for G1,
 * 128 for G2) and 2 to 4 MiB per thread.
 */
#ifndef SEALYARD_TASKS_SNARK_MSM_H
#define SEALYARD_TASKS_SNARK_MSM_H

#include "tasks/field/curve.h"

/* Exactly one of encoded and points is not NULL. */
struct sy_msm_g1_input {
    const uint8_t *encoded; /* count * SY_G1_BYTES */
    const struct sy_g1_affine *points;
    const struct sy_fr *scalars;
    size_t count;
};
struct sy_msm_g2_input {
    const uint8_t *encoded; /* count * SY_G2_BYTES */
    const struct sy_g2_affine *points;
    const struct sy_fr *scalars;
    size_t count;
};

/* *ret = the sum. threads as in tree/parallel.h. -SY_E_CORRUPT for a coordinate >= p, -SY_E_NOMEM.
 */
int sy_msm_g1(struct sy_g1 *ret, const struct sy_msm_g1_input *input, unsigned threads,
              struct sy_error *err);
int sy_msm_g2(struct sy_g2 *ret, const struct sy_msm_g2_input *input, unsigned threads,
              struct sy_error *err);

/* The most that a sum in either group needs while it runs, stacks of threads left out. */
size_t sy_msm_memory_bytes(unsigned threads);

/* The kernel in use: "ifma" (AVX-512 IFMA) or "scalar". Chosen at first use. */
const char *sy_msm_impl_name(void);
/* Chooses it by name, NULL = the best the CPU has; -SY_E_UNSUPPORTED when the CPU lacks it,
 * -SY_E_ARG for an unknown name. For tests and benches; not while other threads compute. */
int sy_msm_force(const char *name, struct sy_error *err);

#endif
