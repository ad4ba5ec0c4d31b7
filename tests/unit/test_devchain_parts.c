/* Pieces of the development chain against known answers: headers, fees, data commitments, state. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/hex.h"
#include "common/mem.h"
#include "ops/devchain/commd.h"
#include "ops/devchain/header.h"
#include "ops/devchain/money.h"
#include "ops/devchain/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *load(const char *name)
{
    char path[1024];
    json_error_t error;
    json_t *json;
    snprintf(path, sizeof(path), "%s/%s", SY_KAT_DIR, name);
    json = json_load_file(path, 0, &error);
    if (!json)
        fail_msg("%s: %s", path, error.text);
    return json;
}

static int64_t number(const json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key));
}

static uint8_t scratch[64][4096];
static unsigned scratch_used;

static struct sy_fil_bytes get_bytes(const json_t *json, const char *key)
{
    struct sy_fil_bytes bytes = {.data = scratch[scratch_used]};
    assert_true(scratch_used < 64);
    assert_int_equal(sy_fil_bytes_from_json(json_object_get(json, key), scratch[scratch_used++],
                                            sizeof(scratch[0]), &bytes.bytes, NULL),
                     0);
    return bytes;
}

static void get_signature(const json_t *json, struct sy_fil_signature *ret)
{
    struct sy_fil_bytes data = get_bytes(json, "Data");
    assert_true(data.bytes <= sizeof(ret->data));
    ret->type = (uint8_t)number(json, "Type");
    ret->bytes = (uint8_t)data.bytes;
    memcpy(ret->data, data.data, data.bytes);
}

static void get_cid(const json_t *json, struct sy_fil_cid *ret)
{
    assert_int_equal(sy_fil_cid_from_json(json, ret, NULL), 0);
}

static void get_header(const json_t *block, struct sy_dc_header *ret)
{
    const json_t *election = json_object_get(block, "ElectionProof"), *item;
    size_t index;
    memset(ret, 0, sizeof(*ret));
    scratch_used = 0;
    assert_int_equal(sy_fil_address_from_json(json_object_get(block, "Miner"), &ret->miner, NULL),
                     0);
    ret->ticket = get_bytes(json_object_get(block, "Ticket"), "VRFProof");
    ret->win_count = number(election, "WinCount");
    ret->election = get_bytes(election, "VRFProof");
    json_array_foreach(json_object_get(block, "BeaconEntries"), index, item)
    {
        ret->beacon[ret->beacon_count].round = (uint64_t)number(item, "Round");
        ret->beacon[ret->beacon_count++].data = get_bytes(item, "Data");
    }
    json_array_foreach(json_object_get(block, "WinPoStProof"), index, item)
    {
        ret->post[ret->post_count].type = number(item, "PoStProof");
        ret->post[ret->post_count++].proof = get_bytes(item, "ProofBytes");
    }
    json_array_foreach(json_object_get(block, "Parents"), index, item)
        get_cid(item, &ret->parents[ret->parent_count++]);
    assert_int_equal(
        sy_fil_bigint_from_json(json_object_get(block, "ParentWeight"), &ret->weight, NULL), 0);
    ret->height = number(block, "Height");
    get_cid(json_object_get(block, "ParentStateRoot"), &ret->state_root);
    get_cid(json_object_get(block, "ParentMessageReceipts"), &ret->receipts);
    get_cid(json_object_get(block, "Messages"), &ret->messages);
    get_signature(json_object_get(block, "BLSAggregate"), &ret->aggregate);
    ret->timestamp_s = (uint64_t)number(block, "Timestamp");
    ret->has_signature = json_is_object(json_object_get(block, "BlockSig"));
    if (ret->has_signature)
        get_signature(json_object_get(block, "BlockSig"), &ret->signature);
    ret->fork_signaling = (uint64_t)number(block, "ForkSignaling");
    assert_int_equal(
        sy_fil_bigint_from_json(json_object_get(block, "ParentBaseFee"), &ret->base_fee, NULL), 0);
}

static void headers_have_their_known_bytes_and_cids(void **state)
{
    json_t *root = load("chain_block.json"), *item;
    size_t index, checked = 0;
    (void)state;
    json_array_foreach(json_object_get(root, "headers"), index, item)
    {
        static uint8_t buffer[SY_DC_HEADER_BYTES];
        static char hex[2 * SY_DC_HEADER_BYTES + 1];
        char text[SY_FIL_CID_TEXT_BYTES];
        const json_t *block = json_object_get(item, "block");
        struct sy_dc_header header;
        struct sy_fil_cid cid;
        json_t *mine;
        size_t bytes;
        if (!block)
            continue;
        get_header(block, &header);
        assert_int_equal(sy_dc_header_encode(&header, buffer, sizeof(buffer), &bytes, NULL), 0);
        assert_string_equal(sy_hex_encode(buffer, bytes, hex),
                            json_string_value(json_object_get(item, "cbor")));
        sy_fil_cid_of(buffer, bytes, &cid);
        assert_string_equal(sy_fil_cid_print(&cid, text),
                            json_string_value(json_object_get(item, "cid")));
        mine = sy_dc_header_to_json(&header, json_string_value(json_object_get(block, "Miner"))[0]);
        assert_true(json_equal(mine, block));
        json_decref(mine);
        header.has_signature = false;
        assert_int_equal(sy_dc_header_encode(&header, buffer, sizeof(buffer), &bytes, NULL), 0);
        assert_string_equal(sy_hex_encode(buffer, bytes, hex),
                            json_string_value(json_object_get(item, "signing_bytes")));
        checked++;
    }
    assert_int_equal(checked, 2);
    json_decref(root);
}

static void base_fee_follows_the_network(void **state)
{
    json_t *root = load("chain_economics.json"), *item;
    size_t index;
    (void)state;
    json_array_foreach(json_object_get(json_object_get(root, "base_fee_next_nv28"), "rows"), index,
                       item)
    {
        uint64_t base = (uint64_t)json_integer_value(json_array_get(item, 0));
        uint64_t percentile = (uint64_t)json_integer_value(json_array_get(item, 1));
        assert_int_equal(sy_dc_base_fee_next(base, percentile),
                         json_integer_value(json_array_get(item, 2)));
    }
    assert_true(index >= 15);
    json_array_foreach(json_object_get(json_object_get(root, "effective_premium"), "rows"), index,
                       item)
        assert_int_equal(
            sy_dc_effective_premium((uint64_t)json_integer_value(json_array_get(item, 0)),
                                    (uint64_t)json_integer_value(json_array_get(item, 1)),
                                    (uint64_t)json_integer_value(json_array_get(item, 2))),
            json_integer_value(json_array_get(item, 3)));
    json_array_foreach(json_object_get(root, "percentile_select_nv28"), index, item)
    {
        struct sy_dc_bid bids[16];
        const json_t *premiums = json_object_get(item, "premiums");
        size_t count = json_array_size(premiums);
        for (size_t i = 0; i < count; i++) {
            bids[i].premium = (uint64_t)json_integer_value(json_array_get(premiums, i));
            bids[i].gas_limit =
                (uint64_t)json_integer_value(json_array_get(json_object_get(item, "limits"), i));
        }
        assert_int_equal(sy_dc_premium_percentile(bids, count), number(item, "percentile_premium"));
    }
    assert_true(index >= 8);
    json_decref(root);
}

static void money_grows_with_size(void **state)
{
    static const uint64_t sizes[] = {2048, 8388608, 536870912, 34359738368, 68719476736};
    (void)state;
    for (size_t i = 1; i < SY_ARRAY_SIZE(sizes); i++) {
        struct sy_bigint small = sy_dc_deposit(sizes[i - 1]), big = sy_dc_deposit(sizes[i]);
        assert_int_equal(sy_bigint_compare(&small, &big), -1);
        small = sy_dc_pledge(sizes[i - 1]);
        big = sy_dc_pledge(sizes[i]);
        assert_int_equal(sy_bigint_compare(&small, &big), -1);
    }
}

static void comm_d_of_pieces_is_the_networks(void **state)
{
    json_t *root = load("chain_commitments.json"), *item;
    const json_t *aggregate = json_object_get(root, "aggregate");
    struct sy_dc_piece pieces[32];
    struct sy_fil_cid cid;
    uint8_t comm_d[32];
    char text[SY_FIL_CID_TEXT_BYTES];
    size_t index, count = 0;
    (void)state;
    json_array_foreach(json_object_get(aggregate, "pieces"), index, item)
    {
        assert_int_equal(
            sy_fil_cid_parse(json_string_value(json_object_get(item, "cid")), &cid, NULL), 0);
        assert_int_equal(sy_fil_cid_unsealed_get(&cid, pieces[count].comm, NULL), 0);
        pieces[count++].padded_bytes =
            strtoull(json_string_value(json_object_get(item, "padded_size")), NULL, 10);
    }
    assert_int_equal(sy_dc_comm_d(UINT64_C(34359738368), pieces, count, comm_d, NULL), 0);
    sy_fil_cid_unsealed(comm_d, &cid);
    assert_string_equal(sy_fil_cid_print(&cid, text),
                        json_string_value(json_object_get(aggregate, "comm_d")));
    assert_int_equal(sy_dc_comm_d(1024, pieces, count, comm_d, NULL), -SY_E_ARG);
    json_decref(root);
}

static void used_numbers_merge_into_ranges(void **state)
{
    static const uint64_t order[] = {5, 3, 4, 9, 7, 8, 0};
    struct sy_dc_miner miner = {.id = 1000};
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(order); i++)
        assert_int_equal(sy_dc_miner_use_number(&miner, order[i], NULL), 0);
    assert_int_equal(miner.number_count, 3);
    assert_int_equal(miner.numbers[0].start, 0);
    assert_int_equal(miner.numbers[1].start, 3);
    assert_int_equal(miner.numbers[1].count, 3);
    assert_int_equal(miner.numbers[2].start, 7);
    assert_int_equal(miner.numbers[2].count, 3);
    sy_mem_free(miner.numbers);
}

static void deadlines_are_the_networks(void **state)
{
    json_t *root = load("chain_deadlines.json"), *item;
    struct sy_dc_genesis genesis = {.miner_count = 1, .seal_proofs = {5}, .prefund_fil = 1};
    struct sy_fil_address worker, owner;
    struct sy_dc_state chain;
    struct sy_dc_deadline at;
    size_t index;
    (void)state;
    sy_fil_address_id(1, &worker);
    sy_fil_address_id(2, &owner);
    assert_int_equal(sy_dc_state_genesis(&chain, &genesis, &worker, &owner, NULL), 0);
    item =
        json_array_get(json_object_get(json_object_get(root, "proving_period_offset"), "rows"), 0);
    assert_int_equal(chain.miners[0].period_offset, number(item, "offset"));
    sy_dc_miner_deadline(&chain.miners[0], 0, &at);
    assert_int_equal(at.period_start, number(item, "proving_period_start"));
    assert_int_equal(at.index, number(item, "current_deadline"));
    sy_dc_state_fini(&chain);
    json_array_foreach(json_object_get(root, "from_offset_and_epoch"), index, item)
    {
        struct sy_dc_miner miner = {.period_offset = number(item, "period_seed")};
        sy_dc_miner_deadline(&miner, number(item, "epoch"), &at);
        assert_int_equal(at.period_start, number(item, "period_start"));
        assert_int_equal(at.index, number(item, "index"));
    }
    assert_true(index >= 6);
    json_decref(root);
}

static void sectors_avoid_immutable_deadlines(void **state)
{
    struct sy_dc_miner miner = {.id = 1000, .partition_sectors = 2};
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        struct sy_dc_sector sector = {.number = i}, *placed;
        assert_int_equal(sy_dc_miner_add_sector(&miner, &sector, 60, NULL), 0);
        placed = sy_dc_sector_get(&miner, i);
        assert_true(placed->deadline != 1 && placed->deadline != 2);
    }
    assert_int_equal(sy_dc_sector_get(&miner, 0)->deadline, 0);
    assert_int_equal(sy_dc_sector_get(&miner, 1)->deadline, 3);
    assert_int_equal(sy_dc_sector_get(&miner, 46)->deadline, 0);
    assert_int_equal(sy_dc_sector_get(&miner, 92)->partition, 1);
    sy_mem_free(miner.sectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_have_their_known_bytes_and_cids),
        cmocka_unit_test(base_fee_follows_the_network),
        cmocka_unit_test(money_grows_with_size),
        cmocka_unit_test(comm_d_of_pieces_is_the_networks),
        cmocka_unit_test(used_numbers_merge_into_ranges),
        cmocka_unit_test(deadlines_are_the_networks),
        cmocka_unit_test(sectors_avoid_immutable_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
