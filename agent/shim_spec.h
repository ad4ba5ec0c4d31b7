/* shim.json: what the agent tells a shim to run. Strings of a loaded spec live as long as the spec.
 *
 * It holds no secret: the attempt token stays in the agent's ledger.
 */
#ifndef SEALYARD_AGENT_SHIM_SPEC_H
#define SEALYARD_AGENT_SHIM_SPEC_H

#include "common/err.h"

#include <jansson.h>

#define SY_SHIM_SPEC_FILE "shim.json"
#define SY_SHIM_SPEC_BYTES_MAX 262144
#define SY_SHIM_ITEMS_MAX 64 /* arguments, variables, paths */

struct sy_shim_spec {
    const char *attempt;                            /* "12-1" */
    const char *exec[SY_SHIM_ITEMS_MAX + 1];        /* program and arguments, NULL at the end */
    const char *environment[SY_SHIM_ITEMS_MAX + 1]; /* "NAME=value", NULL at the end */
    const char *writable[SY_SHIM_ITEMS_MAX + 1];    /* the only paths the task may write below */
    const char *cleanup[SY_SHIM_ITEMS_MAX + 1];     /* removed after the task succeeded */
    const char *cgroup;                             /* NULL = no control group */
    bool network;                                   /* false: an empty network namespace */
    bool switch_user;                               /* run as uid and gid */
    uint32_t uid, gid;
    uint64_t memory_bytes; /* limit of the group, for error texts; 0 = none */
    json_t *root;          /* owner of the strings of a loaded spec */
};

int sy_shim_spec_write(const char *directory, const struct sy_shim_spec *spec,
                       struct sy_error *err);
int sy_shim_spec_load(struct sy_shim_spec *ret, const char *directory, struct sy_error *err);
void sy_shim_spec_fini(struct sy_shim_spec *spec);

#endif
