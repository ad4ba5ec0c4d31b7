/* What happens to a sector: one table from (state, input) to (next state, stage to run). This is
 * the only place that decides on a sector state; state.c only stores what is said here.
 *
 * Every pair has an explicit meaning: APPLY moves (or confirms) the sector, STALE means "old news,
 * drop it without a word to anybody", REFUSED means "this cannot be done now" and goes back to who
 * asked. Source of the states and of the chain rules: facts of the network as Lotus shows them; the
 * order AddPiece .. Proving is the one of common/job.h, finalization comes after the commit landed.
 * Pure: no clock, no memory, no I/O.
 */
#ifndef SEALYARD_SCHEDULER_CORE_JOB_FSM_H
#define SEALYARD_SCHEDULER_CORE_JOB_FSM_H

#include "common/job.h"

/* What can happen to a sector. STAGE_OK/STAGE_FAILED carry the stage of the task. */
enum sy_fsm_input {
    SY_FSM_CREATED,      /* the row was just made */
    SY_FSM_STAGE_OK,     /* the sector's task ended well */
    SY_FSM_STAGE_FAILED, /* the sector's task was given up */
    SY_FSM_STAGE_REDO,   /* PC2 found damaged layers: PC1 once more */
    SY_FSM_TICKET,
    SY_FSM_PRECOMMIT_QUEUED, /* a message holds the sector */
    SY_FSM_PRECOMMIT_LANDED,
    SY_FSM_SEED,
    SY_FSM_COMMIT_QUEUED,
    SY_FSM_COMMIT_LANDED,
    SY_FSM_MESSAGE_FAILED, /* the message that held the sector was given up */
    SY_FSM_RETRY,          /* operator: back to failed_from */
    SY_FSM_REMOVE,         /* operator: remove the sector */
    SY_FSM_CANCEL,         /* operator: cancel the job; skipped once a precommit may be out */
    SY_FSM_INPUT_COUNT,
};

enum sy_fsm_verdict { SY_FSM_REFUSED = 0, SY_FSM_STALE, SY_FSM_APPLY };

struct sy_fsm_step {
    enum sy_fsm_verdict verdict;
    uint32_t next;        /* enum sy_sector_state; the present one when nothing moves */
    uint32_t stage;       /* enum sy_stage of the task to create; 0 = none */
    uint32_t failed_from; /* to store with a Failed state: where a retry leads; 0 otherwise */
};

/* The meaning of `input` in `state`. `stage` is used by SY_FSM_STAGE_*; `failed_from` (of the row)
 * by SY_FSM_RETRY. Unknown states are REFUSED. */
struct sy_fsm_step sy_fsm_step(uint32_t state, enum sy_fsm_input input, uint32_t stage,
                               uint32_t failed_from);

/* CHAIN_REFUSED: may the chain send a sector from `state` to `to_state`? */
struct sy_fsm_step sy_fsm_refuse(uint32_t state, uint32_t to_state);

/* The stage that a state begins with (AddPiece: AP, PreCommit1: PC1, ...); 0 = none. */
uint32_t sy_fsm_stage_of(uint32_t state);
/* Whether a stage belongs to a state: Committing runs C1 and then C2, the others their one stage.
 */
bool sy_fsm_runs(uint32_t state, uint32_t stage);
/* The state in which a stage runs; 0 = the stage does not move sectors (UNSEAL). */
uint32_t sy_fsm_state_of(uint32_t stage);

/* True from AP's end to the end of FIN: what `max_sealing` counts. */
bool sy_fsm_is_sealing(uint32_t state);
/* True while a precommit or a commit may stand on the chain: removing loses the deposit. Ask before
 * SECTOR_REMOVE and job kind REMOVE and insist on `force`. `failed_from` is the row's. */
bool sy_fsm_removal_loses_deposit(uint32_t state, uint32_t failed_from);

/* "stage PC1 done", "ticket", ...: for error texts. Static storage. */
const char *sy_fsm_input_name(enum sy_fsm_input input);

#endif
