#include "agent/exit_record.h"

#include "common/file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum sy_err_class sy_exit_class(int status, int signal, bool oom)
{
    static const enum sy_err_class classes[] = {SY_CLASS_INPUT, SY_CLASS_TRANSIENT,
                                                SY_CLASS_RESOURCE, SY_CLASS_CORRUPT, SY_CLASS_BUG};
    if (signal != 0)
        return oom ? SY_CLASS_RESOURCE : SY_CLASS_TRANSIENT;
    if (status == 0)
        return SY_CLASS_NONE;
    if (status >= 10 && status < 10 + (int)SY_ARRAY_SIZE(classes))
        return classes[status - 10];
    return oom ? SY_CLASS_RESOURCE : SY_CLASS_BUG;
}

static json_t *to_json(const struct sy_exit_record *record)
{
    json_t *root = json_pack("{s:b,s:s,s:b,s:I,s:I,s:I}", "started", record->started, "class",
                             sy_err_class_name(record->class), "oom", record->oom, "wall_ms",
                             (json_int_t)record->wall_ms, "cpu_ms", (json_int_t)record->cpu_ms,
                             "peak_bytes", (json_int_t)record->peak_bytes);
    if (!root)
        return NULL;
    json_t *text = json_string(record->text);
    json_object_set_new(root, "text", text ? text : json_string("text is not UTF-8"));
    json_object_set_new(root, "status",
                        record->status >= 0 ? json_integer(record->status) : json_null());
    json_object_set_new(root, "signal",
                        record->signal > 0 ? json_integer(record->signal) : json_null());
    return root;
}

int sy_exit_record_write(const char *directory, const struct sy_exit_record *record,
                         struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/%s", directory, SY_EXIT_RECORD_FILE);
    if (rc != 0)
        return rc;
    json_t *root = to_json(record);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text)
        return sy_fail(err, SY_E_NOMEM, "no memory for %s", path);
    rc = sy_file_write(path, text, strlen(text), 0600, err);
    free(text);
    return rc;
}

static int from_json(json_t *root, struct sy_exit_record *ret)
{
    struct sy_exit_record record = {.status = -1};
    int started, oom;
    const char *class, *text;
    json_int_t wall_ms, cpu_ms, peak_bytes;
    if (json_unpack(root, "{s:b,s:s,s:b,s:I,s:I,s:I,s:s}", "started", &started, "class", &class,
                    "oom", &oom, "wall_ms", &wall_ms, "cpu_ms", &cpu_ms, "peak_bytes", &peak_bytes,
                    "text", &text) != 0 ||
        sy_err_class_parse(class, &record.class) != 0 || wall_ms < 0 || cpu_ms < 0 ||
        peak_bytes < 0)
        return -SY_E_PARSE;
    json_t *status = json_object_get(root, "status"), *signal = json_object_get(root, "signal");
    if (json_is_integer(status))
        record.status = (int)json_integer_value(status);
    if (json_is_integer(signal))
        record.signal = (int)json_integer_value(signal);
    record.started = started != 0;
    record.oom = oom != 0;
    record.wall_ms = (uint64_t)wall_ms;
    record.cpu_ms = (uint64_t)cpu_ms;
    record.peak_bytes = (uint64_t)peak_bytes;
    snprintf(record.text, sizeof record.text, "%s", text);
    *ret = record;
    return 0;
}

int sy_exit_record_read(const char *directory, struct sy_exit_record *ret, struct sy_error *err)
{
    char path[SY_PATH_BYTES], *data;
    size_t bytes;
    int rc = sy_path_format(path, err, "%s/%s", directory, SY_EXIT_RECORD_FILE);
    if (rc == 0)
        rc = sy_file_read(path, SY_EXIT_RECORD_BYTES_MAX, &data, &bytes, err);
    if (rc != 0)
        return rc;
    json_t *root = json_loadb(data, bytes, JSON_REJECT_DUPLICATES, NULL);
    free(data);
    if (!root || from_json(root, ret) != 0)
        rc = sy_fail(err, SY_E_PARSE, "%s is damaged: no exit record", path);
    json_decref(root);
    return rc;
}
