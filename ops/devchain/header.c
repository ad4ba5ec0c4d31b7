#include "ops/devchain/header.h"

#include <string.h>

#define FIELDS 16

static void put_bytes(struct sy_cbor_writer *writer, const struct sy_fil_bytes *bytes)
{
    sy_cbor_put_bytes(writer, bytes->data, bytes->bytes);
}

static void put_signature(struct sy_cbor_writer *writer, const struct sy_fil_signature *signature)
{
    uint8_t raw[1 + SY_FIL_SIGNATURE_BYTES_MAX];
    raw[0] = signature->type;
    memcpy(raw + 1, signature->data, signature->bytes);
    sy_cbor_put_bytes(writer, raw, 1u + signature->bytes);
}

int sy_dc_header_encode(const struct sy_dc_header *header, void *buffer, size_t capacity,
                        size_t *ret_bytes, struct sy_error *err)
{
    struct sy_cbor_writer writer;
    sy_cbor_writer_init(&writer, buffer, capacity);
    sy_cbor_put_array(&writer, FIELDS);
    sy_fil_address_put(&writer, &header->miner);
    sy_cbor_put_array(&writer, 1);
    put_bytes(&writer, &header->ticket);
    sy_cbor_put_array(&writer, 2);
    sy_cbor_put_i64(&writer, header->win_count);
    put_bytes(&writer, &header->election);
    sy_cbor_put_array(&writer, header->beacon_count);
    for (uint32_t i = 0; i < header->beacon_count; i++) {
        sy_cbor_put_array(&writer, 2);
        sy_cbor_put_u64(&writer, header->beacon[i].round);
        put_bytes(&writer, &header->beacon[i].data);
    }
    sy_cbor_put_array(&writer, header->post_count);
    for (uint32_t i = 0; i < header->post_count; i++) {
        sy_cbor_put_array(&writer, 2);
        sy_cbor_put_i64(&writer, header->post[i].type);
        put_bytes(&writer, &header->post[i].proof);
    }
    sy_cbor_put_array(&writer, header->parent_count);
    for (uint32_t i = 0; i < header->parent_count; i++)
        sy_fil_cid_put(&writer, &header->parents[i]);
    sy_bigint_put(&writer, &header->weight);
    sy_cbor_put_i64(&writer, header->height);
    sy_fil_cid_put(&writer, &header->state_root);
    sy_fil_cid_put(&writer, &header->receipts);
    sy_fil_cid_put(&writer, &header->messages);
    put_signature(&writer, &header->aggregate);
    sy_cbor_put_u64(&writer, header->timestamp_s);
    if (header->has_signature)
        put_signature(&writer, &header->signature);
    else
        sy_cbor_put_null(&writer);
    sy_cbor_put_u64(&writer, header->fork_signaling);
    sy_bigint_put(&writer, &header->base_fee);
    return sy_cbor_writer_finish(&writer, "block header", ret_bytes, err);
}

static json_t *signature_json(const struct sy_fil_signature *signature)
{
    return json_pack("{s:i, s:o}", "Type", signature->type, "Data",
                     sy_fil_bytes_to_json(signature->data, signature->bytes));
}

static json_t *entries_json(const struct sy_dc_header *header, bool beacon)
{
    json_t *array = json_array();
    uint32_t count = beacon ? header->beacon_count : header->post_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct sy_fil_bytes *data = beacon ? &header->beacon[i].data : &header->post[i].proof;
        json_int_t number =
            beacon ? (json_int_t)header->beacon[i].round : (json_int_t)header->post[i].type;
        json_array_append_new(array, json_pack("{s:I, s:o}", beacon ? "Round" : "PoStProof", number,
                                               beacon ? "Data" : "ProofBytes",
                                               sy_fil_bytes_to_json(data->data, data->bytes)));
    }
    return array;
}

json_t *sy_dc_header_to_json(const struct sy_dc_header *header, char network)
{
    json_t *parents = json_array(), *json = json_object();
    int rc = parents && json ? 0 : -1;
    for (uint32_t i = 0; i < header->parent_count; i++)
        rc |= json_array_append_new(parents, sy_fil_cid_to_json(&header->parents[i]));
    rc |= json_object_set_new(json, "Miner", sy_fil_address_to_json(&header->miner, network));
    rc |= json_object_set_new(
        json, "Ticket",
        json_pack("{s:o}", "VRFProof",
                  sy_fil_bytes_to_json(header->ticket.data, header->ticket.bytes)));
    rc |= json_object_set_new(
        json, "ElectionProof",
        json_pack("{s:I, s:o}", "WinCount", (json_int_t)header->win_count, "VRFProof",
                  sy_fil_bytes_to_json(header->election.data, header->election.bytes)));
    rc |= json_object_set_new(json, "BeaconEntries", entries_json(header, true));
    rc |= json_object_set_new(json, "WinPoStProof", entries_json(header, false));
    rc |= json_object_set_new(json, "Parents", parents);
    rc |= json_object_set_new(json, "ParentWeight", sy_fil_bigint_to_json(&header->weight));
    rc |= json_object_set_new(json, "Height", json_integer(header->height));
    rc |= json_object_set_new(json, "ParentStateRoot", sy_fil_cid_to_json(&header->state_root));
    rc |= json_object_set_new(json, "ParentMessageReceipts", sy_fil_cid_to_json(&header->receipts));
    rc |= json_object_set_new(json, "Messages", sy_fil_cid_to_json(&header->messages));
    rc |= json_object_set_new(json, "BLSAggregate", signature_json(&header->aggregate));
    rc |= json_object_set_new(json, "Timestamp", json_integer((json_int_t)header->timestamp_s));
    rc |= json_object_set_new(
        json, "BlockSig", header->has_signature ? signature_json(&header->signature) : json_null());
    rc |= json_object_set_new(json, "ForkSignaling",
                              json_integer((json_int_t)header->fork_signaling));
    rc |= json_object_set_new(json, "ParentBaseFee", sy_fil_bigint_to_json(&header->base_fee));
    if (rc != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}
