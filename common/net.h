/* ROUTER and DEALER over CURVE. The only transport between our processes.
 *
 * Socket limits: MAXMSGSIZE SY_FRAME_BYTES_MAX, HANDSHAKE_IVL 5 s, HEARTBEAT 2 s / TTL 10 s, LINGER
 * 0, ROUTER_MANDATORY on, ROUTER_HANDOVER off, SNDHWM/RCVHWM 1000. A send never blocks: a full or
 * gone peer gives -SY_E_AGAIN / -SY_E_UNREACHABLE and the caller keeps its message (all ours are
 * repeated). A peer that sends SY_NET_BAD_FRAMES_MAX undecodable frames is ignored for 60 s.
 * Everything here belongs to the loop thread.
 */
#ifndef SEALYARD_COMMON_NET_H
#define SEALYARD_COMMON_NET_H

#include "common/auth.h"
#include "common/msg.h"

#define SY_NET_BAD_FRAMES_MAX 10
#define SY_NET_FRAMES_PER_TURN 256
#define SY_NET_ROUTING_ID_BYTES 256

/* Who sent a frame: the ZAP identity and the connection to answer on. Copy it to answer later. */
struct sy_peer {
    char name[SY_NAME_BYTES]; /* identity name, from ZAP */
    uint8_t routing_id[SY_NET_ROUTING_ID_BYTES];
    uint32_t routing_id_bytes;
};

struct sy_router;
struct sy_router_opts {
    struct sy_loop *loop;
    const char *const *endpoints; /* "tcp://0.0.0.0:7710", "ipc:///run/..." */
    size_t endpoint_count;
    const struct sy_keypair *key; /* borrowed for the life of the router */
    sy_auth_lookup *lookup;       /* fail-closed: asked at every handshake, with ctx */
    /* A frame that decoded well. frame and its body live until the callback returns. */
    void (*on_frame)(void *ctx, const struct sy_peer *peer, const struct sy_frame *frame);
    void *ctx;
};
/* Before it binds, the router tests itself: a connection with an unknown key must be refused, or
 * creation fails (a CURVE server without a working ZAP handler lets everybody in). */
int sy_router_create(struct sy_router **ret, const struct sy_router_opts *opts,
                     struct sy_error *err);
void sy_router_destroy(struct sy_router *router);
/* Encodes and sends one frame. sequence = the request's for replies, own counter for pushes. */
int sy_router_send(struct sy_router *router, const struct sy_peer *peer, uint16_t type,
                   uint64_t generation, uint64_t sequence, const void *body, struct sy_error *err);
/* The endpoint really bound (a port of 0 was chosen by the system). Borrowed. */
const char *sy_router_endpoint(const struct sy_router *router, size_t index);
/* Handshakes refused since creation. */
uint64_t sy_router_refused_count(const struct sy_router *router);

struct sy_dealer;
struct sy_dealer_opts {
    struct sy_loop *loop;
    const char *endpoint;
    const char *server_public_key;
    const struct sy_keypair *key; /* borrowed for the life of the dealer */
    void (*on_frame)(void *ctx, const struct sy_frame *frame);
    /* When set: called with the undecoded bytes instead of on_frame. */
    void (*on_bytes)(void *ctx, const void *data, size_t bytes);
    /* connected true after the CURVE handshake, false on loss; refused: the server does not accept
     * our key. From the socket monitor. NULL is fine. */
    void (*on_link)(void *ctx, bool connected, bool refused);
    void *ctx;
};
/* Reconnects by itself, 100 ms to 30 s with jitter. */
int sy_dealer_create(struct sy_dealer **ret, const struct sy_dealer_opts *opts,
                     struct sy_error *err);
void sy_dealer_destroy(struct sy_dealer *dealer);
int sy_dealer_send(struct sy_dealer *dealer, uint16_t type, uint64_t generation, uint64_t sequence,
                   const void *body, struct sy_error *err);

/* The same with an encoded frame: repeats send the same bytes. */
int sy_dealer_send_bytes(struct sy_dealer *dealer, const void *frame, size_t bytes,
                         struct sy_error *err);

/* A blocking client on its own loop, for command line tools: one request, one reply.
 * The request is repeated every 1 s x 2^n with the same bytes until a reply with its sequence comes
 * or timeout_ms is over (-SY_E_TIMEOUT; -SY_E_UNREACHABLE when no connection came up; -SY_E_AUTH
 * when the key was refused). A FAILURE reply becomes *err with its code, class and text. */
struct sy_client;
int sy_client_create(struct sy_client **ret, const char *endpoint, const char *server_public_key,
                     const struct sy_keypair *key, struct sy_error *err);
void sy_client_destroy(struct sy_client *client);
/* *ret_frame and its body stay valid until the next call or destroy. */
int sy_client_call(struct sy_client *client, uint16_t type, const void *body, uint64_t timeout_ms,
                   const struct sy_frame **ret_frame, struct sy_error *err);

#endif
