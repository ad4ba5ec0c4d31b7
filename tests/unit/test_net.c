#include "tests/unit/common_test.h"

#include "common/net.h"

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define WAIT_MS 5000

/* The system's clock, moved forward by the tests that wait for a minute. */
static uint64_t clock_offset_ms;

static uint64_t shifted_boot_ms(void *self)
{
    (void)self;
    return sy_env_boot_ms(sy_env_real()) + clock_offset_ms;
}
static int64_t real_wall_ms(void *self)
{
    (void)self;
    return sy_env_wall_ms(sy_env_real());
}
static void real_random(void *self, void *ret_data, size_t bytes)
{
    (void)self;
    sy_env_random(sy_env_real(), ret_data, bytes);
}
static const struct sy_env *shifted_env(void)
{
    static const struct sy_env_ops ops = {SY_ENV_ABI, shifted_boot_ms, real_wall_ms, real_random};
    static const struct sy_env env = {&ops, NULL};
    return &env;
}

static struct sy_keypair server_key, bob_key, stranger_key;
static struct sy_identity bob; /* what the lookup answers for bob's key */
static struct sy_loop *loop;
static struct sy_router *router;
static pthread_t thread;
static bool thread_runs;

/* What the router's handler saw and shall do. */
static enum { ANSWER, STAY_SILENT, FAIL_NICELY } behaviour;
static volatile uint32_t frames;
static uint64_t sequences[16];
static struct sy_peer last_peer;

static int lookup_key(void *ctx, const char *public_key, struct sy_identity *ret,
                      struct sy_error *err)
{
    (void)ctx;
    if (strcmp(public_key, bob_key.public_key) != 0)
        return sy_fail(err, SY_E_AUTH, "unknown key");
    *ret = bob;
    return 0;
}

static void on_frame(void *ctx, const struct sy_peer *peer, const struct sy_frame *frame)
{
    (void)ctx;
    static const struct sy_msg_json json = {{"{\"ok\":true}", 11}};
    static const struct sy_msg_failure failure = {SY_E_BUSY, SY_CLASS_TRANSIENT, {"too busy", 8}};
    last_peer = *peer;
    sequences[frames % 16] = frame->sequence;
    frames++;
    if (behaviour == ANSWER)
        assert_works(sy_router_send(router, peer, SY_MSG_JSON, 7, frame->sequence, &json, &err));
    else if (behaviour == FAIL_NICELY)
        assert_works(
            sy_router_send(router, peer, SY_MSG_FAILURE, 7, frame->sequence, &failure, &err));
}

static int create_router(const char *endpoint, sy_auth_lookup *lookup, struct sy_error *err)
{
    const char *const endpoints[] = {endpoint};
    const struct sy_router_opts opts = {
        .loop = loop,
        .endpoints = endpoints,
        .endpoint_count = 1,
        .key = &server_key,
        .lookup = lookup,
        .on_frame = on_frame,
    };
    return sy_router_create(&router, &opts, err);
}

static int start(void **state)
{
    make_test_directory(state);
    bob = (struct sy_identity){.name = "bob", .role = SY_ROLE_OPERATOR};
    behaviour = ANSWER;
    frames = 0;
    clock_offset_ms = 0;
    router = NULL;
    return sy_keypair_generate(&server_key, NULL) | sy_keypair_generate(&bob_key, NULL) |
           sy_keypair_generate(&stranger_key, NULL) | sy_loop_create(&loop, shifted_env(), NULL) |
           create_router("tcp://127.0.0.1:*", lookup_key, NULL);
}

static int stop(void **state)
{
    if (thread_runs) {
        sy_loop_stop(loop);
        pthread_join(thread, NULL);
        thread_runs = false;
    }
    sy_router_destroy(router);
    sy_loop_destroy(loop);
    remove_test_directory(state);
    return sy_mem_live_count() == 0 ? 0 : -1;
}

static void *run_loop(void *ctx)
{
    (void)ctx;
    sy_loop_run(loop, NULL);
    return NULL;
}

static void run_server(void)
{
    assert_int_equal(pthread_create(&thread, NULL, run_loop, NULL), 0);
    thread_runs = true;
}

static int call(const struct sy_keypair *key, const char *server_public, uint64_t timeout_ms,
                struct sy_error *err)
{
    static const struct sy_msg_query query = {.what = "status"};
    struct sy_client *client = NULL;
    const struct sy_frame *frame = NULL;
    int rc = sy_client_create(&client, sy_router_endpoint(router, 0), server_public, key, err);
    if (rc == 0)
        rc = sy_client_call(client, SY_MSG_QUERY, &query, timeout_ms, &frame, err);
    if (rc == 0) {
        assert_int_equal(frame->type, SY_MSG_JSON);
        assert_int_equal(frame->generation, 7);
        const struct sy_msg_json *json = frame->body;
        assert_memory_equal(json->json.data, "{\"ok\":true}", 11);
    }
    sy_client_destroy(client);
    return rc;
}

static void a_known_key_is_answered_under_its_name(void **state)
{
    (void)state;
    run_server();
    assert_works(call(&bob_key, server_key.public_key, WAIT_MS, &err));
    assert_string_equal(last_peer.name, "bob");
    assert_int_equal(frames, 1);
    assert_int_equal(sy_router_refused_count(router), 0);
}

static void one_client_calls_often(void **state)
{
    (void)state;
    static const struct sy_msg_query query = {.what = "status"};
    struct sy_client *client = NULL;
    const struct sy_frame *frame = NULL;
    run_server();
    assert_works(sy_client_create(&client, sy_router_endpoint(router, 0), server_key.public_key,
                                  &bob_key, &err));
    for (int i = 0; i < 200; i++)
        assert_works(sy_client_call(client, SY_MSG_QUERY, &query, WAIT_MS, &frame, &err));
    sy_client_destroy(client);
    assert_int_equal(frames, 200);
    assert_true(sequences[1] == sequences[0] + 1);
}

/* The self-test must leave nothing behind: an event of its connection that nobody could take once
 * held the I/O thread, and about one router in two hundred never answered. */
static void many_routers_in_a_row_answer(void **state)
{
    for (int i = 0; i < 150; i++) {
        run_server();
        assert_works(call(&bob_key, server_key.public_key, WAIT_MS, &err));
        assert_int_equal(stop(state), 0);
        assert_int_equal(start(state), 0);
    }
}

static void keys_that_are_not_accepted_are_told_so(void **state)
{
    (void)state;
    run_server();
    assert_fails(SY_E_AUTH, call(&stranger_key, server_key.public_key, WAIT_MS, &err));
    bob.revoked = true;
    assert_fails(SY_E_AUTH, call(&bob_key, server_key.public_key, WAIT_MS, &err));
    bob.revoked = false;
    bob.expires_ms = sy_env_wall_ms(sy_env_real()) - 1;
    assert_fails(SY_E_AUTH, call(&bob_key, server_key.public_key, WAIT_MS, &err));
    bob.expires_ms = sy_env_wall_ms(sy_env_real()) + 60000;
    assert_works(call(&bob_key, server_key.public_key, WAIT_MS, &err));
    bob.name[0] = 0; /* an identity without a name can never be let in */
    assert_fails(SY_E_AUTH, call(&bob_key, server_key.public_key, WAIT_MS, &err));
    assert_int_equal(frames, 1);
    assert_in_range(sy_router_refused_count(router), 4, 8);
}

static void a_wrong_server_key_is_not_reachable(void **state)
{
    (void)state;
    run_server();
    assert_fails_with(SY_E_UNREACHABLE, "server's public key",
                      call(&bob_key, stranger_key.public_key, 700, &err));
    assert_int_equal(frames, 0);
}

static void nobody_there_is_not_reachable(void **state)
{
    (void)state;
    struct sy_client *client = NULL;
    const struct sy_frame *frame = NULL;
    static const struct sy_msg_query query = {.what = "status"};
    assert_works(sy_client_create(&client, "ipc:///nonexistent/s.ipc", server_key.public_key,
                                  &bob_key, &err));
    assert_fails_with(SY_E_UNREACHABLE, "is the scheduler running",
                      sy_client_call(client, SY_MSG_QUERY, &query, 300, &frame, &err));
    sy_client_destroy(client);
    sy_client_destroy(NULL);
}

static void silence_is_a_time_out_after_repeats_with_one_sequence(void **state)
{
    (void)state;
    behaviour = STAY_SILENT;
    run_server();
    assert_fails(SY_E_TIMEOUT, call(&bob_key, server_key.public_key, 1500, &err));
    assert_int_equal(frames, 2); /* at once and after 1 s */
    assert_true(sequences[0] == sequences[1]);
}

static void a_failure_reply_becomes_the_error(void **state)
{
    (void)state;
    struct sy_error err = {0};
    behaviour = FAIL_NICELY;
    run_server();
    assert_int_equal(call(&bob_key, server_key.public_key, WAIT_MS, &err), -SY_E_BUSY);
    assert_int_equal(err.code, SY_E_BUSY);
    assert_int_equal(err.class, SY_CLASS_TRANSIENT);
    assert_string_equal(err.text, "too busy");
}

static int accept_everybody(void *ctx, const char *public_key, struct sy_identity *ret,
                            struct sy_error *err)
{
    (void)ctx;
    (void)public_key;
    (void)err;
    *ret = bob;
    return 0;
}

static void a_router_that_lets_strangers_in_is_not_created(void **state)
{
    (void)state;
    sy_router_destroy(router);
    router = NULL;
    assert_fails_with(SY_E_AUTH, "unknown key was let in",
                      create_router("tcp://127.0.0.1:*", accept_everybody, &err));
    assert_null(router);
    server_key.secret_key[0] ^= 1; /* another secret: the handshake cannot end well */
    assert_true(create_router("tcp://127.0.0.1:*", lookup_key, NULL) < 0);
    assert_null(router);
}

static void bad_endpoints_are_refused(void **state)
{
    (void)state;
    struct sy_router *first = router;
    char taken[256];
    snprintf(taken, sizeof taken, "%s", sy_router_endpoint(first, 0));
    assert_null(sy_router_endpoint(first, 1));
    assert_fails_with(SY_E_BUSY, taken, create_router(taken, lookup_key, &err));
    assert_fails(SY_E_ARG, create_router("smoke://signal", lookup_key, &err));
    assert_fails(SY_E_ARG, create_router("tcp://127.0.0.1", lookup_key, &err));
    const struct sy_router_opts none = {.loop = loop, .key = &server_key};
    assert_fails(SY_E_LIMIT, sy_router_create(&router, &none, &err));
    struct sy_client *client = NULL;
    char endless[400];
    memset(endless, 'x', sizeof endless);
    endless[sizeof endless - 1] = 0;
    assert_fails(SY_E_ARG,
                 sy_client_create(&client, "nonsense", server_key.public_key, &bob_key, &err));
    assert_fails(SY_E_LIMIT,
                 sy_client_create(&client, endless, server_key.public_key, &bob_key, &err));
    assert_fails(SY_E_ARG, sy_client_create(&client, taken, "no key", &bob_key, &err));
    router = first;
}

static void local_sockets_are_private(void **state)
{
    (void)state;
    char endpoint[256];
    struct stat status;
    sy_router_destroy(router);
    router = NULL;
    snprintf(endpoint, sizeof endpoint, "ipc://%s", test_path("s.ipc"));
    assert_works(create_router(endpoint, lookup_key, &err));
    assert_int_equal(stat(test_path("s.ipc"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    run_server();
    assert_works(call(&bob_key, server_key.public_key, WAIT_MS, &err));
}

/* ------------------------------------------------ below the frame: raw sockets ------------- */

static void *raw_context, *raw;

/* A DEALER of our own, so that anything can be sent. */
static void open_raw(const char *routing_id, bool curve)
{
    int linger = 0;
    raw_context = zmq_ctx_new();
    raw = zmq_socket(raw_context, ZMQ_DEALER);
    zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
    if (routing_id)
        zmq_setsockopt(raw, ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
    if (curve) {
        zmq_setsockopt(raw, ZMQ_CURVE_SERVERKEY, server_key.public_key, 40);
        zmq_setsockopt(raw, ZMQ_CURVE_PUBLICKEY, bob_key.public_key, 40);
        zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, bob_key.secret_key, 40);
    }
    assert_int_equal(zmq_connect(raw, sy_router_endpoint(router, 0)), 0);
}

static void close_raw(void)
{
    zmq_close(raw);
    zmq_ctx_term(raw_context);
}

static size_t make_query(uint8_t *bytes, uint64_t sequence)
{
    static const struct sy_msg_query query = {.what = "status"};
    struct sy_buffer buffer;
    sy_buffer_init(&buffer, SY_FRAME_BYTES_MAX);
    assert_works(sy_frame_encode(SY_MSG_QUERY, 0, sequence, &query, &buffer, &err));
    size_t count = buffer.bytes;
    memcpy(bytes, buffer.data, count);
    sy_buffer_fini(&buffer);
    return count;
}

/* Turns the server until a reply is here; its type, or 0 after wait_ms. *ret_code of a FAILURE. */
static uint16_t await_reply(uint64_t wait_ms, uint32_t *ret_code)
{
    uint8_t bytes[4096];
    uint64_t end_ms = sy_env_boot_ms(sy_env_real()) + wait_ms;
    while (sy_env_boot_ms(sy_env_real()) < end_ms) {
        assert_works(sy_loop_turn(loop, 5, &err));
        int got = zmq_recv(raw, bytes, sizeof bytes, ZMQ_DONTWAIT);
        if (got < 0)
            continue;
        struct sy_arena *arena = sy_arena_create(1 << 20);
        struct sy_frame frame;
        assert_works(sy_frame_decode(bytes, (size_t)got, arena, &frame, &err));
        if (frame.type == SY_MSG_FAILURE && ret_code)
            *ret_code = ((const struct sy_msg_failure *)frame.body)->code;
        sy_arena_destroy(arena);
        return frame.type;
    }
    return 0;
}

static void ten_bad_frames_mute_a_peer_for_a_minute(void **state)
{
    (void)state;
    uint8_t query[256];
    size_t bytes = make_query(query, 1);
    open_raw(NULL, true);
    for (int i = 0; i < SY_NET_BAD_FRAMES_MAX - 1; i++)
        zmq_send(raw, "garbage", 7, 0);
    zmq_send(raw, query, bytes, 0);
    assert_int_equal(await_reply(WAIT_MS, NULL), SY_MSG_JSON); /* one more is allowed */
    zmq_send(raw, "", 0, 0);
    zmq_send(raw, query, bytes, 0);
    assert_int_equal(await_reply(300, NULL), 0);
    assert_int_equal(frames, 1);
    clock_offset_ms = 59000;
    zmq_send(raw, query, bytes, 0);
    assert_int_equal(await_reply(300, NULL), 0);
    clock_offset_ms = 61000;
    zmq_send(raw, query, bytes, 0);
    assert_int_equal(await_reply(WAIT_MS, NULL), SY_MSG_JSON);
    close_raw();
}

static void old_sins_are_forgotten(void **state)
{
    (void)state;
    uint8_t query[256];
    size_t bytes = make_query(query, 1);
    open_raw(NULL, true);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < SY_NET_BAD_FRAMES_MAX - 1; k++)
            zmq_send(raw, "garbage", 7, 0);
        zmq_send(raw, query, bytes, 0);
        assert_int_equal(await_reply(WAIT_MS, NULL), SY_MSG_JSON);
        clock_offset_ms += 61000;
    }
    close_raw();
}

static void bad_frames_with_a_header_are_answered(void **state)
{
    (void)state;
    uint8_t query[256];
    uint32_t code = 0;
    size_t bytes = make_query(query, 1);
    open_raw(NULL, true);
    query[bytes - 1] ^= 1;
    zmq_send(raw, query, bytes, 0);
    assert_int_equal(await_reply(WAIT_MS, &code), SY_MSG_FAILURE);
    assert_int_equal(code, SY_E_CORRUPT);
    query[bytes - 1] ^= 1;
    zmq_send(raw, query, bytes, ZMQ_SNDMORE);
    zmq_send(raw, "second", 6, ZMQ_SNDMORE);
    zmq_send(raw, "third", 5, 0);
    assert_int_equal(await_reply(WAIT_MS, &code), SY_MSG_FAILURE);
    assert_int_equal(code, SY_E_PARSE);
    zmq_send(raw, query, bytes, 0); /* the parts did not shift anything */
    assert_int_equal(await_reply(WAIT_MS, NULL), SY_MSG_JSON);
    close_raw();
}

static void newer_peers_are_refused_but_never_muted(void **state)
{
    (void)state;
    uint8_t query[256];
    uint32_t code = 0;
    size_t bytes = make_query(query, 1);
    open_raw(NULL, true);
    query[4] = SY_WIRE_VERSION + 1;
    for (int i = 0; i < 2 * SY_NET_BAD_FRAMES_MAX; i++) {
        zmq_send(raw, query, bytes, 0);
        assert_int_equal(await_reply(WAIT_MS, &code), SY_MSG_FAILURE);
        assert_int_equal(code, SY_E_VERSION);
    }
    query[4] = SY_WIRE_VERSION;
    zmq_send(raw, query, bytes, 0);
    assert_int_equal(await_reply(WAIT_MS, NULL), SY_MSG_JSON);
    close_raw();
}

static void chosen_routing_ids_are_refused(void **state)
{
    (void)state;
    uint8_t query[256];
    uint32_t code = 0;
    size_t bytes = make_query(query, 1);
    open_raw("i-am-agent-7", true);
    zmq_send(raw, query, bytes, 0);
    assert_int_equal(await_reply(WAIT_MS, &code), SY_MSG_FAILURE);
    assert_int_equal(code, SY_E_DENIED);
    assert_int_equal(frames, 0);
    close_raw();
}

static void oversized_messages_cut_the_connection(void **state)
{
    (void)state;
    uint8_t query[256];
    size_t bytes = make_query(query, 1);
    uint8_t *large = calloc(1, SY_FRAME_BYTES_MAX + 4096);
    open_raw(NULL, true);
    zmq_send(raw, large, SY_FRAME_BYTES_MAX + 4096, 0);
    assert_int_equal(await_reply(300, NULL), 0);
    assert_int_equal(frames, 0);
    /* Over a new connection; what is sent before it stands is lost, so it is repeated as ours are.
     */
    uint16_t reply = 0;
    for (int i = 0; i < 50 && reply == 0; i++) {
        zmq_send(raw, query, bytes, ZMQ_DONTWAIT);
        reply = await_reply(100, NULL);
    }
    assert_int_equal(reply, SY_MSG_JSON);
    close_raw();
    free(large);
}

static void plain_clients_get_nothing(void **state)
{
    (void)state;
    uint8_t query[256];
    size_t bytes = make_query(query, 1);
    open_raw(NULL, false);
    zmq_send(raw, query, bytes, 0);
    assert_int_equal(await_reply(500, NULL), 0);
    assert_int_equal(frames, 0);
    close_raw();
}

static void gone_peers_are_unreachable(void **state)
{
    (void)state;
    const struct sy_peer nobody = {"x", {1, 2, 3, 4, 5}, 5};
    const struct sy_msg_enrolled body = {"x"};
    assert_fails(SY_E_UNREACHABLE,
                 sy_router_send(router, &nobody, SY_MSG_ENROLLED, 1, 2, &body, &err));
    assert_fails(SY_E_BUG, sy_router_send(router, &nobody, 63, 1, 2, &body, &err));
}

/* ---------------------------------------------------------------- dealer -------------------- */

static uint32_t ups, downs, refusals, replies;

static void on_link(void *ctx, bool connected, bool refused)
{
    (void)ctx;
    ups += connected;
    downs += !connected && !refused;
    refusals += refused;
}

static void on_reply(void *ctx, const struct sy_frame *frame)
{
    (void)ctx;
    replies += frame->type == SY_MSG_JSON;
}

static void turn_until(const uint32_t *counter, uint32_t value)
{
    uint64_t end_ms = sy_env_boot_ms(sy_env_real()) + WAIT_MS;
    while (*counter < value && sy_env_boot_ms(sy_env_real()) < end_ms)
        assert_works(sy_loop_turn(loop, 20, &err));
    assert_true(*counter >= value);
}

static void a_dealer_comes_back_after_the_server(void **state)
{
    (void)state;
    struct sy_dealer *dealer = NULL;
    char endpoint[256];
    static const struct sy_msg_query query = {.what = "status"};
    ups = downs = refusals = replies = 0;
    snprintf(endpoint, sizeof endpoint, "%s", sy_router_endpoint(router, 0));
    const struct sy_dealer_opts opts = {.loop = loop,
                                        .endpoint = endpoint,
                                        .server_public_key = server_key.public_key,
                                        .key = &bob_key,
                                        .on_frame = on_reply,
                                        .on_link = on_link};
    assert_works(sy_dealer_create(&dealer, &opts, &err));
    assert_fails(SY_E_UNREACHABLE, sy_dealer_send(dealer, SY_MSG_QUERY, 0, 1, &query, &err));
    turn_until(&ups, 1);
    assert_works(sy_dealer_send(dealer, SY_MSG_QUERY, 0, 1, &query, &err));
    turn_until(&replies, 1);
    sy_router_destroy(router);
    router = NULL;
    turn_until(&downs, 1);
    assert_fails(SY_E_UNREACHABLE, sy_dealer_send(dealer, SY_MSG_QUERY, 0, 2, &query, &err));
    assert_works(create_router(endpoint, lookup_key, &err));
    turn_until(&ups, 2);
    assert_works(sy_dealer_send(dealer, SY_MSG_QUERY, 0, 3, &query, &err));
    turn_until(&replies, 2);
    assert_int_equal(refusals, 0);
    assert_fails(SY_E_BUG, sy_dealer_send(dealer, 63, 0, 3, &query, &err));
    sy_dealer_destroy(dealer);
    sy_dealer_destroy(NULL);
}

static void a_dealer_learns_that_its_key_is_refused(void **state)
{
    (void)state;
    struct sy_dealer *dealer = NULL;
    ups = downs = refusals = 0;
    bob.revoked = true;
    const struct sy_dealer_opts opts = {.loop = loop,
                                        .endpoint = sy_router_endpoint(router, 0),
                                        .server_public_key = server_key.public_key,
                                        .key = &bob_key,
                                        .on_frame = on_reply,
                                        .on_link = on_link};
    assert_works(sy_dealer_create(&dealer, &opts, &err));
    turn_until(&refusals, 1);
    assert_int_equal(ups, 0);
    bob.revoked = false; /* the next try of the reconnect is accepted */
    turn_until(&ups, 1);
    sy_dealer_destroy(dealer);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    struct sy_client *client = NULL;
    sy_router_destroy(router);
    router = NULL;
    for (uint64_t n = 1; !router && n < 100; n++) {
        sy_mem_fail_after(n);
        int rc = create_router("tcp://127.0.0.1:*", lookup_key, NULL);
        sy_mem_fail_after(0);
        assert_true(rc == 0 || rc == -SY_E_NOMEM);
    }
    assert_non_null(router);
    for (uint64_t n = 1; !client && n < 100; n++) {
        sy_mem_fail_after(n);
        int rc = sy_client_create(&client, sy_router_endpoint(router, 0), server_key.public_key,
                                  &bob_key, NULL);
        sy_mem_fail_after(0);
        assert_true(rc == 0 || rc == -SY_E_NOMEM);
    }
    assert_non_null(client);
    sy_client_destroy(client);
    sy_router_destroy(NULL);
}

/* ------------------------------------------------ ZAP below the sockets --------------------- */

static const char *zap_ask(const char *version, const char *domain, const char *mechanism,
                           const void *key, size_t key_bytes, int extra)
{
    static char status[8];
    struct sy_zap *zap = NULL;
    void *context = zmq_ctx_new(); /* closing unbinds later: a new context has a free name */
    void *asker = zmq_socket(context, ZMQ_REQ);
    const struct {
        const void *data;
        size_t bytes;
    } parts[] = {{version, strlen(version)},
                 {"id1", 3},
                 {domain, strlen(domain)},
                 {"10.0.0.1", 8},
                 {"", 0},
                 {mechanism, strlen(mechanism)},
                 {key, key_bytes}};
    char part[256];
    assert_works(sy_zap_create(&zap, loop, context, lookup_key, NULL, &err));
    assert_int_equal(zmq_connect(asker, "inproc://zeromq.zap.01"), 0);
    for (size_t i = 0; i < 7; i++)
        zmq_send(asker, parts[i].data, parts[i].bytes, i < 6 || extra ? ZMQ_SNDMORE : 0);
    for (int i = 0; i < extra; i++)
        zmq_send(asker, "x", 1, i + 1 < extra ? ZMQ_SNDMORE : 0);
    assert_int_equal(sy_zap_serve(zap, false), 1);
    assert_int_equal(sy_zap_serve(zap, false), 0);
    assert_int_equal(zmq_recv(asker, part, sizeof part, 0), 3);
    assert_memory_equal(part, "1.0", 3);
    assert_int_equal(zmq_recv(asker, part, sizeof part, 0), 3);
    assert_memory_equal(part, "id1", 3);
    int got = zmq_recv(asker, status, sizeof status, 0);
    status[got] = 0;
    assert_int_equal(sy_zap_refused_count(zap), strcmp(status, "200") != 0);
    assert_true(zmq_recv(asker, part, sizeof part, 0) > 0);
    got = zmq_recv(asker, part, sizeof part, 0); /* user id: only of an accepted key */
    assert_int_equal(got, strcmp(status, "200") == 0 ? 3 : 0);
    zmq_close(asker);
    sy_zap_destroy(zap);
    zmq_ctx_term(context);
    return status;
}

static void odd_zap_requests_are_refused(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    uint8_t key[32], other[32] = {1}, large[300] = {0};
    assert_non_null(zmq_z85_decode(key, bob_key.public_key));
    assert_string_equal(zap_ask("1.0", "sealyard", "CURVE", key, 32, 0), "200");
    assert_string_equal(zap_ask("1.0", "sealyard", "CURVE", other, 32, 0), "400");
    assert_string_equal(zap_ask("1.1", "sealyard", "CURVE", key, 32, 0), "400");
    assert_string_equal(zap_ask("1.0", "global", "CURVE", key, 32, 0), "400");
    assert_string_equal(zap_ask("1.0", "sealyard", "NULL", key, 32, 0), "400");
    assert_string_equal(zap_ask("1.0", "sealyard", "PLAIN", key, 32, 0), "400");
    assert_string_equal(zap_ask("1.0", "sealyard", "CURVE", key, 31, 0), "400");
    assert_string_equal(zap_ask("1.0", "sealyard", "CURVE", large, 300, 0), "400");
    assert_string_equal(zap_ask("1.0", "sealyard", "CURVE", key, 32, 1), "400");
    assert_string_equal(zap_ask("1.0", "sealyard", "CURVE", key, 32, 40), "400");
    bob.revoked = true;
    assert_string_equal(zap_ask("1.0", "sealyard", "CURVE", key, 32, 0), "400");
    struct sy_zap *first = NULL, *second = NULL;
    assert_works(sy_zap_create(&first, loop, context, lookup_key, NULL, &err));
    assert_fails(SY_E_EXISTS, sy_zap_create(&second, loop, context, lookup_key, NULL, &err));
    sy_zap_destroy(first);
    sy_zap_destroy(NULL);
    zmq_ctx_term(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_known_key_is_answered_under_its_name),
        TEST(one_client_calls_often),
        TEST(many_routers_in_a_row_answer),
        TEST(keys_that_are_not_accepted_are_told_so),
        TEST(a_wrong_server_key_is_not_reachable),
        TEST(nobody_there_is_not_reachable),
        TEST(silence_is_a_time_out_after_repeats_with_one_sequence),
        TEST(a_failure_reply_becomes_the_error),
        TEST(a_router_that_lets_strangers_in_is_not_created),
        TEST(bad_endpoints_are_refused),
        TEST(local_sockets_are_private),
        TEST(ten_bad_frames_mute_a_peer_for_a_minute),
        TEST(old_sins_are_forgotten),
        TEST(bad_frames_with_a_header_are_answered),
        TEST(newer_peers_are_refused_but_never_muted),
        TEST(chosen_routing_ids_are_refused),
        TEST(oversized_messages_cut_the_connection),
        TEST(plain_clients_get_nothing),
        TEST(gone_peers_are_unreachable),
        TEST(a_dealer_comes_back_after_the_server),
        TEST(a_dealer_learns_that_its_key_is_refused),
        TEST(each_allocation_may_fail),
        TEST(odd_zap_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
