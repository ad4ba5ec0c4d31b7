/* Whole proofs: making parameters, verifying, and C2 of a 2 KiB sector by the program on all cores,
 * from the reference's C1 file, with the peak memory that the kernel counted. */
#include "tests/bench/bench_snark.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "tasks/snark/params_store.h"
#include "tasks/snark/public_inputs.h"
#include "tasks/vanilla/verify.h"

#define SECTOR_BYTES 2048
#define BATCH 10 /* partitions of a 32 GiB proof */
#define INPUTS_MAX 64
#define CALLS 5
#define RESULT_BYTES (1u << 20)
#define C1_FILE SY_KAT_DIR "/reference/files/seal-2KiB-v1_1-multi/c1.api.json"
#define PROVED_FILE SY_KAT_DIR "/reference/seal-2KiB-v1_1-multi-proved.json"

static bool complain(const char *what, const char *text)
{
    fprintf(stderr, "bench_snark: %s: %s\n", what, text);
    return false;
}

/* ----------------------------------------------------------------------------------- parameters */

static bool generate(enum sy_circuit_kind kind, const char *name)
{
    char directory[] = "/tmp/sealyard-bench-XXXXXX";
    struct sy_groth16_secrets secrets;
    struct sy_groth16_params params = {0};
    struct sy_error err = {0};
    char path[SY_PATH_BYTES];
    if (!mkdtemp(directory))
        return complain(name, "no directory in /tmp");
    sy_groth16_secrets_random(&secrets);
    double start = bench_wall_s();
    int rc = sy_groth16_generate(kind, SECTOR_BYTES, &secrets, directory, 0, NULL, &err);
    double spent = bench_wall_s() - start;
    if (rc == 0)
        rc = sy_params_store_path(path, directory, kind, SECTOR_BYTES, SY_PARAMS_KEYS, &err);
    if (rc == 0)
        rc = sy_groth16_params_open(&params, path, &err);
    if (rc == 0) {
        double points =
            (double)params.h_count + params.l_count + params.a_count + 2.0 * params.b_count;
        bench_number(name, spent, "s", 0, NULL);
        bench_number("  points made, all cores", points / spent, "points/s", 0, NULL);
        sy_groth16_params_close(&params);
    }
    sy_file_remove_tree(directory, NULL);
    return rc == 0 || complain(name, err.text);
}

/* --------------------------------------------------------------------------------- verification */

struct proved {
    struct sy_groth16_vk vk;
    uint8_t proofs[BATCH * SY_PROOF_BYTES];
    struct sy_fr inputs[BATCH * INPUTS_MAX];
    uint32_t input_count;
};

static int read_inputs(struct proved *p, struct sy_error *err)
{
    struct sy_c1 *c1 = NULL;
    struct sy_porep_params params;
    struct sy_fr *row = NULL;
    int rc = sy_c1_read_file(&c1, C1_FILE, err);
    if (rc == 0)
        rc = sy_c1_params(c1, &params, err);
    if (rc == 0)
        rc = sy_porep_inputs(&params, &c1->public, &row, err);
    if (rc == 0) {
        p->input_count = sy_porep_input_count(&params);
        SY_ASSERT(p->input_count <= INPUTS_MAX);
        for (size_t i = 0; i < BATCH; i++)
            memcpy(p->inputs + i * p->input_count, row, p->input_count * sizeof *row);
    }
    free(row);
    sy_c1_destroy(c1);
    return rc;
}

/* The reference's own proof, ten times. */
static int read_proved(struct proved *p, struct sy_error *err)
{
    char name[SY_PARAMS_NAME_BYTES], path[SY_PATH_BYTES];
    json_t *root = json_load_file(PROVED_FILE, 0, NULL);
    const json_t *first =
        json_array_get(json_object_get(json_object_get(root, "c2_fixed"), "partitions"), 0);
    const char *hex = json_string_value(json_object_get(first, "proof"));
    if (!hex)
        return sy_fail(err, SY_E_PARSE, "no proof in " PROVED_FILE);
    int rc = sy_hex_decode(hex, p->proofs, SY_PROOF_BYTES, err);
    json_decref(root);
    for (size_t i = 1; rc == 0 && i < BATCH; i++)
        memcpy(p->proofs + i * SY_PROOF_BYTES, p->proofs, SY_PROOF_BYTES);
    if (rc == 0)
        rc = read_inputs(p, err);
    if (rc == 0)
        rc = sy_params_name(SY_CIRCUIT_POREP, SECTOR_BYTES, name, err);
    if (rc == 0)
        rc = sy_path_format(path, err, SY_KAT_DIR "/reference/files/vk/%s.vk", name);
    return rc == 0 ? sy_groth16_vk_open(&p->vk, path, err) : rc;
}

/* Limit: three Miller loops in one and a final exponentiation, here as one pairing and two loops.
 */
static double time_pairings(const struct sy_groth16_vk *vk)
{
    struct sy_fp12 value;
    const struct sy_g1_affine p[3] = {vk->alpha_g1, vk->beta_g1, vk->delta_g1};
    const struct sy_g2_affine q[3] = {vk->beta_g2, vk->gamma_g2, vk->delta_g2};
    double best = 0;
    for (int i = 0; i < CALLS; i++) {
        double start = bench_cpu_s();
        sy_pairing_miller(&value, p, q, 3);
        sy_pairing_final(&value, &value);
        double spent = bench_cpu_s() - start;
        best = i == 0 || spent < best ? spent : best;
    }
    return best;
}

static bool time_verification(void)
{
    static struct proved p;
    struct sy_error err = {0};
    double single = 0, batch = 0;
    int rc = read_proved(&p, &err);
    if (rc != 0)
        return complain("verification", err.text);
    for (int i = 0; rc == 0 && i < CALLS; i++) {
        double start = bench_cpu_s();
        rc = sy_groth16_verify(&p.vk, p.proofs, p.inputs, p.input_count, &err);
        double middle = bench_cpu_s();
        if (rc == 0)
            rc = sy_groth16_verify_batch(&p.vk, p.proofs, p.inputs, p.input_count, BATCH, &err);
        double end = bench_cpu_s();
        single = i == 0 || middle - start < single ? middle - start : single;
        batch = i == 0 || end - middle < batch ? end - middle : batch;
    }
    double pairings = time_pairings(&p.vk);
    sy_groth16_vk_fini(&p.vk);
    if (rc != 0)
        return complain("verification", err.text);
    bench_number("verify one proof", 1e3 * single, "ms", pairings / single,
                 "three Miller loops and the final exponentiation alone");
    bench_number("verify 10 proofs together", 1e3 * batch, "ms", 10 * single / batch,
                 "one by one, times as fast");
    return true;
}

/* ------------------------------------------------------------------------------------------- C2 */

static json_t *c2_spec(const char *parameters)
{
    json_t *root = json_load_file(PROVED_FILE, 0, NULL);
    const json_t *sector = json_object_get(root, "sector");
    json_t *spec = json_pack(
        "{s:i,s:O,s:O,s:O,s:O,s:O,s:O,s:s,s:s}", "proof_type", 5, "miner",
        json_object_get(sector, "actor_id"), "number", json_object_get(sector, "sector_number"),
        "ticket", json_object_get(sector, "ticket"), "seed",
        json_object_get(sector, "challenge_seed"), "comm_d", json_object_get(root, "comm_d"),
        "comm_r", json_object_get(root, "comm_r"), "parameters", parameters, "input", C1_FILE);
    json_decref(root);
    return spec;
}

/* Result of the program, NULL when it failed; what the kernel counted. */
static json_t *run_c2(const char *parameters, struct rusage *usage)
{
    char path[] = "/tmp/sealyard-bench-spec-XXXXXX", text[RESULT_BYTES / 16];
    json_t *spec = c2_spec(parameters);
    int fd = mkstemp(path), out[2], status = 0;
    if (!spec || fd < 0 || json_dumpfd(spec, fd, JSON_COMPACT) != 0 || pipe(out) != 0)
        return NULL;
    json_decref(spec);
    pid_t pid = fork();
    if (pid == 0) {
        int quiet = open("/dev/null", O_WRONLY);
        dup2(out[1], 1);
        dup2(quiet, 2);
        execl(SY_BIN_DIR "/sealyard-task", "sealyard-task", "c2", "--spec", path, (char *)NULL);
        _exit(98);
    }
    close(out[1]);
    size_t used = 0;
    for (ssize_t got; (got = read(out[0], text + used, sizeof text - used)) > 0;)
        used += (size_t)got;
    close(out[0]);
    if (pid < 0 || wait4(pid, &status, 0, usage) != pid)
        status = -1;
    unlink(path);
    close(fd);
    json_t *result = json_loadb(text, used, 0, NULL);
    if (status == 0)
        return result;
    complain("c2", json_string_value(json_object_get(json_object_get(result, "error"), "text")));
    json_decref(result);
    return NULL;
}

/* What the one-core rates of this run say for all cores; 0 without them. */
static double expected_seconds(const char *rate, unsigned log2_size, double operations)
{
    double ns = bench_rate_of(rate, log2_size, "ifma");
    if (ns == 0)
        ns = bench_rate_of(rate, log2_size, "scalar");
    return ns * 1e-9 * operations / (double)sysconf(_SC_NPROCESSORS_ONLN);
}

static void print_phases(const json_t *times, const struct sy_groth16_params *params)
{
    static const char *const phases[][2] = {
        {"witness", "  witness"}, {"transforms", "  transforms"},
        {"h", "  sum h"},         {"l", "  sum l"},
        {"a", "  sum a"},         {"b_g1", "  sum b in G1"},
        {"b_g2", "  sum b in G2"}};
    double size = (double)params->h_count + 1;
    for (size_t i = 0; i < SY_ARRAY_SIZE(phases); i++) {
        double expected = 0;
        double spent = (double)json_integer_value(json_object_get(times, phases[i][0])) / 1e3;
        if (i == 1) /* six transforms of log2(size) * size / 2 butterflies */
            expected = expected_seconds("domain to coset", 20,
                                        3 * size * __builtin_ctz(params->h_count + 1));
        else if (i == 2)
            expected = expected_seconds("G1 sum", 20, size);
        bench_number(phases[i][1], spent, "s", spent > 0 ? expected / spent : 0,
                     "the one-core rates of this run times the cores");
    }
}

static bool time_c2(const char *parameters)
{
    struct sy_groth16_params params;
    struct sy_error err = {0};
    struct rusage usage = {0};
    char path[SY_PATH_BYTES];
    int rc = sy_params_store_path(path, parameters, SY_CIRCUIT_POREP, SECTOR_BYTES, SY_PARAMS_KEYS,
                                  &err);
    if (rc == 0)
        rc = sy_groth16_params_open(&params, path, &err);
    if (rc == -SY_E_NOT_FOUND) {
        bench_skip("C2 of 2 KiB", "no parameters: --parameters DIR, made by sealyard params "
                                  "generate --sector-size 2KiB");
        return true;
    }
    if (rc != 0)
        return complain("C2 of 2 KiB", err.text);
    double start = bench_wall_s();
    json_t *result = run_c2(parameters, &usage);
    double spent = bench_wall_s() - start;
    if (result) {
        double cpu = (double)usage.ru_utime.tv_sec + 1e-6 * (double)usage.ru_utime.tv_usec +
                     (double)usage.ru_stime.tv_sec + 1e-6 * (double)usage.ru_stime.tv_usec;
        bench_number("C2 of 2 KiB, all cores", spent, "s",
                     cpu / spent / (double)sysconf(_SC_NPROCESSORS_ONLN), "all cores busy");
        print_phases(json_object_get(result, "times_ms"), &params);
        bench_number("  peak memory, parameters mapped", (double)usage.ru_maxrss / 1024, "MiB",
                     (double)params.map_bytes / 1048576.0 / ((double)usage.ru_maxrss / 1024),
                     "the parameters alone");
    }
    json_decref(result);
    sy_groth16_params_close(&params);
    return result != NULL;
}

bool bench_proofs(const char *parameters, bool full)
{
    bool ok = generate(SY_CIRCUIT_WINDOW, "parameters of window 2 KiB, all cores");
    if (full)
        ok = ok && generate(SY_CIRCUIT_POREP, "parameters of PoRep 2 KiB, all cores");
    return ok && time_verification() && time_c2(parameters);
}
