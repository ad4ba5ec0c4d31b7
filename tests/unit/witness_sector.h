/* Sectors of the reference vectors, sealed again by the real stages from their random streams. */
#ifndef SEALYARD_TESTS_UNIT_WITNESS_SECTOR_H
#define SEALYARD_TESTS_UNIT_WITNESS_SECTOR_H

#include "tests/unit/stage_harness.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "tasks/sector/params.h"

#define WITNESS_PATH_BYTES (2 * STAGE_PATH_BYTES)

struct witness_sector {
    char base[STAGE_PATH_BYTES];
    char cache[WITNESS_PATH_BYTES], sealed[WITNESS_PATH_BYTES], unsealed[WITNESS_PATH_BYTES];
    struct sy_porep_params params;
    json_t *spec, *pieces;
};

/* The pieces that have a stream, as the stages' "pieces". */
static inline json_t *witness_pieces(const char *base, const char *seed, const json_t *list)
{
    json_t *result = json_array(), *piece;
    size_t i;
    json_array_foreach(list, i, piece)
    {
        const char *label = json_string_value(kat_get(piece, "label"));
        uint64_t bytes = kat_u64(piece, "unpadded_size");
        char path[WITNESS_PATH_BYTES];
        if (!label)
            continue;
        snprintf(path, sizeof path, "%s/piece-%zu", base, i);
        uint8_t *data = stage_stream(seed, label, bytes);
        stage_write(path, data, bytes);
        free(data);
        json_array_append_new(result, json_pack("{s:s,s:I,s:I}", "path", path, "raw_bytes",
                                                (json_int_t)bytes, "padded_bytes",
                                                (json_int_t)kat_u64(piece, "padded_size")));
    }
    return result;
}

/* ap, pc1, pc2 of `entry` (a "sector" object with pieces and commitments). */
static inline void witness_seal(struct witness_sector *s, const char *seed, const json_t *entry)
{
    static unsigned number;
    const json_t *sector = kat_get(entry, "sector"), *porep = kat_get(sector, "porep");
    uint64_t size = kat_u64(porep, "sector_size");
    uint8_t porep_id[32];
    assert_string_equal(kat_text(porep, "variant"), "v1_1");
    kat_hash(porep, "porep_id", porep_id);
    assert_int_equal(
        sy_porep_params_init_test(&s->params, size, SY_PROOF_V1_1, SY_API_1_1_0, porep_id, NULL),
        0);
    snprintf(s->base, sizeof s->base, "%s", stage_path("w%u", number++));
    snprintf(s->cache, sizeof s->cache, "%s/cache", s->base);
    snprintf(s->sealed, sizeof s->sealed, "%s/sealed", s->base);
    snprintf(s->unsealed, sizeof s->unsealed, "%s/unsealed", s->base);
    assert_int_equal(mkdir(s->base, 0700), 0);
    s->spec = json_pack("{s:i,s:O,s:O,s:O,s:s,s:s,s:s,s:s}", "proof_type", 5, "miner",
                        kat_get(sector, "actor_id"), "number", kat_get(sector, "sector_number"),
                        "ticket", kat_get(sector, "ticket"), "cache", s->cache, "sealed", s->sealed,
                        "unsealed", s->unsealed, "parent_cache", stage_path("parents"));
    if (size != 2048)
        json_object_set_new(s->spec, "sector_bytes", json_integer((json_int_t)size));
    json_t *ap = stage_run(
        "ap",
        stage_with(s->spec, json_pack("{s:o}", "pieces",
                                      witness_pieces(s->base, seed, kat_get(entry, "pieces")))),
        0);
    assert_string_equal(kat_text(ap, "comm_d"), kat_text(entry, "comm_d"));
    s->pieces = json_incref(kat_get(ap, "pieces"));
    json_decref(ap);
    json_decref(stage_run("pc1", stage_with(s->spec, json_pack("{s:O}", "pieces", s->pieces)), 0));
    json_t *pc2 = stage_run("pc2", stage_with(s->spec, json_pack("{s:O}", "pieces", s->pieces)), 0);
    assert_string_equal(kat_text(pc2, "comm_r"), kat_text(entry, "comm_r"));
    json_decref(pc2);
}

static inline void witness_sector_fini(struct witness_sector *s)
{
    json_decref(s->spec);
    json_decref(s->pieces);
}

#endif
