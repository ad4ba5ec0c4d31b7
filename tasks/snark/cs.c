#include "tasks/snark/cs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define POW2_COUNT 255
#define VALUES_FIRST 1024
/* Insertion sort up to here, else qsort. */
#define SORT_SMALL 16

/* r - 2^256 mod r. */
const struct sy_fr sy_fr_minus_one = {
    {0xfffffffd00000003ULL, 0xfb38ec08fffb13fcULL, 0x99ad88181ce5880fULL, 0x5bc8f5f97cd877d8ULL}};

static struct sy_fr pow2_table[POW2_COUNT];
static struct sy_fr minus_pow2_table[POW2_COUNT];
static pthread_once_t pow2_once = PTHREAD_ONCE_INIT;

static void make_pow2(void)
{
    pow2_table[0] = sy_fr_one;
    for (unsigned i = 1; i < POW2_COUNT; i++)
        sy_fr_add(&pow2_table[i], &pow2_table[i - 1], &pow2_table[i - 1]);
    for (unsigned i = 0; i < POW2_COUNT; i++)
        sy_fr_neg(&minus_pow2_table[i], &pow2_table[i]);
}

const struct sy_fr *sy_fr_pow2(unsigned power)
{
    SY_ASSERT(power < POW2_COUNT);
    pthread_once(&pow2_once, make_pow2);
    return &pow2_table[power];
}

/* ------------------------------------------------------------------------- linear combinations */

void sy_lc_fini(struct sy_lc *lc)
{
    free(lc->terms);
    memset(lc, 0, sizeof *lc);
}

void sy_lc_add(struct sy_lc *lc, uint32_t var, const struct sy_fr *coeff)
{
    if (lc->count == lc->capacity) {
        uint32_t capacity = lc->capacity ? 2 * lc->capacity : 16;
        struct sy_term *terms = realloc(lc->terms, capacity * sizeof *terms);
        if (!terms) {
            lc->failed = true;
            return;
        }
        lc->terms = terms;
        lc->capacity = capacity;
    }
    lc->terms[lc->count++] = (struct sy_term){var, *coeff};
}

void sy_lc_add_one(struct sy_lc *lc, uint32_t var)
{
    sy_lc_add(lc, var, &sy_fr_one);
}

void sy_lc_sub_one(struct sy_lc *lc, uint32_t var)
{
    sy_lc_add(lc, var, &sy_fr_minus_one);
}

void sy_lc_add_pow2(struct sy_lc *lc, uint32_t var, unsigned power)
{
    sy_lc_add(lc, var, sy_fr_pow2(power));
}

void sy_lc_sub_pow2(struct sy_lc *lc, uint32_t var, unsigned power)
{
    (void)sy_fr_pow2(power);
    sy_lc_add(lc, var, &minus_pow2_table[power]);
}

/* Inputs before auxiliary variables, then by index. */
static uint32_t sort_key(const struct sy_term *term)
{
    return term->var ^ SY_VAR_INPUT;
}

static int compare_terms(const void *a, const void *b)
{
    uint32_t x = sort_key(a), y = sort_key(b);
    return (x > y) - (x < y);
}

static void sort_terms(struct sy_term *terms, uint32_t count)
{
    if (count > SORT_SMALL) {
        qsort(terms, count, sizeof *terms, compare_terms);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        struct sy_term moved = terms[i];
        uint32_t at = i;
        for (; at > 0 && sort_key(&terms[at - 1]) > sort_key(&moved); at--)
            terms[at] = terms[at - 1];
        terms[at] = moved;
    }
}

void sy_lc_merge(struct sy_lc *lc)
{
    bool sorted = true;
    for (uint32_t i = 1; sorted && i < lc->count; i++)
        sorted = sort_key(&lc->terms[i - 1]) < sort_key(&lc->terms[i]);
    if (!sorted)
        sort_terms(lc->terms, lc->count);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lc->count;) {
        struct sy_term sum = lc->terms[i++];
        for (; i < lc->count && lc->terms[i].var == sum.var; i++)
            sy_fr_add(&sum.coeff, &sum.coeff, &lc->terms[i].coeff);
        if (!sy_fr_is_zero(&sum.coeff))
            lc->terms[kept++] = sum;
    }
    lc->count = kept;
}

/* ------------------------------------------------------------------------------------- system */

void sy_cs_values_fini(struct sy_cs_values *values)
{
    free(values->inputs);
    free(values->aux);
    memset(values, 0, sizeof *values);
}

void sy_cs_fail(struct sy_cs *cs, int code, const char *text)
{
    if (cs->error.code == 0)
        sy_fail(&cs->error, code, "%s", text);
}

static void store_value(struct sy_cs *cs, struct sy_fr **table, uint32_t *capacity, uint32_t index,
                        const struct sy_fr *value)
{
    if (index >= *capacity) {
        uint32_t grown = *capacity ? *capacity + *capacity / 2 : VALUES_FIRST;
        struct sy_fr *moved = realloc(*table, (size_t)grown * sizeof *moved);
        if (!moved) {
            sy_cs_fail(cs, SY_E_NOMEM, "no memory for the values of the circuit");
            return;
        }
        *table = moved;
        *capacity = grown;
    }
    (*table)[index] = *value;
}

void sy_cs_begin(struct sy_cs *cs, const struct sy_cs_sink *sink, struct sy_cs_values *values,
                 uint32_t expected_aux)
{
    memset(cs, 0, sizeof *cs);
    cs->sink = sink;
    cs->values = values;
    if (values) {
        memset(values, 0, sizeof *values);
        values->aux = expected_aux ? malloc((size_t)expected_aux * sizeof *values->aux) : NULL;
        values->aux_capacity = values->aux ? expected_aux : 0;
    }
    sy_cs_input(cs, &sy_fr_one);
}

uint32_t sy_cs_alloc(struct sy_cs *cs, const struct sy_fr *value)
{
    if (cs->aux == SY_CS_VARIABLES_MAX) {
        sy_cs_fail(cs, SY_E_LIMIT, "the circuit has more than 2^31 variables");
        return 0;
    }
    if (cs->values)
        store_value(cs, &cs->values->aux, &cs->values->aux_capacity, cs->aux, value);
    return cs->aux++;
}

uint32_t sy_cs_input(struct sy_cs *cs, const struct sy_fr *value)
{
    if (cs->values)
        store_value(cs, &cs->values->inputs, &cs->values->input_capacity, cs->inputs, value);
    return SY_VAR_INPUT | cs->inputs++;
}

bool sy_cs_open(struct sy_cs *cs)
{
    cs->constraints++;
    if (!cs->sink)
        return false;
    sy_lc_clear(&cs->a);
    sy_lc_clear(&cs->b);
    sy_lc_clear(&cs->c);
    return true;
}

void sy_cs_close(struct sy_cs *cs)
{
    if (cs->a.failed || cs->b.failed || cs->c.failed) {
        sy_cs_fail(cs, SY_E_NOMEM, "no memory for a constraint");
        return;
    }
    if (cs->sink->wants_merged) {
        sy_lc_merge(&cs->a);
        sy_lc_merge(&cs->b);
        sy_lc_merge(&cs->c);
    }
    cs->sink->constraint(cs->sink->ctx, &cs->a, &cs->b, &cs->c);
}

void sy_cs_constrain_inputs(struct sy_cs *cs)
{
    for (uint32_t i = 0; i < cs->inputs; i++) {
        if (!sy_cs_open(cs))
            continue;
        sy_lc_add_one(&cs->a, SY_VAR_INPUT | i);
        sy_cs_close(cs);
    }
}

int sy_cs_end(struct sy_cs *cs, struct sy_error *err)
{
    sy_lc_fini(&cs->a);
    sy_lc_fini(&cs->b);
    sy_lc_fini(&cs->c);
    sy_lc_fini(&cs->sum_left);
    sy_lc_fini(&cs->sum_right);
    if (cs->error.code == 0)
        return 0;
    return sy_fail(err, cs->error.code, "%s", cs->error.text);
}
