/* Internal table of a kernel of field/fr.h; the public functions call through it. */
#ifndef SEALYARD_TASKS_FIELD_FR_OPS_H
#define SEALYARD_TASKS_FIELD_FR_OPS_H

#include "tasks/field/fr.h"

struct sy_fr_ops {
    const char *name;
    bool (*usable)(void); /* does this CPU have the instructions */
    void (*mul)(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b);
    void (*pow5)(struct sy_fr *ret, const struct sy_fr *a);
};

extern const struct sy_fr_ops sy_fr_ops_portable;
extern const struct sy_fr_ops sy_fr_ops_adx;

/* The table in use; chosen at the first call. */
const struct sy_fr_ops *sy_fr_get_ops(void);

#endif
