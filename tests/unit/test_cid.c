#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sector/cid.h"
#include "tests/unit/sdr_kat.h"

static void frc_0069_vectors(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_commp.json");
    size_t i;
    json_t *v;
    json_array_foreach(kat_get(root, "frc0069"), i, v)
    {
        char text[SY_CID_TEXT_BYTES];
        uint8_t comm[32], again[32];
        uint64_t raw_bytes, padded_bytes;
        assert_ok(sy_cid_unsealed_parse(kat_text(v, "piece_cid_v1"), comm, err));
        assert_string_equal(sy_cid_unsealed_format(comm, text), kat_text(v, "piece_cid_v1"));
        assert_ok(sy_cid_piece_v2_format(comm, kat_int(v, "payload_len"), kat_int(v, "padded_size"),
                                         text, err));
        assert_string_equal(text, kat_text(v, "piece_cid_v2"));
        assert_ok(sy_cid_piece_v2_parse(text, again, &raw_bytes, &padded_bytes, err));
        assert_memory_equal(again, comm, 32);
        assert_int_equal(raw_bytes, kat_int(v, "payload_len"));
        assert_int_equal(padded_bytes, kat_int(v, "padded_size"));
    }
    assert_true(i >= 7);
    json_decref(root);
}

static void sector_cids(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_seal_vectors.json");
    size_t i;
    json_t *v;
    json_array_foreach(kat_get(root, "cases"), i, v)
    {
        char text[SY_CID_TEXT_BYTES];
        uint8_t comm[32], again[32];
        kat_hex(v, "comm_d", comm, 32);
        assert_string_equal(sy_cid_unsealed_format(comm, text), kat_text(v, "comm_d_cid"));
        kat_hex(v, "comm_r", comm, 32);
        assert_string_equal(sy_cid_sealed_format(comm, text), kat_text(v, "comm_r_cid"));
        assert_ok(sy_cid_sealed_parse(text, again, err));
        assert_memory_equal(again, comm, 32);
    }
    json_decref(root);
}

static void foreign_texts_are_refused(void **state)
{
    (void)state;
    static const char unsealed[] =
        "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy";
    static const char sealed[] =
        "bagboea4b5abcbrshxgmmpaucffwp2elaofbcrvb7hmcu3653o4lsw2arlor4hn3c";
    static const char *const bad[] = {
        "",
        "b",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG",
        "bafkzcibcaaces3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi",
        "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqm",
        "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmz",
        "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmyaa",
        "Baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy",
        "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"
        "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy",
    };
    uint8_t comm[32] = {9};
    uint64_t a = 3, b = 4;
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        assert_error(sy_cid_unsealed_parse(bad[i], comm, err), SY_E_PARSE);
        assert_error(sy_cid_sealed_parse(bad[i], comm, err), SY_E_PARSE);
        if (i != 3)
            assert_error(sy_cid_piece_v2_parse(bad[i], comm, &a, &b, err), SY_E_PARSE);
    }
    assert_error(sy_cid_unsealed_parse(sealed, comm, err), SY_E_PARSE);
    assert_error(sy_cid_sealed_parse(unsealed, comm, err), SY_E_PARSE);
    assert_error(sy_cid_piece_v2_parse(unsealed, comm, &a, &b, err), SY_E_PARSE);
    assert_int_equal(comm[0], 9);
    assert_int_equal(a, 3);
    assert_int_equal(b, 4);
}

/* A v2 CID made by hand: prefix, digest length, padding, height, root. */
static void try_v2(const uint8_t *digest, size_t digest_bytes, bool good)
{
    uint8_t cid[64] = {0x01, 0x55, 0x91, 0x20, (uint8_t)digest_bytes}, comm[32];
    char text[SY_BASE32_TEXT_BYTES(64) + 1] = "b";
    uint64_t a, b;
    struct sy_error err;
    memcpy(cid + 5, digest, digest_bytes);
    sy_base32_encode(cid, 5 + digest_bytes, text + 1);
    int rc = sy_cid_piece_v2_parse(text, comm, &a, &b, &err);
    assert_int_equal(rc, good ? 0 : -SY_E_PARSE);
}

static void v2_fields_are_checked(void **state)
{
    (void)state;
    uint8_t digest[40] = {0};
    char text[SY_CID_TEXT_BYTES];
    digest[0] = 1;
    digest[1] = 2;
    try_v2(digest, 34, true);
    digest[1] = 1; /* 64 bytes: below the smallest piece */
    try_v2(digest, 34, false);
    digest[1] = 59;
    try_v2(digest, 34, false);
    digest[0] = 127; /* all padding: an empty payload */
    digest[1] = 2;
    try_v2(digest, 34, true);
    digest[0] = 0x80; /* 128 padding bytes in 127 */
    digest[1] = 0x01;
    digest[2] = 2;
    try_v2(digest, 35, false);
    digest[1] = 0x00; /* zero in two bytes: not minimal */
    try_v2(digest, 35, false);

    uint8_t comm[32] = {0};
    assert_error(sy_cid_piece_v2_format(comm, 128, 128, text, err), SY_E_RANGE);
    assert_error(sy_cid_piece_v2_format(comm, 10, 384, text, err), SY_E_RANGE);
    assert_error(sy_cid_piece_v2_format(comm, 0, 64, text, err), SY_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frc_0069_vectors),
        cmocka_unit_test(sector_cids),
        cmocka_unit_test(foreign_texts_are_refused),
        cmocka_unit_test(v2_fields_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
