/* The group law, compiled once for G1 and once for G2. The including file defines
 *   G(name)   sy_g1_##name or sy_g2_##name     POINT, AFFINE   the structs
 *   F(name)   sy_fp_##name or sy_fp2_##name    FIELD           the struct
 *   F_ONE, F_ZERO, CURVE_B                     constants of the field and the curve
 */

bool G(affine_is_infinity)(const AFFINE *a)
{
    return F(is_zero)(&a->x) && F(is_zero)(&a->y);
}

bool G(is_infinity)(const POINT *a)
{
    return F(is_zero)(&a->z);
}

bool G(affine_equal)(const AFFINE *a, const AFFINE *b)
{
    return F(equal)(&a->x, &b->x) && F(equal)(&a->y, &b->y);
}

void G(from_affine)(POINT *ret, const AFFINE *a)
{
    bool infinity = G(affine_is_infinity)(a);
    ret->x = a->x;
    ret->y = a->y;
    ret->z = infinity ? F_ZERO : F_ONE;
}

/* x / z^2, y / z^3 with z_inverse = 1 / z. */
static void scale_to_affine(AFFINE *ret, const POINT *a, const FIELD *z_inverse)
{
    FIELD square, cube;
    F(sqr)(&square, z_inverse);
    F(mul)(&cube, &square, z_inverse);
    F(mul)(&ret->x, &a->x, &square);
    F(mul)(&ret->y, &a->y, &cube);
}

void G(to_affine)(AFFINE *ret, const POINT *a)
{
    FIELD z_inverse;
    F(inv)(&z_inverse, &a->z); /* 1/0 = 0 gives the affine infinity */
    scale_to_affine(ret, a, &z_inverse);
}

void G(to_affine_many)(AFFINE *ret, const POINT *a, size_t count, FIELD *scratch)
{
    FIELD running = F_ONE;
    for (size_t i = 0; i < count; i++) {
        scratch[i] = running;
        if (!G(is_infinity)(&a[i]))
            F(mul)(&running, &running, &a[i].z);
    }
    F(inv)(&running, &running);
    for (size_t i = count; i-- > 0;) {
        FIELD z_inverse = F_ZERO;
        if (!G(is_infinity)(&a[i])) {
            F(mul)(&z_inverse, &running, &scratch[i]);
            F(mul)(&running, &running, &a[i].z);
        }
        scale_to_affine(&ret[i], &a[i], &z_inverse);
    }
}

void G(affine_neg)(AFFINE *ret, const AFFINE *a)
{
    ret->x = a->x;
    F(neg)(&ret->y, &a->y);
}

void G(neg)(POINT *ret, const POINT *a)
{
    ret->x = a->x;
    F(neg)(&ret->y, &a->y);
    ret->z = a->z;
}

/* dbl-2009-l: 2M + 5S. */
void G(double)(POINT *ret, const POINT *a)
{
    FIELD xx, yy, yyyy, d, e, f, z;
    F(sqr)(&xx, &a->x);
    F(sqr)(&yy, &a->y);
    F(sqr)(&yyyy, &yy);
    F(add)(&d, &a->x, &yy);
    F(sqr)(&d, &d);
    F(sub)(&d, &d, &xx);
    F(sub)(&d, &d, &yyyy);
    F(double)(&d, &d);
    F(double)(&e, &xx);
    F(add)(&e, &e, &xx);
    F(sqr)(&f, &e);
    F(mul)(&z, &a->y, &a->z);
    F(double)(&ret->z, &z);
    F(sub)(&f, &f, &d);
    F(sub)(&ret->x, &f, &d);
    F(sub)(&d, &d, &ret->x);
    F(mul)(&e, &e, &d);
    F(double)(&yyyy, &yyyy);
    F(double)(&yyyy, &yyyy);
    F(double)(&yyyy, &yyyy);
    F(sub)(&ret->y, &e, &yyyy);
}

/* The common end of both additions: h = U2 - U1, r = 2 (S2 - S1), u1 and s1 scaled to the common z,
 * z = 2 z1 z2 h (given). */
static void finish_add(POINT *ret, const FIELD *h, const FIELD *r, const FIELD *u1, const FIELD *s1,
                       const FIELD *z)
{
    FIELD i, j, v, x, y, t;
    F(double)(&i, h);
    F(sqr)(&i, &i);
    F(mul)(&j, h, &i);
    F(mul)(&v, u1, &i);
    F(sqr)(&x, r);
    F(sub)(&x, &x, &j);
    F(sub)(&x, &x, &v);
    F(sub)(&x, &x, &v);
    F(sub)(&y, &v, &x);
    F(mul)(&y, &y, r);
    F(mul)(&t, s1, &j);
    F(double)(&t, &t);
    F(sub)(&ret->y, &y, &t);
    ret->x = x;
    ret->z = *z;
}

/* add-2007-bl: 11M + 5S. */
void G(add)(POINT *ret, const POINT *a, const POINT *b)
{
    if (G(is_infinity)(a) || G(is_infinity)(b)) {
        *ret = G(is_infinity)(a) ? *b : *a;
        return;
    }
    FIELD zz1, zz2, u1, u2, s1, s2, h, r, z;
    F(sqr)(&zz1, &a->z);
    F(sqr)(&zz2, &b->z);
    F(mul)(&u1, &a->x, &zz2);
    F(mul)(&u2, &b->x, &zz1);
    F(mul)(&s1, &a->y, &b->z);
    F(mul)(&s1, &s1, &zz2);
    F(mul)(&s2, &b->y, &a->z);
    F(mul)(&s2, &s2, &zz1);
    F(sub)(&h, &u2, &u1);
    F(sub)(&r, &s2, &s1);
    if (F(is_zero)(&h)) {
        if (F(is_zero)(&r))
            G(double)(ret, a);
        else
            *ret = G(infinity);
        return;
    }
    F(double)(&r, &r);
    F(mul)(&z, &a->z, &b->z);
    F(mul)(&z, &z, &h);
    F(double)(&z, &z);
    finish_add(ret, &h, &r, &u1, &s1, &z);
}

/* madd-2007-bl: 7M + 4S. */
void G(add_affine)(POINT *ret, const POINT *a, const AFFINE *b)
{
    if (G(affine_is_infinity)(b)) {
        *ret = *a;
        return;
    }
    if (G(is_infinity)(a)) {
        G(from_affine)(ret, b);
        return;
    }
    FIELD zz, u2, s2, h, r, z;
    F(sqr)(&zz, &a->z);
    F(mul)(&u2, &b->x, &zz);
    F(mul)(&s2, &b->y, &a->z);
    F(mul)(&s2, &s2, &zz);
    F(sub)(&h, &u2, &a->x);
    F(sub)(&r, &s2, &a->y);
    if (F(is_zero)(&h)) {
        if (F(is_zero)(&r))
            G(double)(ret, a);
        else
            *ret = G(infinity);
        return;
    }
    F(double)(&r, &r);
    F(mul)(&z, &a->z, &h);
    F(double)(&z, &z);
    FIELD u1 = a->x, s1 = a->y;
    finish_add(ret, &h, &r, &u1, &s1, &z);
}

/* What the sum of two affine points is, with the denominator of its slope (one where there is
 * none). */
enum affine_sum { SUM_CHORD, SUM_TANGENT, SUM_LEFT, SUM_RIGHT, SUM_INFINITY };

static enum affine_sum classify_sum(const AFFINE *a, const AFFINE *b, FIELD *ret_denominator)
{
    *ret_denominator = F_ONE;
    if (G(affine_is_infinity)(a))
        return SUM_RIGHT;
    if (G(affine_is_infinity)(b))
        return SUM_LEFT;
    F(sub)(ret_denominator, &b->x, &a->x);
    if (!F(is_zero)(ret_denominator))
        return SUM_CHORD;
    if (F(equal)(&a->y, &b->y) && !F(is_zero)(&a->y)) {
        F(double)(ret_denominator, &a->y);
        return SUM_TANGENT;
    }
    *ret_denominator = F_ONE;
    return SUM_INFINITY;
}

static void finish_sum(AFFINE *a, const AFFINE *b, enum affine_sum kind, const FIELD *inverse)
{
    FIELD slope, x, y;
    if (kind == SUM_LEFT)
        return;
    if (kind == SUM_RIGHT) {
        *a = *b;
        return;
    }
    if (kind == SUM_INFINITY) {
        memset(a, 0, sizeof *a);
        return;
    }
    if (kind == SUM_CHORD) {
        F(sub)(&slope, &b->y, &a->y);
    } else {
        F(sqr)(&x, &a->x);
        F(double)(&slope, &x);
        F(add)(&slope, &slope, &x);
    }
    F(mul)(&slope, &slope, inverse);
    F(sqr)(&x, &slope);
    F(sub)(&x, &x, &a->x);
    F(sub)(&x, &x, &b->x);
    F(sub)(&y, &a->x, &x);
    F(mul)(&y, &y, &slope);
    F(sub)(&a->y, &y, &a->y);
    a->x = x;
}

void G(affine_add_many)(AFFINE *acc, const AFFINE *other, size_t count, FIELD *scratch)
{
    FIELD *products = scratch, *denominators = scratch + count, running = F_ONE, inverse;
    for (size_t i = 0; i < count; i++) {
        classify_sum(&acc[i], &other[i], &denominators[i]);
        products[i] = running;
        F(mul)(&running, &running, &denominators[i]);
    }
    F(inv)(&running, &running);
    for (size_t i = count; i-- > 0;) {
        FIELD ignored;
        enum affine_sum kind = classify_sum(&acc[i], &other[i], &ignored);
        F(mul)(&inverse, &running, &products[i]);
        F(mul)(&running, &running, &denominators[i]);
        finish_sum(&acc[i], &other[i], kind, &inverse);
    }
}

void G(mul)(POINT *ret, const POINT *a, const uint64_t *scalar, size_t limbs)
{
    POINT base = *a, result = G(infinity);
    for (size_t i = limbs * 64; i-- > 0;) {
        if (!G(is_infinity)(&result))
            G(double)(&result, &result);
        if (scalar[i / 64] >> i % 64 & 1)
            G(add)(&result, &result, &base);
    }
    *ret = result;
}

void G(mul_fr)(POINT *ret, const POINT *a, const struct sy_fr *scalar)
{
    uint64_t limbs[SY_FR_LIMBS];
    sy_fr_to_limbs(limbs, scalar);
    G(mul)(ret, a, limbs, SY_FR_LIMBS);
}

bool G(equal)(const POINT *a, const POINT *b)
{
    POINT minus, sum;
    G(neg)(&minus, b);
    G(add)(&sum, a, &minus);
    return G(is_infinity)(&sum);
}

/* x^3 + b. */
static void curve_right_side(FIELD *ret, const FIELD *x)
{
    F(sqr)(ret, x);
    F(mul)(ret, ret, x);
    F(add)(ret, ret, &CURVE_B);
}

bool G(on_curve)(const AFFINE *a)
{
    FIELD left, right;
    if (G(affine_is_infinity)(a))
        return true;
    F(sqr)(&left, &a->y);
    curve_right_side(&right, &a->x);
    return F(equal)(&left, &right);
}

bool G(in_subgroup)(const AFFINE *a)
{
    POINT point, multiple;
    if (!G(on_curve)(a))
        return false;
    G(from_affine)(&point, a);
    G(mul)(&multiple, &point, sy_fr_modulus, SY_FR_LIMBS);
    return G(is_infinity)(&multiple);
}

/* ------------------------------------------------------------------------------- encoding */

#define FLAG_COMPRESSED 0x80
#define FLAG_INFINITY 0x40
#define FLAG_LARGER 0x20

static bool y_is_larger(const FIELD *y)
{
    FIELD minus;
    F(neg)(&minus, y);
    return F(compare)(y, &minus) > 0;
}

void G(compress)(uint8_t ret[FIELD_BYTES], const AFFINE *a)
{
    if (G(affine_is_infinity)(a)) {
        memset(ret, 0, FIELD_BYTES);
        ret[0] = FLAG_COMPRESSED | FLAG_INFINITY;
        return;
    }
    put_field(ret, &a->x);
    ret[0] = (uint8_t)(ret[0] | FLAG_COMPRESSED | (y_is_larger(&a->y) ? FLAG_LARGER : 0));
}

void G(serialize)(uint8_t ret[2 * FIELD_BYTES], const AFFINE *a)
{
    memset(ret, 0, 2 * FIELD_BYTES);
    if (G(affine_is_infinity)(a)) {
        ret[0] = FLAG_INFINITY;
        return;
    }
    put_field(ret, &a->x);
    put_field(ret + FIELD_BYTES, &a->y);
}

static int decode_infinity(AFFINE *ret, const uint8_t *bytes, size_t count, struct sy_error *err)
{
    uint8_t rest = bytes[0] & (uint8_t) ~(FLAG_COMPRESSED | FLAG_INFINITY);
    for (size_t i = 1; i < count; i++)
        rest |= bytes[i];
    if (rest != 0)
        return sy_fail(err, SY_E_CORRUPT, "a point is flagged as infinity but has other bits set");
    memset(ret, 0, sizeof *ret);
    return 0;
}

int G(decompress)(AFFINE *ret, const uint8_t bytes[FIELD_BYTES], bool check_subgroup,
                  struct sy_error *err)
{
    uint8_t plain[FIELD_BYTES];
    AFFINE point;
    FIELD square;
    if (!(bytes[0] & FLAG_COMPRESSED))
        return sy_fail(err, SY_E_CORRUPT, "a compressed point lacks its flag bit");
    if (bytes[0] & FLAG_INFINITY)
        return decode_infinity(ret, bytes, FIELD_BYTES, err);
    memcpy(plain, bytes, FIELD_BYTES);
    plain[0] &= (uint8_t) ~(FLAG_COMPRESSED | FLAG_LARGER);
    int rc = get_field(&point.x, plain, err);
    if (rc != 0)
        return rc;
    curve_right_side(&square, &point.x);
    if (!F(sqrt)(&point.y, &square))
        return sy_fail(err, SY_E_CORRUPT, "a compressed point is not on the curve");
    if (y_is_larger(&point.y) != ((bytes[0] & FLAG_LARGER) != 0))
        F(neg)(&point.y, &point.y);
    if (check_subgroup && !G(in_subgroup)(&point))
        return sy_fail(err, SY_E_CORRUPT, "a point is not in the group of order r");
    *ret = point;
    return 0;
}

int G(deserialize)(AFFINE *ret, const uint8_t bytes[2 * FIELD_BYTES], bool check_subgroup,
                   struct sy_error *err)
{
    AFFINE point;
    if (bytes[0] & (FLAG_COMPRESSED | FLAG_LARGER))
        return sy_fail(err, SY_E_CORRUPT,
                       "an uncompressed point carries the flags of a compressed");
    if (bytes[0] & FLAG_INFINITY)
        return decode_infinity(ret, bytes, 2 * FIELD_BYTES, err);
    int rc = get_field(&point.x, bytes, err);
    if (rc == 0)
        rc = get_field(&point.y, bytes + FIELD_BYTES, err);
    if (rc != 0)
        return rc;
    if (check_subgroup ? !G(in_subgroup)(&point) : !G(on_curve)(&point))
        return sy_fail(err, SY_E_CORRUPT,
                       check_subgroup ? "a point is not in the group of order r"
                                      : "an uncompressed point is not on the curve");
    *ret = point;
    return 0;
}
