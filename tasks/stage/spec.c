#include "tasks/stage/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "tasks/sector/cid.h"
#include "tasks/tree/parallel.h"

#define BIT(stage) (1u << SY_STAGE_##stage)
#define ALL ((1u << SY_STAGE_COUNT) - 1)
/* Stages that work on one replica and so need its proof type. */
#define REPLICA (BIT(AP) | BIT(PC1) | BIT(PC2) | BIT(C1) | BIT(FINALIZE) | BIT(UNSEAL))
#define IDENTITY (BIT(PC1) | BIT(PC2) | BIT(C1) | BIT(UNSEAL))

static const char *const stage_names[SY_STAGE_COUNT] = {
    "ap", "pc1", "pc2", "c1", "c2", "finalize", "unseal", "verify", "remove",
};

/* The value of one key is known to be present. */
typedef int parse_fn(struct sy_spec *spec, const char *key, const json_t *value,
                     struct sy_error *err);

static int want_string(const char *key, const json_t *value, const char **ret, struct sy_error *err)
{
    if (!json_is_string(value))
        return sy_fail(err, SY_E_ARG, "spec: %s must be a string", key);
    if (strlen(json_string_value(value)) != json_string_length(value))
        return sy_fail(err, SY_E_ARG, "spec: %s has a zero byte inside", key);
    *ret = json_string_value(value);
    return 0;
}

static int want_path(const char *key, const json_t *value, const char **ret, struct sy_error *err)
{
    const char *text = NULL;
    int rc = want_string(key, value, &text, err);
    if (rc)
        return rc;
    /* Room for file names and temporary suffixes behind it. */
    if (!text[0] || strlen(text) > SY_PATH_BYTES - 256)
        return sy_fail(err, SY_E_ARG, "spec: %s is a path of %zu bytes, 1 to %d expected", key,
                       strlen(text), SY_PATH_BYTES - 256);
    *ret = text;
    return 0;
}

static int want_u64(const char *key, const json_t *value, uint64_t max, uint64_t *ret,
                    struct sy_error *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return sy_fail(err, SY_E_ARG, "spec: %s must be a whole number, not negative", key);
    uint64_t number = (uint64_t)json_integer_value(value);
    if (number > max)
        return sy_fail(err, SY_E_RANGE, "spec: %s is %llu, at most %llu", key,
                       (unsigned long long)number, (unsigned long long)max);
    *ret = number;
    return 0;
}

static int want_bool(const char *key, const json_t *value, bool *ret, struct sy_error *err)
{
    if (!json_is_boolean(value))
        return sy_fail(err, SY_E_ARG, "spec: %s must be true or false", key);
    *ret = json_is_true(value);
    return 0;
}

static int want_hash(const char *key, const json_t *value, uint8_t ret[32], struct sy_error *err)
{
    const char *text = NULL;
    int rc = want_string(key, value, &text, err);
    if (rc)
        return rc;
    if (strlen(text) != 64 || sy_hex_decode(text, ret, 32, NULL))
        return sy_fail(err, SY_E_ARG, "spec: %s must be 64 hex digits, it has %zu characters", key,
                       strlen(text));
    return 0;
}

#define PATH_KEY(name)                                                                             \
    static int parse_##name(struct sy_spec *spec, const char *key, const json_t *value,            \
                            struct sy_error *err)                                                  \
    {                                                                                              \
        return want_path(key, value, &spec->name, err);                                            \
    }
PATH_KEY(unsealed)
PATH_KEY(sealed)
PATH_KEY(cache)
PATH_KEY(output)
PATH_KEY(input)
PATH_KEY(parent_cache)
PATH_KEY(parameters)
PATH_KEY(cache_path_in_aux)

#define U64_KEY(name, max)                                                                         \
    static int parse_##name(struct sy_spec *spec, const char *key, const json_t *value,            \
                            struct sy_error *err)                                                  \
    {                                                                                              \
        return want_u64(key, value, max, &spec->name, err);                                        \
    }
U64_KEY(miner, INT64_MAX)
U64_KEY(number, INT64_MAX)
U64_KEY(attempt, INT64_MAX)

#define HASH_KEY(name)                                                                             \
    static int parse_##name(struct sy_spec *spec, const char *key, const json_t *value,            \
                            struct sy_error *err)                                                  \
    {                                                                                              \
        spec->has_##name = true;                                                                   \
        return want_hash(key, value, spec->name, err);                                             \
    }
HASH_KEY(ticket)
HASH_KEY(seed)
HASH_KEY(comm_d)
HASH_KEY(comm_r)

#define BOOL_KEY(name)                                                                             \
    static int parse_##name(struct sy_spec *spec, const char *key, const json_t *value,            \
                            struct sy_error *err)                                                  \
    {                                                                                              \
        return want_bool(key, value, &spec->name, err);                                            \
    }
BOOL_KEY(digests)
BOOL_KEY(keep_unsealed)

static int parse_offset_bytes(struct sy_spec *spec, const char *key, const json_t *value,
                              struct sy_error *err)
{
    spec->has_offset = true;
    return want_u64(key, value, INT64_MAX, &spec->offset_bytes, err);
}

static int parse_size_bytes(struct sy_spec *spec, const char *key, const json_t *value,
                            struct sy_error *err)
{
    spec->has_size = true;
    return want_u64(key, value, INT64_MAX, &spec->size_bytes, err);
}

static int parse_threads(struct sy_spec *spec, const char *key, const json_t *value,
                         struct sy_error *err)
{
    uint64_t threads = 0;
    int rc = want_u64(key, value, SY_PARALLEL_THREADS_MAX, &threads, err);
    if (rc == 0)
        spec->threads = (unsigned)threads;
    return rc;
}

static int parse_verify(struct sy_spec *spec, const char *key, const json_t *value,
                        struct sy_error *err)
{
    static const char *const names[] = {"none", "sample", "full"};
    const char *text = NULL;
    int rc = want_string(key, value, &text, err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < SY_ARRAY_SIZE(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            spec->verify = (enum sy_verify_level)i;
            return 0;
        }
    }
    return sy_fail(err, SY_E_ARG, "spec: verify is \"%.40s\", none, sample or full expected", text);
}

static int parse_proof(struct sy_spec *spec, const char *key, const json_t *value,
                       struct sy_error *err)
{
    return want_string(key, value, &spec->proof_hex, err);
}

static int parse_gpu(struct sy_spec *spec, const char *key, const json_t *value,
                     struct sy_error *err)
{
    if (json_is_null(value))
        return 0;
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return 0;
    return want_string(key, value, &spec->gpu, err);
}

/* Members of a nested object: only the named ones. */
static int only_keys(const char *key, const json_t *object, const char *const *names, size_t count,
                     struct sy_error *err)
{
    const char *member;
    json_t *value;
    if (!json_is_object(object))
        return sy_fail(err, SY_E_ARG, "spec: %s must be an object", key);
    json_object_foreach((json_t *)object, member, value)
    {
        size_t i = 0;
        while (i < count && strcmp(names[i], member) != 0)
            i++;
        if (i == count)
            return sy_fail(err, SY_E_UNKNOWN_KEY, "spec: unknown key %s.%.60s", key, member);
    }
    return 0;
}

static int parse_hugepages(struct sy_spec *spec, const char *key, const json_t *value,
                           struct sy_error *err)
{
    static const char *const names[] = {"mount", "page_bytes"};
    if (json_is_null(value))
        return 0;
    int rc = only_keys(key, value, names, SY_ARRAY_SIZE(names), err);
    if (rc == 0)
        rc = want_path("hugepages.mount", json_object_get(value, "mount"), &spec->hugepage_mount,
                       err);
    if (rc == 0)
        rc = want_u64("hugepages.page_bytes", json_object_get(value, "page_bytes"),
                      UINT64_C(1) << 40, &spec->hugepage_bytes, err);
    if (rc == 0 && spec->hugepage_bytes == 0)
        rc = sy_fail(err, SY_E_RANGE, "spec: hugepages.page_bytes is 0, a page size expected");
    return rc;
}

static int parse_store(struct sy_spec *spec, const char *key, const json_t *value,
                       struct sy_error *err)
{
    static const char *const names[] = {"kind", "sealed", "cache", "unsealed"};
    const char *kind = NULL;
    int rc = only_keys(key, value, names, SY_ARRAY_SIZE(names), err);
    if (rc == 0)
        rc = want_string("store.kind", json_object_get(value, "kind"), &kind, err);
    if (rc)
        return rc;
    if (strcmp(kind, "posix") != 0)
        return sy_fail(err, SY_E_UNSUPPORTED, "spec: store.kind is \"%.40s\", \"posix\" expected",
                       kind);
    rc = want_path("store.sealed", json_object_get(value, "sealed"), &spec->store_sealed, err);
    if (rc == 0)
        rc = want_path("store.cache", json_object_get(value, "cache"), &spec->store_cache, err);
    if (rc == 0 && json_object_get(value, "unsealed"))
        rc = want_path("store.unsealed", json_object_get(value, "unsealed"), &spec->store_unsealed,
                       err);
    return rc;
}

static int parse_piece(struct sy_spec_piece *piece, const json_t *value, size_t at,
                       struct sy_error *err)
{
    static const char *const names[] = {"path", "raw_bytes", "padded_bytes", "cid", "offset"};
    char key[40];
    const char *cid = NULL;
    const json_t *member;
    snprintf(key, sizeof key, "pieces[%zu]", at);
    int rc = only_keys(key, value, names, SY_ARRAY_SIZE(names), err);
    if (rc == 0)
        rc = want_u64("pieces[].padded_bytes", json_object_get(value, "padded_bytes"), INT64_MAX,
                      &piece->padded_bytes, err);
    member = json_object_get(value, "path");
    if (rc == 0 && member)
        rc = want_path("pieces[].path", member, &piece->path, err);
    member = json_object_get(value, "raw_bytes");
    if (rc == 0 && member)
        rc = want_u64("pieces[].raw_bytes", member, INT64_MAX, &piece->raw_bytes, err);
    member = json_object_get(value, "offset");
    if (rc == 0 && member) {
        piece->has_offset = true;
        rc = want_u64("pieces[].offset", member, INT64_MAX, &piece->offset_bytes, err);
    }
    member = json_object_get(value, "cid");
    if (rc == 0 && member) {
        rc = want_string("pieces[].cid", member, &cid, err);
        if (rc == 0)
            rc = sy_cid_unsealed_parse(cid, piece->comm, err);
        piece->has_comm = true;
    }
    if (rc)
        sy_error_wrap(err, "%s", key);
    return rc;
}

static int parse_pieces(struct sy_spec *spec, const char *key, const json_t *value,
                        struct sy_error *err)
{
    if (!json_is_array(value))
        return sy_fail(err, SY_E_ARG, "spec: %s must be a list", key);
    size_t count = json_array_size(value);
    if (count > SY_SPEC_PIECES_MAX)
        return sy_fail(err, SY_E_LIMIT, "spec: %zu pieces, at most %d", count, SY_SPEC_PIECES_MAX);
    spec->pieces = calloc(count ? count : 1, sizeof spec->pieces[0]);
    if (!spec->pieces)
        return sy_fail(err, SY_E_NOMEM, "spec: %zu pieces", count);
    spec->piece_count = count;
    spec->has_pieces = true;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = parse_piece(&spec->pieces[i], json_array_get(value, i), i, err);
    return rc;
}

/* proof_type, sector_bytes, porep_id and layers work together: params_from_keys. Here only their
 * types. */
static int parse_params_key(struct sy_spec *spec, const char *key, const json_t *value,
                            struct sy_error *err)
{
    uint8_t hash[32];
    uint64_t number;
    (void)spec;
    if (strcmp(key, "porep_id") == 0)
        return want_hash(key, value, hash, err);
    return want_u64(key, value, INT64_MAX, &number, err);
}

static int parse_batch(struct sy_spec *spec, const char *key, const json_t *value,
                       struct sy_error *err)
{
    (void)spec;
    return sy_fail(err, SY_E_ARG, "spec: %s (%zu members) cannot stand beside other keys", key,
                   json_array_size(value));
}

static const struct {
    const char *name;
    parse_fn *parse;
    unsigned allowed;  /* stages */
    unsigned required; /* stages */
} keys[] = {
    {"proof_type", parse_params_key, ALL, REPLICA},
    {"sector_bytes", parse_params_key, ALL, 0},
    {"porep_id", parse_params_key, ALL, 0},
    {"layers", parse_params_key, ALL, 0},
    {"miner", parse_miner, ALL, IDENTITY},
    {"number", parse_number, ALL, IDENTITY},
    {"unsealed", parse_unsealed, ALL, BIT(AP) | BIT(PC1) | BIT(PC2)},
    {"sealed", parse_sealed, ALL, BIT(PC2) | BIT(C1) | BIT(FINALIZE) | BIT(UNSEAL)},
    {"cache", parse_cache, ALL, BIT(PC1) | BIT(PC2) | BIT(C1) | BIT(FINALIZE)},
    {"ticket", parse_ticket, ALL, IDENTITY},
    {"seed", parse_seed, ALL, 0},
    {"parent_cache", parse_parent_cache, ALL, 0},
    {"parameters", parse_parameters, ALL, BIT(C2)},
    {"cache_path_in_aux", parse_cache_path_in_aux, ALL, 0},
    {"threads", parse_threads, ALL, 0},
    {"hugepages", parse_hugepages, ALL, 0},
    {"gpu", parse_gpu, ALL, 0},
    {"verify", parse_verify, ALL, 0},
    {"digests", parse_digests, ALL, 0},
    {"attempt", parse_attempt, ALL, 0},
    {"pieces", parse_pieces, BIT(AP) | BIT(PC1) | BIT(PC2) | BIT(C1), BIT(AP) | BIT(PC1)},
    {"comm_d", parse_comm_d, BIT(PC2) | BIT(C1) | BIT(C2) | BIT(UNSEAL) | BIT(VERIFY),
     BIT(C1) | BIT(UNSEAL)},
    {"comm_r", parse_comm_r, BIT(C1) | BIT(C2) | BIT(VERIFY) | BIT(FINALIZE), BIT(C1)},
    {"output", parse_output, BIT(C1) | BIT(C2) | BIT(UNSEAL), BIT(C1) | BIT(UNSEAL)},
    {"input", parse_input, BIT(C2) | BIT(VERIFY), BIT(C2)},
    {"proof", parse_proof, BIT(VERIFY), 0},
    {"keep_unsealed", parse_keep_unsealed, BIT(FINALIZE), 0},
    {"store", parse_store, BIT(FINALIZE), BIT(FINALIZE)},
    {"offset_bytes", parse_offset_bytes, BIT(UNSEAL), 0},
    {"size_bytes", parse_size_bytes, BIT(UNSEAL), 0},
    {"batch", parse_batch, BIT(PC1), 0},
};

const char *sy_stage_name(enum sy_stage_id stage)
{
    SY_ASSERT((unsigned)stage < SY_STAGE_COUNT);
    return stage_names[stage];
}

int sy_stage_find(enum sy_stage_id *ret_stage, const char *name, struct sy_error *err)
{
    for (unsigned i = 0; i < SY_STAGE_COUNT; i++) {
        if (strcmp(stage_names[i], name) == 0) {
            *ret_stage = (enum sy_stage_id)i;
            return 0;
        }
    }
    return sy_fail(err, SY_E_ARG,
                   "stage \"%.40s\" is not known: ap, pc1, pc2, c1, c2, finalize, unseal, verify "
                   "or remove",
                   name);
}

/* Two or eleven: the column hash knows no other counts. */
static int override_layers(struct sy_spec *spec, const json_t *layers, struct sy_error *err)
{
    json_int_t count = json_integer_value(layers);
    if (count != 2 && count != SY_LAYERS_MAX)
        return sy_fail(err, SY_E_RANGE, "spec: layers is %lld, 2 or %d expected", (long long)count,
                       SY_LAYERS_MAX);
    spec->params.layers = (uint32_t)count;
    return 0;
}

/* proof_type alone is a registered proof. With another sector_bytes it gives the variant of a size
 * that exists only in tests; its porep_id is that of the 2 KiB proof of the variant, or porep_id.
 */
static int params_from_keys(struct sy_spec *spec, struct sy_error *err)
{
    const json_t *type = json_object_get(spec->json, "proof_type");
    const json_t *size = json_object_get(spec->json, "sector_bytes");
    const json_t *id = json_object_get(spec->json, "porep_id");
    const json_t *layers = json_object_get(spec->json, "layers");
    const struct sy_proof *proof;
    uint8_t porep_id[SY_POREP_ID_BYTES];
    if (!type) {
        if (size || id || layers)
            return sy_fail(err, SY_E_ARG, "spec: %s needs proof_type beside it",
                           size ? "sector_bytes"
                           : id ? "porep_id"
                                : "layers");
        return 0;
    }
    uint64_t number = (uint64_t)json_integer_value(type);
    int rc = sy_proof_find(&proof, number, err);
    if (rc)
        return rc;
    uint64_t sector_bytes = size ? (uint64_t)json_integer_value(size) : proof->sector_bytes;
    spec->proof_type = proof->id;
    if (sector_bytes == proof->sector_bytes && !id && !layers)
        return sy_porep_params_init(&spec->params, number, err);
    sy_proof_porep_id(sy_proof_get(number - number % 5), porep_id);
    if (id)
        sy_hex_decode(json_string_value(id), porep_id, sizeof porep_id, NULL);
    rc = sy_porep_params_init_test(&spec->params, sector_bytes, proof->variant, proof->api,
                                   porep_id, err);
    return rc || !layers ? rc : override_layers(spec, layers, err);
}

static int parse_keys(struct sy_spec *spec, struct sy_error *err)
{
    const char *key;
    json_t *value;
    unsigned bit = 1u << spec->stage;
    json_object_foreach(spec->json, key, value)
    {
        size_t i = 0;
        while (i < SY_ARRAY_SIZE(keys) && strcmp(keys[i].name, key) != 0)
            i++;
        if (i == SY_ARRAY_SIZE(keys))
            return sy_fail(err, SY_E_UNKNOWN_KEY, "spec: unknown key \"%.60s\"", key);
        if (!(keys[i].allowed & bit))
            return sy_fail(err, SY_E_UNKNOWN_KEY, "spec: key \"%s\" does not belong to stage %s",
                           key, stage_names[spec->stage]);
        int rc = keys[i].parse(spec, key, value, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++)
        if (keys[i].required & bit && !json_object_get(spec->json, keys[i].name))
            return sy_fail(err, SY_E_ARG, "spec: stage %s needs the key \"%s\"",
                           stage_names[spec->stage], keys[i].name);
    return 0;
}

static int check_batch(struct sy_spec *spec, struct sy_error *err)
{
    json_t *batch = json_object_get(spec->json, "batch");
    size_t count = json_array_size(batch);
    if (json_object_size(spec->json) != 1 || !json_is_array(batch))
        return sy_fail(err, SY_E_ARG, "spec: batch must be a list and the only key");
    if (count == 0 || count > SY_SPEC_BATCH_MAX)
        return sy_fail(err, SY_E_LIMIT, "spec: batch of %zu members, 1 to %d expected", count,
                       SY_SPEC_BATCH_MAX);
    spec->batch = batch;
    return 0;
}

int sy_spec_from_json(struct sy_spec *ret_spec, enum sy_stage_id stage, json_t *json,
                      struct sy_error *err)
{
    struct sy_spec spec = {.stage = stage, .verify = SY_VERIFY_SAMPLE};
    if (!json_is_object(json))
        return sy_fail(err, SY_E_PARSE, "spec: a JSON object was expected");
    spec.json = json_incref(json);
    int rc;
    if (stage == SY_STAGE_PC1 && json_object_get(json, "batch")) {
        rc = check_batch(&spec, err);
    } else {
        rc = parse_keys(&spec, err);
        if (rc == 0)
            rc = params_from_keys(&spec, err);
    }
    spec.threads = sy_parallel_threads(spec.threads);
    if (rc) {
        sy_spec_fini(&spec);
        return rc;
    }
    *ret_spec = spec;
    return 0;
}

int sy_spec_parse(struct sy_spec *ret_spec, enum sy_stage_id stage, const char *text, size_t bytes,
                  struct sy_error *err)
{
    json_error_t problem;
    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &problem);
    if (!json)
        return sy_fail(err, SY_E_PARSE, "spec: line %d column %d: %.160s", problem.line,
                       problem.column, problem.text);
    int rc = sy_spec_from_json(ret_spec, stage, json, err);
    json_decref(json);
    return rc;
}

void sy_spec_fini(struct sy_spec *spec)
{
    free(spec->pieces);
    json_decref(spec->json);
    *spec = (struct sy_spec){0};
}
