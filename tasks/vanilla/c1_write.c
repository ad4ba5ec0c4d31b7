#include "tasks/vanilla/c1.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <errno.h>

#include "tasks/hash/sha256.h"

#define OUT_BYTES (256 * 1024)
#define NODE_TEXT_MAX (2 + 32 * 4)

struct sy_c1_writer {
    int fd;           /* borrowed */
    const char *what; /* borrowed; names the file in errors */
    struct sy_sha256 sha;
    uint64_t bytes;
    size_t used;
    bool raw;
    bool in_partition;
    uint32_t partitions;
    uint32_t proofs; /* of the open partition */
    int error;       /* first failure; nothing is written after it */
    struct sy_error first;
    char out[OUT_BYTES];
};

static void flush(struct sy_c1_writer *w)
{
    size_t at = 0;
    sy_sha256_update(&w->sha, w->out, w->used);
    while (!w->error && at < w->used) {
        ssize_t put = write(w->fd, w->out + at, w->used - at);
        if (put > 0) {
            at += (size_t)put;
        } else if (put < 0 && errno != EINTR) {
            w->error = sy_fail_errno(&w->first, errno, "%.120s: writing %zu bytes at %llu", w->what,
                                     w->used - at, (unsigned long long)(w->bytes + at));
        }
    }
    w->bytes += w->used;
    w->used = 0;
}

static void put_bytes(struct sy_c1_writer *w, const char *text, size_t bytes)
{
    if (w->used + bytes > sizeof w->out)
        flush(w);
    SY_ASSERT(bytes <= sizeof w->out);
    memcpy(w->out + w->used, text, bytes);
    w->used += bytes;
}

static void put(struct sy_c1_writer *w, const char *text)
{
    put_bytes(w, text, strlen(text));
}

/* Decimal digits of value at `to`; returns the end. */
static char *format_u64(char *to, uint64_t value)
{
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

static void put_u64(struct sy_c1_writer *w, uint64_t value)
{
    char text[20];
    put_bytes(w, text, (size_t)(format_u64(text, value) - text));
}

static void put_node(struct sy_c1_writer *w, const uint8_t node[SY_NODE_BYTES])
{
    char text[NODE_TEXT_MAX];
    char *to = text;
    for (unsigned i = 0; i < SY_NODE_BYTES; i++) {
        *to++ = i ? ',' : '[';
        to = format_u64(to, node[i]);
    }
    *to++ = ']';
    put_bytes(w, text, (size_t)(to - text));
}

static void put_nodes(struct sy_c1_writer *w, const uint8_t (*nodes)[SY_NODE_BYTES], size_t count)
{
    put(w, "[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            put(w, ",");
        put_node(w, nodes[i]);
    }
    put(w, "]");
}

/* {"path":[{"hashes":[..],"index":n},..]} for `count` levels from `first` on. */
static void put_levels(struct sy_c1_writer *w, const struct sy_tree_proof *proof, unsigned first,
                       unsigned count)
{
    put(w, "{\"path\":[");
    for (unsigned level = first; level < first + count; level++) {
        put(w, level > first ? ",{\"hashes\":" : "{\"hashes\":");
        put_nodes(w, &proof->siblings[sy_tree_proof_first_sibling(proof, level)],
                  sy_tree_proof_arity(proof, level) - 1);
        put(w, ",\"index\":");
        put_u64(w, proof->index[level]);
        put(w, "}");
    }
    put(w, "]}");
}

/* Single has root and leaf first, Sub and Top have them last. */
static void put_path(struct sy_c1_writer *w, const struct sy_tree_proof *proof)
{
    unsigned base = proof->base_levels;
    if (!proof->sub_arity) {
        put(w, "{\"data\":{\"Single\":{\"root\":");
        put_node(w, proof->root);
        put(w, ",\"leaf\":");
        put_node(w, proof->leaf);
        put(w, ",\"path\":");
        put_levels(w, proof, 0, base);
        put(w, "}}}");
        return;
    }
    put(w, proof->top_arity ? "{\"data\":{\"Top\":{\"base_proof\":"
                            : "{\"data\":{\"Sub\":{\"base_proof\":");
    put_levels(w, proof, 0, base);
    put(w, ",\"sub_proof\":");
    put_levels(w, proof, base, 1);
    if (proof->top_arity) {
        put(w, ",\"top_proof\":");
        put_levels(w, proof, base + 1, 1);
    }
    put(w, ",\"root\":");
    put_node(w, proof->root);
    put(w, ",\"leaf\":");
    put_node(w, proof->leaf);
    put(w, "}}}");
}

static void put_column(struct sy_c1_writer *w, const struct sy_vanilla_column *column)
{
    put(w, "{\"column\":{\"index\":");
    put_u64(w, column->index);
    put(w, ",\"rows\":");
    put_nodes(w, column->rows, column->row_count);
    put(w, ",\"_h\":null},\"inclusion_proof\":");
    put_path(w, &column->inclusion);
    put(w, "}");
}

static void put_columns(struct sy_c1_writer *w, const struct sy_vanilla_column *columns,
                        size_t count)
{
    put(w, "[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            put(w, ",");
        put_column(w, &columns[i]);
    }
    put(w, "]");
}

static void put_label(struct sy_c1_writer *w, const struct sy_vanilla_label *label)
{
    put(w, "{\"parents\":");
    put_nodes(w, label->parents, label->parent_count);
    put(w, ",\"layer_index\":");
    put_u64(w, label->layer_index);
    put(w, ",\"node\":");
    put_u64(w, label->node);
    put(w, "}");
}

static void put_proof(struct sy_c1_writer *w, const struct sy_vanilla_proof *proof)
{
    put(w, "{\"comm_d_proofs\":");
    put_path(w, &proof->comm_d);
    put(w, ",\"comm_r_last_proof\":");
    put_path(w, &proof->comm_r_last);
    put(w, ",\"replica_column_proofs\":{\"c_x\":");
    put_column(w, &proof->c_x);
    put(w, ",\"drg_parents\":");
    put_columns(w, proof->parents, SY_DRG_PARENTS);
    put(w, ",\"exp_parents\":");
    put_columns(w, proof->parents + SY_DRG_PARENTS, SY_EXP_PARENTS);
    put(w, "},\"labeling_proofs\":[");
    for (uint32_t i = 0; i < proof->label_count; i++) {
        if (i)
            put(w, ",");
        put_label(w, &proof->labels[i]);
    }
    put(w, "],\"encoding_proof\":");
    put_label(w, &proof->encoding);
    put(w, "}");
}

static int passed_on(struct sy_c1_writer *w, struct sy_error *err)
{
    if (w->error && err)
        *err = w->first;
    return w->error;
}

int sy_c1_writer_create(struct sy_c1_writer **ret, int fd, const char *what,
                        const char *registered_proof, const char *size_key, struct sy_error *err)
{
    SY_ASSERT(!registered_proof == !size_key);
    struct sy_c1_writer *w = calloc(1, sizeof *w);
    if (!w)
        return sy_fail(err, SY_E_NOMEM, "C1 writer: %zu bytes", sizeof *w);
    w->fd = fd;
    w->what = what;
    w->raw = !registered_proof;
    sy_sha256_init(&w->sha);
    put(w, "{");
    if (!w->raw) {
        put(w, "\"registered_proof\":\"");
        put(w, registered_proof);
        put(w, "\",");
    }
    put(w, "\"vanilla_proofs\":");
    if (!w->raw) {
        put(w, "{\"");
        put(w, size_key);
        put(w, "\":");
    }
    put(w, "[");
    *ret = w;
    return 0;
}

int sy_c1_writer_put(struct sy_c1_writer *w, const struct sy_vanilla_proof *proof,
                     bool last_of_partition, struct sy_error *err)
{
    if (!w->in_partition) {
        put(w, w->partitions ? ",[" : "[");
        w->in_partition = true;
        w->proofs = 0;
        w->partitions++;
    }
    if (w->proofs++)
        put(w, ",");
    put_proof(w, proof);
    if (last_of_partition) {
        put(w, "]");
        w->in_partition = false;
    }
    return passed_on(w, err);
}

int sy_c1_writer_finish(struct sy_c1_writer *w, const struct sy_vanilla_public *public,
                        uint8_t ret_sha256[32], uint64_t *ret_bytes, struct sy_error *err)
{
    const struct {
        const char *key;
        const uint8_t *node;
    } values[] = {
        {"comm_r", public->comm_r}, {"comm_d", public->comm_d}, {"replica_id", public->replica_id},
        {"seed", public->seed},     {"ticket", public->ticket},
    };
    SY_ASSERT(!w->in_partition);
    put(w, w->raw ? "]" : "]}");
    for (size_t i = 0; i < SY_ARRAY_SIZE(values); i++) {
        put(w, ",\"");
        put(w, values[i].key);
        put(w, "\":");
        put_node(w, values[i].node);
    }
    put(w, "}");
    flush(w);
    if (w->error)
        return passed_on(w, err);
    if (ret_sha256)
        sy_sha256_final(&w->sha, ret_sha256);
    *ret_bytes = w->bytes;
    return 0;
}

void sy_c1_writer_destroy(struct sy_c1_writer *writer)
{
    free(writer);
}
