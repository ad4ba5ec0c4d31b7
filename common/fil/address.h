/* Filecoin addresses: binary form (protocol byte, payload) and text.
 *
 * Protocols: 0 actor id (varint), 1 secp256k1 (blake2b-160 of the uncompressed key), 2 actor
 * (hash), 3 BLS (48-byte key), 4 delegated (varint namespace, at most 54 bytes). Text: network
 * letter, protocol digit, body; the checksum is blake2b of 4 bytes over the binary form. Parsing is
 * strict: lower case, exact lengths, checksum, no stray bits. Both letters f and t are read;
 * comparison is by bytes. Threads: pure functions.
 */
#ifndef SEALYARD_COMMON_FIL_ADDRESS_H
#define SEALYARD_COMMON_FIL_ADDRESS_H

#include "common/fil/cbor.h"

#define SY_FIL_ADDRESS_BYTES_MAX 64
#define SY_FIL_ADDRESS_TEXT_BYTES 128 /* a delegated address of full length has 119 characters */
#define SY_FIL_PUBLIC_KEY_BYTES 65    /* 04, X, Y */

enum sy_fil_protocol {
    SY_FIL_ID = 0,
    SY_FIL_SECP256K1 = 1,
    SY_FIL_ACTOR = 2,
    SY_FIL_BLS = 3,
    SY_FIL_DELEGATED = 4,
};

struct sy_fil_address {
    uint8_t bytes; /* 0 = undefined */
    uint8_t data[SY_FIL_ADDRESS_BYTES_MAX];
};

void sy_fil_address_id(uint64_t id, struct sy_fil_address *ret);
void sy_fil_address_secp(const uint8_t public_key[SY_FIL_PUBLIC_KEY_BYTES],
                         struct sy_fil_address *ret);
/* true and the actor id for a protocol 0 address. */
bool sy_fil_address_get_id(const struct sy_fil_address *address, uint64_t *ret_id);
bool sy_fil_address_equal(const struct sy_fil_address *a, const struct sy_fil_address *b);

/* Checks the binary form. -SY_E_PARSE says what is wrong. */
int sy_fil_address_from(const void *data, size_t bytes, struct sy_fil_address *ret,
                        struct sy_error *err);
int sy_fil_address_parse(const char *text, struct sy_fil_address *ret, struct sy_error *err);
/* Into text[SY_FIL_ADDRESS_TEXT_BYTES] with the network letter; returns text. "<empty>" when
 * undefined. */
char *sy_fil_address_print(const struct sy_fil_address *address, char network, char *text);

void sy_fil_address_put(struct sy_cbor_writer *writer, const struct sy_fil_address *address);
int sy_fil_address_get(struct sy_cbor_reader *reader, struct sy_fil_address *ret,
                       struct sy_error *err);

#endif
