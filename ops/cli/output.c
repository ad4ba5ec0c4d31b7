/* Tables by libsmartcols, JSON by jansson. */
#include "ops/cli/cli.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const json_t *find_value(const json_t *row, const char *key)
{
    char step[SY_NAME_BYTES];
    while (row) {
        const char *dot = strchr(key, '.');
        size_t length = dot ? (size_t)(dot - key) : strlen(key);
        if (length >= sizeof step)
            return NULL;
        memcpy(step, key, length);
        step[length] = 0;
        row = json_object_get(row, step);
        if (!dot)
            break;
        key = dot + 1;
    }
    return row;
}

const char *sy_cli_text(const json_t *row, const char *key, char *text, size_t text_bytes)
{
    const json_t *value = find_value(row, key);
    text[0] = 0;
    if (json_is_string(value))
        snprintf(text, text_bytes, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(text, text_bytes, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, text_bytes, "%.3f", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(text, text_bytes, "%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_array(value))
        snprintf(text, text_bytes, "%zu", json_array_size(value));
    return text;
}

const char *sy_cli_time(int64_t wall_ms, char *text, size_t text_bytes)
{
    text[0] = 0;
    if (wall_ms <= 0)
        return text;
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(text, text_bytes, "%Y-%m-%d %H:%M:%S", &local);
    return text;
}

void sy_cli_print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    fputc('\n', stdout);
}

static int fill_table(struct libscols_table *table, json_t *rows,
                      const struct sy_cli_column *columns, size_t column_count)
{
    for (size_t c = 0; c < column_count; c++)
        if (!scols_table_new_column(table, columns[c].title, 0,
                                    columns[c].right ? SCOLS_FL_RIGHT : 0))
            return -1;
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)
    {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        if (!line)
            return -1;
        for (size_t c = 0; c < column_count; c++) {
            char text[512];
            if (columns[c].print)
                columns[c].print(row, text, sizeof text);
            else
                sy_cli_text(row, columns[c].key, text, sizeof text);
            const char *shown = text[0] ? text : columns[c].empty ? columns[c].empty : "-";
            if (scols_line_set_data(line, c, shown) != 0)
                return -1;
        }
    }
    return 0;
}

int sy_cli_print_rows(struct sy_cli *cli, json_t *rows, const struct sy_cli_column *columns,
                      size_t column_count, struct sy_error *err)
{
    if (cli->json) {
        sy_cli_print_json(rows);
        return 0;
    }
    struct libscols_table *table = scols_new_table();
    if (!table)
        return sy_fail(err, SY_E_NOMEM, "no memory for the table");
    scols_table_enable_nowrap(table, 1);
    int rc = fill_table(table, rows, columns, column_count);
    if (rc == 0)
        rc = json_array_size(rows) > 0 ? scols_print_table(table) : 0;
    scols_unref_table(table);
    if (json_array_size(rows) == 0)
        puts("nothing to show");
    return rc == 0 ? 0 : sy_fail(err, SY_E_NOMEM, "the table could not be printed");
}

/* Members are printed as lines; what is nested deeper stands as compact JSON. */
static void print_member(const char *prefix, const char *key, const json_t *row)
{
    const json_t *value = json_object_get(row, key);
    char text[2048];
    size_t length = strlen(key);
    int64_t ms = json_is_integer(value) ? json_integer_value(value) : 0;
    if (json_is_object(value) || json_is_array(value)) {
        char *dump = json_dumps(value, JSON_COMPACT);
        if (dump)
            printf("%s%-22s %s\n", prefix, key, dump);
        free(dump);
        return;
    }
    if (length > 3 && strcmp(key + length - 3, "_ms") == 0 && ms > 1000000000000)
        sy_cli_time(ms, text, sizeof text);
    else
        sy_cli_text(row, key, text, sizeof text);
    if (text[0])
        printf("%s%-22s %s\n", prefix, key, text);
}

static void print_members(const char *prefix, const json_t *row)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)row, key, value) print_member(prefix, key, row);
}

int sy_cli_print_object(struct sy_cli *cli, json_t *object, struct sy_error *err)
{
    if (cli->json) {
        sy_cli_print_json(object);
        return 0;
    }
    if (!json_is_object(object))
        return sy_fail(err, SY_E_REMOTE, "the reply is no object");
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (json_is_object(value)) {
            printf("%s\n", key);
            print_members("  ", value);
        } else {
            print_member("", key, object);
        }
    }
    return 0;
}

int sy_cli_finish(struct sy_cli *cli, json_t *reply, struct sy_error *err)
{
    int rc = sy_cli_print_object(cli, reply, err);
    json_decref(reply);
    return rc == 0 ? SY_EXIT_DONE : SY_EXIT_FAILED;
}

int sy_cli_list(struct sy_cli *cli, int argc, const char *what, const struct sy_cli_column *columns,
                size_t column_count, struct sy_error *err)
{
    struct sy_msg_query query = {0};
    json_t *rows = NULL;
    if (argc != 1)
        return SY_EXIT_USAGE;
    snprintf(query.what, sizeof query.what, "%s", what);
    if (sy_cli_query_rows(cli, query, &rows, err) != 0)
        return sy_cli_exit_code(err);
    int rc = sy_cli_print_rows(cli, rows, columns, column_count, err);
    json_decref(rows);
    return rc == 0 ? SY_EXIT_DONE : SY_EXIT_FAILED;
}

int sy_cli_show(struct sy_cli *cli, const struct sy_msg_query *query, struct sy_error *err)
{
    json_t *reply = NULL;
    if (sy_cli_query(cli, query, &reply, err) != 0)
        return sy_cli_exit_code(err);
    return sy_cli_finish(cli, reply, err);
}
