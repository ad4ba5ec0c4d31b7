/* c2: Groth16 proofs of a C1 file, 192 bytes per partition.
 *
 * The C1 file is verified first (unless verify is none), since a minute of proving for a wrong one
 * is lost. The parameters are mapped once; partitions are proven in groups over the same pages, as
 * many together as memory allows (snark/groth16.h). Each proof is verified with its own witness and
 * then all together with public inputs made from the file's public values alone, as the chain will
 * make them. Nothing is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "tasks/snark/params_store.h"
#include "tasks/snark/public_inputs.h"
#include "tasks/stage/c1_input.h"
#include "tasks/stage/memory.h"
#include "tasks/stage/task.h"

struct c2 {
    struct sy_task *task;
    struct sy_c1 *c1;
    struct sy_porep_params params;
    struct sy_groth16_params groth16;
    bool opened;
    uint32_t partition, together; /* the next one, and how many are proven at once */
    uint8_t *proofs;              /* params.partitions of SY_PROOF_BYTES */
    struct sy_groth16_times times;
};

struct circuit_case {
    const struct sy_porep_params *params;
    struct sy_porep_witness witness;
};

static void synthesise(struct sy_cs *cs, const void *witness)
{
    const struct circuit_case *c = witness;
    sy_circuit_porep(cs, c->params, &c->witness);
}

static int read_input(struct c2 *c2, struct sy_error *err)
{
    const struct sy_spec *spec = &c2->task->spec;
    sy_stage_progress_phase(c2->task->progress, "check vanilla proofs", 1, "files");
    int rc = sy_c1_read_file(&c2->c1, spec->input, err);
    if (rc == 0 && spec->verify == SY_VERIFY_NONE)
        rc = sy_c1_input_params(spec, c2->c1, &c2->params, err);
    else if (rc == 0)
        rc = sy_c1_input_check(spec, c2->c1, &c2->params, err);
    return rc ? sy_error_wrap(err, "input %.160s", spec->input) : 0;
}

static int open_parameters(struct c2 *c2, struct sy_error *err)
{
    const struct sy_spec *spec = &c2->task->spec;
    char path[SY_PATH_BYTES], size[SY_SECTOR_SIZE_TEXT_BYTES];
    int rc = sy_params_store_path(path, spec->parameters, SY_CIRCUIT_POREP, c2->params.sector_bytes,
                                  SY_PARAMS_KEYS, err);
    if (rc == 0)
        rc = sy_groth16_params_open(&c2->groth16, path, err);
    if (rc == -SY_E_NOT_FOUND) /* of this machine: another one may have it */
        return sy_fail(err, SY_E_RESOURCE,
                       "%s is missing: get it by sealyard params fetch --sector-size %s", path,
                       sy_sector_size_format(c2->params.sector_bytes, size));
    c2->opened = rc == 0;
    return rc;
}

static int digest_parameters(const struct c2 *c2, struct sy_error *err)
{
    const struct sy_snark_progress progress = {sy_stage_progress_on_report, c2->task->progress};
    return sy_params_store_verify(c2->task->spec.parameters, SY_CIRCUIT_POREP,
                                  c2->params.sector_bytes, NULL, &progress, err);
}

/* Partitions that are proven at once: as many as have room beside the parameters' pages, which are
 * read over and over, in groups of about the same size. One needs no such room. */
static void choose_group(struct c2 *c2, uint64_t available)
{
    const unsigned threads = c2->task->spec.threads, partitions = c2->params.partitions;
    unsigned most = 1;
    while (most < SY_MIN(partitions, threads) &&
           sy_groth16_memory_bytes(&c2->groth16, threads, most + 1) + c2->groth16.map_bytes <=
               available)
        most++;
    unsigned groups = (partitions + most - 1) / most;
    c2->together = (partitions + groups - 1) / groups;
}

/* What does not fit is refused before the first constraint, not by the kernel in the middle. */
static int plan_memory(struct c2 *c2, struct sy_error *err)
{
    const unsigned threads = c2->task->spec.threads;
    uint64_t available, proofs = (uint64_t)c2->params.partitions *
                                 c2->params.challenges_per_partition *
                                 sizeof(struct sy_vanilla_proof);
    int rc = sy_stage_memory_available(&available, err);
    if (rc)
        return rc;
    choose_group(c2, available);
    uint64_t needed = sy_groth16_memory_bytes(&c2->groth16, threads, c2->together);
    SY_INFO("stage", "memory-plan",
            "stage=c2 partitions=%u together=%u needed_bytes=%llu vanilla_proof_bytes=%llu "
            "mapped_parameter_bytes=%zu available_bytes=%llu",
            c2->params.partitions, c2->together, (unsigned long long)needed,
            (unsigned long long)proofs, c2->groth16.map_bytes, (unsigned long long)available);
    if (available < needed)
        return sy_fail(err, SY_E_RESOURCE,
                       "c2 needs %llu bytes of memory, %llu are available: give the task more "
                       "memory or fewer threads (%u)",
                       (unsigned long long)needed, (unsigned long long)available, threads);
    return 0;
}

static void on_phase(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    struct c2 *c2 = ctx;
    char text[SY_STAGE_PHASE_BYTES];
    unsigned last = SY_MIN(c2->partition + c2->together, c2->params.partitions);
    if (last == c2->partition + 1)
        snprintf(text, sizeof text, "partition %u/%u: %s", last, c2->params.partitions, phase);
    else
        snprintf(text, sizeof text, "partitions %u-%u/%u: %s", c2->partition + 1, last,
                 c2->params.partitions, phase);
    sy_stage_progress_on_report(c2->task->progress, text, done, total);
}

static void add_times(struct sy_groth16_times *sum, const struct sy_groth16_times *part)
{
    sum->witness_ms += part->witness_ms;
    sum->fft_ms += part->fft_ms;
    sum->h_ms += part->h_ms;
    sum->l_ms += part->l_ms;
    sum->a_ms += part->a_ms;
    sum->b_g1_ms += part->b_g1_ms;
    sum->b_g2_ms += part->b_g2_ms;
    sum->total_ms += part->total_ms;
}

/* `count` partitions from c2->partition on. */
static int prove_group(struct c2 *c2, struct circuit_case *cases, struct sy_groth16_job *jobs,
                       uint32_t count, struct sy_error *err)
{
    const struct sy_snark_progress progress = {on_phase, c2};
    struct sy_groth16_times times;
    for (uint32_t i = 0; i < count; i++) {
        cases[i] = (struct circuit_case){&c2->params,
                                         {&c2->c1->public, c2->c1->partitions[c2->partition + i]}};
        jobs[i] = (struct sy_groth16_job){.witness = &cases[i]};
    }
    int rc = sy_groth16_prove_many(&c2->groth16, synthesise, jobs, count, c2->task->spec.threads,
                                   &progress, &times, err);
    if (rc)
        return sy_error_wrap(err, "partitions from %u on, of %u", c2->partition,
                             c2->params.partitions);
    add_times(&c2->times, &times);
    for (uint32_t i = 0; i < count; i++)
        memcpy(c2->proofs + (size_t)(c2->partition + i) * SY_PROOF_BYTES, jobs[i].ret_proof,
               SY_PROOF_BYTES);
    return 0;
}

static int prove(struct c2 *c2, struct sy_error *err)
{
    struct circuit_case *cases = calloc(c2->together, sizeof *cases);
    struct sy_groth16_job *jobs = calloc(c2->together, sizeof *jobs);
    int rc = 0;
    c2->proofs = malloc((size_t)c2->params.partitions * SY_PROOF_BYTES);
    if (!cases || !jobs || !c2->proofs)
        rc = sy_fail(err, SY_E_NOMEM, "no memory for %u proofs", c2->params.partitions);
    while (rc == 0 && c2->partition < c2->params.partitions) {
        uint32_t count = SY_MIN(c2->together, c2->params.partitions - c2->partition);
        rc = prove_group(c2, cases, jobs, count, err);
        c2->partition += count;
    }
    free(cases);
    free(jobs);
    return rc;
}

/* As the chain does: the inputs come from public values, not from the witness. */
static int verify(const struct c2 *c2, struct sy_error *err)
{
    struct sy_fr *inputs = NULL;
    int rc = sy_porep_inputs(&c2->params, &c2->c1->public, &inputs, err);
    if (rc == 0)
        rc = sy_groth16_verify_batch(&c2->groth16.vk, c2->proofs, inputs,
                                     sy_porep_input_count(&c2->params), c2->params.partitions, err);
    free(inputs);
    return rc ? sy_error_wrap(err, "the finished proof against the public values") : 0;
}

/* A proof that came out wrong is never given out, and damaged parameters are the likely cause:
 * their digests tell. With good ones it was the C1 file, where nobody looked at it before, or us.
 */
static int explain(const struct c2 *c2, struct sy_error *err)
{
    const struct sy_spec *spec = &c2->task->spec;
    struct sy_porep_params params;
    struct sy_error cause = *err;
    sy_stage_progress_phase(c2->task->progress, "look for the cause of a wrong proof", 1, "files");
    struct sy_error found = {0};
    int rc = digest_parameters(c2, &found);
    if (rc == -SY_E_MISMATCH)
        return sy_fail(err, SY_E_CORRUPT, "damaged parameters: %s", found.text);
    if (rc)
        return sy_fail(
            err, SY_E_CORRUPT,
            "%.120s: whether the parameters are damaged cannot be told (%.60s): get them "
            "again by sealyard params fetch",
            cause.text, found.text);
    if (spec->verify == SY_VERIFY_NONE && sy_c1_input_check(spec, c2->c1, &params, err) != 0)
        return sy_error_wrap(err, "a wrong proof, of input %.160s", spec->input);
    return sy_fail(err, SY_E_BUG,
                   "%.160s: the parameters have the right digests and the C1 file is good, so this "
                   "is bad memory or an error of this program: keep the file and report it",
                   cause.text);
}

static int c2_result(const struct c2 *c2, json_t **ret, struct sy_error *err)
{
    const struct sy_groth16_times *t = &c2->times;
    size_t bytes = (size_t)c2->params.partitions * SY_PROOF_BYTES;
    char *hex = malloc(SY_HEX_TEXT_BYTES(bytes));
    json_t *result = NULL;
    if (hex)
        result =
            json_pack("{s:s,s:b,s:i,s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}}", "proof",
                      sy_hex_encode(c2->proofs, bytes, hex), "verified", 1, "partitions",
                      (int)c2->params.partitions, "times_ms", "witness", (json_int_t)t->witness_ms,
                      "transforms", (json_int_t)t->fft_ms, "h", (json_int_t)t->h_ms, "l",
                      (json_int_t)t->l_ms, "a", (json_int_t)t->a_ms, "b_g1", (json_int_t)t->b_g1_ms,
                      "b_g2", (json_int_t)t->b_g2_ms, "total", (json_int_t)t->total_ms);
    free(hex);
    if (result)
        *ret = result;
    return sy_task_json_ok(!result, err);
}

int sy_stage_c2(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    struct c2 c2 = {.task = task};
    int rc = read_input(&c2, err);
    if (rc == 0)
        rc = open_parameters(&c2, err);
    if (rc == 0)
        rc = plan_memory(&c2, err);
    if (rc == 0 && task->spec.verify == SY_VERIFY_FULL)
        rc = digest_parameters(&c2, err);
    const bool proving = rc == 0;
    if (rc == 0)
        rc = prove(&c2, err);
    if (rc == 0)
        rc = verify(&c2, err);
    if (proving && (rc == -SY_E_MISMATCH || rc == -SY_E_CORRUPT))
        rc = explain(&c2, err);
    if (rc == 0)
        rc = c2_result(&c2, ret_result, err);
    if (c2.opened)
        sy_groth16_params_close(&c2.groth16);
    sy_c1_destroy(c2.c1);
    free(c2.proofs);
    return rc;
}
