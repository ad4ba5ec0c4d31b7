/* The messaging plugin: one sender, nonces in order, the same bytes until they are found.
 *
 * A QUEUED row gets a nonce and a signature and is proposed as MESSAGE_SIGNED. Only when that row
 * comes back committed is it pushed, and then pushed again, unchanged, until StateSearchMsg finds
 * it at the wanted confidence (MESSAGE_ONCHAIN). One message is being signed at a time: the next
 * nonce is given only after the former one is durable. nonce = max(the node's next nonce, highest
 * known nonce + 1). A SIGNED row is never signed anew, whatever happens; a nonce that another
 * message took makes the row FAILED and says so.
 *
 * [plugin.messaging]  node (required), token_file, key_file (required), sender (checked against the
 * key), poll "5s", confidence 10, max_fee "70000000000000000" attoFIL per message. The sender must
 * be worker, owner or a control address of the miners.
 *
 * The key is read once from a file of mode 0600, held in locked memory, wiped at the end, never
 * logged. Threads: the plugin's own.
 */
#include "scheduler/plugins/node.h"

#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#define REPROPOSE_MS 5000
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS 60000
#define LOOKBACK_EPOCHS 900
#define REFUSALS_MAX 3     /* estimates that say the message can never succeed */
#define CONFLICT_EPOCHS 20 /* nonce is used, message is not found for so long: someone else's */
#define DEFAULT_MAX_FEE "70000000000000000" /* 0.07 FIL, the nodes' own default */

struct item {
    char uid[SY_UID_BYTES]; /* key */
    uint32_t state;
    uint64_t nonce;
    int64_t created_ms;
    uint64_t look_ms; /* boot clock: not before */
    uint64_t wait_ms; /* last backoff */
    uint32_t refusals;
    int64_t conflict_height; /* head when the nonce was first seen used; 0 = not */
    bool pushed;
    UT_hash_handle hh;
};

struct messaging {
    struct sy_plugin_host *host;
    const struct sy_plugin_host_ops *ops;
    struct sy_node *node;
    struct sy_fil_key *key; /* locked memory */
    char sender[SY_FIL_ADDRESS_TEXT_BYTES];
    struct sy_bigint max_fee;
    int64_t confidence;
    uint64_t poll_ms, now_ms;
    int64_t height;
    struct item *items;
    bool nonce_known;
    uint64_t nonce_highest;

    /* the message that waits to be durable: the same bytes are proposed again */
    char signing[SY_UID_BYTES]; /* empty = none */
    struct sy_message proposal;
    uint64_t proposed_ms;
    uint8_t bytes[SY_FIL_MESSAGE_BYTES_MAX];
};

static void later(struct messaging *self, struct item *item)
{
    item->wait_ms =
        item->wait_ms ? SY_MIN(2 * item->wait_ms, (uint64_t)BACKOFF_MAX_MS) : BACKOFF_FIRST_MS;
    item->look_ms = self->now_ms + item->wait_ms;
}

static void log_trouble(const struct item *item, const char *what, const struct sy_error *why)
{
    char text[SY_ERROR_TEXT_BYTES];
    SY_WARN("messaging", "trouble", "uid=%s step=%s err=%s", item->uid, what,
            sy_log_value(why->text, text, sizeof(text)));
}

/* Away errors go up (the host rests); the others stay with the message. */
static int keep(struct messaging *self, struct item *item, const char *what, int rc,
                const struct sy_error *why, struct sy_error *err)
{
    if (sy_node_is_away(rc)) {
        if (err)
            *err = *why;
        return rc;
    }
    log_trouble(item, what, why);
    later(self, item);
    return 0;
}

static int give_up(struct messaging *self, struct item *item, struct sy_message *row,
                   const char *why, struct sy_error *err)
{
    char text[SY_ROW_TEXT_BYTES];
    int rc;
    snprintf(row->error, sizeof(row->error), "%.300s", why);
    rc = self->ops->propose(self->host, SY_EVENT_MESSAGE_FAILED, row, err);
    item->look_ms = self->now_ms + REPROPOSE_MS;
    SY_ERROR("messaging", "failed", "uid=%s err=%s", item->uid,
             sy_log_value(why, text, sizeof(text)));
    return rc;
}

/* ---------------------------------------------------------------- signed messages ----------- */

static int push(struct messaging *self, struct item *item, const struct sy_message *row,
                struct sy_error *err)
{
    struct sy_fil_signed_message message;
    struct sy_error why = {0};
    int rc = sy_fil_signed_decode(row->signed_bytes.data, row->signed_bytes.bytes, &message, err);
    if (rc < 0) {
        sy_error_wrap(err, "stored message %s", item->uid);
        return rc;
    }
    rc = sy_node_push(self->node, &message, &why);
    if (rc == -SY_E_REMOTE &&
        (sy_node_says(&why, "already exists") || sy_node_says(&why, "already in mpool")))
        rc = 0;
    if (rc == -SY_E_REMOTE && (sy_node_says(&why, "message nonce too low") ||
                               sy_node_says(&why, "minimum expected nonce"))) {
        /* ours may have landed: the search decides, and a conflict is counted there */
        item->pushed = true;
        item->look_ms = self->now_ms + self->poll_ms;
        return 0;
    }
    if (rc < 0)
        return keep(self, item, "push", rc, &why, err);
    if (!item->pushed)
        SY_INFO("messaging", "pushed", "uid=%s nonce=%llu cid=%s", item->uid,
                (unsigned long long)row->nonce, row->signed_cid);
    item->pushed = true;
    item->wait_ms = 0;
    item->look_ms = self->now_ms + self->poll_ms;
    return 0;
}

static int on_found(struct messaging *self, struct item *item, struct sy_message *row,
                    const struct sy_node_lookup *found, struct sy_error *err)
{
    int rc;
    if (self->height < found->height + self->confidence) {
        item->look_ms = self->now_ms + self->poll_ms;
        return 0;
    }
    if (!found->same)
        return give_up(self, item, row,
                       "another message landed with this nonce: another program uses this key",
                       err);
    row->state = SY_MESSAGE_ONCHAIN;
    row->height = found->height;
    row->exit_code = found->receipt.exit_code;
    row->return_bytes =
        (struct sy_slice){found->receipt.returned, (uint32_t)found->receipt.return_bytes};
    rc = self->ops->propose(self->host, SY_EVENT_MESSAGE_ONCHAIN, row, err);
    item->look_ms = self->now_ms + REPROPOSE_MS;
    SY_INFO("messaging", "onchain", "uid=%s nonce=%llu height=%lld exit=%lld", item->uid,
            (unsigned long long)row->nonce, (long long)row->height, (long long)row->exit_code);
    return rc;
}

/* The nonce is used on chain and our message is not to be found: someone else's took it? */
static int check_conflict(struct messaging *self, struct item *item, struct sy_message *row,
                          bool *ret_done, struct sy_error *err)
{
    uint64_t nonce;
    int rc = sy_node_get_actor_nonce(self->node, &self->key->address, &nonce, err);
    *ret_done = false;
    if (rc < 0)
        return rc;
    if (nonce <= row->nonce) {
        item->conflict_height = 0;
        return 0;
    }
    if (item->conflict_height == 0)
        item->conflict_height = self->height;
    if (self->height - item->conflict_height <= CONFLICT_EPOCHS + self->confidence)
        return 0;
    *ret_done = true;
    return give_up(self, item, row,
                   "the nonce is used and this message is not on the chain: another program uses "
                   "this key",
                   err);
}

static int follow(struct messaging *self, struct item *item, struct sy_error *err)
{
    struct sy_node_lookup found;
    struct sy_message row;
    struct sy_error why = {0};
    bool done;
    int rc;
    if (!self->ops->get_message(self->host, item->uid, &row) || row.state != SY_MESSAGE_SIGNED)
        return 0;
    if (!item->pushed) /* fresh, or after a restart: the node may not have it */
        return push(self, item, &row, err);
    rc = sy_node_search(self->node, row.signed_cid, LOOKBACK_EPOCHS + self->confidence, &found,
                        &why);
    if (rc < 0)
        return keep(self, item, "search", rc, &why, err);
    if (found.found)
        return on_found(self, item, &row, &found, err);
    rc = check_conflict(self, item, &row, &done, &why);
    if (rc < 0)
        return keep(self, item, "nonce", rc, &why, err);
    return done ? 0 : push(self, item, &row, err);
}

/* ---------------------------------------------------------------- signing ------------------- */

static int make_message(struct messaging *self, const struct sy_message *row,
                        struct sy_fil_signed_message *ret, struct sy_error *err)
{
    int rc;
    *ret = (struct sy_fil_signed_message){0};
    ret->message.from = self->key->address;
    ret->message.method = row->method;
    ret->message.params = row->params.data;
    ret->message.params_bytes = row->params.bytes;
    rc = sy_fil_address_parse(row->to, &ret->message.to, err);
    if (rc == 0)
        rc = sy_bigint_parse(row->value[0] ? row->value : "0", &ret->message.value, err);
    if (rc == 0 && ret->message.value.negative)
        rc = sy_fail(err, SY_E_ARG, "message %s has a negative value", row->uid);
    return rc;
}

static int next_nonce(struct messaging *self, uint64_t *ret, struct sy_error *err)
{
    uint64_t nonce;
    int rc = sy_node_get_nonce(self->node, &self->key->address, &nonce, err);
    if (rc < 0)
        return rc;
    if (self->nonce_known && nonce <= self->nonce_highest)
        nonce = self->nonce_highest + 1;
    *ret = nonce;
    return 0;
}

/* Fills self->proposal, whose bytes stay until the row comes back. */
static int sign(struct messaging *self, const struct sy_message *row, struct sy_error *err)
{
    struct sy_fil_signed_message message;
    struct sy_fil_cid cid, signed_cid;
    struct sy_message *proposal = &self->proposal;
    size_t bytes;
    int rc = make_message(self, row, &message, err);
    if (rc == 0)
        rc = sy_node_estimate(self->node, &message.message, &self->max_fee, err);
    if (rc == 0)
        rc = next_nonce(self, &message.message.nonce, err);
    if (rc == 0)
        rc = sy_fil_message_cid(&message.message, &cid, err);
    if (rc == 0)
        rc = sy_fil_key_sign_message(self->key, &message, err);
    if (rc == 0)
        rc = sy_fil_signed_encode(&message, self->bytes, sizeof(self->bytes), &bytes, err);
    if (rc == 0)
        rc = sy_fil_signed_cid(&message, &signed_cid, err);
    if (rc < 0)
        return rc;
    *proposal = (struct sy_message){.kind = row->kind,
                                    .state = SY_MESSAGE_SIGNED,
                                    .miner = row->miner,
                                    .method = row->method,
                                    .nonce = message.message.nonce,
                                    .signed_bytes = {self->bytes, (uint32_t)bytes},
                                    .created_ms = row->created_ms};
    snprintf(proposal->uid, sizeof(proposal->uid), "%s", row->uid);
    snprintf(proposal->from, sizeof(proposal->from), "%.63s", self->sender);
    snprintf(proposal->to, sizeof(proposal->to), "%s", row->to);
    snprintf(proposal->value, sizeof(proposal->value), "%s", row->value);
    sy_fil_cid_print(&cid, proposal->cid);
    sy_fil_cid_print(&signed_cid, proposal->signed_cid);
    return 0;
}

static int propose_signed(struct messaging *self, struct sy_error *err)
{
    int rc = self->ops->propose(self->host, SY_EVENT_MESSAGE_SIGNED, &self->proposal, err);
    if (rc == 0)
        self->proposed_ms = self->now_ms;
    return rc;
}

/* "message execution failed" for another reason than money or gas will not get better by itself. */
static bool is_refusal(const struct sy_error *why)
{
    static const char *const passing[] = {"(6)",           "(7)",          "(19)",
                                          "(2)",           "exit code 6,", "exit code 7,",
                                          "exit code 19,", "exit code 2,"};
    if (!sy_node_says(why, "message execution failed"))
        return false;
    for (size_t i = 0; i < SY_ARRAY_SIZE(passing); i++) {
        if (sy_node_says(why, passing[i]))
            return false;
    }
    return true;
}

static int start_signing(struct messaging *self, struct item *item, struct sy_error *err)
{
    struct sy_message row;
    struct sy_error why = {0};
    int rc;
    if (!self->ops->get_message(self->host, item->uid, &row)) { /* removed with its sector */
        HASH_DEL(self->items, item);
        sy_mem_free(item);
        return 0;
    }
    if (row.state != SY_MESSAGE_QUEUED)
        return 0;
    rc = sign(self, &row, &why);
    if (rc == -SY_E_REMOTE && is_refusal(&why) && ++item->refusals >= REFUSALS_MAX)
        return give_up(self, item, &row, why.text, err);
    if (rc < 0)
        return keep(self, item, "sign", rc, &why, err);
    snprintf(self->signing, sizeof(self->signing), "%s", item->uid);
    SY_INFO("messaging", "signed", "uid=%s nonce=%llu cid=%s", item->uid,
            (unsigned long long)self->proposal.nonce, self->proposal.signed_cid);
    return propose_signed(self, err);
}

/* Oldest QUEUED item that may be looked at; uid decides among equals. */
static struct item *oldest_queued(struct messaging *self)
{
    struct item *item, *next, *best = NULL;
    HASH_ITER(hh, self->items, item, next)
    {
        if (item->state != SY_MESSAGE_QUEUED || self->now_ms < item->look_ms)
            continue;
        if (!best || item->created_ms < best->created_ms ||
            (item->created_ms == best->created_ms && strcmp(item->uid, best->uid) < 0))
            best = item;
    }
    return best;
}

/* Still not durable: the same bytes are proposed again, unless the row is gone. */
static int propose_again(struct messaging *self, struct sy_error *err)
{
    struct sy_message row;
    if (self->now_ms < self->proposed_ms + REPROPOSE_MS)
        return 0;
    if (!self->ops->get_message(self->host, self->signing, &row)) {
        self->signing[0] = 0;
        return 0;
    }
    SY_WARN("messaging", "not_durable", "uid=%s nonce=%llu: proposed again", self->signing,
            (unsigned long long)self->proposal.nonce);
    return propose_signed(self, err);
}

static int work_signing(struct messaging *self, struct sy_error *err)
{
    struct item *item;
    int rc = 0;
    if (self->signing[0])
        return propose_again(self, err);
    while (rc == 0 && !self->signing[0] && (item = oldest_queued(self)) != NULL) {
        item->look_ms = self->now_ms + self->poll_ms; /* so that the loop ends */
        rc = start_signing(self, item, err);
    }
    return rc;
}

/* ---------------------------------------------------------------- the plugin ---------------- */

static int on_message(void *ctx, const struct sy_message *message, struct sy_error *err)
{
    struct messaging *self = ctx;
    struct item *item;
    HASH_FIND_STR(self->items, message->uid, item);
    if (message->signed_bytes.bytes && strcmp(message->from, self->sender) == 0 &&
        (!self->nonce_known || message->nonce > self->nonce_highest)) {
        self->nonce_known = true;
        self->nonce_highest = message->nonce;
    }
    if (strcmp(self->signing, message->uid) == 0 && message->state != SY_MESSAGE_QUEUED)
        self->signing[0] = 0;
    if (message->state == SY_MESSAGE_ONCHAIN || message->state == SY_MESSAGE_FAILED) {
        if (item) {
            HASH_DEL(self->items, item);
            sy_mem_free(item);
        }
        return 0;
    }
    if (message->state == SY_MESSAGE_SIGNED && strcmp(message->from, self->sender) != 0) {
        SY_WARN("messaging", "foreign", "uid=%s from=%s: signed by a key that is not configured",
                message->uid, message->from);
        return 0;
    }
    if (!item) {
        item = sy_mem_alloc(sizeof(*item));
        if (!item)
            return sy_fail(err, SY_E_NOMEM, "no memory for a message");
        snprintf(item->uid, sizeof(item->uid), "%s", message->uid);
        HASH_ADD_STR(self->items, uid, item);
    }
    if (item->state != message->state) {
        item->look_ms = 0;
        item->wait_ms = 0;
        item->pushed = false;
    }
    item->state = message->state;
    item->nonce = message->nonce;
    item->created_ms = message->created_ms;
    return 0;
}

static int by_nonce(const struct item *a, const struct item *b)
{
    return a->nonce < b->nonce ? -1 : a->nonce > b->nonce;
}

static int on_tick(void *ctx, uint64_t now_ms, uint64_t *ret_next_ms, struct sy_error *err)
{
    struct messaging *self = ctx;
    struct item *item, *next;
    struct sy_chain_head head = {0};
    int rc;
    self->now_ms = now_ms;
    *ret_next_ms = now_ms + self->poll_ms;
    if (!self->items)
        return 0;
    rc = sy_node_get_head(self->node, &head, err);
    if (rc < 0)
        return rc;
    self->height = head.height;
    HASH_SRT(hh, self->items, by_nonce);
    HASH_ITER(hh, self->items, item, next)
    {
        if (rc == 0 && item->state == SY_MESSAGE_SIGNED && now_ms >= item->look_ms)
            rc = follow(self, item, err);
    }
    if (rc == 0)
        rc = work_signing(self, err);
    return rc;
}

static void stop(void *ctx)
{
    struct messaging *self = ctx;
    struct item *item, *next;
    if (!self)
        return;
    HASH_ITER(hh, self->items, item, next)
    {
        HASH_DEL(self->items, item);
        sy_mem_free(item);
    }
    if (self->key)
        sodium_free(self->key); /* wipes */
    sy_node_destroy(self->node);
    sy_mem_free(self);
}

static int load_key(struct messaging *self, struct sy_conf_table *conf, struct sy_error *err)
{
    char path[SY_PATH_BYTES], sender[SY_FIL_ADDRESS_TEXT_BYTES];
    struct sy_fil_address wanted;
    int rc = sy_conf_string(conf, "key_file", true, "", path, sizeof(path), err);
    if (rc == 0)
        rc = sy_conf_string(conf, "sender", false, "", sender, sizeof(sender), err);
    if (rc < 0)
        return rc;
    if (sodium_init() < 0 || !(self->key = sodium_malloc(sizeof(*self->key))))
        return sy_fail(err, SY_E_NOMEM, "no locked memory for the key");
    sodium_memzero(self->key, sizeof(*self->key));
    rc = sy_fil_key_load(path, self->key, err);
    if (rc < 0)
        return rc;
    sy_fil_address_print(&self->key->address, 't', self->sender);
    if (!sender[0])
        return 0;
    rc = sy_fil_address_parse(sender, &wanted, err);
    if (rc == 0 && !sy_fil_address_equal(&wanted, &self->key->address))
        rc = sy_conf_fail(conf, "sender", err, "%s is not the address of the key in %s: that is %s",
                          sender, path, self->sender);
    return rc;
}

static int read_conf(struct messaging *self, struct sy_conf_table *conf, struct sy_error *err)
{
    char fee[SY_BIGINT_TEXT_BYTES];
    int rc = sy_node_create_from_conf(&self->node, conf, err);
    if (rc == 0)
        rc = load_key(self, conf, err);
    if (rc == 0)
        rc = sy_conf_duration_ms(conf, "poll", false, "5s", &self->poll_ms, err);
    if (rc == 0)
        rc = sy_conf_integer(conf, "confidence", false, 10, 0, 900, &self->confidence, err);
    if (rc == 0)
        rc = sy_conf_string(conf, "max_fee", false, DEFAULT_MAX_FEE, fee, sizeof(fee), err);
    if (rc == 0)
        rc = sy_bigint_parse(fee, &self->max_fee, err);
    if (rc == 0 && (self->max_fee.negative || sy_bigint_is_zero(&self->max_fee)))
        rc = sy_conf_fail(conf, "max_fee", err, "%s: expected attoFIL above zero", fee);
    return rc;
}

static int start(struct sy_plugin_host *host, const struct sy_plugin_host_ops *ops,
                 struct sy_conf_table *conf, void **ret_self, struct sy_error *err)
{
    struct messaging *self;
    int rc;
    if (ops->abi != SY_PLUGIN_ABI)
        return sy_fail(err, SY_E_VERSION, "host speaks plugin ABI %u, expected %d", ops->abi,
                       SY_PLUGIN_ABI);
    self = sy_mem_alloc(sizeof(*self));
    if (!self)
        return sy_fail(err, SY_E_NOMEM, "no memory for the messaging plugin");
    self->host = host;
    self->ops = ops;
    rc = read_conf(self, conf, err);
    if (rc < 0) {
        stop(self);
        return rc;
    }
    *ret_self = self;
    return 0;
}

/* The symbol that the host looks up. */
extern const struct sy_plugin sealyard_plugin;
SY_EXPORT const struct sy_plugin sealyard_plugin = {.abi = SY_PLUGIN_ABI,
                                                    .size = sizeof(struct sy_plugin),
                                                    .name = "messaging",
                                                    .build = SY_VERSION,
                                                    .kind = SY_PLUGIN_MESSAGING,
                                                    .start = start,
                                                    .on_message = on_message,
                                                    .on_tick = on_tick,
                                                    .stop = stop};
