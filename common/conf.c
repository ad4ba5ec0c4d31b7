/* Every key that somebody asks for is remembered in its table: that list is what an unknown key is
 * compared with. A node is `taken` when its value was read; sy_conf_finish looks for the first one
 * that is not. */
#include "common/conf.h"

#include "common/file.h"
#include "common/toml.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES_MAX (64u << 20)
#define KEY_BYTES_MAX 64 /* longer keys are not compared for a suggestion */
#define SUGGEST_DISTANCE_MAX 3
#define PATH_TEXT_BYTES 160
#define VALUE_TEXT_BYTES 64

/* A view is the node itself; the name only keeps toml.h out of the public header. */
struct sy_conf_table {
    struct sy_toml_node node;
};

struct sy_conf {
    struct sy_arena *arena;
    struct sy_toml_node *root;
    char *name; /* of the file, for errors */
};

static struct sy_conf_table *view_of(struct sy_toml_node *node)
{
    return (struct sy_conf_table *)node;
}

static struct sy_conf *conf_of(const struct sy_toml_node *node)
{
    while (node->parent)
        node = node->parent;
    return node->conf;
}

int sy_conf_parse(struct sy_conf **ret, const char *text, size_t bytes, const char *name,
                  struct sy_error *err)
{
    int rc;
    uint32_t line = 0;
    char why[SY_TOML_WHY_BYTES] = "";
    if (bytes > SY_CONF_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "%s has %zu bytes, at most %u are read", name, bytes,
                       SY_CONF_BYTES_MAX);
    struct sy_conf *conf = sy_mem_alloc(sizeof *conf);
    if (conf) {
        conf->arena = sy_arena_create(ARENA_BYTES_MAX);
        conf->name = sy_mem_dup(name, strlen(name) + 1);
    }
    if (!conf || !conf->arena || !conf->name) {
        rc = sy_fail(err, SY_E_NOMEM, "%s: no memory to read it", name);
        goto fail;
    }
    conf->root = sy_toml_parse(text, bytes, conf->arena, &line, why);
    if (!conf->root) {
        rc = line > 0 ? sy_fail(err, SY_E_PARSE, "%s:%u: %s", name, line, why)
                      : sy_fail(err, SY_E_NOMEM, "%s: no memory to read it: %s", name, why);
        goto fail;
    }
    conf->root->conf = conf;
    *ret = conf;
    return 0;
fail:
    sy_conf_destroy(conf);
    return rc;
}

int sy_conf_load(struct sy_conf **ret, const char *path, struct sy_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    int rc = sy_file_read(path, SY_CONF_BYTES_MAX, &text, &bytes, err);
    if (rc < 0)
        return rc;
    rc = sy_conf_parse(ret, text, bytes, path, err);
    free(text);
    return rc;
}

void sy_conf_destroy(struct sy_conf *conf)
{
    if (!conf)
        return;
    sy_arena_destroy(conf->arena);
    sy_mem_free(conf->name);
    sy_mem_free(conf);
}

struct sy_conf_table *sy_conf_root(struct sy_conf *conf)
{
    return view_of(conf->root);
}

/* ---------------------------------------------------------------- errors -------------------- */

/* "[miner.limits]" or "the top level". */
static const char *describe_table(const struct sy_toml_node *node, char text[PATH_TEXT_BYTES])
{
    char inner[PATH_TEXT_BYTES] = "", longer[PATH_TEXT_BYTES];
    for (; node; node = node->parent) {
        if (!node->key)
            continue;
        snprintf(longer, sizeof longer, "%.60s%s%.90s", node->key, inner[0] ? "." : "", inner);
        memcpy(inner, longer, sizeof inner);
    }
    if (inner[0])
        snprintf(text, PATH_TEXT_BYTES, "[%.150s]", inner);
    else
        snprintf(text, PATH_TEXT_BYTES, "the top level");
    return text;
}

static const char *describe_value(const struct sy_toml_node *node, char text[VALUE_TEXT_BYTES])
{
    switch (node->type) {
    case SY_TOML_TABLE:
        snprintf(text, VALUE_TEXT_BYTES, "a table");
        break;
    case SY_TOML_ARRAY:
        snprintf(text, VALUE_TEXT_BYTES, "a list");
        break;
    case SY_TOML_STRING:
        snprintf(text, VALUE_TEXT_BYTES, "\"%.48s\"", node->string);
        break;
    case SY_TOML_INTEGER:
        snprintf(text, VALUE_TEXT_BYTES, "%" PRId64, node->integer);
        break;
    case SY_TOML_BOOL:
        snprintf(text, VALUE_TEXT_BYTES, "%s", node->boolean ? "true" : "false");
        break;
    case SY_TOML_OTHER:
        snprintf(text, VALUE_TEXT_BYTES, "a float or a date");
        break;
    }
    return text;
}

static int fail_type(const struct sy_toml_node *node, const char *key, const char *expected,
                     struct sy_error *err)
{
    char value[VALUE_TEXT_BYTES];
    return sy_fail(err, SY_E_PARSE, "%s:%u: %s is %s, expected %s", conf_of(node)->name, node->line,
                   key, describe_value(node, value), expected);
}

static int fail_missing(const struct sy_toml_node *table, const char *key, struct sy_error *err)
{
    char where[PATH_TEXT_BYTES];
    return sy_fail(err, SY_E_NOT_FOUND, "%s:%u: %s lacks the key '%s'; add it",
                   conf_of(table)->name, table->line, describe_table(table, where), key);
}

static struct sy_toml_node *find_child(const struct sy_toml_node *table, const char *key)
{
    struct sy_toml_node *child = table->first;
    while (child && strcmp(child->key, key) != 0)
        child = child->next;
    return child;
}

int sy_conf_fail(struct sy_conf_table *table, const char *key, struct sy_error *err,
                 const char *format, ...)
{
    char what[SY_ERROR_TEXT_BYTES];
    const struct sy_toml_node *child = find_child(&table->node, key);
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return sy_fail(err, SY_E_ARG, "%s:%u: %s: %s", conf_of(&table->node)->name,
                   child ? child->line : table->node.line, key, what);
}

/* ---------------------------------------------------------------- taking -------------------- */

static int remember_key(struct sy_toml_node *table, const char *key, struct sy_error *err)
{
    for (struct sy_toml_key *asked = table->asked; asked; asked = asked->next) {
        if (strcmp(asked->name, key) == 0)
            return 0;
    }
    struct sy_arena *arena = conf_of(table)->arena;
    size_t bytes = strlen(key) + 1;
    struct sy_toml_key *asked = sy_arena_alloc(arena, sizeof *asked);
    char *name = sy_arena_alloc(arena, bytes);
    if (!asked || !name)
        return sy_fail(err, SY_E_NOMEM, "configuration: no memory for the key '%s'", key);
    memcpy(name, key, bytes);
    *asked = (struct sy_toml_key){name, table->asked};
    table->asked = asked;
    return 0;
}

/* *ret is NULL when the key is absent and may be. */
static int take_child(struct sy_conf_table *table, const char *key, bool required,
                      struct sy_toml_node **ret, struct sy_error *err)
{
    int rc = remember_key(&table->node, key, err);
    if (rc < 0)
        return rc;
    struct sy_toml_node *child = find_child(&table->node, key);
    if (!child && required)
        return fail_missing(&table->node, key, err);
    if (child)
        child->taken = true;
    *ret = child;
    return 0;
}

int sy_conf_table_get(struct sy_conf_table *table, const char *key, bool required,
                      struct sy_conf_table **ret, struct sy_error *err)
{
    struct sy_toml_node *child = NULL;
    int rc = take_child(table, key, required, &child, err);
    if (rc < 0)
        return rc;
    if (child && child->type != SY_TOML_TABLE)
        return fail_type(child, key, "a table", err);
    *ret = child ? view_of(child) : NULL;
    return 0;
}

int sy_conf_array_count(struct sy_conf_table *table, const char *key, size_t *ret,
                        struct sy_error *err)
{
    struct sy_toml_node *child = NULL;
    int rc = take_child(table, key, false, &child, err);
    if (rc < 0)
        return rc;
    if (child && child->type != SY_TOML_ARRAY)
        return fail_type(child, key, "a list of tables ([[key]])", err);
    size_t count = 0;
    for (struct sy_toml_node *item = child ? child->first : NULL; item; item = item->next) {
        if (item->type != SY_TOML_TABLE)
            return fail_type(item, key, "a table in the list", err);
        count++;
    }
    *ret = count;
    return 0;
}

/* Item `index` of the list `key`, NULL after the last. */
static struct sy_toml_node *find_item(const struct sy_toml_node *list, size_t index)
{
    struct sy_toml_node *item = list ? list->first : NULL;
    for (; item && index > 0; index--)
        item = item->next;
    return item;
}

int sy_conf_array_get(struct sy_conf_table *table, const char *key, size_t index,
                      struct sy_conf_table **ret, struct sy_error *err)
{
    size_t count = 0;
    int rc = sy_conf_array_count(table, key, &count, err);
    if (rc < 0)
        return rc;
    if (index >= count)
        return sy_fail(err, SY_E_NOT_FOUND, "%s: %s has %zu tables, there is no number %zu",
                       conf_of(&table->node)->name, key, count, index);
    struct sy_toml_node *item = find_item(find_child(&table->node, key), index);
    item->taken = true;
    *ret = view_of(item);
    return 0;
}

int sy_conf_table_name(struct sy_conf_table *table, size_t index, const char **ret_name,
                       struct sy_error *err)
{
    (void)err;
    const char *name = NULL;
    for (struct sy_toml_node *child = table->node.first; child; child = child->next) {
        if (child->type == SY_TOML_TABLE && index-- == 0) {
            name = child->key;
            break;
        }
    }
    *ret_name = name;
    return 0;
}

/* The text of the key, or default_value, or NULL. */
static int take_text(struct sy_conf_table *table, const char *key, bool required,
                     const char *default_value, const char *expected, const char **ret,
                     const struct sy_toml_node **ret_node, struct sy_error *err)
{
    struct sy_toml_node *child = NULL;
    int rc = take_child(table, key, required, &child, err);
    if (rc < 0)
        return rc;
    if (child && child->type != SY_TOML_STRING)
        return fail_type(child, key, expected, err);
    if (child && strlen(child->string) != child->string_bytes)
        return fail_type(child, key, "text without NUL", err);
    *ret = child ? child->string : default_value;
    *ret_node = child;
    return 0;
}

static int copy_string(const struct sy_toml_node *table, const struct sy_toml_node *node,
                       const char *key, const char *text, char *ret, size_t ret_bytes,
                       struct sy_error *err)
{
    size_t length = strlen(text);
    if (length >= ret_bytes)
        return sy_fail(err, SY_E_LIMIT, "%s:%u: %s has %zu characters, at most %zu are allowed",
                       conf_of(table)->name, node ? node->line : table->line, key, length,
                       ret_bytes - 1);
    memcpy(ret, text, length + 1);
    return 0;
}

int sy_conf_string(struct sy_conf_table *table, const char *key, bool required,
                   const char *default_value, char *ret, size_t ret_bytes, struct sy_error *err)
{
    const struct sy_toml_node *node = NULL;
    const char *text = NULL;
    int rc = take_text(table, key, required, default_value ? default_value : "", "a text", &text,
                       &node, err);
    if (rc < 0)
        return rc;
    return copy_string(&table->node, node, key, text, ret, ret_bytes, err);
}

int sy_conf_integer(struct sy_conf_table *table, const char *key, bool required,
                    int64_t default_value, int64_t min, int64_t max, int64_t *ret,
                    struct sy_error *err)
{
    struct sy_toml_node *child = NULL;
    int rc = take_child(table, key, required, &child, err);
    if (rc < 0)
        return rc;
    if (child && child->type != SY_TOML_INTEGER)
        return fail_type(child, key, "a whole number", err);
    int64_t value = child ? child->integer : default_value;
    if (child && (value < min || value > max))
        return sy_fail(err, SY_E_RANGE,
                       "%s:%u: %s is %" PRId64 ", expected %" PRId64 " to %" PRId64,
                       conf_of(child)->name, child->line, key, value, min, max);
    *ret = value;
    return 0;
}

int sy_conf_bool(struct sy_conf_table *table, const char *key, bool required, bool default_value,
                 bool *ret, struct sy_error *err)
{
    struct sy_toml_node *child = NULL;
    int rc = take_child(table, key, required, &child, err);
    if (rc < 0)
        return rc;
    if (child && child->type != SY_TOML_BOOL)
        return fail_type(child, key, "true or false", err);
    *ret = child ? child->boolean : default_value;
    return 0;
}

static int wrap_place(const struct sy_toml_node *table, const struct sy_toml_node *node,
                      const char *key, struct sy_error *err, int rc)
{
    if (rc == 0 || !err)
        return rc;
    return sy_error_wrap(err, "%s:%u: %s", conf_of(table)->name, node ? node->line : table->line,
                         key);
}

int sy_conf_duration_ms(struct sy_conf_table *table, const char *key, bool required,
                        const char *default_value, uint64_t *ret_ms, struct sy_error *err)
{
    const struct sy_toml_node *node = NULL;
    const char *text = NULL;
    int rc = take_text(table, key, required, default_value ? default_value : "0ms",
                       "a time such as \"250ms\", \"10s\", \"5m\", \"1h\"", &text, &node, err);
    if (rc < 0)
        return rc;
    rc = sy_duration_parse(text, ret_ms, err);
    return wrap_place(&table->node, node, key, err, rc);
}

int sy_conf_bytes(struct sy_conf_table *table, const char *key, bool required,
                  const char *default_value, uint64_t *ret_bytes, struct sy_error *err)
{
    struct sy_toml_node *child = find_child(&table->node, key);
    if (child && child->type == SY_TOML_INTEGER && child->integer >= 0) {
        *ret_bytes = (uint64_t)child->integer;
        return take_child(table, key, required, &child, err);
    }
    const struct sy_toml_node *node = NULL;
    const char *text = NULL;
    int rc = take_text(table, key, required, default_value ? default_value : "0",
                       "a size such as \"2KiB\", \"512MiB\", \"64GiB\"", &text, &node, err);
    if (rc < 0)
        return rc;
    rc = sy_bytes_parse(text, ret_bytes, err);
    return wrap_place(&table->node, node, key, err, rc);
}

int sy_conf_string_item(struct sy_conf_table *table, const char *key, size_t index, char *ret,
                        size_t ret_bytes, struct sy_error *err)
{
    struct sy_toml_node *list = NULL;
    int rc = take_child(table, key, false, &list, err);
    if (rc < 0)
        return rc;
    if (list && list->type != SY_TOML_ARRAY)
        return fail_type(list, key, "a list of texts", err);
    struct sy_toml_node *item = find_item(list, index);
    if (!item)
        return sy_fail(err, SY_E_NOT_FOUND, "%s: %s has no item %zu", conf_of(&table->node)->name,
                       key, index);
    if (item->type != SY_TOML_STRING || strlen(item->string) != item->string_bytes)
        return fail_type(item, key, "a text in the list", err);
    return copy_string(&table->node, item, key, item->string, ret, ret_bytes, err);
}

/* ---------------------------------------------------------------- the end ------------------- */

/* Levenshtein distance; both shorter than KEY_BYTES_MAX. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[KEY_BYTES_MAX + 1], b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_length; j++) {
            size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = SY_MIN(SY_MIN(row[j], row[j + 1]) + 1, replaced);
        }
    }
    return row[b_length];
}

static const char *nearest_key(const struct sy_toml_node *table, const char *key)
{
    const char *best = NULL;
    size_t best_distance = SUGGEST_DISTANCE_MAX + 1;
    if (strlen(key) >= KEY_BYTES_MAX)
        return NULL;
    for (const struct sy_toml_key *asked = table->asked; asked; asked = asked->next) {
        if (strlen(asked->name) >= KEY_BYTES_MAX || find_child(table, asked->name))
            continue;
        size_t distance = edit_distance(key, asked->name);
        if (distance < best_distance && distance < strlen(key)) {
            best_distance = distance;
            best = asked->name;
        }
    }
    return best;
}

static int fail_unknown(const struct sy_toml_node *node, struct sy_error *err)
{
    char where[PATH_TEXT_BYTES];
    const struct sy_toml_node *table = node->parent;
    const char *name = conf_of(node)->name;
    if (!node->key)
        return sy_fail(err, SY_E_UNKNOWN_KEY, "%s:%u: an item of %s is not used; remove it", name,
                       node->line, describe_table(table, where));
    const char *near = nearest_key(table, node->key);
    if (near)
        return sy_fail(err, SY_E_UNKNOWN_KEY,
                       "%s:%u: unknown key '%.64s' in %s; did you mean '%s'?", name, node->line,
                       node->key, describe_table(table, where), near);
    return sy_fail(err, SY_E_UNKNOWN_KEY, "%s:%u: unknown key '%.64s' in %s; remove it", name,
                   node->line, node->key, describe_table(table, where));
}

/* Only tables, and lists of tables, hold something that can be forgotten. */
static bool must_enter(const struct sy_toml_node *node)
{
    if (node->type == SY_TOML_TABLE)
        return node->first != NULL;
    return node->type == SY_TOML_ARRAY && node->first && node->first->type == SY_TOML_TABLE;
}

int sy_conf_finish(struct sy_conf *conf, struct sy_error *err)
{
    const struct sy_toml_node *node = conf->root->first;
    while (node) {
        if (!node->taken)
            return fail_unknown(node, err);
        if (must_enter(node)) {
            node = node->first;
            continue;
        }
        while (node && !node->next)
            node = node->parent;
        if (node)
            node = node->next;
    }
    return 0;
}

/* ---------------------------------------------------------------- units --------------------- */

struct unit {
    const char *name;
    uint64_t factor;
};

/* Digits, then one unit, nothing else. */
static int parse_unit(const char *text, const struct unit *units, size_t count,
                      const char *expected, uint64_t *ret, struct sy_error *err)
{
    uint64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (!sy_mul_ok(value, UINT64_C(10), &value) ||
            !sy_add_ok(value, (uint64_t)(*p - '0'), &value))
            return sy_fail(err, SY_E_RANGE, "'%.40s' is too large", text);
    }
    for (size_t i = 0; p > text && i < count; i++) {
        if (strcmp(p, units[i].name) != 0)
            continue;
        if (!sy_mul_ok(value, units[i].factor, &value))
            return sy_fail(err, SY_E_RANGE, "'%.40s' is too large", text);
        *ret = value;
        return 0;
    }
    return sy_fail(err, SY_E_PARSE, "'%.40s' is not %s", text, expected);
}

int sy_duration_parse(const char *text, uint64_t *ret_ms, struct sy_error *err)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };
    return parse_unit(text, units, SY_ARRAY_SIZE(units),
                      "a time; use a whole number with ms, s, m, h or d", ret_ms, err);
}

static const struct unit byte_units[] = {
    {"", 1},
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {"PiB", UINT64_C(1) << 50},
};

int sy_bytes_parse(const char *text, uint64_t *ret_bytes, struct sy_error *err)
{
    return parse_unit(text, byte_units, SY_ARRAY_SIZE(byte_units),
                      "a size; use a whole number with B, KiB, MiB, GiB, TiB or PiB", ret_bytes,
                      err);
}

char *sy_bytes_print(uint64_t bytes, char *text, size_t text_bytes)
{
    size_t i = SY_ARRAY_SIZE(byte_units) - 1;
    while (i > 1 && bytes < byte_units[i].factor)
        i--;
    uint64_t factor = byte_units[i].factor;
    uint64_t tenths = (uint64_t)((unsigned __int128)bytes * 10 / factor);
    if (tenths % 10 == 0)
        snprintf(text, text_bytes, "%" PRIu64 " %s", tenths / 10, byte_units[i].name);
    else
        snprintf(text, text_bytes, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
                 byte_units[i].name);
    return text;
}
