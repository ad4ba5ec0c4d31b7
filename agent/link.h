/* The agent's connection to the scheduler: HELLO until WELCOME, heartbeats, the generation guard,
 * reconnects. What arrives from a scheduler that may be obeyed goes to on_frame.
 *
 * A scheduler that does not answer heartbeats for SY_LINK_SILENT_MS gets HELLO again. A refused key
 * is tried again each SY_LINK_REFUSED_RETRY_MS, with an error in the log that says what to do;
 * tasks go on. Threads: the loop thread.
 */
#ifndef SEALYARD_AGENT_LINK_H
#define SEALYARD_AGENT_LINK_H

#include "agent/guard.h"
#include "common/net.h"

#define SY_LINK_HEARTBEAT_MS 2000u /* until WELCOME says otherwise */
#define SY_LINK_HEARTBEAT_MS_MIN 100u
#define SY_LINK_HEARTBEAT_MS_MAX 60000u
#define SY_LINK_SILENT_MS 10000u
#define SY_LINK_REFUSED_RETRY_MS 30000u

struct sy_link;
struct sy_link_opts {
    struct sy_loop *loop; /* all borrowed for the life of the link */
    struct sy_guard *guard;
    const char *endpoint;
    const char *server_key;
    const struct sy_keypair *key;
    /* Fills the body; what it points to is borrowed until the next call. */
    void (*make_hello)(void *ctx, struct sy_msg_hello *ret);
    void (*make_heartbeat)(void *ctx, struct sy_msg_heartbeat *ret);
    void (*on_joined)(void *ctx); /* WELCOME accepted */
    void (*on_frame)(void *ctx, const struct sy_frame *frame);
    void *ctx;
};

int sy_link_create(struct sy_link **ret, const struct sy_link_opts *opts, struct sy_error *err);
void sy_link_destroy(struct sy_link *link); /* NULL is fine */
/* A push (sequence 0 = the link's own counter) or a reply. -SY_E_UNREACHABLE while not joined. */
int sy_link_send(struct sy_link *link, uint16_t type, uint64_t sequence, const void *body,
                 struct sy_error *err);

#endif
