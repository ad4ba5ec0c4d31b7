/* Winning and Window PoSt: facts groth16.md 6.10. */
#include "tasks/snark/circuit.h"

#include "tasks/snark/por.h"
#include "tasks/snark/poseidon_gadget.h"

#define WINNING_CHALLENGES 66
#define WINDOW_CHALLENGES 10

static uint32_t window_sectors(uint64_t sector_bytes)
{
    if (sector_bytes == UINT64_C(32) << 30)
        return 2349;
    if (sector_bytes == UINT64_C(64) << 30)
        return 2300;
    return 2;
}

int sy_post_shape_init(struct sy_post_shape *ret, uint64_t sector_bytes, enum sy_post_kind kind,
                       struct sy_error *err)
{
    static const uint8_t porep_id[SY_POREP_ID_BYTES];
    struct sy_porep_params params;
    int rc = sy_porep_params_init_test(&params, sector_bytes, SY_PROOF_V1_1, SY_API_1_1_0, porep_id,
                                       err);
    if (rc != 0)
        return rc;
    *ret = (struct sy_post_shape){
        .sector_bytes = sector_bytes,
        .base_levels = params.base_levels,
        .sub_arity = params.sub_arity,
        .top_arity = params.top_arity,
        .sector_count = kind == SY_POST_WINNING ? WINNING_CHALLENGES : window_sectors(sector_bytes),
        .challenge_count = kind == SY_POST_WINNING ? 1 : WINDOW_CHALLENGES,
    };
    return 0;
}

void sy_circuit_post(struct sy_cs *cs, const struct sy_post_shape *shape,
                     const struct sy_post_sector *sectors)
{
    struct sy_path_shape path =
        sy_path_shape_poseidon(shape->base_levels, shape->sub_arity, shape->top_arity);
    for (uint32_t s = 0; s < shape->sector_count; s++) {
        const struct sy_post_sector *sector = sectors ? &sectors[s] : NULL;
        struct sy_num comm_r_last = sy_num_alloc_bytes(cs, sector ? sector->comm_r_last : NULL);
        struct sy_num comm_c = sy_num_alloc_bytes(cs, sector ? sector->comm_c : NULL);
        struct sy_num comm_r = sy_num_alloc_bytes(cs, sector ? sector->comm_r : NULL);
        sy_num_inputize(cs, &comm_r);
        struct sy_num roots[2] = {comm_c, comm_r_last};
        struct sy_num hash = sy_poseidon_gadget_node(cs, 2, roots);
        sy_num_equal(cs, &comm_r, &hash);
        for (uint32_t c = 0; c < shape->challenge_count; c++) {
            const struct sy_tree_proof *proof = sector ? &sector->paths[c] : NULL;
            struct sy_num leaf = sy_num_alloc_bytes(cs, proof ? proof->leaf : NULL);
            sy_por_gadget(cs, &path, proof, &leaf, &comm_r_last);
        }
    }
}
