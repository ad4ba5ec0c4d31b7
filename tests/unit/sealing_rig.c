#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/sealing_rig.h"

#include "common/file.h"
#include "common/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 1024
#define PROOF_TYPE 5 /* 2 KiB, V1_1 */
#define MINER 1000

const char *sealing_parameters(void)
{
    const char *directory = getenv("SEALYARD_TEST_PARAMETERS");
    if (!directory || !directory[0])
        fail_msg("SEALYARD_TEST_PARAMETERS is not set: run by ctest, or fill a directory with "
                 "tests/parameters.sh and set it");
    return directory;
}

/* The stage's result; takes over the reference to `spec`. */
static json_t *run_task(const char *directory, const char *stage, json_t *spec)
{
    char command[4 * PATH_BYTES], spec_path[PATH_BYTES], out[PATH_BYTES];
    json_t *result;
    snprintf(spec_path, sizeof(spec_path), "%s/spec.json", directory);
    snprintf(out, sizeof(out), "%s/result.json", directory);
    assert_int_equal(json_dump_file(spec, spec_path, 0), 0);
    json_decref(spec);
    snprintf(command, sizeof(command), "%s/sealyard-task %s --spec %s > %s 2> %s.log", SY_BIN_DIR,
             stage, spec_path, out, out);
    if (system(command) != 0)
        fail_msg("%s failed, see %s", command, out);
    result = json_load_file(out, 0, NULL);
    assert_non_null(result);
    return result;
}

static void get_bytes(const json_t *result, const char *key, uint8_t *ret, size_t bytes)
{
    const char *text = json_string_value(json_object_get(result, key));
    assert_non_null(text);
    assert_int_equal(strlen(text), 2 * bytes);
    assert_int_equal(sy_hex_decode(text, ret, bytes, NULL), 0);
}

static void put_bytes(json_t *spec, const char *key, const uint8_t bytes[32])
{
    char hex[SY_HEX_TEXT_BYTES(32)];
    json_object_set_new(spec, key, json_string(sy_hex_encode(bytes, 32, hex)));
}

static void put_path(json_t *spec, const char *key, const char *directory, uint64_t number,
                     const char *suffix)
{
    json_object_set_new(
        spec, key,
        json_sprintf("%s/%s-%llu%s", directory, key, (unsigned long long)number, suffix));
}

static json_t *make_spec(const struct sealing *sector)
{
    return json_pack("{s:i, s:i, s:I}", "proof_type", PROOF_TYPE, "miner", MINER, "number",
                     (json_int_t)sector->number);
}

static void add_piece(const char *directory, struct sealing *sector, const char *data,
                      uint64_t padded_bytes)
{
    json_t *spec = make_spec(sector), *pieces = json_array(), *result;
    char path[PATH_BYTES];
    if (data) {
        snprintf(path, sizeof(path), "%s/piece", directory);
        assert_int_equal(sy_file_write(path, data, strlen(data), 0600, NULL), 0);
        json_array_append_new(pieces, json_pack("{s:s, s:I, s:I}", "path", path, "raw_bytes",
                                                (json_int_t)strlen(data), "padded_bytes",
                                                (json_int_t)padded_bytes));
    }
    json_object_set_new(spec, "pieces", pieces);
    put_path(spec, "unsealed", directory, sector->number, "");
    result = run_task(directory, "ap", spec);
    sector->pieces = json_incref(json_object_get(result, "pieces"));
    json_decref(result);
}

void sealing_precommit(const char *directory, struct sealing *sector, const char *data,
                       uint64_t padded_bytes)
{
    json_t *spec, *result;
    sealing_fini(sector);
    add_piece(directory, sector, data, padded_bytes);
    spec = make_spec(sector);
    json_object_set(spec, "pieces", sector->pieces);
    put_bytes(spec, "ticket", sector->ticket);
    put_path(spec, "unsealed", directory, sector->number, "");
    put_path(spec, "cache", directory, sector->number, "");
    mkdir(json_string_value(json_object_get(spec, "cache")), 0700);
    json_decref(run_task(directory, "pc1", json_deep_copy(spec)));
    put_path(spec, "sealed", directory, sector->number, "");
    result = run_task(directory, "pc2", spec);
    get_bytes(result, "comm_d", sector->comm_d, 32);
    get_bytes(result, "comm_r", sector->comm_r, 32);
    json_decref(result);
}

void sealing_commit(const char *directory, struct sealing *sector)
{
    json_t *spec = make_spec(sector), *c2, *result;
    json_object_set(spec, "pieces", sector->pieces);
    put_bytes(spec, "ticket", sector->ticket);
    put_bytes(spec, "seed", sector->seed);
    put_bytes(spec, "comm_d", sector->comm_d);
    put_bytes(spec, "comm_r", sector->comm_r);
    put_path(spec, "sealed", directory, sector->number, "");
    put_path(spec, "cache", directory, sector->number, "");
    put_path(spec, "output", directory, sector->number, ".json");
    c2 = json_pack("{s:O, s:s}", "input", json_object_get(spec, "output"), "parameters",
                   sealing_parameters());
    json_decref(run_task(directory, "c1", spec));
    result = run_task(directory, "c2", c2);
    get_bytes(result, "proof", sector->proof, sizeof(sector->proof));
    json_decref(result);
}

void sealing_fini(struct sealing *sector)
{
    json_decref(sector->pieces);
    sector->pieces = NULL;
}

void sealing_foreign_proof(uint8_t ret_proof[SY_PROOF_BYTES])
{
    json_t *root =
        json_load_file(SY_KAT_DIR "/reference/seal-2KiB-v1_1-multi-proved.json", 0, NULL);
    assert_non_null(root);
    get_bytes(json_object_get(root, "c2_fixed"), "proof", ret_proof, SY_PROOF_BYTES);
    json_decref(root);
}
