/* Slots: what one task of a stage may use, fixed at start from configuration and topology.
 *
 * A stage with `cores` gets that many cores per slot for itself, inside one shared cache or NUMA
 * node; a stage without shares all cores. A slot is booked by one attempt from START until its
 * process tree is gone. Threads: the loop thread.
 */
#ifndef SEALYARD_AGENT_SLOT_H
#define SEALYARD_AGENT_SLOT_H

#include "agent/agent_conf.h"
#include "cgroup/topo.h"

struct sy_slot {
    struct sy_topo_place place;
    bool booked;
};

struct sy_slots {
    struct sy_slot *of_stage[SY_STAGE_COUNT];
    uint32_t count[SY_STAGE_COUNT];
};

/* -SY_E_RESOURCE when the machine has not enough cores, naming stage and slot. */
int sy_slots_init(struct sy_slots *slots, const struct sy_agent_conf *conf, struct sy_topo *topo,
                  struct sy_error *err);
void sy_slots_fini(struct sy_slots *slots);

/* A free slot of the stage, or -SY_E_BUSY with the number of slots. */
int sy_slots_book(struct sy_slots *slots, enum sy_stage stage, uint32_t *ret_index,
                  struct sy_error *err);
/* The slot that an adopted attempt still uses; an index that does not exist any more (the
 * configuration changed) or is taken books nothing and returns false. */
bool sy_slots_rebook(struct sy_slots *slots, enum sy_stage stage, uint32_t index);
void sy_slots_free(struct sy_slots *slots, enum sy_stage stage, uint32_t index);
const struct sy_slot *sy_slots_get(const struct sy_slots *slots, enum sy_stage stage,
                                   uint32_t index);
/* Stages with at least one slot, for HELLO; offers[SY_STAGE_COUNT]. Returns how many. */
uint32_t sy_slots_offers(const struct sy_slots *slots, struct sy_slot_offer *ret_offers);

#endif
