/* Sub-commands that work on the store itself while no scheduler runs: init, fsck, dump, keygen.
 *
 * Results go to standard output, one JSON document (fsck with --json, dump: JSON lines); what
 * people read goes there too. Errors come back to main.c.
 */
#ifndef SEALYARD_SCHEDULER_ADMIN_H
#define SEALYARD_SCHEDULER_ADMIN_H

#include "scheduler/options.h"

struct sy_admin_args {
    struct sy_scheduler_options *options; /* NULL: keygen without --config */
    bool json;
    const char *table; /* dump: only this one; NULL = all */
    const char *out;   /* keygen: key file to make */
    const char *name;  /* keygen: identity to register with this key */
    const char *role;
};

/* Makes what is missing: directories, store, server key, admin key, the admin's identity. A second
 * run changes nothing. */
int sy_admin_init(const struct sy_admin_args *args, struct sy_error *err);
/* Replays every event and compares. *ret_clean false: something was found. */
int sy_admin_fsck(const struct sy_admin_args *args, bool *ret_clean, struct sy_error *err);
int sy_admin_dump(const struct sy_admin_args *args, struct sy_error *err);
/* Makes a key pair in `out` and its public half in `out`.pub; with name and role (viewer, operator,
 * admin) the store learns the identity. */
int sy_admin_keygen(const struct sy_admin_args *args, struct sy_error *err);

#endif
