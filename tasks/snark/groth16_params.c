/* Reading parameter files and verifying keys: facts groth16.md 2.1, 2.2. */
#include "tasks/snark/groth16.h"

#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VK_HEAD_BYTES 864
#define IC_COUNT_MAX (1u << 20)

static uint32_t read_u32be(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int read_g1(struct sy_g1_affine *ret, const uint8_t *bytes, const char *name,
                   struct sy_error *err)
{
    int rc = sy_g1_deserialize(ret, bytes, true, err);
    if (rc == 0 && sy_g1_affine_is_infinity(ret))
        rc = sy_fail(err, SY_E_CORRUPT, "the point is infinity");
    return rc == 0 ? 0 : sy_error_wrap(err, "verifying key, %s", name);
}

static int read_g2(struct sy_g2_affine *ret, const uint8_t *bytes, const char *name,
                   struct sy_error *err)
{
    int rc = sy_g2_deserialize(ret, bytes, true, err);
    if (rc == 0 && sy_g2_affine_is_infinity(ret))
        rc = sy_fail(err, SY_E_CORRUPT, "the point is infinity");
    return rc == 0 ? 0 : sy_error_wrap(err, "verifying key, %s", name);
}

static int read_head(struct sy_groth16_vk *vk, const uint8_t *bytes, struct sy_error *err)
{
    int rc = read_g1(&vk->alpha_g1, bytes, "alpha_g1", err);
    if (rc == 0)
        rc = read_g1(&vk->beta_g1, bytes + 96, "beta_g1", err);
    if (rc == 0)
        rc = read_g2(&vk->beta_g2, bytes + 192, "beta_g2", err);
    if (rc == 0)
        rc = read_g2(&vk->gamma_g2, bytes + 384, "gamma_g2", err);
    if (rc == 0)
        rc = read_g1(&vk->delta_g1, bytes + 576, "delta_g1", err);
    if (rc == 0)
        rc = read_g2(&vk->delta_g2, bytes + 672, "delta_g2", err);
    return rc;
}

int sy_groth16_vk_parse(struct sy_groth16_vk *ret, const uint8_t *bytes, size_t count,
                        struct sy_error *err)
{
    if (count < VK_HEAD_BYTES + 4)
        return sy_fail(err, SY_E_CORRUPT, "a verifying key has %zu bytes, at least %d expected",
                       count, VK_HEAD_BYTES + 4);
    uint32_t ic_count = read_u32be(bytes + VK_HEAD_BYTES);
    if (ic_count == 0 || ic_count > IC_COUNT_MAX ||
        count < VK_HEAD_BYTES + 4 + (size_t)ic_count * SY_G1_BYTES)
        return sy_fail(err, SY_E_CORRUPT,
                       "a verifying key names %u inputs, which its %zu bytes do not hold", ic_count,
                       count);
    struct sy_groth16_vk vk = {.ic_count = ic_count};
    vk.ic = calloc(ic_count, sizeof *vk.ic);
    if (!vk.ic)
        return sy_fail(err, SY_E_NOMEM, "no memory for %u inputs of a verifying key", ic_count);
    int rc = read_head(&vk, bytes, err);
    for (uint32_t i = 0; rc == 0 && i < ic_count; i++)
        rc = read_g1(&vk.ic[i], bytes + VK_HEAD_BYTES + 4 + (size_t)i * SY_G1_BYTES, "ic", err);
    if (rc != 0) {
        free(vk.ic);
        return rc;
    }
    sy_pairing(&vk.alpha_beta, &vk.alpha_g1, &vk.beta_g2);
    *ret = vk;
    return 0;
}

int sy_groth16_vk_open(struct sy_groth16_vk *ret, const char *path, struct sy_error *err)
{
    char *bytes;
    size_t count;
    int rc = sy_file_read(path, VK_HEAD_BYTES + 4 + (size_t)IC_COUNT_MAX * SY_G1_BYTES, &bytes,
                          &count, err);
    if (rc != 0)
        return rc;
    rc = sy_groth16_vk_parse(ret, (const uint8_t *)bytes, count, err);
    if (rc == 0 && count != VK_HEAD_BYTES + 4 + (size_t)ret->ic_count * SY_G1_BYTES) {
        rc = sy_fail(err, SY_E_CORRUPT, "%zu bytes, %u inputs need %zu", count, ret->ic_count,
                     VK_HEAD_BYTES + 4 + (size_t)ret->ic_count * SY_G1_BYTES);
        sy_groth16_vk_fini(ret);
    }
    free(bytes);
    return rc == 0 ? 0 : sy_error_wrap(err, "%s", path);
}

void sy_groth16_vk_fini(struct sy_groth16_vk *vk)
{
    free(vk->ic);
    memset(vk, 0, sizeof *vk);
}

/* One counted vector of the file; moves *at behind it. */
static int take_vector(const struct sy_groth16_params *params, size_t *at, size_t point_bytes,
                       const char *name, const uint8_t **ret, uint32_t *ret_count,
                       struct sy_error *err)
{
    const uint8_t *bytes = params->map;
    if (params->map_bytes - *at < 4)
        return sy_fail(err, SY_E_CORRUPT, "the file ends before the count of %s", name);
    uint32_t count = read_u32be(bytes + *at);
    *at += 4;
    if ((params->map_bytes - *at) / point_bytes < count)
        return sy_fail(err, SY_E_CORRUPT, "%s has %u points, the rest of the file holds %zu", name,
                       count, (params->map_bytes - *at) / point_bytes);
    *ret = bytes + *at;
    *ret_count = count;
    *at += (size_t)count * point_bytes;
    return 0;
}

static int take_vectors(struct sy_groth16_params *p, struct sy_error *err)
{
    size_t at = VK_HEAD_BYTES + 4 + (size_t)p->vk.ic_count * SY_G1_BYTES;
    uint32_t b_g2_count = 0;
    int rc = take_vector(p, &at, SY_G1_BYTES, "h", &p->h, &p->h_count, err);
    if (rc == 0)
        rc = take_vector(p, &at, SY_G1_BYTES, "l", &p->l, &p->l_count, err);
    if (rc == 0)
        rc = take_vector(p, &at, SY_G1_BYTES, "a", &p->a, &p->a_count, err);
    if (rc == 0)
        rc = take_vector(p, &at, SY_G1_BYTES, "b_g1", &p->b_g1, &p->b_count, err);
    if (rc == 0)
        rc = take_vector(p, &at, SY_G2_BYTES, "b_g2", &p->b_g2, &b_g2_count, err);
    if (rc != 0)
        return rc;
    if (at != p->map_bytes)
        return sy_fail(err, SY_E_CORRUPT, "%zu bytes follow the last point", p->map_bytes - at);
    uint64_t size = (uint64_t)p->h_count + 1;
    if ((size & (size - 1)) != 0 || b_g2_count != p->b_count || p->a_count < p->vk.ic_count)
        return sy_fail(err, SY_E_CORRUPT,
                       "counts do not fit together: h %u (one less than a power of two expected), "
                       "b_g1 %u and b_g2 %u (equal expected), a %u (at least %u expected)",
                       p->h_count, p->b_count, b_g2_count, p->a_count, p->vk.ic_count);
    return 0;
}

int sy_groth16_params_open(struct sy_groth16_params *ret, const char *path, struct sy_error *err)
{
    struct sy_groth16_params params = {0};
    uint64_t bytes;
    int rc = sy_file_size(path, &bytes, err);
    if (rc != 0)
        return rc;
    if (bytes < VK_HEAD_BYTES + 4)
        return sy_fail(err, SY_E_CORRUPT, "%s has %llu bytes, no parameter file is that small",
                       path, (unsigned long long)bytes);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    params.map_bytes = (size_t)bytes;
    params.map = mmap(NULL, params.map_bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (params.map == MAP_FAILED)
        return sy_fail_errno(err, errno, "map %s", path);
    rc = sy_groth16_vk_parse(&params.vk, params.map, params.map_bytes, err);
    if (rc == 0)
        rc = take_vectors(&params, err);
    if (rc != 0) {
        sy_groth16_params_close(&params);
        return sy_error_wrap(err, "%s", path);
    }
    *ret = params;
    return 0;
}

void sy_groth16_params_close(struct sy_groth16_params *params)
{
    sy_groth16_vk_fini(&params->vk);
    if (params->map)
        munmap(params->map, params->map_bytes);
    memset(params, 0, sizeof *params);
}
