/* Events and rows as stored bytes.
 *
 * Value: u16 version | u16 kind | u32 body bytes | u32 crc32c | body, little-endian; the crc covers
 * the table number, the key, the header (crc zero) and the body, so a value under another key is
 * found too. Body: codec map of the row's table (common/job.h), or for events {number, wall_ms,
 * kind, body}. `kind` is the event kind in the events table and 0 elsewhere. Keys are big-endian
 * numbers or the name. Versions: SY_RECORD_VERSION is written, SY_RECORD_VERSION_MIN.. are read,
 * newer ones refused.
 *
 * Use, on the loop thread:
 *     sy_record_apply(state, &batch, wall_ms, kind, body, err)     any number of times
 *     sy_record_flush(state, &batch, err)                          once: adds the changed rows
 *     store.ops->submit(store.self, &batch, err)                   the batch is empty again
 * Replies, pushes and plugin rows of these events wait for on_durable(batch.last_event).
 */
#ifndef SEALYARD_SCHEDULER_RECORD_H
#define SEALYARD_SCHEDULER_RECORD_H

#include "scheduler/core/state.h"
#include "scheduler/store.h"

#define SY_RECORD_VERSION 1
#define SY_RECORD_VERSION_MIN 1
#define SY_RECORD_HEADER_BYTES 12

/* Checks and applies one event and puts its record into the batch, as event number last_event + 1.
 * On any error neither state nor batch has changed. `body` is the struct of SY_EVENT_MAP
 * (borrowed). -SY_E_LIMIT: the batch is full (flush and submit first) or the record is larger than
 * a value may be. */
int sy_record_apply(struct sy_state *state, struct sy_batch *batch, int64_t wall_ms, uint32_t kind,
                    const void *body, struct sy_error *err);
/* Adds every changed row. After -SY_E_NOMEM call it again later: nothing is lost or doubled. A
 * batch without its rows must not be submitted. */
int sy_record_flush(struct sy_state *state, struct sy_batch *batch, struct sy_error *err);
/* True when the batch should be flushed and submitted before the next event. */
bool sy_record_batch_is_full(const struct sy_state *state, const struct sy_batch *batch);
/* Adds one change by hand (recovery). value (sy_mem, NULL = remove the key) moves on success. */
int sy_record_change(struct sy_batch *batch, enum sy_store_table table, const void *key,
                     uint32_t key_bytes, void *value, uint32_t value_bytes, struct sy_error *err);
/* Frees what a batch holds; the struct is empty again. */
void sy_batch_fini(struct sy_batch *batch);

/* Wraps a body into a value (sy_mem, the caller owns it). */
int sy_record_seal(enum sy_store_table table, const void *key, size_t key_bytes, uint16_t kind,
                   const void *body, size_t body_bytes, void **ret_value, uint32_t *ret_bytes,
                   struct sy_error *err);
/* Checks a value; *ret_body points into it. -SY_E_CORRUPT for damage, -SY_E_VERSION for newer ones.
 */
int sy_record_open(enum sy_store_table table, const void *key, size_t key_bytes, const void *value,
                   size_t value_bytes, uint16_t *ret_kind, const void **ret_body,
                   size_t *ret_body_bytes, struct sy_error *err);

/* The table of a row kind and the codec table of its struct. */
enum sy_store_table sy_record_table(enum sy_row_kind kind);
const struct sy_table *sy_record_codec(enum sy_row_kind kind);
/* "sectors"; NULL for an unknown table. */
const char *sy_record_table_name(enum sy_store_table table);

/* A row as value; the key comes from `ref`. */
int sy_record_encode_row(const struct sy_row_ref *ref, void **ret_value, uint32_t *ret_bytes,
                         struct sy_error *err);
/* Value -> row struct (size of the kind's codec table); slices borrow the value, lists the arena.
 * The key must be the row's own. */
int sy_record_decode_row(enum sy_row_kind kind, const void *key, size_t key_bytes,
                         const void *value, size_t value_bytes, struct sy_arena *arena,
                         void *ret_row, struct sy_error *err);
int sy_record_encode_event(const struct sy_event *event, void **ret_value, uint32_t *ret_bytes,
                           struct sy_error *err);
/* ret->body lies in the arena. */
int sy_record_decode_event(const void *key, size_t key_bytes, const void *value, size_t value_bytes,
                           struct sy_arena *arena, struct sy_event *ret, struct sy_error *err);

#endif
