#include "common/proof.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* One group of five ids, by sector size. */
#define GROUP(first_id, variant_, api_, suffix)                                                    \
    {first_id, 2 * KIB, variant_, api_, "StackedDrg2KiB" suffix, "StackedDrg2KiBV1", "2KiB"},      \
        {first_id + 1,       8 * MIB, variant_, api_, "StackedDrg8MiB" suffix,                     \
         "StackedDrg8MiBV1", "8MiB"},                                                              \
        {first_id + 2,         512 * MIB, variant_, api_, "StackedDrg512MiB" suffix,               \
         "StackedDrg512MiBV1", "512MiB"},                                                          \
        {first_id + 3,        32 * GIB, variant_, api_, "StackedDrg32GiB" suffix,                  \
         "StackedDrg32GiBV1", "32GiB"},                                                            \
    {                                                                                              \
        first_id + 4, 64 * GIB, variant_, api_, "StackedDrg64GiB" suffix, "StackedDrg64GiBV1",     \
            "64GiB"                                                                                \
    }

static const struct sy_proof proofs[SY_PROOF_COUNT] = {
    GROUP(0, SY_PROOF_V1, SY_API_1_0_0, "V1"),
    GROUP(5, SY_PROOF_V1_1, SY_API_1_1_0, "V1_1"),
    GROUP(10, SY_PROOF_SYNTHETIC, SY_API_1_2_0, "V1_1_Feat_SyntheticPoRep"),
    GROUP(15, SY_PROOF_NI, SY_API_1_2_0, "V1_2_Feat_NonInteractivePoRep"),
};

static const char *const api_names[] = {"1.0.0", "1.1.0", "1.2.0"};

const struct sy_proof *sy_proof_get(uint64_t id)
{
    return id < SY_PROOF_COUNT ? &proofs[id] : NULL;
}

int sy_proof_find(const struct sy_proof **ret_proof, uint64_t id, struct sy_error *err)
{
    const struct sy_proof *proof = sy_proof_get(id);
    if (!proof)
        return sy_fail(err, SY_E_RANGE,
                       "seal proof type %" PRIu64 " is not registered: use 0 to %d", id,
                       SY_PROOF_COUNT - 1);
    *ret_proof = proof;
    return 0;
}

int sy_proof_find_name(const struct sy_proof **ret_proof, const char *name, struct sy_error *err)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(proofs); i++) {
        if (strcmp(proofs[i].name, name) == 0) {
            *ret_proof = &proofs[i];
            return 0;
        }
    }
    return sy_fail(
        err, SY_E_NOT_FOUND,
        "seal proof \"%.64s\" is not registered: a name as StackedDrg32GiBV1_1 is needed", name);
}

int sy_proof_select(const struct sy_proof **ret_proof, uint64_t sector_bytes,
                    enum sy_proof_variant variant, struct sy_error *err)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(proofs); i++) {
        if (proofs[i].sector_bytes == sector_bytes && proofs[i].variant == variant) {
            *ret_proof = &proofs[i];
            return 0;
        }
    }
    return sy_fail(err, SY_E_NOT_FOUND,
                   "no registered seal proof for sectors of %" PRIu64
                   " bytes: the sizes are 2KiB, 8MiB, 512MiB, 32GiB, 64GiB",
                   sector_bytes);
}

void sy_proof_porep_id(const struct sy_proof *proof, uint8_t ret_porep_id[SY_POREP_ID_BYTES])
{
    memset(ret_porep_id, 0, SY_POREP_ID_BYTES);
    ret_porep_id[0] = (uint8_t)proof->id;
}

int sy_sector_size_parse(const char *text, uint64_t *ret_bytes, struct sy_error *err)
{
    static const struct {
        const char *unit;
        uint64_t bytes;
    } units[] = {{"B", 1}, {"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}};
    uint64_t value = 0;
    const char *at = text;

    while (isdigit((unsigned char)*at)) {
        if (!sy_mul_ok(value, UINT64_C(10), &value) ||
            !sy_add_ok(value, (uint64_t)(*at - '0'), &value))
            goto bad;
        at++;
    }
    if (at == text)
        goto bad;
    if (*at == ' ')
        at++;
    for (size_t i = 0; i < SY_ARRAY_SIZE(units); i++) {
        if (strcasecmp(at, units[i].unit) != 0)
            continue;
        if (!sy_mul_ok(value, units[i].bytes, &value) || value == 0 || (value & (value - 1)))
            goto bad;
        *ret_bytes = value;
        return 0;
    }
bad:
    return sy_fail(
        err, SY_E_PARSE,
        "\"%.32s\" is not a sector size: a power of two with its unit is needed, as 32GiB", text);
}

char *sy_sector_size_format(uint64_t bytes, char *text)
{
    const char *unit = "B";
    uint64_t value = bytes;

    if (bytes && bytes % GIB == 0) {
        unit = "GiB";
        value = bytes / GIB;
    } else if (bytes && bytes % MIB == 0) {
        unit = "MiB";
        value = bytes / MIB;
    } else if (bytes && bytes % KIB == 0) {
        unit = "KiB";
        value = bytes / KIB;
    }
    snprintf(text, SY_SECTOR_SIZE_TEXT_BYTES, "%" PRIu64 "%s", value, unit);
    return text;
}

const char *sy_api_version_name(enum sy_api_version api)
{
    SY_ASSERT((size_t)api < SY_ARRAY_SIZE(api_names));
    return api_names[api];
}

int sy_api_version_parse(const char *text, enum sy_api_version *ret_api, struct sy_error *err)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(api_names); i++) {
        if (strcmp(text, api_names[i]) == 0) {
            *ret_api = (enum sy_api_version)i;
            return 0;
        }
    }
    return sy_fail(err, SY_E_PARSE, "API version \"%.32s\" is not 1.0.0, 1.1.0 or 1.2.0", text);
}
