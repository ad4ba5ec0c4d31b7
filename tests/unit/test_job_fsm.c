/* The whole table: every state with every input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/core/job_fsm.h"

#include <string.h>

/* One row per state (Committing with C1; its C2 has a test of its own), one letter per input in the
 * order of enum sy_fsm_input: A applies, s stale, r refused. Stage inputs are asked with the stage
 * of the state, retry with PreCommit1 as failed_from. */
static const struct {
    enum sy_sector_state state;
    const char *meaning;
} matrix[] = {
    /*                                  C O F R T q p S q c m y X K */
    {SY_SECTOR_Empty, "AssssrssrssrAA"},
    {SY_SECTOR_AddPiece, "rAAssrssrssrAA"},
    {SY_SECTOR_Packing, "rssssrssrssrAA"},
    {SY_SECTOR_GetTicket, "rsssArssrssrAA"},
    {SY_SECTOR_PreCommit1, "rAAssrssrssrAA"},
    {SY_SECTOR_PreCommit2, "rAAAsrssrssrAA"},
    {SY_SECTOR_SubmitPreCommitBatch, "rssssAAsrssrAA"},
    {SY_SECTOR_PreCommitBatchWait, "rssssrAsrsArAs"},
    {SY_SECTOR_WaitSeed, "rssssrAArssrAs"},
    {SY_SECTOR_Committing, "rAAssrssrssrAs"},
    {SY_SECTOR_SubmitCommitAggregate, "rssssrssAAsrAs"},
    {SY_SECTOR_CommitAggregateWait, "rssssrssrAArAs"},
    {SY_SECTOR_FinalizeSector, "rAAssrssrssrrs"},
    {SY_SECTOR_Proving, "rssssrssrssrrs"},
    {SY_SECTOR_Removing, "rAAssrssrssrss"},
    {SY_SECTOR_Removed, "rssssrssrssrss"},
    {SY_SECTOR_AddPieceFailed, "rssssrssrssAAA"},
    {SY_SECTOR_SealPreCommit1Failed, "rssssrssrssAAA"},
    {SY_SECTOR_SealPreCommit2Failed, "rssssrssrssAAA"},
    {SY_SECTOR_PreCommitFailed, "rssssrAsrssAAs"},
    {SY_SECTOR_ComputeProofFailed, "rssssrssrssAAs"},
    {SY_SECTOR_CommitFailed, "rssssrssrAsAAs"},
    {SY_SECTOR_FinalizeFailed, "rssssrssrssArs"},
    {SY_SECTOR_RemoveFailed, "rssssrssrssAAs"},
    {SY_SECTOR_FailedUnrecoverable, "rssssrssrssrAs"},
};

static void every_pair_has_its_meaning(void **context)
{
    (void)context;
    static const char letters[] = "rsA";
    assert_int_equal(sizeof(matrix) / sizeof(matrix[0]), SY_SECTOR_STATE_COUNT - 1);
    for (size_t i = 0; i < sizeof(matrix) / sizeof(matrix[0]); i++) {
        uint32_t state = matrix[i].state;
        assert_int_equal(state, i + 1);
        assert_int_equal(strlen(matrix[i].meaning), SY_FSM_INPUT_COUNT);
        for (int input = 0; input < SY_FSM_INPUT_COUNT; input++) {
            struct sy_fsm_step step = sy_fsm_step(state, (enum sy_fsm_input)input,
                                                  sy_fsm_stage_of(state), SY_SECTOR_PreCommit1);
            if (letters[step.verdict] != matrix[i].meaning[input])
                fail_msg("%s with %s is %c, expected %c", sy_sector_state_name(state),
                         sy_fsm_input_name((enum sy_fsm_input)input), letters[step.verdict],
                         matrix[i].meaning[input]);
            bool c1_done = state == SY_SECTOR_Committing && input == SY_FSM_STAGE_OK;
            uint32_t runs = step.next == state ? 0 : sy_fsm_stage_of(step.next);
            assert_int_equal(step.stage, c1_done ? (uint32_t)SY_STAGE_C2 : runs);
            if (step.verdict != SY_FSM_APPLY)
                assert_int_equal(step.next, state);
        }
    }
}

static void moves(uint32_t from, enum sy_fsm_input input, uint32_t to)
{
    struct sy_fsm_step step = sy_fsm_step(from, input, sy_fsm_stage_of(from), 0);
    assert_int_equal(step.verdict, SY_FSM_APPLY);
    if (step.next != to)
        fail_msg("%s with %s goes to %s, expected %s", sy_sector_state_name(from),
                 sy_fsm_input_name(input), sy_sector_state_name(step.next),
                 sy_sector_state_name(to));
}

static void good_life_leads_to_proving(void **context)
{
    (void)context;
    moves(SY_SECTOR_Empty, SY_FSM_CREATED, SY_SECTOR_AddPiece);
    moves(SY_SECTOR_AddPiece, SY_FSM_STAGE_OK, SY_SECTOR_GetTicket);
    moves(SY_SECTOR_GetTicket, SY_FSM_TICKET, SY_SECTOR_PreCommit1);
    moves(SY_SECTOR_PreCommit1, SY_FSM_STAGE_OK, SY_SECTOR_PreCommit2);
    moves(SY_SECTOR_PreCommit2, SY_FSM_STAGE_OK, SY_SECTOR_SubmitPreCommitBatch);
    moves(SY_SECTOR_SubmitPreCommitBatch, SY_FSM_PRECOMMIT_QUEUED, SY_SECTOR_PreCommitBatchWait);
    moves(SY_SECTOR_PreCommitBatchWait, SY_FSM_PRECOMMIT_LANDED, SY_SECTOR_WaitSeed);
    moves(SY_SECTOR_WaitSeed, SY_FSM_SEED, SY_SECTOR_Committing);
    moves(SY_SECTOR_Committing, SY_FSM_STAGE_OK, SY_SECTOR_Committing); /* C1: C2 is next */
    struct sy_fsm_step proven = sy_fsm_step(SY_SECTOR_Committing, SY_FSM_STAGE_OK, SY_STAGE_C2, 0);
    assert_int_equal(proven.verdict, SY_FSM_APPLY);
    assert_int_equal(proven.next, SY_SECTOR_SubmitCommitAggregate);
    assert_int_equal(proven.stage, 0);
    moves(SY_SECTOR_SubmitCommitAggregate, SY_FSM_COMMIT_QUEUED, SY_SECTOR_CommitAggregateWait);
    moves(SY_SECTOR_CommitAggregateWait, SY_FSM_COMMIT_LANDED, SY_SECTOR_FinalizeSector);
    moves(SY_SECTOR_FinalizeSector, SY_FSM_STAGE_OK, SY_SECTOR_Proving);
}

static void other_moves_are_as_agreed(void **context)
{
    (void)context;
    moves(SY_SECTOR_SubmitPreCommitBatch, SY_FSM_PRECOMMIT_LANDED, SY_SECTOR_WaitSeed);
    moves(SY_SECTOR_PreCommitFailed, SY_FSM_PRECOMMIT_LANDED, SY_SECTOR_WaitSeed);
    moves(SY_SECTOR_WaitSeed, SY_FSM_PRECOMMIT_LANDED, SY_SECTOR_WaitSeed);
    moves(SY_SECTOR_SubmitCommitAggregate, SY_FSM_COMMIT_LANDED, SY_SECTOR_FinalizeSector);
    moves(SY_SECTOR_CommitFailed, SY_FSM_COMMIT_LANDED, SY_SECTOR_FinalizeSector);
    moves(SY_SECTOR_PreCommitBatchWait, SY_FSM_MESSAGE_FAILED, SY_SECTOR_SubmitPreCommitBatch);
    moves(SY_SECTOR_CommitAggregateWait, SY_FSM_MESSAGE_FAILED, SY_SECTOR_SubmitCommitAggregate);
    moves(SY_SECTOR_PreCommit2, SY_FSM_STAGE_REDO, SY_SECTOR_PreCommit1);
    moves(SY_SECTOR_Removing, SY_FSM_STAGE_OK, SY_SECTOR_Removed);
    moves(SY_SECTOR_PreCommit2, SY_FSM_REMOVE, SY_SECTOR_Removing);
    moves(SY_SECTOR_PreCommit2, SY_FSM_CANCEL, SY_SECTOR_Removing);
}

static void failed_stages_remember_where_to_return(void **context)
{
    (void)context;
    static const uint32_t pairs[][2] = {
        {SY_SECTOR_AddPiece, SY_SECTOR_AddPieceFailed},
        {SY_SECTOR_PreCommit1, SY_SECTOR_SealPreCommit1Failed},
        {SY_SECTOR_PreCommit2, SY_SECTOR_SealPreCommit2Failed},
        {SY_SECTOR_Committing, SY_SECTOR_ComputeProofFailed},
        {SY_SECTOR_FinalizeSector, SY_SECTOR_FinalizeFailed},
        {SY_SECTOR_Removing, SY_SECTOR_RemoveFailed},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uint32_t stage = sy_fsm_stage_of(pairs[i][0]);
        struct sy_fsm_step step = sy_fsm_step(pairs[i][0], SY_FSM_STAGE_FAILED, stage, 0);
        assert_int_equal(step.next, pairs[i][1]);
        assert_int_equal(step.failed_from, pairs[i][0]);
        assert_true(sy_sector_state_is_failed(step.next));
        struct sy_fsm_step back = sy_fsm_step(step.next, SY_FSM_RETRY, 0, step.failed_from);
        assert_int_equal(back.verdict, SY_FSM_APPLY);
        assert_int_equal(back.next, pairs[i][0]);
        assert_int_equal(back.stage, stage);
        assert_int_equal(sy_fsm_state_of(stage), pairs[i][0]);
    }
}

/* A proof that cannot be made begins again with C1: its input may be what is wrong. */
static void failed_c2_goes_back_to_c1(void **context)
{
    (void)context;
    struct sy_fsm_step step =
        sy_fsm_step(SY_SECTOR_Committing, SY_FSM_STAGE_FAILED, SY_STAGE_C2, 0);
    assert_int_equal(step.next, SY_SECTOR_ComputeProofFailed);
    assert_int_equal(step.failed_from, SY_SECTOR_Committing);
    assert_int_equal(sy_fsm_step(step.next, SY_FSM_RETRY, 0, step.failed_from).stage, SY_STAGE_C1);
    assert_int_equal(sy_fsm_state_of(SY_STAGE_C2), SY_SECTOR_Committing);
    assert_true(sy_fsm_runs(SY_SECTOR_Committing, SY_STAGE_C1));
    assert_true(sy_fsm_runs(SY_SECTOR_Committing, SY_STAGE_C2));
    assert_false(sy_fsm_runs(SY_SECTOR_Committing, SY_STAGE_UNSEAL));
    assert_false(sy_fsm_runs(SY_SECTOR_Proving, 0));
    assert_int_equal(sy_fsm_state_of(SY_STAGE_UNSEAL), 0);
}

static void result_of_another_stage_is_stale(void **context)
{
    (void)context;
    for (uint32_t stage = 0; stage < SY_STAGE_COUNT; stage++) {
        if (stage == SY_STAGE_PC1)
            continue;
        assert_int_equal(sy_fsm_step(SY_SECTOR_PreCommit1, SY_FSM_STAGE_OK, stage, 0).verdict,
                         SY_FSM_STALE);
        assert_int_equal(sy_fsm_step(SY_SECTOR_PreCommit1, SY_FSM_STAGE_FAILED, stage, 0).verdict,
                         SY_FSM_STALE);
    }
}

static void retry_without_a_way_back_is_refused(void **context)
{
    (void)context;
    assert_int_equal(sy_fsm_step(SY_SECTOR_CommitFailed, SY_FSM_RETRY, 0, 0).verdict,
                     SY_FSM_REFUSED);
    assert_int_equal(sy_fsm_step(SY_SECTOR_CommitFailed, SY_FSM_RETRY, 0, 99).verdict,
                     SY_FSM_REFUSED);
    assert_int_equal(sy_fsm_step(0, SY_FSM_TICKET, 0, 0).verdict, SY_FSM_REFUSED);
    assert_int_equal(sy_fsm_step(99, SY_FSM_TICKET, 0, 0).verdict, SY_FSM_REFUSED);
    assert_int_equal(
        sy_fsm_step(SY_SECTOR_Proving, (enum sy_fsm_input)SY_FSM_INPUT_COUNT, 0, 0).verdict,
        SY_FSM_REFUSED);
}

static bool refuses_to(uint32_t from, uint32_t to)
{
    return sy_fsm_refuse(from, to).verdict == SY_FSM_APPLY;
}

static void chain_sends_sectors_only_where_it_may(void **context)
{
    (void)context;
    assert_true(refuses_to(SY_SECTOR_SubmitPreCommitBatch, SY_SECTOR_GetTicket));
    assert_true(refuses_to(SY_SECTOR_SubmitPreCommitBatch, SY_SECTOR_FailedUnrecoverable));
    assert_true(refuses_to(SY_SECTOR_PreCommitBatchWait, SY_SECTOR_SubmitPreCommitBatch));
    assert_true(refuses_to(SY_SECTOR_PreCommitBatchWait, SY_SECTOR_PreCommitFailed));
    assert_true(refuses_to(SY_SECTOR_Committing, SY_SECTOR_WaitSeed));
    assert_true(refuses_to(SY_SECTOR_SubmitCommitAggregate, SY_SECTOR_Removing));
    assert_true(refuses_to(SY_SECTOR_CommitAggregateWait, SY_SECTOR_CommitFailed));
    assert_true(refuses_to(SY_SECTOR_CommitAggregateWait, SY_SECTOR_ComputeProofFailed));
    /* never forward, never into or out of a resting sector */
    assert_false(refuses_to(SY_SECTOR_SubmitPreCommitBatch, SY_SECTOR_WaitSeed));
    assert_false(refuses_to(SY_SECTOR_CommitAggregateWait, SY_SECTOR_Proving));
    assert_false(refuses_to(SY_SECTOR_CommitAggregateWait, SY_SECTOR_GetTicket));
    assert_int_equal(sy_fsm_refuse(SY_SECTOR_Proving, SY_SECTOR_CommitFailed).verdict,
                     SY_FSM_STALE);
    assert_int_equal(sy_fsm_refuse(SY_SECTOR_Removed, SY_SECTOR_GetTicket).verdict, SY_FSM_STALE);
    assert_int_equal(sy_fsm_refuse(SY_SECTOR_PreCommit1, SY_SECTOR_GetTicket).verdict,
                     SY_FSM_STALE);
    assert_int_equal(sy_fsm_refuse(0, SY_SECTOR_GetTicket).verdict, SY_FSM_REFUSED);
    assert_int_equal(sy_fsm_refuse(SY_SECTOR_WaitSeed, 99).verdict, SY_FSM_REFUSED);
    assert_int_equal(
        sy_fsm_refuse(SY_SECTOR_PreCommitBatchWait, SY_SECTOR_PreCommitFailed).failed_from,
        SY_SECTOR_SubmitPreCommitBatch);
    assert_int_equal(
        sy_fsm_refuse(SY_SECTOR_CommitAggregateWait, SY_SECTOR_CommitFailed).failed_from,
        SY_SECTOR_SubmitCommitAggregate);
    assert_int_equal(
        sy_fsm_refuse(SY_SECTOR_CommitAggregateWait, SY_SECTOR_ComputeProofFailed).failed_from,
        SY_SECTOR_Committing);
}

static void removal_warns_while_a_deposit_is_at_stake(void **context)
{
    (void)context;
    assert_false(sy_fsm_removal_loses_deposit(SY_SECTOR_PreCommit2, 0));
    assert_false(sy_fsm_removal_loses_deposit(SY_SECTOR_SubmitPreCommitBatch, 0));
    assert_true(sy_fsm_removal_loses_deposit(SY_SECTOR_PreCommitBatchWait, 0));
    assert_true(sy_fsm_removal_loses_deposit(SY_SECTOR_WaitSeed, 0));
    assert_true(sy_fsm_removal_loses_deposit(SY_SECTOR_ComputeProofFailed, SY_SECTOR_Committing));
    assert_true(
        sy_fsm_removal_loses_deposit(SY_SECTOR_PreCommitFailed, SY_SECTOR_SubmitPreCommitBatch));
    assert_false(
        sy_fsm_removal_loses_deposit(SY_SECTOR_SealPreCommit1Failed, SY_SECTOR_PreCommit1));
    assert_false(sy_fsm_removal_loses_deposit(SY_SECTOR_RemoveFailed, SY_SECTOR_Removing));
    assert_false(sy_fsm_removal_loses_deposit(SY_SECTOR_FailedUnrecoverable, 0));
}

static void sealing_is_from_ticket_to_finalize(void **context)
{
    (void)context;
    assert_false(sy_fsm_is_sealing(SY_SECTOR_AddPiece));
    assert_true(sy_fsm_is_sealing(SY_SECTOR_GetTicket));
    assert_true(sy_fsm_is_sealing(SY_SECTOR_FinalizeSector));
    assert_false(sy_fsm_is_sealing(SY_SECTOR_Proving));
    assert_false(sy_fsm_is_sealing(SY_SECTOR_SealPreCommit1Failed));
    assert_int_equal(sy_fsm_state_of(0), 0);
    assert_int_equal(sy_fsm_state_of(SY_STAGE_UNSEAL), 0);
    for (int input = 0; input < SY_FSM_INPUT_COUNT; input++)
        assert_string_not_equal(sy_fsm_input_name((enum sy_fsm_input)input), "unknown input");
    assert_string_equal(sy_fsm_input_name((enum sy_fsm_input)99), "unknown input");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_has_its_meaning),
        cmocka_unit_test(good_life_leads_to_proving),
        cmocka_unit_test(other_moves_are_as_agreed),
        cmocka_unit_test(failed_stages_remember_where_to_return),
        cmocka_unit_test(failed_c2_goes_back_to_c1),
        cmocka_unit_test(result_of_another_stage_is_stale),
        cmocka_unit_test(retry_without_a_way_back_is_refused),
        cmocka_unit_test(chain_sends_sectors_only_where_it_may),
        cmocka_unit_test(removal_warns_while_a_deposit_is_at_stake),
        cmocka_unit_test(sealing_is_from_ticket_to_finalize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
