/* Writes the seed corpus of fuzz_frame: for every message type one full and one sparse frame, and
 * the first of them cut and with a flipped byte. The files are stored in tests/fuzz/corpus/frame;
 * run this again when a message type is added. Usage: make_seeds DIRECTORY */
#include "common/file.h"
#include "common/msg.h"
#include "tests/unit/common_fill.h"

#include <stdlib.h>

static int write_seed(const char *directory, const char *name, const char *kind, const void *data,
                      size_t bytes, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/%s-%s", directory, name, kind);
    return rc < 0 ? rc : sy_file_write(path, data, bytes, 0644, err);
}

static int make_frame(uint16_t type, bool sparse, struct sy_arena *arena, struct sy_buffer *buffer,
                      struct sy_error *err)
{
    const struct sy_table *table = sy_msg_table(type);
    struct fill fill = {type * 0x9e3779b97f4a7c15u + sparse, arena, sparse};
    void *body = sy_arena_alloc(arena, table->struct_bytes);
    if (!body)
        return sy_fail(err, SY_E_NOMEM, "no memory for a %s", sy_msg_name(type));
    fill_object(&fill, table, body);
    buffer->bytes = 0;
    return sy_frame_encode(type, 3, type, body, buffer, err);
}

static int make_seeds(const char *directory, struct sy_arena *arena, struct sy_buffer *buffer,
                      struct sy_error *err)
{
    static const uint16_t types[] = {
#define TYPE(value, id, type, roles) value,
        SY_MSG_MAP(TYPE)
#undef TYPE
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < SY_ARRAY_SIZE(types); i++) {
        const char *name = sy_msg_name(types[i]);
        rc = make_frame(types[i], true, arena, buffer, err);
        if (rc == 0)
            rc = write_seed(directory, name, "sparse", buffer->data, buffer->bytes, err);
        if (rc == 0)
            rc = make_frame(types[i], false, arena, buffer, err);
        if (rc == 0)
            rc = write_seed(directory, name, "full", buffer->data, buffer->bytes, err);
        if (rc == 0 && i == 0)
            rc = write_seed(directory, name, "cut", buffer->data, buffer->bytes / 2, err);
        if (rc == 0 && i == 0) {
            buffer->data[buffer->bytes / 2] ^= 0xff;
            rc = write_seed(directory, name, "flipped", buffer->data, buffer->bytes, err);
        }
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct sy_error err = {0};
    struct sy_buffer buffer;
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    struct sy_arena *arena = sy_arena_create(16 << 20);
    sy_buffer_init(&buffer, SY_FRAME_BYTES_MAX);
    int rc = arena ? make_seeds(argv[1], arena, &buffer, &err) : -SY_E_NOMEM;
    if (rc < 0)
        fprintf(stderr, "make_seeds: %s\n", err.text);
    sy_buffer_fini(&buffer);
    sy_arena_destroy(arena);
    return rc < 0;
}
