/* sealyard params: generate, verify, list, fetch. Needs no scheduler.
 *
 * --seed makes generation repeatable, which means that everybody can forge proofs for the result;
 * it exists in programs built with SY_TEST_SEEDS only. */
#include "ops/cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/proof.h"
#include "tasks/hash/sha256.h"
#include "tasks/snark/params_store.h"

#define BAR_CELLS 30
#define BAR_STEP_MS 200
#define KIND_LIST_BYTES 64

struct arguments {
    const char *directory, *url, *manifest, *seed;
    uint64_t sector_bytes; /* 0 = all */
    uint64_t threads;      /* 0 = all */
    bool kinds[SY_CIRCUIT_KINDS];
};

/* "porep,window". */
static int parse_kinds(const char *text, bool kinds[SY_CIRCUIT_KINDS], struct sy_error *err)
{
    char copy[KIND_LIST_BYTES], *rest = copy;
    if (strlen(text) >= sizeof copy)
        return sy_fail(err, SY_E_LIMIT, "--kind is longer than %zu characters", sizeof copy - 1);
    memcpy(copy, text, strlen(text) + 1);
    memset(kinds, 0, SY_CIRCUIT_KINDS * sizeof *kinds);
    for (char *word; (word = strsep(&rest, ","));) {
        enum sy_circuit_kind kind;
        int rc = sy_circuit_kind_parse(word, &kind, err);
        if (rc != 0)
            return rc;
        kinds[kind] = true;
    }
    return 0;
}

static int parse_size(const char *text, uint64_t *ret, struct sy_error *err)
{
    uint64_t bytes;
    int rc = sy_sector_size_parse(text, &bytes, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < SY_PARAMS_SIZES; i++) {
        if (sy_params_sizes[i] == bytes) {
            *ret = bytes;
            return 0;
        }
    }
    return sy_fail(err, SY_E_RANGE,
                   "there are no parameters for sectors of %s, expected 2KiB, 8MiB, 512MiB, 32GiB, "
                   "64GiB or the sizes of tests (4, 16, 32KiB, 16MiB, 1GiB)",
                   text);
}

static int take_option(struct arguments *a, int option, struct sy_error *err)
{
    switch (option) {
    case 'd':
        a->directory = optarg;
        return 0;
    case 'u':
        a->url = optarg;
        return 0;
    case 'm':
        a->manifest = optarg;
        return 0;
    case 'x':
        a->seed = optarg;
        return 0;
    case 's':
        return parse_size(optarg, &a->sector_bytes, err);
    case 'k':
        return parse_kinds(optarg, a->kinds, err);
    case 't':
        return sy_cli_parse_number(optarg, "--threads", &a->threads, err);
    default:
        return -SY_E_ARG; /* getopt has told */
    }
}

/* `allowed` names the short forms of the options that this verb has. */
static int parse_arguments(struct arguments *a, int argc, char **argv, const char *allowed,
                           struct sy_error *err)
{
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'},         {"url", required_argument, NULL, 'u'},
        {"manifest", required_argument, NULL, 'm'},    {"seed", required_argument, NULL, 'x'},
        {"sector-size", required_argument, NULL, 's'}, {"kind", required_argument, NULL, 'k'},
        {"threads", required_argument, NULL, 't'},     {NULL, 0, NULL, 0}};
    *a = (struct arguments){.directory = sy_params_directory(), .kinds = {true, true, true, true}};
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == '?' || !strchr(allowed, option))
            return sy_fail(err, SY_E_ARG, "an option that this command does not have");
        int rc = take_option(a, option, err);
        if (rc != 0) {
            sy_cli_complain("%s", err->text);
            return rc;
        }
    }
    return optind == argc ? 0 : sy_fail(err, SY_E_ARG, "too many arguments");
}

/* --------------------------------------------------------------------------------------- progress
 */

struct bar {
    const char *title;
    bool terminal;
    uint64_t last_ms;
};

static uint64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void draw_bar(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    struct bar *bar = ctx;
    uint64_t ms = now_ms();
    if (!bar->terminal || (ms - bar->last_ms < BAR_STEP_MS && done != total))
        return;
    bar->last_ms = ms;
    double part = total > 0 ? (double)done / (double)total : 0;
    char cells[BAR_CELLS + 1];
    for (int i = 0; i < BAR_CELLS; i++)
        cells[i] = (double)i < part * BAR_CELLS ? '#' : '.';
    cells[BAR_CELLS] = 0;
    fprintf(stderr, "\r\033[K[%s] %3.0f%% %s %s", cells, part * 100, bar->title, phase);
}

static void clear_bar(const struct bar *bar)
{
    if (bar->terminal)
        fputs("\r\033[K", stderr);
}

/* ------------------------------------------------------------------------------------------- verbs
 */

/* What happens to one set. */
typedef int set_fn(const struct arguments *a, enum sy_circuit_kind kind, uint64_t sector_bytes,
                   const struct sy_snark_progress *progress, json_t *row, struct sy_error *err);

static int run_set(const struct arguments *a, enum sy_circuit_kind kind, uint64_t sector_bytes,
                   set_fn *fn, const char *done, json_t *rows, struct sy_error *err)
{
    char size[SY_SECTOR_SIZE_TEXT_BYTES], title[64];
    struct bar bar = {.title = title, .terminal = isatty(STDERR_FILENO) == 1};
    struct sy_snark_progress progress = {draw_bar, &bar};
    snprintf(title, sizeof title, "%s %s", sy_circuit_kind_name(kind),
             sy_sector_size_format(sector_bytes, size));
    json_t *row = json_pack("{ss,ss,ss}", "kind", sy_circuit_kind_name(kind), "sector_size", size,
                            "result", done);
    if (!row)
        return sy_fail(err, SY_E_NOMEM, "no memory for the result");
    int rc = fn(a, kind, sector_bytes, &progress, row, err);
    clear_bar(&bar);
    if (rc != 0) {
        json_object_set_new(row, "result", json_string("failed"));
        json_object_set_new(row, "error", json_string(err->text));
        sy_error_wrap(err, "%s", title);
    }
    if (json_array_append_new(rows, row) != 0 && rc == 0)
        rc = sy_fail(err, SY_E_NOMEM, "no memory for the result");
    return rc;
}

static const struct sy_cli_column result_columns[] = {
    {"KIND", "kind", NULL, false, NULL},
    {"SIZE", "sector_size", NULL, true, NULL},
    {"RESULT", "result", NULL, false, NULL},
};

/* All wanted kinds of one size; the first failure is told, the others are tried all the same. */
static int run_kinds(struct sy_cli *cli, const struct arguments *a, set_fn *fn, const char *done,
                     struct sy_error *err)
{
    json_t *rows = json_array();
    struct sy_error local = {0};
    int failed = 0;
    for (int kind = 0; kind < SY_CIRCUIT_KINDS; kind++) {
        if (a->kinds[kind])
            failed |= run_set(a, (enum sy_circuit_kind)kind, a->sector_bytes, fn, done, rows,
                              failed ? &local : err);
    }
    int shown = sy_cli_print_rows(cli, rows, result_columns, SY_ARRAY_SIZE(result_columns), &local);
    json_decref(rows);
    return failed || shown ? SY_EXIT_FAILED : SY_EXIT_DONE;
}

#ifdef SY_TEST_SEEDS
/* Each secret is trunc(SHA-256(seed, 0, name)); the generators are the standard ones. */
static void derive_secret(const char *seed, const char *name, struct sy_fr *ret)
{
    uint8_t digest[SY_SHA256_BYTES];
    struct sy_sha256 sha;
    sy_sha256_init(&sha);
    sy_sha256_update(&sha, seed, strlen(seed) + 1);
    sy_sha256_update(&sha, name, strlen(name));
    sy_sha256_final(&sha, digest);
    sy_fr_from_bytes_trunc(ret, digest);
}

static int derive_secrets(const char *seed, struct sy_groth16_secrets *ret, struct sy_error *err)
{
    (void)err;
    ret->g1 = sy_g1_generator;
    ret->g2 = sy_g2_generator;
    derive_secret(seed, "alpha", &ret->alpha);
    derive_secret(seed, "beta", &ret->beta);
    derive_secret(seed, "gamma", &ret->gamma);
    derive_secret(seed, "delta", &ret->delta);
    derive_secret(seed, "tau", &ret->tau);
    return 0;
}
#else
static int derive_secrets(const char *seed, struct sy_groth16_secrets *ret, struct sy_error *err)
{
    (void)seed;
    (void)ret;
    return sy_fail(err, SY_E_UNSUPPORTED,
                   "--seed would let everybody forge proofs: it works only in programs built with "
                   "-DSY_TEST_SEEDS; leave it out for random secrets");
}
#endif

static int generate_set(const struct arguments *a, enum sy_circuit_kind kind, uint64_t sector_bytes,
                        const struct sy_snark_progress *progress, json_t *row, struct sy_error *err)
{
    struct sy_groth16_secrets secrets;
    char name[SY_PARAMS_NAME_BYTES];
    int rc = a->seed ? derive_secrets(a->seed, &secrets, err) : 0;
    if (rc == 0)
        rc = sy_params_store_generate(a->directory, kind, sector_bytes, a->seed ? &secrets : NULL,
                                      (unsigned)a->threads, progress, err);
    if (rc == 0 && sy_params_name(kind, sector_bytes, name, err) == 0)
        json_object_set_new(row, "name", json_string(name));
    return rc;
}

static int run_generate(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct arguments a;
    if (parse_arguments(&a, argc, argv, "dskxt", err) != 0 || a.sector_bytes == 0 ||
        a.threads > 256)
        return SY_EXIT_USAGE;
    fputs("these parameters are for test networks: a network's own come from its ceremony "
          "(sealyard params fetch)\n",
          stderr);
    return run_kinds(cli, &a, generate_set, "generated", err);
}

static int fetch_set(const struct arguments *a, enum sy_circuit_kind kind, uint64_t sector_bytes,
                     const struct sy_snark_progress *progress, json_t *row, struct sy_error *err)
{
    unsigned files = 0;
    int rc = sy_params_store_fetch(a->directory, a->url, a->manifest, kind, sector_bytes, progress,
                                   &files, err);
    if (rc == 0 && files == 0)
        json_object_set_new(row, "result", json_string("was there already"));
    return rc;
}

static int run_fetch(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    struct arguments a;
    if (parse_arguments(&a, argc, argv, "dskum", err) != 0 || a.sector_bytes == 0 || !a.url)
        return SY_EXIT_USAGE;
    if (!a.manifest)
        fputs("digests come from the mirror itself; --manifest FILE takes them from a file that "
              "you trust\n",
              stderr);
    return run_kinds(cli, &a, fetch_set, "fetched", err);
}

static int verify_set(const struct arguments *a, enum sy_circuit_kind kind, uint64_t sector_bytes,
                      const struct sy_snark_progress *progress, json_t *row, struct sy_error *err)
{
    (void)row;
    return sy_params_store_verify(a->directory, kind, sector_bytes, a->manifest, progress, err);
}

/* Every set that is there; the first failure is told, all are looked at. */
static int run_verify(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    static struct sy_params_set sets[SY_PARAMS_SETS_MAX];
    struct arguments a;
    struct sy_error local;
    size_t count = 0, wanted = 0;
    int failed = 0;
    if (parse_arguments(&a, argc, argv, "dskm", err) != 0)
        return SY_EXIT_USAGE;
    if (sy_params_store_list(a.directory, sets, &count, err) != 0)
        return SY_EXIT_FAILED;
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!a.kinds[sets[i].kind] || (a.sector_bytes && a.sector_bytes != sets[i].sector_bytes))
            continue;
        struct sy_error *to = failed ? &local : err;
        wanted++;
        failed |= run_set(&a, sets[i].kind, sets[i].sector_bytes, verify_set, "right", rows, to);
    }
    int shown = sy_cli_print_rows(cli, rows, result_columns, SY_ARRAY_SIZE(result_columns), &local);
    json_decref(rows);
    if (wanted == 0)
        failed = sy_fail(err, SY_E_NOT_FOUND, "%s holds no such parameters", a.directory);
    return failed || shown ? SY_EXIT_FAILED : SY_EXIT_DONE;
}

static void print_bytes(const json_t *row, char *text, size_t text_bytes)
{
    sy_bytes_print((uint64_t)json_integer_value(json_object_get(row, "bytes")), text, text_bytes);
}

static const struct sy_cli_column list_columns[] = {
    {"KIND", "kind", NULL, false, NULL},      {"SIZE", "sector_size", NULL, true, NULL},
    {"PARAMS", "params", NULL, false, NULL},  {"VK", "vk", NULL, false, NULL},
    {"BYTES", NULL, NULL, true, print_bytes}, {"DIGEST", "digest", "not recorded", false, NULL},
};

static int run_list(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    static struct sy_params_set sets[SY_PARAMS_SETS_MAX];
    struct arguments a;
    size_t count = 0;
    if (parse_arguments(&a, argc, argv, "dsk", err) != 0)
        return SY_EXIT_USAGE;
    if (sy_params_store_list(a.directory, sets, &count, err) != 0)
        return SY_EXIT_FAILED;
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct sy_params_file *files = sets[i].files;
        char size[SY_SECTOR_SIZE_TEXT_BYTES];
        if (!a.kinds[sets[i].kind] || (a.sector_bytes && a.sector_bytes != sets[i].sector_bytes))
            continue;
        json_array_append_new(
            rows, json_pack("{ss,ss,ss,sb,sb,sI,ss}", "name", sets[i].name, "kind",
                            sy_circuit_kind_name(sets[i].kind), "sector_size",
                            sy_sector_size_format(sets[i].sector_bytes, size), "params",
                            files[SY_PARAMS_KEYS].present, "vk", files[SY_PARAMS_VK].present,
                            "bytes", (json_int_t)files[SY_PARAMS_KEYS].bytes, "digest",
                            files[SY_PARAMS_KEYS].digest));
    }
    int rc = sy_cli_print_rows(cli, rows, list_columns, SY_ARRAY_SIZE(list_columns), err);
    json_decref(rows);
    return rc == 0 ? SY_EXIT_DONE : SY_EXIT_FAILED;
}

static const struct sy_cli_command commands[] = {
    {"params", "list", "[--sector-size SIZE] [--kind LIST] [--dir DIR]",
     "the Groth16 parameters that are there (default directory: $FIL_PROOFS_PARAMETER_CACHE, else "
     "/var/tmp/filecoin-proof-parameters)",
     "sealyard params list", run_list},
    {"params", "verify", "[--sector-size SIZE] [--kind LIST] [--manifest FILE] [--dir DIR]",
     "digests the files and compares with parameters.json of the directory, or with FILE",
     "sealyard params verify --sector-size 32GiB", run_verify},
    {"params", "fetch", "--url URL --sector-size SIZE [--kind LIST] [--manifest FILE] [--dir DIR]",
     "gets what is missing or wrong from a mirror, continues interrupted transfers, checks digests",
     "sealyard params fetch --url https://proofs.example/params --sector-size 32GiB", run_fetch},
    {"params", "generate",
     "--sector-size SIZE [--kind porep,winning,window,update] [--threads N] [--dir DIR]",
     "makes parameters of a test network from fresh random secrets",
     "sealyard params generate --sector-size 2KiB --kind porep", run_generate},
};
const struct sy_cli_noun sy_cli_params = {commands, SY_ARRAY_SIZE(commands)};
