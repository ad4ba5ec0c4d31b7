#include "tasks/snark/aggregate_form.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------- products of pairings */

static void put_fp(uint8_t *ret, const struct sy_fp *a)
{
    uint8_t big[SY_FP_BYTES];
    sy_fp_to_bytes(big, a);
    for (unsigned i = 0; i < SY_FP_BYTES; i++)
        ret[i] = big[SY_FP_BYTES - 1 - i];
}

static int get_fp(struct sy_fp *ret, const uint8_t *bytes, struct sy_error *err)
{
    uint8_t big[SY_FP_BYTES];
    for (unsigned i = 0; i < SY_FP_BYTES; i++)
        big[i] = bytes[SY_FP_BYTES - 1 - i];
    return sy_fp_from_bytes(ret, big, err);
}

/* c0.c0, c0.c1, c1.c0, ... little-endian. */
static void put_fp6(uint8_t *ret, const struct sy_fp6 *a)
{
    const struct sy_fp2 *const parts[] = {&a->c0, &a->c1, &a->c2};
    for (unsigned i = 0; i < 3; i++) {
        put_fp(ret + (size_t)2 * i * SY_FP_BYTES, &parts[i]->c0);
        put_fp(ret + (size_t)(2 * i + 1) * SY_FP_BYTES, &parts[i]->c1);
    }
}

static int get_fp6(struct sy_fp6 *ret, const uint8_t *bytes, struct sy_error *err)
{
    struct sy_fp2 *const parts[] = {&ret->c0, &ret->c1, &ret->c2};
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < 3; i++) {
        rc = get_fp(&parts[i]->c0, bytes + (size_t)2 * i * SY_FP_BYTES, err);
        if (rc == 0)
            rc = get_fp(&parts[i]->c1, bytes + (size_t)(2 * i + 1) * SY_FP_BYTES, err);
    }
    return rc;
}

static bool fp6_is_zero(const struct sy_fp6 *a)
{
    return sy_fp2_is_zero(&a->c0) && sy_fp2_is_zero(&a->c1) && sy_fp2_is_zero(&a->c2);
}

/* g = c0 + c1 w of norm one is (s + w) / (s - w) with s = (c0 + 1) / c1. */
int sy_gt_compress(uint8_t ret[SY_GT_COMPRESSED_BYTES], const struct sy_fp12 *a,
                   struct sy_error *err)
{
    struct sy_fp6 s, inverse;
    if (fp6_is_zero(&a->c1))
        return sy_fail(err, SY_E_UNSUPPORTED,
                       "a product of pairings is one or minus one and has no compressed form");
    sy_fp6_add(&s, &a->c0, &sy_fp12_one.c0);
    sy_fp6_inv(&inverse, &a->c1);
    sy_fp6_mul(&s, &s, &inverse);
    put_fp6(ret, &s);
    return 0;
}

int sy_gt_decompress(struct sy_fp12 *ret, const uint8_t bytes[SY_GT_COMPRESSED_BYTES],
                     struct sy_error *err)
{
    struct sy_fp12 value, below, power;
    int rc = get_fp6(&value.c0, bytes, err);
    if (rc != 0)
        return rc;
    value.c1 = sy_fp12_one.c0;
    sy_fp12_conj(&below, &value);
    sy_fp12_inv(&below, &below);
    sy_fp12_mul(&value, &value, &below);
    sy_fp12_pow(&power, &value, sy_fr_modulus, SY_FR_LIMBS);
    if (!sy_fp12_equal(&power, &sy_fp12_one))
        return sy_fail(err, SY_E_CORRUPT, "a product of pairings is not of order r");
    *ret = value;
    return 0;
}

/* -------------------------------------------------------------------------------------- transcript
 */

void sy_transcript_begin(struct sy_transcript *t, const char *tag)
{
    static const char prefix[] = "snarkpack-v1";
    sy_sha256_init(&t->sha);
    sy_sha256_update(&t->sha, prefix, sizeof prefix - 1);
    sy_sha256_update(&t->sha, tag, strlen(tag));
}

void sy_transcript_fr(struct sy_transcript *t, const struct sy_fr *a)
{
    uint8_t bytes[SY_FR_BYTES];
    sy_fr_to_bytes(bytes, a);
    sy_sha256_update(&t->sha, bytes, sizeof bytes);
}

void sy_transcript_g1(struct sy_transcript *t, const struct sy_g1_affine *a)
{
    uint8_t bytes[SY_G1_COMPRESSED_BYTES];
    sy_g1_compress(bytes, a);
    sy_sha256_update(&t->sha, bytes, sizeof bytes);
}

void sy_transcript_g2(struct sy_transcript *t, const struct sy_g2_affine *a)
{
    uint8_t bytes[SY_G2_COMPRESSED_BYTES];
    sy_g2_compress(bytes, a);
    sy_sha256_update(&t->sha, bytes, sizeof bytes);
}

void sy_transcript_gt(struct sy_transcript *t, const struct sy_fp12 *a, size_t count)
{
    uint8_t bytes[SY_GT_BYTES];
    for (size_t i = 0; i < count; i++) {
        put_fp6(bytes, &a[i].c0);
        put_fp6(bytes + SY_GT_BYTES / 2, &a[i].c1);
        sy_sha256_update(&t->sha, bytes, sizeof bytes);
    }
}

void sy_transcript_bytes(struct sy_transcript *t, const uint8_t *bytes, uint64_t count)
{
    uint8_t length[8];
    for (unsigned i = 0; i < sizeof length; i++)
        length[i] = (uint8_t)(count >> 8 * i);
    sy_sha256_update(&t->sha, length, sizeof length);
    sy_sha256_update(&t->sha, bytes, (size_t)count);
}

void sy_transcript_challenge(struct sy_transcript *t, struct sy_fr *ret)
{
    bool found = false;
    for (uint64_t counter = 1; !found; counter++) {
        uint8_t bytes[8], digest[SY_SHA256_BYTES];
        for (unsigned i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(counter >> (56 - 8 * i));
        sy_sha256_update(&t->sha, bytes, sizeof bytes);
        struct sy_sha256 copy = t->sha;
        sy_sha256_final(&copy, digest);
        digest[SY_SHA256_BYTES - 1] &= 0x7f;
        found = sy_fr_bytes_canonical(digest) && sy_fr_from_bytes(ret, digest, NULL) == 0 &&
                !sy_fr_is_zero(ret) && !sy_fr_equal(ret, &sy_fr_one);
    }
}

/* -------------------------------------------------------------------------------------- challenges
 */

void sy_aggregate_begin(const struct sy_aggregate *proof, const uint8_t *include,
                        struct sy_fr *ret_hcom, struct sy_fr *ret_r)
{
    struct sy_transcript t;
    sy_transcript_begin(&t, "hcom");
    sy_transcript_gt(&t, proof->com_ab, 2);
    sy_transcript_gt(&t, proof->com_c, 2);
    sy_transcript_challenge(&t, ret_hcom);
    sy_transcript_begin(&t, "random-r");
    sy_transcript_fr(&t, ret_hcom);
    sy_transcript_bytes(&t, include, SY_AGGREGATE_INCLUDE_BYTES);
    sy_transcript_challenge(&t, ret_r);
}

void sy_aggregate_first(const struct sy_aggregate *proof, const struct sy_fr *hcom,
                        const struct sy_fr *r, struct sy_fr *ret_c_inv)
{
    struct sy_transcript t;
    sy_transcript_begin(&t, "gipa-0");
    sy_transcript_fr(&t, hcom);
    sy_transcript_gt(&t, &proof->ip_ab, 1);
    sy_transcript_g1(&t, &proof->agg_c);
    sy_transcript_fr(&t, r);
    sy_transcript_challenge(&t, ret_c_inv);
}

static void put_round(struct sy_transcript *t, const struct sy_aggregate_round *round)
{
    sy_transcript_gt(t, round->zab, 2);
    sy_transcript_g1(t, &round->zc[0]);
    sy_transcript_g1(t, &round->zc[1]);
    sy_transcript_gt(t, round->tab, 4);
    sy_transcript_gt(t, round->tuc, 4);
}

void sy_aggregate_next(const struct sy_aggregate *proof, enum sy_aggregate_version version,
                       unsigned round, struct sy_fr *c_inv)
{
    struct sy_transcript t;
    char tag[24];
    if (round == 0 && version == SY_SNARKPACK_V1)
        return;
    snprintf(tag, sizeof tag, "gipa-%u", round);
    sy_transcript_begin(&t, tag);
    sy_transcript_fr(&t, c_inv);
    put_round(&t, &proof->rounds[round]);
    sy_transcript_challenge(&t, c_inv);
}

static void put_keys(struct sy_transcript *t, const struct sy_aggregate *proof)
{
    sy_transcript_g2(t, &proof->vkey[0]);
    sy_transcript_g2(t, &proof->vkey[1]);
    sy_transcript_g1(t, &proof->wkey[0]);
    sy_transcript_g1(t, &proof->wkey[1]);
}

static void put_last(struct sy_transcript *t, const struct sy_aggregate *proof)
{
    sy_transcript_g1(t, &proof->a);
    sy_transcript_g2(t, &proof->b);
    sy_transcript_g1(t, &proof->c);
}

void sy_aggregate_opening_point(const struct sy_aggregate *proof, enum sy_aggregate_version version,
                                const struct sy_fr *last_x, struct sy_fr *ret_z)
{
    struct sy_transcript t;
    struct sy_fr extra;
    sy_transcript_begin(&t, "gipa-extra-link");
    sy_transcript_fr(&t, last_x);
    put_last(&t, proof);
    put_round(&t, &proof->rounds[proof->log - 1]);
    sy_transcript_challenge(&t, &extra);
    sy_transcript_begin(&t, "random-z");
    sy_transcript_fr(&t, version == SY_SNARKPACK_V1 ? last_x : &extra);
    put_keys(&t, proof);
    if (version != SY_SNARKPACK_V1)
        put_last(&t, proof);
    sy_transcript_challenge(&t, ret_z);
}

/* ------------------------------------------------------------------------------------------- bytes
 */

/* One walk over the fields serves writing and reading. */
struct codec {
    uint8_t *out;      /* writing, or NULL */
    const uint8_t *in; /* reading, or NULL */
    int rc;
    struct sy_error *err;
};

static void code_gt(struct codec *codec, struct sy_fp12 *a)
{
    if (codec->rc != 0)
        return;
    if (codec->out) {
        codec->rc = sy_gt_compress(codec->out, a, codec->err);
        codec->out += SY_GT_COMPRESSED_BYTES;
    } else {
        codec->rc = sy_gt_decompress(a, codec->in, codec->err);
        codec->in += SY_GT_COMPRESSED_BYTES;
    }
}

static void code_g1(struct codec *codec, struct sy_g1_affine *a)
{
    if (codec->rc != 0)
        return;
    if (codec->out) {
        sy_g1_compress(codec->out, a);
        codec->out += SY_G1_COMPRESSED_BYTES;
    } else {
        codec->rc = sy_g1_decompress(a, codec->in, true, codec->err);
        codec->in += SY_G1_COMPRESSED_BYTES;
    }
}

static void code_g2(struct codec *codec, struct sy_g2_affine *a)
{
    if (codec->rc != 0)
        return;
    if (codec->out) {
        sy_g2_compress(codec->out, a);
        codec->out += SY_G2_COMPRESSED_BYTES;
    } else {
        codec->rc = sy_g2_decompress(a, codec->in, true, codec->err);
        codec->in += SY_G2_COMPRESSED_BYTES;
    }
}

/* The number of proofs, little-endian; log is known to both sides. */
static void code_count(struct codec *codec, unsigned log)
{
    for (unsigned i = 0; i < 4; i++) {
        uint8_t byte = (uint8_t)(UINT32_C(1) << log >> 8 * i);
        if (codec->out)
            *codec->out++ = byte;
        else
            codec->in++;
    }
}

static void code_rounds(struct codec *codec, struct sy_aggregate *proof)
{
    for (unsigned i = 0; i < proof->log; i++)
        for (unsigned k = 0; k < 4; k++)
            code_gt(codec, &proof->rounds[i].tab[k]);
    for (unsigned i = 0; i < proof->log; i++)
        for (unsigned k = 0; k < 4; k++)
            code_gt(codec, &proof->rounds[i].tuc[k]);
    for (unsigned i = 0; i < proof->log; i++)
        for (unsigned k = 0; k < 2; k++)
            code_gt(codec, &proof->rounds[i].zab[k]);
    for (unsigned i = 0; i < proof->log; i++)
        for (unsigned k = 0; k < 2; k++)
            code_g1(codec, &proof->rounds[i].zc[k]);
}

static int code_proof(struct codec *codec, struct sy_aggregate *proof)
{
    code_gt(codec, &proof->com_ab[0]);
    code_gt(codec, &proof->com_ab[1]);
    code_gt(codec, &proof->com_c[0]);
    code_gt(codec, &proof->com_c[1]);
    code_gt(codec, &proof->ip_ab);
    code_g1(codec, &proof->agg_c);
    code_count(codec, proof->log);
    code_rounds(codec, proof);
    code_g1(codec, &proof->a);
    code_g2(codec, &proof->b);
    code_g1(codec, &proof->c);
    code_g2(codec, &proof->vkey[0]);
    code_g2(codec, &proof->vkey[1]);
    code_g1(codec, &proof->wkey[0]);
    code_g1(codec, &proof->wkey[1]);
    code_g2(codec, &proof->vkey_opening[0]);
    code_g2(codec, &proof->vkey_opening[1]);
    code_g1(codec, &proof->wkey_opening[0]);
    code_g1(codec, &proof->wkey_opening[1]);
    return codec->rc;
}

int sy_aggregate_encode(uint8_t *ret, const struct sy_aggregate *proof, struct sy_error *err)
{
    struct codec codec = {.out = ret, .err = err};
    return code_proof(&codec, (struct sy_aggregate *)(uintptr_t)proof);
}

int sy_aggregate_decode(struct sy_aggregate *ret, const uint8_t *bytes, size_t count,
                        struct sy_error *err)
{
    struct codec codec = {.in = bytes, .err = err};
    const size_t count_at = 5 * SY_GT_COMPRESSED_BYTES + SY_G1_COMPRESSED_BYTES;
    unsigned log = 1;
    if (count < SY_AGGREGATE_BYTES(1) || count > SY_AGGREGATE_BYTES_MAX)
        return sy_fail(err, SY_E_CORRUPT, "an aggregate has %zu bytes, expected %zu to %zu", count,
                       SY_AGGREGATE_BYTES(1), SY_AGGREGATE_BYTES_MAX);
    const uint8_t *at = bytes + count_at;
    uint32_t proofs = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    while (log < SY_AGGREGATE_LOG_MAX && UINT32_C(1) << log < proofs)
        log++;
    if (proofs != UINT32_C(1) << log || count != SY_AGGREGATE_BYTES(log))
        return sy_fail(err, SY_E_CORRUPT,
                       "an aggregate of %zu bytes names %u proofs: expected a power of two and "
                       "2260 + 2976 * log2 bytes",
                       count, proofs);
    ret->log = log;
    return code_proof(&codec, ret);
}
