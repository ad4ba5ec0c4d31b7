/* A 2 KiB sector with client data and the specs of its stages, for tests of sealyard-task. */
#ifndef SEALYARD_TESTS_UNIT_STAGE_SECTOR_H
#define SEALYARD_TESTS_UNIT_STAGE_SECTOR_H

#include "tests/unit/stage_harness.h"

#include <sys/stat.h>

#include "common/sy.h"

#define INPUT 10
#define RESOURCE 12
#define CORRUPT 13

static const char ticket[] = "0102030405060708091011121314151617181920212223242526272829303132";
static const char seed[] = "a102030405060708091011121314151617181920212223242526272829303132";

/* One 2 KiB sector with client data; each test has its own directory. */
struct sector {
    json_t *spec;
    json_t *pieces;
    json_t *pc2;
    char base[STAGE_PATH_BYTES];
};

static inline const char *in(const struct sector *s, const char *name)
{
    static char buffers[16][2 * STAGE_PATH_BYTES];
    static unsigned next;
    char *buffer = buffers[next++ % SY_ARRAY_SIZE(buffers)];
    snprintf(buffer, 2 * STAGE_PATH_BYTES, "%s/%s", s->base, name);
    return buffer;
}

static inline json_t *spec_of(const struct sector *s, json_int_t proof_type)
{
    return json_pack("{s:I,s:i,s:i,s:s,s:s,s:s,s:s,s:s}", "proof_type", proof_type, "miner", 1000,
                     "number", 1, "ticket", ticket, "cache", in(s, "cache"), "sealed",
                     in(s, "sealed"), "unsealed", in(s, "unsealed"), "parent_cache",
                     stage_path("parents"));
}

static inline json_t *client_pieces(const struct sector *s)
{
    uint8_t data[1016];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + i / 256);
    stage_write(in(s, "piece"), data, sizeof data);
    return json_pack("[{s:s,s:i,s:i}]", "path", in(s, "piece"), "raw_bytes", 1016, "padded_bytes",
                     1024);
}

static inline void sector_open(struct sector *s, json_int_t proof_type)
{
    static unsigned number;
    snprintf(s->base, sizeof s->base, "%s", stage_path("s%u", number++));
    assert_int_equal(mkdir(s->base, 0700), 0);
    s->spec = spec_of(s, proof_type);
    s->pieces = NULL;
    s->pc2 = NULL;
}

static inline json_t *with(const struct sector *s, json_t *more)
{
    return stage_with(s->spec, more);
}

static inline json_t *with_pieces(const struct sector *s)
{
    return with(s, json_pack("{s:O}", "pieces", s->pieces));
}

static inline void run_ap(struct sector *s)
{
    json_t *ap = stage_run("ap", with(s, json_pack("{s:o}", "pieces", client_pieces(s))), 0);
    s->pieces = json_incref(kat_get(ap, "pieces"));
    json_decref(ap);
}

static inline void run_pc1(struct sector *s)
{
    run_ap(s);
    json_decref(stage_run("pc1", with_pieces(s), 0));
}

static inline void run_pc2(struct sector *s)
{
    run_pc1(s);
    s->pc2 = stage_run("pc2", with_pieces(s), 0);
}

static inline json_t *c1_spec(const struct sector *s)
{
    return with(s, json_pack("{s:s,s:O,s:O,s:s}", "seed", seed, "comm_d", kat_get(s->pc2, "comm_d"),
                             "comm_r", kat_get(s->pc2, "comm_r"), "output", in(s, "c1.json")));
}

static inline json_t *unseal_spec(const struct sector *s)
{
    return with(
        s, json_pack("{s:O,s:s}", "comm_d", kat_get(s->pc2, "comm_d"), "output", in(s, "out")));
}

static inline json_t *finalize_spec(const struct sector *s)
{
    return with(s, json_pack("{s:{s:s,s:s,s:s}}", "store", "kind", "posix", "sealed",
                             in(s, "store/sealed"), "cache", in(s, "store/cache")));
}

static inline void sector_close(struct sector *s)
{
    assert_int_equal(stage_count_files(in(s, "cache"), ".sy-tmp"), 0);
    assert_int_equal(stage_count_files(s->base, ".sy-tmp"), 0);
    json_decref(s->spec);
    json_decref(s->pieces);
    json_decref(s->pc2);
}

#endif
