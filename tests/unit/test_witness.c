/* Witnesses of the circuits against the reference: sectors are sealed by our stages, vanilla proofs
 * made by our provers, and every auxiliary value of every circuit must be the reference's; all
 * constraints must hold. Vanilla proofs of PoSt and updates are compared as bytes on the way.
 *
 *   test_witness porep-2KiB | porep-32KiB | post-SIZE | update-SIZE
 */
#include "tests/unit/witness_sector.h"

#include "common/file.h"
#include "tasks/hash/sha256.h"
#include "tasks/snark/groth16.h"
#include "tasks/snark/public_inputs.h"
#include "tasks/vanilla/post.h"
#include "tasks/vanilla/update.h"

#define SECTORS 3
#define VALUES_PER_CHECKPOINT 4096

static const char *size_text;

static void expect_ok(int rc, const struct sy_error *err)
{
    if (rc != 0)
        fail_msg("%s", err->text);
}

static json_t *load_sized(const char *prefix, const char *suffix)
{
    char name[128];
    snprintf(name, sizeof name, "reference/%s-%s%s.json", prefix, size_text, suffix);
    return kat_load(name);
}

/* ------------------------------------------------------------------------------ judging a circuit
 */

struct judge {
    struct sy_cs_sink sink;
    struct sy_cs_values values;
    uint64_t constraints, unsatisfied, first_unsatisfied;
};

static void evaluate(const struct judge *j, const struct sy_lc *lc, struct sy_fr *ret)
{
    struct sy_fr product;
    *ret = sy_fr_zero;
    for (uint32_t i = 0; i < lc->count; i++) {
        uint32_t var = lc->terms[i].var;
        const struct sy_fr *value =
            var & SY_VAR_INPUT ? &j->values.inputs[var & ~SY_VAR_INPUT] : &j->values.aux[var];
        if (sy_fr_is_zero(value))
            continue;
        sy_fr_mul(&product, value, &lc->terms[i].coeff);
        sy_fr_add(ret, ret, &product);
    }
}

static void on_constraint(void *ctx, const struct sy_lc *a, const struct sy_lc *b,
                          const struct sy_lc *c)
{
    struct judge *j = ctx;
    struct sy_fr x, y, z;
    evaluate(j, a, &x);
    evaluate(j, b, &y);
    evaluate(j, c, &z);
    sy_fr_mul(&x, &x, &y);
    if (!sy_fr_equal(&x, &z) && j->unsatisfied++ == 0)
        j->first_unsatisfied = j->constraints;
    j->constraints++;
}

static void check_values(const struct judge *j, uint32_t aux, const json_t *expected)
{
    json_t *checkpoints = kat_get(expected, "checkpoints");
    struct sy_sha256 state, copy;
    uint8_t bytes[32], digest[32];
    char text[SY_HEX_TEXT_BYTES(32)];
    assert_int_equal(kat_u64(expected, "checkpoint_every"), VALUES_PER_CHECKPOINT);
    sy_sha256_init(&state);
    for (uint32_t i = 0; i < aux; i++) {
        sy_fr_to_bytes(bytes, &j->values.aux[i]);
        sy_sha256_update(&state, bytes, sizeof bytes);
        if ((i + 1) % VALUES_PER_CHECKPOINT != 0)
            continue;
        copy = state;
        sy_sha256_final(&copy, digest);
        json_t *wanted = json_array_get(checkpoints, (i + 1) / VALUES_PER_CHECKPOINT - 1);
        if (wanted && strcmp(sy_hex_encode(digest, 32, text), json_string_value(wanted)) != 0)
            fail_msg("a value before %u differs from the reference's", i + 1);
    }
    sy_sha256_final(&state, digest);
    assert_string_equal(sy_hex_encode(digest, 32, text), kat_text(expected, "sha256"));
}

static void check_inputs(const struct sy_fr *inputs, uint32_t count, const json_t *expected)
{
    uint8_t bytes[32];
    char text[SY_HEX_TEXT_BYTES(32)];
    assert_int_equal(json_array_size(expected), count);
    for (uint32_t i = 0; i < count; i++) {
        sy_fr_to_bytes(bytes, &inputs[i]);
        assert_string_equal(sy_hex_encode(bytes, 32, text),
                            json_string_value(json_array_get(expected, i)));
    }
}

/* Runs the circuit with its witness. `root` NULL: satisfied or not is all that is asked. */
static uint64_t judge_circuit(sy_circuit_fn *circuit, const void *witness, const json_t *root,
                              const struct sy_fr *inputs)
{
    struct judge j = {.sink = {.constraint = on_constraint}};
    struct sy_cs cs;
    struct sy_error err = {0};
    j.sink.ctx = &j;
    sy_cs_begin(&cs, &j.sink, &j.values, 0);
    circuit(&cs, witness);
    if (root) {
        const json_t *expected = kat_get(root, "circuit");
        assert_int_equal(cs.aux, kat_u64(expected, "aux"));
        assert_int_equal(cs.inputs, kat_u64(expected, "inputs"));
        assert_int_equal(j.constraints, kat_u64(expected, "constraints"));
        check_inputs(j.values.inputs + 1, cs.inputs - 1, kat_get(root, "public_inputs"));
        assert_memory_equal(inputs, j.values.inputs + 1, (cs.inputs - 1) * sizeof *inputs);
        check_values(&j, cs.aux, kat_get(expected, "aux_values"));
        if (j.unsatisfied > 0)
            print_message("first unsatisfied constraint %llu\n",
                          (unsigned long long)j.first_unsatisfied);
    }
    expect_ok(sy_cs_end(&cs, &err), &err);
    sy_cs_values_fini(&j.values);
    return j.unsatisfied;
}

/* ------------------------------------------------------------------------------------------ PoRep
 */

struct porep_case {
    const struct sy_porep_params *params;
    struct sy_porep_witness witness;
};

static void synthesise_porep(struct sy_cs *cs, const void *witness)
{
    const struct porep_case *c = witness;
    sy_circuit_porep(cs, c->params, &c->witness);
}

static struct sy_c1 *make_c1(struct witness_sector *s, const json_t *entry)
{
    char path[WITNESS_PATH_BYTES + 16];
    struct sy_c1 *c1;
    struct sy_error err = {0};
    snprintf(path, sizeof path, "%s/c1.json", s->base);
    json_decref(
        stage_run("c1",
                  stage_with(s->spec, json_pack("{s:O,s:O,s:O,s:s}", "seed",
                                                kat_get(kat_get(entry, "sector"), "challenge_seed"),
                                                "comm_d", kat_get(entry, "comm_d"), "comm_r",
                                                kat_get(entry, "comm_r"), "output", path)),
                  0));
    expect_ok(sy_c1_read_file(&c1, path, &err), &err);
    return c1;
}

static void check_porep(const char *suffix)
{
    json_t *root = load_sized("circuit-porep", suffix);
    const json_t *entry = kat_get(root, "sector");
    struct witness_sector s;
    struct sy_error err = {0};
    struct sy_fr inputs[SY_POREP_INPUTS_MAX];
    witness_seal(&s, kat_text(root, "seed"), entry);
    struct sy_c1 *c1 = make_c1(&s, entry);
    struct porep_case c = {&s.params, {&c1->public, c1->partitions[0]}};
    expect_ok(sy_porep_inputs_from_c1(&s.params, c1, 0, inputs, &err), &err);
    assert_int_equal(judge_circuit(synthesise_porep, &c, root, inputs), 0);
    c1->partitions[0][0].labels[0].node ^= 1; /* not part of the witness */
    c1->partitions[0][1].parents[3].rows[0][0] ^= 1;
    assert_true(judge_circuit(synthesise_porep, &c, NULL, NULL) > 0);
    sy_c1_destroy(c1);
    witness_sector_fini(&s);
    json_decref(root);
}

static void porep_witness_is_the_references(void **state)
{
    (void)state;
    check_porep("-witness");
    if (strcmp(size_text, "2KiB") == 0)
        check_porep("-witness-b");
}

/* ------------------------------------------------------------------------------------------- PoSt
 */

struct post_case {
    struct sy_post_shape shape;
    struct sy_post_sector *sectors;
};

static void synthesise_post(struct sy_cs *cs, const void *witness)
{
    const struct post_case *c = witness;
    sy_circuit_post(cs, &c->shape, c->sectors);
}

static struct witness_sector post_sectors[SECTORS];

static void seal_post_sectors(const json_t *post)
{
    for (size_t i = 0; i < SECTORS; i++)
        witness_seal(&post_sectors[i], kat_text(post, "seed"),
                     json_array_get(kat_get(post, "sectors"), i));
}

static void check_bincode(const struct sy_post_query *query, const struct sy_post_sector *sector,
                          const json_t *expected)
{
    struct sy_bincode out = {0};
    uint8_t digest[32];
    char text[SY_HEX_TEXT_BYTES(32)];
    sy_post_encode_sector(&out, query, sector);
    assert_false(out.failed);
    assert_int_equal(out.bytes, kat_u64(expected, "bincode_len"));
    sy_sha256(out.data, out.bytes, digest);
    assert_string_equal(sy_hex_encode(digest, 32, text), kat_text(expected, "bincode_sha256"));
    sy_bincode_fini(&out);
}

static void refuse_damaged(const struct witness_sector *s, const struct sy_post_query *query,
                           const uint8_t *comm_r, const struct sy_post_sector *good)
{
    struct sy_post_sector bad = *good;
    struct sy_tree_proof path = good->paths[0];
    struct sy_post_query one = *query;
    struct sy_error err = {0};
    one.count = 1;
    bad.paths = &path;
    assert_int_equal(sy_post_verify_sector(&s->params, &one, comm_r, &bad, &err), 0);
    path.leaf[0] ^= 1;
    assert_int_equal(sy_post_verify_sector(&s->params, &one, comm_r, &bad, &err), -SY_E_MISMATCH);
    path.leaf[0] ^= 1;
    one.leaves[0] ^= 1;
    assert_int_equal(sy_post_verify_sector(&s->params, &one, comm_r, &bad, &err), -SY_E_MISMATCH);
    one.leaves[0] ^= 1;
    bad.comm_c[0] ^= 1;
    assert_int_equal(sy_post_verify_sector(&s->params, &one, comm_r, &bad, &err), -SY_E_MISMATCH);
}

/* Challenges, proofs and bytes of one sector of a run. */
static void prove_post(const json_t *run, enum sy_post_kind kind, uint32_t i,
                       struct sy_post_query *query, struct sy_post_sector *sector)
{
    const json_t *entry = json_array_get(kat_get(run, "sectors"), i);
    const json_t *challenges = kat_get(entry, "challenges");
    struct witness_sector *s = &post_sectors[i];
    struct sy_error err = {0};
    uint8_t randomness[32], comm_r[32];
    enum sy_api_version api;
    kat_hash(run, "randomness", randomness);
    kat_hash(entry, "comm_r", comm_r);
    assert_int_equal(sy_api_version_parse(kat_text(run, "api_version"), &api, NULL), 0);
    expect_ok(sy_post_challenges(kind, api, randomness, kat_u64(entry, "sector_number"), i,
                                 s->params.nodes, query, &err),
              &err);
    assert_int_equal(query->count, json_array_size(challenges));
    for (uint32_t m = 0; m < query->count; m++)
        assert_int_equal(query->leaves[m], json_integer_value(json_array_get(challenges, m)));
    expect_ok(sy_post_prove_sector(&s->params, s->cache, s->sealed, query, sector, &err), &err);
    expect_ok(sy_post_verify_sector(&s->params, query, comm_r, sector, &err), &err);
    refuse_damaged(s, query, comm_r, sector);
    check_bincode(query, sector, json_array_get(kat_get(run, "vanilla"), i));
    randomness[31] = 0xff;
    assert_int_equal(sy_post_challenges(kind, api, randomness, 1, i, s->params.nodes, query, &err),
                     -SY_E_ARG);
    sy_post_mask_randomness(randomness);
    kat_hash(run, "randomness", randomness);
    expect_ok(sy_post_challenges(kind, api, randomness, kat_u64(entry, "sector_number"), i,
                                 s->params.nodes, query, &err),
              &err);
}

static struct sy_groth16_vk post_vk;

static void open_post_vk(enum sy_circuit_kind kind)
{
    char name[SY_PARAMS_NAME_BYTES], path[1024];
    struct sy_error err = {0};
    assert_int_equal(sy_params_name(kind, 2048, name, NULL), 0);
    snprintf(path, sizeof path, "%s/reference/files/vk/%s.vk", SY_KAT_DIR, name);
    expect_ok(sy_groth16_vk_open(&post_vk, path, &err), &err);
}

/* Proofs of the reference hold for our inputs, and for no other; of 2 KiB only there are any. */
static void check_proofs(const char *run_name, enum sy_circuit_kind kind, unsigned partition,
                         struct sy_fr *inputs, uint32_t count)
{
    if (strcmp(size_text, "2KiB") != 0)
        return;
    json_t *proved = kat_load("reference/post-2KiB-proved.json");
    const json_t *fixed = kat_get(kat_get(proved, run_name), "proof_fixed");
    const json_t *entry = json_array_get(kat_get(fixed, "partitions"), partition);
    uint8_t proof[SY_PROOF_BYTES];
    struct sy_error err = {0};
    assert_int_equal(sy_hex_decode(kat_text(entry, "proof"), proof, sizeof proof, NULL), 0);
    open_post_vk(kind);
    expect_ok(sy_groth16_verify(&post_vk, proof, inputs, count, &err), &err);
    sy_fr_add(&inputs[1], &inputs[1], &sy_fr_one);
    assert_int_equal(sy_groth16_verify(&post_vk, proof, inputs, count, &err), -SY_E_MISMATCH);
    sy_groth16_vk_fini(&post_vk);
    json_decref(proved);
}

/* Our prover over parameters of the reference's secrets, with its r and s, gives its bytes. */
static struct sy_groth16_params window_params;

static void fr_of(const json_t *object, const char *key, struct sy_fr *ret)
{
    uint8_t bytes[32];
    kat_hash(object, key, bytes);
    assert_int_equal(sy_fr_from_bytes(ret, bytes, NULL), 0);
}

static void open_window_params(void)
{
    json_t *root = kat_load("reference/params-2KiB-post.json");
    const json_t *toxic = kat_get(kat_get(kat_get(root, "sets"), "window"), "toxic");
    struct sy_groth16_secrets secrets;
    struct sy_error err = {0};
    uint8_t point[SY_G2_COMPRESSED_BYTES];
    char name[SY_PARAMS_NAME_BYTES], path[WITNESS_PATH_BYTES];
    fr_of(toxic, "alpha", &secrets.alpha);
    fr_of(toxic, "beta", &secrets.beta);
    fr_of(toxic, "gamma", &secrets.gamma);
    fr_of(toxic, "delta", &secrets.delta);
    fr_of(toxic, "tau", &secrets.tau);
    assert_int_equal(sy_hex_decode(kat_text(toxic, "g1"), point, SY_G1_COMPRESSED_BYTES, NULL), 0);
    assert_int_equal(sy_g1_decompress(&secrets.g1, point, true, NULL), 0);
    assert_int_equal(sy_hex_decode(kat_text(toxic, "g2"), point, SY_G2_COMPRESSED_BYTES, NULL), 0);
    assert_int_equal(sy_g2_decompress(&secrets.g2, point, true, NULL), 0);
    expect_ok(
        sy_groth16_generate(SY_CIRCUIT_WINDOW, 2048, &secrets, stage_directory(), 0, NULL, &err),
        &err);
    assert_int_equal(sy_params_name(SY_CIRCUIT_WINDOW, 2048, name, NULL), 0);
    snprintf(path, sizeof path, "%s/%s.params", stage_directory(), name);
    expect_ok(sy_groth16_params_open(&window_params, path, &err), &err);
    json_decref(root);
}

static void prove_window(const char *run_name, const struct post_case *c, unsigned partition,
                         const struct sy_fr *inputs)
{
    if (!window_params.map)
        return;
    json_t *proved = kat_load("reference/post-2KiB-proved.json");
    const json_t *fixed = kat_get(kat_get(proved, run_name), "proof_fixed");
    const json_t *entry = json_array_get(kat_get(fixed, "partitions"), partition);
    uint8_t proof[SY_PROOF_BYTES];
    char text[SY_HEX_TEXT_BYTES(SY_PROOF_BYTES)];
    struct sy_fr r, s, own[22];
    struct sy_error err = {0};
    fr_of(entry, "r", &r);
    fr_of(entry, "s", &s);
    expect_ok(sy_groth16_prove(&window_params, synthesise_post, c, &r, &s, 0, NULL, proof, own,
                               NULL, &err),
              &err);
    assert_string_equal(sy_hex_encode(proof, sizeof proof, text), kat_text(entry, "proof"));
    assert_memory_equal(own, inputs, sizeof own);
    json_decref(proved);
}

/* Three at once, the first one again at the end, have the bytes of one by one; a bad one in the
 * middle is named and spoils nothing. */
static void prove_windows_together(const char *run_name, const struct post_case cases[2])
{
    if (!window_params.map)
        return;
    json_t *proved = kat_load("reference/post-2KiB-proved.json");
    const json_t *fixed = kat_get(kat_get(proved, run_name), "proof_fixed");
    struct sy_groth16_job jobs[3];
    struct sy_groth16_times times;
    struct sy_fr r[3], s[3];
    struct sy_error err = {0};
    char text[SY_HEX_TEXT_BYTES(SY_PROOF_BYTES)];
    for (size_t i = 0; i < 3; i++) {
        const json_t *entry = json_array_get(kat_get(fixed, "partitions"), i % 2);
        fr_of(entry, "r", &r[i]);
        fr_of(entry, "s", &s[i]);
        jobs[i] = (struct sy_groth16_job){.witness = &cases[i % 2], .r = &r[i], .s = &s[i]};
    }
    expect_ok(
        sy_groth16_prove_many(&window_params, synthesise_post, jobs, 3, 3, NULL, &times, &err),
        &err);
    for (size_t i = 0; i < 3; i++) {
        const json_t *entry = json_array_get(kat_get(fixed, "partitions"), i % 2);
        assert_string_equal(sy_hex_encode(jobs[i].ret_proof, SY_PROOF_BYTES, text),
                            kat_text(entry, "proof"));
    }
    struct sy_post_sector other[2] = {cases[1].sectors[0], cases[1].sectors[1]};
    const struct post_case bad = {cases[1].shape, other};
    other[0].comm_r[0] ^= 1;
    jobs[1].witness = &bad;
    memset(jobs[0].ret_proof, 7, SY_PROOF_BYTES);
    assert_int_equal(
        sy_groth16_prove_many(&window_params, synthesise_post, jobs, 3, 2, NULL, &times, &err),
        -SY_E_MISMATCH);
    assert_non_null(strstr(err.text, "circuit 2 of 3"));
    assert_int_equal(jobs[0].ret_proof[9], 7);
    assert_int_equal(
        sy_groth16_prove_many(&window_params, synthesise_post, jobs, 0, 2, NULL, NULL, &err), 0);
    assert_true(sy_groth16_memory_bytes(&window_params, 2, 3) >
                sy_groth16_memory_bytes(&window_params, 2, 2));
    json_decref(proved);
}

static void check_window(const json_t *post, const char *run_name, bool has_witness)
{
    const json_t *run = kat_get(post, run_name);
    struct post_case c, cases[2];
    struct sy_error err = {0};
    struct sy_post_query queries[SECTORS];
    struct sy_post_sector sectors[SECTORS + 1];
    struct sy_fr inputs[22];
    uint8_t comm_r[2][32];
    uint64_t challenges[2 * SY_POST_WINDOW_CHALLENGES];
    expect_ok(
        sy_post_shape_init(&c.shape, post_sectors[0].params.sector_bytes, SY_POST_WINDOW, &err),
        &err);
    assert_int_equal(sy_post_input_count(&c.shape), 22);
    for (uint32_t i = 0; i < SECTORS; i++)
        prove_post(run, SY_POST_WINDOW, i, &queries[i], &sectors[i]);
    sectors[SECTORS] = sectors[SECTORS - 1]; /* the short last partition repeats */
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < 2; i++) {
            unsigned from = SY_MIN(2 * k + i, SECTORS - 1u);
            memcpy(comm_r[i], sectors[from].comm_r, 32);
            memcpy(challenges + i * SY_POST_WINDOW_CHALLENGES, queries[from].leaves,
                   SY_POST_WINDOW_CHALLENGES * sizeof *challenges);
        }
        expect_ok(sy_post_inputs(&c.shape, (const uint8_t(*)[32])comm_r, challenges, inputs, &err),
                  &err);
        c.sectors = &sectors[2 * k];
        json_t *root = k == 0 && has_witness ? load_sized("circuit-window", "-witness") : NULL;
        assert_int_equal(judge_circuit(synthesise_post, &c, root, inputs), 0);
        json_decref(root);
        prove_window(run_name, &c, k, inputs);
        check_proofs(run_name, SY_CIRCUIT_WINDOW, k, inputs, 22);
        cases[k] = c;
    }
    prove_windows_together(run_name, cases);
    for (uint32_t i = 0; i < SECTORS; i++)
        sy_post_sector_fini(&sectors[i]);
}

static void check_winning(const json_t *post)
{
    json_t *root = load_sized("circuit-winning", "-witness");
    struct post_case c;
    struct sy_error err = {0};
    struct sy_post_query query;
    struct sy_post_sector sector, pseudo[SY_POST_WINNING_CHALLENGES];
    struct sy_fr inputs[2 * SY_POST_WINNING_CHALLENGES];
    uint8_t comm_r[SY_POST_WINNING_CHALLENGES][32];
    expect_ok(
        sy_post_shape_init(&c.shape, post_sectors[0].params.sector_bytes, SY_POST_WINNING, &err),
        &err);
    prove_post(kat_get(post, "winning_1_0_0"), SY_POST_WINNING, 0, &query, &sector);
    for (unsigned m = 0; m < SY_POST_WINNING_CHALLENGES; m++) {
        pseudo[m] = sector;
        pseudo[m].paths = &sector.paths[m];
        memcpy(comm_r[m], sector.comm_r, 32);
    }
    expect_ok(sy_post_inputs(&c.shape, (const uint8_t(*)[32])comm_r, query.leaves, inputs, &err),
              &err);
    c.sectors = pseudo;
    assert_int_equal(judge_circuit(synthesise_post, &c, root, inputs), 0);
    check_proofs("winning_1_0_0", SY_CIRCUIT_WINNING, 0, inputs, 2 * SY_POST_WINNING_CHALLENGES);
    comm_r[5][31] = 0xff;
    assert_int_equal(
        sy_post_inputs(&c.shape, (const uint8_t(*)[32])comm_r, query.leaves, inputs, &err),
        -SY_E_CORRUPT);
    sy_post_sector_fini(&sector);
    json_decref(root);
}

static void check_elections(const json_t *post)
{
    const json_t *cases = kat_get(post, "winning_sector_challenges");
    json_t *entry;
    size_t i;
    uint8_t prover_id[32], randomness[32];
    kat_hash(kat_get(post, "winning_1_0_0"), "prover_id", prover_id);
    json_array_foreach(cases, i, entry)
    {
        kat_hash(entry, "randomness", randomness);
        assert_int_equal(
            sy_post_winning_sector(prover_id, randomness, 0, kat_u64(entry, "set_len")),
            json_integer_value(json_array_get(kat_get(entry, "indexes"), 0)));
    }
}

static void post_witness_is_the_references(void **state)
{
    (void)state;
    json_t *post = load_sized("post", "");
    bool has_witness = strcmp(size_text, "2KiB") == 0 || strcmp(size_text, "32KiB") == 0;
    check_elections(post);
    seal_post_sectors(post);
    if (strcmp(size_text, "2KiB") == 0)
        open_window_params();
    check_window(post, "window_1_0_0", has_witness);
    check_window(post, "window_1_2_0", false);
    if (has_witness)
        check_winning(post);
    if (window_params.map)
        sy_groth16_params_close(&window_params);
    for (size_t i = 0; i < SECTORS; i++)
        witness_sector_fini(&post_sectors[i]);
    json_decref(post);
}

/* ----------------------------------------------------------------------------------------- update
 */

struct update_case {
    struct sy_update_shape shape;
    struct sy_update_witness *witness;
};

static void synthesise_update(struct sy_cs *cs, const void *witness)
{
    const struct update_case *c = witness;
    sy_circuit_update(cs, &c->shape, c->witness);
}

struct update_files {
    char staged[WITNESS_PATH_BYTES], cache[WITNESS_PATH_BYTES], update[WITNESS_PATH_BYTES];
    char back[WITNESS_PATH_BYTES];
    struct sy_update_paths paths;
};

/* The new data through `ap` of a sector that is never sealed. */
static void stage_update(struct update_files *f, const struct witness_sector *s,
                         const json_t *update)
{
    snprintf(f->staged, sizeof f->staged, "%s/staged", s->base);
    snprintf(f->cache, sizeof f->cache, "%s/new-cache", s->base);
    snprintf(f->update, sizeof f->update, "%s/update", s->base);
    snprintf(f->back, sizeof f->back, "%s/back", s->base);
    assert_int_equal(mkdir(f->cache, 0700), 0);
    json_t *ap =
        stage_run("ap",
                  stage_with(s->spec, json_pack("{s:s,s:o}", "unsealed", f->staged, "pieces",
                                                witness_pieces(s->base, kat_text(update, "seed"),
                                                               kat_get(update, "new_pieces")))),
                  0);
    assert_string_equal(kat_text(ap, "comm_d"), kat_text(update, "comm_d_new"));
    json_decref(ap);
    f->paths = (struct sy_update_paths){s->cache, s->sealed, f->staged, f->cache, f->update};
}

static void check_commitment(const uint8_t *value, const json_t *update, const char *key)
{
    char text[SY_HEX_TEXT_BYTES(32)];
    assert_string_equal(sy_hex_encode(value, 32, text), kat_text(update, key));
}

static void check_factors(const struct sy_update_commitments *made, const json_t *update)
{
    struct sy_fr phi, rho;
    uint8_t bytes[32];
    char text[SY_HEX_TEXT_BYTES(32)];
    json_t *rhos = kat_get(update, "rhos"), *expected;
    size_t i;
    struct sy_error err = {0};
    expect_ok(sy_update_phi(made->comm_d_new, made->comm_r_old, &phi, &err), &err);
    sy_fr_to_bytes(bytes, &phi);
    check_commitment(bytes, update, "phi");
    json_array_foreach(rhos, i, expected)
    {
        sy_update_rho(&phi, i, &rho);
        sy_fr_to_bytes(bytes, &rho);
        assert_string_equal(sy_hex_encode(bytes, 32, text), json_string_value(expected));
    }
}

static void encode_update(const struct update_files *f, const struct witness_sector *s,
                          const json_t *update, struct sy_update_commitments *made)
{
    struct sy_error err = {0};
    const json_t *replica = kat_get(update, "replica"), *staged = kat_get(update, "staged");
    expect_ok(sy_update_encode(&s->params, &f->paths, 0, made, &err), &err);
    check_commitment(made->comm_r_old, update, "comm_r_old");
    check_commitment(made->comm_d_new, update, "comm_d_new");
    check_commitment(made->comm_r_last_new, update, "comm_r_last_new");
    check_commitment(made->comm_r_new, update, "comm_r_new");
    check_factors(made, update);
    stage_check_file(f->update, kat_text(replica, "sha256"), kat_u64(replica, "len"));
    expect_ok(sy_update_decode(&s->params, s->sealed, f->update, made->comm_d_new, made->comm_r_old,
                               f->back, 0, &err),
              &err);
    stage_check_file(f->back, kat_text(staged, "sha256"), kat_u64(staged, "len"));
}

static void refuse_damaged_update(const struct sy_porep_params *params,
                                  const struct sy_update_witness *good)
{
    struct sy_error err = {0};
    struct sy_update_witness bad = *good;
    struct sy_update_challenge *c = (struct sy_update_challenge *)(uintptr_t)good->challenges;
    uint8_t *const places[] = {
        bad.comm_c,      bad.comm_r_old,  bad.comm_d_new,         bad.comm_r_new,  c[3].r_old.leaf,
        c[3].d_new.leaf, c[3].r_new.leaf, c[4].r_new.siblings[0], c[0].r_old.root, bad.apex[0]};
    for (size_t i = 0; i < SY_ARRAY_SIZE(places); i++) {
        places[i][0] ^= 1;
        assert_int_equal(sy_update_verify(params, &bad, &err), -SY_E_MISMATCH);
        places[i][0] ^= 1;
    }
    bad.h_select = 2;
    assert_int_equal(sy_update_verify(params, &bad, &err), -SY_E_MISMATCH);
    bad.h_select = good->h_select;
    bad.partition = 99;
    assert_int_equal(sy_update_verify(params, &bad, &err), -SY_E_RANGE);
}

static void check_partition(const struct witness_sector *s, const struct update_files *f,
                            const struct sy_update_commitments *made, const json_t *update,
                            unsigned k)
{
    struct update_case c;
    struct sy_update_witness witness;
    struct sy_fr inputs[SY_UPDATE_INPUTS];
    struct sy_error err = {0};
    struct sy_bincode out = {0};
    uint8_t digest[32];
    uint64_t nodes[SY_UPDATE_CHALLENGES_MAX];
    const json_t *expected = json_array_get(kat_get(update, "partition_proofs"), k);
    const json_t *challenges = json_array_get(kat_get(update, "challenges"), k);
    expect_ok(sy_update_shape_init(&c.shape, s->params.sector_bytes, &err), &err);
    expect_ok(sy_update_challenges(&c.shape, made->comm_r_new, k, nodes, &err), &err);
    for (unsigned i = 0; i < c.shape.challenges; i++)
        assert_int_equal(nodes[i], json_integer_value(json_array_get(challenges, i)));
    expect_ok(sy_update_prove(&s->params, &f->paths, made, k, &witness, &err), &err);
    expect_ok(sy_update_verify(&s->params, &witness, &err), &err);
    sy_update_encode_partition(&out, &c.shape, &witness);
    assert_int_equal(out.bytes, kat_u64(expected, "bincode_len"));
    sy_sha256(out.data, out.bytes, digest);
    check_commitment(digest, expected, "bincode_sha256");
    sy_bincode_fini(&out);
    expect_ok(sy_update_inputs(&c.shape, k, sy_update_h_select(&c.shape), made->comm_r_old,
                               made->comm_d_new, made->comm_r_new, inputs, &err),
              &err);
    check_inputs(inputs, SY_UPDATE_INPUTS, json_array_get(kat_get(update, "public_inputs"), k));
    if (k == 0)
        refuse_damaged_update(&s->params, &witness);
    c.witness = &witness;
    if (k == 0 && (strcmp(size_text, "2KiB") == 0 || strcmp(size_text, "32KiB") == 0)) {
        json_t *root = load_sized("circuit-update", "-witness");
        assert_int_equal(judge_circuit(synthesise_update, &c, root, inputs), 0);
        json_decref(root);
    }
    sy_update_witness_fini(&witness);
}

static void update_witness_is_the_references(void **state)
{
    (void)state;
    json_t *update = load_sized("update", "");
    struct witness_sector s;
    static struct update_files f;
    struct sy_update_commitments made;
    struct sy_error err = {0};
    uint64_t node;
    struct sy_update_shape shape;
    witness_seal(&s, kat_text(update, "seed"), kat_get(update, "old"));
    stage_update(&f, &s, update);
    encode_update(&f, &s, update, &made);
    for (unsigned k = 0; k < kat_u64(update, "partitions"); k++)
        check_partition(&s, &f, &made, update, k);
    assert_int_equal(sy_update_shape_init(&shape, s.params.sector_bytes, NULL), 0);
    assert_int_equal(sy_update_challenges(&shape, made.comm_r_new, shape.partitions, &node, &err),
                     -SY_E_RANGE);
    stage_cut(f.staged);
    assert_true(sy_update_encode(&s.params, &f.paths, 0, &made, &err) < 0);
    witness_sector_fini(&s);
    json_decref(update);
}

static int cleanup(void **state)
{
    (void)state;
    stage_cleanup();
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "post-2KiB";
    const struct CMUnitTest porep[] = {cmocka_unit_test(porep_witness_is_the_references)};
    const struct CMUnitTest post[] = {cmocka_unit_test(post_witness_is_the_references)};
    const struct CMUnitTest update[] = {cmocka_unit_test(update_witness_is_the_references)};
    size_text = strchr(what, '-') ? strchr(what, '-') + 1 : "2KiB";
    if (strncmp(what, "porep", 5) == 0)
        return cmocka_run_group_tests(porep, NULL, cleanup);
    if (strncmp(what, "update", 6) == 0)
        return cmocka_run_group_tests(update, NULL, cleanup);
    return cmocka_run_group_tests(post, NULL, cleanup);
}
