/* sealyard stores: attach, list, find. */
#include "ops/cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static void print_free(const json_t *row, char *text, size_t text_bytes)
{
    sy_bytes_print((uint64_t)json_integer_value(json_object_get(row, "bytes_free")), text,
                   text_bytes);
}

static void print_total(const json_t *row, char *text, size_t text_bytes)
{
    sy_bytes_print((uint64_t)json_integer_value(json_object_get(row, "bytes_total")), text,
                   text_bytes);
}

static const struct sy_cli_column columns[] = {
    {"STORE", "uuid", NULL, false, NULL},   {"KIND", "kind", NULL, false, NULL},
    {"AGENT", "agent", NULL, false, NULL},  {"ONLINE", "online", NULL, false, NULL},
    {"FREE", NULL, NULL, true, print_free}, {"TOTAL", NULL, NULL, true, print_total},
    {"PATH", "path", NULL, false, NULL},
};

static int run_list(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    (void)argv;
    return sy_cli_list(cli, argc, "stores", columns, SY_ARRAY_SIZE(columns), err);
}

static const struct sy_cli_column find_columns[] = {
    {"STORE", "uuid", NULL, false, NULL},  {"KIND", "kind", NULL, false, NULL},
    {"AGENT", "agent", NULL, false, NULL}, {"HOLDS", "holds", NULL, false, NULL},
    {"PATH", "path", NULL, false, NULL},
};

static int run_find(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct sy_msg_query query = {.what = "store-find"};
    json_t *rows = NULL;
    if (argc != 2 || sy_cli_parse_number(argv[1], "sector number", &query.id, err) != 0)
        return SY_EXIT_USAGE;
    if (sy_cli_query_rows(cli, query, &rows, err) != 0)
        return sy_cli_exit_code(err);
    int rc = sy_cli_print_rows(cli, rows, find_columns, SY_ARRAY_SIZE(find_columns), err);
    json_decref(rows);
    return rc == 0 ? SY_EXIT_DONE : SY_EXIT_FAILED;
}

static int run_attach(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    static const struct option options[] = {{"agent", required_argument, NULL, 'a'},
                                            {"kind", required_argument, NULL, 'k'},
                                            {"init", no_argument, NULL, 'i'},
                                            {NULL, 0, NULL, 0}};
    const char *agent = NULL;
    enum sy_store_kind kind = 0;
    bool initialise = false;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'a' && sy_name_check(optarg, err) == 0)
            agent = optarg;
        else if (option == 'i')
            initialise = true;
        else if (option != 'k' || sy_store_kind_parse(optarg, &kind) != 0)
            return SY_EXIT_USAGE;
    }
    if (!agent || kind == 0 || optind != argc - 1 || argv[optind][0] != '/')
        return SY_EXIT_USAGE;
    json_t *arguments = json_pack("{ss, ss, sb}", "path", argv[optind], "kind",
                                  sy_store_kind_name(kind), "init", initialise ? 1 : 0);
    json_t *reply = NULL;
    int rc = sy_cli_command(cli, "store-attach", 0, 0, agent, arguments, &reply, err);
    json_decref(arguments);
    if (rc != 0)
        return sy_cli_exit_code(err);
    return sy_cli_finish(cli, reply, err);
}

static const struct sy_cli_command commands[] = {
    {"stores", "attach", "--agent NAME --kind scratch|long [--init] /PATH",
     "let an agent use a directory on its machine; --init: write the marker file first",
     "sealyard stores attach --agent p1a --kind scratch --init /nvme0", run_attach},
    {"stores", "list", "", "all stores, their space, and whether their marker is seen",
     "sealyard stores list", run_list},
    {"stores", "find", "SECTOR", "which stores hold files of a sector", "sealyard stores find 3",
     run_find},
};
const struct sy_cli_noun sy_cli_stores = {commands, SY_ARRAY_SIZE(commands)};
