/* Fourier transforms over Fr, as the prover's domain wants them.
 *
 * A domain of size 2^k, k <= 32, has the root 7^((r-1)/2^32) squared (32 - k) times; X_i = sum_j
 * x_j omega^(ij), natural order in and out. Two kernels: "ifma" (eight lanes, AVX-512; passes of up
 * to 256 points in the cache, no twiddle table) and "scalar" (any CPU; 2^(k-1) twiddles of 32
 * bytes). Source: facts groth16.md 1.2 and 3.3.
 */
#ifndef SEALYARD_TASKS_SNARK_FFT_H
#define SEALYARD_TASKS_SNARK_FFT_H

#include "tasks/field/fr.h"

#define SY_FFT_LOG2_MAX 32

struct sy_fft;
/* Makes the twiddles of a domain. threads as in tree/parallel.h. -SY_E_RANGE, -SY_E_NOMEM. */
int sy_fft_create(struct sy_fft **ret, unsigned log2_size, unsigned threads, struct sy_error *err);
void sy_fft_destroy(struct sy_fft *fft);
size_t sy_fft_size(const struct sy_fft *fft);
const struct sy_fr *sy_fft_omega(const struct sy_fft *fft);

/* In place over sy_fft_size elements. */
int sy_fft_forward(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err);
/* The inverse, 1/size included. */
int sy_fft_inverse(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err);
/* The same on the coset 7 * H: data_i *= 7^i first, or *= 7^-i last. */
int sy_fft_coset_forward(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err);
int sy_fft_coset_inverse(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err);
/* sy_fft_inverse and sy_fft_coset_forward in one: values on the domain to values on the coset. Half
 * the memory traffic: nothing is brought to natural order in between. */
int sy_fft_to_coset(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err);
/* 1 / (7^size - 1): the vanishing polynomial is constant on the coset. */
void sy_fft_coset_vanishing_inverse(const struct sy_fft *fft, struct sy_fr *ret);

/* The kernel that new domains take: "ifma" or "scalar" (domains below 2^6 are scalar always). */
const char *sy_fft_impl_name(void);
/* Chooses it by name, NULL = the best the CPU has; -SY_E_UNSUPPORTED, -SY_E_ARG as in msm.h. */
int sy_fft_force(const char *name, struct sy_error *err);

#endif
