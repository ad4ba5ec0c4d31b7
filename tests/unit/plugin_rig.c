#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/plugin_rig.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const struct sy_env *on_env(struct sy_plugin_host *host)
{
    (void)host;
    return sy_env_real();
}

static struct sy_slice keep(struct sy_plugin_host *host, struct sy_slice slice)
{
    void *copy;
    if (slice.bytes == 0)
        return (struct sy_slice){NULL, 0};
    copy = sy_arena_alloc(host->arena, slice.bytes);
    assert_non_null(copy);
    memcpy(copy, slice.data, slice.bytes);
    return (struct sy_slice){copy, slice.bytes};
}

static struct sy_sector *find_sector(struct sy_plugin_host *host, uint64_t number)
{
    for (uint32_t i = 0; i < host->sector_count; i++) {
        if (host->sectors[i].number == number)
            return &host->sectors[i];
    }
    return NULL;
}

static struct sy_message *find_message(struct sy_plugin_host *host, const char *uid)
{
    for (uint32_t i = 0; i < host->message_count; i++) {
        if (strcmp(host->messages[i].uid, uid) == 0)
            return &host->messages[i];
    }
    return NULL;
}

static void move(struct sy_sector *sector, uint32_t state)
{
    sector->state = state;
    /* Strictly later: two moves within a millisecond are two moves. */
    sector->state_ms = SY_MAX(sy_env_wall_ms(sy_env_real()), sector->state_ms + 1);
}

static int refuse(struct sy_error *err, const char *why)
{
    return sy_fail(err, SY_E_STALE, "%s", why);
}

static void queue(struct sy_plugin_host *host, const struct sy_message *body)
{
    struct sy_message *row = &host->messages[host->message_count++];
    bool precommit = body->kind == SY_MESSAGE_PRECOMMIT;
    const struct sy_number *numbers = body->sectors.items;
    assert_true(host->message_count <= HOST_MESSAGES_MAX);
    assert_int_equal(strlen(body->uid), 67);
    *row = *body;
    row->params = keep(host, body->params);
    row->sectors.items =
        (void *)(uintptr_t)keep(host,
                                (struct sy_slice){body->sectors.items,
                                                  body->sectors.count * (uint32_t)sizeof(*numbers)})
            .data;
    row->created_ms = host->message_count;
    for (uint32_t i = 0; i < body->sectors.count; i++) {
        struct sy_sector *sector = find_sector(host, numbers[i].value);
        assert_non_null(sector);
        memcpy(precommit ? sector->precommit_uid : sector->commit_uid, body->uid,
               sizeof(body->uid));
        move(sector, precommit ? SY_SECTOR_PreCommitBatchWait : SY_SECTOR_CommitAggregateWait);
    }
}

static int apply_message(struct sy_plugin_host *host, uint32_t kind, const struct sy_message *body,
                         struct sy_error *err)
{
    struct sy_message *row = find_message(host, body->uid);
    if (kind == SY_EVENT_MESSAGE_QUEUED) {
        if (row)
            return refuse(err, "uid is there already");
        queue(host, body);
        return 0;
    }
    assert_non_null(row);
    if (kind == SY_EVENT_MESSAGE_SIGNED) {
        if (row->state != SY_MESSAGE_QUEUED)
            return refuse(err, "signed already");
        if (host->nonce_known && body->nonce <= host->newest_nonce)
            return refuse(err, "nonce was used");
        host->nonce_known = true;
        host->newest_nonce = body->nonce;
        row->state = SY_MESSAGE_SIGNED;
        row->nonce = body->nonce;
        row->signed_bytes = keep(host, body->signed_bytes);
        memcpy(row->from, body->from, sizeof(row->from));
        memcpy(row->cid, body->cid, sizeof(row->cid));
        memcpy(row->signed_cid, body->signed_cid, sizeof(row->signed_cid));
    } else if (kind == SY_EVENT_MESSAGE_ONCHAIN) {
        row->state = SY_MESSAGE_ONCHAIN;
        row->height = body->height;
        row->exit_code = body->exit_code;
        row->return_bytes = keep(host, body->return_bytes);
    } else {
        row->state = SY_MESSAGE_FAILED;
        memcpy(row->error, body->error, sizeof(row->error));
    }
    return 0;
}

static int apply_randomness(struct sy_plugin_host *host, uint32_t kind,
                            const struct sy_ev_randomness *body, struct sy_error *err)
{
    struct sy_sector *sector = find_sector(host, body->number);
    bool seed = kind == SY_EVENT_SEED;
    assert_non_null(sector);
    if (sector->state != (seed ? SY_SECTOR_WaitSeed : SY_SECTOR_GetTicket))
        return refuse(err, "sector has moved on");
    memcpy(seed ? sector->seed : sector->ticket, body->value, 32);
    if (seed)
        sector->seed_epoch = body->epoch;
    else
        sector->ticket_epoch = body->epoch;
    move(sector, seed ? SY_SECTOR_Committing : SY_SECTOR_PreCommit1);
    if (host->seal)
        host->seal(host, sector, seed);
    return 0;
}

static int apply_landed(struct sy_plugin_host *host, uint32_t kind,
                        const struct sy_ev_sector_epoch *body)
{
    struct sy_sector *sector = find_sector(host, body->number);
    assert_non_null(sector);
    if (kind == SY_EVENT_COMMIT_LANDED) {
        sector->activation_epoch = body->epoch;
        memcpy(sector->commit_cid, body->cid, sizeof(sector->commit_cid));
        move(sector, SY_SECTOR_FinalizeSector);
    } else {
        sector->precommit_epoch = body->epoch;
        memcpy(sector->precommit_cid, body->cid, sizeof(sector->precommit_cid));
        move(sector, SY_SECTOR_WaitSeed);
    }
    return 0;
}

static void lose(struct sy_plugin_host *host, const struct sy_message *body)
{
    struct sy_slice bytes = body->signed_bytes;
    if (host->held_count++ &&
        (host->held.bytes != bytes.bytes || memcmp(host->held.data, bytes.data, bytes.bytes) != 0))
        host->held_changes++;
    host->held = keep(host, bytes);
}

static int on_propose(struct sy_plugin_host *host, uint32_t kind, const void *body,
                      struct sy_error *err)
{
    const struct sy_ev_chain_refused *refused = body;
    struct sy_sector *sector;
    int rc = 0;
    switch (kind) {
    case SY_EVENT_NUMBER_FLOOR:
        host->miner.floor_known = true;
        host->miner.next_number = ((const struct sy_ev_number_floor *)body)->next_number;
        break;
    case SY_EVENT_TICKET:
    case SY_EVENT_SEED:
        rc = apply_randomness(host, kind, body, err);
        break;
    case SY_EVENT_PRECOMMIT_LANDED:
    case SY_EVENT_COMMIT_LANDED:
        rc = apply_landed(host, kind, body);
        break;
    case SY_EVENT_CHAIN_REFUSED:
        sector = find_sector(host, refused->number);
        if (!sector)
            return sy_fail(err, SY_E_NOT_FOUND, "sector %llu is unknown",
                           (unsigned long long)refused->number);
        memcpy(sector->error, refused->error, sizeof(sector->error));
        move(sector, refused->to_state);
        break;
    default:
        if (kind == SY_EVENT_MESSAGE_SIGNED && host->hold_signed) {
            lose(host, body);
            return 0;
        }
        rc = apply_message(host, kind, body, err);
    }
    if (rc == 0) {
        assert_true(host->event_count < HOST_EVENTS_MAX);
        host->events[host->event_count++] = kind;
    }
    return 0; /* the real host answers later: a plugin never learns of a refusal */
}

static void on_head(struct sy_plugin_host *host, const struct sy_chain_head *head)
{
    host->head = *head;
}

static bool on_get_sector(struct sy_plugin_host *host, uint64_t miner, uint64_t number,
                          struct sy_sector *ret)
{
    struct sy_sector *sector = find_sector(host, number);
    if (!sector || sector->miner != miner)
        return false;
    *ret = *sector;
    return true;
}

static bool on_get_message(struct sy_plugin_host *host, const char *uid, struct sy_message *ret)
{
    struct sy_message *row = find_message(host, uid);
    if (row)
        *ret = *row;
    return row != NULL;
}

static bool on_get_head(struct sy_plugin_host *host, struct sy_chain_head *ret)
{
    *ret = host->head;
    return host->head.network[0] != 0;
}

static bool on_get_miner(struct sy_plugin_host *host, size_t index, struct sy_miner *ret)
{
    *ret = host->miner;
    return index == 0;
}

static const struct sy_plugin_host_ops OPS = {.abi = SY_PLUGIN_ABI,
                                              .env = on_env,
                                              .propose = on_propose,
                                              .set_head = on_head,
                                              .get_sector = on_get_sector,
                                              .get_message = on_get_message,
                                              .get_head = on_get_head,
                                              .get_miner = on_get_miner};

void host_init(struct sy_plugin_host *host)
{
    memset(host, 0, sizeof(*host));
    host->miner = (struct sy_miner){.id = 1000, .proof_type = 5, .sector_bytes = 2048};
    host->now_ms = 1000000;
    host->arena = sy_arena_create(64u << 20);
    assert_non_null(host->arena);
}

void host_fini(struct sy_plugin_host *host)
{
    host_stop(host, 0);
    host_stop(host, 1);
    for (unsigned i = 0; i < 2; i++) {
        if (host->libraries[i])
            dlclose(host->libraries[i]);
    }
    sy_arena_destroy(host->arena);
}

int host_start(struct sy_plugin_host *host, unsigned slot, const char *name, const char *text,
               struct sy_error *err)
{
    char path[1024];
    struct sy_conf *conf;
    int rc;
    snprintf(path, sizeof(path), "%s/../lib/plugins/sealyard-plugin-%s.so", SY_BIN_DIR, name);
    if (!host->libraries[slot]) {
        host->libraries[slot] = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!host->libraries[slot])
            fail_msg("%s", dlerror());
        host->plugins[slot] = dlsym(host->libraries[slot], SY_PLUGIN_SYMBOL);
        assert_non_null(host->plugins[slot]);
        assert_int_equal(host->plugins[slot]->abi, SY_PLUGIN_ABI);
        assert_int_equal(host->plugins[slot]->size, sizeof(struct sy_plugin));
        assert_string_equal(host->plugins[slot]->name, name);
    }
    rc = sy_conf_parse(&conf, text, strlen(text), "test", err);
    if (rc == 0)
        rc = host->plugins[slot]->start(host, &OPS, sy_conf_root(conf), &host->selves[slot], err);
    if (rc == 0)
        rc = sy_conf_finish(conf, err);
    sy_conf_destroy(conf);
    return rc;
}

void host_stop(struct sy_plugin_host *host, unsigned slot)
{
    if (host->selves[slot])
        host->plugins[slot]->stop(host->selves[slot]);
    host->selves[slot] = NULL;
}

struct sy_sector *host_add_sector(struct sy_plugin_host *host, uint64_t number, uint32_t state)
{
    struct sy_sector *sector = &host->sectors[host->sector_count++];
    assert_true(host->sector_count <= HOST_SECTORS_MAX);
    *sector = (struct sy_sector){.miner = 1000, .number = number, .proof_type = 5};
    move(sector, state);
    return sector;
}

int host_turn(struct sy_plugin_host *host, uint64_t ms, struct sy_error *err)
{
    host->now_ms += ms;
    for (unsigned slot = 0; slot < 2; slot++) {
        const struct sy_plugin *plugin = host->plugins[slot];
        uint64_t next = 0;
        int rc = 0;
        if (!host->selves[slot])
            continue;
        for (uint32_t i = 0; rc == 0 && plugin->on_sector && i < host->sector_count; i++)
            rc = plugin->on_sector(host->selves[slot], &host->sectors[i], err);
        for (uint32_t i = 0; rc == 0 && plugin->on_message && i < host->message_count; i++) {
            struct sy_message copy = host->messages[i];
            rc = plugin->on_message(host->selves[slot], &copy, err);
        }
        if (rc == 0)
            rc = plugin->on_tick(host->selves[slot], host->now_ms, &next, err);
        if (rc < 0)
            return rc;
        assert_true(next > host->now_ms);
    }
    return 0;
}

unsigned host_count(const struct sy_plugin_host *host, uint32_t kind)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < host->event_count; i++)
        count += host->events[i] == kind;
    return count;
}
