#include "agent/slot.h"

#include <stdlib.h>

int sy_slots_init(struct sy_slots *slots, const struct sy_agent_conf *conf, struct sy_topo *topo,
                  struct sy_error *err)
{
    *slots = (struct sy_slots){0};
    int rc = 0;
    for (unsigned stage = 1; rc == 0 && stage < SY_STAGE_COUNT; stage++) {
        const struct sy_agent_stage_conf *wanted = &conf->stages[stage];
        if (wanted->slots == 0)
            continue;
        slots->of_stage[stage] = calloc(wanted->slots, sizeof *slots->of_stage[stage]);
        if (!slots->of_stage[stage])
            rc = sy_fail(err, SY_E_NOMEM, "no memory for %u slots", wanted->slots);
        for (uint32_t i = 0; rc == 0 && i < wanted->slots; i++) {
            rc = sy_topo_take(topo, wanted->cores, &slots->of_stage[stage][i].place, err);
            if (rc != 0)
                sy_error_wrap(err, "[slots] %s, slot %u of %u", sy_agent_stage_key(stage), i + 1,
                              wanted->slots);
        }
        slots->count[stage] = wanted->slots;
    }
    if (rc != 0)
        sy_slots_fini(slots);
    return rc;
}

void sy_slots_fini(struct sy_slots *slots)
{
    for (unsigned stage = 1; stage < SY_STAGE_COUNT; stage++)
        free(slots->of_stage[stage]);
    *slots = (struct sy_slots){0};
}

int sy_slots_book(struct sy_slots *slots, enum sy_stage stage, uint32_t *ret_index,
                  struct sy_error *err)
{
    for (uint32_t i = 0; i < slots->count[stage]; i++) {
        if (slots->of_stage[stage][i].booked)
            continue;
        slots->of_stage[stage][i].booked = true;
        *ret_index = i;
        return 0;
    }
    return sy_fail(err, SY_E_BUSY, "no free slot: all %u slots for %s are taken",
                   slots->count[stage], sy_stage_name(stage));
}

bool sy_slots_rebook(struct sy_slots *slots, enum sy_stage stage, uint32_t index)
{
    if (index >= slots->count[stage] || slots->of_stage[stage][index].booked)
        return false;
    slots->of_stage[stage][index].booked = true;
    return true;
}

void sy_slots_free(struct sy_slots *slots, enum sy_stage stage, uint32_t index)
{
    if (index < slots->count[stage])
        slots->of_stage[stage][index].booked = false;
}

const struct sy_slot *sy_slots_get(const struct sy_slots *slots, enum sy_stage stage,
                                   uint32_t index)
{
    return index < slots->count[stage] ? &slots->of_stage[stage][index] : NULL;
}

uint32_t sy_slots_offers(const struct sy_slots *slots, struct sy_slot_offer *ret_offers)
{
    uint32_t count = 0;
    for (unsigned stage = 1; stage < SY_STAGE_COUNT; stage++)
        if (slots->count[stage] > 0)
            ret_offers[count++] = (struct sy_slot_offer){stage, slots->count[stage]};
    return count;
}
