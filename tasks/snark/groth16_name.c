/* Circuit kinds, parameter file names, digests: facts groth16.md 2.5 and 2.6. */
#include "tasks/snark/groth16.h"

#include "common/file.h"
#include "common/hex.h"
#include "tasks/hash/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDENTIFIER_BYTES 512
#define DIGEST_CHUNK ((size_t)4 << 20)

static const char *const kind_names[SY_CIRCUIT_KINDS] = {"porep", "winning", "window", "update"};

const char *sy_circuit_kind_name(enum sy_circuit_kind kind)
{
    SY_ASSERT(kind < SY_CIRCUIT_KINDS);
    return kind_names[kind];
}

int sy_circuit_kind_parse(const char *text, enum sy_circuit_kind *ret, struct sy_error *err)
{
    for (size_t i = 0; i < SY_CIRCUIT_KINDS; i++) {
        if (strcmp(text, kind_names[i]) == 0) {
            *ret = (enum sy_circuit_kind)i;
            return 0;
        }
    }
    return sy_fail(err, SY_E_PARSE,
                   "'%.40s' is no circuit, expected porep, winning, window or update", text);
}

static int porep_params(struct sy_porep_params *ret, uint64_t sector_bytes, struct sy_error *err)
{
    static const uint8_t porep_id[SY_POREP_ID_BYTES];
    return sy_porep_params_init_test(ret, sector_bytes, SY_PROOF_V1_1, SY_API_1_1_0, porep_id, err);
}

int sy_circuit_run_blank(struct sy_cs *cs, enum sy_circuit_kind kind, uint64_t sector_bytes,
                         struct sy_error *err)
{
    struct sy_porep_params porep;
    struct sy_update_shape update;
    struct sy_post_shape post;
    int rc;
    switch (kind) {
    case SY_CIRCUIT_POREP:
        rc = porep_params(&porep, sector_bytes, err);
        if (rc == 0)
            sy_circuit_porep(cs, &porep, NULL);
        return rc;
    case SY_CIRCUIT_UPDATE:
        rc = sy_update_shape_init(&update, sector_bytes, err);
        if (rc == 0)
            sy_circuit_update(cs, &update, NULL);
        return rc;
    default:
        rc = sy_post_shape_init(&post, sector_bytes,
                                kind == SY_CIRCUIT_WINNING ? SY_POST_WINNING : SY_POST_WINDOW, err);
        if (rc == 0)
            sy_circuit_post(cs, &post, NULL);
        return rc;
    }
}

/* The exact text whose SHA-256 names the parameters. */
static int format_identifier(enum sy_circuit_kind kind, const struct sy_porep_params *p,
                             const char *shape, char *text, struct sy_error *err)
{
    struct sy_post_shape post;
    int rc = 0;
    if (kind == SY_CIRCUIT_POREP) {
        snprintf(
            text, IDENTIFIER_BYTES,
            "layered_drgporep::PublicParams{ graph: stacked_graph::StackedGraph{expansion_degree: "
            "8 base_graph: drgraph::BucketGraph{size: %llu; degree: 6; hasher: poseidon_hasher} }, "
            "challenges: LayerChallenges { layers: %u, max_count: %u }, tree: "
            "merkletree-poseidon_hasher-%s }",
            (unsigned long long)p->nodes, p->layers, p->layers == 11 ? 18u : 2u, shape);
    } else if (kind == SY_CIRCUIT_UPDATE) {
        snprintf(text, IDENTIFIER_BYTES, "empty_sector_update::PublicParams{ sector_nodes: %llu }",
                 (unsigned long long)p->nodes);
    } else {
        rc = sy_post_shape_init(&post, p->sector_bytes,
                                kind == SY_CIRCUIT_WINNING ? SY_POST_WINNING : SY_POST_WINDOW, err);
        if (rc == 0)
            snprintf(text, IDENTIFIER_BYTES,
                     "FallbackPoSt::PublicParams{sector_size: %llu, challenge_count: %u, "
                     "sector_count: %u}",
                     (unsigned long long)p->sector_bytes, post.challenge_count, post.sector_count);
    }
    return rc;
}

int sy_params_name(enum sy_circuit_kind kind, uint64_t sector_bytes,
                   char ret_name[SY_PARAMS_NAME_BYTES], struct sy_error *err)
{
    struct sy_porep_params p;
    int rc = porep_params(&p, sector_bytes, err);
    if (rc != 0)
        return rc;
    char shape[16], identifier[IDENTIFIER_BYTES], hex[SY_HEX_TEXT_BYTES(32)];
    snprintf(shape, sizeof shape, "8-%u-%u", p.sub_arity, p.top_arity);
    rc = format_identifier(kind, &p, shape, identifier, err);
    if (rc != 0)
        return rc;
    uint8_t digest[32];
    sy_sha256(identifier, strlen(identifier), digest);
    sy_hex_encode(digest, sizeof digest, hex);
    const char *prefix = kind == SY_CIRCUIT_POREP    ? "stacked-proof-of-replication"
                         : kind == SY_CIRCUIT_UPDATE ? "empty-sector-update"
                                                     : "proof-of-spacetime-fallback";
    snprintf(ret_name, SY_PARAMS_NAME_BYTES, "v28-%s-merkletree-poseidon_hasher-%s%s-%s", prefix,
             shape, kind == SY_CIRCUIT_POREP ? "-sha256_hasher" : "", hex);
    return 0;
}

static int hash_file(int fd, const char *path, crypto_generichash_state *state, uint8_t *chunk,
                     const struct sy_snark_progress *progress, struct sy_error *err)
{
    uint64_t total = 0, done = 0;
    int rc = sy_file_size(path, &total, err);
    while (rc == 0) {
        ssize_t got = read(fd, chunk, DIGEST_CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = sy_fail_errno(err, errno, "read %s", path);
        if (got <= 0)
            break;
        crypto_generichash_update(state, chunk, (size_t)got);
        done += (uint64_t)got;
        if (progress && progress->on_progress)
            progress->on_progress(progress->ctx, "digest", done, total);
    }
    return rc;
}

int sy_params_digest(const char *path, char ret_text[33], const struct sy_snark_progress *progress,
                     struct sy_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    crypto_generichash_state state;
    uint8_t digest[64];
    uint8_t *chunk = malloc(DIGEST_CHUNK);
    int rc = chunk ? 0 : sy_fail(err, SY_E_NOMEM, "no memory to read %s", path);
    crypto_generichash_init(&state, NULL, 0, sizeof digest);
    if (rc == 0)
        rc = hash_file(fd, path, &state, chunk, progress, err);
    if (rc == 0) {
        crypto_generichash_final(&state, digest, sizeof digest);
        sy_hex_encode(digest, 16, ret_text);
    }
    free(chunk);
    close(fd);
    return rc;
}
