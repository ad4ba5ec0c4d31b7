/* A TOML text as a tree of C nodes: all that common/conf.c sees of toml++.
 *
 * Children stand in file order. Everything lives in the arena. Threads: pure.
 */
#ifndef SEALYARD_COMMON_TOML_H
#define SEALYARD_COMMON_TOML_H

#ifdef __cplusplus
extern "C" {
#endif

/* Not err.h: it is not C++. */
#include "common/mem.h"

enum sy_toml_type {
    SY_TOML_TABLE,
    SY_TOML_ARRAY,
    SY_TOML_STRING,
    SY_TOML_INTEGER,
    SY_TOML_BOOL,
    SY_TOML_OTHER, /* float, date, time: no key of ours has such a value */
};

struct sy_toml_key {
    const char *name;
    struct sy_toml_key *next;
};

struct sy_toml_node {
    enum sy_toml_type type;
    uint32_t line;   /* of the key, or of the item in an array; from 1 */
    const char *key; /* NULL for the root and for items of arrays */
    const char *string;
    size_t string_bytes;
    int64_t integer;
    bool boolean;
    struct sy_toml_node *parent, *first, *next;
    /* For conf.c, which also holds the file's name and the arena in the root: */
    bool taken;
    struct sy_toml_key *asked; /* keys of this table that somebody asked for */
    struct sy_conf *conf;
};

#define SY_TOML_WHY_BYTES 200

/* The tree, or NULL: then *ret_line and ret_why say what does not parse; line 0 = out of memory. */
struct sy_toml_node *sy_toml_parse(const char *text, size_t bytes, struct sy_arena *arena,
                                   uint32_t *ret_line, char ret_why[SY_TOML_WHY_BYTES]);

#ifdef __cplusplus
}
#endif

#endif
