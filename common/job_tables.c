/* Field tables of rows and events. Ids are stored: append, never reuse, never change a type.
 * Limits of lists and slices are the named ones of job.h; the rest stand here. */
#include "common/job.h"

#include <stddef.h>

#define SLOTS_MAX 64
#define TOPOLOGY_BYTES_MAX 65536
#define PROOF_BYTES_MAX (192 * 126)
#define CHAIN_BYTES_MAX (512u * 1024) /* params, signed message, return value */
#define POLICY_BYTES_MAX (256u * 1024)

static const char *error_class_name(uint32_t value)
{
    return value <= SY_CLASS_BUG ? sy_err_class_name((enum sy_err_class)value) : NULL;
}

#define REQUIRED .required = true
#define SECRET .secret = true
#define LOSSY .lossy = true
#define F_CLASS(id_, s_, m_) SY_F_ENUM(id_, s_, m_, error_class_name)

static const struct sy_field piece_fields[] = {
    SY_F_STRING(1, sy_piece, cid),    SY_F_U64(2, sy_piece, padded_bytes),
    SY_F_U64(3, sy_piece, raw_bytes), SY_F_U64(4, sy_piece, offset_bytes),
    SY_F_STRING(5, sy_piece, path),
};
const struct sy_table sy_table_piece = SY_TABLE("piece", sy_piece, piece_fields);

static const struct sy_field sector_fields[] = {
    SY_F_U64(1, sy_sector, miner, REQUIRED),
    SY_F_U64(2, sy_sector, number, REQUIRED),
    SY_F_U64(3, sy_sector, job),
    SY_F_U32(4, sy_sector, proof_type),
    SY_F_ENUM(5, sy_sector, state, sy_sector_state_name, REQUIRED),
    SY_F_I64(6, sy_sector, created_ms),
    SY_F_I64(7, sy_sector, state_ms),
    SY_F_BOOL(8, sy_sector, keep_unsealed),
    SY_F_LIST(9, sy_sector, pieces, &sy_table_piece, SY_PIECES_MAX),
    SY_F_STRING(10, sy_sector, scratch_agent),
    SY_F_STRING(11, sy_sector, scratch_store),
    SY_F_STRING(12, sy_sector, long_store),
    SY_F_FIXED(13, sy_sector, comm_d),
    SY_F_FIXED(14, sy_sector, comm_r),
    SY_F_FIXED(15, sy_sector, replica_id),
    SY_F_STRING(16, sy_sector, comm_d_cid),
    SY_F_STRING(17, sy_sector, comm_r_cid),
    SY_F_I64(18, sy_sector, ticket_epoch),
    SY_F_FIXED(19, sy_sector, ticket),
    SY_F_STRING(20, sy_sector, precommit_uid),
    SY_F_STRING(21, sy_sector, precommit_cid),
    SY_F_I64(22, sy_sector, precommit_epoch),
    SY_F_I64(23, sy_sector, seed_epoch),
    SY_F_FIXED(24, sy_sector, seed),
    SY_F_FIXED(25, sy_sector, c1_digest),
    SY_F_BYTES(26, sy_sector, proof, PROOF_BYTES_MAX),
    SY_F_STRING(27, sy_sector, commit_uid),
    SY_F_STRING(28, sy_sector, commit_cid),
    SY_F_I64(29, sy_sector, activation_epoch),
    SY_F_ENUM(30, sy_sector, failed_from, sy_sector_state_name),
    SY_F_U32(31, sy_sector, failures),
    F_CLASS(32, sy_sector, error_class),
    SY_F_STRING(33, sy_sector, error, LOSSY),
    SY_F_STRING(34, sy_sector, remove_reason, LOSSY),
};
const struct sy_table sy_table_sector = SY_TABLE("sector", sy_sector, sector_fields);

static const struct sy_field number_fields[] = {
    SY_F_U64(1, sy_number, value),
};
const struct sy_table sy_table_number = SY_TABLE("number", sy_number, number_fields);

static const struct sy_field job_fields[] = {
    SY_F_U64(1, sy_job, id, REQUIRED),
    SY_F_ENUM(2, sy_job, kind, sy_job_kind_name, REQUIRED),
    SY_F_ENUM(3, sy_job, state, sy_job_state_name, REQUIRED),
    SY_F_U64(4, sy_job, miner),
    SY_F_U32(5, sy_job, count),
    SY_F_I64(6, sy_job, created_ms),
    SY_F_I64(7, sy_job, ended_ms),
    SY_F_STRING(8, sy_job, submitter),
    SY_F_FIXED(9, sy_job, idempotency_key),
    SY_F_LIST(10, sy_job, sectors, &sy_table_number, SY_JOB_SECTORS_MAX),
    SY_F_U64(11, sy_job, offset_bytes),
    SY_F_U64(12, sy_job, size_bytes),
    SY_F_STRING(13, sy_job, error, LOSSY),
};
const struct sy_table sy_table_job = SY_TABLE("job", sy_job, job_fields);

static const struct sy_field task_fields[] = {
    SY_F_U64(1, sy_task, id, REQUIRED),
    SY_F_U64(2, sy_task, job),
    SY_F_U64(3, sy_task, miner),
    SY_F_U64(4, sy_task, number),
    SY_F_ENUM(5, sy_task, stage, sy_stage_name, REQUIRED),
    SY_F_ENUM(6, sy_task, state, sy_task_state_name, REQUIRED),
    SY_F_U32(7, sy_task, attempt),
    SY_F_U32(8, sy_task, failures),
    SY_F_STRING(9, sy_task, agent),
    SY_F_STRING(10, sy_task, store),
    SY_F_FIXED(11, sy_task, token, SECRET),
    SY_F_I64(12, sy_task, created_ms),
    SY_F_I64(13, sy_task, leased_ms),
    SY_F_I64(14, sy_task, started_ms),
    SY_F_I64(15, sy_task, ended_ms),
    SY_F_I64(16, sy_task, not_before_ms),
    SY_F_STRING(17, sy_task, avoid_agent),
    F_CLASS(18, sy_task, error_class),
    SY_F_STRING(19, sy_task, error, LOSSY),
    SY_F_JSON(20, sy_task, result, SY_RESULT_BYTES_MAX),
};
const struct sy_table sy_table_task = SY_TABLE("task", sy_task, task_fields);

static const struct sy_field attempt_fields[] = {
    SY_F_U64(1, sy_attempt, task, REQUIRED),
    SY_F_U32(2, sy_attempt, attempt, REQUIRED),
    SY_F_STRING(3, sy_attempt, agent),
    SY_F_I64(4, sy_attempt, leased_ms),
    SY_F_I64(5, sy_attempt, started_ms),
    SY_F_I64(6, sy_attempt, ended_ms),
    SY_F_BOOL(7, sy_attempt, ok),
    F_CLASS(8, sy_attempt, error_class),
    SY_F_STRING(9, sy_attempt, error, LOSSY),
    SY_F_U64(10, sy_attempt, wall_ms),
    SY_F_U64(11, sy_attempt, cpu_ms),
    SY_F_U64(12, sy_attempt, peak_bytes),
};
const struct sy_table sy_table_attempt = SY_TABLE("attempt", sy_attempt, attempt_fields);

static const struct sy_field slot_offer_fields[] = {
    SY_F_ENUM(1, sy_slot_offer, stage, sy_stage_name, REQUIRED),
    SY_F_U32(2, sy_slot_offer, count),
};
const struct sy_table sy_table_slot_offer =
    SY_TABLE("slot_offer", sy_slot_offer, slot_offer_fields);

static const struct sy_field store_row_fields[] = {
    SY_F_STRING(1, sy_store_row, uuid, REQUIRED),
    SY_F_STRING(2, sy_store_row, agent),
    SY_F_STRING(3, sy_store_row, path),
    SY_F_ENUM(4, sy_store_row, kind, sy_store_kind_name),
    SY_F_U64(5, sy_store_row, bytes_total),
    SY_F_U64(6, sy_store_row, bytes_free),
    SY_F_BOOL(7, sy_store_row, online),
};
const struct sy_table sy_table_store_row = SY_TABLE("store", sy_store_row, store_row_fields);

static const struct sy_field agent_fields[] = {
    SY_F_STRING(1, sy_agent, name, REQUIRED),
    SY_F_STRING(2, sy_agent, version),
    SY_F_STRING(3, sy_agent, boot_id),
    SY_F_BOOL(4, sy_agent, paused),
    SY_F_BOOL(5, sy_agent, draining),
    SY_F_LIST(6, sy_agent, slots, &sy_table_slot_offer, SLOTS_MAX),
    SY_F_JSON(7, sy_agent, topology, TOPOLOGY_BYTES_MAX),
    SY_F_I64(8, sy_agent, first_seen_ms),
    SY_F_I64(9, sy_agent, last_seen_ms),
    SY_F_ENUM(10, sy_agent, liveness, sy_liveness_name),
};
const struct sy_table sy_table_agent = SY_TABLE("agent", sy_agent, agent_fields);

static const struct sy_field identity_fields[] = {
    SY_F_STRING(1, sy_identity, name, REQUIRED),
    SY_F_STRING(2, sy_identity, public_key, REQUIRED),
    SY_F_ENUM(3, sy_identity, role, sy_role_name, REQUIRED),
    SY_F_BOOL(4, sy_identity, revoked),
    SY_F_I64(5, sy_identity, created_ms),
    SY_F_I64(6, sy_identity, expires_ms),
};
const struct sy_table sy_table_identity = SY_TABLE("identity", sy_identity, identity_fields);

static const struct sy_field miner_fields[] = {
    SY_F_U64(1, sy_miner, id, REQUIRED), SY_F_U32(2, sy_miner, proof_type),
    SY_F_U64(3, sy_miner, sector_bytes), SY_F_U64(4, sy_miner, next_number),
    SY_F_BOOL(5, sy_miner, floor_known),
};
const struct sy_table sy_table_miner = SY_TABLE("miner", sy_miner, miner_fields);

static const struct sy_field message_fields[] = {
    SY_F_STRING(1, sy_message, uid, REQUIRED),
    SY_F_ENUM(2, sy_message, kind, sy_message_kind_name),
    SY_F_ENUM(3, sy_message, state, sy_message_state_name),
    SY_F_U64(4, sy_message, miner),
    SY_F_LIST(5, sy_message, sectors, &sy_table_number, SY_BATCH_SECTORS_MAX),
    SY_F_STRING(6, sy_message, from),
    SY_F_STRING(7, sy_message, to),
    SY_F_STRING(8, sy_message, value),
    SY_F_U64(9, sy_message, method),
    SY_F_BYTES(10, sy_message, params, CHAIN_BYTES_MAX),
    SY_F_U64(11, sy_message, nonce),
    SY_F_BYTES(12, sy_message, signed_bytes, CHAIN_BYTES_MAX),
    SY_F_STRING(13, sy_message, cid),
    SY_F_STRING(14, sy_message, signed_cid),
    SY_F_I64(15, sy_message, created_ms),
    SY_F_I64(16, sy_message, signed_ms),
    SY_F_I64(17, sy_message, height),
    SY_F_I64(18, sy_message, exit_code),
    SY_F_BYTES(19, sy_message, return_bytes, CHAIN_BYTES_MAX),
    SY_F_STRING(20, sy_message, error, LOSSY),
};
const struct sy_table sy_table_message = SY_TABLE("message", sy_message, message_fields);

/* ---------------------------------------------------------------- events -------------------- */

static const struct sy_field ev_generation_fields[] = {
    SY_F_U64(1, sy_ev_generation, generation, REQUIRED),
    SY_F_FIXED(2, sy_ev_generation, instance),
    SY_F_STRING(3, sy_ev_generation, machine_id),
};
static const struct sy_field ev_number_floor_fields[] = {
    SY_F_U64(1, sy_ev_number_floor, miner, REQUIRED),
    SY_F_U64(2, sy_ev_number_floor, next_number, REQUIRED),
};
static const struct sy_field ev_name_fields[] = {
    SY_F_STRING(1, sy_ev_name, name, REQUIRED),
};
static const struct sy_field ev_job_fields[] = {
    SY_F_U64(1, sy_ev_job, job, REQUIRED),
    SY_F_STRING(2, sy_ev_job, by),
};
static const struct sy_field ev_job_submitted_fields[] = {
    SY_F_U64(1, sy_ev_job_submitted, job, REQUIRED),
    SY_F_ENUM(2, sy_ev_job_submitted, kind, sy_job_kind_name, REQUIRED),
    SY_F_U64(3, sy_ev_job_submitted, miner, REQUIRED),
    SY_F_U32(4, sy_ev_job_submitted, count),
    SY_F_U64(5, sy_ev_job_submitted, number),
    SY_F_U64(6, sy_ev_job_submitted, offset_bytes),
    SY_F_U64(7, sy_ev_job_submitted, size_bytes),
    SY_F_BOOL(8, sy_ev_job_submitted, keep_unsealed),
    SY_F_LIST(9, sy_ev_job_submitted, pieces, &sy_table_piece, SY_PIECES_MAX),
    SY_F_FIXED(10, sy_ev_job_submitted, idempotency_key),
    SY_F_STRING(11, sy_ev_job_submitted, submitter),
};
static const struct sy_field ev_task_leased_fields[] = {
    SY_F_U64(1, sy_ev_task_leased, task, REQUIRED),
    SY_F_U32(2, sy_ev_task_leased, attempt, REQUIRED),
    SY_F_STRING(3, sy_ev_task_leased, agent, REQUIRED),
    SY_F_STRING(4, sy_ev_task_leased, store),
    SY_F_FIXED(5, sy_ev_task_leased, token, SECRET),
};
static const struct sy_field ev_attempt_fields[] = {
    SY_F_U64(1, sy_ev_attempt, task, REQUIRED),  SY_F_U32(2, sy_ev_attempt, attempt, REQUIRED),
    SY_F_STRING(3, sy_ev_attempt, agent),        F_CLASS(4, sy_ev_attempt, error_class),
    SY_F_STRING(5, sy_ev_attempt, error, LOSSY),
};
static const struct sy_field ev_task_result_fields[] = {
    SY_F_U64(1, sy_ev_task_result, task, REQUIRED),
    SY_F_U32(2, sy_ev_task_result, attempt, REQUIRED),
    SY_F_STRING(3, sy_ev_task_result, agent),
    SY_F_BOOL(4, sy_ev_task_result, ok),
    F_CLASS(5, sy_ev_task_result, error_class),
    SY_F_STRING(6, sy_ev_task_result, error, LOSSY),
    SY_F_JSON(7, sy_ev_task_result, result, SY_RESULT_BYTES_MAX),
    SY_F_U64(8, sy_ev_task_result, wall_ms),
    SY_F_U64(9, sy_ev_task_result, cpu_ms),
    SY_F_U64(10, sy_ev_task_result, peak_bytes),
    SY_F_LIST(11, sy_ev_task_result, pieces, &sy_table_piece, SY_PIECES_MAX),
    SY_F_FIXED(12, sy_ev_task_result, comm_d),
    SY_F_FIXED(13, sy_ev_task_result, comm_r),
    SY_F_FIXED(14, sy_ev_task_result, replica_id),
    SY_F_FIXED(15, sy_ev_task_result, c1_digest),
    SY_F_STRING(16, sy_ev_task_result, comm_d_cid),
    SY_F_STRING(17, sy_ev_task_result, comm_r_cid),
    SY_F_BYTES(18, sy_ev_task_result, proof, PROOF_BYTES_MAX),
    SY_F_I64(19, sy_ev_task_result, retry_after_ms),
};
static const struct sy_field ev_randomness_fields[] = {
    SY_F_U64(1, sy_ev_randomness, miner, REQUIRED),
    SY_F_U64(2, sy_ev_randomness, number, REQUIRED),
    SY_F_I64(3, sy_ev_randomness, epoch, REQUIRED),
    SY_F_FIXED(4, sy_ev_randomness, value, REQUIRED),
};
static const struct sy_field ev_sector_epoch_fields[] = {
    SY_F_U64(1, sy_ev_sector_epoch, miner, REQUIRED),
    SY_F_U64(2, sy_ev_sector_epoch, number, REQUIRED),
    SY_F_I64(3, sy_ev_sector_epoch, epoch, REQUIRED),
    SY_F_STRING(4, sy_ev_sector_epoch, cid),
};
static const struct sy_field ev_chain_refused_fields[] = {
    SY_F_U64(1, sy_ev_chain_refused, miner, REQUIRED),
    SY_F_U64(2, sy_ev_chain_refused, number, REQUIRED),
    SY_F_ENUM(3, sy_ev_chain_refused, to_state, sy_sector_state_name, REQUIRED),
    F_CLASS(4, sy_ev_chain_refused, error_class),
    SY_F_STRING(5, sy_ev_chain_refused, error, LOSSY),
};
static const struct sy_field ev_sector_fields[] = {
    SY_F_U64(1, sy_ev_sector, miner, REQUIRED),
    SY_F_U64(2, sy_ev_sector, number, REQUIRED),
    SY_F_STRING(3, sy_ev_sector, by),
};
static const struct sy_field ev_policy_fields[] = {
    SY_F_FIXED(1, sy_ev_policy, digest),
    SY_F_TEXT(2, sy_ev_policy, text, POLICY_BYTES_MAX),
};

#define EVENT_TABLE(name)                                                                          \
    static const struct sy_table table_sy_ev_##name =                                              \
        SY_TABLE("ev_" #name, sy_ev_##name, ev_##name##_fields);
EVENT_TABLE(generation)
EVENT_TABLE(number_floor)
EVENT_TABLE(name)
EVENT_TABLE(job)
EVENT_TABLE(job_submitted)
EVENT_TABLE(task_leased)
EVENT_TABLE(attempt)
EVENT_TABLE(task_result)
EVENT_TABLE(randomness)
EVENT_TABLE(sector_epoch)
EVENT_TABLE(chain_refused)
EVENT_TABLE(sector)
EVENT_TABLE(policy)
/* Events whose body is a row. */
#define table_sy_miner sy_table_miner
#define table_sy_identity sy_table_identity
#define table_sy_agent sy_table_agent
#define table_sy_store_row sy_table_store_row
#define table_sy_message sy_table_message

static const struct {
    const char *name;
    const struct sy_table *table;
} event_rows[SY_EVENT_COUNT] = {
#define EVENT_ROW(value, id, type) [value] = {#id, &table_##type},
    SY_EVENT_MAP(EVENT_ROW)
#undef EVENT_ROW
};

const struct sy_table *sy_event_table(uint32_t kind)
{
    return kind < SY_EVENT_COUNT ? event_rows[kind].table : NULL;
}

const char *sy_event_name(uint32_t kind)
{
    return kind < SY_EVENT_COUNT ? event_rows[kind].name : NULL;
}
