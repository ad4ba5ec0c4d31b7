/* The nouns: stages, sector states, rows and events. This is where scheduler, agent and command
 * line meet; nothing here does anything but name, parse and describe.
 *
 * Rows are what the store keeps and `--json` prints (field tables in common/job_tables.c). Events
 * are the facts that change rows; scheduler/core/job_fsm.c says what each means, core/state.c
 * applies it. Sector state names are Lotus'. Times named *_ms are wall clock (Unix milliseconds),
 * for people only.
 */
#ifndef SEALYARD_COMMON_JOB_H
#define SEALYARD_COMMON_JOB_H

#include "common/codec.h"

#define SY_NAME_BYTES 64          /* agent and identity names: [a-z0-9][a-z0-9._-]*, NUL included */
#define SY_UUID_BYTES 37          /* store ids, text, NUL included */
#define SY_CID_TEXT_BYTES 96      /* any CID text that we handle, NUL included */
#define SY_UID_BYTES 68           /* message uid: "pc-"/"cm-" + 64 hex digits, NUL included */
#define SY_ROW_PATH_BYTES 1024    /* paths inside rows, NUL included */
#define SY_ROW_TEXT_BYTES 320     /* error texts inside rows, NUL included */
#define SY_PUBLIC_KEY_BYTES 41    /* CURVE public key, Z85 text, NUL included */
#define SY_TOKEN_BYTES 32         /* attempt token */
#define SY_IDEMPOTENCY_BYTES 16   /* client idempotency key */
#define SY_PIECES_MAX 256         /* pieces of one sector, fillers included */
#define SY_JOB_SECTORS_MAX 1024   /* sectors of one job */
#define SY_BATCH_SECTORS_MAX 256  /* sectors of one chain message */
#define SY_RESULT_BYTES_MAX 65536 /* result JSON of a stage */

/* clang-format off */
#define SY_STAGE_MAP(X)                                                                            \
    X(1, AP, "AP") X(2, PC1, "PC1") X(3, PC2, "PC2") X(4, C1, "C1") X(5, C2, "C2")                 \
    X(6, FIN, "FIN") X(7, UNSEAL, "UNSEAL") X(8, REMOVE, "REMOVE")
/* clang-format on */
enum sy_stage {
#define SY_STAGE_ENUM(value, id, name) SY_STAGE_##id = value,
    SY_STAGE_MAP(SY_STAGE_ENUM)
#undef SY_STAGE_ENUM
        SY_STAGE_COUNT = 9,
};

/* Numbers are stored: append only. */
/* clang-format off */
#define SY_SECTOR_STATE_MAP(X)                                                                     \
    X(1, Empty) X(2, AddPiece) X(3, Packing) X(4, GetTicket) X(5, PreCommit1) X(6, PreCommit2)     \
    X(7, SubmitPreCommitBatch) X(8, PreCommitBatchWait) X(9, WaitSeed) X(10, Committing)           \
    X(11, SubmitCommitAggregate) X(12, CommitAggregateWait) X(13, FinalizeSector) X(14, Proving)   \
    X(15, Removing) X(16, Removed) X(17, AddPieceFailed) X(18, SealPreCommit1Failed)               \
    X(19, SealPreCommit2Failed) X(20, PreCommitFailed) X(21, ComputeProofFailed)                   \
    X(22, CommitFailed) X(23, FinalizeFailed) X(24, RemoveFailed) X(25, FailedUnrecoverable)
/* clang-format on */
enum sy_sector_state {
#define SY_SECTOR_STATE_ENUM(value, name) SY_SECTOR_##name = value,
    SY_SECTOR_STATE_MAP(SY_SECTOR_STATE_ENUM)
#undef SY_SECTOR_STATE_ENUM
        SY_SECTOR_STATE_COUNT = 26,
};

enum sy_job_kind { SY_JOB_PLEDGE = 1, SY_JOB_SEAL, SY_JOB_UNSEAL, SY_JOB_REMOVE };
enum sy_job_state { SY_JOB_ACTIVE = 1, SY_JOB_DONE, SY_JOB_FAILED, SY_JOB_CANCELLED };
enum sy_task_state {
    SY_TASK_QUEUED = 1,
    SY_TASK_LEASED,  /* START may have left; waits for the agent's word */
    SY_TASK_RUNNING, /* the agent confirmed the attempt */
    SY_TASK_DONE,
    SY_TASK_FAILED, /* gave up: the sector is in a Failed state */
    SY_TASK_CANCELLED,
};
enum sy_store_kind { SY_STORE_SCRATCH = 1, SY_STORE_LONG };
enum sy_role { SY_ROLE_VIEWER = 1, SY_ROLE_OPERATOR, SY_ROLE_ADMIN, SY_ROLE_AGENT, SY_ROLE_ENROLL };
enum sy_message_kind { SY_MESSAGE_PRECOMMIT = 1, SY_MESSAGE_COMMIT };
enum sy_message_state {
    SY_MESSAGE_QUEUED = 1, /* wanted; no nonce yet */
    SY_MESSAGE_SIGNED,     /* nonce and bytes durable; may have been pushed */
    SY_MESSAGE_ONCHAIN,    /* executed, receipt known at confidence */
    SY_MESSAGE_FAILED,     /* never signed and given up, reason in error */
};

/* Names and parsing. *_name return NULL for unknown values; *_parse return 0 or -SY_E_PARSE. */
const char *sy_stage_name(uint32_t stage);
int sy_stage_parse(const char *name, enum sy_stage *ret_stage); /* any case: "pc1", "PC1" */
const char *sy_sector_state_name(uint32_t state);
int sy_sector_state_parse(const char *name, enum sy_sector_state *ret_state);
bool sy_sector_state_is_failed(uint32_t state); /* AddPieceFailed .. RemoveFailed: can be retried */
bool sy_sector_state_is_final(uint32_t state);  /* Proving, Removed, FailedUnrecoverable */
const char *sy_job_kind_name(uint32_t kind);
const char *sy_job_state_name(uint32_t state);
const char *sy_task_state_name(uint32_t state);
const char *sy_store_kind_name(uint32_t kind);
int sy_store_kind_parse(const char *name, enum sy_store_kind *ret_kind);
const char *sy_role_name(uint32_t role);
int sy_role_parse(const char *name, enum sy_role *ret_role);
const char *sy_message_kind_name(uint32_t kind);
const char *sy_message_state_name(uint32_t state);
/* Checks the alphabet and length of an agent or identity name. */
int sy_name_check(const char *name, struct sy_error *err);

/* ---------------------------------------------------------------- rows ---------------------- */

struct sy_piece {
    char cid[SY_CID_TEXT_BYTES];  /* piece CID (v1); empty until known */
    uint64_t padded_bytes;        /* power of two >= 128 */
    uint64_t raw_bytes;           /* bytes of the person's file; 0 for a filler */
    uint64_t offset_bytes;        /* padded, inside the sector; known after AP */
    char path[SY_ROW_PATH_BYTES]; /* where AP reads it; empty for a filler */
};

struct sy_sector {
    uint64_t miner; /* actor id: 1000 is f01000 / t01000 */
    uint64_t number;
    uint64_t job;
    uint32_t proof_type; /* registered seal proof id */
    uint32_t state;      /* enum sy_sector_state */
    int64_t created_ms, state_ms;
    bool keep_unsealed;
    struct sy_list pieces; /* struct sy_piece; empty for CC until AP reports its fillers */
    char scratch_agent[SY_NAME_BYTES];
    char scratch_store[SY_UUID_BYTES];
    char long_store[SY_UUID_BYTES];
    uint8_t comm_d[32], comm_r[32], replica_id[32]; /* zero = not known */
    char comm_d_cid[SY_CID_TEXT_BYTES], comm_r_cid[SY_CID_TEXT_BYTES];
    int64_t ticket_epoch;
    uint8_t ticket[32];
    char precommit_uid[SY_UID_BYTES], precommit_cid[SY_CID_TEXT_BYTES];
    int64_t precommit_epoch; /* inclusion height, from StateSectorPreCommitInfo */
    int64_t seed_epoch;
    uint8_t seed[32];
    uint8_t c1_digest[32]; /* SHA-256 of the C1 output file */
    struct sy_slice proof; /* bytes for ProveCommit, at most 192 * 126 */
    char commit_uid[SY_UID_BYTES], commit_cid[SY_CID_TEXT_BYTES];
    int64_t activation_epoch;
    uint32_t failed_from; /* state to return to on retry; 0 = none */
    uint32_t failures;    /* of the present state, reset when the state is left by success */
    uint32_t error_class; /* of the last failure */
    char error[SY_ROW_TEXT_BYTES];
    char remove_reason[SY_NAME_BYTES];
};

struct sy_number {
    uint64_t value;
};

struct sy_job {
    uint64_t id; /* 1, 2, ...: sortable */
    uint32_t kind, state;
    uint64_t miner;
    uint32_t count; /* pledge: how many sectors */
    int64_t created_ms, ended_ms;
    char submitter[SY_NAME_BYTES];
    uint8_t idempotency_key[SY_IDEMPOTENCY_BYTES];
    struct sy_list sectors;            /* struct sy_number, numbers of this miner */
    uint64_t offset_bytes, size_bytes; /* unseal: unpadded range; size 0 = all */
    char error[SY_ROW_TEXT_BYTES];
};

struct sy_task {
    uint64_t id;
    uint64_t job, miner, number;
    uint32_t stage, state;
    uint32_t attempt; /* fence: number of the current or last attempt, 0 = never leased */
    uint32_t failures;
    char agent[SY_NAME_BYTES];     /* of the current attempt */
    char store[SY_UUID_BYTES];     /* scratch (AP) or long-term (FIN) store given with the lease */
    uint8_t token[SY_TOKEN_BYTES]; /* of the current attempt; never printed */
    int64_t created_ms, leased_ms, started_ms, ended_ms;
    int64_t not_before_ms;           /* backoff after a failure, wall clock; 0 = none */
    char avoid_agent[SY_NAME_BYTES]; /* RESOURCE failures: prefer another agent */
    uint32_t error_class;
    char error[SY_ROW_TEXT_BYTES];
    struct sy_slice result; /* JSON of an accepted result */
};

struct sy_attempt {
    uint64_t task;
    uint32_t attempt;
    char agent[SY_NAME_BYTES];
    int64_t leased_ms, started_ms, ended_ms;
    bool ok;
    uint32_t error_class;
    char error[SY_ROW_TEXT_BYTES];
    uint64_t wall_ms, cpu_ms, peak_bytes;
};

struct sy_slot_offer {
    uint32_t stage;
    uint32_t count; /* tasks of this stage at once */
};

struct sy_store_row {
    char uuid[SY_UUID_BYTES];
    char agent[SY_NAME_BYTES];
    char path[SY_ROW_PATH_BYTES];
    uint32_t kind;
    uint64_t bytes_total, bytes_free;
    bool online; /* volatile: the agent sees its marker */
};

struct sy_agent {
    char name[SY_NAME_BYTES];
    char version[SY_NAME_BYTES];
    char boot_id[SY_UUID_BYTES];
    bool paused;
    bool draining;
    struct sy_list slots; /* struct sy_slot_offer */
    struct sy_slice
        topology; /* JSON: cores, NUMA nodes, caches, hugepages, GPUs, cgroup back-end */
    int64_t first_seen_ms, last_seen_ms;
    uint32_t liveness; /* volatile: enum sy_liveness */
};
enum sy_liveness { SY_AGENT_OFFLINE = 0, SY_AGENT_ONLINE, SY_AGENT_SUSPECT, SY_AGENT_DEAD };
const char *sy_liveness_name(uint32_t liveness);

struct sy_identity {
    char name[SY_NAME_BYTES];
    char public_key[SY_PUBLIC_KEY_BYTES];
    uint32_t role;
    bool revoked;
    int64_t created_ms, expires_ms; /* expires 0 = never; enroll keys live one hour, one use */
};

struct sy_miner {
    uint64_t id;
    uint32_t proof_type;
    uint64_t sector_bytes;
    uint64_t next_number;
    bool floor_known; /* the chain told which numbers are used; no sector is numbered before */
};

struct sy_message {
    char uid[SY_UID_BYTES]; /* derived from (miner, step, sectors, content): a crash cannot send
                               twice */
    uint32_t kind, state;
    uint64_t miner;
    struct sy_list sectors;                      /* struct sy_number, in the order of the message */
    char from[SY_NAME_BYTES], to[SY_NAME_BYTES]; /* address texts */
    char value[SY_NAME_BYTES];                   /* attoFIL, decimal */
    uint64_t method;
    struct sy_slice params; /* CBOR */
    uint64_t nonce;
    struct sy_slice signed_bytes; /* CBOR of the SignedMessage, pushed again as is */
    char cid[SY_CID_TEXT_BYTES], signed_cid[SY_CID_TEXT_BYTES];
    int64_t created_ms, signed_ms;
    int64_t height; /* of the tipset that executed it */
    int64_t exit_code;
    struct sy_slice return_bytes;
    char error[SY_ROW_TEXT_BYTES];
};

/* ---------------------------------------------------------------- events -------------------- */

/* X(number, id, struct). Numbers are stored: append only. */
/* clang-format off */
#define SY_EVENT_MAP(X)                                                                            \
    X(1, GENERATION, sy_ev_generation)                                                             \
    X(2, MINER_SET, sy_miner)                                                                      \
    X(3, NUMBER_FLOOR, sy_ev_number_floor)                                                         \
    X(4, IDENTITY_SET, sy_identity)                                                                \
    X(5, IDENTITY_REVOKED, sy_ev_name)                                                             \
    X(6, AGENT_HELLO, sy_agent)                                                                    \
    X(7, AGENT_PAUSED, sy_ev_name)                                                                 \
    X(8, AGENT_RESUMED, sy_ev_name)                                                                \
    X(9, STORE_SET, sy_store_row)                                                                  \
    X(10, JOB_SUBMITTED, sy_ev_job_submitted)                                                      \
    X(11, JOB_CANCELLED, sy_ev_job)                                                                \
    X(12, TASK_LEASED, sy_ev_task_leased)                                                          \
    X(13, TASK_STARTED, sy_ev_attempt)                                                             \
    X(14, TASK_RETURNED, sy_ev_attempt) /* lease given back unstarted: refused by the agent */     \
    X(15, TASK_RESULT, sy_ev_task_result)                                                          \
    X(16, TICKET, sy_ev_randomness)                                                                \
    X(17, MESSAGE_QUEUED, sy_message)                                                              \
    X(18, MESSAGE_SIGNED, sy_message)                                                              \
    X(19, MESSAGE_ONCHAIN, sy_message)                                                             \
    X(20, MESSAGE_FAILED, sy_message)                                                              \
    X(21, PRECOMMIT_LANDED, sy_ev_sector_epoch)                                                    \
    X(22, SEED, sy_ev_randomness)                                                                  \
    X(23, COMMIT_LANDED, sy_ev_sector_epoch)                                                       \
    X(24, CHAIN_REFUSED, sy_ev_chain_refused)                                                      \
    X(25, SECTOR_RETRY, sy_ev_sector)                                                              \
    X(26, SECTOR_REMOVE, sy_ev_sector)                                                             \
    X(27, POLICY_ACCEPTED, sy_ev_policy)
/* clang-format on */
enum sy_event_kind {
#define SY_EVENT_ENUM(value, id, type) SY_EVENT_##id = value,
    SY_EVENT_MAP(SY_EVENT_ENUM)
#undef SY_EVENT_ENUM
        SY_EVENT_COUNT = 28,
};

struct sy_ev_generation {
    uint64_t generation;  /* raised by one at each start, durable before the endpoint is bound */
    uint8_t instance[16]; /* random per start */
    char machine_id[40];
};
struct sy_ev_number_floor {
    uint64_t miner, next_number;
};
struct sy_ev_name {
    char name[SY_NAME_BYTES];
};
struct sy_ev_job {
    uint64_t job;
    char by[SY_NAME_BYTES];
};
/* One event creates the job and all its sectors: numbers are taken from the miner's next_number. */
struct sy_ev_job_submitted {
    uint64_t job;
    uint32_t kind;
    uint64_t miner;
    uint32_t count;
    uint64_t number; /* unseal, remove: the sector */
    uint64_t offset_bytes, size_bytes;
    bool keep_unsealed;
    struct sy_list pieces; /* seal: struct sy_piece for ONE sector */
    uint8_t idempotency_key[SY_IDEMPOTENCY_BYTES];
    char submitter[SY_NAME_BYTES];
};
struct sy_ev_task_leased {
    uint64_t task;
    uint32_t attempt; /* previous + 1 */
    char agent[SY_NAME_BYTES];
    char store[SY_UUID_BYTES];
    uint8_t token[SY_TOKEN_BYTES];
};
struct sy_ev_attempt {
    uint64_t task;
    uint32_t attempt;
    char agent[SY_NAME_BYTES];
    uint32_t error_class;
    char error[SY_ROW_TEXT_BYTES];
};
struct sy_ev_task_result {
    uint64_t task;
    uint32_t attempt;
    char agent[SY_NAME_BYTES];
    bool ok;
    uint32_t error_class;
    char error[SY_ROW_TEXT_BYTES];
    struct sy_slice result; /* JSON, kept */
    uint64_t wall_ms, cpu_ms, peak_bytes;
    /* what the sector takes over, parsed from the JSON before the event is made (core has no JSON)
     */
    struct sy_list pieces;
    uint8_t comm_d[32], comm_r[32], replica_id[32], c1_digest[32];
    char comm_d_cid[SY_CID_TEXT_BYTES], comm_r_cid[SY_CID_TEXT_BYTES];
    struct sy_slice proof;
    int64_t retry_after_ms; /* wall clock, set by the shell from retry.c; 0 = no retry */
};
struct sy_ev_randomness {
    uint64_t miner, number;
    int64_t epoch;
    uint8_t value[32];
};
struct sy_ev_sector_epoch {
    uint64_t miner, number;
    int64_t epoch;
    char cid[SY_CID_TEXT_BYTES]; /* the message that did it; empty = adopted from the chain */
};
/* The chain (or a check before sending) said no. `to_state` is where the rules of
 * facts/chain.md 4.7 send the sector: GetTicket, SubmitPreCommitBatch, WaitSeed,
 * SubmitCommitAggregate, a Failed state. */
struct sy_ev_chain_refused {
    uint64_t miner, number;
    uint32_t to_state;
    uint32_t error_class;
    char error[SY_ROW_TEXT_BYTES];
};
struct sy_ev_sector {
    uint64_t miner, number;
    char by[SY_NAME_BYTES];
};
struct sy_ev_policy {
    uint8_t digest[32];
    struct sy_slice text; /* the accepted file */
};

/* One committed fact. body points to the struct that SY_EVENT_MAP names for kind. */
struct sy_event {
    uint64_t number; /* gapless from 1 */
    int64_t wall_ms;
    uint32_t kind;
    const void *body;
};

/* ---------------------------------------------------------------- tables -------------------- */
extern const struct sy_table sy_table_piece, sy_table_sector, sy_table_number, sy_table_job,
    sy_table_task, sy_table_attempt, sy_table_slot_offer, sy_table_store_row, sy_table_agent,
    sy_table_identity, sy_table_miner, sy_table_message;
/* The table of an event's body and its name ("TASK_LEASED"); NULL for an unknown kind. */
const struct sy_table *sy_event_table(uint32_t kind);
const char *sy_event_name(uint32_t kind);

#endif
