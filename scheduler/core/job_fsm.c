#include "scheduler/core/job_fsm.h"

/* One rule: in this state this input moves the sector. NEXT_FROM = to failed_from of the row. */
#define NEXT_FROM 255u

struct rule {
    uint8_t state, input;
    uint8_t stage; /* of the task that the input is about; 0 = the input is about no task */
    uint8_t next;
    uint8_t run; /* stage to run now; 0 = the first one of `next` when the sector moves */
    uint8_t failed_from;
};

#define ON(state_, input_, next_)                                                                  \
    {                                                                                              \
        SY_SECTOR_##state_, SY_FSM_##input_, 0, SY_SECTOR_##next_, 0, 0                            \
    }
#define DONE(state_, stage_, next_)                                                                \
    {                                                                                              \
        SY_SECTOR_##state_, SY_FSM_STAGE_OK, SY_STAGE_##stage_, SY_SECTOR_##next_, 0, 0            \
    }
#define THEN(state_, stage_, run_)                                                                 \
    {                                                                                              \
        SY_SECTOR_##state_, SY_FSM_STAGE_OK, SY_STAGE_##stage_, SY_SECTOR_##state_,                \
            SY_STAGE_##run_, 0                                                                     \
    }
#define FAIL(state_, stage_, next_)                                                                \
    {                                                                                              \
        SY_SECTOR_##state_, SY_FSM_STAGE_FAILED, SY_STAGE_##stage_, SY_SECTOR_##next_, 0,          \
            SY_SECTOR_##state_                                                                     \
    }
#define BACK(state_)                                                                               \
    {                                                                                              \
        SY_SECTOR_##state_, SY_FSM_RETRY, 0, NEXT_FROM, 0, 0                                       \
    }

/* clang-format off */
static const struct rule rules[] = {
    ON(Empty,                 CREATED,          AddPiece),
    DONE(AddPiece,              AP,               GetTicket),
    FAIL(AddPiece,              AP,               AddPieceFailed),
    ON(GetTicket,             TICKET,           PreCommit1),
    DONE(PreCommit1,            PC1,              PreCommit2),
    FAIL(PreCommit1,            PC1,              SealPreCommit1Failed),
    DONE(PreCommit2,            PC2,              SubmitPreCommitBatch),
    FAIL(PreCommit2,            PC2,              SealPreCommit2Failed),
    {SY_SECTOR_PreCommit2, SY_FSM_STAGE_REDO, SY_STAGE_PC2, SY_SECTOR_PreCommit1, 0, 0},
    ON(SubmitPreCommitBatch,  PRECOMMIT_QUEUED, PreCommitBatchWait),
    ON(SubmitPreCommitBatch,  PRECOMMIT_LANDED, WaitSeed),            /* adopted */
    ON(PreCommitBatchWait,    PRECOMMIT_LANDED, WaitSeed),
    ON(PreCommitBatchWait,    MESSAGE_FAILED,   SubmitPreCommitBatch),
    ON(PreCommitFailed,       PRECOMMIT_LANDED, WaitSeed),            /* adopted */
    ON(WaitSeed,              PRECOMMIT_LANDED, WaitSeed),            /* after a reorg */
    ON(WaitSeed,              SEED,             Committing),
    THEN(Committing,            C1,               C2),
    DONE(Committing,            C2,               SubmitCommitAggregate),
    FAIL(Committing,            C1,               ComputeProofFailed),
    FAIL(Committing,            C2,               ComputeProofFailed),
    ON(SubmitCommitAggregate, COMMIT_QUEUED,    CommitAggregateWait),
    ON(SubmitCommitAggregate, COMMIT_LANDED,    FinalizeSector),      /* adopted */
    ON(CommitAggregateWait,   COMMIT_LANDED,    FinalizeSector),
    ON(CommitAggregateWait,   MESSAGE_FAILED,   SubmitCommitAggregate),
    ON(CommitFailed,          COMMIT_LANDED,    FinalizeSector),      /* adopted */
    DONE(FinalizeSector,        FIN,              Proving),
    FAIL(FinalizeSector,        FIN,              FinalizeFailed),
    DONE(Removing,              REMOVE,           Removed),
    FAIL(Removing,              REMOVE,           RemoveFailed),
    BACK(AddPieceFailed),
    BACK(SealPreCommit1Failed),
    BACK(SealPreCommit2Failed),
    BACK(PreCommitFailed),
    BACK(ComputeProofFailed),
    BACK(CommitFailed),
    BACK(FinalizeFailed),
    BACK(RemoveFailed),
};
/* clang-format on */

/* What an input means where no rule names it. Stage results and chain news about a sector that has
 * moved on are old; whoever asks for something gets an answer. */
static const enum sy_fsm_verdict otherwise[SY_FSM_INPUT_COUNT] = {
    [SY_FSM_CREATED] = SY_FSM_REFUSED,        [SY_FSM_STAGE_OK] = SY_FSM_STALE,
    [SY_FSM_STAGE_FAILED] = SY_FSM_STALE,     [SY_FSM_STAGE_REDO] = SY_FSM_STALE,
    [SY_FSM_TICKET] = SY_FSM_STALE,           [SY_FSM_PRECOMMIT_QUEUED] = SY_FSM_REFUSED,
    [SY_FSM_PRECOMMIT_LANDED] = SY_FSM_STALE, [SY_FSM_SEED] = SY_FSM_STALE,
    [SY_FSM_COMMIT_QUEUED] = SY_FSM_REFUSED,  [SY_FSM_COMMIT_LANDED] = SY_FSM_STALE,
    [SY_FSM_MESSAGE_FAILED] = SY_FSM_STALE,   [SY_FSM_RETRY] = SY_FSM_REFUSED,
    [SY_FSM_REMOVE] = SY_FSM_REFUSED,         [SY_FSM_CANCEL] = SY_FSM_STALE,
};

/* Sets over enum sy_sector_state. */
#define TO(state) (1u << SY_SECTOR_##state)

/* A cancelled job takes its sectors along only while no precommit can be out. */
static const uint32_t cancellable = TO(Empty) | TO(AddPiece) | TO(Packing) | TO(GetTicket) |
                                    TO(PreCommit1) | TO(PreCommit2) | TO(SubmitPreCommitBatch) |
                                    TO(AddPieceFailed) | TO(SealPreCommit1Failed) |
                                    TO(SealPreCommit2Failed);

/* A sector that is active on the chain must be terminated first; one that goes is gone already. */
static const uint32_t not_removable = TO(FinalizeSector) | TO(FinalizeFailed) | TO(Proving);
static const uint32_t removed_already = TO(Removing) | TO(Removed);

/* Where the chain may send a sector. */
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

bool sy_fsm_runs(uint32_t state, uint32_t stage)
{
    if (stage == 0)
        return false;
    return sy_fsm_stage_of(state) == stage ||
           (state == SY_SECTOR_Committing && stage == SY_STAGE_C2);
}

uint32_t sy_fsm_state_of(uint32_t stage)
{
    for (uint32_t state = 1; state < SY_SECTOR_STATE_COUNT; state++) {
        if (sy_fsm_runs(state, stage))
            return state;
    }
    return 0;
}

static const struct rule *find_rule(uint32_t state, enum sy_fsm_input input, uint32_t stage)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(rules); i++) {
        if (rules[i].state == state && rules[i].input == (uint8_t)input &&
            (rules[i].stage == 0 || rules[i].stage == stage))
            return &rules[i];
    }
    return NULL;
}

static struct sy_fsm_step removal_step(uint32_t state, enum sy_fsm_input input)
{
    struct sy_fsm_step step = {.verdict = SY_FSM_APPLY, .next = state};
    uint32_t bit = 1u << state;
    if (input == SY_FSM_CANCEL && (cancellable & bit) == 0)
        step.verdict = SY_FSM_STALE;
    else if ((removed_already & bit) != 0)
        step.verdict = SY_FSM_STALE;
    else if ((not_removable & bit) != 0)
        step.verdict = SY_FSM_REFUSED;
    if (step.verdict == SY_FSM_APPLY) {
        step.next = SY_SECTOR_Removing;
        step.stage = SY_STAGE_REMOVE;
    }
    return step;
}

struct sy_fsm_step sy_fsm_step(uint32_t state, enum sy_fsm_input input, uint32_t stage,
                               uint32_t failed_from)
{
    struct sy_fsm_step step = {.verdict = SY_FSM_REFUSED, .next = state};
    if (state == 0 || state >= SY_SECTOR_STATE_COUNT || (uint32_t)input >= SY_FSM_INPUT_COUNT)
        return step;
    if (input == SY_FSM_REMOVE || input == SY_FSM_CANCEL)
        return removal_step(state, input);
    const struct rule *rule = find_rule(state, input, stage);
    if (rule == NULL) {
        step.verdict = otherwise[input];
        return step;
    }
    uint32_t next = rule->next == NEXT_FROM ? failed_from : rule->next;
    if (next == 0 || next >= SY_SECTOR_STATE_COUNT)
        return step;
    step.verdict = SY_FSM_APPLY;
    step.next = next;
    step.failed_from = rule->failed_from;
    if (rule->run != 0)
        step.stage = rule->run;
    else if (next != state)
        step.stage = sy_fsm_stage_of(next);
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
