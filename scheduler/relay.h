/* Requests of clients that an agent answers: FETCH as FILE_READ, store-attach as STORE_ATTACH.
 *
 * Each gets a sequence of ours; the agent's answer carries it back and finds the client who waits.
 * An answer that does not come in time, or comes from another agent, finds nobody; the client gets
 * a FAILURE with SY_E_TIMEOUT. Threads: the loop thread.
 */
#ifndef SEALYARD_SCHEDULER_RELAY_H
#define SEALYARD_SCHEDULER_RELAY_H

#include "common/net.h"

#define SY_RELAY_WAITING_MAX 1024

struct sy_relayed {
    uint16_t type; /* SY_MSG_FILE_READ or SY_MSG_STORE_ATTACH */
    struct sy_peer client;
    uint64_t client_sequence;
    char agent[SY_NAME_BYTES];
    uint64_t due_ms; /* boot time */
};

struct sy_relay;
int sy_relay_create(struct sy_relay **ret, struct sy_error *err);
void sy_relay_destroy(struct sy_relay *relay); /* NULL is fine */
/* -SY_E_LIMIT when SY_RELAY_WAITING_MAX wait. */
int sy_relay_add(struct sy_relay *relay, uint64_t sequence, const struct sy_relayed *relayed,
                 struct sy_error *err);
/* Takes the request that this agent's answer belongs to; false = nobody waits. */
bool sy_relay_take(struct sy_relay *relay, uint64_t sequence, const char *agent, uint16_t type,
                   struct sy_relayed *ret);
/* Takes one request that is overdue; false = none. */
bool sy_relay_expire(struct sy_relay *relay, uint64_t now_ms, struct sy_relayed *ret);

#endif
