#include "tasks/vanilla/c1.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hex.h"
#include "tasks/vanilla/json_in.h"

#define FIELDS_MAX 8
#define NO_FIELD (-1)

/* The members of one object: which names are known, which were seen. */
struct fields {
    const char *const *names;
    unsigned count;
    unsigned required; /* bit i: names[i] must be there */
    unsigned seen;
    uint32_t index;
};

/* One part of a path as it stands in the text, before the parts are put in order. */
struct levels {
    uint32_t count;
    uint32_t arity;
    uint32_t siblings;
    uint32_t index[SY_TREE_LEVELS_MAX];
    uint8_t nodes[SY_TREE_SIBLINGS_MAX][SY_NODE_BYTES];
};

#define FIELDS(names_, required_)                                                                  \
    {                                                                                              \
        .names = (names_), .count = SY_ARRAY_SIZE(names_), .required = (required_), .seen = 0,     \
        .index = 0                                                                                 \
    }

/* Goes to the next known member (unknown ones are skipped) and gives its number, or NO_FIELD behind
 * the last. Twice the same or a required one missing is an error. */
static int next_field(struct sy_json_in *in, struct fields *fields, int *ret_field,
                      struct sy_error *err)
{
    char key[SY_JSON_TEXT_BYTES];
    for (;;) {
        bool more;
        int rc = sy_json_in_member(in, &fields->index, key, &more, err);
        if (rc)
            return rc;
        if (!more)
            break;
        unsigned at = 0;
        while (at < fields->count && strcmp(fields->names[at], key) != 0)
            at++;
        if (at < fields->count) {
            if (fields->seen & 1u << at)
                return sy_json_in_fail(in, err, "key \"%s\" twice", key);
            fields->seen |= 1u << at;
            *ret_field = (int)at;
            return 0;
        }
        rc = sy_json_in_skip(in, err);
        if (rc)
            return rc;
    }
    for (unsigned i = 0; i < fields->count; i++)
        if (fields->required & ~fields->seen & 1u << i)
            return sy_json_in_fail(in, err, "key \"%s\" is missing", fields->names[i]);
    *ret_field = NO_FIELD;
    return 0;
}

/* An array of nodes, at most `max`. */
static int read_nodes(struct sy_json_in *in, uint8_t (*nodes)[SY_NODE_BYTES], uint32_t max,
                      uint32_t *ret_count, struct sy_error *err)
{
    uint32_t index = 0;
    int rc = sy_json_in_array(in, err);
    while (rc == 0) {
        bool more;
        rc = sy_json_in_element(in, &index, &more, err);
        if (rc || !more)
            break;
        if (index > max)
            return sy_json_in_fail(in, err, "more than %u nodes in the list", max);
        rc = sy_json_in_node(in, nodes[index - 1], err);
    }
    if (rc == 0)
        *ret_count = index;
    return rc;
}

/* {"hashes":[..],"index":n} */
static int read_level(struct sy_json_in *in, struct levels *levels, struct sy_error *err)
{
    static const char *const names[] = {"hashes", "index"};
    struct fields fields = FIELDS(names, 3);
    uint32_t hashes = 0;
    int field;
    if (levels->count == SY_TREE_LEVELS_MAX)
        return sy_json_in_fail(in, err, "a path of more than %d levels", SY_TREE_LEVELS_MAX);
    int rc = sy_json_in_object(in, err);
    while (rc == 0) {
        uint64_t value = 0;
        rc = next_field(in, &fields, &field, err);
        if (rc || field == NO_FIELD)
            break;
        if (field == 0)
            rc = read_nodes(in, levels->nodes + levels->siblings,
                            SY_TREE_SIBLINGS_MAX - levels->siblings, &hashes, err);
        else
            rc = sy_json_in_u64(in, UINT32_MAX, &value, err);
        if (rc == 0 && field == 1)
            levels->index[levels->count] = (uint32_t)value;
    }
    if (rc)
        return rc;
    if (levels->count == 0)
        levels->arity = hashes + 1;
    if (levels->arity != hashes + 1)
        return sy_json_in_fail(in, err, "a level with %u siblings in a tree of arity %u", hashes,
                               levels->arity);
    levels->siblings += hashes;
    levels->count++;
    return 0;
}

/* {"path":[level, ..]} */
static int read_levels(struct sy_json_in *in, struct levels *levels, struct sy_error *err)
{
    static const char *const names[] = {"path"};
    struct fields fields = FIELDS(names, 1);
    uint32_t index = 0;
    int field;
    levels->count = levels->siblings = levels->arity = 0;
    int rc = sy_json_in_object(in, err);
    if (rc == 0)
        rc = next_field(in, &fields, &field, err);
    if (rc)
        return rc;
    if (field == NO_FIELD)
        return sy_json_in_fail(in, err, "key \"path\" is missing");
    rc = sy_json_in_array(in, err);
    while (rc == 0) {
        bool more;
        rc = sy_json_in_element(in, &index, &more, err);
        if (rc || !more)
            break;
        rc = read_level(in, levels, err);
    }
    if (rc == 0)
        rc = next_field(in, &fields, &field, err);
    if (rc == 0 && levels->count == 0)
        rc = sy_json_in_fail(in, err, "a path without levels");
    return rc;
}

/* Appends one part to the proof. */
static int join_levels(struct sy_json_in *in, struct sy_tree_proof *proof, unsigned *level,
                       size_t *sibling, const struct levels *part, struct sy_error *err)
{
    if (*level + part->count > SY_TREE_LEVELS_MAX ||
        *sibling + part->siblings > SY_TREE_SIBLINGS_MAX)
        return sy_json_in_fail(in, err, "a path of %u levels and %zu siblings is too long",
                               *level + part->count, *sibling + part->siblings);
    memcpy(proof->index + *level, part->index, part->count * sizeof part->index[0]);
    memcpy(proof->siblings + *sibling, part->nodes, (size_t)part->siblings * SY_NODE_BYTES);
    *level += part->count;
    *sibling += part->siblings;
    return 0;
}

/* parts[0] base, [1] sub, [2] top; part_count says how many. */
static int join_parts(struct sy_json_in *in, struct sy_tree_proof *proof,
                      const struct levels *parts, unsigned part_count, struct sy_error *err)
{
    unsigned level = 0;
    size_t sibling = 0;
    for (unsigned i = 0; i < part_count; i++) {
        if (i > 0 && parts[i].count != 1)
            return sy_json_in_fail(in, err, "a sub or top proof of %u levels, 1 expected",
                                   parts[i].count);
        int rc = join_levels(in, proof, &level, &sibling, &parts[i], err);
        if (rc)
            return rc;
    }
    proof->base_arity = parts[0].arity;
    proof->base_levels = parts[0].count;
    proof->sub_arity = part_count > 1 ? parts[1].arity : 0;
    proof->top_arity = part_count > 2 ? parts[2].arity : 0;
    return 0;
}

/* The inside of {"data":{"Single"|"Sub"|"Top": HERE}}. */
static int read_path_form(struct sy_json_in *in, const char *form, struct sy_tree_proof *proof,
                          struct sy_error *err)
{
    static const char *const single_names[] = {"root", "leaf", "path"};
    static const char *const sub_names[] = {"root", "leaf", "base_proof", "sub_proof"};
    static const char *const top_names[] = {"root", "leaf", "base_proof", "sub_proof", "top_proof"};
    struct fields fields = FIELDS(single_names, 7);
    struct levels parts[3];
    unsigned part_count = 1;
    int field;
    if (strcmp(form, "Sub") == 0) {
        fields = (struct fields)FIELDS(sub_names, 15);
        part_count = 2;
    } else if (strcmp(form, "Top") == 0) {
        fields = (struct fields)FIELDS(top_names, 31);
        part_count = 3;
    } else if (strcmp(form, "Single") != 0) {
        return sy_json_in_fail(in, err, "a path is Single, Sub or Top, not \"%.20s\"", form);
    }
    int rc = sy_json_in_object(in, err);
    while (rc == 0) {
        rc = next_field(in, &fields, &field, err);
        if (rc || field == NO_FIELD)
            break;
        if (field == 0)
            rc = sy_json_in_node(in, proof->root, err);
        else if (field == 1)
            rc = sy_json_in_node(in, proof->leaf, err);
        else
            rc = read_levels(in, &parts[field - 2], err);
    }
    return rc ? rc : join_parts(in, proof, parts, part_count, err);
}

/* Exactly one member whose key is given back; the value follows. */
static int open_only_member(struct sy_json_in *in, char *ret_key, struct sy_error *err)
{
    uint32_t index = 0;
    bool more;
    int rc = sy_json_in_object(in, err);
    if (rc == 0)
        rc = sy_json_in_member(in, &index, ret_key, &more, err);
    if (rc == 0 && !more)
        rc = sy_json_in_fail(in, err, "an object with one key was expected, it is empty");
    return rc;
}

static int close_only_member(struct sy_json_in *in, struct sy_error *err)
{
    char key[SY_JSON_TEXT_BYTES];
    uint32_t index = 1;
    bool more;
    int rc = sy_json_in_member(in, &index, key, &more, err);
    if (rc == 0 && more)
        rc =
            sy_json_in_fail(in, err, "an object with one key was expected, \"%.40s\" follows", key);
    return rc;
}

static int read_path(struct sy_json_in *in, enum sy_tree_hash hash, struct sy_tree_proof *proof,
                     struct sy_error *err)
{
    static const char *const names[] = {"data"};
    struct fields fields = FIELDS(names, 1);
    char form[SY_JSON_TEXT_BYTES];
    int field;
    proof->hash = hash;
    int rc = sy_json_in_object(in, err);
    while (rc == 0) {
        rc = next_field(in, &fields, &field, err);
        if (rc || field == NO_FIELD)
            break;
        rc = open_only_member(in, form, err);
        if (rc == 0)
            rc = read_path_form(in, form, proof, err);
        if (rc == 0)
            rc = close_only_member(in, err);
    }
    return rc;
}

/* {"index":n,"rows":[..],"_h":null} */
static int read_column_rows(struct sy_json_in *in, struct sy_vanilla_column *column,
                            struct sy_error *err)
{
    static const char *const names[] = {"index", "rows"};
    struct fields fields = FIELDS(names, 3);
    uint64_t index = 0;
    int field;
    int rc = sy_json_in_object(in, err);
    while (rc == 0) {
        rc = next_field(in, &fields, &field, err);
        if (rc || field == NO_FIELD)
            break;
        if (field == 0)
            rc = sy_json_in_u64(in, UINT32_MAX, &index, err);
        else
            rc = read_nodes(in, column->rows, SY_LAYERS_MAX, &column->row_count, err);
    }
    column->index = (uint32_t)index;
    return rc;
}

static int read_column(struct sy_json_in *in, struct sy_vanilla_column *column,
                       struct sy_error *err)
{
    static const char *const names[] = {"column", "inclusion_proof"};
    struct fields fields = FIELDS(names, 3);
    int field;
    int rc = sy_json_in_object(in, err);
    while (rc == 0) {
        rc = next_field(in, &fields, &field, err);
        if (rc || field == NO_FIELD)
            break;
        if (field == 0)
            rc = read_column_rows(in, column, err);
        else
            rc = read_path(in, SY_TREE_POSEIDON, &column->inclusion, err);
    }
    return rc;
}

static int read_columns(struct sy_json_in *in, struct sy_vanilla_column *columns, uint32_t count,
                        struct sy_error *err)
{
    uint32_t index = 0;
    int rc = sy_json_in_array(in, err);
    while (rc == 0) {
        bool more;
        rc = sy_json_in_element(in, &index, &more, err);
        if (rc || !more)
            break;
        if (index > count)
            return sy_json_in_fail(in, err, "more than %u parents", count);
        rc = read_column(in, &columns[index - 1], err);
    }
    if (rc == 0 && index != count)
        rc = sy_json_in_fail(in, err, "%u parents, %u expected", index, count);
    return rc;
}

static int read_replica_columns(struct sy_json_in *in, struct sy_vanilla_proof *proof,
                                struct sy_error *err)
{
    static const char *const names[] = {"c_x", "drg_parents", "exp_parents"};
    struct fields fields = FIELDS(names, 7);
    int field;
    int rc = sy_json_in_object(in, err);
    while (rc == 0) {
        rc = next_field(in, &fields, &field, err);
        if (rc || field == NO_FIELD)
            break;
        if (field == 0)
            rc = read_column(in, &proof->c_x, err);
        else if (field == 1)
            rc = read_columns(in, proof->parents, SY_DRG_PARENTS, err);
        else
            rc = read_columns(in, proof->parents + SY_DRG_PARENTS, SY_EXP_PARENTS, err);
    }
    return rc;
}

static int read_label(struct sy_json_in *in, struct sy_vanilla_label *label, struct sy_error *err)
{
    static const char *const names[] = {"parents", "layer_index", "node"};
    struct fields fields = FIELDS(names, 7);
    uint64_t layer_index = 0;
    int field;
    int rc = sy_json_in_object(in, err);
    while (rc == 0) {
        rc = next_field(in, &fields, &field, err);
        if (rc || field == NO_FIELD)
            break;
        if (field == 0)
            rc = read_nodes(in, label->parents, SY_LABEL_PARENTS, &label->parent_count, err);
        else if (field == 1)
            rc = sy_json_in_u64(in, UINT32_MAX, &layer_index, err);
        else
            rc = sy_json_in_u64(in, UINT64_MAX, &label->node, err);
    }
    label->layer_index = (uint32_t)layer_index;
    return rc;
}

static int read_labels(struct sy_json_in *in, struct sy_vanilla_proof *proof, struct sy_error *err)
{
    uint32_t index = 0;
    int rc = sy_json_in_array(in, err);
    while (rc == 0) {
        bool more;
        rc = sy_json_in_element(in, &index, &more, err);
        if (rc || !more)
            break;
        if (index > SY_LAYERS_MAX)
            return sy_json_in_fail(in, err, "more than %d labeling proofs", SY_LAYERS_MAX);
        rc = read_label(in, &proof->labels[index - 1], err);
    }
    if (rc == 0)
        proof->label_count = index;
    return rc;
}

static int read_proof(struct sy_json_in *in, struct sy_vanilla_proof *proof, struct sy_error *err)
{
    static const char *const names[] = {"comm_d_proofs", "comm_r_last_proof",
                                        "replica_column_proofs", "labeling_proofs",
                                        "encoding_proof"};
    struct fields fields = FIELDS(names, 31);
    int field;
    int rc = sy_json_in_object(in, err);
    while (rc == 0) {
        rc = next_field(in, &fields, &field, err);
        if (rc || field == NO_FIELD)
            break;
        switch (field) {
        case 0:
            rc = read_path(in, SY_TREE_SHA256, &proof->comm_d, err);
            break;
        case 1:
            rc = read_path(in, SY_TREE_POSEIDON, &proof->comm_r_last, err);
            break;
        case 2:
            rc = read_replica_columns(in, proof, err);
            break;
        case 3:
            rc = read_labels(in, proof, err);
            break;
        default:
            rc = read_label(in, &proof->encoding, err);
        }
    }
    return rc;
}

/* Room for one more proof of partition p; the array doubles up to the limit. */
static int grow_partition(struct sy_c1 *c1, uint32_t p, uint32_t *capacity, struct sy_error *err)
{
    if (c1->challenge_count[p] < *capacity)
        return 0;
    uint32_t wanted = *capacity ? SY_MIN(2 * *capacity, SY_VANILLA_CHALLENGES_MAX) : 2;
    struct sy_vanilla_proof *larger =
        reallocarray(c1->partitions[p], wanted, sizeof(struct sy_vanilla_proof));
    if (!larger)
        return sy_fail(err, SY_E_NOMEM, "C1: %u proofs of %zu bytes", wanted,
                       sizeof(struct sy_vanilla_proof));
    memset(larger + *capacity, 0, (wanted - *capacity) * sizeof *larger);
    c1->partitions[p] = larger;
    *capacity = wanted;
    return 0;
}

static int read_partition(struct sy_json_in *in, struct sy_c1 *c1, struct sy_error *err)
{
    uint32_t p = c1->partition_count;
    uint32_t capacity = 0;
    uint32_t index = 0;
    if (p == SY_VANILLA_PARTITIONS_MAX)
        return sy_json_in_fail(in, err, "more than %d partitions", SY_VANILLA_PARTITIONS_MAX);
    c1->partition_count++;
    int rc = sy_json_in_array(in, err);
    while (rc == 0) {
        bool more;
        rc = sy_json_in_element(in, &index, &more, err);
        if (rc || !more)
            break;
        if (index > SY_VANILLA_CHALLENGES_MAX)
            return sy_json_in_fail(in, err, "more than %d proofs in a partition",
                                   SY_VANILLA_CHALLENGES_MAX);
        rc = grow_partition(c1, p, &capacity, err);
        if (rc == 0)
            rc = read_proof(in, &c1->partitions[p][index - 1], err);
        if (rc == 0)
            c1->challenge_count[p]++;
    }
    return rc;
}

static int read_partitions(struct sy_json_in *in, struct sy_c1 *c1, struct sy_error *err)
{
    uint32_t index = 0;
    int rc = sy_json_in_array(in, err);
    while (rc == 0) {
        bool more;
        rc = sy_json_in_element(in, &index, &more, err);
        if (rc || !more)
            break;
        rc = read_partition(in, c1, err);
    }
    return rc;
}

static int copy_name(struct sy_json_in *in, char *to, const char *name, struct sy_error *err)
{
    size_t bytes = strlen(name);
    if (bytes >= SY_C1_NAME_BYTES)
        return sy_json_in_fail(in, err, "a proof name of %zu bytes", bytes);
    memcpy(to, name, bytes + 1);
    return 0;
}

/* [[proof,..],..] (raw form) or {"StackedDrg32GiBV1":[[..]]}. */
static int read_vanilla_proofs(struct sy_json_in *in, struct sy_c1 *c1, struct sy_error *err)
{
    char text[SY_JSON_TEXT_BYTES];
    char first;
    int rc = sy_json_in_peek(in, &first, err);
    if (rc)
        return rc;
    if (first == '[')
        return read_partitions(in, c1, err);
    rc = open_only_member(in, text, err);
    if (rc == 0)
        rc = copy_name(in, c1->size_key, text, err);
    if (rc == 0)
        rc = read_partitions(in, c1, err);
    if (rc == 0)
        rc = close_only_member(in, err);
    return rc;
}

/* Members of the document. */
enum { FIELD_PROOFS = 5, FIELD_NAME = 6, FIELD_WRAPPED = 7 };

/* base64 text in which another system keeps the document. */
struct wrapped {
    char *text; /* owned; NULL: the document was not wrapped */
    size_t bytes;
};

static int read_member(struct sy_json_in *in, struct sy_c1 *c1, int field, struct wrapped *wrapped,
                       struct sy_error *err)
{
    uint8_t *const nodes[] = {c1->public.comm_r, c1->public.comm_d, c1->public.replica_id,
                              c1->public.seed, c1->public.ticket};
    char text[SY_JSON_TEXT_BYTES];
    if (field < FIELD_PROOFS)
        return sy_json_in_node(in, nodes[field], err);
    if (field == FIELD_PROOFS)
        return read_vanilla_proofs(in, c1, err);
    if (field == FIELD_WRAPPED)
        return sy_json_in_long_text(in, SY_C1_WRAPPED_BYTES_MAX, &wrapped->text, &wrapped->bytes,
                                    err);
    int rc = sy_json_in_text(in, text, err);
    return rc ? rc : copy_name(in, c1->registered_proof, text, err);
}

static int check_names(struct sy_json_in *in, struct sy_c1 *c1, struct sy_error *err)
{
    c1->raw = !c1->registered_proof[0] && !c1->size_key[0];
    if (!c1->raw && (!c1->registered_proof[0] || !c1->size_key[0]))
        return sy_json_in_fail(in, err, "registered_proof and the size key go together");
    return 0;
}

/* The document, or, unless `wrapped` is NULL, its wrapper. */
static int read_document(struct sy_json_in *in, struct sy_c1 *c1, struct wrapped *wrapped,
                         struct sy_error *err)
{
    static const char *const names[] = {
        "comm_r", "comm_d",         "replica_id",       "seed",
        "ticket", "vanilla_proofs", "registered_proof", "Phase1Out"};
    struct fields fields = FIELDS(names, 0x3f);
    int field;
    int rc = sy_json_in_object(in, err);
    while (rc == 0) {
        rc = next_field(in, &fields, &field, err);
        if (rc || field == NO_FIELD)
            break;
        if (field == FIELD_WRAPPED) {
            if (!wrapped || fields.seen != 1u << FIELD_WRAPPED)
                return sy_json_in_fail(in, err, "key \"Phase1Out\" inside a C1 document");
            fields.required = 0;
        }
        rc = read_member(in, c1, field, wrapped, err);
    }
    if (rc == 0)
        rc = sy_json_in_end(in, err);
    return rc ? rc : check_names(in, c1, err);
}

static int read_outside(struct sy_json_in *in, struct sy_c1 *c1, struct wrapped *wrapped,
                        struct sy_error *err)
{
    char first;
    int rc = sy_json_in_peek(in, &first, err);
    if (rc || first != '"')
        return rc ? rc : read_document(in, c1, wrapped, err);
    rc = sy_json_in_long_text(in, SY_C1_WRAPPED_BYTES_MAX, &wrapped->text, &wrapped->bytes, err);
    return rc ? rc : sy_json_in_end(in, err);
}

/* The reader's buffer is used again: the outer text has been read to its end. */
static int read_inside(struct sy_json_in *in, struct sy_c1 *c1, const struct wrapped *wrapped,
                       struct sy_error *err)
{
    size_t bytes = wrapped->bytes / 4 * 3;
    char *data = malloc(bytes + 1);
    if (!data)
        return sy_fail(err, SY_E_NOMEM, "%.120s: %zu bytes of wrapped text", in->what, bytes);
    int rc = sy_base64_decode(wrapped->text, wrapped->bytes, data, bytes, &bytes, err);
    if (rc == 0) {
        sy_json_in_init_memory(in, data, bytes, in->what);
        rc = read_document(in, c1, NULL, err);
    }
    free(data);
    return rc;
}

static int read_c1(struct sy_json_in *in, struct sy_c1 **ret, struct sy_error *err)
{
    struct wrapped wrapped = {0};
    struct sy_c1 *c1 = calloc(1, sizeof *c1);
    if (!c1)
        return sy_fail(err, SY_E_NOMEM, "C1: %zu bytes", sizeof *c1);
    int rc = read_outside(in, c1, &wrapped, err);
    if (rc == 0 && wrapped.text)
        rc = read_inside(in, c1, &wrapped, err);
    free(wrapped.text);
    if (rc) {
        sy_c1_destroy(c1);
        return rc;
    }
    *ret = c1;
    return 0;
}

int sy_c1_read_memory(struct sy_c1 **ret, const char *data, size_t bytes, struct sy_error *err)
{
    struct sy_json_in *in = malloc(sizeof *in);
    if (!in)
        return sy_fail(err, SY_E_NOMEM, "C1: %zu bytes", sizeof *in);
    sy_json_in_init_memory(in, data, bytes, "C1");
    int rc = read_c1(in, ret, err);
    free(in);
    return rc;
}

int sy_c1_read_file(struct sy_c1 **ret, const char *path, struct sy_error *err)
{
    struct sy_json_in *in = NULL;
    int rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "C1 file %.200s", path);
    in = malloc(sizeof *in);
    if (!in) {
        rc = sy_fail(err, SY_E_NOMEM, "C1: %zu bytes", sizeof *in);
    } else {
        sy_json_in_init_fd(in, fd, path);
        rc = read_c1(in, ret, err);
    }
    free(in);
    close(fd);
    return rc;
}

void sy_c1_destroy(struct sy_c1 *c1)
{
    if (!c1)
        return;
    for (uint32_t p = 0; p < c1->partition_count; p++)
        free(c1->partitions[p]);
    free(c1);
}
