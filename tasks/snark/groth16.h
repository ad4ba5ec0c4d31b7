/* Groth16 over BLS12-381 with the network's parameter files.
 *
 * A parameter set is three files in one directory (facts groth16.md 2): NAME.params, NAME.vk,
 * NAME.meta with NAME = "v28-" prefix "-" hex SHA-256 of the identifier. Parameters are mapped, not
 * read; their points are decoded as they are used. Sources: Groth 2016/260; file forms and
 * constants of bellperson. Threads: an opened parameter set is read-only and may be shared.
 */
#ifndef SEALYARD_TASKS_SNARK_GROTH16_H
#define SEALYARD_TASKS_SNARK_GROTH16_H

#include "tasks/field/pairing.h"
#include "tasks/snark/circuit.h"

#define SY_PROOF_BYTES 192 /* A (48), B (96), C (48), compressed */
#define SY_PARAMS_NAME_BYTES 192

enum sy_circuit_kind {
    SY_CIRCUIT_POREP,
    SY_CIRCUIT_WINNING,
    SY_CIRCUIT_WINDOW,
    SY_CIRCUIT_UPDATE,
    SY_CIRCUIT_KINDS,
};
/* "porep", "winning", "window", "update". */
const char *sy_circuit_kind_name(enum sy_circuit_kind kind);
int sy_circuit_kind_parse(const char *text, enum sy_circuit_kind *ret, struct sy_error *err);

/* Runs the blank circuit of a kind and size. -SY_E_RANGE for a size without parameters. */
int sy_circuit_run_blank(struct sy_cs *cs, enum sy_circuit_kind kind, uint64_t sector_bytes,
                         struct sy_error *err);
/* Name of the parameter set without extension. */
int sy_params_name(enum sy_circuit_kind kind, uint64_t sector_bytes,
                   char ret_name[SY_PARAMS_NAME_BYTES], struct sy_error *err);

/* ------------------------------------------------------------------------------ verifying key */

struct sy_groth16_vk {
    struct sy_g1_affine alpha_g1, beta_g1, delta_g1;
    struct sy_g2_affine beta_g2, gamma_g2, delta_g2;
    struct sy_g1_affine *ic; /* one per input, ONE included */
    uint32_t ic_count;
    struct sy_fp12 alpha_beta; /* e(alpha, beta) */
};
/* Reads a .vk file (or the head of a .params file): all points are checked for their subgroup, none
 * may be infinity. -SY_E_CORRUPT says what is wrong. */
int sy_groth16_vk_open(struct sy_groth16_vk *ret, const char *path, struct sy_error *err);
int sy_groth16_vk_parse(struct sy_groth16_vk *ret, const uint8_t *bytes, size_t count,
                        struct sy_error *err);
void sy_groth16_vk_fini(struct sy_groth16_vk *vk);

/* Checks one proof against the public inputs (without ONE). 0 = valid; -SY_E_MISMATCH = the
 * equation does not hold; -SY_E_CORRUPT = a point is malformed, outside its group or infinity;
 * -SY_E_ARG = wrong number of inputs. */
int sy_groth16_verify(const struct sy_groth16_vk *vk, const uint8_t proof[SY_PROOF_BYTES],
                      const struct sy_fr *inputs, uint32_t input_count, struct sy_error *err);
/* All of `count` proofs at once by a random combination: proofs are contiguous, inputs are count
 * rows of input_count. The error names the first bad proof. */
int sy_groth16_verify_batch(const struct sy_groth16_vk *vk, const uint8_t *proofs,
                            const struct sy_fr *inputs, uint32_t input_count, size_t count,
                            struct sy_error *err);

/* ----------------------------------------------------------------------------------- parameters */

struct sy_groth16_params {
    struct sy_groth16_vk vk;
    const uint8_t *h, *l, *a, *b_g1, *b_g2; /* encoded points inside the map */
    uint32_t h_count, l_count, a_count, b_count;
    void *map;
    size_t map_bytes;
};
/* Maps a .params file and checks that its counts and length fit together. Points are not checked.
 */
int sy_groth16_params_open(struct sy_groth16_params *ret, const char *path, struct sy_error *err);
void sy_groth16_params_close(struct sy_groth16_params *params);

/* The numbers that nobody may know for a real network, and the generators. */
struct sy_groth16_secrets {
    struct sy_g1_affine g1;
    struct sy_g2_affine g2;
    struct sy_fr alpha, beta, gamma, delta, tau;
};
/* From operating-system randomness. */
void sy_groth16_secrets_random(struct sy_groth16_secrets *ret);

struct sy_snark_progress {
    void (*on_progress)(void *ctx, const char *phase, uint64_t done, uint64_t total);
    void *ctx;
};

/* Writes NAME.params, NAME.vk and NAME.meta of a circuit into a directory, each durable and as a
 * whole. Cost for PoRep 2 KiB: 10.2 M fixed-base products in G1, 0.7 M in G2. */
int sy_groth16_generate(enum sy_circuit_kind kind, uint64_t sector_bytes,
                        const struct sy_groth16_secrets *secrets, const char *directory,
                        unsigned threads, const struct sy_snark_progress *progress,
                        struct sy_error *err);

/* BLAKE2b-512 of a file, first 16 bytes as 32 hex digits: the digest of parameters.json. */
int sy_params_digest(const char *path, char ret_text[33], const struct sy_snark_progress *progress,
                     struct sy_error *err);

/* --------------------------------------------------------------------------------------- prover */

/* How to synthesise one partition with its witness. */
typedef void sy_circuit_fn(struct sy_cs *cs, const void *witness);

/* Wall-clock times of the phases, of all circuits of one call together. */
struct sy_groth16_times {
    uint64_t witness_ms, fft_ms, h_ms, l_ms, a_ms, b_g1_ms, b_g2_ms, total_ms;
};

/* One circuit to prove. r and s blind the proof; NULL draws them from the operating system. */
struct sy_groth16_job {
    const void *witness;
    const struct sy_fr *r, *s;
    struct sy_fr *ret_inputs; /* may be NULL; gets vk.ic_count - 1 public inputs */
    uint8_t ret_proof[SY_PROOF_BYTES];
};
/* Proves `count` witnesses of one circuit, the partitions of a C2, and verifies every proof before
 * it returns. Given r and s, the bytes of a proof do not depend on count or threads.
 *
 * Together they take less than one by one in two ways. Witnesses are synthesised side by side, one
 * thread each: with many CPUs that is the longest phase, since one circuit has one thread. And each
 * of the five queries is summed for all circuits before the next query is touched, so a parameter
 * file that does not fit into memory as a whole is read from disk once per call, not once per
 * proof, as long as its largest query fits. Points are decoded once per circuit all the same:
 * reading, decoding and writing them down is 4.2 % of the time of the sums (2.7 % of a proof of 2
 * KiB, by samples of the CPU), and one pass for all would hold the buckets and digits of all.
 *
 * -SY_E_MISMATCH: a witness does not satisfy the circuit, or the parameters are damaged;
 * -SY_E_CORRUPT: parameters of another circuit, or damaged; -SY_E_NOMEM; the text names the circuit
 * by its place. Nothing is written then. threads as in tree/parallel.h. */
int sy_groth16_prove_many(const struct sy_groth16_params *params, sy_circuit_fn *circuit,
                          struct sy_groth16_job *jobs, size_t count, unsigned threads,
                          const struct sy_snark_progress *progress,
                          struct sy_groth16_times *ret_times, struct sy_error *err);
/* The same for one. */
int sy_groth16_prove(const struct sy_groth16_params *params, sy_circuit_fn *circuit,
                     const void *witness, const struct sy_fr *r, const struct sy_fr *s,
                     unsigned threads, const struct sy_snark_progress *progress,
                     uint8_t ret_proof[SY_PROOF_BYTES], struct sy_fr *ret_inputs,
                     struct sy_groth16_times *ret_times, struct sy_error *err);
/* Bytes that a call with `count` circuits needs besides the mapped parameters. */
uint64_t sy_groth16_memory_bytes(const struct sy_groth16_params *params, unsigned threads,
                                 size_t count);

#endif
