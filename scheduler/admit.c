/* Token buckets and caps; see admit.h. Buckets count thousandths of a frame to fill evenly. */
#include "scheduler/admit.h"

#include "common/job.h"

#include <stdio.h>
#include <string.h>

/* Out of memory in the table is a refusal, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define MILLI 1000u

struct bucket {
    char name[SY_NAME_BYTES];
    uint64_t milli_tokens;
    uint64_t filled_ms;
    UT_hash_handle hh;
};

struct sy_admit {
    struct sy_admit_limits limits;
    struct bucket *buckets;
    uint64_t refused;
    uint64_t swept_ms;
};

int sy_admit_create(struct sy_admit **ret, const struct sy_admit_limits *limits,
                    struct sy_error *err)
{
    struct sy_admit *admit = sy_mem_alloc(sizeof *admit);
    if (!admit)
        return sy_fail(err, SY_E_NOMEM, "admission table: out of memory");
    admit->limits = *limits;
    *ret = admit;
    return 0;
}

void sy_admit_destroy(struct sy_admit *admit)
{
    if (!admit)
        return;
    struct bucket *bucket, *next;
    HASH_ITER(hh, admit->buckets, bucket, next)
    {
        HASH_DEL(admit->buckets, bucket);
        sy_mem_free(bucket);
    }
    sy_mem_free(admit);
}

static uint64_t full_bucket(const struct sy_admit *admit)
{
    return (uint64_t)admit->limits.frames_burst * MILLI;
}

static void fill_bucket(const struct sy_admit *admit, struct bucket *bucket, uint64_t now_ms)
{
    uint64_t full = full_bucket(admit);
    uint64_t elapsed_ms = now_ms > bucket->filled_ms ? now_ms - bucket->filled_ms : 0;
    uint64_t gain = 0, sum = 0;
    /* frames/s x ms = thousandths of a frame */
    if (!sy_mul_ok(elapsed_ms, (uint64_t)admit->limits.frames_per_s, &gain) ||
        !sy_add_ok(bucket->milli_tokens, gain, &sum))
        sum = full;
    bucket->milli_tokens = SY_MIN(sum, full);
    bucket->filled_ms = now_ms;
}

/* Forgets identities whose bucket is full again: they are as good as new. */
static void sweep_buckets(struct sy_admit *admit, uint64_t now_ms)
{
    struct bucket *bucket, *next;
    HASH_ITER(hh, admit->buckets, bucket, next)
    {
        fill_bucket(admit, bucket, now_ms);
        if (bucket->milli_tokens == full_bucket(admit)) {
            HASH_DEL(admit->buckets, bucket);
            sy_mem_free(bucket);
        }
    }
    admit->swept_ms = now_ms;
}

void sy_admit_set_limits(struct sy_admit *admit, const struct sy_admit_limits *limits)
{
    admit->limits = *limits;
    for (struct bucket *b = admit->buckets; b; b = b->hh.next)
        b->milli_tokens = SY_MIN(b->milli_tokens, full_bucket(admit));
}

static struct bucket *find_bucket(struct sy_admit *admit, const char *name, uint64_t now_ms)
{
    struct bucket *bucket = NULL;
    HASH_FIND_STR(admit->buckets, name, bucket);
    if (bucket)
        return bucket;
    if (HASH_COUNT(admit->buckets) >= SY_ADMIT_PEERS_MAX && now_ms >= admit->swept_ms + 1000)
        sweep_buckets(admit, now_ms);
    if (HASH_COUNT(admit->buckets) >= SY_ADMIT_PEERS_MAX)
        return NULL;
    bucket = sy_mem_alloc(sizeof *bucket);
    if (!bucket)
        return NULL;
    snprintf(bucket->name, sizeof bucket->name, "%s", name);
    bucket->milli_tokens = full_bucket(admit);
    bucket->filled_ms = now_ms;
    HASH_ADD_STR(admit->buckets, name, bucket);
    if (!bucket->hh.tbl) {
        sy_mem_free(bucket);
        return NULL;
    }
    return bucket;
}

int sy_admit_frame(struct sy_admit *admit, const char *name, uint64_t now_ms, struct sy_error *err)
{
    struct bucket *bucket = find_bucket(admit, name, now_ms);
    if (!bucket) {
        admit->refused++;
        return sy_fail(err, SY_E_LIMIT,
                       "%d identities are active, no room for another: try again in a minute",
                       SY_ADMIT_PEERS_MAX);
    }
    fill_bucket(admit, bucket, now_ms);
    if (bucket->milli_tokens < MILLI) {
        admit->refused++;
        return sy_fail(err, SY_E_LIMIT,
                       "%s sends more than %u requests a second (burst %u): slow down, or raise "
                       "identity_rate in the policy",
                       name, admit->limits.frames_per_s, admit->limits.frames_burst);
    }
    bucket->milli_tokens -= MILLI;
    return 0;
}

int sy_admit_job(const struct sy_admit *admit, uint64_t jobs_live,
                 const struct sy_store_usage *usage, struct sy_error *err)
{
    const struct sy_admit_limits *limits = &admit->limits;
    if (usage->map_bytes / 100 * limits->store_percent_max < usage->used_bytes)
        return sy_fail(err, SY_E_FULL,
                       "the store holds %llu of %llu bytes, new jobs are refused above %u %%: let "
                       "jobs finish or raise map_bytes",
                       (unsigned long long)usage->used_bytes, (unsigned long long)usage->map_bytes,
                       limits->store_percent_max);
    if (jobs_live >= limits->jobs_live_max)
        return sy_fail(err, SY_E_LIMIT,
                       "%llu jobs are live, the limit is %llu: wait for some to end",
                       (unsigned long long)jobs_live, (unsigned long long)limits->jobs_live_max);
    return 0;
}

uint64_t sy_admit_refused(const struct sy_admit *admit)
{
    return admit->refused;
}
