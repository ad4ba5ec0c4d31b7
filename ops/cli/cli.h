/* The frame of the `sealyard` command: options, connection, output, exit codes.
 *
 * `sealyard NOUN VERB [arguments]`; global options may stand anywhere before `--`. Results go to
 * standard output (a table for people, one JSON document with --json), everything else to standard
 * error. Exit codes: 0 done, 1 refused or failed, 2 usage, 3 not reachable, 4 timed out while
 * waiting. One thread.
 */
#ifndef SEALYARD_OPS_CLI_CLI_H
#define SEALYARD_OPS_CLI_CLI_H

#include "common/conf.h"
#include "common/file.h"
#include "common/log.h"
#include "common/net.h"

enum { SY_EXIT_DONE = 0, SY_EXIT_FAILED, SY_EXIT_USAGE, SY_EXIT_UNREACHABLE, SY_EXIT_TIMEOUT };

/* Frames of long waits are this far apart. */
#define SY_CLI_POLL_MS 300

struct sy_cli {
    bool json;
    char config_path[SY_PATH_BYTES]; /* empty = search */
    char endpoint[256];              /* empty = from the configuration */
    uint64_t timeout_ms;             /* of one call; with --wait of the whole wait; 0 = default */
    struct sy_client *client;        /* made by the first call */
    struct sy_keypair key;
};

struct sy_cli_command {
    const char *noun, *verb; /* verb NULL: the noun alone */
    const char *arguments;   /* usage after the verb */
    const char *summary;
    const char *example;
    /* argv[0] is the verb. Returns an exit code; on SY_EXIT_FAILED *err may hold the reason. */
    int (*run)(struct sy_cli *cli, int argc, char **argv, struct sy_error *err);
};

/* All commands of one noun; `count` of them. Each noun is one file. */
struct sy_cli_noun {
    const struct sy_cli_command *commands;
    size_t count;
};
extern const struct sy_cli_noun sy_cli_status, sy_cli_sectors, sy_cli_jobs, sy_cli_tasks,
    sy_cli_agents, sy_cli_stores, sy_cli_pieces, sy_cli_chain, sy_cli_policy, sy_cli_params,
    sy_cli_admin;

/* Exit code for an error value: 3 for UNREACHABLE, AUTH and TIMEOUT of a call, 2 for usage, else 1.
 */
int sy_cli_exit_code(const struct sy_error *err);
/* "sealyard: text" on standard error. */
void sy_cli_complain(const char *format, ...) SY_PRINTF(1, 2);
/* Prints how the command is used (what getopt refused); returns SY_EXIT_USAGE. */
int sy_cli_usage(const struct sy_cli_command *command);
/* Runs a process in place of this one with its own binary's directory searched first. */
int sy_cli_exec(const char *program, char **argv, struct sy_error *err);

/* Requests. A QUERY's or COMMAND's JSON is a new reference in *ret. */
int sy_cli_call(struct sy_cli *cli, uint16_t type, const void *body, const struct sy_frame **ret,
                struct sy_error *err);
int sy_cli_query(struct sy_cli *cli, const struct sy_msg_query *query, json_t **ret,
                 struct sy_error *err);
/* All pages of a list query as one array. */
int sy_cli_query_rows(struct sy_cli *cli, struct sy_msg_query query, json_t **ret,
                      struct sy_error *err);
int sy_cli_command(struct sy_cli *cli, const char *verb, uint64_t id, uint64_t miner,
                   const char *name, json_t *arguments, json_t **ret, struct sy_error *err);
int sy_cli_submit(struct sy_cli *cli, struct sy_msg_submit *submit, uint64_t *ret_job,
                  json_t **ret_sectors, struct sy_error *err);
/* Waits until the job is no longer active, with a progress line on a terminal. */
int sy_cli_wait_job(struct sy_cli *cli, uint64_t job, struct sy_error *err);

/* Numbers and ids of arguments. "t01000", "f01000" and "1000" name a miner. */
int sy_cli_parse_number(const char *text, const char *what, uint64_t *ret, struct sy_error *err);
int sy_cli_parse_miner(const char *text, uint64_t *ret, struct sy_error *err);

/* ---- output */
struct sy_cli_column {
    const char *title;
    const char *key;   /* of the row object; "a.b" steps into objects */
    const char *empty; /* shown when the key is absent, null or "" */
    bool right;
    /* optional: writes the cell text */
    void (*print)(const json_t *row, char *text, size_t text_bytes);
};
/* A table for people (libsmartcols), or the array as JSON. */
int sy_cli_print_rows(struct sy_cli *cli, json_t *rows, const struct sy_cli_column *columns,
                      size_t column_count, struct sy_error *err);
/* A verb without arguments that prints all rows of a query. Returns an exit code. */
int sy_cli_list(struct sy_cli *cli, int argc, const char *what, const struct sy_cli_column *columns,
                size_t column_count, struct sy_error *err);
/* The same for one object: prints it and drops the reference. */
int sy_cli_show(struct sy_cli *cli, const struct sy_msg_query *query, struct sy_error *err);
/* Prints a reply and drops the reference; an exit code. */
int sy_cli_finish(struct sy_cli *cli, json_t *reply, struct sy_error *err);
/* "key  value" lines of one object, or the object as JSON. */
int sy_cli_print_object(struct sy_cli *cli, json_t *object, struct sy_error *err);
void sy_cli_print_json(const json_t *value);
/* The text of a scalar at a dotted key; "" when absent. Numbers are printed, booleans are yes/no.
 */
const char *sy_cli_text(const json_t *row, const char *key, char *text, size_t text_bytes);
/* Unix milliseconds as local time text, "" for 0. */
const char *sy_cli_time(int64_t wall_ms, char *text, size_t text_bytes);

#endif
