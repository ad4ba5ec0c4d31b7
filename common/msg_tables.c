/* Field tables of the messages. Ids travel: append, never reuse, never change a type. */
#include "common/msg.h"

#include <stddef.h>

#define SLOTS_MAX 64
#define STORES_MAX 64
#define ATTEMPTS_MAX 1024
#define TEXT_BYTES_MAX 4096
#define TOPOLOGY_BYTES_MAX 65536
#define SPEC_BYTES_MAX 65536
#define ARGUMENTS_BYTES_MAX (512u * 1024)
/* What a frame has room for beside the header and the field's own head. */
#define JSON_BYTES_MAX (SY_FRAME_BYTES_MAX - 64)

static const char *error_class_name(uint32_t value)
{
    return value <= SY_CLASS_BUG ? sy_err_class_name((enum sy_err_class)value) : NULL;
}

static const char *start_verdict_name(uint32_t value)
{
    static const char *const names[] = {NULL, "accepted", "refused"};
    return value < SY_ARRAY_SIZE(names) ? names[value] : NULL;
}

static const char *result_verdict_name(uint32_t value)
{
    static const char *const names[] = {NULL, "accepted", "stale", "unknown"};
    return value < SY_ARRAY_SIZE(names) ? names[value] : NULL;
}

#define REQUIRED .required = true
#define SECRET .secret = true
#define LOSSY .lossy = true

static const struct sy_field attempt_state_fields[] = {
    SY_F_U64(1, sy_msg_attempt_state, task, REQUIRED),
    SY_F_U32(2, sy_msg_attempt_state, attempt, REQUIRED),
    SY_F_ENUM(3, sy_msg_attempt_state, state, sy_task_state_name, REQUIRED),
};
static const struct sy_table table_attempt_state =
    SY_TABLE("attempt_state", sy_msg_attempt_state, attempt_state_fields);

static const struct sy_field submit_fields[] = {
    SY_F_FIXED(1, sy_msg_submit, idempotency_key, REQUIRED),
    SY_F_ENUM(2, sy_msg_submit, kind, sy_job_kind_name, REQUIRED),
    SY_F_U64(3, sy_msg_submit, miner),
    SY_F_U32(4, sy_msg_submit, count),
    SY_F_U64(5, sy_msg_submit, number),
    SY_F_U64(6, sy_msg_submit, offset_bytes),
    SY_F_U64(7, sy_msg_submit, size_bytes),
    SY_F_BOOL(8, sy_msg_submit, keep_unsealed),
    SY_F_BOOL(9, sy_msg_submit, force),
    SY_F_LIST(10, sy_msg_submit, pieces, &sy_table_piece, SY_PIECES_MAX),
};
static const struct sy_field submitted_fields[] = {
    SY_F_U64(1, sy_msg_submitted, job, REQUIRED),
    SY_F_LIST(2, sy_msg_submitted, sectors, &sy_table_number, SY_JOB_SECTORS_MAX),
};
static const struct sy_field query_fields[] = {
    SY_F_STRING(1, sy_msg_query, what, REQUIRED),
    SY_F_U64(2, sy_msg_query, id),
    SY_F_U64(3, sy_msg_query, miner),
    SY_F_STRING(4, sy_msg_query, text),
    SY_F_U64(5, sy_msg_query, after),
    SY_F_U32(6, sy_msg_query, limit),
};
static const struct sy_field json_fields[] = {
    SY_F_JSON(1, sy_msg_json, json, JSON_BYTES_MAX, REQUIRED),
};
static const struct sy_field command_fields[] = {
    SY_F_FIXED(1, sy_msg_command, idempotency_key),
    SY_F_STRING(2, sy_msg_command, verb, REQUIRED),
    SY_F_U64(3, sy_msg_command, id),
    SY_F_U64(4, sy_msg_command, miner),
    SY_F_STRING(5, sy_msg_command, name),
    SY_F_JSON(6, sy_msg_command, arguments, ARGUMENTS_BYTES_MAX),
};
static const struct sy_field failure_fields[] = {
    SY_F_U32(1, sy_msg_failure, code, REQUIRED),
    SY_F_ENUM(2, sy_msg_failure, error_class, error_class_name),
    SY_F_TEXT(3, sy_msg_failure, text, TEXT_BYTES_MAX, LOSSY),
};
static const struct sy_field fetch_fields[] = {
    SY_F_STRING(1, sy_msg_fetch, what, REQUIRED),
    SY_F_U64(2, sy_msg_fetch, id, REQUIRED),
    SY_F_U64(3, sy_msg_fetch, offset_bytes),
    SY_F_U32(4, sy_msg_fetch, bytes, REQUIRED),
};
static const struct sy_field file_read_fields[] = {
    SY_F_STRING(1, sy_msg_file_read, what, REQUIRED),
    SY_F_U64(2, sy_msg_file_read, task, REQUIRED),
    SY_F_U32(3, sy_msg_file_read, attempt),
    SY_F_U64(4, sy_msg_file_read, offset_bytes),
    SY_F_U32(5, sy_msg_file_read, bytes, REQUIRED),
    SY_F_STRING(6, sy_msg_file_read, store),
    SY_F_U64(7, sy_msg_file_read, miner),
    SY_F_U64(8, sy_msg_file_read, number),
};
static const struct sy_field chunk_fields[] = {
    SY_F_U64(1, sy_msg_chunk, offset_bytes),
    SY_F_U64(2, sy_msg_chunk, total_bytes, REQUIRED),
    SY_F_U32(3, sy_msg_chunk, crc32c, REQUIRED),
    SY_F_BYTES(4, sy_msg_chunk, data, SY_CHUNK_BYTES_MAX),
};
static const struct sy_field enroll_fields[] = {
    SY_F_STRING(1, sy_msg_enroll, name, REQUIRED),
    SY_F_STRING(2, sy_msg_enroll, public_key, REQUIRED),
};
static const struct sy_field enrolled_fields[] = {
    SY_F_STRING(1, sy_msg_enrolled, name, REQUIRED),
};
static const struct sy_field hello_fields[] = {
    SY_F_STRING(1, sy_msg_hello, version, REQUIRED),
    SY_F_FIXED(2, sy_msg_hello, instance, REQUIRED),
    SY_F_STRING(3, sy_msg_hello, boot_id),
    SY_F_U64(4, sy_msg_hello, generation_seen),
    SY_F_LIST(5, sy_msg_hello, slots, &sy_table_slot_offer, SLOTS_MAX),
    SY_F_JSON(6, sy_msg_hello, topology, TOPOLOGY_BYTES_MAX),
    SY_F_LIST(7, sy_msg_hello, stores, &sy_table_store_row, STORES_MAX),
    SY_F_LIST(8, sy_msg_hello, attempts, &table_attempt_state, ATTEMPTS_MAX),
};
static const struct sy_field welcome_fields[] = {
    SY_F_U64(1, sy_msg_welcome, generation, REQUIRED),
    SY_F_FIXED(2, sy_msg_welcome, instance, REQUIRED),
    SY_F_STRING(3, sy_msg_welcome, name),
    SY_F_U64(4, sy_msg_welcome, heartbeat_ms),
};
static const struct sy_field heartbeat_fields[] = {
    SY_F_U64(1, sy_msg_heartbeat, count),
    SY_F_LIST(2, sy_msg_heartbeat, stores, &sy_table_store_row, STORES_MAX),
};
static const struct sy_field start_fields[] = {
    SY_F_U64(1, sy_msg_start, task, REQUIRED),
    SY_F_U32(2, sy_msg_start, attempt, REQUIRED),
    SY_F_FIXED(3, sy_msg_start, token, REQUIRED, SECRET),
    SY_F_ENUM(4, sy_msg_start, stage, sy_stage_name, REQUIRED),
    SY_F_U64(5, sy_msg_start, miner, REQUIRED),
    SY_F_U64(6, sy_msg_start, number, REQUIRED),
    SY_F_U32(7, sy_msg_start, proof_type),
    SY_F_STRING(8, sy_msg_start, scratch_store),
    SY_F_STRING(9, sy_msg_start, long_store),
    SY_F_JSON(10, sy_msg_start, spec, SPEC_BYTES_MAX),
};
static const struct sy_field start_ack_fields[] = {
    SY_F_U64(1, sy_msg_start_ack, task, REQUIRED),
    SY_F_U32(2, sy_msg_start_ack, attempt, REQUIRED),
    SY_F_ENUM(3, sy_msg_start_ack, verdict, start_verdict_name, REQUIRED),
    SY_F_ENUM(4, sy_msg_start_ack, error_class, error_class_name),
    SY_F_TEXT(5, sy_msg_start_ack, text, TEXT_BYTES_MAX, LOSSY),
};
static const struct sy_field attempt_ref_fields[] = {
    SY_F_U64(1, sy_msg_attempt_ref, task, REQUIRED),
    SY_F_U32(2, sy_msg_attempt_ref, attempt, REQUIRED),
};
static const struct sy_field progress_fields[] = {
    SY_F_U64(1, sy_msg_progress, task, REQUIRED), SY_F_U32(2, sy_msg_progress, attempt, REQUIRED),
    SY_F_U64(3, sy_msg_progress, done),           SY_F_U64(4, sy_msg_progress, total),
    SY_F_STRING(5, sy_msg_progress, unit, LOSSY), SY_F_STRING(6, sy_msg_progress, phase, LOSSY),
    SY_F_U64(7, sy_msg_progress, eta_s),
};
static const struct sy_field result_fields[] = {
    SY_F_U64(1, sy_msg_result, task, REQUIRED),
    SY_F_U32(2, sy_msg_result, attempt, REQUIRED),
    SY_F_FIXED(3, sy_msg_result, token, REQUIRED, SECRET),
    SY_F_BOOL(4, sy_msg_result, ok, REQUIRED),
    SY_F_ENUM(5, sy_msg_result, error_class, error_class_name),
    SY_F_TEXT(6, sy_msg_result, error, TEXT_BYTES_MAX, LOSSY),
    SY_F_JSON(7, sy_msg_result, result, SY_RESULT_BYTES_MAX),
    SY_F_U64(8, sy_msg_result, wall_ms),
    SY_F_U64(9, sy_msg_result, cpu_ms),
    SY_F_U64(10, sy_msg_result, peak_bytes),
    SY_F_BOOL(11, sy_msg_result, unstarted),
};
static const struct sy_field result_ack_fields[] = {
    SY_F_U64(1, sy_msg_result_ack, task, REQUIRED),
    SY_F_U32(2, sy_msg_result_ack, attempt, REQUIRED),
    SY_F_ENUM(3, sy_msg_result_ack, verdict, result_verdict_name, REQUIRED),
};
static const struct sy_field store_attach_fields[] = {
    SY_F_STRING(1, sy_msg_store_attach, path, REQUIRED),
    SY_F_ENUM(2, sy_msg_store_attach, kind, sy_store_kind_name, REQUIRED),
    SY_F_BOOL(3, sy_msg_store_attach, initialise),
};
static const struct sy_field store_state_fields[] = {
    SY_F_OBJECT(1, sy_msg_store_state, store, &sy_table_store_row, REQUIRED),
    SY_F_U32(2, sy_msg_store_state, code),
    SY_F_ENUM(3, sy_msg_store_state, error_class, error_class_name),
    SY_F_TEXT(4, sy_msg_store_state, error, TEXT_BYTES_MAX, LOSSY),
};

#define MSG_TABLE(name)                                                                            \
    static const struct sy_table table_sy_msg_##name =                                             \
        SY_TABLE(#name, sy_msg_##name, name##_fields);
MSG_TABLE(submit)
MSG_TABLE(submitted)
MSG_TABLE(query)
MSG_TABLE(json)
MSG_TABLE(command)
MSG_TABLE(failure)
MSG_TABLE(fetch)
MSG_TABLE(file_read)
MSG_TABLE(chunk)
MSG_TABLE(enroll)
MSG_TABLE(enrolled)
MSG_TABLE(hello)
MSG_TABLE(welcome)
MSG_TABLE(heartbeat)
MSG_TABLE(start)
MSG_TABLE(start_ack)
MSG_TABLE(attempt_ref)
MSG_TABLE(progress)
MSG_TABLE(result)
MSG_TABLE(result_ack)
MSG_TABLE(store_attach)
MSG_TABLE(store_state)

#define TYPES_MAX 64
static const struct {
    const char *name;
    const struct sy_table *table;
    uint32_t roles;
} msg_rows[TYPES_MAX] = {
#define MSG_ROW(value, id, type, roles) [value] = {#id, &table_##type, roles},
    SY_MSG_MAP(MSG_ROW)
#undef MSG_ROW
};

const char *sy_msg_name(uint16_t type)
{
    return type < TYPES_MAX ? msg_rows[type].name : NULL;
}

const struct sy_table *sy_msg_table(uint16_t type)
{
    return type < TYPES_MAX ? msg_rows[type].table : NULL;
}

uint32_t sy_msg_roles(uint16_t type)
{
    return type < TYPES_MAX ? msg_rows[type].roles : 0;
}
