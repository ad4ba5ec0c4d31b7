#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/proof.h"
#include "tests/unit/sdr_kat.h"

static void every_id_has_its_row(void **state)
{
    (void)state;
    static const char *const names[] = {"StackedDrg2KiBV1", "StackedDrg32GiBV1_1",
                                        "StackedDrg8MiBV1_1_Feat_SyntheticPoRep",
                                        "StackedDrg64GiBV1_2_Feat_NonInteractivePoRep"};
    static const uint64_t ids[] = {0, 8, 11, 19};
    const struct sy_proof *proof;

    for (uint64_t id = 0; id < SY_PROOF_COUNT; id++) {
        assert_ok(sy_proof_find(&proof, id, err));
        assert_int_equal(proof->id, id);
        const struct sy_proof *again;
        assert_ok(sy_proof_find_name(&again, proof->name, err));
        assert_ptr_equal(again, proof);
        assert_ok(sy_proof_select(&again, proof->sector_bytes, proof->variant, err));
        assert_ptr_equal(again, proof);
        uint64_t bytes;
        assert_ok(sy_sector_size_parse(proof->size_text, &bytes, err));
        assert_int_equal(bytes, proof->sector_bytes);
        uint8_t porep_id[32], want[32] = {(uint8_t)id};
        sy_proof_porep_id(proof, porep_id);
        assert_memory_equal(porep_id, want, 32);
    }
    for (size_t i = 0; i < SY_ARRAY_SIZE(ids); i++)
        assert_string_equal(sy_proof_get(ids[i])->name, names[i]);
    assert_int_equal(sy_proof_get(3)->api, SY_API_1_0_0);
    assert_int_equal(sy_proof_get(8)->api, SY_API_1_1_0);
    assert_int_equal(sy_proof_get(13)->api, SY_API_1_2_0);
    assert_string_equal(sy_proof_get(13)->size_key, "StackedDrg32GiBV1");
}

static void unknown_proofs_are_refused(void **state)
{
    (void)state;
    const struct sy_proof *proof = NULL;
    assert_null(sy_proof_get(20));
    assert_null(sy_proof_get(UINT64_MAX));
    assert_error(sy_proof_find(&proof, 20, err), SY_E_RANGE);
    assert_error(sy_proof_find_name(&proof, "StackedDrg32GiBV1_2", err), SY_E_NOT_FOUND);
    assert_error(sy_proof_select(&proof, 4096, SY_PROOF_V1_1, err), SY_E_NOT_FOUND);
    assert_null(proof);
}

static void sizes_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"2KiB", 2048}, {"32 GiB", UINT64_C(32) << 30}, {"8mib", 8 << 20}, {"128B", 128}};
    static const char *const bad[] = {"",
                                      "KiB",
                                      "32",
                                      "32GB",
                                      "3GiB",
                                      "-2KiB",
                                      "2KiB ",
                                      "0GiB",
                                      "2  KiB",
                                      "18446744073709551616B",
                                      "17179869184GiB"};
    char text[SY_SECTOR_SIZE_TEXT_BYTES];
    uint64_t bytes = 7;

    for (size_t i = 0; i < SY_ARRAY_SIZE(good); i++) {
        assert_ok(sy_sector_size_parse(good[i].text, &bytes, err));
        assert_int_equal(bytes, good[i].bytes);
    }
    bytes = 7;
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++)
        assert_error(sy_sector_size_parse(bad[i], &bytes, err), SY_E_PARSE);
    assert_int_equal(bytes, 7);
    assert_string_equal(sy_sector_size_format(UINT64_C(64) << 30, text), "64GiB");
    assert_string_equal(sy_sector_size_format(512 << 20, text), "512MiB");
    assert_string_equal(sy_sector_size_format(2048, text), "2KiB");
    assert_string_equal(sy_sector_size_format(127, text), "127B");
}

static void api_versions_are_read(void **state)
{
    (void)state;
    enum sy_api_version api;
    for (int i = SY_API_1_0_0; i <= SY_API_1_2_0; i++) {
        assert_ok(sy_api_version_parse(sy_api_version_name((enum sy_api_version)i), &api, err));
        assert_int_equal(api, i);
    }
    assert_error(sy_api_version_parse("1.3.0", &api, err), SY_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_has_its_row),
        cmocka_unit_test(unknown_proofs_are_refused),
        cmocka_unit_test(sizes_are_read_and_written),
        cmocka_unit_test(api_versions_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
