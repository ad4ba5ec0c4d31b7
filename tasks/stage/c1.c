/* c1: the vanilla proofs for a seed, as the JSON that goes to c2.
 *
 * Every proof is verified before it is written (unless verify is none). Interactive and
 * non-interactive types prove from layers and trees; synthetic types read the file that pc2 made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "tasks/hash/poseidon.h"
#include "tasks/sector/aux.h"
#include "tasks/stage/replica.h"
#include "tasks/tree/parallel.h"
#include "tasks/vanilla/c1.h"
#include "tasks/vanilla/prove.h"
#include "tasks/vanilla/synth.h"
#include "tasks/vanilla/verify.h"

/* What the chain passes as interactive randomness of types that have none. */
#define NI_SEED_BYTE 0x01

struct c1 {
    struct sy_task *task;
    struct sy_vanilla_public public;
    struct sy_vanilla_prover *prover; /* or */
    struct sy_synth *synth;
    struct sy_vanilla_verifier *verifier; /* NULL: not verified */
    struct sy_vanilla_proof *proofs;      /* of one partition */
    uint64_t challenges[SY_VANILLA_CHALLENGES_MAX];
    uint32_t partition;
    json_t *challenge_lists; /* owned */
    uint8_t sha256[32];
    uint64_t bytes;
};

static int set_public(struct c1 *c1, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    struct sy_vanilla_public *public = &c1->public;
    memcpy(public->comm_d, spec->comm_d, 32);
    memcpy(public->comm_r, spec->comm_r, 32);
    memcpy(public->ticket, spec->ticket, 32);
    if (spec->has_seed)
        memcpy(public->seed, spec->seed, 32);
    else if (spec->params.variant == SY_PROOF_NI)
        memset(public->seed, NI_SEED_BYTE, 32);
    else
        return sy_fail(err, SY_E_ARG, "spec: stage c1 needs the key \"seed\"");
    return 0;
}

/* p_aux is what ties the cache to the comm_r on the chain. */
static int check_comm_r(const struct sy_spec *spec, struct sy_error *err)
{
    uint8_t pair[64];
    uint8_t comm_r[32];
    char found[SY_HEX_TEXT_BYTES(32)];
    char expected[SY_HEX_TEXT_BYTES(32)];
    int rc = sy_p_aux_read(spec->cache, pair, pair + 32, err);
    if (rc == -SY_E_NOT_FOUND)
        return sy_fail(err, SY_E_CORRUPT, "p_aux is missing in %.200s: run pc2 again", spec->cache);
    if (rc)
        return sy_error_wrap(err, "run pc2 again");
    if (rc == 0)
        rc = sy_poseidon_node(2, pair, comm_r, err);
    if (rc == 0 && memcmp(comm_r, spec->comm_r, 32) != 0)
        rc = sy_fail(err, SY_E_MISMATCH,
                     "p_aux of the cache gives comm_r %s, %s expected: another sector, or run pc2 "
                     "again",
                     sy_hex_encode(comm_r, 32, found), sy_hex_encode(spec->comm_r, 32, expected));
    return rc;
}

static bool has_all_of(const struct sy_stage_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (access(files->file[i].path, R_OK) != 0)
            return false;
    return true;
}

static int check_inputs(const struct c1 *c1, bool synthetic, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    struct sy_stage_files pc1_files = {0};
    struct sy_stage_files sealed = {0};
    int rc = check_comm_r(spec, err);
    if (rc == 0)
        rc = sy_stage_files_init(&sealed, err);
    if (rc == 0)
        rc = sy_stage_files_add(&sealed, spec->sealed, spec->params.sector_bytes, NULL, err);
    if (rc == 0 && !synthetic)
        rc = sy_stage_files_init(&pc1_files, err);
    if (rc == 0 && !synthetic)
        rc = sy_task_list_pc1(spec, &pc1_files, err);
    if (rc == 0 && !synthetic)
        rc = sy_replica_check_stage(spec, SY_STAGE_PC1, c1->public.replica_id, &pc1_files, err);
    /* After the layers and trees of a synthetic sector were cleared, tree-c is not there either. */
    if (rc == 0 && !synthetic)
        rc = sy_replica_check_stage(spec, SY_STAGE_PC2, c1->public.replica_id, &sealed, err);
    sy_stage_files_fini(&pc1_files);
    sy_stage_files_fini(&sealed);
    return rc;
}

/* The synthetic file when it is there; a synthetic sector that still has its layers can do without.
 */
static int open_source(struct c1 *c1, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    struct sy_stage_files files = {0};
    char path[SY_PATH_BYTES];
    bool synthetic = spec->params.variant == SY_PROOF_SYNTHETIC;
    int rc = sy_stage_files_init(&files, err);
    if (rc == 0)
        rc = sy_files_synthetic(path, spec->cache, err);
    if (rc == 0)
        rc = sy_task_list_pc1(spec, &files, err);
    if (rc == 0 && synthetic && access(path, F_OK) != 0 && has_all_of(&files))
        synthetic = false;
    sy_stage_files_fini(&files);
    if (rc == 0)
        rc = check_inputs(c1, synthetic, err);
    if (rc)
        return rc;
    if (synthetic)
        return sy_synth_open(&c1->synth, &spec->params, &c1->public, path, err);
    return sy_vanilla_prover_create(&c1->prover, &spec->params, spec->cache, spec->sealed, err);
}

static int prove_one(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    struct c1 *c1 = ctx;
    const struct sy_porep_params *params = &c1->task->spec.params;
    struct sy_vanilla_proof *proof = &c1->proofs[index];
    uint32_t position = c1->partition * params->challenges_per_partition + (uint32_t)index;
    uint64_t challenge = c1->challenges[index];
    int rc;
    (void)worker;
    if (c1->synth)
        rc = sy_synth_read(c1->synth, position, proof, err);
    else
        rc = sy_vanilla_prove(c1->prover, challenge, proof, err);
    if (rc == 0 && c1->verifier)
        rc = sy_vanilla_verify(c1->verifier, challenge, proof, err);
    if (rc)
        sy_error_wrap(err, "challenge %u (node %llu)", position, (unsigned long long)challenge);
    return rc;
}

static int note_challenges(struct c1 *c1, uint32_t count, struct sy_error *err)
{
    json_t *list = json_array();
    int bad = !list;
    for (uint32_t i = 0; !bad && i < count; i++)
        bad = json_array_append_new(list, json_integer((json_int_t)c1->challenges[i]));
    if (bad || json_array_append(c1->challenge_lists, list))
        bad = 1;
    json_decref(list);
    return sy_task_json_ok(bad, err);
}

static int write_partition(struct c1 *c1, struct sy_c1_writer *writer, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    uint32_t count = spec->params.challenges_per_partition;
    int rc = sy_vanilla_challenges(&spec->params, &c1->public, c1->partition, c1->challenges, err);
    if (rc == 0)
        rc = sy_parallel_for(spec->threads, 0, count, prove_one, c1, err);
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = sy_c1_writer_put(writer, &c1->proofs[i], i + 1 == count, err);
    if (rc == 0)
        rc = note_challenges(c1, count, err);
    return rc;
}

static int write_text(struct c1 *c1, int fd, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    const struct sy_proof *proof = spec->params.proof;
    struct sy_c1_writer *writer;
    int rc = sy_c1_writer_create(&writer, fd, spec->output, proof ? proof->name : NULL,
                                 proof ? proof->size_key : NULL, err);
    if (rc)
        return rc;
    sy_stage_progress_phase(c1->task->progress, "vanilla proofs", spec->params.partitions,
                            "partitions");
    for (c1->partition = 0; rc == 0 && c1->partition < spec->params.partitions; c1->partition++) {
        rc = write_partition(c1, writer, err);
        sy_stage_progress_done(c1->task->progress, c1->partition + 1);
    }
    if (rc == 0)
        rc = sy_c1_writer_finish(writer, &c1->public, c1->sha256, &c1->bytes, err);
    sy_c1_writer_destroy(writer);
    return rc;
}

static int write_output(struct c1 *c1, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    char temp[SY_PATH_BYTES];
    int rc = sy_path_format(temp, err, "%s%s", spec->output, SY_FILE_TEMP_SUFFIX);
    if (rc)
        return rc;
    int fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return sy_fail_errno(err, errno, "create %.200s", temp);
    rc = write_text(c1, fd, err);
    if (rc == 0)
        return sy_file_publish(fd, temp, spec->output, err);
    close(fd);
    unlink(temp);
    return rc;
}

/* Reads the file back as another system will. */
static int check_output(const struct c1 *c1, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    const struct sy_vanilla_public *public = &c1->public;
    struct sy_c1_check check = {
        .params = &spec->params,
        .comm_r = public->comm_r,
        .comm_d = public->comm_d,
        .replica_id = public->replica_id,
        .seed = public->seed,
        .ticket = public->ticket,
        .threads = spec->threads,
    };
    struct sy_c1 *file;
    if (spec->verify != SY_VERIFY_FULL)
        return 0;
    int rc = sy_c1_read_file(&file, spec->output, err);
    if (rc)
        return rc;
    rc = sy_c1_verify(file, &check, err);
    sy_c1_destroy(file);
    return rc;
}

static int c1_result(const struct c1 *c1, json_t **ret, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    json_t *result =
        json_pack("{s:s,s:I,s:O,s:b}", "output", spec->output, "bytes", (json_int_t)c1->bytes,
                  "challenges", c1->challenge_lists, "verified", c1->verifier != NULL);
    int bad = !result || sy_task_set_hash(result, "sha256", c1->sha256) ||
              sy_task_set_hash(result, "replica_id", c1->public.replica_id);
    if (bad)
        json_decref(result);
    else
        *ret = result;
    return sy_task_json_ok(bad, err);
}

/* A byte takes 3.57 characters on average ("0," to "255,"); keys and indexes are few beside. */
static int check_space(const struct sy_spec *spec, struct sy_error *err)
{
    const struct sy_porep_params *params = &spec->params;
    uint64_t labels = (uint64_t)(params->layers + 1) * SY_LABEL_PARENTS * SY_NODE_BYTES;
    uint64_t proofs = (uint64_t)params->partitions * params->challenges_per_partition;
    uint64_t text = proofs * (sy_synth_record_bytes(params) + labels) * 37 / 10;
    struct sy_stage_files files;
    int rc = sy_stage_files_init(&files, err);
    if (rc)
        return rc;
    rc = sy_stage_files_add(&files, spec->output, text, NULL, err);
    if (rc == 0)
        rc = sy_task_check_space(&files, spec->output, err);
    sy_stage_files_fini(&files);
    return rc;
}

static int work(struct c1 *c1, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    int rc = check_space(spec, err);
    if (rc == 0)
        rc = open_source(c1, err);
    if (rc == 0 && spec->verify != SY_VERIFY_NONE)
        rc = sy_vanilla_verifier_create(&c1->verifier, &spec->params, &c1->public, err);
    if (rc)
        return rc;
    c1->challenge_lists = json_array();
    c1->proofs = calloc(spec->params.challenges_per_partition, sizeof c1->proofs[0]);
    if (!c1->proofs || !c1->challenge_lists)
        return sy_fail(err, SY_E_NOMEM, "%u proofs of %zu bytes",
                       spec->params.challenges_per_partition, sizeof c1->proofs[0]);
    rc = write_output(c1, err);
    if (rc == 0)
        rc = check_output(c1, err);
    return rc;
}

static int make(struct c1 *c1, json_t *inputs, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &c1->task->spec;
    struct sy_stage_files files = {0};
    json_t *result = NULL;
    int rc = work(c1, err);
    if (rc == 0)
        rc = sy_stage_files_init(&files, err);
    if (rc == 0)
        rc = sy_stage_files_add(&files, spec->output, c1->bytes, c1->sha256, err);
    if (rc == 0)
        rc = c1_result(c1, &result, err);
    if (rc == 0)
        rc = sy_task_remember(spec, spec->cache, inputs, result, &files, err);
    if (rc == 0)
        *ret_result = result;
    else
        json_decref(result);
    sy_stage_files_fini(&files);
    return rc;
}

int sy_stage_c1(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct c1 *c1 = calloc(1, sizeof *c1);
    json_t *inputs = NULL;
    json_t *result = NULL;
    uint8_t comm_d[32];
    if (!c1)
        return sy_fail(err, SY_E_NOMEM, "c1: %zu bytes", sizeof *c1);
    c1->task = task;
    int rc = set_public(c1, err);
    if (rc == 0 && spec->has_pieces) {
        rc = sy_task_pieces_comm_d(spec, comm_d, err);
        if (rc == 0 && memcmp(comm_d, spec->comm_d, 32) != 0)
            rc = sy_fail(err, SY_E_ARG, "spec: comm_d is not that of the pieces");
    }
    if (rc == 0)
        rc = sy_task_identity(spec, spec->comm_d, c1->public.replica_id, &inputs, err);
    if (rc == 0)
        rc = sy_task_json_ok(sy_task_set_hash(inputs, "comm_r", c1->public.comm_r) ||
                                 sy_task_set_hash(inputs, "seed", c1->public.seed) ||
                                 json_object_set_new(inputs, "output", json_string(spec->output)),
                             err);
    if (rc == 0)
        rc = sy_task_recall(spec, spec->cache, inputs, &result, err);
    if (rc == 0 && !result)
        rc = make(c1, inputs, &result, err);
    if (rc == 0)
        *ret_result = result;
    sy_vanilla_verifier_destroy(c1->verifier);
    sy_synth_close(c1->synth);
    sy_vanilla_prover_destroy(c1->prover);
    json_decref(c1->challenge_lists);
    json_decref(inputs);
    free(c1->proofs);
    free(c1);
    return rc;
}
