/* A sector from data to data, for sizes that have no known answers: every stage checks itself in
 * full, and what comes out of unsealing is what went in. The argument is the proof type, and the
 * sector size when it is one of tests. */
#include "tests/unit/stage_harness.h"

#include <stdlib.h>

#include "tasks/hash/sha256.h"
#include "tasks/sector/params.h"

static const char ticket[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static const char seed[] = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

static uint64_t proof_type;
static uint64_t sector_bytes;

/* Half of the sector is one client piece that is not full. */
static json_t *client_piece(char *ret_sha256, uint64_t *ret_bytes)
{
    uint64_t padded = sector_bytes / 2;
    uint64_t raw = padded / 128 * 127 - 12345;
    uint8_t block[32] = {1};
    FILE *file = fopen(stage_path("piece"), "wb");
    assert_non_null(file);
    for (uint64_t at = 0; at < raw; at += sizeof block) {
        sy_sha256(block, sizeof block, block);
        assert_int_equal(fwrite(block, 1, raw - at < sizeof block ? raw - at : sizeof block, file),
                         raw - at < sizeof block ? raw - at : sizeof block);
    }
    assert_int_equal(fclose(file), 0);
    *ret_bytes = raw;
    memcpy(ret_sha256, stage_sha256(stage_path("piece"), ret_bytes), 65);
    return json_pack("[{s:s,s:I,s:I}]", "path", stage_path("piece"), "raw_bytes", (json_int_t)raw,
                     "padded_bytes", (json_int_t)padded);
}

static json_t *common_spec(void)
{
    json_t *spec =
        json_pack("{s:I,s:i,s:i,s:s,s:s,s:s,s:s,s:s,s:s}", "proof_type", (json_int_t)proof_type,
                  "miner", 1000, "number", 3, "ticket", ticket, "cache", stage_path("cache"),
                  "sealed", stage_path("sealed"), "unsealed", stage_path("unsealed"),
                  "parent_cache", stage_path("parents"), "verify", "full");
    if (sector_bytes != sy_proof_get(proof_type)->sector_bytes)
        json_object_set_new(spec, "sector_bytes", json_integer((json_int_t)sector_bytes));
    return spec;
}

static void what_goes_in_comes_out(void **state)
{
    char sha256[65];
    uint64_t bytes;
    json_t *spec = common_spec();
    (void)state;
    json_t *ap = stage_run(
        "ap", stage_with(spec, json_pack("{s:o}", "pieces", client_piece(sha256, &bytes))), 0);
    json_t *pieces = json_pack("{s:O}", "pieces", kat_get(ap, "pieces"));
    json_t *pc1 = stage_run("pc1", stage_with(spec, json_incref(pieces)), 0);
    assert_string_equal(kat_text(pc1, "comm_d"), kat_text(ap, "comm_d"));
    json_t *pc2 = stage_run("pc2", stage_with(spec, pieces), 0);
    json_t *c1 = stage_run(
        "c1",
        stage_with(spec,
                   json_pack("{s:s,s:O,s:O,s:s}", "seed", seed, "comm_d", kat_get(pc2, "comm_d"),
                             "comm_r", kat_get(pc2, "comm_r"), "output", stage_path("c1.json"))),
        0);
    assert_true(json_is_true(kat_get(c1, "verified")));
    json_decref(stage_run(
        "finalize",
        stage_with(spec, json_pack("{s:{s:s,s:s,s:s}}", "store", "kind", "posix", "sealed",
                                   stage_path("store/sealed"), "cache", stage_path("store/cache"))),
        0));
    json_decref(stage_run(
        "unseal",
        stage_with(spec, json_pack("{s:s,s:s,s:O,s:I}", "sealed", stage_path("store/sealed"),
                                   "output", stage_path("out"), "comm_d", kat_get(pc2, "comm_d"),
                                   "size_bytes", (json_int_t)bytes)),
        0));
    stage_check_file(stage_path("out"), sha256, bytes);
    json_decref(c1);
    json_decref(pc2);
    json_decref(pc1);
    json_decref(ap);
    json_decref(spec);
}

static int clean(void **state)
{
    (void)state;
    stage_cleanup();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_goes_in_comes_out)};
    proof_type = argc > 1 ? strtoull(argv[1], NULL, 10) : 5;
    const struct sy_proof *proof = sy_proof_get(proof_type);
    sector_bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 16u << 20;
    if (!proof) {
        fprintf(stderr, "no proof type %s\n", argv[1]);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, clean);
}
