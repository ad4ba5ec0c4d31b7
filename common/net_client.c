/* One request, one reply, on a loop of its own. The frame is encoded once, so every repeat carries
 * the same bytes and the same sequence; a late reply to an earlier call has another one and is
 * dropped. */
#include "common/net.h"

#include <string.h>

#define ARENA_BYTES_MAX (16u << 20)
#define RESEND_MS 1000

struct sy_client {
    struct sy_loop *loop;
    struct sy_dealer *dealer;
    struct sy_arena *arena; /* the reply's body */
    struct sy_buffer request;
    struct sy_buffer reply;
    struct sy_frame frame;
    struct sy_error error; /* of the reply's decoding */
    char endpoint[256];
    uint64_t sequence;
    bool connected;
    bool ever_connected;
    bool refused;
    bool handshake_failed;
    bool has_reply;
    int reply_rc;
};

static void on_link(void *ctx, bool connected, bool refused)
{
    struct sy_client *client = ctx;
    if (!connected && !refused && !client->connected)
        client->handshake_failed = true;
    client->connected = connected;
    client->ever_connected |= connected;
    client->refused = refused;
}

static void on_bytes(void *ctx, const void *data, size_t bytes)
{
    struct sy_client *client = ctx;
    uint64_t sequence = 0;
    if (client->has_reply || sy_frame_sequence(data, bytes, &sequence) < 0 ||
        sequence != client->sequence)
        return;
    client->has_reply = true;
    client->reply.bytes = 0;
    client->reply_rc = sy_buffer_append(&client->reply, data, bytes, &client->error);
    if (client->reply_rc == 0)
        client->reply_rc = sy_frame_decode(client->reply.data, bytes, client->arena, &client->frame,
                                           &client->error);
}

int sy_client_create(struct sy_client **ret, const char *endpoint, const char *server_public_key,
                     const struct sy_keypair *key, struct sy_error *err)
{
    struct sy_client *client = sy_mem_alloc(sizeof *client);
    if (!client)
        return sy_fail(err, SY_E_NOMEM, "client: no memory");
    sy_buffer_init(&client->request, SY_FRAME_BYTES_MAX);
    sy_buffer_init(&client->reply, SY_FRAME_BYTES_MAX);
    client->arena = sy_arena_create(ARENA_BYTES_MAX);
    int rc = client->arena ? sy_loop_create(&client->loop, sy_env_real(), err)
                           : sy_fail(err, SY_E_NOMEM, "client: no memory");
    if (rc == 0) {
        const struct sy_dealer_opts opts = {
            .loop = client->loop,
            .endpoint = endpoint,
            .server_public_key = server_public_key,
            .key = key,
            .on_bytes = on_bytes,
            .on_link = on_link,
            .ctx = client,
        };
        rc = sy_dealer_create(&client->dealer, &opts, err);
    }
    if (rc < 0) {
        sy_client_destroy(client);
        return rc;
    }
    memcpy(client->endpoint, endpoint, strlen(endpoint));
    sy_env_random(sy_env_real(), &client->sequence, sizeof client->sequence);
    *ret = client;
    return 0;
}

void sy_client_destroy(struct sy_client *client)
{
    if (!client)
        return;
    sy_dealer_destroy(client->dealer);
    sy_loop_destroy(client->loop);
    sy_buffer_fini(&client->request);
    sy_buffer_fini(&client->reply);
    sy_arena_destroy(client->arena);
    sy_mem_free(client);
}

static int fail_refused(const struct sy_client *client, struct sy_error *err)
{
    return sy_fail(err, SY_E_AUTH,
                   "%s does not accept this key: it is unknown, revoked or expired there; use an "
                   "enrolled key",
                   client->endpoint);
}

static int fail_time(const struct sy_client *client, uint64_t timeout_ms, struct sy_error *err)
{
    if (client->ever_connected)
        return sy_fail(err, SY_E_TIMEOUT, "no answer from %s within %llu ms", client->endpoint,
                       (unsigned long long)timeout_ms);
    if (client->handshake_failed)
        return sy_fail(err, SY_E_UNREACHABLE,
                       "%s answers but the handshake fails: is the server's public key the right "
                       "one?",
                       client->endpoint);
    return sy_fail(err, SY_E_UNREACHABLE,
                   "%s cannot be reached within %llu ms: is the scheduler running there?",
                   client->endpoint, (unsigned long long)timeout_ms);
}

/* Sends and waits until the reply is there, the key is refused or the time is over. */
static int await_reply(struct sy_client *client, uint64_t timeout_ms, struct sy_error *err)
{
    const struct sy_env *env = sy_env_real();
    uint64_t start_ms = sy_env_boot_ms(env), next_ms = 0, pause_ms = RESEND_MS;
    while (!client->has_reply) {
        uint64_t now_ms = sy_env_boot_ms(env);
        if (client->refused)
            return fail_refused(client, err);
        if (now_ms - start_ms >= timeout_ms)
            return fail_time(client, timeout_ms, err);
        if (client->connected && now_ms >= next_ms &&
            sy_dealer_send_bytes(client->dealer, client->request.data, client->request.bytes,
                                 NULL) == 0) {
            next_ms = now_ms + pause_ms;
            pause_ms *= 2;
        }
        uint64_t wait_ms = timeout_ms - (now_ms - start_ms);
        if (client->connected)
            wait_ms = SY_MIN(wait_ms, next_ms > now_ms ? next_ms - now_ms : 1);
        int rc = sy_loop_turn(client->loop, wait_ms, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int fail_remote(const struct sy_msg_failure *failure, struct sy_error *err)
{
    bool known = failure->code > 0 && failure->code < SY_E_COUNT;
    int code = known ? (int)failure->code : SY_E_REMOTE;
    int rc =
        sy_fail(err, code, "%.*s", (int)SY_MIN(failure->text.bytes, (uint32_t)SY_ERROR_TEXT_BYTES),
                failure->text.bytes > 0 ? (const char *)failure->text.data : "");
    if (err && failure->error_class != SY_CLASS_NONE)
        err->class = (enum sy_err_class)failure->error_class;
    return rc;
}

int sy_client_call(struct sy_client *client, uint16_t type, const void *body, uint64_t timeout_ms,
                   const struct sy_frame **ret_frame, struct sy_error *err)
{
    client->request.bytes = 0;
    client->sequence++;
    client->has_reply = false;
    sy_arena_reset(client->arena);
    int rc = sy_frame_encode(type, 0, client->sequence, body, &client->request, err);
    if (rc == 0)
        rc = await_reply(client, timeout_ms, err);
    if (rc < 0)
        return rc;
    if (client->reply_rc < 0) {
        if (err)
            *err = client->error;
        return client->reply_rc;
    }
    if (client->frame.type == SY_MSG_FAILURE)
        return fail_remote(client->frame.body, err);
    *ret_frame = &client->frame;
    return 0;
}
