#include "common/fil/miner_params.h"

#include "common/mem.h"

#include <string.h>

#define PRECOMMIT_FIELDS 7
#define PROVE_FIELDS 6
#define PIECE_FIELDS 4

int sy_fil_precommit_encode(const struct sy_fil_precommit *sectors, size_t count, void *buffer,
                            size_t capacity, size_t *ret_bytes, struct sy_error *err)
{
    struct sy_cbor_writer writer;
    sy_cbor_writer_init(&writer, buffer, capacity);
    sy_cbor_put_array(&writer, 1);
    sy_cbor_put_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        const struct sy_fil_precommit *sector = &sectors[i];
        SY_ASSERT(sector->deal_count <= SY_ARRAY_SIZE(sector->deals));
        sy_cbor_put_array(&writer, PRECOMMIT_FIELDS);
        sy_cbor_put_u64(&writer, sector->seal_proof);
        sy_cbor_put_u64(&writer, sector->sector);
        sy_fil_cid_put(&writer, &sector->sealed);
        sy_cbor_put_i64(&writer, sector->seal_rand_epoch);
        sy_cbor_put_array(&writer, sector->deal_count);
        for (uint32_t k = 0; k < sector->deal_count; k++)
            sy_cbor_put_u64(&writer, sector->deals[k]);
        sy_cbor_put_i64(&writer, sector->expiration);
        if (sector->has_unsealed)
            sy_fil_cid_put(&writer, &sector->unsealed);
        else
            sy_cbor_put_null(&writer);
    }
    return sy_cbor_writer_finish(&writer, "PreCommitSectorBatch2 parameters", ret_bytes, err);
}

static int get_deals(struct sy_cbor_reader *reader, struct sy_fil_precommit *ret,
                     struct sy_error *err)
{
    uint64_t count, deal;
    int rc = sy_cbor_get_array(reader, SY_FIL_DEALS_MAX, &count, err);
    if (rc < 0)
        return rc;
    ret->deal_count = (uint32_t)count;
    for (uint64_t i = 0; i < count; i++) {
        rc = sy_cbor_get_u64(reader, &deal, err);
        if (rc < 0)
            return rc;
        if (i < SY_ARRAY_SIZE(ret->deals))
            ret->deals[i] = deal;
    }
    return 0;
}

static int get_precommit(struct sy_cbor_reader *reader, struct sy_fil_precommit *ret,
                         struct sy_error *err)
{
    bool none = false;
    int rc = sy_cbor_get_tuple(reader, PRECOMMIT_FIELDS, err);
    *ret = (struct sy_fil_precommit){0};
    if (rc == 0)
        rc = sy_cbor_get_u64(reader, &ret->seal_proof, err);
    if (rc == 0)
        rc = sy_cbor_get_u64(reader, &ret->sector, err);
    if (rc == 0)
        rc = sy_fil_cid_get(reader, &ret->sealed, err);
    if (rc == 0)
        rc = sy_cbor_get_i64(reader, &ret->seal_rand_epoch, err);
    if (rc == 0)
        rc = get_deals(reader, ret, err);
    if (rc == 0)
        rc = sy_cbor_get_i64(reader, &ret->expiration, err);
    if (rc == 0)
        rc = sy_cbor_get_null(reader, &none, err);
    ret->has_unsealed = !none;
    if (rc == 0 && !none)
        rc = sy_fil_cid_get(reader, &ret->unsealed, err);
    return rc;
}

int sy_fil_precommit_decode(const void *data, size_t bytes, struct sy_fil_precommit *ret,
                            size_t capacity, size_t *ret_count, struct sy_error *err)
{
    struct sy_cbor_reader reader;
    uint64_t count = 0;
    int rc;
    sy_cbor_reader_init(&reader, data, bytes, "PreCommitSectorBatch2 parameters");
    rc = sy_cbor_get_tuple(&reader, 1, err);
    if (rc == 0)
        rc = sy_cbor_get_array(&reader, SY_CBOR_ARRAY_MAX, &count, err);
    if (rc == 0 && count > capacity)
        rc = sy_fail(err, SY_E_LIMIT, "%llu sectors in one message, at most %zu",
                     (unsigned long long)count, capacity);
    for (uint64_t i = 0; rc == 0 && i < count; i++)
        rc = get_precommit(&reader, &ret[i], err);
    if (rc == 0)
        rc = sy_cbor_get_end(&reader, err);
    if (rc == 0)
        *ret_count = (size_t)count;
    return rc;
}

/* ---------------------------------------------------------------- ProveCommitSectors3 ------- */

void sy_fil_prove_init(struct sy_fil_prove *prove)
{
    *prove = (struct sy_fil_prove){0};
}

void sy_fil_prove_fini(struct sy_fil_prove *prove)
{
    sy_mem_free(prove->sectors);
    sy_mem_free(prove->pieces);
    sy_mem_free(prove->notifies);
    sy_mem_free(prove->proofs);
    sy_fil_prove_init(prove);
}

/* Makes room for item `count` of an array that doubles at powers of two. */
static int grow(void **array, uint32_t count, size_t item_bytes, uint32_t max, struct sy_error *err)
{
    void *bigger;
    if (count >= max)
        return sy_fail(err, SY_E_LIMIT, "ProveCommitSectors3: more than %u items", max);
    if (count & (count - 1))
        return 0;
    bigger = sy_mem_resize(*array, (count ? 2 * (size_t)count : 1) * item_bytes);
    if (!bigger)
        return sy_fail(err, SY_E_NOMEM, "ProveCommitSectors3: out of memory");
    *array = bigger;
    return 0;
}

int sy_fil_prove_add_sector(struct sy_fil_prove *prove, uint64_t number, struct sy_error *err)
{
    void *array = prove->sectors;
    int rc = grow(&array, prove->sector_count, sizeof(*prove->sectors), SY_FIL_BATCH_MAX, err);
    prove->sectors = array;
    if (rc == 0)
        prove->sectors[prove->sector_count++] =
            (struct sy_fil_prove_sector){.number = number, .piece_first = prove->piece_count};
    return rc;
}

int sy_fil_prove_add_piece(struct sy_fil_prove *prove, const struct sy_fil_prove_piece *piece,
                           struct sy_error *err)
{
    void *array = prove->pieces;
    int rc = grow(&array, prove->piece_count, sizeof(*prove->pieces), SY_FIL_PIECES_MAX, err);
    prove->pieces = array;
    if (rc < 0)
        return rc;
    SY_ASSERT(prove->sector_count);
    prove->pieces[prove->piece_count] = *piece;
    prove->pieces[prove->piece_count].notify_first = prove->notify_count;
    prove->pieces[prove->piece_count].notify_count = 0;
    prove->piece_count++;
    prove->sectors[prove->sector_count - 1].piece_count++;
    return 0;
}

int sy_fil_prove_add_notify(struct sy_fil_prove *prove, const struct sy_fil_notify *notify,
                            struct sy_error *err)
{
    void *array = prove->notifies;
    int rc = grow(&array, prove->notify_count, sizeof(*prove->notifies), SY_FIL_PIECES_MAX, err);
    prove->notifies = array;
    if (rc < 0)
        return rc;
    SY_ASSERT(prove->piece_count);
    prove->notifies[prove->notify_count++] = *notify;
    prove->pieces[prove->piece_count - 1].notify_count++;
    return 0;
}

int sy_fil_prove_add_proof(struct sy_fil_prove *prove, const void *data, size_t bytes,
                           struct sy_error *err)
{
    void *array = prove->proofs;
    int rc = grow(&array, prove->proof_count, sizeof(*prove->proofs), SY_FIL_BATCH_MAX, err);
    prove->proofs = array;
    if (rc == 0)
        prove->proofs[prove->proof_count++] = (struct sy_fil_bytes){.data = data, .bytes = bytes};
    return rc;
}

static void put_piece(struct sy_cbor_writer *writer, const struct sy_fil_prove *prove,
                      const struct sy_fil_prove_piece *piece)
{
    sy_cbor_put_array(writer, PIECE_FIELDS);
    sy_fil_cid_put(writer, &piece->cid);
    sy_cbor_put_u64(writer, piece->padded_bytes);
    if (piece->has_allocation) {
        sy_cbor_put_array(writer, 2);
        sy_cbor_put_u64(writer, piece->client);
        sy_cbor_put_u64(writer, piece->allocation);
    } else {
        sy_cbor_put_null(writer);
    }
    sy_cbor_put_array(writer, piece->notify_count);
    for (uint32_t i = 0; i < piece->notify_count; i++) {
        const struct sy_fil_notify *notify = &prove->notifies[piece->notify_first + i];
        sy_cbor_put_array(writer, 2);
        sy_fil_address_put(writer, &notify->address);
        sy_cbor_put_bytes(writer, notify->payload.data, notify->payload.bytes);
    }
}

int sy_fil_prove_encode(const struct sy_fil_prove *prove, void *buffer, size_t capacity,
                        size_t *ret_bytes, struct sy_error *err)
{
    struct sy_cbor_writer writer;
    sy_cbor_writer_init(&writer, buffer, capacity);
    sy_cbor_put_array(&writer, PROVE_FIELDS);
    sy_cbor_put_array(&writer, prove->sector_count);
    for (uint32_t i = 0; i < prove->sector_count; i++) {
        const struct sy_fil_prove_sector *sector = &prove->sectors[i];
        sy_cbor_put_array(&writer, 2);
        sy_cbor_put_u64(&writer, sector->number);
        sy_cbor_put_array(&writer, sector->piece_count);
        for (uint32_t k = 0; k < sector->piece_count; k++)
            put_piece(&writer, prove, &prove->pieces[sector->piece_first + k]);
    }
    sy_cbor_put_array(&writer, prove->proof_count);
    for (uint32_t i = 0; i < prove->proof_count; i++)
        sy_cbor_put_bytes(&writer, prove->proofs[i].data, prove->proofs[i].bytes);
    sy_cbor_put_bytes(&writer, prove->aggregate.data, prove->aggregate.bytes);
    if (prove->has_aggregate_type)
        sy_cbor_put_u64(&writer, prove->aggregate_type);
    else
        sy_cbor_put_null(&writer);
    sy_cbor_put_bool(&writer, prove->require_activation);
    sy_cbor_put_bool(&writer, prove->require_notification);
    return sy_cbor_writer_finish(&writer, "ProveCommitSectors3 parameters", ret_bytes, err);
}

static int get_notifies(struct sy_cbor_reader *reader, struct sy_fil_prove *prove,
                        struct sy_error *err)
{
    uint64_t count = 0;
    int rc = sy_cbor_get_array(reader, SY_FIL_PIECES_MAX, &count, err);
    for (uint64_t i = 0; rc == 0 && i < count; i++) {
        struct sy_fil_notify notify = {0};
        rc = sy_cbor_get_tuple(reader, 2, err);
        if (rc == 0)
            rc = sy_fil_address_get(reader, &notify.address, err);
        if (rc == 0)
            rc = sy_cbor_get_bytes(reader, SY_CBOR_BYTES_MAX, &notify.payload.data,
                                   &notify.payload.bytes, err);
        if (rc == 0)
            rc = sy_fil_prove_add_notify(prove, &notify, err);
    }
    return rc;
}

static int get_piece(struct sy_cbor_reader *reader, struct sy_fil_prove *prove,
                     struct sy_error *err)
{
    struct sy_fil_prove_piece piece = {0};
    bool none = false;
    int rc = sy_cbor_get_tuple(reader, PIECE_FIELDS, err);
    if (rc == 0)
        rc = sy_fil_cid_get(reader, &piece.cid, err);
    if (rc == 0)
        rc = sy_cbor_get_u64(reader, &piece.padded_bytes, err);
    if (rc == 0)
        rc = sy_cbor_get_null(reader, &none, err);
    piece.has_allocation = !none;
    if (rc == 0 && !none)
        rc = sy_cbor_get_tuple(reader, 2, err);
    if (rc == 0 && !none)
        rc = sy_cbor_get_u64(reader, &piece.client, err);
    if (rc == 0 && !none)
        rc = sy_cbor_get_u64(reader, &piece.allocation, err);
    if (rc == 0)
        rc = sy_fil_prove_add_piece(prove, &piece, err);
    if (rc == 0)
        rc = get_notifies(reader, prove, err);
    return rc;
}

static int get_sectors(struct sy_cbor_reader *reader, struct sy_fil_prove *prove,
                       struct sy_error *err)
{
    uint64_t count = 0, pieces = 0, number = 0;
    int rc = sy_cbor_get_array(reader, SY_FIL_BATCH_MAX, &count, err);
    for (uint64_t i = 0; rc == 0 && i < count; i++) {
        rc = sy_cbor_get_tuple(reader, 2, err);
        if (rc == 0)
            rc = sy_cbor_get_u64(reader, &number, err);
        if (rc == 0)
            rc = sy_fil_prove_add_sector(prove, number, err);
        if (rc == 0)
            rc = sy_cbor_get_array(reader, SY_FIL_PIECES_MAX, &pieces, err);
        for (uint64_t k = 0; rc == 0 && k < pieces; k++)
            rc = get_piece(reader, prove, err);
    }
    return rc;
}

static int get_proofs(struct sy_cbor_reader *reader, struct sy_fil_prove *prove,
                      struct sy_error *err)
{
    uint64_t count = 0;
    int rc = sy_cbor_get_array(reader, SY_FIL_BATCH_MAX, &count, err);
    for (uint64_t i = 0; rc == 0 && i < count; i++) {
        const uint8_t *data = NULL;
        size_t bytes = 0;
        rc = sy_cbor_get_bytes(reader, SY_FIL_PROOF_BYTES_MAX, &data, &bytes, err);
        if (rc == 0)
            rc = sy_fil_prove_add_proof(prove, data, bytes, err);
    }
    return rc;
}

int sy_fil_prove_decode(const void *data, size_t bytes, struct sy_fil_prove *ret,
                        struct sy_error *err)
{
    struct sy_cbor_reader reader;
    struct sy_fil_prove prove;
    bool none = false;
    int rc;

    sy_fil_prove_init(&prove);
    sy_cbor_reader_init(&reader, data, bytes, "ProveCommitSectors3 parameters");
    rc = sy_cbor_get_tuple(&reader, PROVE_FIELDS, err);
    if (rc == 0)
        rc = get_sectors(&reader, &prove, err);
    if (rc == 0)
        rc = get_proofs(&reader, &prove, err);
    if (rc == 0)
        rc = sy_cbor_get_bytes(&reader, SY_FIL_PROOF_BYTES_MAX, &prove.aggregate.data,
                               &prove.aggregate.bytes, err);
    if (rc == 0)
        rc = sy_cbor_get_null(&reader, &none, err);
    prove.has_aggregate_type = !none;
    if (rc == 0 && !none)
        rc = sy_cbor_get_u64(&reader, &prove.aggregate_type, err);
    if (rc == 0)
        rc = sy_cbor_get_bool(&reader, &prove.require_activation, err);
    if (rc == 0)
        rc = sy_cbor_get_bool(&reader, &prove.require_notification, err);
    if (rc == 0)
        rc = sy_cbor_get_end(&reader, err);
    if (rc < 0) {
        sy_fil_prove_fini(&prove);
        return rc;
    }
    *ret = prove;
    return 0;
}

/* ---------------------------------------------------------------- BatchReturn --------------- */

int sy_fil_batch_return_encode(const struct sy_fil_batch_return *batch, void *buffer,
                               size_t capacity, size_t *ret_bytes, struct sy_error *err)
{
    struct sy_cbor_writer writer;
    sy_cbor_writer_init(&writer, buffer, capacity);
    sy_cbor_put_array(&writer, 2);
    sy_cbor_put_u64(&writer, batch->success_count);
    sy_cbor_put_array(&writer, batch->failure_count);
    for (uint32_t i = 0; i < batch->failure_count; i++) {
        sy_cbor_put_array(&writer, 2);
        sy_cbor_put_u64(&writer, batch->failures[i].index);
        sy_cbor_put_u64(&writer, batch->failures[i].exit_code);
    }
    return sy_cbor_writer_finish(&writer, "BatchReturn", ret_bytes, err);
}

int sy_fil_batch_return_decode(const void *data, size_t bytes, struct sy_fil_batch_return *ret,
                               struct sy_error *err)
{
    struct sy_cbor_reader reader;
    uint64_t success = 0, count = 0, index = 0, code = 0, next = 0;
    int rc;
    sy_cbor_reader_init(&reader, data, bytes, "BatchReturn");
    rc = sy_cbor_get_tuple(&reader, 2, err);
    if (rc == 0)
        rc = sy_cbor_get_u64(&reader, &success, err);
    if (rc == 0)
        rc = sy_cbor_get_array(&reader, SY_FIL_BATCH_MAX, &count, err);
    if (rc < 0)
        return rc;
    ret->success_count = success;
    ret->failure_count = (uint32_t)count;
    for (uint32_t i = 0; i < count; i++) {
        rc = sy_cbor_get_tuple(&reader, 2, err);
        if (rc == 0)
            rc = sy_cbor_get_u64(&reader, &index, err);
        if (rc == 0)
            rc = sy_cbor_get_u64(&reader, &code, err);
        if (rc < 0)
            return rc;
        if (index < next || index >= success + count || code == 0 || code > UINT32_MAX)
            return sy_fail(err, SY_E_PARSE, "BatchReturn: failure %u names item %llu, code %llu", i,
                           (unsigned long long)index, (unsigned long long)code);
        next = index + 1;
        ret->failures[i].index = (uint32_t)index;
        ret->failures[i].exit_code = (uint32_t)code;
    }
    return sy_cbor_get_end(&reader, err);
}

uint32_t sy_fil_batch_return_code(const struct sy_fil_batch_return *batch, uint32_t index)
{
    for (uint32_t i = 0; i < batch->failure_count; i++) {
        if (batch->failures[i].index == index)
            return batch->failures[i].exit_code;
    }
    return 0;
}
