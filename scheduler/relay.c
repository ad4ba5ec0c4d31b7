/* Who waits for which agent's answer; see relay.h. */
#include "scheduler/relay.h"

#include <string.h>

/* Out of memory in the table is an error, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct entry {
    uint64_t sequence;
    struct sy_relayed relayed;
    UT_hash_handle hh;
};

struct sy_relay {
    struct entry *entries; /* in order of adding, so of due time when all wait equally long */
};

int sy_relay_create(struct sy_relay **ret, struct sy_error *err)
{
    struct sy_relay *relay = sy_mem_alloc(sizeof *relay);
    if (!relay)
        return sy_fail(err, SY_E_NOMEM, "relay: out of memory");
    *ret = relay;
    return 0;
}

static void remove_entry(struct sy_relay *relay, struct entry *entry)
{
    HASH_DEL(relay->entries, entry);
    sy_mem_free(entry);
}

void sy_relay_destroy(struct sy_relay *relay)
{
    if (!relay)
        return;
    struct entry *entry, *next;
    HASH_ITER(hh, relay->entries, entry, next)
    {
        remove_entry(relay, entry);
    }
    sy_mem_free(relay);
}

int sy_relay_add(struct sy_relay *relay, uint64_t sequence, const struct sy_relayed *relayed,
                 struct sy_error *err)
{
    if (HASH_COUNT(relay->entries) >= SY_RELAY_WAITING_MAX)
        return sy_fail(err, SY_E_LIMIT, "%d requests wait for agents already: try again later",
                       SY_RELAY_WAITING_MAX);
    struct entry *entry = sy_mem_alloc(sizeof *entry);
    if (!entry)
        return sy_fail(err, SY_E_NOMEM, "relay: out of memory");
    entry->sequence = sequence;
    entry->relayed = *relayed;
    HASH_ADD(hh, relay->entries, sequence, sizeof entry->sequence, entry);
    if (!entry->hh.tbl) {
        sy_mem_free(entry);
        return sy_fail(err, SY_E_NOMEM, "relay: out of memory");
    }
    return 0;
}

bool sy_relay_take(struct sy_relay *relay, uint64_t sequence, const char *agent, uint16_t type,
                   struct sy_relayed *ret)
{
    struct entry *entry = NULL;
    HASH_FIND(hh, relay->entries, &sequence, sizeof sequence, entry);
    if (!entry || entry->relayed.type != type || strcmp(entry->relayed.agent, agent) != 0)
        return false;
    *ret = entry->relayed;
    remove_entry(relay, entry);
    return true;
}

bool sy_relay_expire(struct sy_relay *relay, uint64_t now_ms, struct sy_relayed *ret)
{
    struct entry *entry = relay->entries;
    if (!entry || entry->relayed.due_ms > now_ms)
        return false;
    *ret = entry->relayed;
    remove_entry(relay, entry);
    return true;
}
