/* Any bytes as a configuration file; every key of it is taken as every kind of value. */
#include "common/conf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char *const keys[] = {"a", "b", "listen", "dir", "wait", "size", "list"};

static void take_everything(struct sy_conf_table *table)
{
    char text[32];
    int64_t number;
    bool flag;
    uint64_t value;
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++) {
        sy_conf_string(table, keys[i], i % 2, "d", text, sizeof text, NULL);
        sy_conf_integer(table, keys[i], false, 1, -5, 5000, &number, NULL);
        sy_conf_bool(table, keys[i], false, true, &flag, NULL);
        sy_conf_duration_ms(table, keys[i], false, "1s", &value, NULL);
        sy_conf_bytes(table, keys[i], false, "1KiB", &value, NULL);
        for (size_t k = 0; k < 8; k++)
            sy_conf_string_item(table, keys[i], k, text, sizeof text, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sy_error err = {0};
    struct sy_conf *conf = NULL;
    struct sy_conf_table *table = NULL;
    const char *name = NULL;
    size_t count = 0;
    if (sy_conf_parse(&conf, (const char *)data, bytes, "fuzz.toml", &err) < 0) {
        SY_ASSERT(err.code != 0 && err.text[0] && memchr(err.text, 0, sizeof err.text));
        return 0;
    }
    struct sy_conf_table *root = sy_conf_root(conf);
    take_everything(root);
    for (size_t i = 0; i < 16 && sy_conf_table_name(root, i, &name, NULL) == 0 && name; i++) {
        if (sy_conf_table_get(root, name, true, &table, NULL) == 0)
            take_everything(table);
    }
    if (sy_conf_array_count(root, "miner", &count, NULL) == 0) {
        for (size_t i = 0; i < count && i < 16; i++) {
            if (sy_conf_array_get(root, "miner", i, &table, NULL) == 0)
                take_everything(table);
        }
    }
    if (sy_conf_finish(conf, &err) < 0)
        SY_ASSERT(err.code == SY_E_UNKNOWN_KEY && strncmp(err.text, "fuzz.toml:", 10) == 0);
    sy_conf_destroy(conf);
    return 0;
}
