#include "agent/link.h"

#include "common/log.h"

#include <stdlib.h>
#include <string.h>

struct sy_link {
    struct sy_link_opts opts;
    struct sy_dealer *dealer; /* NULL while a refused key waits for its next try */
    struct sy_timer *beat;    /* HELLO or HEARTBEAT */
    struct sy_timer *redial;  /* after a refusal */
    bool connected, joined, refused;
    uint64_t generation; /* of the scheduler that was joined */
    uint64_t heartbeat_ms, answered_ms;
    uint64_t sequence, beats;
    uint64_t hello_first, hello_last; /* sequences of the HELLOs since the link was last joined */
};

static int send_any(struct sy_link *link, uint16_t type, uint64_t sequence, const void *body,
                    struct sy_error *err)
{
    if (!link->dealer || !link->connected)
        return sy_fail(err, SY_E_UNREACHABLE, "no connection to the scheduler at %s",
                       link->opts.endpoint);
    return sy_dealer_send(link->dealer, type, link->generation,
                          sequence ? sequence : ++link->sequence, body, err);
}

static void send_hello(struct sy_link *link)
{
    struct sy_msg_hello hello = {0};
    struct sy_error err = {0};
    link->opts.make_hello(link->opts.ctx, &hello);
    uint64_t sequence = ++link->sequence;
    if (send_any(link, SY_MSG_HELLO, sequence, &hello, &err) != 0) {
        SY_WARN("link", "hello", "err=\"%s\"", err.text);
        return;
    }
    link->hello_last = sequence;
    if (link->hello_first == 0)
        link->hello_first = sequence;
}

static void leave(struct sy_link *link)
{
    link->joined = false;
    link->hello_first = 0;
}

static void on_beat(void *ctx)
{
    struct sy_link *link = ctx;
    if (!link->connected)
        return;
    uint64_t now_ms = sy_loop_now_ms(link->opts.loop);
    if (link->joined && now_ms > link->answered_ms + SY_LINK_SILENT_MS) {
        SY_WARN("link", "silent", "ms=%llu", (unsigned long long)(now_ms - link->answered_ms));
        link->joined = false;
    }
    if (!link->joined) {
        send_hello(link);
        return;
    }
    struct sy_msg_heartbeat heartbeat = {.count = ++link->beats};
    struct sy_error err = {0};
    link->opts.make_heartbeat(link->opts.ctx, &heartbeat);
    if (send_any(link, SY_MSG_HEARTBEAT, 0, &heartbeat, &err) != 0)
        SY_WARN("link", "heartbeat", "err=\"%s\"", err.text);
}

static void set_heartbeat(struct sy_link *link, uint64_t wanted_ms)
{
    uint64_t ms = wanted_ms ? wanted_ms : SY_LINK_HEARTBEAT_MS;
    ms = SY_MIN(SY_MAX(ms, SY_LINK_HEARTBEAT_MS_MIN), SY_LINK_HEARTBEAT_MS_MAX);
    if (ms == link->heartbeat_ms)
        return;
    struct sy_timer *timer;
    struct sy_error err = {0};
    if (sy_timer_create(link->opts.loop, ms, ms, on_beat, link, &timer, &err) != 0) {
        SY_WARN("link", "timer", "err=\"%s\"", err.text); /* the old rhythm stays */
        return;
    }
    sy_timer_destroy(link->beat);
    link->beat = timer;
    link->heartbeat_ms = ms;
}

/* WELCOME answers HELLO. One that answers a heartbeat says: this scheduler does not know us yet. */
static void on_welcome(struct sy_link *link, uint64_t sequence,
                       const struct sy_msg_welcome *welcome)
{
    struct sy_error err = {0};
    if (sy_guard_welcome(link->opts.guard, welcome->generation, welcome->instance, &err) != 0) {
        SY_ERROR("link", "not-obeyed", "err=\"%s\"", err.text);
        leave(link);
        return;
    }
    bool answers_hello =
        link->hello_first != 0 && sequence >= link->hello_first && sequence <= link->hello_last;
    bool was_joined = link->joined && link->generation == welcome->generation;
    link->generation = welcome->generation;
    link->answered_ms = sy_loop_now_ms(link->opts.loop);
    if (!answers_hello) {
        leave(link);
        send_hello(link);
        return;
    }
    link->joined = true;
    set_heartbeat(link, welcome->heartbeat_ms);
    if (was_joined)
        return; /* to a HELLO that was repeated */
    SY_INFO("link", "joined", "scheduler=%s generation=%llu", link->opts.endpoint,
            (unsigned long long)welcome->generation);
    link->opts.on_joined(link->opts.ctx);
}

static void refuse(struct sy_link *link, const char *why)
{
    leave(link);
    SY_ERROR(
        "link", "refused",
        "err=\"the scheduler at %s does not accept this agent's key (%s): run `sealyard agents "
        "enroll NAME` on the scheduler's host and `sealyard-agent enroll` here; running tasks go "
        "on; next try in %u s\"",
        link->opts.endpoint, why, SY_LINK_REFUSED_RETRY_MS / 1000);
    sy_timer_restart(link->redial, 0); /* the dealer is not destroyed inside its own callback */
}

static void on_failure(struct sy_link *link, const struct sy_msg_failure *failure)
{
    char text[SY_ERROR_TEXT_BYTES], value[SY_ERROR_TEXT_BYTES];
    size_t bytes = SY_MIN((size_t)failure->text.bytes, sizeof text - 1);
    if (bytes > 0)
        memcpy(text, failure->text.data, bytes);
    text[bytes] = 0;
    SY_WARN("link", "failure", "code=%s text=%s", sy_err_name((int)failure->code),
            sy_log_value(text, value, sizeof value));
    if (failure->code == SY_E_DENIED || failure->code == SY_E_AUTH)
        refuse(link, "revoked or of another role");
    else if (failure->code == SY_E_STATE || failure->code == SY_E_STALE)
        leave(link); /* it does not know us: HELLO at the next beat */
}

static void on_frame(void *ctx, const struct sy_frame *frame)
{
    struct sy_link *link = ctx;
    if (frame->type == SY_MSG_WELCOME) {
        on_welcome(link, frame->sequence, frame->body);
        return;
    }
    if (frame->type == SY_MSG_FAILURE) {
        on_failure(link, frame->body);
        return;
    }
    if (!link->joined || frame->generation != link->generation) {
        SY_WARN("link", "dropped", "type=%s generation=%llu joined=%d own=%llu",
                sy_msg_name(frame->type), (unsigned long long)frame->generation, link->joined,
                (unsigned long long)link->generation);
        if (link->joined && frame->generation > link->generation) {
            leave(link);
            send_hello(link);
        }
        return;
    }
    link->answered_ms = sy_loop_now_ms(link->opts.loop);
    if (frame->type != SY_MSG_HEARTBEAT_ACK)
        link->opts.on_frame(link->opts.ctx, frame);
}

static void on_link(void *ctx, bool connected, bool refused)
{
    struct sy_link *link = ctx;
    link->connected = connected;
    if (!connected)
        leave(link);
    if (refused) {
        refuse(link, "unknown");
        return;
    }
    if (connected) {
        SY_INFO("link", "connected", "scheduler=%s", link->opts.endpoint);
        send_hello(link);
    } else {
        SY_WARN("link", "lost", "scheduler=%s", link->opts.endpoint);
    }
}

static int dial(struct sy_link *link, struct sy_error *err)
{
    const struct sy_dealer_opts opts = {.loop = link->opts.loop,
                                        .endpoint = link->opts.endpoint,
                                        .server_public_key = link->opts.server_key,
                                        .key = link->opts.key,
                                        .on_frame = on_frame,
                                        .on_link = on_link,
                                        .ctx = link};
    return sy_dealer_create(&link->dealer, &opts, err);
}

static void on_redial(void *ctx)
{
    struct sy_link *link = ctx;
    struct sy_error err = {0};
    if (link->dealer) {
        sy_dealer_destroy(link->dealer);
        link->dealer = NULL;
        link->connected = false;
        sy_timer_restart(link->redial, SY_LINK_REFUSED_RETRY_MS);
    } else if (dial(link, &err) != 0) {
        SY_ERROR("link", "dial", "err=\"%s\"", err.text);
        sy_timer_restart(link->redial, SY_LINK_REFUSED_RETRY_MS);
    }
}

int sy_link_create(struct sy_link **ret, const struct sy_link_opts *opts, struct sy_error *err)
{
    struct sy_link *link = calloc(1, sizeof *link);
    if (!link)
        return sy_fail(err, SY_E_NOMEM, "no memory for the connection");
    link->opts = *opts;
    link->heartbeat_ms = SY_LINK_HEARTBEAT_MS;
    int rc = sy_timer_create(opts->loop, SY_LINK_HEARTBEAT_MS, SY_LINK_HEARTBEAT_MS, on_beat, link,
                             &link->beat, err);
    if (rc == 0)
        rc = sy_timer_create(opts->loop, 0, 0, on_redial, link, &link->redial, err);
    if (rc == 0) {
        sy_timer_disarm(link->redial);
        rc = dial(link, err);
    }
    if (rc != 0)
        sy_link_destroy(link);
    else
        *ret = link;
    return rc;
}

void sy_link_destroy(struct sy_link *link)
{
    if (!link)
        return;
    sy_dealer_destroy(link->dealer);
    sy_timer_destroy(link->beat);
    sy_timer_destroy(link->redial);
    free(link);
}

int sy_link_send(struct sy_link *link, uint16_t type, uint64_t sequence, const void *body,
                 struct sy_error *err)
{
    if (!link->joined)
        return sy_fail(err, SY_E_UNREACHABLE, "the scheduler at %s has not welcomed this agent",
                       link->opts.endpoint);
    return send_any(link, type, sequence, body, err);
}
