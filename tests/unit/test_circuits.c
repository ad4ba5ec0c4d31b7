/* Circuits against the digests of the network's: every
 * tests/kat/reference/circuit-KIND-SIZE-blank.json whose name matches the argument ("2KiB" ... or
 * "all" of a size class).
 *
 *   test_circuits small | large
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "tasks/snark/circuit.h"
#include "tasks/snark/digest.h"

struct expectation {
    json_t *checkpoints;
    uint64_t checked;
};

static void on_checkpoint(void *ctx, uint64_t constraints, const uint8_t digest[32])
{
    struct expectation *e = ctx;
    char text[SY_HEX_TEXT_BYTES(32)];
    json_t *wanted = json_array_get(e->checkpoints, (size_t)e->checked++);
    if (!wanted)
        return;
    sy_hex_encode(digest, 32, text);
    if (strcmp(text, json_string_value(wanted)) != 0)
        fail_msg("the circuit differs from the network's before constraint %llu",
                 (unsigned long long)constraints);
}

static void build(struct sy_cs *cs, const char *kind, uint64_t sector_bytes)
{
    struct sy_error err = {0};
    if (strcmp(kind, "porep") == 0) {
        static const uint8_t porep_id[SY_POREP_ID_BYTES];
        struct sy_porep_params params;
        assert_int_equal(sy_porep_params_init_test(&params, sector_bytes, SY_PROOF_V1_1,
                                                   SY_API_1_1_0, porep_id, &err),
                         0);
        sy_circuit_porep(cs, &params, NULL);
    } else if (strcmp(kind, "update") == 0) {
        struct sy_update_shape shape;
        assert_int_equal(sy_update_shape_init(&shape, sector_bytes, &err), 0);
        sy_circuit_update(cs, &shape, NULL);
    } else {
        struct sy_post_shape shape;
        enum sy_post_kind post = strcmp(kind, "winning") == 0 ? SY_POST_WINNING : SY_POST_WINDOW;
        assert_int_equal(sy_post_shape_init(&shape, sector_bytes, post, &err), 0);
        sy_circuit_post(cs, &shape, NULL);
    }
}

static void check_digest(const struct sy_circuit_digest *digest, const json_t *section)
{
    uint8_t bytes[32];
    char text[SY_HEX_TEXT_BYTES(32)];
    sy_circuit_digest_get(digest, bytes);
    assert_string_equal(sy_hex_encode(bytes, 32, text),
                        json_string_value(json_object_get(section, "constraints_sha256")));
    assert_int_equal(digest->constraints,
                     json_integer_value(json_object_get(section, "constraints")));
}

static void check_density(const uint8_t *bitmap, size_t bytes, uint32_t aux, const json_t *section,
                          const char *name)
{
    json_t *wanted = json_object_get(json_object_get(section, "density"), name);
    uint8_t sha[32];
    char text[SY_HEX_TEXT_BYTES(32)];
    assert_int_equal(sy_circuit_density(bitmap, bytes, aux, sha),
                     json_integer_value(json_object_get(wanted, "count")));
    assert_string_equal(sy_hex_encode(sha, 32, text),
                        json_string_value(json_object_get(wanted, "bitmap_sha256")));
}

static void check_file(const char *name)
{
    char path[SY_PATH_BYTES];
    json_error_t problem;
    snprintf(path, sizeof path, SY_KAT_DIR "/reference/circuit-%s-blank.json", name);
    json_t *root = json_load_file(path, 0, &problem);
    assert_non_null(root);
    json_t *circuit = json_object_get(root, "circuit");
    json_t *closed = json_object_get(root, "with_input_constraints");
    struct expectation expectation = {json_object_get(circuit, "checkpoints"), 0};
    struct sy_circuit_digest digest;
    sy_circuit_digest_init(&digest);
    digest.checkpoint_every =
        (uint64_t)json_integer_value(json_object_get(circuit, "checkpoint_every"));
    if (digest.checkpoint_every > 0 && expectation.checkpoints)
        digest.on_checkpoint = on_checkpoint;
    digest.ctx = &expectation;
    struct sy_cs cs;
    sy_cs_begin(&cs, &digest.sink, NULL, 0);
    build(&cs, json_string_value(json_object_get(root, "circuit_kind")),
          (uint64_t)json_integer_value(json_object_get(root, "sector_size")));
    assert_int_equal(cs.inputs, json_integer_value(json_object_get(circuit, "inputs")));
    assert_int_equal(cs.aux, json_integer_value(json_object_get(circuit, "aux")));
    check_digest(&digest, circuit);
    json_t *terms = json_object_get(circuit, "terms");
    assert_int_equal(digest.terms_a, json_integer_value(json_object_get(terms, "a")));
    assert_int_equal(digest.terms_b, json_integer_value(json_object_get(terms, "b")));
    assert_int_equal(digest.terms_c, json_integer_value(json_object_get(terms, "c")));
    sy_cs_constrain_inputs(&cs);
    check_digest(&digest, closed);
    check_density(digest.a_aux, digest.bitmap_bytes, cs.aux, closed, "a_aux");
    check_density(digest.b_aux, digest.bitmap_bytes, cs.aux, closed, "b_aux");
    assert_false(digest.b_input_other);
    assert_false(digest.failed);
    struct sy_error err = {0};
    assert_int_equal(sy_cs_end(&cs, &err), 0);
    sy_circuit_digest_fini(&digest);
    json_decref(root);
}

static const char *const small[] = {
    "window-2KiB",  "winning-2KiB", "porep-2KiB",     "update-2KiB",   "window-4KiB",
    "winning-4KiB", "porep-4KiB",   "update-4KiB",    "window-16KiB",  "winning-16KiB",
    "porep-16KiB",  "update-16KiB", "window-32KiB",   "winning-32KiB", "porep-32KiB",
    "update-32KiB", "winning-8MiB", "winning-512MiB", "winning-32GiB", "winning-64GiB",
    "porep-8MiB",   "porep-512MiB",
};
static const char *const large[] = {
    "update-8MiB",  "update-512MiB", "porep-32GiB",  "porep-64GiB",
    "update-32GiB", "update-64GiB",  "window-32GiB",
};

static void run_state(void **state)
{
    check_file(*state);
}

int main(int argc, char **argv)
{
    bool want_large = argc > 1 && strcmp(argv[1], "large") == 0;
    const char *const *names = want_large ? large : small;
    size_t count = want_large ? SY_ARRAY_SIZE(large) : SY_ARRAY_SIZE(small);
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (argc > 2 && strcmp(argv[2], names[i]) != 0)
            continue;
        const struct CMUnitTest tests[] = {
            {names[i], run_state, NULL, NULL, (void *)(uintptr_t)names[i]}};
        failed += cmocka_run_group_tests_name(names[i], tests, NULL, NULL);
    }
    return failed == 0 ? 0 : 1;
}
