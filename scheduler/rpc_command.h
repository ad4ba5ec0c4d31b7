/* Answers of commands that were run lately, for repeats; see rpc_command.c. Loop thread. */
#ifndef SEALYARD_SCHEDULER_RPC_COMMAND_H
#define SEALYARD_SCHEDULER_RPC_COMMAND_H

#include "common/err.h"

#define SY_COMMAND_MEMORY 256

struct sy_command_memory;
int sy_command_memory_create(struct sy_command_memory **ret, struct sy_error *err);
void sy_command_memory_destroy(struct sy_command_memory *memory); /* NULL is fine */

#endif
