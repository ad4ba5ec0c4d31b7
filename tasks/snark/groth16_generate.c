/* Parameter generation from secret numbers: facts groth16.md 4. */
#include "tasks/snark/groth16.h"

#include "common/file.h"
#include "tasks/snark/fft.h"
#include "tasks/snark/fixed_base.h"
#include "tasks/tree/parallel.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VK_HEAD_BYTES 864
#define BLOCK SY_FIXED_BASE_BLOCK
#define LAGRANGE_BLOCK ((size_t)1 << 14)

struct generator {
    const struct sy_groth16_secrets *secrets;
    const struct sy_snark_progress *progress;
    unsigned threads;
    struct sy_fft *domain;
    size_t size;            /* of the domain */
    struct sy_fr *lagrange; /* L_j(tau) */
    uint32_t inputs, aux;
    struct sy_fr *a, *b, *c;     /* per variable: inputs, then aux */
    uint64_t constraints;        /* seen by the sink */
    uint32_t *a_index, *b_index; /* variables with a, b != 0 */
    uint32_t a_count, b_count;
    struct sy_fr vanishing_over_delta, gamma_inverse, delta_inverse;
    struct sy_fixed_g1 *g1;
    struct sy_fixed_g2 *g2;
    int fd;
    char temp[SY_PATH_BYTES];
    atomic_ullong written, to_write;
};

static void draw_fr(struct sy_fr *ret)
{
    uint8_t bytes[SY_FR_BYTES];
    do {
        randombytes_buf(bytes, sizeof bytes);
        bytes[31] &= 0x7f;
    } while (sy_fr_from_bytes(ret, bytes, NULL) != 0 || sy_fr_is_zero(ret));
}

void sy_groth16_secrets_random(struct sy_groth16_secrets *ret)
{
    struct sy_fr k;
    struct sy_g1 p;
    struct sy_g2 q;
    draw_fr(&k);
    sy_g1_from_affine(&p, &sy_g1_generator);
    sy_g1_mul_fr(&p, &p, &k);
    sy_g1_to_affine(&ret->g1, &p);
    draw_fr(&k);
    sy_g2_from_affine(&q, &sy_g2_generator);
    sy_g2_mul_fr(&q, &q, &k);
    sy_g2_to_affine(&ret->g2, &q);
    draw_fr(&ret->alpha);
    draw_fr(&ret->beta);
    draw_fr(&ret->gamma);
    draw_fr(&ret->delta);
    draw_fr(&ret->tau);
}

/* ------------------------------------------------------------------------ Lagrange basis at tau */

/* L_j = Z(tau) / m * omega^j / (tau - omega^j) for one block. */
static int fill_lagrange(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    struct generator *g = ctx;
    size_t start = (size_t)index * LAGRANGE_BLOCK, count = SY_MIN(LAGRANGE_BLOCK, g->size - start);
    struct sy_fr *differences = malloc(count * sizeof *differences);
    if (!differences)
        return sy_fail(err, SY_E_NOMEM, "no memory for the Lagrange basis");
    struct sy_fr power, scale, value;
    uint64_t exponent = start;
    sy_fr_pow(&power, sy_fft_omega(g->domain), &exponent, 1);
    struct sy_fr first = power;
    for (size_t i = 0; i < count; i++) {
        sy_fr_sub(&differences[i], &g->secrets->tau, &power);
        sy_fr_mul(&power, &power, sy_fft_omega(g->domain));
    }
    sy_fr_inv_many(g->lagrange + start, differences, count);
    sy_fr_from_u64(&value, g->size);
    sy_fr_inv(&scale, &value);
    sy_fr_mul(&scale, &scale, &g->vanishing_over_delta); /* Z(tau) / m; delta comes later */
    power = first;
    for (size_t i = 0; i < count; i++) {
        sy_fr_mul(&value, &g->lagrange[start + i], &power);
        sy_fr_mul(&g->lagrange[start + i], &value, &scale);
        sy_fr_mul(&power, &power, sy_fft_omega(g->domain));
    }
    free(differences);
    return 0;
}

static int make_domain(struct generator *g, uint64_t constraints, struct sy_error *err)
{
    unsigned log2_size = 0;
    while ((uint64_t)1 << log2_size < constraints)
        log2_size++;
    int rc = sy_fft_create(&g->domain, log2_size, g->threads, err);
    if (rc != 0)
        return rc;
    g->size = sy_fft_size(g->domain);
    g->lagrange = malloc(g->size * sizeof *g->lagrange);
    if (!g->lagrange)
        return sy_fail(err, SY_E_NOMEM, "no memory for %zu Lagrange values", g->size);
    uint64_t exponent = g->size;
    struct sy_fr power;
    sy_fr_pow(&power, &g->secrets->tau, &exponent, 1);
    sy_fr_sub(&g->vanishing_over_delta, &power, &sy_fr_one);
    if (sy_fr_is_zero(&g->vanishing_over_delta))
        return sy_fail(err, SY_E_ARG, "tau is an element of the domain: draw other secrets");
    rc = sy_parallel_for(g->threads, 0, (g->size + LAGRANGE_BLOCK - 1) / LAGRANGE_BLOCK,
                         fill_lagrange, g, err);
    sy_fr_mul(&g->vanishing_over_delta, &g->vanishing_over_delta, &g->delta_inverse);
    return rc;
}

/* ------------------------------------------------------------------- the circuit's polynomials */

static void add_terms(const struct generator *g, struct sy_fr *table, const struct sy_lc *lc)
{
    const struct sy_fr *l = &g->lagrange[g->constraints];
    struct sy_fr product;
    for (uint32_t i = 0; i < lc->count; i++) {
        const struct sy_term *term = &lc->terms[i];
        size_t at =
            term->var & SY_VAR_INPUT ? term->var & ~SY_VAR_INPUT : (size_t)g->inputs + term->var;
        if (sy_fr_equal(&term->coeff, &sy_fr_one)) {
            sy_fr_add(&table[at], &table[at], l);
        } else if (sy_fr_equal(&term->coeff, &sy_fr_minus_one)) {
            sy_fr_sub(&table[at], &table[at], l);
        } else {
            sy_fr_mul(&product, &term->coeff, l);
            sy_fr_add(&table[at], &table[at], &product);
        }
    }
}

static void on_constraint(void *ctx, const struct sy_lc *a, const struct sy_lc *b,
                          const struct sy_lc *c)
{
    struct generator *g = ctx;
    add_terms(g, g->a, a);
    add_terms(g, g->b, b);
    add_terms(g, g->c, c);
    g->constraints++;
}

static int run_circuit(struct sy_cs *cs, const struct sy_cs_sink *sink, enum sy_circuit_kind kind,
                       uint64_t sector_bytes, struct sy_error *err)
{
    sy_cs_begin(cs, sink, NULL, 0);
    int rc = sy_circuit_run_blank(cs, kind, sector_bytes, err);
    if (rc == 0)
        sy_cs_constrain_inputs(cs);
    int end = sy_cs_end(cs, rc == 0 ? err : NULL);
    return rc != 0 ? rc : end;
}

static void list_nonzero(const struct generator *g, const struct sy_fr *table, uint32_t *index,
                         uint32_t *ret_count)
{
    uint32_t count = 0;
    for (uint32_t v = 0; v < g->inputs + g->aux; v++)
        if (!sy_fr_is_zero(&table[v]))
            index[count++] = v;
    *ret_count = count;
}

static int evaluate_circuit(struct generator *g, enum sy_circuit_kind kind, uint64_t sector_bytes,
                            struct sy_error *err)
{
    struct sy_cs cs;
    int rc = run_circuit(&cs, NULL, kind, sector_bytes, err);
    if (rc != 0)
        return rc;
    g->inputs = cs.inputs;
    g->aux = cs.aux;
    rc = make_domain(g, cs.constraints, err);
    if (rc != 0)
        return rc;
    size_t variables = (size_t)g->inputs + g->aux;
    g->a = calloc(variables, sizeof *g->a);
    g->b = calloc(variables, sizeof *g->b);
    g->c = calloc(variables, sizeof *g->c);
    g->a_index = malloc(variables * sizeof *g->a_index);
    g->b_index = malloc(variables * sizeof *g->b_index);
    if (!g->a || !g->b || !g->c || !g->a_index || !g->b_index)
        return sy_fail(err, SY_E_NOMEM, "no memory for %zu variables", variables);
    struct sy_cs_sink sink = {false, on_constraint, g};
    rc = run_circuit(&cs, &sink, kind, sector_bytes, err);
    list_nonzero(g, g->a, g->a_index, &g->a_count);
    list_nonzero(g, g->b, g->b_index, &g->b_count);
    return rc;
}

/* ------------------------------------------------------------------------------------- sections */

enum section_kind { SECTION_IC, SECTION_H, SECTION_L, SECTION_A, SECTION_B_G1, SECTION_B_G2 };

struct section {
    struct generator *g;
    enum section_kind kind;
    uint32_t count;
    uint64_t offset; /* of the first point */
};

/* (beta a + alpha b + c) * scale of variable v. */
static void mixed_scalar(const struct generator *g, uint32_t v, const struct sy_fr *scale,
                         struct sy_fr *ret)
{
    struct sy_fr sum, product;
    sy_fr_mul(&sum, &g->secrets->beta, &g->a[v]);
    sy_fr_mul(&product, &g->secrets->alpha, &g->b[v]);
    sy_fr_add(&sum, &sum, &product);
    sy_fr_add(&sum, &sum, &g->c[v]);
    sy_fr_mul(ret, &sum, scale);
}

static void section_scalars(const struct section *s, uint64_t first, size_t count,
                            struct sy_fr *ret)
{
    const struct generator *g = s->g;
    struct sy_fr power = sy_fr_one;
    if (s->kind == SECTION_H) {
        sy_fr_pow(&power, &g->secrets->tau, &first, 1);
        sy_fr_mul(&power, &power, &g->vanishing_over_delta);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t at = (uint32_t)(first + i);
        switch (s->kind) {
        case SECTION_IC:
            mixed_scalar(g, at, &g->gamma_inverse, &ret[i]);
            break;
        case SECTION_L:
            mixed_scalar(g, g->inputs + at, &g->delta_inverse, &ret[i]);
            break;
        case SECTION_H:
            ret[i] = power;
            sy_fr_mul(&power, &power, &g->secrets->tau);
            break;
        case SECTION_A:
            ret[i] = g->a[g->a_index[at]];
            break;
        case SECTION_B_G1:
        case SECTION_B_G2:
            ret[i] = g->b[g->b_index[at]];
            break;
        }
    }
}

static int write_block(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    const struct section *s = ctx;
    struct generator *g = s->g;
    uint64_t first = index * BLOCK;
    size_t count = (size_t)SY_MIN((uint64_t)BLOCK, s->count - first);
    size_t point_bytes = s->kind == SECTION_B_G2 ? SY_G2_BYTES : SY_G1_BYTES;
    struct sy_fr *scalars = malloc(BLOCK * sizeof *scalars);
    uint8_t *bytes = malloc(BLOCK * point_bytes);
    int rc = scalars && bytes ? 0 : sy_fail(err, SY_E_NOMEM, "no memory for a block of points");
    if (rc == 0) {
        section_scalars(s, first, count, scalars);
        for (size_t i = 0; rc == 0 && s->kind == SECTION_L && i < count; i++)
            if (sy_fr_is_zero(&scalars[i]))
                rc = sy_fail(err, SY_E_BUG, "variable %llu of the circuit is in no constraint",
                             (unsigned long long)(first + i));
    }
    if (rc == 0 && s->kind == SECTION_B_G2)
        rc = sy_fixed_g2_encode(g->g2, scalars, count, bytes, err);
    else if (rc == 0)
        rc = sy_fixed_g1_encode(g->g1, scalars, count, bytes, err);
    if (rc == 0)
        rc = sy_file_pwrite(g->fd, bytes, count * point_bytes, s->offset + first * point_bytes,
                            g->temp, err);
    free(scalars);
    free(bytes);
    unsigned long long done = atomic_fetch_add(&g->written, count) + count;
    if (rc == 0 && worker == 0 && g->progress && g->progress->on_progress)
        g->progress->on_progress(g->progress->ctx, "points", done, g->to_write);
    return rc;
}

static int write_u32be(const struct generator *g, uint32_t value, uint64_t offset,
                       struct sy_error *err)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    return sy_file_pwrite(g->fd, bytes, sizeof bytes, offset, g->temp, err);
}

/* The count, then the points; moves *offset behind them. */
static int write_section(struct generator *g, enum section_kind kind, uint32_t count,
                         uint64_t *offset, struct sy_error *err)
{
    struct section section = {g, kind, count, *offset + 4};
    int rc = write_u32be(g, count, *offset, err);
    if (rc == 0)
        rc = sy_parallel_for(g->threads, 0, ((uint64_t)count + BLOCK - 1) / BLOCK, write_block,
                             &section, err);
    *offset += 4 + (uint64_t)count * (kind == SECTION_B_G2 ? SY_G2_BYTES : SY_G1_BYTES);
    return rc;
}

static int write_head(struct generator *g, struct sy_error *err)
{
    uint8_t head[VK_HEAD_BYTES];
    const struct sy_groth16_secrets *s = g->secrets;
    const struct sy_fr g1_scalars[3] = {s->alpha, s->beta, s->delta};
    const struct sy_fr g2_scalars[3] = {s->beta, s->gamma, s->delta};
    uint8_t g1_bytes[3 * SY_G1_BYTES], g2_bytes[3 * SY_G2_BYTES];
    int rc = sy_fixed_g1_encode(g->g1, g1_scalars, 3, g1_bytes, err);
    if (rc == 0)
        rc = sy_fixed_g2_encode(g->g2, g2_scalars, 3, g2_bytes, err);
    if (rc != 0)
        return rc;
    memcpy(head, g1_bytes, 2 * SY_G1_BYTES);
    memcpy(head + 192, g2_bytes, 2 * SY_G2_BYTES);
    memcpy(head + 576, g1_bytes + 2 * SY_G1_BYTES, SY_G1_BYTES);
    memcpy(head + 672, g2_bytes + 2 * SY_G2_BYTES, SY_G2_BYTES);
    return sy_file_pwrite(g->fd, head, sizeof head, 0, g->temp, err);
}

static int write_all(struct generator *g, uint64_t *ret_vk_bytes, struct sy_error *err)
{
    uint64_t offset = VK_HEAD_BYTES;
    uint32_t h_count = (uint32_t)(g->size - 1);
    g->to_write = (uint64_t)g->inputs + h_count + g->aux + g->a_count + 2 * (uint64_t)g->b_count;
    int rc = write_head(g, err);
    if (rc == 0)
        rc = write_section(g, SECTION_IC, g->inputs, &offset, err);
    *ret_vk_bytes = offset;
    if (rc == 0)
        rc = write_section(g, SECTION_H, h_count, &offset, err);
    if (rc == 0)
        rc = write_section(g, SECTION_L, g->aux, &offset, err);
    if (rc == 0)
        rc = write_section(g, SECTION_A, g->a_count, &offset, err);
    if (rc == 0)
        rc = write_section(g, SECTION_B_G1, g->b_count, &offset, err);
    if (rc == 0)
        rc = write_section(g, SECTION_B_G2, g->b_count, &offset, err);
    return rc;
}

/* .vk is the head of .params; it and .meta come first, so that a .params file is never alone. */
static int publish(struct generator *g, const char *directory, const char *name,
                   uint64_t sector_bytes, uint64_t vk_bytes, struct sy_error *err)
{
    char path[SY_PATH_BYTES], meta[64];
    uint8_t *vk = malloc((size_t)vk_bytes);
    int rc = vk ? 0 : sy_fail(err, SY_E_NOMEM, "no memory for the verifying key");
    if (rc == 0)
        rc = sy_file_pread(g->fd, vk, (size_t)vk_bytes, 0, g->temp, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/%s.vk", directory, name);
    if (rc == 0)
        rc = sy_file_write(path, vk, (size_t)vk_bytes, 0644, err);
    free(vk);
    int meta_bytes =
        snprintf(meta, sizeof meta, "{\"sector_size\":%llu}", (unsigned long long)sector_bytes);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/%s.meta", directory, name);
    if (rc == 0)
        rc = sy_file_write(path, meta, (size_t)meta_bytes, 0644, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/%s.params", directory, name);
    if (rc != 0)
        return rc;
    rc = sy_file_publish(g->fd, g->temp, path, err);
    g->fd = -1;
    return rc;
}

static void fini_generator(struct generator *g)
{
    if (g->fd >= 0) {
        close(g->fd);
        unlink(g->temp);
    }
    sy_fft_destroy(g->domain);
    free(g->lagrange);
    free(g->a);
    free(g->b);
    free(g->c);
    free(g->a_index);
    free(g->b_index);
    sy_fixed_g1_destroy(g->g1);
    sy_fixed_g2_destroy(g->g2);
}

static int prepare(struct generator *g, const char *directory, const char *name,
                   struct sy_error *err)
{
    sy_fr_inv(&g->gamma_inverse, &g->secrets->gamma);
    sy_fr_inv(&g->delta_inverse, &g->secrets->delta);
    if (sy_fr_is_zero(&g->gamma_inverse) || sy_fr_is_zero(&g->delta_inverse))
        return sy_fail(err, SY_E_ARG, "gamma and delta must not be zero");
    g->g1 = sy_fixed_g1_create(&g->secrets->g1);
    g->g2 = sy_fixed_g2_create(&g->secrets->g2);
    if (!g->g1 || !g->g2)
        return sy_fail(err, SY_E_NOMEM, "no memory for the tables of the generators");
    int rc = sy_file_make_directory(directory, 0755, err);
    if (rc == 0)
        rc = sy_path_format(g->temp, err, "%s/%s.%d%s", directory, name, (int)getpid(),
                            SY_FILE_TEMP_SUFFIX);
    if (rc != 0)
        return rc;
    g->fd = open(g->temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return g->fd >= 0 ? 0 : sy_fail_errno(err, errno, "create %s", g->temp);
}

int sy_groth16_generate(enum sy_circuit_kind kind, uint64_t sector_bytes,
                        const struct sy_groth16_secrets *secrets, const char *directory,
                        unsigned threads, const struct sy_snark_progress *progress,
                        struct sy_error *err)
{
    struct generator g = {.secrets = secrets, .progress = progress, .threads = threads, .fd = -1};
    char name[SY_PARAMS_NAME_BYTES];
    uint64_t vk_bytes = 0;
    int rc = sy_params_name(kind, sector_bytes, name, err);
    if (rc == 0)
        rc = prepare(&g, directory, name, err);
    if (rc == 0)
        rc = evaluate_circuit(&g, kind, sector_bytes, err);
    if (rc == 0)
        rc = write_all(&g, &vk_bytes, err);
    if (rc == 0)
        rc = publish(&g, directory, name, sector_bytes, vk_bytes, err);
    fini_generator(&g);
    return rc;
}
