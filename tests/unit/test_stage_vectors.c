/* The real program against every known sector: AP to C1, unsealing, finalizing. The digests were
 * computed by the published crates (reference/) and by independent programs (sealing_*). */
#include "tests/unit/stage_harness.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/proof.h"
#include "tasks/hash/sha256.h"

#define CASES_MAX 128

static const char *pick_chain_name(const char *name)
{
    const char *proved = strstr(name, "-proved");
    static char text[128];
    snprintf(text, sizeof text, "%.*s", proved ? (int)(proved - name) : (int)strlen(name), name);
    return text;
}

static void check_hash(const json_t *result, const json_t *kat, const char *key)
{
    assert_string_equal(kat_text(result, key), kat_text(kat, key));
}

/* {"name": {"len"|"size": .., "sha256": ..}} against the files of the cache. */
static void check_cache(const char *cache, const char *sealed, const json_t *files)
{
    const char *name;
    json_t *file;
    json_object_foreach((json_t *)files, name, file)
    {
        const json_t *bytes = json_object_get(file, "len");
        char path[2 * STAGE_PATH_BYTES];
        if (!bytes)
            bytes = json_object_get(file, "size");
        if (strcmp(name, "sealed") == 0 || strcmp(name, "<sealed file>") == 0)
            snprintf(path, sizeof path, "%s", sealed);
        else
            snprintf(path, sizeof path, "%s/%s", cache, name);
        stage_check_file(path, kat_text(file, "sha256"), (uint64_t)json_integer_value(bytes));
    }
}

/* Everything about one sector that the stages share. */
struct sector {
    char name[96];
    char base[STAGE_PATH_BYTES];
    char cache[STAGE_PATH_BYTES + 32];
    char sealed[STAGE_PATH_BYTES + 32];
    char unsealed[STAGE_PATH_BYTES + 32];
    json_t *spec;   /* common keys */
    json_t *pieces; /* result of ap */
};

static void sector_init(struct sector *s, const char *name, json_t *keys)
{
    snprintf(s->name, sizeof s->name, "%s", name);
    snprintf(s->base, sizeof s->base, "%s", stage_path("%s", name));
    snprintf(s->cache, sizeof s->cache, "%s/cache", s->base);
    snprintf(s->sealed, sizeof s->sealed, "%s/sealed", s->base);
    snprintf(s->unsealed, sizeof s->unsealed, "%s/unsealed", s->base);
    assert_int_equal(mkdir(s->base, 0700), 0);
    s->spec = json_pack("{s:s,s:s,s:s,s:s,s:b}", "cache", s->cache, "sealed", s->sealed, "unsealed",
                        s->unsealed, "parent_cache", stage_path("parents"), "digests", 1);
    assert_int_equal(json_object_update(s->spec, keys), 0);
    json_decref(keys);
    s->pieces = NULL;
}

static void sector_fini(struct sector *s)
{
    json_decref(s->spec);
    json_decref(s->pieces);
    json_decref(stage_run(
        "remove",
        json_pack("{s:s,s:s,s:s}", "cache", s->cache, "sealed", s->sealed, "unsealed", s->unsealed),
        0));
    assert_false(stage_exists(s->cache));
    assert_false(stage_exists(s->sealed));
    assert_false(stage_exists(s->unsealed));
}

static json_t *sector_run(struct sector *s, const char *stage, json_t *more)
{
    json_t *first = stage_run(stage, stage_with(s->spec, json_incref(more)), 0);
    json_t *again = stage_run(stage, stage_with(s->spec, more), 0);
    if (!json_equal(first, again))
        fail_msg("%s %s: a second run gives another result", s->name, stage);
    json_decref(again);
    return first;
}

static void check_c1_file(const struct sector *s, const json_t *kat, const char *path)
{
    const json_t *c1 = kat_get(kat, "c1");
    const json_t *porep = kat_get(kat_get(kat, "sector"), "porep");
    const json_t *expected = json_object_get(c1, "api");
    /* Sealed under the registered proof of the same graph: the file then names that proof. */
    bool named = json_is_null(kat_get(porep, "registered_seal_proof")) &&
                 !json_object_get(s->spec, "sector_bytes");
    uint64_t bytes;
    if (!expected)
        expected = kat_get(c1, "raw");
    if (!named) {
        stage_check_file(path, kat_text(expected, "sha256"), kat_u64(expected, "len"));
    } else {
        stage_sha256(path, &bytes);
        assert_int_equal(bytes, kat_u64(expected, "len") + 61);
    }
}

static json_t *write_pieces(const struct sector *s, const json_t *kat)
{
    json_t *list = json_array();
    json_t *piece;
    size_t i;
    json_array_foreach(kat_get(kat, "pieces"), i, piece)
    {
        const char *label = json_string_value(kat_get(piece, "label"));
        uint64_t bytes = kat_u64(piece, "unpadded_size");
        char path[2 * STAGE_PATH_BYTES];
        uint64_t written;
        if (!label)
            continue;
        snprintf(path, sizeof path, "%s/piece-%zu", s->base, i);
        uint8_t *data = stage_stream(kat_text(kat, "seed"), label, bytes);
        stage_write(path, data, bytes);
        free(data);
        assert_string_equal(stage_sha256(path, &written), kat_text(piece, "payload_sha256"));
        json_array_append_new(list, json_pack("{s:s,s:I,s:I}", "path", path, "raw_bytes",
                                              (json_int_t)bytes, "padded_bytes",
                                              (json_int_t)kat_u64(piece, "padded_size")));
    }
    return list;
}

static json_t *reference_keys(const json_t *kat)
{
    static const struct {
        const char *variant;
        int proof_type;
    } variants[] = {{"v1_0", 0}, {"v1_1", 5}, {"v1_2", 5}, {"synth", 10}, {"ni", 15}};
    const json_t *sector = kat_get(kat, "sector");
    const json_t *porep = kat_get(sector, "porep");
    json_t *keys = json_pack("{s:O,s:O,s:O}", "miner", kat_get(sector, "actor_id"), "number",
                             kat_get(sector, "sector_number"), "ticket", kat_get(sector, "ticket"));
    for (size_t i = 0; i < SY_ARRAY_SIZE(variants); i++)
        if (strcmp(variants[i].variant, kat_text(porep, "variant")) == 0)
            json_object_set_new(keys, "proof_type", json_integer(variants[i].proof_type));
    assert_non_null(json_object_get(keys, "proof_type"));
    if (kat_u64(porep, "sector_size") != 2048)
        json_object_set(keys, "sector_bytes", kat_get(porep, "sector_size"));
    return keys;
}

static void reference_ap(struct sector *s, const json_t *kat)
{
    const json_t *staged = kat_get(kat, "staged");
    json_t *ap = sector_run(s, "ap", json_pack("{s:o}", "pieces", write_pieces(s, kat)));
    json_t *piece;
    size_t i;
    check_hash(ap, kat, "comm_d");
    stage_check_file(s->unsealed, kat_text(staged, "sha256"), kat_u64(staged, "len"));
    s->pieces = json_incref(kat_get(ap, "pieces"));
    /* Pieces and fillers lie where the reference has its pieces. */
    json_array_foreach(kat_get(kat, "pieces"), i, piece)
    {
        bool found = false;
        json_t *ours;
        size_t k;
        json_array_foreach(s->pieces, k, ours) found |=
            kat_u64(ours, "offset") == kat_u64(piece, "padded_offset") &&
            kat_u64(ours, "padded_bytes") == kat_u64(piece, "padded_size");
        assert_true(found);
    }
    json_decref(ap);
}

static void reference_pc1(struct sector *s, const json_t *kat, const char *aux)
{
    char path[256];
    const char *text;
    json_t *pc1 =
        sector_run(s, "pc1", json_pack("{s:O,s:s}", "pieces", s->pieces, "cache_path_in_aux", aux));
    check_hash(pc1, kat, "comm_d");
    check_hash(pc1, kat, "replica_id");
    check_cache(s->cache, s->sealed, kat_get(kat_get(kat, "pc1"), "cache"));
    snprintf(path, sizeof path, "%s/reference/files/%s/pc1.api.json", SY_KAT_DIR, s->name);
    FILE *file = fopen(path, "rb");
    if (file) {
        char expected[1024] = {0};
        assert_true(fread(expected, 1, sizeof expected - 1, file) > 0);
        fclose(file);
        text = kat_text(pc1, "pc1_output");
        assert_string_equal(text, expected);
    }
    json_decref(pc1);
}

static void reference_unseal(struct sector *s, const json_t *kat)
{
    const json_t *whole = kat_get(kat_get(kat, "unsealed"), "whole");
    const json_t *range = kat_get(kat_get(kat, "unsealed"), "range");
    uint64_t bytes = kat_u64(range, "len");
    char path[2 * STAGE_PATH_BYTES];
    char *data = NULL;
    snprintf(path, sizeof path, "%s/out", s->base);
    json_t *result = sector_run(
        s, "unseal", json_pack("{s:O,s:s}", "comm_d", kat_get(kat, "comm_d"), "output", path));
    assert_true(json_is_true(kat_get(result, "comm_d_checked")));
    json_decref(result);
    stage_check_file(path, kat_text(whole, "sha256"), kat_u64(whole, "len"));
    json_decref(sector_run(s, "unseal",
                           json_pack("{s:O,s:s,s:O,s:I}", "comm_d", kat_get(kat, "comm_d"),
                                     "output", path, "offset_bytes", kat_get(range, "offset"),
                                     "size_bytes", (json_int_t)bytes)));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *read = malloc(bytes + 1);
    data = malloc(2 * bytes + 1);
    assert_int_equal(fread(read, 1, bytes + 1, file), bytes);
    fclose(file);
    assert_string_equal(sy_hex_encode(read, bytes, data), kat_text(range, "bytes"));
    free(read);
    free(data);
}

static void reference_finalize(struct sector *s, const json_t *kat)
{
    char sealed[2 * STAGE_PATH_BYTES];
    char cache[2 * STAGE_PATH_BYTES];
    json_t *kept = json_deep_copy(kat_get(kat, "cache_after_clear"));
    snprintf(sealed, sizeof sealed, "%s/store/sealed/s-t0%s", s->base, s->name);
    snprintf(cache, sizeof cache, "%s/store/cache/s-t0%s", s->base, s->name);
    /* The reference clears the synthetic proofs in a call of their own. */
    json_object_del(kept, "syn-porep-vanilla-proofs.dat");
    json_decref(sector_run(s, "finalize",
                           json_pack("{s:{s:s,s:s,s:s},s:O}", "store", "kind", "posix", "sealed",
                                     sealed, "cache", cache, "comm_r", kat_get(kat, "comm_r"))));
    check_cache(cache, sealed, kept);
    stage_check_file(sealed, kat_text(kat_get(kat, "sealed"), "sha256"),
                     kat_u64(kat_get(kat, "sealed"), "len"));
    assert_int_equal(stage_count_files(cache, ""), json_object_size(kept) + 1);
    assert_int_equal(stage_count_files(cache, "sealyard-finalize.json"), 1);
    assert_false(stage_exists(s->cache));
    assert_false(stage_exists(s->sealed));
    assert_false(stage_exists(s->unsealed));
    json_decref(kept);
}

static void reference_sector(void **state)
{
    const char *name = *state;
    struct sector s;
    char file[128];
    char aux[192];
    char path[2 * STAGE_PATH_BYTES];
    snprintf(file, sizeof file, "reference/%s.json", name);
    json_t *kat = kat_load(file);
    const json_t *sector = kat_get(kat, "sector");
    snprintf(aux, sizeof aux, "work/%s/cache", pick_chain_name(name));
    sector_init(&s, name, reference_keys(kat));
    reference_ap(&s, kat);
    reference_pc1(&s, kat, aux);
    json_t *pc2 =
        sector_run(&s, "pc2", json_pack("{s:O,s:s}", "pieces", s.pieces, "cache_path_in_aux", aux));
    check_hash(pc2, kat, "comm_c");
    check_hash(pc2, kat, "comm_r_last");
    check_hash(pc2, kat, "comm_r");
    check_hash(pc2, kat, "comm_d");
    check_cache(s.cache, s.sealed, kat_get(kat, "cache"));
    stage_check_file(s.sealed, kat_text(kat_get(kat, "sealed"), "sha256"),
                     kat_u64(kat_get(kat, "sealed"), "len"));
    json_decref(pc2);
    snprintf(path, sizeof path, "%s/c1.json", s.base);
    json_t *c1 =
        sector_run(&s, "c1",
                   json_pack("{s:O,s:O,s:O,s:s,s:s}", "seed", kat_get(sector, "challenge_seed"),
                             "comm_d", kat_get(kat, "comm_d"), "comm_r", kat_get(kat, "comm_r"),
                             "output", path, "verify", "full"));
    assert_true(json_equal(kat_get(c1, "challenges"), kat_get(kat, "challenges")));
    assert_true(json_is_true(kat_get(c1, "verified")));
    check_c1_file(&s, kat, path);
    json_decref(c1);
    reference_unseal(&s, kat);
    reference_finalize(&s, kat);
    sector_fini(&s);
    json_decref(kat);
}

/* ------------------------------------------------------ sectors of the independent programs */

/* Concatenated SHA-256 of the u64le 0, 1, 2, .. */
static void write_pattern(const char *path, uint64_t bytes)
{
    uint8_t *data = malloc(bytes + 32);
    uint8_t counter[8];
    assert_non_null(data);
    for (uint64_t i = 0; i * 32 < bytes; i++) {
        for (unsigned k = 0; k < 8; k++)
            counter[k] = (uint8_t)(i >> (8 * k));
        sy_sha256(counter, sizeof counter, data + i * 32);
    }
    stage_write(path, data, bytes);
    free(data);
}

static uint64_t actor_of(const json_t *kat)
{
    uint8_t prover_id[32];
    uint64_t actor = 0;
    kat_hash(kat, "prover_id", prover_id);
    for (unsigned i = 0; i < 9; i++) {
        actor |= (uint64_t)(prover_id[i] & 0x7f) << (7 * i);
        if (!(prover_id[i] & 0x80))
            break;
    }
    return actor;
}

static json_t *own_keys(const json_t *kat)
{
    const json_t *legacy = json_object_get(kat, "legacy_graph");
    uint8_t porep_id[32];
    kat_hash(kat, "porep_id", porep_id);
    const struct sy_proof *proof = sy_proof_get(porep_id[0]);
    json_t *keys = json_pack("{s:I,s:O,s:O}", "miner", (json_int_t)actor_of(kat), "number",
                             kat_get(kat, "sector"), "ticket", kat_get(kat, "ticket"));
    if (proof && proof->sector_bytes == kat_u64(kat, "sector_bytes")) {
        json_object_set_new(keys, "proof_type", json_integer(porep_id[0]));
        return keys;
    }
    json_object_set_new(keys, "proof_type", json_integer(legacy && json_is_true(legacy) ? 0 : 5));
    json_object_set(keys, "sector_bytes", kat_get(kat, "sector_bytes"));
    json_object_set(keys, "porep_id", kat_get(kat, "porep_id"));
    json_object_set(keys, "layers", kat_get(kat, "layers"));
    return keys;
}

static json_t *own_pieces(const struct sector *s, const json_t *kat)
{
    static const char zeros_2k[] =
        "e5a00aa9991ac8a5ee3109844d84a55583bd20572ad3ffcd42792f3c36b183ad";
    uint64_t padded = kat_u64(kat, "sector_bytes");
    char path[2 * STAGE_PATH_BYTES];
    json_t *list = json_array();
    if (strstr(kat_text(kat, "name"), "zero") ||
        strcmp(kat_text(kat, "padded_data_sha256"), zeros_2k) == 0)
        return list;
    snprintf(path, sizeof path, "%s/piece", s->base);
    write_pattern(path, padded / 128 * 127);
    json_array_append_new(list, json_pack("{s:s,s:I,s:I}", "path", path, "raw_bytes",
                                          (json_int_t)(padded / 128 * 127), "padded_bytes",
                                          (json_int_t)padded));
    return list;
}

/* The examples of sealing_c1_meta.json and the C1 of the 8 MiB sector. */
static void own_c1(struct sector *s, const json_t *kat, const char *seed, const json_t *challenges,
                   const char *sha256, uint64_t bytes)
{
    char path[2 * STAGE_PATH_BYTES];
    json_t *expected = json_pack("[O]", challenges);
    snprintf(path, sizeof path, "%s/c1.json", s->base);
    json_t *c1 =
        sector_run(s, "c1",
                   json_pack("{s:s,s:O,s:O,s:s}", "seed", seed, "comm_d", kat_get(kat, "comm_d"),
                             "comm_r", kat_get(kat, "comm_r"), "output", path));
    assert_true(json_equal(kat_get(c1, "challenges"), expected));
    stage_check_file(path, sha256, bytes);
    json_decref(expected);
    json_decref(c1);
}

static void own_sector(void **state)
{
    const json_t *kat = *state;
    struct sector s;
    uint64_t bytes;
    sector_init(&s, kat_text(kat, "name"), own_keys(kat));
    json_t *ap = sector_run(&s, "ap", json_pack("{s:o}", "pieces", own_pieces(&s, kat)));
    check_hash(ap, kat, "comm_d");
    check_hash(ap, kat, "comm_d_cid");
    assert_string_equal(stage_sha256(s.unsealed, &bytes), kat_text(kat, "padded_data_sha256"));
    s.pieces = json_incref(kat_get(ap, "pieces"));
    json_decref(ap);
    json_t *pc1 = sector_run(&s, "pc1", json_pack("{s:O}", "pieces", s.pieces));
    check_hash(pc1, kat, "replica_id");
    json_decref(pc1);
    json_t *pc2 = sector_run(&s, "pc2", json_pack("{s:O}", "pieces", s.pieces));
    check_hash(pc2, kat, "comm_c");
    check_hash(pc2, kat, "comm_r_last");
    check_hash(pc2, kat, "comm_r");
    check_hash(pc2, kat, "comm_r_cid");
    json_decref(pc2);
    check_cache(s.cache, s.sealed, kat_get(kat, "files"));
    const json_t *c1 = json_object_get(kat, "c1");
    if (c1)
        own_c1(&s, kat, kat_text(c1, "seed"), kat_get(c1, "challenges"),
               kat_text(c1, "json_sha256"), kat_u64(c1, "json_len"));
    json_t *meta = kat_load("sealing_c1_meta.json");
    if (strcmp(kat_text(kat, "name"), "2k-v1_1-pattern") == 0)
        own_c1(&s, kat, "19b25856e1c150ca834cffc8b59b23adbd0ec0389e58eb22b3b64768098d002b",
               kat_get(meta, "challenges"), kat_text(meta, "c1_json_sha256"),
               kat_u64(meta, "c1_json_len"));
    if (strcmp(kat_text(kat, "name"), "2k-synth-zero") == 0) {
        const json_t *file = kat_get(meta, "synthetic_file_2k_zero");
        char path[2 * STAGE_PATH_BYTES];
        snprintf(path, sizeof path, "%s/syn-porep-vanilla-proofs.dat", s.cache);
        stage_check_file(path, kat_text(file, "sha256"), kat_u64(file, "size"));
    }
    json_decref(meta);
    sector_fini(&s);
}

static json_t *own_vectors;
static struct CMUnitTest tests[CASES_MAX];
static size_t test_count;

static void add_test(const char *name, CMUnitTestFunction fn, void *state)
{
    assert_true(test_count < CASES_MAX);
    tests[test_count++] =
        (struct CMUnitTest){.name = strdup(name), .test_func = fn, .initial_state = state};
}

static void add_reference(const char *size)
{
    struct dirent **entries;
    int count = scandir(SY_KAT_DIR "/reference", &entries, NULL, alphasort);
    char prefix[32];
    snprintf(prefix, sizeof prefix, "seal-%s-", size);
    for (int i = 0; i < count; i++) {
        char *name = strdup(entries[i]->d_name);
        char *dot = strrchr(name, '.');
        if (strncmp(name, prefix, strlen(prefix)) == 0 && dot) {
            *dot = 0;
            add_test(name, reference_sector, name);
        } else {
            free(name);
        }
        free(entries[i]);
    }
    free(entries);
}

static void add_own(json_t *list)
{
    json_t *one;
    size_t i;
    json_array_foreach(list, i, one) add_test(kat_text(one, "name"), own_sector, one);
}

static int clean(void **state)
{
    (void)state;
    stage_cleanup();
    return 0;
}

/* The argument is a size of the reference sectors, or "small" or "8MiB" for the others. */
int main(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "small";
    if (strcmp(which, "small") == 0) {
        own_vectors = kat_load("sealing_seal_vectors.json");
        add_own(kat_get(own_vectors, "cases"));
    } else if (strcmp(which, "8MiB") == 0) {
        own_vectors = kat_load("sealing_seal_vectors_8MiB.json");
        add_own(own_vectors);
    } else {
        add_reference(which);
    }
    if (test_count == 0) {
        fprintf(stderr, "no sectors of \"%s\"\n", which);
        return 1;
    }
    int failed = _cmocka_run_group_tests(which, tests, test_count, NULL, clean);
    json_decref(own_vectors);
    return failed;
}
