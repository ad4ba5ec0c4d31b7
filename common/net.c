/* Router and dealer own a ZeroMQ context each: the ZAP handler of a router answers for its own
 * sockets only, and destroying one part can never wait for another.
 *
 * The router answers a frame that does not decode with FAILURE when at least its header can be
 * read, so that an older or newer peer learns why. Such frames count against the peer, except those
 * that are only too new.
 */
#include "common/net.h"

#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>
#include <zmq.h>

#define ZAP_DOMAIN "sealyard"
/* ZMQ_ZAP_ENFORCE_DOMAIN: the library knows it, the header only shows it in draft builds. Without a
 * ZAP handler it makes the server refuse instead of accept. */
#define ZAP_ENFORCE_DOMAIN 93
#define HANDSHAKE_MS 5000
#define HEARTBEAT_MS 2000
#define HEARTBEAT_TTL_MS 10000
#define QUEUE_MESSAGES 1000
#define RECONNECT_MS 100
#define RECONNECT_MS_MAX 30000
#define BAD_WINDOW_MS 60000
#define MUTE_MS 60000
#define BAD_PEERS_MAX 4096
#define ARENA_BYTES_MAX (16u << 20)
#define ENDPOINT_BYTES 256
#define ENDPOINTS_MAX 16
#define SELF_TEST_MS 10000
#define MONITOR_ENDPOINT "inproc://monitor"
#define MONITOR_EVENTS_PER_TURN 64

struct option {
    int name;
    int value;
};

static int set_options(void *socket, const struct option *options, size_t count,
                       struct sy_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof options[i].value) < 0)
            return sy_fail(err, SY_E_UNSUPPORTED, "socket option %d is refused: %s",
                           options[i].name, zmq_strerror(zmq_errno()));
    }
    return 0;
}

static int set_text(void *socket, int name, const char *text, struct sy_error *err)
{
    if (zmq_setsockopt(socket, name, text, strlen(text)) < 0)
        return sy_fail(err, SY_E_ARG, "socket option %d is refused: %s", name,
                       zmq_strerror(zmq_errno()));
    return 0;
}

static int set_common_options(void *socket, struct sy_error *err)
{
    static const struct option options[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
        {ZMQ_HEARTBEAT_TTL, HEARTBEAT_TTL_MS},
        {ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TTL_MS},
        {ZMQ_SNDHWM, QUEUE_MESSAGES},
        {ZMQ_RCVHWM, QUEUE_MESSAGES},
    };
    int64_t frame_bytes = SY_FRAME_BYTES_MAX;
    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_bytes, sizeof frame_bytes) < 0)
        return sy_fail(err, SY_E_UNSUPPORTED, "the message limit is refused: %s",
                       zmq_strerror(zmq_errno()));
    return set_options(socket, options, SY_ARRAY_SIZE(options), err);
}

/* A ROUTER with every guard on, not bound yet. */
static int create_server_socket(void *context, const struct sy_keypair *key, void **ret,
                                struct sy_error *err)
{
    static const struct option options[] = {
        {ZMQ_ROUTER_MANDATORY, 1},
        {ZMQ_ROUTER_HANDOVER, 0},
        {ZMQ_CURVE_SERVER, 1},
        {ZAP_ENFORCE_DOMAIN, 1},
    };
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    if (!socket)
        return sy_fail(err, SY_E_RESOURCE, "router: no socket: %s", zmq_strerror(zmq_errno()));
    int rc = set_common_options(socket, err);
    if (rc == 0)
        rc = set_text(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, err);
    if (rc == 0)
        rc = set_options(socket, options, SY_ARRAY_SIZE(options), err);
    if (rc == 0)
        rc = set_text(socket, ZMQ_CURVE_SECRETKEY, key->secret_key, err);
    if (rc < 0) {
        zmq_close(socket);
        return rc;
    }
    *ret = socket;
    return 0;
}

/* A DEALER that keeps nothing for a peer that is not connected. */
static int create_client_socket(void *context, const struct sy_keypair *key, const char *server_key,
                                void **ret, struct sy_error *err)
{
    static const struct option options[] = {
        {ZMQ_IMMEDIATE, 1},
        {ZMQ_RECONNECT_IVL, RECONNECT_MS},
        {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX},
    };
    void *socket = zmq_socket(context, ZMQ_DEALER);
    if (!socket)
        return sy_fail(err, SY_E_RESOURCE, "dealer: no socket: %s", zmq_strerror(zmq_errno()));
    int rc = set_common_options(socket, err);
    if (rc == 0)
        rc = set_options(socket, options, SY_ARRAY_SIZE(options), err);
    if (rc == 0)
        rc = set_text(socket, ZMQ_CURVE_SERVERKEY, server_key, err);
    if (rc == 0)
        rc = set_text(socket, ZMQ_CURVE_PUBLICKEY, key->public_key, err);
    if (rc == 0)
        rc = set_text(socket, ZMQ_CURVE_SECRETKEY, key->secret_key, err);
    if (rc < 0) {
        zmq_close(socket);
        return rc;
    }
    *ret = socket;
    return 0;
}

/* The link events of a client socket, as a PAIR socket to read with read_event. */
static int open_monitor(void *context, void *socket, void **ret, struct sy_error *err)
{
    static const int events =
        ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    int linger = 0;
    void *monitor = zmq_socket(context, ZMQ_PAIR);
    if (!monitor || zmq_setsockopt(monitor, ZMQ_LINGER, &linger, sizeof linger) < 0 ||
        zmq_socket_monitor(socket, MONITOR_ENDPOINT, events) < 0 ||
        zmq_connect(monitor, MONITOR_ENDPOINT) < 0) {
        int rc = sy_fail(err, SY_E_RESOURCE, "dealer: no monitor: %s", zmq_strerror(zmq_errno()));
        if (monitor)
            zmq_close(monitor);
        return rc;
    }
    *ret = monitor;
    return 0;
}

/* The next event, 0 when none waits. */
static int read_event(void *monitor)
{
    uint8_t head[6], address[ENDPOINT_BYTES];
    int got = zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT);
    if (got < 0)
        return 0;
    zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT);
    uint16_t event = 0;
    if (got == (int)sizeof head)
        memcpy(&event, head, sizeof event);
    return event;
}

/* ---------------------------------------------------------------- router -------------------- */

struct bad_peer {
    char name[SY_NAME_BYTES];
    uint32_t count;
    uint64_t last_ms;
    uint64_t muted_until_ms;
    UT_hash_handle hh;
};

struct sy_router {
    struct sy_router_opts opts; /* endpoints are not kept */
    void *context;
    void *socket;
    struct sy_zap *zap;
    struct sy_watch *watch;
    struct sy_arena *arena; /* the frame being handled */
    struct sy_buffer out;   /* the frame being sent */
    struct bad_peer *bad;   /* by name */
    uint64_t generation;    /* of the last frame sent, for refusals */
    char endpoints[ENDPOINTS_MAX][ENDPOINT_BYTES];
    size_t endpoint_count;
};

static int connect_stranger(struct sy_router *router, const char *endpoint, void **ret_client,
                            void **ret_monitor, struct sy_error *err)
{
    struct sy_keypair stranger;
    void *client = NULL, *monitor = NULL;
    int rc = sy_keypair_generate(&stranger, err);
    if (rc < 0)
        return rc;
    rc = create_client_socket(router->context, &stranger, router->opts.key->public_key, &client,
                              err);
    sy_keypair_wipe(&stranger);
    if (rc < 0)
        return rc;
    rc = open_monitor(router->context, client, &monitor, err);
    if (rc < 0)
        goto fail;
    if (zmq_connect(client, endpoint) < 0) {
        rc = sy_fail(err, SY_E_RESOURCE, "router self-test: cannot connect: %s",
                     zmq_strerror(zmq_errno()));
        zmq_close(monitor);
        goto fail;
    }
    *ret_client = client;
    *ret_monitor = monitor;
    return 0;
fail:
    zmq_close(client);
    return rc;
}

/* Serves ZAP by hand (the loop does not run yet) until the stranger's handshake has ended. */
static int await_refusal(struct sy_router *router, void *monitor, struct sy_error *err)
{
    const struct sy_env *env = sy_loop_env(router->opts.loop);
    uint64_t end_ms = sy_env_boot_ms(env) + SELF_TEST_MS;
    while (sy_env_boot_ms(env) < end_ms) {
        zmq_pollitem_t items[] = {
            {sy_zap_socket(router->zap), 0, ZMQ_POLLIN, 0},
            {monitor, 0, ZMQ_POLLIN, 0},
        };
        zmq_poll(items, (int)SY_ARRAY_SIZE(items), 100);
        sy_zap_serve(router->zap, true);
        int event = read_event(monitor);
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            return 0;
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return sy_fail(err, SY_E_AUTH,
                           "router self-test: an unknown key was let in; nothing is bound");
        if (event != 0)
            return sy_fail(err, SY_E_AUTH,
                           "router self-test: the handshake broke (event %x) before the key was "
                           "refused; is the key pair whole?",
                           event);
    }
    return sy_fail(err, SY_E_TIMEOUT, "router self-test: no refusal within %d ms; nothing is bound",
                   SELF_TEST_MS);
}

static int run_self_test(struct sy_router *router, struct sy_error *err)
{
    void *server = NULL, *client = NULL, *monitor = NULL;
    char uuid[SY_UUID_BYTES], endpoint[ENDPOINT_BYTES];
    sy_env_uuid(sy_env_real(), uuid);
    snprintf(endpoint, sizeof endpoint, "ipc://@sealyard-self-test-%s", uuid);
    int rc = create_server_socket(router->context, router->opts.key, &server, err);
    if (rc < 0)
        return rc;
    if (zmq_bind(server, endpoint) < 0)
        rc = sy_fail(err, SY_E_RESOURCE, "router self-test: cannot bind %s: %s", endpoint,
                     zmq_strerror(zmq_errno()));
    if (rc == 0)
        rc = connect_stranger(router, endpoint, &client, &monitor, err);
    if (rc == 0)
        rc = await_refusal(router, monitor, err);
    if (client) {
        /* first the monitor: an event sent to a closed one would hold the I/O thread for ever */
        zmq_socket_monitor(client, NULL, 0);
        zmq_close(client);
        zmq_close(monitor);
    }
    zmq_close(server);
    return rc;
}

/* ipc sockets are for the same user only; CURVE guards them as any other. */
static int restrict_socket_file(const char *endpoint, struct sy_error *err)
{
    static const char scheme[] = "ipc://";
    if (strncmp(endpoint, scheme, sizeof scheme - 1) != 0 || endpoint[sizeof scheme - 1] == '@')
        return 0;
    if (chmod(endpoint + sizeof scheme - 1, 0600) < 0)
        return sy_fail_errno(err, errno, "router: chmod 600 %s", endpoint);
    return 0;
}

static int bind_endpoint(struct sy_router *router, const char *endpoint, struct sy_error *err)
{
    char *bound = router->endpoints[router->endpoint_count];
    size_t bytes = ENDPOINT_BYTES;
    if (zmq_bind(router->socket, endpoint) < 0)
        return sy_fail(err, zmq_errno() == EADDRINUSE ? SY_E_BUSY : SY_E_ARG,
                       "router: cannot listen on %s: %s", endpoint, zmq_strerror(zmq_errno()));
    if (zmq_getsockopt(router->socket, ZMQ_LAST_ENDPOINT, bound, &bytes) < 0)
        return sy_fail(err, SY_E_LIMIT, "router: the endpoint %s is too long", endpoint);
    router->endpoint_count++;
    return restrict_socket_file(bound, err);
}

static void drain_parts(void *socket)
{
    int more = 1;
    size_t more_bytes = sizeof more;
    uint8_t scratch[1];
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_bytes) == 0 && more)
        zmq_recv(socket, scratch, sizeof scratch, ZMQ_DONTWAIT);
}

static void forget_bad_peers(struct sy_router *router)
{
    struct bad_peer *bad, *next;
    HASH_ITER(hh, router->bad, bad, next)
    {
        HASH_DEL(router->bad, bad);
        sy_mem_free(bad);
    }
}

static bool is_muted(struct sy_router *router, const char *name)
{
    struct bad_peer *bad = NULL;
    HASH_FIND_STR(router->bad, name, bad);
    return bad && sy_loop_now_ms(router->opts.loop) < bad->muted_until_ms;
}

/* Counts one frame that did not decode; the SY_NET_BAD_FRAMES_MAX-th mutes the peer. */
static void count_bad_frame(struct sy_router *router, const char *name)
{
    struct bad_peer *bad = NULL;
    uint64_t now_ms = sy_loop_now_ms(router->opts.loop);
    HASH_FIND_STR(router->bad, name, bad);
    if (!bad) {
        if (HASH_COUNT(router->bad) >= BAD_PEERS_MAX)
            forget_bad_peers(router);
        bad = sy_mem_alloc(sizeof *bad);
        if (!bad)
            return;
        memcpy(bad->name, name, strlen(name));
        HASH_ADD_STR(router->bad, name, bad);
    }
    if (now_ms - bad->last_ms > BAD_WINDOW_MS)
        bad->count = 0;
    bad->last_ms = now_ms;
    if (++bad->count < SY_NET_BAD_FRAMES_MAX)
        return;
    bad->count = 0;
    bad->muted_until_ms = now_ms + MUTE_MS;
    SY_WARN("net", "peer_muted", "peer=%s ms=%d bad_frames=%d", name, MUTE_MS,
            SY_NET_BAD_FRAMES_MAX);
}

static void refuse_frame(struct sy_router *router, const struct sy_peer *peer, zmq_msg_t *message,
                         const struct sy_error *why)
{
    char text[SY_ERROR_TEXT_BYTES];
    uint64_t sequence = 0;
    SY_WARN("net", "bad_frame", "peer=%s bytes=%zu why=%s", peer->name, zmq_msg_size(message),
            sy_log_value(why->text, text, sizeof text));
    if (why->code != SY_E_VERSION && why->code != SY_E_UNSUPPORTED)
        count_bad_frame(router, peer->name);
    if (sy_frame_sequence(zmq_msg_data(message), zmq_msg_size(message), &sequence) < 0)
        return;
    const struct sy_msg_failure failure = {
        .code = (uint32_t)why->code,
        .error_class = why->class,
        .text = {why->text, (uint32_t)strlen(why->text)},
    };
    /* A peer that does not take the refusal has lost nothing that it can rely on. */
    (void)sy_router_send(router, peer, SY_MSG_FAILURE, router->generation, sequence, &failure,
                         NULL);
}

/* The identity that ZAP accepted for the connection of this message. */
static bool read_identity(zmq_msg_t *message, struct sy_peer *peer)
{
    const char *name = zmq_msg_gets(message, "User-Id");
    if (!name || !name[0] || strlen(name) >= sizeof peer->name)
        return false;
    memcpy(peer->name, name, strlen(name) + 1);
    return true;
}

static void handle_message(struct sy_router *router, struct sy_peer *peer, zmq_msg_t *message)
{
    struct sy_error err = {0};
    struct sy_frame frame;
    if (!read_identity(message, peer)) {
        SY_ERROR("net", "no_identity", "bytes=%zu", zmq_msg_size(message));
        return;
    }
    if (is_muted(router, peer->name))
        return;
    sy_arena_reset(router->arena);
    const char *chosen_id = zmq_msg_gets(message, "Identity");
    int rc;
    if (zmq_msg_more(message))
        rc = sy_fail(&err, SY_E_PARSE, "message with more than one part");
    else if (chosen_id && chosen_id[0])
        /* Somebody could take the id of a peer that just left and get its pushes. */
        rc = sy_fail(&err, SY_E_DENIED, "the peer chose its own routing id");
    else
        rc = sy_frame_decode(zmq_msg_data(message), zmq_msg_size(message), router->arena, &frame,
                             &err);
    if (rc < 0)
        refuse_frame(router, peer, message, &err);
    else
        router->opts.on_frame(router->opts.ctx, peer, &frame);
}

/* False when nothing waits. */
static bool receive_one(struct sy_router *router)
{
    struct sy_peer peer = {0};
    int got = zmq_recv(router->socket, peer.routing_id, sizeof peer.routing_id, ZMQ_DONTWAIT);
    if (got < 0)
        return false;
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (got <= SY_NET_ROUTING_ID_BYTES &&
        zmq_msg_recv(&message, router->socket, ZMQ_DONTWAIT) >= 0) {
        peer.routing_id_bytes = (uint32_t)got;
        handle_message(router, &peer, &message);
    }
    zmq_msg_close(&message);
    drain_parts(router->socket);
    return true;
}

static void on_router_ready(void *ctx)
{
    struct sy_router *router = ctx;
    for (int i = 0; i < SY_NET_FRAMES_PER_TURN && receive_one(router); i++)
        ;
}

static int start_router(struct sy_router *router, struct sy_error *err)
{
    const struct sy_router_opts *opts = &router->opts;
    int rc = sy_zap_create(&router->zap, opts->loop, router->context, opts->lookup, opts->ctx, err);
    if (rc == 0)
        rc = run_self_test(router, err);
    if (rc == 0)
        rc = create_server_socket(router->context, opts->key, &router->socket, err);
    for (size_t i = 0; rc == 0 && i < opts->endpoint_count; i++)
        rc = bind_endpoint(router, opts->endpoints[i], err);
    if (rc == 0)
        rc = sy_loop_watch_socket(opts->loop, router->socket, on_router_ready, router,
                                  &router->watch, err);
    return rc;
}

int sy_router_create(struct sy_router **ret, const struct sy_router_opts *opts,
                     struct sy_error *err)
{
    if (opts->endpoint_count == 0 || opts->endpoint_count > ENDPOINTS_MAX)
        return sy_fail(err, SY_E_LIMIT, "router: %zu endpoints, expected 1 to %d",
                       opts->endpoint_count, ENDPOINTS_MAX);
    struct sy_router *router = sy_mem_alloc(sizeof *router);
    if (!router)
        return sy_fail(err, SY_E_NOMEM, "router: no memory");
    router->opts = *opts;
    sy_buffer_init(&router->out, SY_FRAME_BYTES_MAX);
    router->arena = sy_arena_create(ARENA_BYTES_MAX);
    router->context = zmq_ctx_new();
    int rc = router->arena && router->context ? start_router(router, err)
                                              : sy_fail(err, SY_E_NOMEM, "router: no memory");
    if (rc < 0) {
        sy_router_destroy(router);
        return rc;
    }
    router->opts.endpoints = NULL;
    *ret = router;
    return 0;
}

void sy_router_destroy(struct sy_router *router)
{
    if (!router)
        return;
    sy_watch_destroy(router->watch);
    if (router->socket)
        zmq_close(router->socket);
    sy_zap_destroy(router->zap);
    if (router->context)
        zmq_ctx_term(router->context);
    forget_bad_peers(router);
    sy_buffer_fini(&router->out);
    sy_arena_destroy(router->arena);
    sy_mem_free(router);
}

int sy_router_send(struct sy_router *router, const struct sy_peer *peer, uint16_t type,
                   uint64_t generation, uint64_t sequence, const void *body, struct sy_error *err)
{
    router->out.bytes = 0;
    int rc = sy_frame_encode(type, generation, sequence, body, &router->out, err);
    if (rc < 0)
        return rc;
    router->generation = generation;
    int sent = zmq_send(router->socket, peer->routing_id, peer->routing_id_bytes,
                        ZMQ_DONTWAIT | ZMQ_SNDMORE);
    if (sent >= 0)
        sent = zmq_send(router->socket, router->out.data, router->out.bytes, ZMQ_DONTWAIT);
    if (sent >= 0)
        return 0;
    int code = zmq_errno() == EAGAIN ? SY_E_AGAIN : SY_E_UNREACHABLE;
    return sy_fail(err, code, "send %s to %s: %s", sy_msg_name(type), peer->name,
                   zmq_strerror(zmq_errno()));
}

const char *sy_router_endpoint(const struct sy_router *router, size_t index)
{
    return index < router->endpoint_count ? router->endpoints[index] : NULL;
}

uint64_t sy_router_refused_count(const struct sy_router *router)
{
    return sy_zap_refused_count(router->zap);
}

/* ---------------------------------------------------------------- dealer -------------------- */

struct sy_dealer {
    struct sy_dealer_opts opts;
    char endpoint[ENDPOINT_BYTES];
    void *context;
    void *socket;
    void *monitor;
    struct sy_watch *watch, *monitor_watch;
    struct sy_arena *arena;
    struct sy_buffer out;
    bool connected;
    struct sy_timer *retry_timer;
    uint64_t retry_ms; /* pause before the next try after a failed handshake */
};

/* libzmq connects again after a lost connection but gives an endpoint up for good when its
 * handshake failed. A key may be accepted later (enrolled, or the table is back), so we try again
 * ourselves. */
static void schedule_retry(struct sy_dealer *dealer)
{
    uint32_t chance = 0;
    sy_env_random(sy_env_real(), &chance, sizeof chance);
    sy_timer_restart(dealer->retry_timer, dealer->retry_ms + chance % dealer->retry_ms);
    dealer->retry_ms = SY_MIN(2 * dealer->retry_ms, (uint64_t)RECONNECT_MS_MAX);
}

static void on_retry(void *ctx)
{
    struct sy_dealer *dealer = ctx;
    zmq_disconnect(dealer->socket, dealer->endpoint); /* ENOENT when libzmq gave it up: fine */
    if (zmq_connect(dealer->socket, dealer->endpoint) < 0)
        schedule_retry(dealer);
}

static void report_link(struct sy_dealer *dealer, bool connected, bool refused)
{
    dealer->connected = connected;
    if (dealer->opts.on_link)
        dealer->opts.on_link(dealer->opts.ctx, connected, refused);
}

static void on_monitor_ready(void *ctx)
{
    struct sy_dealer *dealer = ctx;
    for (int i = 0; i < MONITOR_EVENTS_PER_TURN; i++) {
        int event = read_event(dealer->monitor);
        if (event == 0)
            return;
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            sy_timer_disarm(dealer->retry_timer);
            dealer->retry_ms = RECONNECT_MS;
            report_link(dealer, true, false);
            continue;
        }
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ||
            event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
            schedule_retry(dealer);
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            report_link(dealer, false, true);
        else if (event != ZMQ_EVENT_DISCONNECTED || dealer->connected)
            report_link(dealer, false, false);
    }
}

static void handle_frame(struct sy_dealer *dealer, const void *data, size_t bytes)
{
    struct sy_error err = {0};
    struct sy_frame frame;
    char text[SY_ERROR_TEXT_BYTES];
    if (dealer->opts.on_bytes) {
        dealer->opts.on_bytes(dealer->opts.ctx, data, bytes);
        return;
    }
    sy_arena_reset(dealer->arena);
    if (sy_frame_decode(data, bytes, dealer->arena, &frame, &err) < 0)
        SY_WARN("net", "bad_frame", "peer=server bytes=%zu why=%s", bytes,
                sy_log_value(err.text, text, sizeof text));
    else
        dealer->opts.on_frame(dealer->opts.ctx, &frame);
}

static void on_dealer_ready(void *ctx)
{
    struct sy_dealer *dealer = ctx;
    zmq_msg_t message;
    for (int i = 0; i < SY_NET_FRAMES_PER_TURN; i++) {
        zmq_msg_init(&message);
        bool got = zmq_msg_recv(&message, dealer->socket, ZMQ_DONTWAIT) >= 0;
        if (got && !zmq_msg_more(&message))
            handle_frame(dealer, zmq_msg_data(&message), zmq_msg_size(&message));
        zmq_msg_close(&message);
        if (!got)
            return;
    }
}

static int start_dealer(struct sy_dealer *dealer, struct sy_error *err)
{
    const struct sy_dealer_opts *opts = &dealer->opts;
    int rc = create_client_socket(dealer->context, opts->key, opts->server_public_key,
                                  &dealer->socket, err);
    if (rc == 0)
        rc = open_monitor(dealer->context, dealer->socket, &dealer->monitor, err);
    if (rc == 0)
        rc = sy_loop_watch_socket(opts->loop, dealer->monitor, on_monitor_ready, dealer,
                                  &dealer->monitor_watch, err);
    if (rc == 0)
        rc = sy_loop_watch_socket(opts->loop, dealer->socket, on_dealer_ready, dealer,
                                  &dealer->watch, err);
    if (rc == 0)
        rc = sy_timer_create(opts->loop, 0, 0, on_retry, dealer, &dealer->retry_timer, err);
    if (rc < 0)
        return rc;
    sy_timer_disarm(dealer->retry_timer);
    dealer->retry_ms = RECONNECT_MS;
    if (zmq_connect(dealer->socket, dealer->endpoint) < 0)
        rc = sy_fail(err, SY_E_ARG, "endpoint %s is refused: %s; use tcp://HOST:PORT or ipc://PATH",
                     dealer->endpoint, zmq_strerror(zmq_errno()));
    return rc;
}

int sy_dealer_create(struct sy_dealer **ret, const struct sy_dealer_opts *opts,
                     struct sy_error *err)
{
    if (strlen(opts->endpoint) >= ENDPOINT_BYTES)
        return sy_fail(err, SY_E_LIMIT, "endpoint %.40s... is longer than %d characters",
                       opts->endpoint, ENDPOINT_BYTES - 1);
    struct sy_dealer *dealer = sy_mem_alloc(sizeof *dealer);
    if (!dealer)
        return sy_fail(err, SY_E_NOMEM, "dealer: no memory");
    dealer->opts = *opts;
    memcpy(dealer->endpoint, opts->endpoint, strlen(opts->endpoint));
    sy_buffer_init(&dealer->out, SY_FRAME_BYTES_MAX);
    dealer->arena = sy_arena_create(ARENA_BYTES_MAX);
    dealer->context = zmq_ctx_new();
    int rc = dealer->arena && dealer->context ? start_dealer(dealer, err)
                                              : sy_fail(err, SY_E_NOMEM, "dealer: no memory");
    if (rc < 0) {
        sy_dealer_destroy(dealer);
        return rc;
    }
    dealer->opts.endpoint = dealer->endpoint;
    dealer->opts.server_public_key = NULL; /* the socket has its own copy */
    *ret = dealer;
    return 0;
}

void sy_dealer_destroy(struct sy_dealer *dealer)
{
    if (!dealer)
        return;
    sy_watch_destroy(dealer->watch);
    sy_watch_destroy(dealer->monitor_watch);
    sy_timer_destroy(dealer->retry_timer);
    if (dealer->socket) {
        zmq_socket_monitor(dealer->socket, NULL, 0);
        zmq_close(dealer->socket);
    }
    if (dealer->monitor)
        zmq_close(dealer->monitor);
    if (dealer->context)
        zmq_ctx_term(dealer->context);
    sy_buffer_fini(&dealer->out);
    sy_arena_destroy(dealer->arena);
    sy_mem_free(dealer);
}

int sy_dealer_send_bytes(struct sy_dealer *dealer, const void *frame, size_t bytes,
                         struct sy_error *err)
{
    if (!dealer->connected)
        return sy_fail(err, SY_E_UNREACHABLE, "not connected to %s", dealer->endpoint);
    if (zmq_send(dealer->socket, frame, bytes, ZMQ_DONTWAIT) >= 0)
        return 0;
    int code = zmq_errno() == EAGAIN ? SY_E_AGAIN : SY_E_UNREACHABLE;
    return sy_fail(err, code, "send to %s: %s", dealer->endpoint, zmq_strerror(zmq_errno()));
}

int sy_dealer_send(struct sy_dealer *dealer, uint16_t type, uint64_t generation, uint64_t sequence,
                   const void *body, struct sy_error *err)
{
    dealer->out.bytes = 0;
    int rc = sy_frame_encode(type, generation, sequence, body, &dealer->out, err);
    if (rc < 0)
        return rc;
    return sy_dealer_send_bytes(dealer, dealer->out.data, dealer->out.bytes, err);
}
