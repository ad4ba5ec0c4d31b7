/* The verifier: reference files hold; with any one value changed they do not. */
#include "tests/unit/kat.h"

#include <stdlib.h>

#include "tasks/sector/replica.h"
#include "tasks/vanilla/c1.h"
#include "tasks/vanilla/verify.h"

static struct sy_c1 *load(const char *name)
{
    char path[1024];
    struct sy_c1 *c1 = NULL;
    struct sy_error err;
    snprintf(path, sizeof path, "%s/%s", SY_KAT_DIR, name);
    if (sy_c1_read_file(&c1, path, &err))
        fail_msg("%s", err.text);
    return c1;
}

static void reference_files_hold(void **state)
{
    static const char *const names[] = {"2KiB-v1_1-cc", "2KiB-v1_1-multi", "2KiB-synth-multi",
                                        "2KiB-ni-cc"};
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        char name[128];
        struct sy_porep_params params;
        struct sy_error err = {0};
        uint8_t comm_d[32], comm_r[32], ticket[32], seed[32], replica_id[32], prover_id[32];
        snprintf(name, sizeof name, "reference/seal-%s.json", names[i]);
        json_t *kat = kat_load(name);
        const json_t *sector = kat_get(kat, "sector");
        kat_hash(kat, "comm_d", comm_d);
        kat_hash(kat, "comm_r", comm_r);
        kat_hash(sector, "ticket", ticket);
        kat_hash(sector, "challenge_seed", seed);
        snprintf(name, sizeof name, "reference/files/seal-%s/c1.api.json", names[i]);
        struct sy_c1 *c1 = load(name);
        assert_int_equal(sy_c1_params(c1, &params, &err), 0);
        sy_prover_id(kat_u64(sector, "actor_id"), prover_id);
        sy_replica_id(prover_id, kat_u64(sector, "sector_number"), ticket, comm_d, params.porep_id,
                      replica_id);
        struct sy_c1_check check = {&params, comm_r, comm_d, replica_id, seed, ticket, 2};
        if (sy_c1_verify(c1, &check, &err))
            fail_msg("%s: %s", names[i], err.text);
        sy_c1_destroy(c1);
        json_decref(kat);
    }
}

struct fixture {
    struct sy_c1 *c1;
    struct sy_porep_params params;
    struct sy_vanilla_verifier *verifier;
    uint64_t challenges[SY_VANILLA_CHALLENGES_MAX];
};

static int set_up(void **state)
{
    static struct fixture f;
    f.c1 = load("reference/files/seal-2KiB-v1_1-multi/c1.api.json");
    assert_int_equal(sy_c1_params(f.c1, &f.params, NULL), 0);
    assert_int_equal(sy_vanilla_verifier_create(&f.verifier, &f.params, &f.c1->public, NULL), 0);
    assert_int_equal(sy_vanilla_challenges(&f.params, &f.c1->public, 0, f.challenges, NULL), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    sy_vanilla_verifier_destroy(f->verifier);
    sy_c1_destroy(f->c1);
    return 0;
}

static void assert_proof_refused(struct fixture *f, unsigned at, const char *what)
{
    struct sy_error err = {0};
    int rc = sy_vanilla_verify(f->verifier, f->challenges[at], &f->c1->partitions[0][at], &err);
    if (rc != -SY_E_MISMATCH || err.class != SY_CLASS_CORRUPT || !err.text[0])
        fail_msg("%s changed: %d \"%s\"", what, rc, err.text);
}

/* Changes one bit, different ones as the calls go, and expects refusal. */
static void flip(struct fixture *f, unsigned at, uint8_t *node, const char *what)
{
    static unsigned turn;
    unsigned bit = turn++ * 37 % 248;
    node[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_proof_refused(f, at, what);
    node[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static unsigned flip_path(struct fixture *f, unsigned at, struct sy_tree_proof *path,
                          const char *what)
{
    unsigned levels = sy_tree_proof_levels(path);
    size_t siblings =
        sy_tree_proof_first_sibling(path, levels - 1) + sy_tree_proof_arity(path, levels - 1) - 1;
    flip(f, at, path->root, what);
    flip(f, at, path->leaf, what);
    for (size_t i = 0; i < siblings; i++)
        flip(f, at, path->siblings[i], what);
    for (unsigned level = 0; level < levels; level++) {
        uint32_t index = path->index[level];
        path->index[level] = (index + 1) % sy_tree_proof_arity(path, level);
        assert_proof_refused(f, at, "path index");
        path->index[level] = UINT32_MAX;
        assert_proof_refused(f, at, "path index");
        path->index[level] = index;
    }
    path->base_levels--;
    assert_proof_refused(f, at, "path length");
    path->base_levels++;
    path->sub_arity = 8;
    assert_proof_refused(f, at, "path form");
    path->sub_arity = 0;
    return (unsigned)siblings + 2;
}

static unsigned flip_column(struct fixture *f, unsigned at, struct sy_vanilla_column *column,
                            const char *what)
{
    for (uint32_t i = 0; i < column->row_count; i++)
        flip(f, at, column->rows[i], what);
    column->index ^= 1;
    assert_proof_refused(f, at, "column index");
    column->index ^= 1;
    column->row_count--;
    assert_proof_refused(f, at, "column length");
    column->row_count++;
    return column->row_count + flip_path(f, at, &column->inclusion, what);
}

static unsigned flip_label(struct fixture *f, unsigned at, struct sy_vanilla_label *label,
                           const char *what)
{
    for (uint32_t i = 0; i < label->parent_count; i++)
        flip(f, at, label->parents[i], what);
    label->node++;
    assert_proof_refused(f, at, "label node");
    label->node--;
    label->layer_index ^= 1;
    assert_proof_refused(f, at, "label layer");
    label->layer_index ^= 1;
    label->parent_count--;
    assert_proof_refused(f, at, "label parents");
    label->parent_count++;
    return label->parent_count;
}

static void any_changed_value_of_a_proof_is_refused(void **state)
{
    struct fixture *f = *state;
    unsigned flipped = 0;
    for (unsigned at = 0; at < 2; at++) {
        struct sy_vanilla_proof *proof = &f->c1->partitions[0][at];
        flipped += flip_path(f, at, &proof->comm_d, "tree-d path");
        flipped += flip_path(f, at, &proof->comm_r_last, "tree-r-last path");
        flipped += flip_column(f, at, &proof->c_x, "column");
        for (unsigned i = 0; i < SY_PARENTS; i++)
            flipped += flip_column(f, at, &proof->parents[i], "parent column");
        for (uint32_t i = 0; i < proof->label_count; i++)
            flipped += flip_label(f, at, &proof->labels[i], "labeling proof");
        flipped += flip_label(f, at, &proof->encoding, "encoding proof");
        proof->label_count--;
        assert_proof_refused(f, at, "labeling proofs");
        proof->label_count++;
        assert_int_equal(sy_vanilla_verify(f->verifier, f->challenges[at], proof, NULL), 0);
    }
    /* 8 nodes of tree-d; 16 Poseidon paths of 16; 15 columns of 2; 3 labels of 37. */
    assert_int_equal(flipped, 2 * (8 + 16 * 16 + 15 * 2 + 3 * 37));
}

static void nodes_that_are_no_field_elements_are_refused(void **state)
{
    struct fixture *f = *state;
    struct sy_vanilla_proof *proof = &f->c1->partitions[0][0];
    struct sy_vanilla_proof *copy = malloc(sizeof *copy);
    assert_non_null(copy);
    *copy = *proof;
    memset(proof->c_x.rows[0], 0xff, 32);
    assert_proof_refused(f, 0, "label");
    *proof = *copy;
    memset(proof->comm_r_last.siblings[3], 0xff, 32);
    assert_proof_refused(f, 0, "sibling");
    *proof = *copy;
    memset(proof->comm_r_last.root, 0xff, 32);
    assert_proof_refused(f, 0, "root");
    *proof = *copy;
    memset(proof->comm_d.leaf, 0xff, 32);
    assert_proof_refused(f, 0, "data node");
    *proof = *copy;
    free(copy);
}

static void a_proof_of_another_node_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sy_error err;
    assert_int_equal(
        sy_vanilla_verify(f->verifier, f->challenges[0], &f->c1->partitions[0][1], &err),
        -SY_E_MISMATCH);
    assert_int_equal(sy_vanilla_verify(f->verifier, 0, &f->c1->partitions[0][1], &err),
                     -SY_E_RANGE);
    assert_int_equal(
        sy_vanilla_verify(f->verifier, f->params.nodes, &f->c1->partitions[0][1], &err),
        -SY_E_RANGE);
}

static void any_changed_public_value_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sy_vanilla_public *public = &f->c1->public;
    struct sy_vanilla_public right = *public;
    uint8_t *const values[] = {public->comm_r, public->comm_d, public->replica_id, public->seed,
                               public->ticket};
    struct sy_c1_check self = {.params = &f->params, .threads = 1};
    struct sy_c1_check all = {
        &f->params, right.comm_r, right.comm_d, right.replica_id, right.seed, right.ticket, 1};
    struct sy_error err;
    assert_int_equal(sy_c1_verify(f->c1, &self, &err), 0);
    assert_int_equal(sy_c1_verify(f->c1, &all, &err), 0);
    for (size_t i = 0; i < SY_ARRAY_SIZE(values); i++) {
        values[i][5] ^= 4;
        assert_int_equal(sy_c1_verify(f->c1, &all, &err), -SY_E_MISMATCH);
        /* The ticket is bound by the replica id alone, and that only when it is given. */
        if (values[i] != public->ticket)
            assert_int_equal(sy_c1_verify(f->c1, &self, &err), -SY_E_MISMATCH);
        values[i][5] ^= 4;
    }
}

static void wrong_type_and_counts_are_refused(void **state)
{
    struct fixture *f = *state;
    struct sy_porep_params other;
    struct sy_c1_check check = {.params = &other, .threads = 1};
    struct sy_error err;
    assert_int_equal(sy_porep_params_init(&other, 0, NULL), 0);
    assert_int_equal(sy_c1_verify(f->c1, &check, &err), -SY_E_MISMATCH);
    check.params = &f->params;
    f->c1->partition_count = 0;
    assert_int_equal(sy_c1_verify(f->c1, &check, &err), -SY_E_MISMATCH);
    f->c1->partition_count = 1;
    f->c1->challenge_count[0] = 1;
    assert_int_equal(sy_c1_verify(f->c1, &check, &err), -SY_E_MISMATCH);
    f->c1->challenge_count[0] = 2;
    assert_int_equal(sy_c1_verify(f->c1, &check, &err), 0);
    f->c1->registered_proof[10] ^= 1;
    assert_int_equal(sy_c1_params(f->c1, &other, &err), -SY_E_NOT_FOUND);
    f->c1->registered_proof[10] ^= 1;
    snprintf(f->c1->size_key, sizeof f->c1->size_key, "StackedDrg8MiBV1");
    assert_int_equal(sy_c1_params(f->c1, &other, &err), -SY_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_files_hold),
        cmocka_unit_test_setup_teardown(any_changed_value_of_a_proof_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nodes_that_are_no_field_elements_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_proof_of_another_node_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_changed_public_value_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_type_and_counts_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
