#include "agent/shim_spec.h"

#include "common/file.h"

#include <stdlib.h>
#include <string.h>

static json_t *list_json(const char *const *items)
{
    json_t *list = json_array();
    for (size_t i = 0; list && items[i]; i++)
        if (json_array_append_new(list, json_string(items[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

int sy_shim_spec_write(const char *directory, const struct sy_shim_spec *spec, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/%s", directory, SY_SHIM_SPEC_FILE);
    if (rc != 0)
        return rc;
    json_t *root = json_pack(
        "{s:s,s:o,s:o,s:o,s:o,s:s*,s:b,s:b,s:I,s:I,s:I}", "attempt", spec->attempt, "exec",
        list_json(spec->exec), "environment", list_json(spec->environment), "writable",
        list_json(spec->writable), "cleanup", list_json(spec->cleanup), "cgroup", spec->cgroup,
        "network", spec->network, "switch_user", spec->switch_user, "uid", (json_int_t)spec->uid,
        "gid", (json_int_t)spec->gid, "memory_bytes", (json_int_t)spec->memory_bytes);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (!text)
        return sy_fail(err, SY_E_ARG, "%s cannot be made: a path or argument is not UTF-8", path);
    rc = sy_file_write(path, text, strlen(text), 0600, err);
    free(text);
    return rc;
}

static int take_list(json_t *root, const char *key, const char **ret, struct sy_error *err)
{
    json_t *list = json_object_get(root, key), *item;
    size_t index;
    if (!json_is_array(list) || json_array_size(list) > SY_SHIM_ITEMS_MAX)
        return sy_fail(err, SY_E_PARSE, "shim spec: \"%s\" is no list of at most %d strings", key,
                       SY_SHIM_ITEMS_MAX);
    json_array_foreach(list, index, item)
    {
        if (!json_is_string(item))
            return sy_fail(err, SY_E_PARSE, "shim spec: \"%s\"[%zu] is no string", key, index);
        ret[index] = json_string_value(item);
    }
    return 0;
}

static int take_all(json_t *root, struct sy_shim_spec *spec, struct sy_error *err)
{
    int network, switch_user;
    json_int_t uid, gid, memory_bytes;
    if (json_unpack(root, "{s:s,s?:s,s:b,s:b,s:I,s:I,s:I}", "attempt", &spec->attempt, "cgroup",
                    &spec->cgroup, "network", &network, "switch_user", &switch_user, "uid", &uid,
                    "gid", &gid, "memory_bytes", &memory_bytes) != 0)
        return sy_fail(err, SY_E_PARSE, "shim spec: a key is missing or has the wrong type");
    spec->network = network != 0;
    spec->switch_user = switch_user != 0;
    spec->uid = (uint32_t)uid;
    spec->gid = (uint32_t)gid;
    spec->memory_bytes = (uint64_t)memory_bytes;
    int rc = take_list(root, "exec", spec->exec, err);
    if (rc == 0)
        rc = take_list(root, "environment", spec->environment, err);
    if (rc == 0)
        rc = take_list(root, "writable", spec->writable, err);
    if (rc == 0)
        rc = take_list(root, "cleanup", spec->cleanup, err);
    if (rc == 0 && !spec->exec[0])
        rc = sy_fail(err, SY_E_PARSE, "shim spec: \"exec\" is empty");
    return rc;
}

int sy_shim_spec_load(struct sy_shim_spec *ret, const char *directory, struct sy_error *err)
{
    char path[SY_PATH_BYTES], *data;
    size_t bytes;
    struct sy_shim_spec spec = {0};
    int rc = sy_path_format(path, err, "%s/%s", directory, SY_SHIM_SPEC_FILE);
    if (rc == 0)
        rc = sy_file_read(path, SY_SHIM_SPEC_BYTES_MAX, &data, &bytes, err);
    if (rc != 0)
        return rc;
    spec.root = json_loadb(data, bytes, JSON_REJECT_DUPLICATES, NULL);
    free(data);
    if (!spec.root)
        return sy_fail(err, SY_E_PARSE, "%s is no JSON", path);
    rc = take_all(spec.root, &spec, err);
    if (rc != 0) {
        json_decref(spec.root);
        return rc;
    }
    *ret = spec;
    return 0;
}

void sy_shim_spec_fini(struct sy_shim_spec *spec)
{
    json_decref(spec->root);
    spec->root = NULL;
}
