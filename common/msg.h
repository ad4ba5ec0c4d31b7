/* The wire: a fixed header and one field table per message type.
 *
 * Frame, little-endian: magic "SYRD" | u16 version | u16 type | u32 flags | u64 generation |
 * u64 sequence | u32 body bytes | u32 crc32c of header (this field zero) and body | body.
 * The body is a table-encoded struct (common/codec.h). A frame is at most SY_FRAME_BYTES_MAX.
 * `sequence` pairs a reply with its request: a reply carries the request's sequence. `generation`
 * is the scheduler's (0 from clients); agents refuse a lower one and another instance of the same
 * one. Delivery is at least once: every request may be repeated, idempotency keys and fences make
 * it harmless. Versions: SY_WIRE_VERSION and the two before it are spoken.
 */
#ifndef SEALYARD_COMMON_MSG_H
#define SEALYARD_COMMON_MSG_H

#include "common/job.h"

#define SY_WIRE_VERSION 1
#define SY_WIRE_VERSION_MIN 1
#define SY_FRAME_BYTES_MAX (1u << 20)
#define SY_FRAME_HEADER_BYTES 36
#define SY_CHUNK_BYTES_MAX (512u * 1024)

/* X(number, id, struct, roles that may send it to the scheduler; 0 = only the scheduler sends it)
 */
#define SY_MSG_MAP(X)                                                                              \
    /* client -> scheduler; FETCH also agent -> scheduler */                                       \
    X(1, SUBMIT, sy_msg_submit, SY_MAY_OPERATE)                                                    \
    X(2, QUERY, sy_msg_query, SY_MAY_VIEW)                                                         \
    X(3, COMMAND, sy_msg_command, SY_MAY_OPERATE)                                                  \
    X(4, FETCH, sy_msg_fetch, SY_MAY_VIEW | SY_MAY_AGENT)                                          \
    /* scheduler -> client */                                                                      \
    X(5, SUBMITTED, sy_msg_submitted, 0)                                                           \
    X(6, JSON, sy_msg_json, 0)                                                                     \
    X(7, FAILURE, sy_msg_failure, SY_MAY_AGENT) /* agents: in answer to FILE_READ */               \
    X(8, CHUNK, sy_msg_chunk, SY_MAY_AGENT)                                                        \
    /* agent -> scheduler */                                                                       \
    X(20, ENROLL, sy_msg_enroll, SY_MAY_ENROLL)                                                    \
    X(21, HELLO, sy_msg_hello, SY_MAY_AGENT)                                                       \
    X(22, HEARTBEAT, sy_msg_heartbeat, SY_MAY_AGENT)                                               \
    X(23, START_ACK, sy_msg_start_ack, SY_MAY_AGENT)                                               \
    X(24, PROGRESS, sy_msg_progress, SY_MAY_AGENT)                                                 \
    X(25, RESULT, sy_msg_result, SY_MAY_AGENT)                                                     \
    X(26, STOP_ACK, sy_msg_attempt_ref, SY_MAY_AGENT)                                              \
    X(27, STORE_STATE, sy_msg_store_state, SY_MAY_AGENT)                                           \
    /* scheduler -> agent */                                                                       \
    X(40, ENROLLED, sy_msg_enrolled, 0)                                                            \
    X(41, WELCOME, sy_msg_welcome, 0)                                                              \
    X(42, HEARTBEAT_ACK, sy_msg_heartbeat, 0)                                                      \
    X(43, START, sy_msg_start, 0)                                                                  \
    X(44, STOP, sy_msg_attempt_ref, 0)                                                             \
    X(45, RESULT_ACK, sy_msg_result_ack, 0)                                                        \
    X(46, STORE_ATTACH, sy_msg_store_attach, 0)                                                    \
    X(47, FILE_READ, sy_msg_file_read, 0)

enum sy_msg_type {
#define SY_MSG_ENUM(value, id, type, roles) SY_MSG_##id = value,
    SY_MSG_MAP(SY_MSG_ENUM)
#undef SY_MSG_ENUM
};

/* Bit masks over enum sy_role: who may send a type to the scheduler. */
#define SY_ROLE_BIT(role) (1u << (role))
#define SY_MAY_VIEW (SY_ROLE_BIT(SY_ROLE_VIEWER) | SY_MAY_OPERATE)
#define SY_MAY_OPERATE (SY_ROLE_BIT(SY_ROLE_OPERATOR) | SY_ROLE_BIT(SY_ROLE_ADMIN))
#define SY_MAY_AGENT SY_ROLE_BIT(SY_ROLE_AGENT)
#define SY_MAY_ENROLL SY_ROLE_BIT(SY_ROLE_ENROLL)

struct sy_msg_submit {
    uint8_t idempotency_key[SY_IDEMPOTENCY_BYTES]; /* same key, same job: required */
    uint32_t kind;                                 /* enum sy_job_kind */
    uint64_t miner; /* 0 = the only miner, refused when there are several */
    uint32_t count;
    uint64_t number;
    uint64_t offset_bytes, size_bytes;
    bool keep_unsealed;    /* remembered for seal jobs: default true for pieces */
    bool force;            /* remove: also what would lose a deposit */
    struct sy_list pieces; /* cid, padded_bytes, raw_bytes, path */
};
struct sy_msg_submitted {
    uint64_t job;
    struct sy_list sectors; /* struct sy_number */
};
/* what: "status" "sectors" "sector" "sector-log" "jobs" "job" "tasks" "task" "task-why" "agents"
 * "agent" "stores" "store-find" "messages" "chain-head" "policy" "events". */
struct sy_msg_query {
    char what[SY_NAME_BYTES];
    uint64_t id;              /* job or task id, sector number */
    uint64_t miner;           /* 0 = any */
    char text[SY_NAME_BYTES]; /* agent name, state filter */
    uint64_t after;           /* paging cursor from the last reply's "next" */
    uint32_t limit;           /* rows, 0 = as many as fit */
};
/* Reply to QUERY and COMMAND: {"rows":[...],"next":N|null} for lists, one object otherwise. */
struct sy_msg_json {
    struct sy_slice json;
};
/* verb: "job-cancel" "sector-retry" "agent-enroll" "agent-revoke" "agent-pause" "agent-resume"
 * "store-attach" "policy-reload" "policy-check". Idempotent by nature or by key. */
struct sy_msg_command {
    uint8_t idempotency_key[SY_IDEMPOTENCY_BYTES];
    char verb[SY_NAME_BYTES];
    uint64_t id, miner;
    char name[SY_NAME_BYTES];
    struct sy_slice arguments; /* JSON object, may be empty */
};
struct sy_msg_failure {
    uint32_t code, error_class;
    struct sy_slice text; /* what, value, expected, what to do */
};
/* Reads a piece of a file that an agent holds: relayed to that agent as FILE_READ. A client asks
 * for "unseal-output" (id = job) or "task-log" (id = task); an agent that has the lease of a C2
 * task for the "c1-output" (id = that task) of the sector. */
struct sy_msg_fetch {
    char what[SY_NAME_BYTES];
    uint64_t id;
    uint64_t offset_bytes;
    uint32_t bytes; /* at most SY_CHUNK_BYTES_MAX */
};
struct sy_msg_file_read {
    char what[SY_NAME_BYTES];
    uint64_t task;
    uint32_t attempt;
    uint64_t offset_bytes;
    uint32_t bytes;
    /* of "c1-output": where the sector is */
    char store[SY_UUID_BYTES];
    uint64_t miner, number;
};
struct sy_msg_chunk {
    uint64_t offset_bytes;
    uint64_t total_bytes; /* size of the file now */
    uint32_t crc32c;      /* of data */
    struct sy_slice data; /* shorter than asked = end of file */
};

struct sy_msg_enroll {
    char name[SY_NAME_BYTES]; /* must be the name that the token was made for */
    char public_key[SY_PUBLIC_KEY_BYTES];
};
struct sy_msg_enrolled {
    char name[SY_NAME_BYTES];
};
struct sy_msg_attempt_state {
    uint64_t task;
    uint32_t attempt;
    uint32_t state; /* enum sy_task_state: RUNNING, or DONE = result waits for its ack */
};
struct sy_msg_hello {
    char version[SY_NAME_BYTES];
    uint8_t instance[16]; /* random per agent start */
    char boot_id[SY_UUID_BYTES];
    uint64_t generation_seen;
    struct sy_list slots;     /* struct sy_slot_offer */
    struct sy_slice topology; /* JSON */
    struct sy_list stores;    /* struct sy_store_row (uuid, path, kind, bytes, online) */
    struct sy_list attempts;  /* struct sy_msg_attempt_state: all that the ledger knows */
};
struct sy_msg_welcome {
    uint64_t generation;
    uint8_t instance[16]; /* of the scheduler */
    char name[SY_NAME_BYTES];
    uint64_t heartbeat_ms;
};
struct sy_msg_heartbeat {
    uint64_t count;
    struct sy_list stores; /* bytes_free and online, agent -> scheduler only */
};
struct sy_msg_start {
    uint64_t task;
    uint32_t attempt;
    uint8_t token[SY_TOKEN_BYTES];
    uint32_t stage;
    uint64_t miner, number;
    uint32_t proof_type;
    char scratch_store[SY_UUID_BYTES];
    char long_store[SY_UUID_BYTES];
    /* JSON object with the keys of the task contract that are not paths: proof_type, miner, number,
     * ticket, seed, pieces, comm_d, comm_r, ...; the agent adds the paths and resources. */
    struct sy_slice spec;
};
enum sy_start_verdict { SY_START_ACCEPTED = 1, SY_START_REFUSED };
struct sy_msg_start_ack {
    uint64_t task;
    uint32_t attempt;
    uint32_t verdict;
    uint32_t error_class;
    struct sy_slice text;
};
struct sy_msg_attempt_ref {
    uint64_t task;
    uint32_t attempt;
};
struct sy_msg_progress {
    uint64_t task;
    uint32_t attempt;
    uint64_t done, total;
    char unit[SY_NAME_BYTES], phase[SY_NAME_BYTES];
    uint64_t eta_s;
};
struct sy_msg_result {
    uint64_t task;
    uint32_t attempt;
    uint8_t token[SY_TOKEN_BYTES];
    bool ok;
    bool unstarted; /* the task never ran, for a reason of class TRANSIENT or RESOURCE: the lease is
                     * given back, and nothing counts against the task */
    uint32_t error_class;
    struct sy_slice error;  /* text when not ok */
    struct sy_slice result; /* JSON object of the stage */
    uint64_t wall_ms, cpu_ms, peak_bytes;
};
enum sy_result_verdict { SY_RESULT_ACCEPTED = 1, SY_RESULT_STALE, SY_RESULT_UNKNOWN };
struct sy_msg_result_ack {
    uint64_t task;
    uint32_t attempt;
    uint32_t verdict;
};
struct sy_msg_store_attach {
    char path[SY_ROW_PATH_BYTES];
    uint32_t kind;
    bool initialise; /* write a marker when the directory has none */
};
struct sy_msg_store_state {
    struct sy_store_row store;
    uint32_t code, error_class; /* of a failed attach */
    struct sy_slice error;
};

/* A decoded frame. body points into the arena; slices in it borrow the frame bytes. */
struct sy_frame {
    uint16_t version, type;
    uint32_t flags;
    uint64_t generation, sequence;
    const void *body;
};

/* Appends one whole frame to out (its limit should be SY_FRAME_BYTES_MAX). */
int sy_frame_encode(uint16_t type, uint64_t generation, uint64_t sequence, const void *body,
                    struct sy_buffer *out, struct sy_error *err);
/* Checks length (-SY_E_LIMIT, -SY_E_PARSE), magic (-SY_E_PARSE), version (-SY_E_VERSION), crc
 * (-SY_E_CORRUPT), flags and type (-SY_E_UNSUPPORTED), then decodes the body (errors of codec.h).
 */
int sy_frame_decode(const void *data, size_t bytes, struct sy_arena *arena, struct sy_frame *ret,
                    struct sy_error *err);
/* The sequence of a frame whose magic and length are right, even when the rest does not decode: for
 * the refusal that answers it. 0 or -SY_E_PARSE. */
int sy_frame_sequence(const void *data, size_t bytes, uint64_t *ret_sequence);
const char *sy_msg_name(uint16_t type);             /* NULL = unknown */
const struct sy_table *sy_msg_table(uint16_t type); /* NULL = unknown */
uint32_t sy_msg_roles(uint16_t type);               /* bit mask, 0 = nobody */
/* One line for debug logs; secrets (token) are left out. Returns text. */
const char *sy_frame_print(const struct sy_frame *frame, char *text, size_t text_bytes);

#endif
