/* Chain messages: CBOR, CID, signature, JSON.
 *
 * A message is a tuple of ten; its signing bytes are its 38 CID bytes. A signed message is
 * [message, signature]; its CID is that of the unsigned message for BLS signatures and of the whole
 * otherwise. Decoded params borrow the input. Threads: pure functions.
 */
#ifndef SEALYARD_COMMON_FIL_MESSAGE_H
#define SEALYARD_COMMON_FIL_MESSAGE_H

#include "common/fil/address.h"
#include "common/fil/bigint.h"
#include "common/fil/cid.h"

#include <jansson.h>

#define SY_FIL_MESSAGE_BYTES_MAX 65536 /* serialised signed message */
#define SY_FIL_SIGNATURE_BYTES_MAX 199 /* without the type byte */
#define SY_FIL_SECP_SIGNATURE_BYTES 65

enum sy_fil_signature_type {
    SY_FIL_SIGNATURE_SECP256K1 = 1,
    SY_FIL_SIGNATURE_BLS = 2,
    SY_FIL_SIGNATURE_DELEGATED = 3,
};

struct sy_fil_message {
    uint64_t version;
    struct sy_fil_address to, from;
    uint64_t nonce;
    struct sy_bigint value;
    int64_t gas_limit;
    struct sy_bigint gas_fee_cap, gas_premium;
    uint64_t method;
    const uint8_t *params;
    size_t params_bytes;
};

struct sy_fil_signature {
    uint8_t type;
    uint8_t bytes;
    uint8_t data[SY_FIL_SIGNATURE_BYTES_MAX];
};

struct sy_fil_signed_message {
    struct sy_fil_message message;
    struct sy_fil_signature signature;
};

/* Into buffer[0..capacity); -SY_E_LIMIT when it does not fit. */
int sy_fil_message_encode(const struct sy_fil_message *message, void *buffer, size_t capacity,
                          size_t *ret_bytes, struct sy_error *err);
int sy_fil_message_decode(const void *data, size_t bytes, struct sy_fil_message *ret,
                          struct sy_error *err);
/* -SY_E_LIMIT when the message is longer than SY_FIL_MESSAGE_BYTES_MAX. */
int sy_fil_message_cid(const struct sy_fil_message *message, struct sy_fil_cid *ret,
                       struct sy_error *err);

int sy_fil_signed_encode(const struct sy_fil_signed_message *message, void *buffer, size_t capacity,
                         size_t *ret_bytes, struct sy_error *err);
int sy_fil_signed_decode(const void *data, size_t bytes, struct sy_fil_signed_message *ret,
                         struct sy_error *err);
int sy_fil_signed_cid(const struct sy_fil_signed_message *message, struct sy_fil_cid *ret,
                      struct sy_error *err);

/* Lotus' JSON. New references (NULL = out of memory). Addresses print with `network` ('f' or 't').
 */
json_t *sy_fil_message_to_json(const struct sy_fil_message *message, char network);
json_t *sy_fil_signed_to_json(const struct sy_fil_signed_message *message, char network);
/* Unknown keys (CID) are ignored, missing ones are zero except To and From. Params are decoded into
 * params[0..params_capacity), which *ret then borrows. */
int sy_fil_message_from_json(const json_t *json, void *params, size_t params_capacity,
                             struct sy_fil_message *ret, struct sy_error *err);
int sy_fil_signed_from_json(const json_t *json, void *params, size_t params_capacity,
                            struct sy_fil_signed_message *ret, struct sy_error *err);

/* {"/":"bafy..."} both ways. */
json_t *sy_fil_cid_to_json(const struct sy_fil_cid *cid);
int sy_fil_cid_from_json(const json_t *json, struct sy_fil_cid *ret, struct sy_error *err);
/* Base64 text, null for no bytes. */
json_t *sy_fil_bytes_to_json(const void *data, size_t bytes);
/* Base64 text or null into data[0..capacity). */
int sy_fil_bytes_from_json(const json_t *json, void *data, size_t capacity, size_t *ret_bytes,
                           struct sy_error *err);
json_t *sy_fil_bigint_to_json(const struct sy_bigint *value);
int sy_fil_bigint_from_json(const json_t *json, struct sy_bigint *ret, struct sy_error *err);
json_t *sy_fil_address_to_json(const struct sy_fil_address *address, char network);
int sy_fil_address_from_json(const json_t *json, struct sy_fil_address *ret, struct sy_error *err);

#endif
