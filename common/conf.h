/* Strict typed reading of TOML files (toml++ behind common/toml.cpp).
 *
 * The caller takes the keys it knows; sy_conf_finish refuses what is left: an unknown key is an
 * error with file:line and the nearest known key of that table. A wrong type or a value out of
 * range names file:line, the key, the value and what was expected. Nothing is half applied: read
 * into a new struct, finish, then swap. Threads: one conf belongs to one thread.
 */
#ifndef SEALYARD_COMMON_CONF_H
#define SEALYARD_COMMON_CONF_H

#include "common/err.h"

#define SY_CONF_BYTES_MAX (1u << 20)

struct sy_conf;       /* a parsed file */
struct sy_conf_table; /* borrowed view of one table in it */

int sy_conf_load(struct sy_conf **ret, const char *path, struct sy_error *err);
/* From memory; `name` stands for the file in errors. */
int sy_conf_parse(struct sy_conf **ret, const char *text, size_t bytes, const char *name,
                  struct sy_error *err);
void sy_conf_destroy(struct sy_conf *conf);
struct sy_conf_table *sy_conf_root(struct sy_conf *conf);

/* The sub-table `key` (dotted path of one step); *ret NULL when it is absent and not required. */
int sy_conf_table_get(struct sy_conf_table *table, const char *key, bool required,
                      struct sy_conf_table **ret, struct sy_error *err);
/* Array of tables [[key]]: count and item i. */
int sy_conf_array_count(struct sy_conf_table *table, const char *key, size_t *ret,
                        struct sy_error *err);
int sy_conf_array_get(struct sy_conf_table *table, const char *key, size_t index,
                      struct sy_conf_table **ret, struct sy_error *err);
/* Names of the sub-tables of `table` in file order (for [plugin.NAME]); *ret_name borrowed, NULL
 * after the last. */
int sy_conf_table_name(struct sy_conf_table *table, size_t index, const char **ret_name,
                       struct sy_error *err);

/* Values. default_value is used when the key is absent; pass required = true to refuse that.
 * Strings are copied into the caller's buffer (too long = error). */
int sy_conf_string(struct sy_conf_table *table, const char *key, bool required,
                   const char *default_value, char *ret, size_t ret_bytes, struct sy_error *err);
int sy_conf_integer(struct sy_conf_table *table, const char *key, bool required,
                    int64_t default_value, int64_t min, int64_t max, int64_t *ret,
                    struct sy_error *err);
int sy_conf_bool(struct sy_conf_table *table, const char *key, bool required, bool default_value,
                 bool *ret, struct sy_error *err);
/* "250ms", "2s", "5m", "1h", "3d" -> milliseconds. */
int sy_conf_duration_ms(struct sy_conf_table *table, const char *key, bool required,
                        const char *default_value, uint64_t *ret_ms, struct sy_error *err);
/* "2KiB", "512MiB", "64GiB", "1048576" -> bytes. */
int sy_conf_bytes(struct sy_conf_table *table, const char *key, bool required,
                  const char *default_value, uint64_t *ret_bytes, struct sy_error *err);
/* Item `index` of an array of strings; -SY_E_NOT_FOUND after the last (absent key = empty array).
 */
int sy_conf_string_item(struct sy_conf_table *table, const char *key, size_t index, char *ret,
                        size_t ret_bytes, struct sy_error *err);
/* file:line of a key, for the caller's own checks: sy_conf_fail(table, "listen", err, "..."). */
int sy_conf_fail(struct sy_conf_table *table, const char *key, struct sy_error *err,
                 const char *format, ...) SY_PRINTF(4, 5);

/* Refuses every key and table that nobody took. Call it last. */
int sy_conf_finish(struct sy_conf *conf, struct sy_error *err);

/* Parsing shared with the command line. */
int sy_duration_parse(const char *text, uint64_t *ret_ms, struct sy_error *err);
int sy_bytes_parse(const char *text, uint64_t *ret_bytes, struct sy_error *err);
/* "1.5 GiB", "2 KiB", "731 B" for people. Returns text. */
char *sy_bytes_print(uint64_t bytes, char *text, size_t text_bytes);

#endif
