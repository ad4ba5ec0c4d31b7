/* Steps that the tests of core/state share: events of one sector, jobs and messages made in short.
 */
#ifndef SEALYARD_TESTS_UNIT_STATE_STEPS_H
#define SEALYARD_TESTS_UNIT_STATE_STEPS_H

#include "tests/unit/core_world.h"

#include <stdio.h>
#include <string.h>

static SY_UNUSED void verified(struct world *world)
{
    struct sy_error err = {0};
    if (sy_state_verify(world->state, &err) != 0)
        fail_msg("%s", err.text);
}

static SY_UNUSED void in_state(struct world *world, uint64_t number, uint32_t state)
{
    const struct sy_sector *sector = world_sector(world, number);
    if (sector->state != state)
        fail_msg("sector %llu is in %s, expected %s", (unsigned long long)number,
                 sy_sector_state_name(sector->state), sy_sector_state_name(state));
    verified(world);
}

static SY_UNUSED uint32_t job_state(const struct world *world, uint64_t job)
{
    return sy_state_job(world->state, job)->state;
}

static SY_UNUSED int sector_event(struct world *world, uint32_t kind, uint64_t number)
{
    struct sy_ev_sector body = {.miner = WORLD_MINER, .number = number, .by = "carol"};
    return world_event(world, kind, &body);
}

static SY_UNUSED int refuse(struct world *world, uint64_t number, uint32_t to)
{
    struct sy_ev_chain_refused body = {.miner = WORLD_MINER,
                                       .number = number,
                                       .to_state = to,
                                       .error_class = SY_CLASS_TRANSIENT,
                                       .error = "chain says no"};
    return world_event(world, SY_EVENT_CHAIN_REFUSED, &body);
}

static SY_UNUSED struct sy_ev_job_submitted job_of(struct world *world, uint32_t kind)
{
    struct sy_ev_job_submitted job = {.job = sy_state_meta(world->state)->next_job,
                                      .kind = kind,
                                      .miner = WORLD_MINER,
                                      .number = 5,
                                      .submitter = "alice"};
    uint64_t key[2] = {world_random(world), 1};
    memcpy(job.idempotency_key, key, sizeof(key));
    return job;
}

static SY_UNUSED int submit(struct world *world, const struct sy_ev_job_submitted *job)
{
    return world_event(world, SY_EVENT_JOB_SUBMITTED, job);
}

static SY_UNUSED struct sy_message message_of(const char *prefix, unsigned n,
                                              struct sy_number *numbers, uint32_t count)
{
    struct sy_message body = {.kind = SY_MESSAGE_PRECOMMIT,
                              .miner = WORLD_MINER,
                              .sectors = {numbers, count},
                              .params = {"params", 6},
                              .to = "t01000",
                              .method = 28};
    (void)snprintf(body.uid, sizeof(body.uid), "%s-%064x", prefix, n);
    return body;
}

#endif
