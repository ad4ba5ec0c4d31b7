/* The seams to the world that the simulator replaces: clock and chance. Plus failpoints.
 *
 * Durations, leases and timers use boot_ms (CLOCK_BOOTTIME); wall_ms is only recorded and printed.
 * Threads: the real implementation may be used from any thread.
 */
#ifndef SEALYARD_COMMON_ENV_H
#define SEALYARD_COMMON_ENV_H

#include "common/err.h"

#define SY_ENV_ABI 1

struct sy_env_ops {
    uint32_t abi;
    uint64_t (*boot_ms)(void *self);                          /* CLOCK_BOOTTIME, milliseconds */
    int64_t (*wall_ms)(void *self);                           /* Unix time, milliseconds, UTC */
    void (*random)(void *self, void *ret_data, size_t bytes); /* cryptographic */
};

struct sy_env {
    const struct sy_env_ops *ops;
    void *self;
};

/* The operating system's. Static; never freed. */
const struct sy_env *sy_env_real(void);

static inline uint64_t sy_env_boot_ms(const struct sy_env *env)
{
    return env->ops->boot_ms(env->self);
}
static inline int64_t sy_env_wall_ms(const struct sy_env *env)
{
    return env->ops->wall_ms(env->self);
}
static inline void sy_env_random(const struct sy_env *env, void *ret_data, size_t bytes)
{
    env->ops->random(env->self, ret_data, bytes);
}

/* /proc/sys/kernel/random/boot_id without the newline: 36 characters + NUL. */
int sy_env_boot_id(char ret_text[37], struct sy_error *err);
/* A random (version 4) UUID as text. */
void sy_env_uuid(const struct sy_env *env, char ret_text[37]);

/* A named place where a test may kill the process: SY_FAULT("store.before_commit"). Compiled out of
 * release builds. In fault builds the environment variable SEALYARD_FAULT="name[:count]" makes the
 * count-th visit of that place end the process by SIGKILL. */
#ifdef SY_FAULTS
void sy_fault_visit(const char *name);
#define SY_FAULT(name) sy_fault_visit(name)
#else
#define SY_FAULT(name) ((void)0)
#endif

#endif
