/* Any bytes as a frame. What decodes must print, become JSON, and encode to a frame that decodes to
 * the same bytes again. */
#include "common/msg.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A fuzzer does not guess a crc: it is put right when it is wrong, so that bodies are reached. */
static void mend_header(uint8_t *frame, size_t bytes)
{
    uint32_t body_bytes = (uint32_t)(bytes - SY_FRAME_HEADER_BYTES), crc;
    memcpy(frame, "SYRD", 4);
    memcpy(frame + 28, &body_bytes, 4);
    memset(frame + 32, 0, 4);
    crc = sy_crc32c(0, frame, bytes);
    memcpy(frame + 32, &crc, 4);
}

static void check_round_trip(const struct sy_frame *frame, struct sy_arena *arena)
{
    struct sy_buffer first, second;
    struct sy_frame again;
    char text[512];
    sy_buffer_init(&first, 4 * SY_FRAME_BYTES_MAX);
    sy_buffer_init(&second, 4 * SY_FRAME_BYTES_MAX);
    sy_frame_print(frame, text, sizeof text);
    json_t *json = sy_table_to_json(sy_msg_table(frame->type), frame->body);
    SY_ASSERT(json);
    json_decref(json);
    SY_ASSERT(sy_frame_encode(frame->type, frame->generation, frame->sequence, frame->body, &first,
                              NULL) == 0);
    SY_ASSERT(sy_frame_decode(first.data, first.bytes, arena, &again, NULL) == 0);
    SY_ASSERT(sy_frame_encode(again.type, again.generation, again.sequence, again.body, &second,
                              NULL) == 0);
    SY_ASSERT(first.bytes == second.bytes && memcmp(first.data, second.data, first.bytes) == 0);
    sy_buffer_fini(&first);
    sy_buffer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sy_frame frame;
    uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
    struct sy_arena *arena = sy_arena_create(32 << 20);
    if (!copy || !arena)
        abort();
    if (bytes > 0)
        memcpy(copy, data, bytes);
    if (sy_frame_decode(copy, bytes, arena, &frame, NULL) < 0 && bytes >= SY_FRAME_HEADER_BYTES) {
        sy_arena_reset(arena);
        mend_header(copy, bytes);
    }
    if (sy_frame_decode(copy, bytes, arena, &frame, NULL) == 0)
        check_round_trip(&frame, arena);
    sy_arena_destroy(arena);
    free(copy);
    return 0;
}
