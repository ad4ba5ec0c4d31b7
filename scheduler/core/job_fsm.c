#include "scheduler/core/job_fsm.h"

/* Rows of the table. STAY = the present state; FROM = failed_from of the row. */
#define STAY 0u
#define FROM 255u

enum guard {
    GUARD_NONE = 0,
    GUARD_STAGE, /* the task's stage must be the one that runs in this state, else STALE */
};

struct rule {
    uint8_t verdict;
    uint8_t next;
    uint8_t failed_from;
    uint8_t guard;
};

#define APPLY(next_)                                                                               \
    {                                                                                              \
        SY_FSM_APPLY, SY_SECTOR_##next_, 0, GUARD_NONE                                             \
    }
#define DONE(next_)                                                                                \
    {                                                                                              \
        SY_FSM_APPLY, SY_SECTOR_##next_, 0, GUARD_STAGE                                            \
    }
#define FAIL(next_, from_)                                                                         \
    {                                                                                              \
        SY_FSM_APPLY, SY_SECTOR_##next_, SY_SECTOR_##from_, GUARD_STAGE                            \
    }
#define BACK                                                                                       \
    {                                                                                              \
        SY_FSM_APPLY, FROM, 0, GUARD_NONE                                                          \
    }
#define KEEP                                                                                       \
    {                                                                                              \
        SY_FSM_APPLY, STAY, 0, GUARD_NONE                                                          \
    }
#define OLD                                                                                        \
    {                                                                                              \
        SY_FSM_STALE, STAY, 0, GUARD_NONE                                                          \
    }
#define NO                                                                                         \
    {                                                                                              \
        SY_FSM_REFUSED, STAY, 0, GUARD_NONE                                                        \
    }

/* One line per state, one column per input, in the order of the enums. Stage results and chain news
 * about a sector that has moved on are OLD; an operator always gets an answer (NO). A cancel lets a
 * sector go on (OLD) as soon as its precommit may be out. */
/* clang-format off */
static const struct rule rules[SY_SECTOR_STATE_COUNT][SY_FSM_INPUT_COUNT] = {
/*                             CREATED          STAGE_OK                    STAGE_FAILED                               STAGE_REDO         TICKET             PC_QUEUED                 PC_LANDED         SEED               CM_QUEUED                   CM_LANDED               MSG_FAILED                   RETRY REMOVE           CANCEL */
[SY_SECTOR_Empty]           = {APPLY(AddPiece), OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_AddPiece]        = {NO,              DONE(GetTicket),            FAIL(AddPieceFailed, AddPiece),            OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_Packing]         = {NO,              OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_GetTicket]       = {NO,              OLD,                        OLD,                                       OLD,               APPLY(PreCommit1), NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_PreCommit1]      = {NO,              DONE(PreCommit2),           FAIL(SealPreCommit1Failed, PreCommit1),    OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_PreCommit2]      = {NO,              DONE(SubmitPreCommitBatch), FAIL(SealPreCommit2Failed, PreCommit2),    DONE(PreCommit1),  OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_SubmitPreCommitBatch] = {NO,         OLD,                        OLD,                                       OLD,               OLD,               APPLY(PreCommitBatchWait), APPLY(WaitSeed), OLD,               NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_PreCommitBatchWait] = {NO,           OLD,                        OLD,                                       OLD,               OLD,               NO,                       APPLY(WaitSeed),  OLD,               NO,                         OLD,                    APPLY(SubmitPreCommitBatch), NO,   APPLY(Removing), OLD},
[SY_SECTOR_WaitSeed]        = {NO,              OLD,                        OLD,                                       OLD,               OLD,               NO,                       KEEP,             APPLY(Committing), NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), OLD},
[SY_SECTOR_Committing]      = {NO,              DONE(SubmitCommitAggregate), FAIL(ComputeProofFailed, Committing),     OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), OLD},
[SY_SECTOR_SubmitCommitAggregate] = {NO,        OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               APPLY(CommitAggregateWait), APPLY(FinalizeSector),  OLD,                         NO,   APPLY(Removing), OLD},
[SY_SECTOR_CommitAggregateWait] = {NO,          OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         APPLY(FinalizeSector),  APPLY(SubmitCommitAggregate), NO,  APPLY(Removing), OLD},
[SY_SECTOR_FinalizeSector]  = {NO,              DONE(Proving),              FAIL(FinalizeFailed, FinalizeSector),      OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   NO,              OLD},
[SY_SECTOR_Proving]         = {NO,              OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   NO,              OLD},
[SY_SECTOR_Removing]        = {NO,              DONE(Removed),              FAIL(RemoveFailed, Removing),              OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   OLD,             OLD},
[SY_SECTOR_Removed]         = {NO,              OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   OLD,             OLD},
[SY_SECTOR_AddPieceFailed]  = {NO,              OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         BACK, APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_SealPreCommit1Failed] = {NO,         OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         BACK, APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_SealPreCommit2Failed] = {NO,         OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         BACK, APPLY(Removing), APPLY(Removing)},
[SY_SECTOR_PreCommitFailed] = {NO,              OLD,                        OLD,                                       OLD,               OLD,               NO,                       APPLY(WaitSeed),  OLD,               NO,                         OLD,                    OLD,                         BACK, APPLY(Removing), OLD},
[SY_SECTOR_ComputeProofFailed] = {NO,           OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         BACK, APPLY(Removing), OLD},
[SY_SECTOR_CommitFailed]    = {NO,              OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         APPLY(FinalizeSector),  OLD,                         BACK, APPLY(Removing), OLD},
[SY_SECTOR_FinalizeFailed]  = {NO,              OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         BACK, NO,              OLD},
[SY_SECTOR_RemoveFailed]    = {NO,              OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         BACK, APPLY(Removing), OLD},
[SY_SECTOR_FailedUnrecoverable] = {NO,          OLD,                        OLD,                                       OLD,               OLD,               NO,                       OLD,              OLD,               NO,                         OLD,                    OLD,                         NO,   APPLY(Removing), OLD},
};
/* clang-format on */

/* Where the chain may send a sector: bit sets over enum sy_sector_state. */
#define TO(state) (1u << SY_SECTOR_##state)
static const uint32_t refusals[SY_SECTOR_STATE_COUNT] = {
    [SY_SECTOR_GetTicket] = TO(GetTicket) | TO(FailedUnrecoverable),
    [SY_SECTOR_SubmitPreCommitBatch] = TO(SubmitPreCommitBatch) | TO(GetTicket) |
                                       TO(PreCommitFailed) | TO(FailedUnrecoverable) | TO(Removing),
    [SY_SECTOR_PreCommitBatchWait] = TO(SubmitPreCommitBatch) | TO(GetTicket) |
                                     TO(PreCommitFailed) | TO(FailedUnrecoverable) | TO(Removing),
    [SY_SECTOR_PreCommitFailed] =
        TO(SubmitPreCommitBatch) | TO(GetTicket) | TO(FailedUnrecoverable) | TO(Removing),
    [SY_SECTOR_WaitSeed] = TO(WaitSeed) | TO(SubmitPreCommitBatch) | TO(PreCommitFailed) |
                           TO(FailedUnrecoverable) | TO(Removing),
    [SY_SECTOR_Committing] =
        TO(WaitSeed) | TO(SubmitPreCommitBatch) | TO(FailedUnrecoverable) | TO(Removing),
    [SY_SECTOR_SubmitCommitAggregate] = TO(SubmitCommitAggregate) | TO(WaitSeed) |
                                        TO(CommitFailed) | TO(ComputeProofFailed) |
                                        TO(FailedUnrecoverable) | TO(Removing),
    [SY_SECTOR_CommitAggregateWait] = TO(SubmitCommitAggregate) | TO(WaitSeed) | TO(CommitFailed) |
                                      TO(ComputeProofFailed) | TO(FailedUnrecoverable) |
                                      TO(Removing),
    [SY_SECTOR_CommitFailed] = TO(SubmitCommitAggregate) | TO(WaitSeed) | TO(ComputeProofFailed) |
                               TO(FailedUnrecoverable) | TO(Removing),
};

uint32_t sy_fsm_stage_of(uint32_t state)
{
    switch (state) {
    case SY_SECTOR_AddPiece:
        return SY_STAGE_AP;
    case SY_SECTOR_PreCommit1:
        return SY_STAGE_PC1;
    case SY_SECTOR_PreCommit2:
        return SY_STAGE_PC2;
    case SY_SECTOR_Committing:
        return SY_STAGE_C1;
    case SY_SECTOR_FinalizeSector:
        return SY_STAGE_FIN;
    case SY_SECTOR_Removing:
        return SY_STAGE_REMOVE;
    default:
        return 0;
    }
}

uint32_t sy_fsm_state_of(uint32_t stage)
{
    for (uint32_t state = 1; state < SY_SECTOR_STATE_COUNT; state++) {
        if (stage != 0 && sy_fsm_stage_of(state) == stage)
            return state;
    }
    return 0;
}

struct sy_fsm_step sy_fsm_step(uint32_t state, enum sy_fsm_input input, uint32_t stage,
                               uint32_t failed_from)
{
    struct sy_fsm_step step = {.verdict = SY_FSM_REFUSED, .next = state};
    if (state == 0 || state >= SY_SECTOR_STATE_COUNT || (uint32_t)input >= SY_FSM_INPUT_COUNT)
        return step;
    struct rule rule = rules[state][input];
    step.verdict = (enum sy_fsm_verdict)rule.verdict;
    if (rule.guard == GUARD_STAGE && sy_fsm_stage_of(state) != stage)
        step.verdict = SY_FSM_STALE;
    if (rule.next == FROM && (failed_from == 0 || failed_from >= SY_SECTOR_STATE_COUNT))
        step.verdict = SY_FSM_REFUSED;
    if (step.verdict != SY_FSM_APPLY || rule.next == STAY)
        return step;
    step.next = rule.next == FROM ? failed_from : rule.next;
    step.stage = sy_fsm_stage_of(step.next);
    step.failed_from = rule.failed_from;
    return step;
}

struct sy_fsm_step sy_fsm_refuse(uint32_t state, uint32_t to_state)
{
    struct sy_fsm_step step = {.verdict = SY_FSM_REFUSED, .next = state};
    if (state == 0 || state >= SY_SECTOR_STATE_COUNT || to_state == 0 ||
        to_state >= SY_SECTOR_STATE_COUNT)
        return step;
    if (refusals[state] == 0)
        step.verdict = SY_FSM_STALE;
    if ((refusals[state] & (1u << to_state)) == 0)
        return step;
    step.verdict = SY_FSM_APPLY;
    step.next = to_state;
    step.stage = sy_fsm_stage_of(to_state);
    if (to_state == SY_SECTOR_PreCommitFailed)
        step.failed_from = SY_SECTOR_SubmitPreCommitBatch;
    else if (to_state == SY_SECTOR_CommitFailed)
        step.failed_from = SY_SECTOR_SubmitCommitAggregate;
    else if (to_state == SY_SECTOR_ComputeProofFailed)
        step.failed_from = SY_SECTOR_Committing;
    return step;
}

bool sy_fsm_is_sealing(uint32_t state)
{
    return state >= SY_SECTOR_Packing && state <= SY_SECTOR_FinalizeSector;
}

bool sy_fsm_removal_loses_deposit(uint32_t state, uint32_t failed_from)
{
    if (state == SY_SECTOR_RemoveFailed || state == SY_SECTOR_FailedUnrecoverable)
        return false;
    uint32_t decisive = sy_sector_state_is_failed(state) && failed_from != 0 ? failed_from : state;
    if (state == SY_SECTOR_PreCommitFailed)
        return true; /* a message was out: the chain may hold the precommit */
    return decisive >= SY_SECTOR_PreCommitBatchWait && decisive <= SY_SECTOR_Proving;
}

const char *sy_fsm_input_name(enum sy_fsm_input input)
{
    static const char *const names[SY_FSM_INPUT_COUNT] = {
        [SY_FSM_CREATED] = "created",
        [SY_FSM_STAGE_OK] = "stage done",
        [SY_FSM_STAGE_FAILED] = "stage failed",
        [SY_FSM_STAGE_REDO] = "stage found damaged input",
        [SY_FSM_TICKET] = "ticket",
        [SY_FSM_PRECOMMIT_QUEUED] = "precommit message",
        [SY_FSM_PRECOMMIT_LANDED] = "precommit landed",
        [SY_FSM_SEED] = "seed",
        [SY_FSM_COMMIT_QUEUED] = "commit message",
        [SY_FSM_COMMIT_LANDED] = "commit landed",
        [SY_FSM_MESSAGE_FAILED] = "message failed",
        [SY_FSM_RETRY] = "retry",
        [SY_FSM_REMOVE] = "remove",
        [SY_FSM_CANCEL] = "cancel",
    };
    return (uint32_t)input < SY_FSM_INPUT_COUNT ? names[input] : "unknown input";
}
