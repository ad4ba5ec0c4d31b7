#include "common/fil/message.h"

#include <string.h>

#define MESSAGE_FIELDS 10

static void put_message(struct sy_cbor_writer *writer, const struct sy_fil_message *message)
{
    sy_cbor_put_array(writer, MESSAGE_FIELDS);
    sy_cbor_put_u64(writer, message->version);
    sy_fil_address_put(writer, &message->to);
    sy_fil_address_put(writer, &message->from);
    sy_cbor_put_u64(writer, message->nonce);
    sy_bigint_put(writer, &message->value);
    sy_cbor_put_i64(writer, message->gas_limit);
    sy_bigint_put(writer, &message->gas_fee_cap);
    sy_bigint_put(writer, &message->gas_premium);
    sy_cbor_put_u64(writer, message->method);
    sy_cbor_put_bytes(writer, message->params, message->params_bytes);
}

static int get_message(struct sy_cbor_reader *reader, struct sy_fil_message *ret,
                       struct sy_error *err)
{
    struct sy_fil_message message = {0};
    int rc = sy_cbor_get_tuple(reader, MESSAGE_FIELDS, err);
    if (rc == 0)
        rc = sy_cbor_get_u64(reader, &message.version, err);
    if (rc == 0 && message.version != 0)
        rc = sy_fail(err, SY_E_VERSION, "message version %llu, only 0 is valid",
                     (unsigned long long)message.version);
    if (rc == 0)
        rc = sy_fil_address_get(reader, &message.to, err);
    if (rc == 0)
        rc = sy_fil_address_get(reader, &message.from, err);
    if (rc == 0)
        rc = sy_cbor_get_u64(reader, &message.nonce, err);
    if (rc == 0)
        rc = sy_bigint_get(reader, &message.value, err);
    if (rc == 0)
        rc = sy_cbor_get_i64(reader, &message.gas_limit, err);
    if (rc == 0)
        rc = sy_bigint_get(reader, &message.gas_fee_cap, err);
    if (rc == 0)
        rc = sy_bigint_get(reader, &message.gas_premium, err);
    if (rc == 0)
        rc = sy_cbor_get_u64(reader, &message.method, err);
    if (rc == 0)
        rc = sy_cbor_get_bytes(reader, SY_FIL_MESSAGE_BYTES_MAX, &message.params,
                               &message.params_bytes, err);
    if (rc == 0)
        *ret = message;
    return rc;
}

int sy_fil_message_encode(const struct sy_fil_message *message, void *buffer, size_t capacity,
                          size_t *ret_bytes, struct sy_error *err)
{
    struct sy_cbor_writer writer;
    sy_cbor_writer_init(&writer, buffer, capacity);
    put_message(&writer, message);
    return sy_cbor_writer_finish(&writer, "message", ret_bytes, err);
}

int sy_fil_message_decode(const void *data, size_t bytes, struct sy_fil_message *ret,
                          struct sy_error *err)
{
    struct sy_cbor_reader reader;
    struct sy_fil_message message;
    int rc;
    sy_cbor_reader_init(&reader, data, bytes, "message");
    rc = get_message(&reader, &message, err);
    if (rc == 0)
        rc = sy_cbor_get_end(&reader, err);
    if (rc == 0)
        *ret = message;
    return rc;
}

int sy_fil_message_cid(const struct sy_fil_message *message, struct sy_fil_cid *ret,
                       struct sy_error *err)
{
    uint8_t buffer[SY_FIL_MESSAGE_BYTES_MAX];
    size_t bytes;
    int rc = sy_fil_message_encode(message, buffer, sizeof(buffer), &bytes, err);
    if (rc == 0)
        sy_fil_cid_of(buffer, bytes, ret);
    return rc;
}

int sy_fil_signed_encode(const struct sy_fil_signed_message *message, void *buffer, size_t capacity,
                         size_t *ret_bytes, struct sy_error *err)
{
    uint8_t signature[1 + SY_FIL_SIGNATURE_BYTES_MAX];
    struct sy_cbor_writer writer;
    signature[0] = message->signature.type;
    memcpy(signature + 1, message->signature.data, message->signature.bytes);
    sy_cbor_writer_init(&writer, buffer, capacity);
    sy_cbor_put_array(&writer, 2);
    put_message(&writer, &message->message);
    sy_cbor_put_bytes(&writer, signature, 1u + message->signature.bytes);
    return sy_cbor_writer_finish(&writer, "signed message", ret_bytes, err);
}

int sy_fil_signed_decode(const void *data, size_t bytes, struct sy_fil_signed_message *ret,
                         struct sy_error *err)
{
    struct sy_fil_signed_message message = {0};
    struct sy_cbor_reader reader;
    const uint8_t *signature = NULL;
    size_t signature_bytes = 0;
    int rc;

    sy_cbor_reader_init(&reader, data, bytes, "signed message");
    rc = sy_cbor_get_tuple(&reader, 2, err);
    if (rc == 0)
        rc = get_message(&reader, &message.message, err);
    if (rc == 0)
        rc = sy_cbor_get_bytes(&reader, 1 + SY_FIL_SIGNATURE_BYTES_MAX, &signature,
                               &signature_bytes, err);
    if (rc == 0 && signature_bytes == 0)
        rc = sy_fail(err, SY_E_PARSE, "signed message without a signature type");
    if (rc == 0)
        rc = sy_cbor_get_end(&reader, err);
    if (rc < 0)
        return rc;
    message.signature.type = signature[0];
    message.signature.bytes = (uint8_t)(signature_bytes - 1);
    memcpy(message.signature.data, signature + 1, signature_bytes - 1);
    *ret = message;
    return 0;
}

int sy_fil_signed_cid(const struct sy_fil_signed_message *message, struct sy_fil_cid *ret,
                      struct sy_error *err)
{
    uint8_t buffer[SY_FIL_MESSAGE_BYTES_MAX];
    size_t bytes;
    int rc;
    if (message->signature.type == SY_FIL_SIGNATURE_BLS)
        return sy_fil_message_cid(&message->message, ret, err);
    rc = sy_fil_signed_encode(message, buffer, sizeof(buffer), &bytes, err);
    if (rc == 0)
        sy_fil_cid_of(buffer, bytes, ret);
    return rc;
}
