/* Any bytes as a Groth16 proof, and as an aggregate. The first byte chooses; a proof is held
 * against a real key, so that accepting anything would be a finding: the only valid proofs are
 * known. */
#include <stdlib.h>
#include <string.h>

#include "tasks/snark/aggregate_form.h"

#define VK                                                                                         \
    "/reference/files/vk/v28-proof-of-spacetime-fallback-merkletree-poseidon_hasher-8-0-0-"        \
    "0170db1f394b35d995252228ee359194b13199d259380541dc529fb0099096b0.vk"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct sy_groth16_vk vk;

static void open_key(void)
{
    if (!vk.ic && sy_groth16_vk_open(&vk, SY_KAT_DIR VK, NULL) != 0)
        abort();
}

/* What decodes must encode to the same bytes. */
static void try_aggregate(const uint8_t *data, size_t bytes)
{
    struct sy_aggregate *proof = calloc(1, sizeof *proof);
    uint8_t *again = malloc(SY_AGGREGATE_BYTES_MAX);
    if (proof && again && sy_aggregate_decode(proof, data, bytes, NULL) == 0 &&
        sy_aggregate_encode(again, proof, NULL) == 0 && memcmp(again, data, bytes) != 0)
        abort();
    free(proof);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct sy_fr inputs[64];
    uint8_t proofs[2 * SY_PROOF_BYTES] = {0};
    if (bytes == 0)
        return 0;
    open_key();
    if (data[0] & 1) {
        try_aggregate(data + 1, bytes - 1);
        return 0;
    }
    memcpy(proofs, data + 1, SY_MIN(bytes - 1, sizeof proofs));
    size_t count = bytes - 1 > SY_PROOF_BYTES ? 2 : 1;
    if (sy_groth16_verify_batch(&vk, proofs, inputs, vk.ic_count - 1, count, NULL) == 0)
        abort(); /* inputs of zeros have no proof */
    return 0;
}
