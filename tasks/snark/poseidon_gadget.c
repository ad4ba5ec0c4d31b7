#include "tasks/snark/poseidon_gadget.h"

#include "tasks/hash/poseidon_ops.h"

#include <pthread.h>
#include <string.h>

#define WIDTH_MAX SY_POSEIDON_WIDTH_MAX
#define PARTIAL_MAX SY_POSEIDON_PARTIAL_MAX
#define HALF_FULL_ROUNDS (SY_POSEIDON_FULL_ROUNDS / 2)
/* Variables under the state of the partial rounds: the last full S-boxes, then one per round. */
#define PARTIAL_VARS_MAX (WIDTH_MAX + PARTIAL_MAX)

/* Coefficients of the state during the partial rounds over y_0..y_{t-1}, z_0, z_1, ...: element 0
 * before S-box p, and all elements after the last partial round. */
struct partial_form {
    const struct sy_poseidon_constants *c;
    struct sy_fr first[PARTIAL_MAX][PARTIAL_VARS_MAX];
    struct sy_fr last[WIDTH_MAX][PARTIAL_VARS_MAX];
};

static struct partial_form forms[4];
static pthread_once_t forms_once = PTHREAD_ONCE_INIT;

/* state[j] := what sparse round p makes of it, when element 0 is the new variable `z`. */
static void apply_sparse(struct partial_form *form, unsigned p,
                         struct sy_fr state[WIDTH_MAX][PARTIAL_VARS_MAX])
{
    const struct sy_poseidon_constants *c = form->c;
    unsigned t = c->t, z = t + p;
    struct sy_fr product;
    for (unsigned m = 0; m < z; m++) {
        struct sy_fr sum = sy_fr_zero;
        for (unsigned j = 1; j < t; j++) {
            sy_fr_mul(&product, &c->sparse_w[p][j], &state[j][m]);
            sy_fr_add(&sum, &sum, &product);
        }
        state[0][m] = sum;
    }
    state[0][z] = c->sparse_w[p][0];
    for (unsigned j = 1; j < t; j++)
        state[j][z] = c->sparse_v[p][j - 1];
}

static void make_form(struct partial_form *form, unsigned arity)
{
    static struct sy_fr state[WIDTH_MAX][PARTIAL_VARS_MAX];
    form->c = sy_poseidon_get_constants(arity);
    memset(state, 0, sizeof state);
    for (unsigned j = 0; j < form->c->t; j++)
        for (unsigned i = 0; i < form->c->t; i++)
            state[j][i] = form->c->pre[j][i];
    for (unsigned p = 0; p < form->c->partial; p++) {
        memcpy(form->first[p], state[0], sizeof form->first[p]);
        apply_sparse(form, p, state);
    }
    memcpy(form->last, state, sizeof form->last);
}

static void make_forms(void)
{
    static const unsigned arities[] = {2, 4, 8, 11};
    for (size_t i = 0; i < SY_ARRAY_SIZE(arities); i++)
        make_form(&forms[i], arities[i]);
}

static const struct partial_form *get_form(unsigned arity)
{
    pthread_once(&forms_once, make_forms);
    return &forms[arity == 2 ? 0 : arity == 4 ? 1 : arity == 8 ? 2 : 3];
}

/* A state element between layers: a combination of `count` variables with its value. */
struct element {
    const struct sy_fr *coeffs;
    const uint32_t *vars;
    unsigned count;
    struct sy_fr constant; /* times ONE */
    struct sy_fr value;
};

static void add_element(struct sy_lc *lc, const struct element *e)
{
    if (!sy_fr_is_zero(&e->constant))
        sy_lc_add(lc, SY_VAR_ONE, &e->constant);
    for (unsigned i = 0; i < e->count; i++)
        if (!sy_fr_is_zero(&e->coeffs[i]))
            sy_lc_add(lc, e->vars[i], &e->coeffs[i]);
}

static struct sy_num materialise(struct sy_cs *cs, const struct element *e)
{
    struct sy_num v = sy_num_alloc(cs, &e->value);
    if (sy_cs_open(cs)) {
        add_element(&cs->a, e);
        sy_lc_add_one(&cs->b, SY_VAR_ONE);
        sy_lc_add_one(&cs->c, v.var);
        sy_cs_close(cs);
    }
    return v;
}

/* lc = x + pre * ONE. */
static void add_shifted(struct sy_lc *lc, uint32_t var, const struct sy_fr *pre)
{
    if (pre && !sy_fr_is_zero(pre))
        sy_lc_add(lc, SY_VAR_ONE, pre);
    sy_lc_add_one(lc, var);
}

/* y = (x + pre)^5 + post; pre and post may be NULL. Three constraints. */
static struct sy_num sbox(struct sy_cs *cs, const struct sy_num *x, const struct sy_fr *pre,
                          const struct sy_fr *post)
{
    struct sy_fr base = x->value, square, fourth, value;
    if (pre)
        sy_fr_add(&base, &base, pre);
    sy_fr_sqr(&square, &base);
    sy_fr_sqr(&fourth, &square);
    sy_fr_mul(&value, &base, &fourth);
    if (post)
        sy_fr_add(&value, &value, post);
    struct sy_num l2 = sy_num_alloc(cs, &square);
    if (sy_cs_open(cs)) {
        add_shifted(&cs->a, x->var, pre);
        add_shifted(&cs->b, x->var, pre);
        sy_lc_add_one(&cs->c, l2.var);
        sy_cs_close(cs);
    }
    struct sy_num l4 = sy_num_alloc(cs, &fourth);
    if (sy_cs_open(cs)) {
        sy_lc_add_one(&cs->a, l2.var);
        sy_lc_add_one(&cs->b, l2.var);
        sy_lc_add_one(&cs->c, l4.var);
        sy_cs_close(cs);
    }
    struct sy_num y = sy_num_alloc(cs, &value);
    if (sy_cs_open(cs)) {
        add_shifted(&cs->a, x->var, pre);
        sy_lc_add_one(&cs->b, l4.var);
        sy_lc_add_one(&cs->c, y.var);
        if (post) {
            struct sy_fr minus;
            sy_fr_neg(&minus, post);
            sy_lc_add(&cs->c, SY_VAR_ONE, &minus);
        }
        sy_cs_close(cs);
    }
    return y;
}

static void dot(const struct sy_fr *coeffs, const struct sy_fr *values, unsigned count,
                struct sy_fr *ret)
{
    struct sy_fr sum = sy_fr_zero, product;
    for (unsigned i = 0; i < count; i++) {
        sy_fr_mul(&product, &coeffs[i], &values[i]);
        sy_fr_add(&sum, &sum, &product);
    }
    *ret = sum;
}

/* The state as it goes through the rounds. In full rounds y[] are the S-box outputs (y_0 may be a
 * constant after round 0) and the elements are rows of a matrix over them. */
struct permutation {
    struct sy_cs *cs;
    const struct partial_form *form;
    const struct sy_fr *constants; /* next compressed round constant */
    uint32_t vars[PARTIAL_VARS_MAX];
    struct sy_fr values[PARTIAL_VARS_MAX];
    bool first_is_constant;
};

/* Row j of the linear layer over y[0..t). */
static struct element row_element(const struct permutation *p, const sy_poseidon_matrix *matrix,
                                  unsigned j)
{
    struct element e = {.constant = sy_fr_zero};
    const struct sy_fr *row = (*matrix)[j];
    unsigned skip = p->first_is_constant ? 1 : 0;
    dot(row, p->values, p->form->c->t, &e.value);
    if (skip)
        sy_fr_mul(&e.constant, &row[0], &p->values[0]);
    e.coeffs = row + skip;
    e.vars = p->vars + skip;
    e.count = p->form->c->t - skip;
    return e;
}

static void round_zero(struct permutation *p, const struct sy_fr *tag, const struct sy_num *inputs)
{
    unsigned t = p->form->c->t;
    const struct sy_fr *pre = p->constants, *post = p->constants + t;
    struct sy_fr first;
    sy_fr_add(&first, tag, &pre[0]);
    sy_fr_pow5(&first, &first);
    sy_fr_add(&p->values[0], &first, &post[0]);
    p->first_is_constant = true;
    for (unsigned i = 1; i < t; i++) {
        struct sy_num y = sbox(p->cs, &inputs[i - 1], &pre[i], &post[i]);
        p->vars[i] = y.var;
        p->values[i] = y.value;
    }
    p->constants += 2 * t;
}

/* Linear layer by `matrix`, then S-boxes on all elements with the next constants (none at the end).
 */
static void full_round(struct permutation *p, const sy_poseidon_matrix *matrix, bool add_constants)
{
    unsigned t = p->form->c->t;
    struct sy_num y[WIDTH_MAX];
    for (unsigned j = 0; j < t; j++) {
        struct element e = row_element(p, matrix, j);
        struct sy_num v = materialise(p->cs, &e);
        y[j] = sbox(p->cs, &v, NULL, add_constants ? p->constants++ : NULL);
    }
    for (unsigned j = 0; j < t; j++) {
        p->vars[j] = y[j].var;
        p->values[j] = y[j].value;
    }
    p->first_is_constant = false;
}

/* All partial rounds, then the S-boxes of the full round behind them. */
static void partial_rounds(struct permutation *p)
{
    const struct sy_poseidon_constants *c = p->form->c;
    for (unsigned k = 0; k < c->partial; k++) {
        struct element e = {.coeffs = p->form->first[k],
                            .vars = p->vars,
                            .count = c->t + k,
                            .constant = sy_fr_zero};
        dot(e.coeffs, p->values, e.count, &e.value);
        struct sy_num v = materialise(p->cs, &e);
        struct sy_num z = sbox(p->cs, &v, NULL, p->constants++);
        p->vars[c->t + k] = z.var;
        p->values[c->t + k] = z.value;
    }
    struct sy_num y[WIDTH_MAX];
    for (unsigned j = 0; j < c->t; j++) {
        struct element e = {.coeffs = p->form->last[j],
                            .vars = p->vars,
                            .count = c->t + c->partial,
                            .constant = sy_fr_zero};
        dot(e.coeffs, p->values, e.count, &e.value);
        struct sy_num v = materialise(p->cs, &e);
        y[j] = sbox(p->cs, &v, NULL, p->constants++);
    }
    for (unsigned j = 0; j < c->t; j++) {
        p->vars[j] = y[j].var;
        p->values[j] = y[j].value;
    }
}

struct sy_num sy_poseidon_gadget(struct sy_cs *cs, unsigned arity, const struct sy_fr *tag,
                                 const struct sy_num *inputs)
{
    SY_ASSERT(sy_poseidon_arity_ok(arity));
    struct permutation p = {.cs = cs, .form = get_form(arity)};
    const struct sy_poseidon_constants *c = p.form->c;
    p.constants = c->compressed;
    round_zero(&p, tag, inputs);
    for (unsigned r = 1; r < HALF_FULL_ROUNDS; r++)
        full_round(&p, &c->mds, true);
    partial_rounds(&p);
    for (unsigned r = 1; r < HALF_FULL_ROUNDS; r++)
        full_round(&p, &c->mds, r + 1 < HALF_FULL_ROUNDS);
    struct element result = row_element(&p, &c->mds, 1);
    return materialise(cs, &result);
}

struct sy_num sy_poseidon_gadget_node(struct sy_cs *cs, unsigned arity, const struct sy_num *inputs)
{
    struct sy_fr tag;
    sy_fr_from_u64(&tag, sy_poseidon_tag_merkle(arity));
    return sy_poseidon_gadget(cs, arity, &tag, inputs);
}
