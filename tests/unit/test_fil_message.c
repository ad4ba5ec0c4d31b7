/* Messages, signatures, key files, actor parameters and strict CBOR against the known answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/fil/key.h"
#include "common/fil/message.h"
#include "common/fil/miner_params.h"
#include "common/hex.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t raw[SY_FIL_MESSAGE_BYTES_MAX], again[SY_FIL_MESSAGE_BYTES_MAX];

/* Method numbers of the vectors exceed 63 bits, which jansson has no integers for: such numbers are
 * put in quotes before parsing. */
static json_t *load(const char *name)
{
    char path[1024], *text;
    FILE *file;
    size_t bytes, used = 0;
    json_error_t error;
    json_t *json;
    snprintf(path, sizeof(path), "%s/%s", SY_KAT_DIR, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    bytes = (size_t)ftell(file);
    rewind(file);
    text = calloc(2, bytes + 1);
    assert_non_null(text);
    for (int c = fgetc(file), previous = 0; c != EOF;) {
        char digits[64];
        size_t count = 0;
        if (previous != ' ' || c < '0' || c > '9') {
            text[used++] = (char)c;
            previous = c;
            c = fgetc(file);
            continue;
        }
        for (; c >= '0' && c <= '9'; c = fgetc(file))
            digits[count++] = (char)c;
        digits[count] = 0;
        used += (size_t)snprintf(text + used, 80, count > 18 ? "\"%s\"" : "%s", digits);
        previous = '0';
    }
    fclose(file);
    json = json_loadb(text, used, 0, &error);
    free(text);
    if (!json)
        fail_msg("%s: %s", path, error.text);
    return json;
}

static const char *get_text(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    assert_non_null(text);
    return text;
}

static size_t get_hex(const char *hex, void *ret, size_t capacity)
{
    size_t bytes = strlen(hex) / 2;
    assert_true(bytes <= capacity);
    assert_int_equal(sy_hex_decode(hex, ret, bytes, NULL), 0);
    return bytes;
}

static void check_number(const json_t *json, const char *key, uint64_t value)
{
    const json_t *number = json_object_get(json, key);
    char text[32];
    if (json_is_integer(number)) {
        assert_int_equal(json_integer_value(number), (json_int_t)value);
        return;
    }
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    assert_string_equal(json_string_value(number), text);
}

static void check_fields(const json_t *json, const struct sy_fil_message *message)
{
    json_t *mine = sy_fil_message_to_json(message, get_text(json, "To")[0]);
    static const char *const same[] = {"To", "From", "Value", "GasFeeCap", "GasPremium", "Params"};
    assert_non_null(mine);
    for (size_t i = 0; i < SY_ARRAY_SIZE(same); i++)
        if (!json_equal(json_object_get(json, same[i]), json_object_get(mine, same[i])))
            fail_msg("%s: %s", same[i], json_dumps(mine, 0));
    check_number(json, "Nonce", message->nonce);
    check_number(json, "Method", message->method);
    check_number(json, "GasLimit", (uint64_t)message->gas_limit);
    json_decref(mine);
}

static void messages_have_their_known_bytes_and_cids(void **state)
{
    json_t *root = load("chain_message.json"), *item;
    size_t index;
    (void)state;
    json_array_foreach(json_object_get(root, "messages"), index, item)
    {
        struct sy_fil_message message;
        struct sy_fil_cid cid;
        char text[SY_FIL_CID_TEXT_BYTES];
        struct sy_error err;
        size_t back, bytes = get_hex(get_text(item, "cbor"), raw, sizeof(raw));
        if (sy_fil_message_decode(raw, bytes, &message, &err) < 0)
            fail_msg("%zu: %s", index, err.text);
        check_fields(json_object_get(item, "message"), &message);
        assert_int_equal(sy_fil_message_encode(&message, again, sizeof(again), &back, NULL), 0);
        assert_int_equal(bytes, back);
        assert_memory_equal(raw, again, bytes);
        assert_int_equal(sy_fil_message_cid(&message, &cid, NULL), 0);
        assert_string_equal(sy_fil_cid_print(&cid, text), get_text(item, "cid"));
        for (size_t cut = 0; cut < bytes; cut++)
            assert_true(sy_fil_message_decode(raw, cut, &message, NULL) < 0);
        raw[bytes] = 0;
        assert_int_equal(sy_fil_message_decode(raw, bytes + 1, &message, NULL), -SY_E_PARSE);
    }
    assert_true(index >= 11);
    json_decref(root);
}

static void messages_of_the_chain_keep_their_cids(void **state)
{
    json_t *root = load("chain_messages_mainnet.json"), *item;
    size_t index;
    (void)state;
    json_array_foreach(json_object_get(root, "messages"), index, item)
    {
        struct sy_fil_message message;
        struct sy_fil_cid cid;
        char text[SY_FIL_CID_TEXT_BYTES];
        size_t bytes = get_hex(get_text(item, "cbor"), raw, sizeof(raw));
        assert_int_equal(sy_fil_message_decode(raw, bytes, &message, NULL), 0);
        assert_int_equal(sy_fil_message_cid(&message, &cid, NULL), 0);
        assert_string_equal(sy_fil_cid_print(&cid, text), get_text(item, "cid"));
        assert_int_equal(message.nonce, json_integer_value(json_object_get(item, "nonce")));
        if (message.params_bytes)
            assert_int_equal(sy_cbor_check(message.params, message.params_bytes, "params", NULL),
                             0);
    }
    assert_true(index >= 10);
    json_decref(root);
}

static void json_form_round_trips_and_ignores_the_cid(void **state)
{
    json_t *root = load("chain_message.json");
    json_t *form = json_array_get(json_object_get(root, "json_form"), 0);
    json_t *json = json_loads(get_text(form, "json"), 0, NULL), *mine;
    struct sy_fil_message message;
    struct sy_fil_cid cid;
    uint8_t params[64];
    char text[SY_FIL_CID_TEXT_BYTES];
    (void)state;
    assert_int_equal(sy_fil_message_from_json(json, params, sizeof(params), &message, NULL), 0);
    assert_int_equal(message.nonce, 34);
    assert_int_equal(message.params_bytes, 3);
    assert_memory_equal(message.params, "hai", 3);
    assert_int_equal(sy_fil_message_cid(&message, &cid, NULL), 0);
    assert_string_equal(sy_fil_cid_print(&cid, text), get_text(json_object_get(json, "CID"), "/"));
    json_object_del(json, "CID");
    mine = sy_fil_message_to_json(&message, 'f');
    assert_true(json_equal(mine, json));
    json_object_set_new(json, "Nonce", json_integer(-1));
    assert_int_equal(sy_fil_message_from_json(json, params, sizeof(params), &message, NULL),
                     -SY_E_PARSE);
    json_decref(mine);
    json_decref(json);
    json_decref(root);
}

static void signed_message_cid_follows_the_signature_type(void **state)
{
    json_t *root = load("chain_message.json");
    json_t *item = json_array_get(json_object_get(root, "signed_messages"), 0);
    struct sy_fil_signed_message message;
    struct sy_fil_cid cid, plain;
    char text[SY_FIL_CID_TEXT_BYTES];
    size_t back, bytes = get_hex(get_text(item, "cbor"), raw, sizeof(raw));
    (void)state;
    assert_int_equal(sy_fil_signed_decode(raw, bytes, &message, NULL), 0);
    assert_int_equal(sy_fil_signed_encode(&message, again, sizeof(again), &back, NULL), 0);
    assert_int_equal(back, bytes);
    assert_memory_equal(raw, again, bytes);
    assert_int_equal(sy_fil_signed_cid(&message, &cid, NULL), 0);
    assert_string_equal(sy_fil_cid_print(&cid, text), get_text(item, "cid"));
    message.signature.type = SY_FIL_SIGNATURE_BLS;
    assert_int_equal(sy_fil_signed_cid(&message, &cid, NULL), 0);
    assert_int_equal(sy_fil_message_cid(&message.message, &plain, NULL), 0);
    assert_true(sy_fil_cid_equal(&cid, &plain));
    json_decref(root);
}

static void check_signature_vector(const json_t *item)
{
    uint8_t secret[32], data[512];
    struct sy_fil_key key;
    struct sy_fil_signature signature, expected = {.type = 1, .bytes = 65};
    struct sy_fil_address signer;
    char text[SY_FIL_ADDRESS_TEXT_BYTES];
    size_t bytes = get_hex(get_text(item, "signed_bytes"), data, sizeof(data));
    get_hex(get_text(item, "private_key"), secret, 32);
    get_hex(get_text(item, "signature_rsv_rfc6979_sha256_low_s"), expected.data, 65);
    assert_int_equal(sy_fil_key_from(secret, &key, NULL), 0);
    assert_string_equal(sy_fil_address_print(&key.address, 'f', text), get_text(item, "address"));
    assert_int_equal(sy_fil_key_sign(&key, data, bytes, &signature, NULL), 0);
    assert_memory_equal(signature.data, expected.data, 65);
    assert_int_equal(sy_fil_signature_recover(&signature, data, bytes, &signer, NULL), 0);
    assert_true(sy_fil_address_equal(&signer, &key.address));
    signature.data[5] ^= 1;
    assert_int_equal(sy_fil_signature_check(&signature, data, bytes, &key.address, NULL),
                     -SY_E_AUTH);
    signature.data[64] = 27;
    assert_int_equal(sy_fil_signature_check(&signature, data, bytes, &key.address, NULL),
                     -SY_E_AUTH);
    sy_fil_key_wipe(&key);
    assert_int_equal(key.secret[0] | key.secret[31], 0);
}

static void secp256k1_signatures_match(void **state)
{
    json_t *root = load("chain_signature.json"), *item;
    size_t index, found = 0, recovered = 0;
    (void)state;
    json_array_foreach(json_object_get(root, "vectors"), index, item)
    {
        if (json_object_get(item, "signature_rsv_rfc6979_sha256_low_s")) {
            check_signature_vector(item);
            found++;
        } else if (strncmp(get_text(item, "kind"), "secp", 4) == 0) {
            struct sy_fil_signature signature = {.type = 1, .bytes = 65};
            struct sy_fil_address address;
            size_t bytes = get_hex(get_text(item, "proposal_cbor"), raw, sizeof(raw));
            get_hex(get_text(item, "signature_rsv"), signature.data, 65);
            assert_int_equal(sy_fil_address_parse(get_text(item, "client"), &address, NULL), 0);
            assert_int_equal(sy_fil_signature_check(&signature, raw, bytes, &address, NULL), 0);
            recovered++;
        }
    }
    assert_int_equal(found, 1);
    assert_true(recovered >= 1);
    json_decref(root);
}

static void make_temp(char path[64])
{
    memcpy(path, "/tmp/sy-fil-XXXXXX", sizeof("/tmp/sy-fil-XXXXXX"));
    assert_non_null(mkdtemp(path));
}

static void key_files_are_private_and_wanted_kind(void **state)
{
    json_t *root = load("chain_wallet.json");
    json_t *secp = json_array_get(json_object_get(root, "lotus_export"), 0);
    json_t *bls = json_array_get(json_object_get(root, "lotus_export"), 1);
    struct sy_fil_key key, back;
    struct sy_error err;
    char directory[64], path[128], text[SY_FIL_ADDRESS_TEXT_BYTES];
    struct stat info;
    (void)state;
    make_temp(directory);
    snprintf(path, sizeof(path), "%s/k", directory);
    assert_int_equal(
        sy_fil_key_import(get_text(secp, "hex"), strlen(get_text(secp, "hex")), &key, NULL), 0);
    assert_string_equal(sy_fil_address_print(&key.address, 'f', text), get_text(secp, "address"));
    assert_int_equal(
        sy_fil_key_import(get_text(bls, "hex"), strlen(get_text(bls, "hex")), &back, NULL),
        -SY_E_UNSUPPORTED);
    assert_int_equal(sy_fil_key_save(path, &key, NULL), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(sy_fil_key_save(path, &key, NULL), -SY_E_EXISTS);
    assert_int_equal(sy_fil_key_load(path, &back, NULL), 0);
    assert_memory_equal(key.secret, back.secret, 32);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(sy_fil_key_load(path, &back, &err), -SY_E_DENIED);
    assert_null(strstr(err.text, get_text(secp, "hex")));
    assert_int_equal(sy_fil_key_import("7b2254", 6, &back, NULL), -SY_E_PARSE);
    assert_int_equal(sy_fil_key_import("xx", 2, &back, NULL), -SY_E_PARSE);
    assert_int_equal(sy_fil_key_import("", 0, &back, NULL), -SY_E_PARSE);
    unlink(path);
    assert_int_equal(sy_fil_key_load(path, &back, NULL), -SY_E_NOT_FOUND);
    rmdir(directory);
    json_decref(root);
}

static void generated_keys_differ_and_zero_is_no_key(void **state)
{
    struct sy_fil_key a, b;
    uint8_t zero[32] = {0};
    (void)state;
    assert_int_equal(sy_fil_key_generate(&a, NULL), 0);
    assert_int_equal(sy_fil_key_generate(&b, NULL), 0);
    assert_memory_not_equal(a.secret, b.secret, 32);
    assert_int_equal(sy_fil_key_from(zero, &a, NULL), -SY_E_RANGE);
}

static void precommit_vector(const uint8_t *data, size_t bytes)
{
    struct sy_fil_precommit sectors[4];
    size_t count, back;
    assert_int_equal(sy_fil_precommit_decode(data, bytes, sectors, 4, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(sectors[0].seal_proof, 8);
    assert_int_equal(sectors[0].seal_rand_epoch, 6100000);
    assert_int_equal(sectors[0].expiration, 7700000);
    assert_int_equal(sectors[0].has_unsealed, sectors[0].sector == 101);
    assert_int_equal(sy_fil_precommit_encode(sectors, count, again, sizeof(again), &back, NULL), 0);
    assert_int_equal(back, bytes);
    assert_memory_equal(data, again, bytes);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_true(sy_fil_precommit_decode(data, cut, sectors, 4, &count, NULL) < 0);
    assert_int_equal(sy_fil_precommit_decode(data, bytes, sectors, 0, &count, NULL), -SY_E_LIMIT);
}

static void prove_vector(const uint8_t *data, size_t bytes)
{
    struct sy_fil_prove prove;
    size_t back;
    assert_int_equal(sy_fil_prove_decode(data, bytes, &prove, NULL), 0);
    assert_int_equal(prove.sectors[0].number, 100);
    assert_int_equal(sy_fil_prove_encode(&prove, again, sizeof(again), &back, NULL), 0);
    assert_int_equal(back, bytes);
    assert_memory_equal(data, again, bytes);
    if (prove.piece_count) {
        assert_int_equal(prove.sector_count, 4);
        assert_int_equal(prove.sectors[0].piece_count, 2);
        assert_true(prove.pieces[0].has_allocation);
        assert_int_equal(prove.pieces[0].client, 1234);
        assert_int_equal(prove.pieces[0].allocation, 55);
        assert_int_equal(prove.notify_count, 1);
        assert_true(prove.require_activation);
    } else {
        assert_int_equal(prove.proof_count, 2);
    }
    sy_fil_prove_fini(&prove);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_true(sy_fil_prove_decode(data, cut, &prove, NULL) < 0);
}

static void batch_vector(const uint8_t *data, size_t bytes, unsigned seen)
{
    static struct sy_fil_batch_return batch;
    size_t back;
    assert_int_equal(sy_fil_batch_return_decode(data, bytes, &batch, NULL), 0);
    assert_int_equal(sy_fil_batch_return_encode(&batch, again, sizeof(again), &back, NULL), 0);
    assert_int_equal(back, bytes);
    assert_memory_equal(data, again, bytes);
    if (seen == 3) {
        assert_int_equal(batch.success_count, 2);
        assert_int_equal(sy_fil_batch_return_code(&batch, 0), 0);
        assert_int_equal(sy_fil_batch_return_code(&batch, 1), 7);
        assert_int_equal(sy_fil_batch_return_code(&batch, 4), 16);
    }
}

static void parameters_have_their_known_bytes(void **state)
{
    json_t *root = load("chain_params_cbor.json"), *item;
    size_t index;
    unsigned precommits = 0, proves = 0, batches = 0;
    (void)state;
    json_array_foreach(json_object_get(root, "vectors"), index, item)
    {
        const char *name = get_text(item, "name");
        size_t bytes = get_hex(get_text(item, "cbor"), raw, sizeof(raw));
        assert_int_equal(sy_cbor_check(raw, bytes, name, NULL), 0);
        if (strncmp(name, "PreCommitSectorBatchParams2", 27) == 0) {
            precommit_vector(raw, bytes);
            precommits++;
        } else if (strncmp(name, "ProveCommitSectors3Params", 25) == 0) {
            prove_vector(raw, bytes);
            proves++;
        } else if (strcmp(name, "BatchReturn") == 0) {
            batch_vector(raw, bytes, batches++);
        }
    }
    assert_int_equal(precommits, 2);
    assert_int_equal(proves, 2);
    assert_int_equal(batches, 4);
    json_decref(root);
}

/* Whatever a decoder takes must be what the encoder writes: there is one form only. */
static bool same_again(const char *name, const uint8_t *data, size_t bytes)
{
    struct sy_fil_precommit sectors[4];
    static struct sy_fil_batch_return batch;
    struct sy_fil_prove prove;
    size_t count, back = 0;
    if (strncmp(name, "PreCommit", 9) == 0) {
        if (sy_fil_precommit_decode(data, bytes, sectors, 4, &count, NULL) < 0)
            return false;
        for (size_t i = 0; i < count; i++) {
            if (sectors[i].deal_count > SY_ARRAY_SIZE(sectors[i].deals))
                return false;
        }
        assert_int_equal(sy_fil_precommit_encode(sectors, count, again, sizeof(again), &back, NULL),
                         0);
    } else if (strncmp(name, "ProveCommitSectors3", 19) == 0) {
        if (sy_fil_prove_decode(data, bytes, &prove, NULL) < 0)
            return false;
        assert_int_equal(sy_fil_prove_encode(&prove, again, sizeof(again), &back, NULL), 0);
        sy_fil_prove_fini(&prove);
    } else {
        if (sy_fil_batch_return_decode(data, bytes, &batch, NULL) < 0)
            return false;
        assert_int_equal(sy_fil_batch_return_encode(&batch, again, sizeof(again), &back, NULL), 0);
    }
    assert_int_equal(back, bytes);
    assert_memory_equal(again, data, bytes);
    return true;
}

static void damaged_parameters_are_refused_or_mean_something_else(void **state)
{
    static const uint8_t changes[] = {0x01, 0x02, 0x10, 0x20, 0x40, 0x80, 0xff, 0x1f};
    json_t *root = load("chain_params_cbor.json"), *item;
    size_t index, refused = 0, taken = 0;
    (void)state;
    json_array_foreach(json_object_get(root, "vectors"), index, item)
    {
        const char *name = get_text(item, "name");
        size_t bytes = get_hex(get_text(item, "cbor"), raw, sizeof(raw));
        if (strncmp(name, "PreCommit", 9) != 0 && strcmp(name, "BatchReturn") != 0 &&
            strncmp(name, "ProveCommitSectors3", 19) != 0)
            continue;
        for (size_t i = 0; i < bytes * sizeof(changes); i++) {
            raw[i / sizeof(changes)] ^= changes[i % sizeof(changes)];
            if (same_again(name, raw, bytes))
                taken++;
            else
                refused++;
            raw[i / sizeof(changes)] ^= changes[i % sizeof(changes)];
        }
    }
    assert_true(refused > 500);
    assert_true(taken > 500); /* another digest or number is as good */
    json_decref(root);
}

static void damaged_messages_are_refused_or_mean_something_else(void **state)
{
    json_t *root = load("chain_message.json"), *item;
    size_t index, back;
    (void)state;
    json_array_foreach(json_object_get(root, "messages"), index, item)
    {
        size_t bytes = get_hex(get_text(item, "cbor"), raw, sizeof(raw));
        for (size_t i = 0; i < 8 * bytes; i++) {
            struct sy_fil_message message;
            raw[i / 8] ^= (uint8_t)(1u << (i % 8));
            if (sy_fil_message_decode(raw, bytes, &message, NULL) == 0) {
                assert_int_equal(sy_fil_message_encode(&message, again, sizeof(again), &back, NULL),
                                 0);
                assert_int_equal(back, bytes);
                assert_memory_equal(raw, again, bytes);
            }
            raw[i / 8] ^= (uint8_t)(1u << (i % 8));
        }
    }
    json_decref(root);
}

static void loose_cbor_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t count;
    } bad[] = {
        {"\x18\x17", 2},             /* 23 in two bytes */
        {"\x19\x00\xff", 3},         /* 255 in three */
        {"\x58\x01\x00", 3},         /* one byte with a long head */
        {"\x98\x00", 2},             /* empty array with a long head */
        {"\x9f\xff", 2},             /* indefinite array */
        {"\x5f\x41\x00\xff", 4},     /* indefinite byte string */
        {"\xbf\xff", 2},             /* indefinite map */
        {"\xf9\x00\x00", 3},         /* half float */
        {"\xfa\x00\x00\x00\x00", 5}, /* float */
        {"\xf7", 1},                 /* undefined */
        {"\xff", 1},                 /* break */
        {"\xc1\x00", 2},             /* tag 1 */
        {"\xd8\x2a\x41\x01", 4},     /* CID without the zero byte */
        {"\xd8\x2a\x00", 3},         /* CID that is a number */
        {"\x61\xff", 2},             /* not UTF-8 */
        {"\x62\xc0\x80", 3},         /* overlong UTF-8 */
        {"\x82\x00", 2},             /* one item missing */
        {"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {"\x5b\xff\xff\xff\xff\xff\xff\xff\xff\x00", 10},
        {"\x00\x00", 2}, /* something behind the end */
        {"", 0},
    };
    uint8_t deep[SY_CBOR_DEPTH_MAX + 2];
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        if (sy_cbor_check(bad[i].bytes, bad[i].count, "t", NULL) != -SY_E_PARSE)
            fail_msg("case %zu was taken", i);
    }
    memset(deep, 0x81, sizeof(deep));
    deep[sizeof(deep) - 1] = 0;
    assert_int_equal(sy_cbor_check(deep, sizeof(deep), "t", NULL), -SY_E_PARSE);
    assert_int_equal(sy_cbor_check("\x62\xc3\xa4", 3, "t", NULL), 0);
}

static void small_buffers_and_long_messages_are_refused(void **state)
{
    struct sy_fil_message message = {.params = raw, .params_bytes = sizeof(raw)};
    struct sy_fil_cid cid;
    size_t bytes;
    (void)state;
    assert_int_equal(sy_fil_message_cid(&message, &cid, NULL), -SY_E_LIMIT);
    message.params_bytes = 0;
    assert_int_equal(sy_fil_message_encode(&message, again, 5, &bytes, NULL), -SY_E_LIMIT);
}

static void batch_return_with_bad_indices_is_refused(void **state)
{
    static struct sy_fil_batch_return batch;
    (void)state;
    /* [1,[[2,16]]]: two items only; [0,[[1,16],[0,16]]]: not ascending; code 0 */
    assert_int_equal(sy_fil_batch_return_decode("\x82\x01\x81\x82\x02\x10", 6, &batch, NULL),
                     -SY_E_PARSE);
    assert_int_equal(
        sy_fil_batch_return_decode("\x82\x00\x82\x82\x01\x10\x82\x00\x10", 9, &batch, NULL),
        -SY_E_PARSE);
    assert_int_equal(sy_fil_batch_return_decode("\x82\x00\x81\x82\x00\x00", 6, &batch, NULL),
                     -SY_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_have_their_known_bytes_and_cids),
        cmocka_unit_test(messages_of_the_chain_keep_their_cids),
        cmocka_unit_test(json_form_round_trips_and_ignores_the_cid),
        cmocka_unit_test(signed_message_cid_follows_the_signature_type),
        cmocka_unit_test(secp256k1_signatures_match),
        cmocka_unit_test(key_files_are_private_and_wanted_kind),
        cmocka_unit_test(generated_keys_differ_and_zero_is_no_key),
        cmocka_unit_test(parameters_have_their_known_bytes),
        cmocka_unit_test(damaged_parameters_are_refused_or_mean_something_else),
        cmocka_unit_test(damaged_messages_are_refused_or_mean_something_else),
        cmocka_unit_test(loose_cbor_is_refused),
        cmocka_unit_test(small_buffers_and_long_messages_are_refused),
        cmocka_unit_test(batch_return_with_bad_indices_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
