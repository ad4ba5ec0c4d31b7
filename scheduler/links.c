/* Volatile side of agents; see links.h. */
#include "scheduler/links.h"

#include <stdio.h>
#include <string.h>

/* Out of memory in the table is an error, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct link_entry {
    struct sy_link link; /* first: the public pointer is the entry */
    UT_hash_handle hh;
};

struct progress_entry {
    struct sy_progress progress;
    UT_hash_handle hh;
};

struct sy_links {
    struct link_entry *links;
    struct progress_entry *progress;
};

int sy_links_create(struct sy_links **ret, struct sy_error *err)
{
    struct sy_links *links = sy_mem_alloc(sizeof *links);
    if (!links)
        return sy_fail(err, SY_E_NOMEM, "links: out of memory");
    *ret = links;
    return 0;
}

void sy_links_destroy(struct sy_links *links)
{
    if (!links)
        return;
    struct link_entry *link, *next_link;
    HASH_ITER(hh, links->links, link, next_link)
    {
        HASH_DEL(links->links, link);
        sy_mem_free(link);
    }
    struct progress_entry *progress, *next_progress;
    HASH_ITER(hh, links->progress, progress, next_progress)
    {
        HASH_DEL(links->progress, progress);
        sy_mem_free(progress);
    }
    sy_mem_free(links);
}

struct sy_link *sy_links_find(struct sy_links *links, const char *name)
{
    struct link_entry *entry = NULL;
    HASH_FIND_STR(links->links, name, entry);
    return entry ? &entry->link : NULL;
}

int sy_links_obtain(struct sy_links *links, const char *name, uint64_t now_ms, struct sy_link **ret,
                    struct sy_error *err)
{
    struct sy_link *found = sy_links_find(links, name);
    if (found) {
        *ret = found;
        return 0;
    }
    if (HASH_COUNT(links->links) >= SY_LINKS_MAX)
        return sy_fail(err, SY_E_LIMIT, "%d agents are known already: revoke some", SY_LINKS_MAX);
    struct link_entry *entry = sy_mem_alloc(sizeof *entry);
    if (!entry)
        return sy_fail(err, SY_E_NOMEM, "agent %s: out of memory", name);
    snprintf(entry->link.name, sizeof entry->link.name, "%s", name);
    entry->link.heard_ms = now_ms;
    HASH_ADD_STR(links->links, link.name, entry);
    if (!entry->hh.tbl) {
        sy_mem_free(entry);
        return sy_fail(err, SY_E_NOMEM, "agent %s: out of memory", name);
    }
    *ret = &entry->link;
    return 0;
}

struct sy_link *sy_links_first(struct sy_links *links)
{
    return links->links ? &links->links->link : NULL;
}

struct sy_link *sy_links_next(struct sy_link *link)
{
    struct link_entry *entry = (struct link_entry *)link;
    struct link_entry *next = entry->hh.next;
    return next ? &next->link : NULL;
}

bool sy_link_is_ready(const struct sy_link *link)
{
    return link && link->welcomed && link->liveness == SY_AGENT_ONLINE;
}

static struct progress_entry *find_progress(const struct sy_links *links, uint64_t task)
{
    struct progress_entry *entry = NULL;
    HASH_FIND(hh, links->progress, &task, sizeof task, entry);
    return entry;
}

void sy_links_set_progress(struct sy_links *links, const struct sy_msg_progress *message,
                           int64_t wall_ms)
{
    struct progress_entry *entry = find_progress(links, message->task);
    if (!entry) {
        if (HASH_COUNT(links->progress) >= SY_LINKS_PROGRESS_MAX)
            return;
        entry = sy_mem_alloc(sizeof *entry);
        if (!entry)
            return;
        entry->progress.task = message->task;
        HASH_ADD(hh, links->progress, progress.task, sizeof entry->progress.task, entry);
        if (!entry->hh.tbl) {
            sy_mem_free(entry);
            return;
        }
    }
    struct sy_progress *progress = &entry->progress;
    progress->attempt = message->attempt;
    progress->done = message->done;
    progress->total = message->total;
    progress->eta_s = message->eta_s;
    progress->wall_ms = wall_ms;
    memcpy(progress->unit, message->unit, sizeof progress->unit);
    memcpy(progress->phase, message->phase, sizeof progress->phase);
}

const struct sy_progress *sy_links_progress(const struct sy_links *links, uint64_t task,
                                            uint32_t attempt)
{
    const struct progress_entry *entry = find_progress(links, task);
    return entry && entry->progress.attempt == attempt ? &entry->progress : NULL;
}

void sy_links_clear_progress(struct sy_links *links, uint64_t task)
{
    struct progress_entry *entry = find_progress(links, task);
    if (entry) {
        HASH_DEL(links->progress, entry);
        sy_mem_free(entry);
    }
}
