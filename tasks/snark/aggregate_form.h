/* Shared by the aggregating prover and the verifier: the proof in memory and as bytes, the
 * transcript, the challenges. Facts groth16.md 8.2 to 8.4. Threads: pure functions; a transcript
 * belongs to one thread. */
#ifndef SEALYARD_TASKS_SNARK_AGGREGATE_FORM_H
#define SEALYARD_TASKS_SNARK_AGGREGATE_FORM_H

#include "tasks/hash/sha256.h"
#include "tasks/snark/aggregate.h"

#define SY_GT_BYTES 576
#define SY_GT_COMPRESSED_BYTES 288

/* What one halving sends: left and right of each product. */
struct sy_aggregate_round {
    struct sy_fp12 tab[4]; /* left alpha, left beta, right alpha, right beta */
    struct sy_fp12 tuc[4];
    struct sy_fp12 zab[2];
    struct sy_g1_affine zc[2];
};

struct sy_aggregate {
    unsigned log;
    struct sy_fp12 com_ab[2], com_c[2], ip_ab;
    struct sy_g1_affine agg_c;
    struct sy_aggregate_round rounds[SY_AGGREGATE_LOG_MAX];
    struct sy_g1_affine a, c;
    struct sy_g2_affine b;
    struct sy_g2_affine vkey[2], vkey_opening[2];
    struct sy_g1_affine wkey[2], wkey_opening[2];
};

/* ret has SY_AGGREGATE_BYTES(log). -SY_E_UNSUPPORTED for a product that is one: it has no
 * compressed form. */
int sy_aggregate_encode(uint8_t *ret, const struct sy_aggregate *proof, struct sy_error *err);
/* Every point is checked for its group, every product for its order. -SY_E_CORRUPT. */
int sy_aggregate_decode(struct sy_aggregate *ret, const uint8_t *bytes, size_t count,
                        struct sy_error *err);

int sy_gt_compress(uint8_t ret[SY_GT_COMPRESSED_BYTES], const struct sy_fp12 *a,
                   struct sy_error *err);
int sy_gt_decompress(struct sy_fp12 *ret, const uint8_t bytes[SY_GT_COMPRESSED_BYTES],
                     struct sy_error *err);

struct sy_transcript {
    struct sy_sha256 sha;
};
void sy_transcript_begin(struct sy_transcript *t, const char *tag);
void sy_transcript_fr(struct sy_transcript *t, const struct sy_fr *a);
void sy_transcript_g1(struct sy_transcript *t, const struct sy_g1_affine *a);
void sy_transcript_g2(struct sy_transcript *t, const struct sy_g2_affine *a);
void sy_transcript_gt(struct sy_transcript *t, const struct sy_fp12 *a, size_t count);
void sy_transcript_bytes(struct sy_transcript *t, const uint8_t *bytes, uint64_t count);
/* Neither 0 nor 1. */
void sy_transcript_challenge(struct sy_transcript *t, struct sy_fr *ret);

/* The challenges in the order in which they arise; both sides call the same functions. */
void sy_aggregate_begin(const struct sy_aggregate *proof, const uint8_t *include,
                        struct sy_fr *ret_hcom, struct sy_fr *ret_r);
void sy_aggregate_first(const struct sy_aggregate *proof, const struct sy_fr *hcom,
                        const struct sy_fr *r, struct sy_fr *ret_c_inv);
/* *c_inv is that of the round before (or of sy_aggregate_first) and becomes that of this one. */
void sy_aggregate_next(const struct sy_aggregate *proof, enum sy_aggregate_version version,
                       unsigned round, struct sy_fr *c_inv);
/* last_x = inverse of the last c_inv. */
void sy_aggregate_opening_point(const struct sy_aggregate *proof, enum sy_aggregate_version version,
                                const struct sy_fr *last_x, struct sy_fr *ret_z);

/* Every equation of the verifier except that of Groth16, which needs the key and the inputs. */
int sy_aggregate_check_commitments(const struct sy_srs *srs, enum sy_aggregate_version version,
                                   const uint8_t include[SY_AGGREGATE_INCLUDE_BYTES],
                                   const uint8_t *bytes, size_t byte_count, struct sy_error *err);

#endif
