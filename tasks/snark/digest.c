#include "tasks/snark/digest.h"

#include <stdlib.h>
#include <string.h>

#define TERM_BYTES 37

static bool grow_bitmaps(struct sy_circuit_digest *d, size_t needed)
{
    size_t bytes = d->bitmap_bytes ? d->bitmap_bytes : 4096;
    while (bytes < needed)
        bytes *= 2;
    uint8_t *a = realloc(d->a_aux, bytes);
    if (a)
        d->a_aux = a;
    uint8_t *b = realloc(d->b_aux, bytes);
    if (b)
        d->b_aux = b;
    if (!a || !b)
        return false;
    memset(a + d->bitmap_bytes, 0, bytes - d->bitmap_bytes);
    memset(b + d->bitmap_bytes, 0, bytes - d->bitmap_bytes);
    d->bitmap_bytes = bytes;
    return true;
}

static void mark(struct sy_circuit_digest *d, uint8_t **bitmap, uint32_t aux)
{
    if (aux / 8 >= d->bitmap_bytes && !grow_bitmaps(d, (size_t)aux / 8 + 1)) {
        d->failed = true;
        return;
    }
    (*bitmap)[aux / 8] = (uint8_t)((*bitmap)[aux / 8] | 1u << aux % 8);
}

static void hash_lc(struct sy_circuit_digest *d, const struct sy_lc *lc)
{
    uint8_t bytes[TERM_BYTES];
    memcpy(bytes, &lc->count, 4); /* little-endian, as the machine is */
    sy_sha256_update(&d->sha, bytes, 4);
    for (uint32_t i = 0; i < lc->count; i++) {
        uint32_t index = lc->terms[i].var & ~SY_VAR_INPUT;
        bytes[0] = (lc->terms[i].var & SY_VAR_INPUT) ? 0 : 1;
        memcpy(bytes + 1, &index, 4);
        sy_fr_to_bytes(bytes + 5, &lc->terms[i].coeff);
        sy_sha256_update(&d->sha, bytes, sizeof bytes);
    }
}

static void on_constraint(void *ctx, const struct sy_lc *a, const struct sy_lc *b,
                          const struct sy_lc *c)
{
    struct sy_circuit_digest *d = ctx;
    hash_lc(d, a);
    hash_lc(d, b);
    hash_lc(d, c);
    d->terms_a += a->count;
    d->terms_b += b->count;
    d->terms_c += c->count;
    for (uint32_t i = 0; i < a->count; i++)
        if (!(a->terms[i].var & SY_VAR_INPUT))
            mark(d, &d->a_aux, a->terms[i].var);
    for (uint32_t i = 0; i < b->count; i++) {
        if (!(b->terms[i].var & SY_VAR_INPUT))
            mark(d, &d->b_aux, b->terms[i].var);
        else if (b->terms[i].var != SY_VAR_ONE)
            d->b_input_other = true;
    }
    d->constraints++;
    if (d->on_checkpoint && d->constraints % d->checkpoint_every == 0) {
        uint8_t digest[32];
        sy_circuit_digest_get(d, digest);
        d->on_checkpoint(d->ctx, d->constraints, digest);
    }
}

void sy_circuit_digest_init(struct sy_circuit_digest *digest)
{
    memset(digest, 0, sizeof *digest);
    digest->sink = (struct sy_cs_sink){true, on_constraint, digest};
    sy_sha256_init(&digest->sha);
}

void sy_circuit_digest_fini(struct sy_circuit_digest *digest)
{
    free(digest->a_aux);
    free(digest->b_aux);
    digest->a_aux = digest->b_aux = NULL;
}

void sy_circuit_digest_get(const struct sy_circuit_digest *digest, uint8_t ret[32])
{
    struct sy_sha256 copy = digest->sha;
    sy_sha256_final(&copy, ret);
}

uint64_t sy_circuit_density(const uint8_t *bitmap, size_t bitmap_bytes, uint32_t aux,
                            uint8_t ret_sha256[32])
{
    struct sy_sha256 sha;
    uint64_t marked = 0;
    static const uint8_t zero;
    sy_sha256_init(&sha);
    for (size_t i = 0; i < ((size_t)aux + 7) / 8; i++) {
        const uint8_t *byte = i < bitmap_bytes ? &bitmap[i] : &zero;
        sy_sha256_update(&sha, byte, 1);
        marked += (uint64_t)__builtin_popcount(*byte);
    }
    sy_sha256_final(&sha, ret_sha256);
    return marked;
}
