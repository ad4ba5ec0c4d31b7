/* Building START.spec and reading a stage's result; see spec.h. */
#include "scheduler/spec.h"

#include "common/hex.h"
#include "scheduler/core/state.h"

#include <stdlib.h>
#include <string.h>

#define PROOF_BYTES 192 /* Groth16 on BLS12-381: points A, B, C, compressed */

static bool is_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return any == 0;
}

/* ---------------------------------------------------------------- spec ---------------------- */

static int put_json(json_t *object, const char *key, json_t *value, struct sy_error *err)
{
    if (!value || json_object_set_new(object, key, value))
        return sy_fail(err, SY_E_NOMEM, "spec: no memory for \"%s\"", key);
    return 0;
}

static int put_hash(json_t *object, const char *key, const uint8_t hash[SY_HASH_BYTES],
                    const struct sy_sector *sector, struct sy_error *err)
{
    char text[SY_HEX_TEXT_BYTES(SY_HASH_BYTES)];
    if (is_zero(hash, SY_HASH_BYTES))
        return sy_fail(err, SY_E_STATE,
                       "sector %llu of miner %llu has no %s yet: this stage cannot start",
                       (unsigned long long)sector->number, (unsigned long long)sector->miner, key);
    return put_json(object, key, json_string(sy_hex_encode(hash, SY_HASH_BYTES, text)), err);
}

/* For AP: the files of the person, without the fillers that AP itself makes. */
static json_t *input_pieces(const struct sy_sector *sector)
{
    const struct sy_piece *pieces = sector->pieces.items;
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < sector->pieces.count; i++) {
        if (pieces[i].raw_bytes == 0)
            continue;
        json_t *item = json_pack("{s:s, s:I, s:I}", "path", pieces[i].path, "raw_bytes",
                                 (json_int_t)pieces[i].raw_bytes, "padded_bytes",
                                 (json_int_t)pieces[i].padded_bytes);
        if (!item || json_array_append_new(list, item)) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* For PC1 and later: every piece with its CID, fillers included, in sector order. */
static int put_known_pieces(json_t *object, const struct sy_sector *sector, struct sy_error *err)
{
    const struct sy_piece *pieces = sector->pieces.items;
    if (sector->pieces.count == 0)
        return sy_fail(err, SY_E_STATE, "sector %llu of miner %llu has no pieces yet: run AP first",
                       (unsigned long long)sector->number, (unsigned long long)sector->miner);
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < sector->pieces.count; i++) {
        json_t *item = json_pack("{s:s, s:I}", "cid", pieces[i].cid, "padded_bytes",
                                 (json_int_t)pieces[i].padded_bytes);
        if (!item || json_array_append_new(list, item)) {
            json_decref(list);
            list = NULL;
        }
    }
    return put_json(object, "pieces", list, err);
}

static int put_unseal(json_t *object, const struct sy_sector *sector, const struct sy_job *job,
                      struct sy_error *err)
{
    int rc = put_hash(object, "ticket", sector->ticket, sector, err);
    if (rc == 0)
        rc = put_hash(object, "comm_d", sector->comm_d, sector, err);
    if (rc || !job || (job->offset_bytes == 0 && job->size_bytes == 0))
        return rc;
    rc = put_json(object, "offset_bytes", json_integer((json_int_t)job->offset_bytes), err);
    if (rc == 0 && job->size_bytes)
        rc = put_json(object, "size_bytes", json_integer((json_int_t)job->size_bytes), err);
    return rc;
}

/* What the chain will hold the proof against. */
static int put_claim(json_t *object, const struct sy_sector *sector, struct sy_error *err)
{
    int rc = put_hash(object, "ticket", sector->ticket, sector, err);
    if (rc == 0)
        rc = put_hash(object, "seed", sector->seed, sector, err);
    if (rc == 0)
        rc = put_hash(object, "comm_d", sector->comm_d, sector, err);
    return rc ? rc : put_hash(object, "comm_r", sector->comm_r, sector, err);
}

static int put_stage_keys(json_t *object, enum sy_stage stage, const struct sy_sector *sector,
                          const struct sy_job *job, struct sy_error *err)
{
    int rc = 0;
    switch (stage) {
    case SY_STAGE_AP:
        return put_json(object, "pieces", input_pieces(sector), err);
    case SY_STAGE_PC1:
        rc = put_hash(object, "ticket", sector->ticket, sector, err);
        return rc ? rc : put_known_pieces(object, sector, err);
    case SY_STAGE_PC2:
        rc = put_hash(object, "ticket", sector->ticket, sector, err);
        if (rc == 0)
            rc = put_hash(object, "comm_d", sector->comm_d, sector, err);
        return rc ? rc : put_known_pieces(object, sector, err);
    case SY_STAGE_C1:
        rc = put_claim(object, sector, err);
        return rc ? rc : put_known_pieces(object, sector, err);
    case SY_STAGE_C2:
        rc = put_claim(object, sector, err);
        return rc ? rc : put_hash(object, "c1_sha256", sector->c1_digest, sector, err);
    case SY_STAGE_FIN:
        return put_json(object, "keep_unsealed", json_boolean(sector->keep_unsealed), err);
    case SY_STAGE_UNSEAL:
        return put_unseal(object, sector, job, err);
    case SY_STAGE_REMOVE:
        return 0;
    default:
        return sy_fail(err, SY_E_UNSUPPORTED, "stage %d has no spec in this version", (int)stage);
    }
}

int sy_spec_build(enum sy_stage stage, const struct sy_sector *sector, const struct sy_job *job,
                  char **ret_text, size_t *ret_bytes, struct sy_error *err)
{
    json_t *object = json_object();
    if (!object)
        return sy_fail(err, SY_E_NOMEM, "spec: out of memory");
    char *text = NULL;
    int rc = put_json(object, "proof_type", json_integer(sector->proof_type), err);
    if (rc == 0)
        rc = put_json(object, "miner", json_integer((json_int_t)sector->miner), err);
    if (rc == 0)
        rc = put_json(object, "number", json_integer((json_int_t)sector->number), err);
    if (rc == 0)
        rc = put_stage_keys(object, stage, sector, job, err);
    if (rc)
        goto out;
    text = json_dumps(object, JSON_COMPACT);
    if (!text) {
        rc = sy_fail(err, SY_E_NOMEM, "spec: out of memory");
        goto out;
    }
    size_t bytes = strlen(text);
    if (bytes > SY_SPEC_BYTES_MAX) {
        rc = sy_fail(err, SY_E_LIMIT, "spec of %zu bytes: at most %u", bytes, SY_SPEC_BYTES_MAX);
        goto out;
    }
    *ret_text = text;
    *ret_bytes = bytes;
    text = NULL;
out:
    free(text);
    json_decref(object);
    return rc;
}

/* ---------------------------------------------------------------- result -------------------- */

/* A complaint about the stage's own output. */
static int bad_result(struct sy_error *err, const char *key, const char *why)
{
    return sy_fail(err, SY_E_BUG,
                   "result key \"%s\": %s; the stage program breaks the task contract", key, why);
}

static int get_text(const json_t *object, const char *key, char *ret, size_t ret_bytes,
                    struct sy_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return bad_result(err, key, value ? "not a string" : "missing");
    size_t bytes = json_string_length(value);
    if (bytes == 0 || bytes >= ret_bytes || strlen(json_string_value(value)) != bytes)
        return bad_result(err, key, "empty, too long or with a zero byte");
    memcpy(ret, json_string_value(value), bytes + 1);
    return 0;
}

static int get_hash(const json_t *object, const char *key, uint8_t ret[SY_HASH_BYTES],
                    struct sy_error *err)
{
    char text[SY_HEX_TEXT_BYTES(SY_HASH_BYTES)];
    uint8_t hash[SY_HASH_BYTES];
    int rc = get_text(object, key, text, sizeof text, err);
    if (rc)
        return rc;
    if (sy_hex_decode(text, hash, sizeof hash, NULL))
        return bad_result(err, key, "expected 64 hex digits");
    if (is_zero(hash, sizeof hash))
        return bad_result(err, key, "all zero");
    memcpy(ret, hash, sizeof hash);
    return 0;
}

static int get_size(const json_t *object, const char *key, uint64_t *ret, struct sy_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return bad_result(err, key, value ? "not a size" : "missing");
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

/* A value that the sector knows already must come out again. */
static int check_same(const char *key, const uint8_t known[SY_HASH_BYTES],
                      const uint8_t now[SY_HASH_BYTES], struct sy_error *err)
{
    if (is_zero(known, SY_HASH_BYTES) || memcmp(known, now, SY_HASH_BYTES) == 0)
        return 0;
    char a[SY_HEX_TEXT_BYTES(SY_HASH_BYTES)], b[SY_HEX_TEXT_BYTES(SY_HASH_BYTES)];
    return sy_fail(err, SY_E_MISMATCH, "%s: the sector has %s, the stage found %s", key,
                   sy_hex_encode(known, SY_HASH_BYTES, a), sy_hex_encode(now, SY_HASH_BYTES, b));
}

/* AP returns pieces in sector order with its fillers between. The fillers in front of a piece are
 * smaller than the piece (its offset is a multiple of its size), so equal size means: that piece.
 */
static int match_declared(const struct sy_sector *sector, uint32_t *declared,
                          struct sy_piece *piece, struct sy_error *err)
{
    const struct sy_piece *pieces = sector->pieces.items;
    while (*declared < sector->pieces.count && pieces[*declared].raw_bytes == 0)
        (*declared)++;
    if (*declared == sector->pieces.count || pieces[*declared].padded_bytes != piece->padded_bytes)
        return 0;
    const struct sy_piece *known = &pieces[*declared];
    if (known->cid[0] && strcmp(known->cid, piece->cid) != 0)
        return sy_fail(err, SY_E_ARG,
                       "piece %u: submitted as %s, the file %.100s has %s: submit the right file",
                       *declared, known->cid, known->path, piece->cid);
    piece->raw_bytes = known->raw_bytes;
    memcpy(piece->path, known->path, sizeof piece->path);
    (*declared)++;
    return 0;
}

static int parse_pieces(const json_t *object, const struct sy_sector *sector,
                        struct sy_arena *arena, struct sy_list *ret, struct sy_error *err)
{
    const json_t *list = json_object_get(object, "pieces");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0 || count > SY_PIECES_MAX)
        return bad_result(err, "pieces", "expected a list of 1 to 256 pieces");
    struct sy_piece *pieces = sy_arena_alloc(arena, count * sizeof *pieces);
    if (!pieces)
        return sy_fail(err, SY_E_NOMEM, "result: no memory for %zu pieces", count);
    uint32_t declared = 0;
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        struct sy_piece *piece = &pieces[i];
        int rc = get_text(item, "cid", piece->cid, sizeof piece->cid, err);
        if (rc == 0)
            rc = get_size(item, "padded_bytes", &piece->padded_bytes, err);
        if (rc == 0)
            rc = get_size(item, "offset", &piece->offset_bytes, err);
        if (rc)
            return rc;
        uint64_t bytes = piece->padded_bytes;
        if (bytes < 128 || (bytes & (bytes - 1)) || piece->offset_bytes != end ||
            !sy_add_ok(end, bytes, &end))
            return bad_result(err, "pieces", "sizes or offsets do not join up");
        rc = match_declared(sector, &declared, piece, err);
        if (rc)
            return rc;
    }
    for (uint32_t i = declared; i < sector->pieces.count; i++)
        if (((const struct sy_piece *)sector->pieces.items)[i].raw_bytes)
            return bad_result(err, "pieces", "a submitted piece is missing");
    *ret = (struct sy_list){.items = pieces, .count = (uint32_t)count};
    return 0;
}

static int parse_proof(const json_t *object, struct sy_arena *arena,
                       struct sy_ev_task_result *event, struct sy_error *err)
{
    const json_t *value = json_object_get(object, "proof");
    size_t digits = json_string_length(value), bytes = digits / 2;
    if (!json_is_string(value))
        return bad_result(err, "proof", value ? "not a string" : "missing");
    if (bytes == 0 || digits % (2 * PROOF_BYTES) != 0 || bytes > SY_STATE_PROOF_BYTES_MAX)
        return bad_result(err, "proof", "expected 192 bytes in hex per partition, at most 126");
    if (!json_is_true(json_object_get(object, "verified")))
        return bad_result(err, "verified", "a proof is reported that was not verified");
    uint8_t *proof = sy_arena_alloc(arena, bytes);
    if (!proof)
        return sy_fail(err, SY_E_NOMEM, "result: no memory for the proof");
    if (sy_hex_decode(json_string_value(value), proof, bytes, NULL))
        return bad_result(err, "proof", "not in hex");
    event->proof = (struct sy_slice){.data = proof, .bytes = (uint32_t)bytes};
    return 0;
}

static int parse_stage(enum sy_stage stage, const struct sy_sector *sector, const json_t *object,
                       struct sy_arena *arena, struct sy_ev_task_result *event,
                       struct sy_error *err)
{
    int rc = 0;
    uint64_t bytes = 0;
    switch (stage) {
    case SY_STAGE_AP:
        rc = parse_pieces(object, sector, arena, &event->pieces, err);
        if (rc == 0)
            rc = get_hash(object, "comm_d", event->comm_d, err);
        return rc ? rc
                  : get_text(object, "comm_d_cid", event->comm_d_cid, sizeof event->comm_d_cid,
                             err);
    case SY_STAGE_PC1:
        rc = get_hash(object, "comm_d", event->comm_d, err);
        if (rc == 0)
            rc = check_same("comm_d", sector->comm_d, event->comm_d, err);
        return rc ? rc : get_hash(object, "replica_id", event->replica_id, err);
    case SY_STAGE_PC2:
        rc = get_hash(object, "comm_r", event->comm_r, err);
        return rc ? rc
                  : get_text(object, "comm_r_cid", event->comm_r_cid, sizeof event->comm_r_cid,
                             err);
    case SY_STAGE_C1:
        return get_hash(object, "sha256", event->c1_digest, err);
    case SY_STAGE_C2:
        return parse_proof(object, arena, event, err);
    case SY_STAGE_FIN:
        return json_is_array(json_object_get(object, "files"))
                   ? 0
                   : bad_result(err, "files", "not a list");
    case SY_STAGE_UNSEAL:
        return get_size(object, "bytes", &bytes, err);
    case SY_STAGE_REMOVE:
        return 0;
    default:
        return sy_fail(err, SY_E_BUG, "stage %d has no result in this version", (int)stage);
    }
}

int sy_spec_parse_result(enum sy_stage stage, const struct sy_sector *sector, const char *json,
                         size_t json_bytes, struct sy_arena *arena, struct sy_ev_task_result *event,
                         struct sy_error *err)
{
    if (json_bytes > SY_RESULT_BYTES_MAX)
        return sy_fail(err, SY_E_BUG, "result of %zu bytes: at most %d", json_bytes,
                       SY_RESULT_BYTES_MAX);
    json_error_t where;
    json_t *object = json_loadb(json, json_bytes, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(object)) {
        const char *why = object ? "another kind of value" : where.text;
        int failed = sy_fail(err, SY_E_BUG, "result is not a JSON object: %.150s", why);
        json_decref(object);
        return failed;
    }
    struct sy_ev_task_result copy = *event;
    int rc = parse_stage(stage, sector, object, arena, &copy, err);
    if (rc == 0)
        *event = copy;
    json_decref(object);
    return rc;
}
