/* Inside of state.c and its siblings (state_look, state_check, state_apply, state_move,
 * state_verify).
 *
 * A row lives in a node: common head, the row itself, and for tasks, sectors and agents the links
 * of their indexes. Nodes are kept in one sorted vector per kind.
 */
#ifndef SEALYARD_SCHEDULER_CORE_STATE_INTERNAL_H
#define SEALYARD_SCHEDULER_CORE_STATE_INTERNAL_H

#include "scheduler/core/job_fsm.h"
#include "scheduler/core/state.h"

struct node {
    struct node *prev, *next; /* list of changed rows */
    uint8_t kind;
    bool dirty;
    bool removed; /* left the vector; freed when the change was taken */
    uint8_t key_bytes;
    uint8_t key[SY_STATE_KEY_BYTES_MAX];
};

struct sector_node;
struct agent_node;

struct task_node {
    struct node node;
    struct sy_task row;
    struct task_node *prev, *next; /* queue of the stage, active of the agent, or stopping */
    struct task_node *sector_next; /* next younger task of the sector */
    struct sector_node *sector;
    struct agent_node *agent; /* of the current attempt; NULL when unknown */
    bool stopping;
};

struct sector_node {
    struct node node;
    struct sy_sector row;
    struct sector_node *prev, *next; /* sectors in the same state */
    struct task_node *tasks, *tasks_last;
};

struct agent_node {
    struct node node;
    struct sy_agent row;
    struct task_node *active;
    uint32_t used[SY_STAGE_COUNT];     /* leased + running */
    uint32_t stopping[SY_STAGE_COUNT]; /* cancelled, not yet gone */
    int64_t hello_ms;                  /* the stored last_seen_ms */
};

struct vector {
    struct node **items;
    size_t count, capacity;
};

/* Highest nonce ever signed per sender; rebuilt from the messages. */
struct sender {
    char from[SY_NAME_BYTES];
    uint64_t nonce;
};

struct state_node {
    struct node node;
    struct sy_meta row;
};

struct sy_state {
    struct state_node meta;
    struct vector rows[SY_ROW_KIND_COUNT];
    struct node *dirty;
    size_t dirty_count;
    struct task_node *queue[SY_STAGE_COUNT];
    struct task_node *stopping;
    struct sector_node *in[SY_SECTOR_STATE_COUNT];
    size_t in_count[SY_SECTOR_STATE_COUNT];
    size_t task_count[SY_STAGE_COUNT][SY_TASK_CANCELLED + 1];
    size_t open_tasks;
    struct sender *senders;
    size_t sender_count, sender_capacity;
    struct sy_agent shown_agent; /* copies that dirty_peek hands out, volatile values zeroed */
    struct sy_store_row shown_store;
};

/* What one apply prepared before it changes anything. */
#define SY_CHANGE_BLOBS_MAX 4
struct change {
    struct sy_state *state;
    const struct sy_event *event;
    struct node *spares[SY_ROW_KIND_COUNT]; /* fresh nodes, linked by next */
    void *blobs[SY_CHANGE_BLOBS_MAX];       /* copies of slices and lists, slot by slot */
};

/* ---- state.c ---- */
void *node_row(struct node *node);
size_t row_bytes(enum sy_row_kind kind);
struct node *node_create(enum sy_row_kind kind);
void node_destroy(struct node *node);
/* Deep copy of src into the fresh row dst; false when out of memory (dst is then empty). */
bool row_copy(enum sy_row_kind kind, void *dst, const void *src);
void row_clear(enum sy_row_kind kind, void *row);
int key_compare(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes);
size_t vector_position(const struct vector *vector, const uint8_t *key, size_t key_bytes);
bool vector_reserve(struct vector *vector, size_t more);
/* Room must have been reserved; sets the node's key. */
void vector_insert(struct vector *vector, struct node *node);
void vector_remove(struct vector *vector, struct node *node);
struct node *find_node(const struct sy_state *state, enum sy_row_kind kind, const void *key,
                       size_t key_bytes);
void mark_dirty(struct sy_state *state, struct node *node);
struct sector_node *find_sector(const struct sy_state *state, uint64_t miner, uint64_t number);
struct task_node *find_task(const struct sy_state *state, uint64_t id);
struct agent_node *find_agent(const struct sy_state *state, const char *name);
struct node *find_job(const struct sy_state *state, uint64_t id);
struct node *find_attempt(const struct sy_state *state, uint64_t task, uint32_t attempt);
struct node *find_message(const struct sy_state *state, const char *uid);
struct node *find_name(const struct sy_state *state, enum sy_row_kind kind, const char *name);
struct node *find_miner(const struct sy_state *state, uint64_t id);
struct node *find_key(const struct sy_state *state, const uint8_t *key);
uint64_t sender_nonce(const struct sy_state *state, const char *from, bool *ret_known);
bool sender_reserve(struct sy_state *state);
void sender_note(struct sy_state *state, const char *from, uint64_t nonce);

/* ---- state_index.c ---- */
void index_task_add(struct sy_state *state,
                    struct task_node *task); /* new node, by its row state */
void index_task_remove(struct sy_state *state, struct task_node *task);
void index_task_state(struct sy_state *state, struct task_node *task, uint32_t task_state);
void index_task_link(struct task_node *task, struct sector_node *sector);
void index_task_stopping(struct sy_state *state, struct task_node *task);
void index_task_stopped(struct sy_state *state, struct task_node *task);
void index_sector_add(struct sy_state *state, struct sector_node *sector);
void index_sector_state(struct sy_state *state, struct sector_node *sector, uint32_t sector_state);

/* ---- state_check.c, state_check_chain.c ---- */
int check_job_submitted(const struct sy_state *state, const struct sy_ev_job_submitted *body,
                        struct sy_error *err);
int check_job_cancelled(const struct sy_state *state, const struct sy_ev_job *body,
                        struct sy_error *err);
int check_task_leased(const struct sy_state *state, const struct sy_ev_task_leased *body,
                      struct sy_error *err);
int check_task_started(const struct sy_state *state, const struct sy_ev_attempt *body,
                       struct sy_error *err);
int check_task_returned(const struct sy_state *state, const struct sy_ev_attempt *body,
                        struct sy_error *err);
int check_task_result(const struct sy_state *state, const struct sy_ev_task_result *body,
                      struct sy_error *err);
int check_sector_step(const struct sy_state *state, uint64_t miner, uint64_t number,
                      enum sy_fsm_input input, struct sy_error *err);
int check_chain_refused(const struct sy_state *state, const struct sy_ev_chain_refused *body,
                        struct sy_error *err);
int check_message(const struct sy_state *state, uint32_t kind, const struct sy_message *body,
                  struct sy_error *err);
bool pc2_goes_back(const struct sector_node *sector, uint32_t stage, uint32_t error_class);

/* ---- state_move.c: sectors, tasks and jobs inside a change ---- */
struct node *change_take(struct change *change, enum sy_row_kind kind);
void *change_blob(struct change *change, unsigned slot);
void task_end(struct change *change, struct task_node *task, uint32_t task_state,
              uint32_t error_class, const char *error);
void attempt_end(struct change *change, struct task_node *task, bool ok, uint32_t error_class,
                 const char *error);
struct task_node *task_create(struct change *change, struct sector_node *sector, uint32_t stage,
                              uint64_t job);
void sector_cancel_tasks(struct change *change, struct sector_node *sector);
/* Moves the sector as the step says, makes the task, settles the job. error NULL = success. */
void sector_move(struct change *change, struct sector_node *sector, struct sy_fsm_step step,
                 uint32_t error_class, const char *error);
/* Moves to Removing, or straight to Removed when no agent holds anything of it. */
void sector_begin_removal(struct change *change, struct sector_node *sector,
                          struct sy_fsm_step step, const char *reason, uint64_t job);
void job_settle(struct change *change, uint64_t job);
void job_end(struct change *change, uint64_t job, uint32_t job_state, const char *error);
void text_copy(char *dst, size_t dst_bytes, const char *src);

/* ---- state_apply.c, state_apply_chain.c ---- */
int apply_chain(struct change *change, struct sy_error *err);
int change_nodes(struct change *change, enum sy_row_kind kind, size_t count, struct sy_error *err);
int change_copy(struct change *change, unsigned slot, const void *data, size_t bytes,
                struct sy_error *err);
int apply_upsert(struct change *change, enum sy_row_kind kind, const void *row,
                 struct node **ret_old, struct node **ret_new, struct sy_error *err);
void swap_slice(struct sy_slice *slice, void *blob, uint32_t bytes);
void swap_list(struct sy_list *list, void *blob, uint32_t count);

#endif
