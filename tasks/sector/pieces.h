/* Pieces of a sector: where each lies, the zero pieces between and behind them, CommD.
 *
 * Alignment is Lotus': a piece of size s (padded, a power of two) starts at a multiple of s; the
 * gap is filled with explicit zero pieces, one per set bit of the gap, lowest bit first; what
 * remains behind the last piece is filled in the same way. The whole list then fills the sector and
 * is what PC1, the chain and every proof use.
 */
#ifndef SEALYARD_TASKS_SECTOR_PIECES_H
#define SEALYARD_TASKS_SECTOR_PIECES_H

#include "tasks/sector/commp.h"
#include "tasks/sector/params.h"
#include "tasks/sector/progress.h"

/* Client pieces of one sector; the fillers come on top. */
#define SY_PIECES_MAX 4096

struct sy_piece {
    uint8_t comm[SY_COMM_BYTES];
    uint64_t padded_bytes;
    uint64_t offset_bytes; /* padded, from the start of the sector */
    uint32_t input;        /* index of the client's piece, UINT32_MAX for a filler */
};

struct sy_piece_list {
    struct sy_piece *piece;
    size_t count;
    size_t capacity;
};

/* One client piece. */
struct sy_piece_input {
    const char *path;      /* NULL: read from fd */
    int fd;                /* used when path is NULL; not closed */
    uint64_t raw_bytes;    /* the source must hold exactly so many bytes */
    uint64_t padded_bytes; /* piece size, a power of two >= 128 with room for raw_bytes */
};

void sy_piece_list_init(struct sy_piece_list *list);
void sy_piece_list_fini(struct sy_piece_list *list);
/* Appends one piece at `offset_bytes`; -SY_E_NOMEM, -SY_E_LIMIT. */
int sy_piece_list_add(struct sy_piece_list *list, const uint8_t comm[32], uint64_t padded_bytes,
                      uint64_t offset_bytes, uint32_t input, struct sy_error *err);

/* Lays out pieces of the given padded sizes with fillers over the whole sector. Fillers get the
 * zero commitment, client pieces all zeros until their data were read. The list must be empty.
 * -SY_E_ARG: a size is not a power of two >= 128; -SY_E_LIMIT: they do not fit (sizes in the text).
 */
int sy_pieces_layout(struct sy_piece_list *list, uint64_t sector_bytes,
                     const uint64_t *padded_bytes, size_t count, struct sy_error *err);

/* CommD of a complete list by the network's aggregation rule: sizes are powers of two >= 128, the
 * sum is at most the sector, at most sector/128 pieces, no all-zero commitment of a piece. An empty
 * list gives the zero commitment of the sector. The result is not lifted to the sector's size: pass
 * lists that fill the sector (sy_pieces_check_full). */
int sy_pieces_comm_d(uint64_t sector_bytes, const struct sy_piece *piece, size_t count,
                     uint8_t ret_comm_d[32], struct sy_error *err);

/* -SY_E_ARG unless the sizes sum up to the sector, as PC1 wants. */
int sy_pieces_check_full(uint64_t sector_bytes, const struct sy_piece *piece, size_t count,
                         struct sy_error *err);

/* The older alignment of the library underneath Lotus, unpadded sizes: bytes of zeros to the left
 * and to the right of a piece of `piece` bytes behind `written` bytes. */
void sy_pieces_alignment(uint64_t written, uint64_t piece, uint64_t *ret_left, uint64_t *ret_right);

/* AddPiece: writes the unsealed file (exactly sector_bytes bytes of padded data, durable, replaced
 * as a whole) from the client pieces, in one pass over the data. `inputs` may be empty: a sector of
 * zeros, written as a hole. *ret_list (initialised by the caller, empty) gets all pieces, fillers
 * included. Progress is in raw bytes. */
int sy_pieces_write(const struct sy_porep_params *params, const struct sy_piece_input *inputs,
                    size_t count, const char *unsealed_path, unsigned threads,
                    const struct sy_progress *progress, struct sy_piece_list *ret_list,
                    uint8_t ret_comm_d[32], struct sy_error *err);

#endif
