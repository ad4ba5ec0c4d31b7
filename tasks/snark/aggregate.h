/* SnarkPack: one short proof in place of many Groth16 proofs of one circuit.
 *
 * Aggregates n proofs (a power of two, 2 .. 8192) into 2260 + 2976 * log2(n) bytes that a verifier
 * checks against the public inputs of all n. Sources: Gailly, Maller, Nitulescu 2021/529; byte
 * forms, transcript and the two versions of the network in facts groth16.md 8. FIP-0013 uses it for
 * ProveCommit; network version 16 and later take version 2.
 *
 * The reference string (SRS) comes from a ceremony; sy_srs_generate makes one for test networks.
 * Threads: an opened SRS is read-only and may be shared.
 */
#ifndef SEALYARD_TASKS_SNARK_AGGREGATE_H
#define SEALYARD_TASKS_SNARK_AGGREGATE_H

#include "tasks/snark/porep_verify.h"

#define SY_SRS_FILE_NAME "v28-fil-inner-product-v1.srs"
#define SY_AGGREGATE_LOG_MAX 13
#define SY_AGGREGATE_PROOFS_MAX (1u << SY_AGGREGATE_LOG_MAX)
#define SY_AGGREGATE_BYTES(log) (2260 + (size_t)2976 * (log))
#define SY_AGGREGATE_BYTES_MAX SY_AGGREGATE_BYTES(SY_AGGREGATE_LOG_MAX)
#define SY_AGGREGATE_INCLUDE_BYTES 32

/* Numbers of the network's RegisteredAggregationProof. */
enum sy_aggregate_version { SY_SNARKPACK_V1 = 0, SY_SNARKPACK_V2 = 1 };

/* Powers of two secret numbers: g_alpha[i] = g * alpha^i and so on. */
struct sy_srs {
    uint32_t g_count, h_count; /* of each vector, as far as they were read */
    struct sy_g1_affine *g_alpha, *g_beta;
    struct sy_g2_affine *h_alpha, *h_beta;
};

/* Reads what aggregating `proofs` proofs needs: 2 * proofs elements in G1, proofs in G2; at least
 * two of each. proofs = 2 is enough for a verifier of any size. All points read are checked to be
 * of order r. -SY_E_LIMIT when the file holds fewer, -SY_E_CORRUPT. threads as in tree/parallel.h.
 */
int sy_srs_open(struct sy_srs *ret, const char *path, uint32_t proofs, unsigned threads,
                struct sy_error *err);
int sy_srs_parse(struct sy_srs *ret, const uint8_t *bytes, size_t count, uint32_t proofs,
                 unsigned threads, struct sy_error *err);
void sy_srs_fini(struct sy_srs *srs);

/* Writes an SRS for up to `proofs` proofs (2 * proofs entries per vector) from given secrets over
 * the standard generators; durable. For tests: whoever knows the secrets can forge aggregates. */
int sy_srs_generate(const char *path, uint32_t proofs, const struct sy_fr *alpha,
                    const struct sy_fr *beta, struct sy_error *err);

/* Aggregates `count` proofs of 192 bytes each, 1 .. SY_AGGREGATE_PROOFS_MAX; the list is padded to
 * a power of two (at least 2) with its last proof. `include` binds the aggregate to what it is
 * about (sy_aggregate_include). *ret_bytes is malloc'ed, the caller frees it. The proofs are
 * decoded but not verified. -SY_E_RANGE, -SY_E_CORRUPT for a malformed proof (its number),
 * -SY_E_LIMIT when the SRS is too short, -SY_E_NOMEM. Work: 12 pairings and 14 products by scalars
 * per proof. */
int sy_aggregate_prove(const struct sy_srs *srs, enum sy_aggregate_version version,
                       const uint8_t include[SY_AGGREGATE_INCLUDE_BYTES], const uint8_t *proofs,
                       size_t count, unsigned threads, uint8_t **ret_bytes, size_t *ret_count,
                       struct sy_error *err);

/* 0 = the aggregate holds for `count` rows of input_count public inputs, in the order of the
 * proofs, without padding. -SY_E_CORRUPT: malformed; -SY_E_MISMATCH names the equation that fails;
 * -SY_E_ARG: the number of inputs is not the key's; -SY_E_RANGE: count. */
int sy_aggregate_verify(const struct sy_srs *srs, const struct sy_groth16_vk *vk,
                        enum sy_aggregate_version version,
                        const uint8_t include[SY_AGGREGATE_INCLUDE_BYTES],
                        const struct sy_fr *inputs, uint32_t input_count, size_t count,
                        const uint8_t *bytes, size_t byte_count, struct sy_error *err);

/* What an aggregate of seals is bound to: SHA-256 over seed | comm_r of each sector, of
 * non-interactive ones comm_r alone. The claims are of one proof type (the first one's counts). */
void sy_aggregate_include(const struct sy_porep_claim *claims, size_t sectors,
                          uint8_t ret[SY_AGGREGATE_INCLUDE_BYTES]);

/* The chain's question about an aggregate of whole sectors, in order: all partitions of the first,
 * then of the second. -SY_E_ARG when the claims are of different proof types. */
int sy_porep_verify_aggregate(struct sy_vk_store *store, const struct sy_srs *srs,
                              enum sy_aggregate_version version,
                              const struct sy_porep_claim *claims, size_t sectors,
                              const uint8_t *bytes, size_t byte_count, struct sy_error *err);

#endif
