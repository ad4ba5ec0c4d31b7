/* Internal: a domain and the kernels of its transforms.
 *
 * A transform over the whole array goes in passes. Pass p of 2^bits[p] legs splits each block of
 * size N into legs of N / 2^bits elements: transforms of 2^bits points over the legs, element by
 * element, then one twiddle factor w_N^(f j) for the element j of the leg with frequency f. Forward
 * passes take natural order and leave bit-reversed order; the same passes mirrored (factors first,
 * last pass first) take bit-reversed order back to natural order, with the same root. So a pair of
 * transforms around work on single elements needs no reordering.
 */
#ifndef SEALYARD_TASKS_SNARK_FFT_OPS_H
#define SEALYARD_TASKS_SNARK_FFT_OPS_H

#include "tasks/snark/fft.h"

#define SY_FFT_PASS_BITS_MAX 8
#define SY_FFT_PASSES_MAX 4
/* Smaller domains are left to the scalar code. */
#define SY_FFT_WIDE_LOG2_MIN 6

struct sy_fft {
    unsigned log2_size, threads;
    size_t size;
    bool wide; /* the IFMA kernel, else twiddle */
    struct sy_fr omega, omega_inverse, size_inverse;
    struct sy_fr *twiddle; /* omega^i, i < size / 2 */
    unsigned passes, bits[SY_FFT_PASSES_MAX];
};

bool sy_fft_ifma_usable(void);
/* In place, natural to bit-reversed order with the root `omega` (a primitive root of the domain's
 * order), and bit-reversed to natural order with it. */
int sy_fft_ifma_to_reversed(const struct sy_fft *fft, const struct sy_fr *omega, struct sy_fr *data,
                            struct sy_error *err);
int sy_fft_ifma_to_natural(const struct sy_fft *fft, const struct sy_fr *omega, struct sy_fr *data,
                           struct sy_error *err);
/* data_i *= first * base^i; when `reversed`, element i lies at the place with i's bits reversed. */
int sy_fft_ifma_scale(const struct sy_fft *fft, struct sy_fr *data, const struct sy_fr *first,
                      const struct sy_fr *base, bool reversed, struct sy_error *err);
size_t sy_fft_reverse_bits(size_t value, unsigned bits);

#endif
