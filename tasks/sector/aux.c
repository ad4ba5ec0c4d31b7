#include "tasks/sector/aux.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------------------------------- p_aux */

int sy_p_aux_read(const char *cache, uint8_t ret_comm_c[32], uint8_t ret_comm_r_last[32],
                  struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    char *data = NULL;
    size_t bytes;
    int rc = sy_files_p_aux(path, cache, err);
    if (rc == 0)
        rc = sy_file_read(path, SY_T_AUX_BYTES_MAX, &data, &bytes, err);
    if (rc < 0)
        return rc;
    if (bytes != SY_P_AUX_BYTES) {
        rc = sy_fail(err, SY_E_CORRUPT, "%s has %zu bytes, expected %d: run PC2 again", path, bytes,
                     SY_P_AUX_BYTES);
    } else {
        memcpy(ret_comm_c, data, 32);
        memcpy(ret_comm_r_last, data + 32, 32);
    }
    free(data);
    return rc;
}

int sy_p_aux_write(const char *cache, const uint8_t comm_c[32], const uint8_t comm_r_last[32],
                   struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    uint8_t data[SY_P_AUX_BYTES];
    memcpy(data, comm_c, 32);
    memcpy(data + 32, comm_r_last, 32);
    int rc = sy_files_p_aux(path, cache, err);
    return rc < 0 ? rc : sy_file_write(path, data, sizeof(data), 0644, err);
}

/* --------------------------------------------------------------------------------------- t_aux */

struct byte_writer {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
};

static void put_bytes(struct byte_writer *w, const void *from, size_t bytes)
{
    SY_ASSERT(bytes <= w->capacity - w->bytes);
    memcpy(w->data + w->bytes, from, bytes);
    w->bytes += bytes;
}

static void put_u64(struct byte_writer *w, uint64_t value)
{
    uint8_t le[8];
    for (int i = 0; i < 8; i++)
        le[i] = (uint8_t)(value >> (8 * i));
    put_bytes(w, le, sizeof(le));
}

static void put_config(struct byte_writer *w, const char *path, const char *id, uint64_t nodes,
                       uint64_t rows_to_discard)
{
    put_u64(w, strlen(path));
    put_bytes(w, path, strlen(path));
    put_u64(w, strlen(id));
    put_bytes(w, id, strlen(id));
    put_bytes(w, "\1", 1);
    put_u64(w, nodes);
    put_u64(w, rows_to_discard);
}

int sy_t_aux_encode(const struct sy_porep_params *params, const char *path, uint8_t **ret_data,
                    size_t *ret_bytes, struct sy_error *err)
{
    size_t path_bytes = strlen(path);
    if (path_bytes == 0 || path_bytes >= SY_PATH_BYTES)
        return sy_fail(err, SY_E_ARG, "cache path of %zu bytes, expected 1 to %d", path_bytes,
                       SY_PATH_BYTES - 1);
    size_t config_bytes = 8 + path_bytes + 8 + SY_STORE_ID_BYTES + 1 + 8 + 8;
    struct byte_writer w = {.capacity = 8 + (SY_LAYERS_MAX + 3) * config_bytes};
    w.data = malloc(w.capacity);
    if (!w.data)
        return sy_fail(err, SY_E_NOMEM, "memory for t_aux: %zu bytes", w.capacity);

    put_u64(&w, params->layers);
    for (uint32_t i = 1; i <= params->layers; i++) {
        char id[SY_STORE_ID_BYTES];
        snprintf(id, sizeof(id), "layer-%u", i);
        put_config(&w, path, id, params->nodes, 0);
    }
    put_config(&w, path, "tree-d", params->tree_d_nodes, 0);
    put_config(&w, path, "tree-r-last", params->base_nodes, params->rows_to_discard);
    put_config(&w, path, "tree-c", params->base_nodes, 0);
    *ret_data = w.data;
    *ret_bytes = w.bytes;
    return 0;
}

struct byte_reader {
    const uint8_t *data;
    size_t bytes;
    bool failed;
};

static const uint8_t *take_bytes(struct byte_reader *r, uint64_t bytes)
{
    if (r->failed || bytes > r->bytes) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->data;
    r->data += bytes;
    r->bytes -= (size_t)bytes;
    return at;
}

static uint64_t take_u64(struct byte_reader *r)
{
    const uint8_t *at = take_bytes(r, 8);
    uint64_t value = 0;
    for (int i = 0; at && i < 8; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

/* A length-prefixed text into text[capacity]; NUL bytes inside are refused. */
static void take_text(struct byte_reader *r, char *text, size_t capacity)
{
    uint64_t length = take_u64(r);
    const uint8_t *at = length < capacity ? take_bytes(r, length) : NULL;
    if (!at || memchr(at, 0, (size_t)length)) {
        r->failed = true;
        text[0] = '\0';
        return;
    }
    memcpy(text, at, (size_t)length);
    text[length] = '\0';
}

static void take_config(struct byte_reader *r, const char *want_id, char *path,
                        struct sy_store_config *config)
{
    take_text(r, path, SY_PATH_BYTES);
    take_text(r, config->id, sizeof(config->id));
    const uint8_t *tag = take_bytes(r, 1);
    config->has_size = tag && *tag == 1;
    config->size = config->has_size ? take_u64(r) : 0;
    config->rows_to_discard = take_u64(r);
    if ((tag && *tag > 1) || strcmp(config->id, want_id) != 0)
        r->failed = true;
}

int sy_t_aux_decode(const uint8_t *data, size_t bytes, struct sy_t_aux *ret_aux,
                    struct sy_error *err)
{
    struct byte_reader r = {.data = data, .bytes = bytes};
    char other_path[SY_PATH_BYTES];
    struct sy_t_aux *aux = calloc(1, sizeof(*aux));
    if (!aux)
        return sy_fail(err, SY_E_NOMEM, "memory for t_aux");

    uint64_t layers = take_u64(&r);
    if (layers < 1 || layers > SY_LAYERS_MAX)
        r.failed = true;
    for (uint32_t i = 0; !r.failed && i < layers; i++) {
        char id[SY_STORE_ID_BYTES];
        snprintf(id, sizeof(id), "layer-%u", i + 1);
        take_config(&r, id, i == 0 ? aux->path : other_path, &aux->layer[i]);
    }
    if (!r.failed)
        take_config(&r, "tree-d", other_path, &aux->tree_d);
    if (!r.failed)
        take_config(&r, "tree-r-last", other_path, &aux->tree_r_last);
    if (!r.failed)
        take_config(&r, "tree-c", other_path, &aux->tree_c);

    int rc = 0;
    if (r.failed || r.bytes) {
        rc = sy_fail(err, SY_E_CORRUPT,
                     "t_aux of %zu bytes does not parse at byte %zu: run PC2 again", bytes,
                     bytes - r.bytes);
    } else {
        aux->layers = (uint32_t)layers;
        *ret_aux = *aux;
    }
    free(aux);
    return rc;
}

int sy_t_aux_write(const struct sy_porep_params *params, const char *cache, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    uint8_t *data = NULL;
    size_t bytes;
    int rc = sy_files_t_aux(path, cache, err);
    if (rc == 0)
        rc = sy_t_aux_encode(params, cache, &data, &bytes, err);
    if (rc == 0)
        rc = sy_file_write(path, data, bytes, 0644, err);
    free(data);
    return rc;
}

int sy_t_aux_read(const char *cache, struct sy_t_aux *ret_aux, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    char *data = NULL;
    size_t bytes;
    int rc = sy_files_t_aux(path, cache, err);
    if (rc == 0)
        rc = sy_file_read(path, SY_T_AUX_BYTES_MAX, &data, &bytes, err);
    if (rc == 0)
        rc = sy_t_aux_decode((const uint8_t *)data, bytes, ret_aux, err);
    free(data);
    return rc < 0 ? sy_error_wrap(err, "%s/t_aux", cache) : 0;
}

/* ----------------------------------------------------------------------------------- PC1 output */

/* serde writes a StoreConfig in this key order; jansson keeps the order of insertion. */
static json_t *config_json(const char *path, const char *id, uint64_t nodes)
{
    return json_pack("{s:s, s:s, s:I, s:i}", "path", path, "id", id, "size", (json_int_t)nodes,
                     "rows_to_discard", 0);
}

static json_t *comm_json(const uint8_t comm[32])
{
    json_t *list = json_array();
    for (int i = 0; list && i < 32; i++) {
        if (json_array_append_new(list, json_integer(comm[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int sy_pc1_output_encode(const struct sy_porep_params *params, const char *cache,
                         const uint8_t comm_d[32], char **ret_text, struct sy_error *err)
{
    SY_ASSERT(params->proof != NULL);
    json_t *layers = json_array();
    for (uint32_t i = 1; layers && i <= params->layers; i++) {
        char id[SY_STORE_ID_BYTES];
        snprintf(id, sizeof(id), "layer-%u", i);
        json_array_append_new(layers, config_json(cache, id, params->nodes));
    }
    json_t *root =
        json_pack("{s:s, s:{s:{s:o, s:n}}, s:o, s:o}", "registered_proof", params->proof->name,
                  "labels", params->proof->size_key, "labels", layers, "_h", "config",
                  config_json(cache, "tree-d", params->tree_d_nodes), "comm_d", comm_json(comm_d));
    bool whole = root && json_array_size(layers) == params->layers;
    char *text = whole ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text)
        return sy_fail(err, SY_E_ARG,
                       "PC1 output cannot be written for cache path \"%.128s\": it must be UTF-8",
                       cache);
    *ret_text = text;
    return 0;
}

static int comm_from_json(const json_t *list, uint8_t ret_comm[32])
{
    uint8_t comm[32];
    if (!json_is_array(list) || json_array_size(list) != 32)
        return -SY_E_PARSE;
    for (size_t i = 0; i < 32; i++) {
        const json_t *item = json_array_get(list, i);
        json_int_t value = json_integer_value(item);
        if (!json_is_integer(item) || value < 0 || value > 255)
            return -SY_E_PARSE;
        comm[i] = (uint8_t)value;
    }
    memcpy(ret_comm, comm, 32);
    return 0;
}

static int check_labels_json(const json_t *root, const struct sy_proof *proof, struct sy_error *err)
{
    struct sy_porep_params params;
    int rc = sy_porep_params_init(&params, proof->id, err);
    if (rc < 0)
        return rc;
    const json_t *labels = json_object_get(
        json_object_get(json_object_get(root, "labels"), proof->size_key), "labels");
    if (!json_is_array(labels) || json_array_size(labels) != params.layers)
        return sy_fail(err, SY_E_PARSE, "PC1 output: labels.%s.labels must list %u layers",
                       proof->size_key, params.layers);
    for (uint32_t i = 0; i < params.layers; i++) {
        char id[SY_STORE_ID_BYTES];
        const json_t *config = json_array_get(labels, i);
        const char *have = json_string_value(json_object_get(config, "id"));
        json_int_t size = json_integer_value(json_object_get(config, "size"));
        snprintf(id, sizeof(id), "layer-%u", i + 1);
        if (!have || strcmp(have, id) != 0 || size != (json_int_t)params.nodes)
            return sy_fail(err, SY_E_PARSE, "PC1 output: entry %u is not %s of %" PRIu64 " nodes",
                           i, id, params.nodes);
    }
    return 0;
}

int sy_pc1_output_decode(const char *text, size_t bytes, const struct sy_proof **ret_proof,
                         uint8_t ret_comm_d[32], struct sy_error *err)
{
    const struct sy_proof *proof;
    uint8_t comm_d[32];
    json_error_t at;
    int rc;

    if (bytes > SY_PC1_OUTPUT_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "PC1 output of %zu bytes, at most %d are read", bytes,
                       SY_PC1_OUTPUT_BYTES_MAX);
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &at);
    if (!root)
        return sy_fail(err, SY_E_PARSE, "PC1 output is no JSON: %.100s at byte %d", at.text,
                       at.position);
    const char *name = json_string_value(json_object_get(root, "registered_proof"));
    if (!name)
        rc = sy_fail(err, SY_E_PARSE, "PC1 output has no text \"registered_proof\"");
    else
        rc = sy_proof_find_name(&proof, name, err);
    if (rc == 0)
        rc = check_labels_json(root, proof, err);
    if (rc == 0 && comm_from_json(json_object_get(root, "comm_d"), comm_d) < 0)
        rc = sy_fail(err, SY_E_PARSE, "PC1 output: \"comm_d\" must be 32 integers from 0 to 255");
    if (rc == 0) {
        *ret_proof = proof;
        memcpy(ret_comm_d, comm_d, 32);
    }
    json_decref(root);
    return rc;
}
