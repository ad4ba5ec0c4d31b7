/* SHA-256 kernels against published digests, against OpenSSL and against each other; ChaCha;
 * BLAKE2b. */
#include "tests/unit/kernels_kat.h"
#include "tasks/hash/blake2b.h"
#include "tasks/hash/chacha.h"
#include "tasks/hash/sha256.h"

#include <openssl/sha.h>

static const char *const kernels[] = {"portable", "sha-ni"};
#define LENGTH_MAX 300
#define PAIRS 23

static void digests_equal_openssl_in_every_kernel(void **unused SY_UNUSED)
{
    uint8_t data[LENGTH_MAX], got[32], expected[32];
    uint64_t state = 1;
    fill_random(&state, data, sizeof data);
    for (size_t k = 0; k < SY_ARRAY_SIZE(kernels); k++) {
        if (sy_sha256_force(kernels[k], NULL) != 0)
            continue;
        assert_string_equal(sy_sha256_impl_name(), kernels[k]);
        for (size_t length = 0; length <= LENGTH_MAX; length++) {
            SHA256(data, length, expected);
            sy_sha256(data, length, got);
            assert_memory_equal(got, expected, 32);
            struct sy_sha256 sha;
            sy_sha256_init(&sha);
            size_t first = length / 3, second = length / 2 - first;
            sy_sha256_update(&sha, data, first);
            sy_sha256_update(&sha, data + first, second);
            sy_sha256_update(&sha, data + first + second, length - first - second);
            sy_sha256_final(&sha, got);
            assert_memory_equal(got, expected, 32);
        }
    }
    assert_int_equal(sy_sha256_force(NULL, NULL), 0);
}

static void published_example_holds(void **unused SY_UNUSED)
{
    uint8_t got[32], expected[32];
    sy_sha256("abc", 3, got);
    assert_int_equal(
        sy_hex_decode("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", expected,
                      32, NULL),
        0);
    assert_memory_equal(got, expected, 32);
}

static void unknown_kernel_is_refused(void **unused SY_UNUSED)
{
    struct sy_error err;
    assert_int_equal(sy_sha256_force("abacus", &err), -SY_E_ARG);
    if (!sy_sha256_has_ni())
        assert_int_equal(sy_sha256_force("sha-ni", &err), -SY_E_UNSUPPORTED);
}

/* Every number of pairs up to a few groups of streams, so that all tails are met, also in place. */
static void node_pairs_equal_truncated_digests(void **unused SY_UNUSED)
{
    uint8_t in[64 * PAIRS], out[32 * PAIRS + 1], copy[64 * PAIRS], expected[32];
    uint64_t state = 2;
    fill_random(&state, in, sizeof in);
    for (size_t k = 0; k < SY_ARRAY_SIZE(kernels); k++) {
        if (sy_sha256_force(kernels[k], NULL) != 0)
            continue;
        for (size_t count = 0; count <= PAIRS; count++) {
            out[32 * count] = 0xa5;
            sy_sha256_node_pairs(out, in, count);
            assert_int_equal(out[32 * count], 0xa5);
            memcpy(copy, in, sizeof in);
            sy_sha256_node_pairs(copy, copy, count);
            for (size_t i = 0; i < count; i++) {
                SHA256(in + 64 * i, 64, expected);
                expected[31] &= 0x3f;
                assert_memory_equal(out + 32 * i, expected, 32);
                assert_memory_equal(copy + 32 * i, expected, 32);
                sy_sha256_node_pair(copy + 32 * i, in + 64 * i, in + 64 * i + 32);
                assert_memory_equal(copy + 32 * i, expected, 32);
            }
        }
    }
    assert_int_equal(sy_sha256_force(NULL, NULL), 0);
}

static void known_node_pair_and_zero_pieces(void **unused SY_UNUSED)
{
    json_t *kat = load_kat("sealing_commp.json");
    json_t *chunk = get_key(kat, "hash_chunk");
    uint8_t in[64], node[32], expected[32];
    get_hex(get_key(chunk, "in"), in, 64);
    get_hex(get_key(chunk, "out"), expected, 32);
    sy_sha256_node_pair(node, in, in + 32);
    assert_memory_equal(node, expected, 32);
    memset(node, 0, 32);
    json_t *zero = get_key(kat, "zero_pieces");
    assert_true(json_array_size(zero) >= 30);
    for (size_t i = 0; i < json_array_size(zero); i++) {
        get_hex(get_key(json_array_get(zero, i), "commitment"), expected, 32);
        assert_memory_equal(node, expected, 32);
        sy_sha256_node_pair(node, node, node);
    }
    json_decref(kat);
}

static void word_kernels_equal_block_kernels(void **unused SY_UNUSED)
{
    uint8_t blocks[5 * 64];
    uint32_t words[5 * 16], a[8], b[8], c[8], d[8];
    uint64_t state = 3;
    fill_random(&state, blocks, sizeof blocks);
    memcpy(words, blocks, sizeof words);
    for (size_t i = 0; i < SY_ARRAY_SIZE(words); i++)
        words[i] = __builtin_bswap32(words[i]);
    memcpy(a, sy_sha256_h0, 32);
    memcpy(b, a, 32), memcpy(c, a, 32), memcpy(d, a, 32);
    sy_sha256_compress_portable(a, blocks, 5);
    sy_sha256_compress_words_portable(b, words, 5);
    assert_memory_equal(a, b, 32);
    if (!sy_sha256_has_ni())
        return;
    sy_sha256_compress_ni(c, blocks, 5);
    sy_sha256_compress_words_ni(d, words, 5);
    assert_memory_equal(a, c, 32);
    assert_memory_equal(a, d, 32);
}

/* First block of ChaCha8 with a zero key, from the vectors of the original submission (eSTREAM). */
static void chacha8_first_block_is_the_published_one(void **unused SY_UNUSED)
{
    static const char *const published =
        "3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e"
        "984ce172b9216f419f445367456d5619314a42a3da86b001387bfdb80e0cfe42";
    uint8_t key[32] = {0}, expected[64];
    struct sy_chacha8 chacha;
    assert_int_equal(sy_hex_decode(published, expected, 64, NULL), 0);
    sy_chacha8_init(&chacha, key);
    for (int i = 0; i < 8; i++) {
        uint64_t word, got = sy_chacha8_next_u64(&chacha);
        memcpy(&word, expected + 8 * i, 8);
        assert_int_equal(got, word);
    }
    uint64_t ninth = sy_chacha8_next_u64(&chacha);
    sy_chacha8_init(&chacha, key);
    assert_int_not_equal(sy_chacha8_next_u64(&chacha), ninth);
}

/* RFC 8439 section 2.3.2 gives the block with counter 1; the stream here begins at 0. */
static void chacha20_stream_follows_the_rfc(void **unused SY_UNUSED)
{
    static const char *const block_one =
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e";
    uint8_t key[32], nonce[12], stream[128], expected[64];
    for (uint8_t i = 0; i < 32; i++)
        key[i] = i;
    assert_int_equal(sy_hex_decode("000000090000004a00000000", nonce, 12, NULL), 0);
    assert_int_equal(sy_hex_decode(block_one, expected, 64, NULL), 0);
    assert_int_equal(sy_chacha20_ietf_stream(stream, sizeof stream, key, nonce, NULL), 0);
    assert_memory_equal(stream + 64, expected, 64);
    struct sy_error err;
    assert_int_equal(sy_chacha20_ietf_stream(stream, (size_t)64 << 32, key, nonce, &err),
                     -SY_E_RANGE);
}

static void blake2b_follows_the_rfc_and_checks_sizes(void **unused SY_UNUSED)
{
    static const char *const abc =
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
    uint8_t got[64], other[64], expected[64];
    struct sy_error err;
    assert_int_equal(sy_hex_decode(abc, expected, 64, NULL), 0);
    assert_int_equal(sy_blake2b(got, 64, NULL, 0, "abc", 3, &err), 0);
    assert_memory_equal(got, expected, 64);
    assert_int_equal(sy_blake2b(other, 64, "0123456789abcdef", 16, "abc", 3, &err), 0);
    assert_memory_not_equal(got, other, 64);
    assert_int_equal(sy_blake2b(got, 65, NULL, 0, "abc", 3, &err), -SY_E_RANGE);
    assert_int_equal(sy_blake2b(got, 32, got, 65, "abc", 3, &err), -SY_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_equal_openssl_in_every_kernel),
        cmocka_unit_test(published_example_holds),
        cmocka_unit_test(unknown_kernel_is_refused),
        cmocka_unit_test(node_pairs_equal_truncated_digests),
        cmocka_unit_test(known_node_pair_and_zero_pieces),
        cmocka_unit_test(word_kernels_equal_block_kernels),
        cmocka_unit_test(chacha8_first_block_is_the_published_one),
        cmocka_unit_test(chacha20_stream_follows_the_rfc),
        cmocka_unit_test(blake2b_follows_the_rfc_and_checks_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
