/* What the parts of bench_snark share: the tables of results, clocks, inputs. One thread. */
#ifndef SEALYARD_TESTS_BENCH_SNARK_H
#define SEALYARD_TESTS_BENCH_SNARK_H

#include "tasks/snark/msm.h"

/* Seconds of this thread's CPU time, and of the world. */
double bench_cpu_s(void);
double bench_wall_s(void);

/* A rate of one core: time of one operation and the least that it can take (0 = unknown). Texts are
 * kept, not copied. */
void bench_rate(const char *name, unsigned log2_size, const char *kernel, double ns,
                double limit_ns, const char *limit);
/* The time of that operation in this run, 0 when it was not measured. */
double bench_rate_of(const char *name, unsigned log2_size, const char *kernel);

/* Any other number. `ratio` (0 = none) is to what `against` says. */
void bench_number(const char *name, double value, const char *unit, double ratio,
                  const char *against);
/* A line about what could not be measured. */
void bench_skip(const char *what, const char *why);

/* Points and full scalars, the same for all parts; counts are powers of two. */
struct bench_inputs {
    struct sy_g1_affine *g1;
    struct sy_g2_affine *g2;
    struct sy_fr *full, *bits, *witness;
};
/* Bytes of G1 and G2 sums of 2^log2_size points by our code, compressed, and the least CPU time of
 * `runs` calls with one thread. */
double bench_time_g1(const struct bench_inputs *in, const struct sy_fr *scalars, unsigned log2_size,
                     int runs, uint8_t ret_sum[SY_G1_COMPRESSED_BYTES]);
double bench_time_g2(const struct bench_inputs *in, const struct sy_fr *scalars, unsigned log2_size,
                     int runs, uint8_t ret_sum[SY_G2_COMPRESSED_BYTES]);

/* Time of one of eight products, independent ones in a row, by the wide field code: fp and fr. Only
 * where the CPU has its instructions. */
double bench_wide_fp_ns(void);
double bench_wide_fr_ns(void);
/* Time of one 52-bit multiplication of eight lanes, twelve chains at once. */
double bench_wide_word_ns(void);

/* Sums of the same points by another library on the same core right after ours. False when the
 * library cannot be used or its sums differ: the run has then failed. */
bool bench_peer(const struct bench_inputs *in, const char *path);
/* Parameter generation, verification, and C2 of 2 KiB by the program. False when something that
 * should have worked did not. */
bool bench_proofs(const char *parameters, bool full);

#endif
