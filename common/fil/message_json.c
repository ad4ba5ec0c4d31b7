/* The JSON form of messages and of the small values inside them, as Lotus prints it. */
#include "common/fil/message.h"

#include "common/hex.h"
#include "common/mem.h"

#include <string.h>

json_t *sy_fil_cid_to_json(const struct sy_fil_cid *cid)
{
    char text[SY_FIL_CID_TEXT_BYTES];
    return json_pack("{s:s}", "/", sy_fil_cid_print(cid, text));
}

int sy_fil_cid_from_json(const json_t *json, struct sy_fil_cid *ret, struct sy_error *err)
{
    const char *text = json_string_value(json_object_get(json, "/"));
    if (!text)
        return sy_fail(err, SY_E_PARSE, "CID: expected {\"/\":\"b...\"}");
    return sy_fil_cid_parse(text, ret, err);
}

json_t *sy_fil_bytes_to_json(const void *data, size_t bytes)
{
    json_t *json;
    char *text;
    if (bytes == 0)
        return json_null();
    text = sy_mem_alloc(SY_BASE64_TEXT_BYTES(bytes));
    if (!text)
        return NULL;
    json = json_string(sy_base64_encode(data, bytes, text));
    sy_mem_free(text);
    return json;
}

int sy_fil_bytes_from_json(const json_t *json, void *data, size_t capacity, size_t *ret_bytes,
                           struct sy_error *err)
{
    if (!json || json_is_null(json)) {
        *ret_bytes = 0;
        return 0;
    }
    if (!json_is_string(json))
        return sy_fail(err, SY_E_PARSE, "bytes: expected base64 text or null");
    return sy_base64_decode(json_string_value(json), json_string_length(json), data, capacity,
                            ret_bytes, err);
}

json_t *sy_fil_bigint_to_json(const struct sy_bigint *value)
{
    char text[SY_BIGINT_TEXT_BYTES];
    return json_string(sy_bigint_print(value, text));
}

int sy_fil_bigint_from_json(const json_t *json, struct sy_bigint *ret, struct sy_error *err)
{
    if (!json) {
        *ret = sy_bigint_from(0);
        return 0;
    }
    if (!json_is_string(json))
        return sy_fail(err, SY_E_PARSE, "amount: expected decimal text");
    return sy_bigint_parse(json_string_value(json), ret, err);
}

json_t *sy_fil_address_to_json(const struct sy_fil_address *address, char network)
{
    char text[SY_FIL_ADDRESS_TEXT_BYTES];
    return json_string(sy_fil_address_print(address, network, text));
}

int sy_fil_address_from_json(const json_t *json, struct sy_fil_address *ret, struct sy_error *err)
{
    if (!json_is_string(json))
        return sy_fail(err, SY_E_PARSE, "address: expected text");
    return sy_fil_address_parse(json_string_value(json), ret, err);
}

json_t *sy_fil_message_to_json(const struct sy_fil_message *message, char network)
{
    json_t *json = json_object();
    int rc = json ? 0 : -1;
    rc |= json_object_set_new(json, "Version", json_integer((json_int_t)message->version));
    rc |= json_object_set_new(json, "To", sy_fil_address_to_json(&message->to, network));
    rc |= json_object_set_new(json, "From", sy_fil_address_to_json(&message->from, network));
    rc |= json_object_set_new(json, "Nonce", json_integer((json_int_t)message->nonce));
    rc |= json_object_set_new(json, "Value", sy_fil_bigint_to_json(&message->value));
    rc |= json_object_set_new(json, "GasLimit", json_integer(message->gas_limit));
    rc |= json_object_set_new(json, "GasFeeCap", sy_fil_bigint_to_json(&message->gas_fee_cap));
    rc |= json_object_set_new(json, "GasPremium", sy_fil_bigint_to_json(&message->gas_premium));
    rc |= json_object_set_new(json, "Method", json_integer((json_int_t)message->method));
    rc |= json_object_set_new(json, "Params",
                              sy_fil_bytes_to_json(message->params, message->params_bytes));
    if (rc != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

json_t *sy_fil_signed_to_json(const struct sy_fil_signed_message *message, char network)
{
    json_t *signature = json_object(), *json = json_object();
    int rc = signature && json ? 0 : -1;
    rc |= json_object_set_new(signature, "Type", json_integer(message->signature.type));
    rc |= json_object_set_new(
        signature, "Data", sy_fil_bytes_to_json(message->signature.data, message->signature.bytes));
    rc |= json_object_set_new(json, "Message", sy_fil_message_to_json(&message->message, network));
    rc |= json_object_set_new(json, "Signature", signature);
    if (rc != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* A JSON integer 0 .. 2^63-1; absent = 0. */
static int get_number(const json_t *json, const char *key, uint64_t *ret, struct sy_error *err)
{
    const json_t *value = json_object_get(json, key);
    if (value && (!json_is_integer(value) || json_integer_value(value) < 0))
        return sy_fail(err, SY_E_PARSE, "message %s: expected an integer from 0 to 2^63-1", key);
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

int sy_fil_message_from_json(const json_t *json, void *params, size_t params_capacity,
                             struct sy_fil_message *ret, struct sy_error *err)
{
    struct sy_fil_message message = {.params = params};
    uint64_t gas_limit = 0;
    int rc;
    if (!json_is_object(json))
        return sy_fail(err, SY_E_PARSE, "message: expected a JSON object");
    rc = get_number(json, "Version", &message.version, err);
    if (rc == 0 && message.version != 0)
        rc = sy_fail(err, SY_E_VERSION, "message version %llu, only 0 is valid",
                     (unsigned long long)message.version);
    if (rc == 0)
        rc = sy_fil_address_from_json(json_object_get(json, "To"), &message.to, err);
    if (rc == 0)
        rc = sy_fil_address_from_json(json_object_get(json, "From"), &message.from, err);
    if (rc == 0)
        rc = get_number(json, "Nonce", &message.nonce, err);
    if (rc == 0)
        rc = sy_fil_bigint_from_json(json_object_get(json, "Value"), &message.value, err);
    if (rc == 0)
        rc = get_number(json, "GasLimit", &gas_limit, err);
    if (rc == 0)
        rc = sy_fil_bigint_from_json(json_object_get(json, "GasFeeCap"), &message.gas_fee_cap, err);
    if (rc == 0)
        rc =
            sy_fil_bigint_from_json(json_object_get(json, "GasPremium"), &message.gas_premium, err);
    if (rc == 0)
        rc = get_number(json, "Method", &message.method, err);
    if (rc == 0)
        rc = sy_fil_bytes_from_json(json_object_get(json, "Params"), params, params_capacity,
                                    &message.params_bytes, err);
    if (rc < 0)
        return rc;
    message.gas_limit = (int64_t)gas_limit;
    *ret = message;
    return 0;
}

int sy_fil_signed_from_json(const json_t *json, void *params, size_t params_capacity,
                            struct sy_fil_signed_message *ret, struct sy_error *err)
{
    struct sy_fil_signed_message message = {0};
    const json_t *signature = json_object_get(json, "Signature");
    json_int_t type = json_integer_value(json_object_get(signature, "Type"));
    size_t bytes;
    int rc;
    if (!json_is_object(signature) || type < 0 || type > UINT8_MAX)
        return sy_fail(err, SY_E_PARSE, "signed message: expected \"Signature\":{Type, Data}");
    rc = sy_fil_message_from_json(json_object_get(json, "Message"), params, params_capacity,
                                  &message.message, err);
    if (rc == 0)
        rc = sy_fil_bytes_from_json(json_object_get(signature, "Data"), message.signature.data,
                                    sizeof(message.signature.data), &bytes, err);
    if (rc < 0)
        return rc;
    message.signature.type = (uint8_t)type;
    message.signature.bytes = (uint8_t)bytes;
    *ret = message;
    return 0;
}
