/* sealyard sectors: pledge, seal, list, show, unseal, retry, remove. */
#include "ops/cli/cli.h"
#include "ops/cli/piece_file.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct submit_options {
    uint64_t count, miner;
    bool wait, discard_unsealed, force;
    const char *pieces[SY_PIECES_MAX];
    size_t piece_count;
    const char *out;
    uint64_t offset_bytes, size_bytes;
};

enum {
    OPT_COUNT = 1000,
    OPT_MINER,
    OPT_WAIT,
    OPT_PIECE,
    OPT_OUT,
    OPT_OFFSET,
    OPT_SIZE,
    OPT_DISCARD,
    OPT_FORCE
};

static const struct option submit_long_options[] = {
    {"count", required_argument, NULL, OPT_COUNT},
    {"miner", required_argument, NULL, OPT_MINER},
    {"wait", no_argument, NULL, OPT_WAIT},
    {"piece", required_argument, NULL, OPT_PIECE},
    {"out", required_argument, NULL, OPT_OUT},
    {"offset", required_argument, NULL, OPT_OFFSET},
    {"size", required_argument, NULL, OPT_SIZE},
    {"discard-unsealed", no_argument, NULL, OPT_DISCARD},
    {"force", no_argument, NULL, OPT_FORCE},
    {NULL, 0, NULL, 0},
};

static int take_option(struct submit_options *options, int option, struct sy_error *err)
{
    switch (option) {
    case OPT_COUNT:
        return sy_cli_parse_number(optarg, "--count", &options->count, err);
    case OPT_MINER:
        return sy_cli_parse_miner(optarg, &options->miner, err);
    case OPT_OFFSET:
        return sy_bytes_parse(optarg, &options->offset_bytes, err);
    case OPT_SIZE:
        return sy_bytes_parse(optarg, &options->size_bytes, err);
    case OPT_OUT:
        options->out = optarg;
        return 0;
    case OPT_WAIT:
        options->wait = true;
        return 0;
    case OPT_DISCARD:
        options->discard_unsealed = true;
        return 0;
    case OPT_FORCE:
        options->force = true;
        return 0;
    case OPT_PIECE:
        if (options->piece_count == SY_PIECES_MAX)
            return sy_fail(err, SY_E_LIMIT, "more than %d pieces for one sector", SY_PIECES_MAX);
        options->pieces[options->piece_count++] = optarg;
        return 0;
    default:
        return sy_fail(err, SY_E_ARG, "unknown option");
    }
}

/* 0, or an exit code: usage problems are printed here. */
static int parse_submit(int argc, char **argv, struct submit_options *options, struct sy_error *err)
{
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", submit_long_options, NULL)) != -1;) {
        if (option == '?')
            return SY_EXIT_USAGE;
        if (take_option(options, option, err) != 0) {
            sy_cli_complain("%s", err->text);
            return SY_EXIT_USAGE;
        }
    }
    return 0;
}

static int parse_sector_number(int argc, char **argv, uint64_t *ret, struct sy_error *err)
{
    if (optind != argc - 1 || sy_cli_parse_number(argv[optind], "sector number", ret, err) != 0) {
        if (err->code)
            sy_cli_complain("%s", err->text);
        return SY_EXIT_USAGE;
    }
    return 0;
}

static int print_submitted(struct sy_cli *cli, uint64_t job, json_t *sectors)
{
    if (cli->json) {
        json_t *reply = json_pack("{sI, sO}", "job", (json_int_t)job, "sectors", sectors);
        sy_cli_print_json(reply);
        json_decref(reply);
        return 0;
    }
    printf("job %llu", (unsigned long long)job);
    size_t index;
    json_t *number;
    json_array_foreach(sectors, index, number)
        printf("%s%lld", index == 0 ? ", sectors " : " ", (long long)json_integer_value(number));
    putchar('\n');
    return 0;
}

/* Submits, prints the job, and waits when asked. Returns an exit code. */
static int submit_and_wait(struct sy_cli *cli, struct sy_msg_submit *submit, bool wait,
                           struct sy_error *err)
{
    uint64_t job;
    json_t *sectors = NULL;
    uint64_t wait_ms = cli->timeout_ms;
    if (wait)
        cli->timeout_ms = 0;
    if (sy_cli_submit(cli, submit, &job, &sectors, err) != 0)
        return sy_cli_exit_code(err);
    print_submitted(cli, job, sectors);
    json_decref(sectors);
    fflush(stdout);
    if (!wait)
        return SY_EXIT_DONE;
    cli->timeout_ms = wait_ms;
    int rc = sy_cli_wait_job(cli, job, err);
    if (rc == 0)
        return SY_EXIT_DONE;
    return rc == -SY_E_TIMEOUT ? SY_EXIT_TIMEOUT : sy_cli_exit_code(err);
}

static int run_pledge(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct submit_options options = {.count = 1};
    int code = parse_submit(argc, argv, &options, err);
    if (code != 0 || optind != argc)
        return SY_EXIT_USAGE;
    if (options.count < 1 || options.count > SY_JOB_SECTORS_MAX) {
        sy_cli_complain("--count is %llu, expected 1 to %d", (unsigned long long)options.count,
                        SY_JOB_SECTORS_MAX);
        return SY_EXIT_USAGE;
    }
    struct sy_msg_submit submit = {
        .kind = SY_JOB_PLEDGE, .miner = options.miner, .count = (uint32_t)options.count};
    return submit_and_wait(cli, &submit, options.wait, err);
}

static int run_seal(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct submit_options options = {0};
    int code = parse_submit(argc, argv, &options, err);
    if (code != 0 || optind != argc || options.piece_count == 0)
        return SY_EXIT_USAGE;
    struct sy_piece *pieces = calloc(options.piece_count, sizeof *pieces);
    if (!pieces) {
        sy_fail(err, SY_E_NOMEM, "no memory for %zu pieces", options.piece_count);
        return SY_EXIT_FAILED;
    }
    code = 0;
    for (size_t i = 0; code == 0 && i < options.piece_count; i++)
        if (sy_cli_describe_piece(options.pieces[i], &pieces[i], err) != 0)
            code = SY_EXIT_FAILED;
    if (code == 0) {
        struct sy_msg_submit submit = {
            .kind = SY_JOB_SEAL,
            .miner = options.miner,
            .count = 1,
            .keep_unsealed = !options.discard_unsealed,
            .pieces = {pieces, (uint32_t)options.piece_count},
        };
        code = submit_and_wait(cli, &submit, options.wait, err);
    }
    free(pieces);
    return code;
}

/* Writes the job's output to path, chunk by chunk; every chunk carries its own checksum. */
static int fetch_output(struct sy_cli *cli, uint64_t job, const char *path, struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    int rc = sy_path_format(temp, err, "%s%s", path, SY_FILE_TEMP_SUFFIX);
    if (rc != 0)
        return rc;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return sy_fail_errno(err, errno, "create %s", temp);
    struct sy_msg_fetch fetch = {.what = "unseal-output", .id = job, .bytes = SY_CHUNK_BYTES_MAX};
    uint64_t total = UINT64_MAX;
    while (rc == 0 && fetch.offset_bytes < total) {
        const struct sy_frame *frame;
        rc = sy_cli_call(cli, SY_MSG_FETCH, &fetch, &frame, err);
        if (rc != 0)
            break;
        const struct sy_msg_chunk *chunk = frame->body;
        if (frame->type != SY_MSG_CHUNK || chunk->offset_bytes != fetch.offset_bytes ||
            chunk->crc32c != sy_crc32c(0, chunk->data.data, chunk->data.bytes))
            rc = sy_fail(err, SY_E_CORRUPT, "chunk at byte %llu arrived damaged; run it again",
                         (unsigned long long)fetch.offset_bytes);
        else if (chunk->data.bytes == 0 && chunk->total_bytes > fetch.offset_bytes)
            rc = sy_fail(err, SY_E_CORRUPT, "the agent sent nothing at byte %llu of %llu",
                         (unsigned long long)fetch.offset_bytes,
                         (unsigned long long)chunk->total_bytes);
        else
            rc = sy_file_pwrite(fd, chunk->data.data, chunk->data.bytes, fetch.offset_bytes, temp,
                                err);
        if (rc == 0) {
            fetch.offset_bytes += chunk->data.bytes;
            total = chunk->total_bytes;
        }
    }
    if (rc == 0)
        return sy_file_publish(fd, temp, path, err);
    close(fd);
    unlink(temp);
    return rc;
}

static int run_unseal(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct submit_options options = {0};
    uint64_t number, job;
    if (parse_submit(argc, argv, &options, err) != 0 || !options.out ||
        parse_sector_number(argc, argv, &number, err) != 0)
        return SY_EXIT_USAGE;
    struct sy_msg_submit submit = {
        .kind = SY_JOB_UNSEAL,
        .miner = options.miner,
        .number = number,
        .offset_bytes = options.offset_bytes,
        .size_bytes = options.size_bytes,
    };
    json_t *sectors = NULL;
    uint64_t wait_ms = cli->timeout_ms;
    cli->timeout_ms = 0;
    if (sy_cli_submit(cli, &submit, &job, &sectors, err) != 0)
        return sy_cli_exit_code(err);
    json_decref(sectors);
    cli->timeout_ms = wait_ms;
    int rc = sy_cli_wait_job(cli, job, err);
    if (rc == 0)
        rc = fetch_output(cli, job, options.out, err);
    if (rc != 0)
        return rc == -SY_E_TIMEOUT ? SY_EXIT_TIMEOUT : sy_cli_exit_code(err);
    uint64_t bytes = 0;
    if (sy_file_size(options.out, &bytes, err) != 0)
        return SY_EXIT_FAILED;
    json_t *reply = json_pack("{sI, ss, sI}", "number", (json_int_t)number, "out", options.out,
                              "bytes", (json_int_t)bytes);
    return sy_cli_finish(cli, reply, err);
}

static void print_pieces(const json_t *row, char *text, size_t text_bytes)
{
    size_t index, files = 0;
    json_t *piece;
    json_array_foreach(json_object_get(row, "pieces"), index, piece)
    {
        if (json_integer_value(json_object_get(piece, "raw_bytes")) > 0)
            files++;
    }
    if (files > 0)
        snprintf(text, text_bytes, "%zu", files);
    else
        snprintf(text, text_bytes, "CC");
}

static const struct sy_cli_column sector_columns[] = {
    {"MINER", "miner", NULL, false, NULL},
    {"SECTOR", "number", NULL, true, NULL},
    {"STATE", "state", NULL, false, NULL},
    {"PROOF", "proof_type", NULL, false, NULL},
    {"PIECES", "pieces", NULL, true, print_pieces},
    {"TICKET", "ticket_epoch", NULL, true, NULL},
    {"SEED", "seed_epoch", NULL, true, NULL},
    {"AGENT", "agent", NULL, false, NULL},
    {"ERROR", "error", "", false, NULL},
};

static int run_list(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
                                            {"miner", required_argument, NULL, 'm'},
                                            {NULL, 0, NULL, 0}};
    struct sy_msg_query query = {.what = "sectors"};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        enum sy_sector_state state;
        if (option == 's' && sy_sector_state_parse(optarg, &state) == 0)
            snprintf(query.text, sizeof query.text, "%s", optarg);
        else if (option != 'm' || sy_cli_parse_miner(optarg, &query.miner, err) != 0)
            return SY_EXIT_USAGE;
    }
    json_t *rows = NULL;
    if (optind != argc)
        return SY_EXIT_USAGE;
    if (sy_cli_query_rows(cli, query, &rows, err) != 0)
        return sy_cli_exit_code(err);
    int rc = sy_cli_print_rows(cli, rows, sector_columns, SY_ARRAY_SIZE(sector_columns), err);
    json_decref(rows);
    return rc == 0 ? SY_EXIT_DONE : SY_EXIT_FAILED;
}

static void print_event_time(const json_t *row, char *text, size_t text_bytes)
{
    sy_cli_time(json_integer_value(json_object_get(row, "wall_ms")), text, text_bytes);
}

static const struct sy_cli_column log_columns[] = {
    {"NUMBER", "number", NULL, true, NULL},
    {"TIME", "wall_ms", NULL, false, print_event_time},
    {"EVENT", "event", NULL, false, NULL},
    {"SUMMARY", "summary", "", false, NULL},
};

static int run_show(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    static const struct option options[] = {{"log", no_argument, NULL, 'l'},
                                            {"miner", required_argument, NULL, 'm'},
                                            {NULL, 0, NULL, 0}};
    struct sy_msg_query query = {.what = "sector"};
    bool log = false;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'l')
            log = true;
        else if (option != 'm' || sy_cli_parse_miner(optarg, &query.miner, err) != 0)
            return SY_EXIT_USAGE;
    }
    if (parse_sector_number(argc, argv, &query.id, err) != 0)
        return SY_EXIT_USAGE;
    json_t *reply = NULL;
    int rc;
    if (log) {
        snprintf(query.what, sizeof query.what, "sector-log");
        if (sy_cli_query_rows(cli, query, &reply, err) != 0)
            return sy_cli_exit_code(err);
        rc = sy_cli_print_rows(cli, reply, log_columns, SY_ARRAY_SIZE(log_columns), err);
    } else {
        if (sy_cli_query(cli, &query, &reply, err) != 0)
            return sy_cli_exit_code(err);
        rc = sy_cli_print_object(cli, reply, err);
    }
    json_decref(reply);
    return rc == 0 ? SY_EXIT_DONE : SY_EXIT_FAILED;
}

static int run_retry(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct submit_options options = {0};
    uint64_t number;
    if (parse_submit(argc, argv, &options, err) != 0 ||
        parse_sector_number(argc, argv, &number, err) != 0)
        return SY_EXIT_USAGE;
    json_t *reply = NULL;
    if (sy_cli_command(cli, "sector-retry", number, options.miner, NULL, NULL, &reply, err) != 0)
        return sy_cli_exit_code(err);
    return sy_cli_finish(cli, reply, err);
}

static int run_remove(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct submit_options options = {0};
    uint64_t number;
    if (parse_submit(argc, argv, &options, err) != 0 ||
        parse_sector_number(argc, argv, &number, err) != 0)
        return SY_EXIT_USAGE;
    struct sy_msg_submit submit = {
        .kind = SY_JOB_REMOVE, .miner = options.miner, .number = number, .force = options.force};
    return submit_and_wait(cli, &submit, options.wait, err);
}

static const struct sy_cli_command commands[] = {
    {"sectors", "pledge", "[--count N] [--miner t0N] [--wait]",
     "seal N sectors of committed capacity", "sealyard sectors pledge --count 2 --wait",
     run_pledge},
    {"sectors", "seal",
     "--piece FILE [--piece FILE ...] [--miner t0N] [--discard-unsealed] [--wait]",
     "seal files into one sector; the agents must reach them under the same path",
     "sealyard sectors seal --piece /data/a.car --wait", run_seal},
    {"sectors", "list", "[--state STATE] [--miner t0N]", "all sectors and where they stand",
     "sealyard sectors list --state Proving --json", run_list},
    {"sectors", "show", "N [--log] [--miner t0N]", "one sector; --log: its events with times",
     "sealyard sectors show 3 --log", run_show},
    {"sectors", "unseal", "N --out FILE [--offset B --size B] [--miner t0N]",
     "give the sector's data back, or a range of its unpadded bytes",
     "sealyard sectors unseal 3 --out a.car", run_unseal},
    {"sectors", "retry", "N [--miner t0N]", "try the failed stage of a sector again",
     "sealyard sectors retry 3", run_retry},
    {"sectors", "remove", "N [--force] [--miner t0N] [--wait]",
     "give a sector up and delete its files; --force: also when a deposit would be lost",
     "sealyard sectors remove 3 --wait", run_remove},
};
const struct sy_cli_noun sy_cli_sectors = {commands, SY_ARRAY_SIZE(commands)};
