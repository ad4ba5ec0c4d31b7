/* Internal table of a kernel of field/fp.h. */
#ifndef SEALYARD_TASKS_FIELD_FP_OPS_H
#define SEALYARD_TASKS_FIELD_FP_OPS_H

#include "tasks/field/fp.h"

struct sy_fp_ops {
    const char *name;
    bool (*usable)(void);
    void (*mul)(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b);
};

extern const struct sy_fp_ops sy_fp_ops_portable;
extern const struct sy_fp_ops sy_fp_ops_adx;

#endif
