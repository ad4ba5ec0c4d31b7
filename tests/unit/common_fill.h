/* Fills any struct that has a field table with values that the table allows. Deterministic: the
 * same seed gives the same object. Used by the codec, job and message tests and to make fuzz seeds.
 */
#ifndef SEALYARD_TESTS_UNIT_COMMON_FILL_H
#define SEALYARD_TESTS_UNIT_COMMON_FILL_H

#include "common/codec.h"

#include <stdio.h>
#include <string.h>

struct fill {
    uint64_t seed;
    struct sy_arena *arena;
    bool sparse; /* leave about half of the fields zero */
};

static inline uint64_t fill_next(struct fill *fill)
{
    fill->seed ^= fill->seed << 13;
    fill->seed ^= fill->seed >> 7;
    fill->seed ^= fill->seed << 17;
    return fill->seed;
}

static inline void fill_slice(struct fill *fill, const struct sy_field *field,
                              struct sy_slice *slice)
{
    static const char json[] = "{\"a\":[1,2,{\"b\":null}],\"c\":\"\\u00e9\"}";
    uint32_t bytes = (uint32_t)(fill_next(fill) % SY_MIN(field->capacity, 200u));
    if (field->type == SY_FIELD_JSON) {
        *slice = (struct sy_slice){json, (uint32_t)sizeof json - 1};
        return;
    }
    uint8_t *data = sy_arena_alloc(fill->arena, bytes + 1);
    for (uint32_t i = 0; i < bytes; i++)
        data[i] =
            (uint8_t)(field->type == SY_FIELD_TEXT ? 'a' + fill_next(fill) % 26 : fill_next(fill));
    *slice = (struct sy_slice){data, bytes};
}

static inline void fill_scalar(struct fill *fill, const struct sy_field *field, uint8_t *member)
{
    uint64_t wide = fill_next(fill) >> (fill_next(fill) % 64);
    uint32_t narrow = (uint32_t)wide;
    switch ((enum sy_field_type)field->type) {
    case SY_FIELD_ENUM:
        for (narrow = (uint32_t)(fill_next(fill) % 30); !field->enum_name(narrow);)
            narrow = (uint32_t)(fill_next(fill) % 30);
        /* fall through */
    case SY_FIELD_U32:
        memcpy(member, &narrow, sizeof narrow);
        break;
    case SY_FIELD_I64:
        wide = fill_next(fill) % 2 ? wide : ~wide;
        /* fall through */
    case SY_FIELD_U64:
        memcpy(member, &wide, sizeof wide);
        break;
    case SY_FIELD_BOOL:
        *(bool *)member = fill_next(fill) % 2;
        break;
    case SY_FIELD_STRING:
        snprintf((char *)member, field->capacity, "%.*s-%u", (int)(fill_next(fill) % 8),
                 "\xc3\xa9toile", narrow);
        if (!sy_utf8_valid(member, strlen((char *)member)))
            memcpy(member, "plain", 6);
        break;
    case SY_FIELD_FIXED:
        for (uint32_t i = 0; i < field->capacity; i++)
            member[i] = (uint8_t)fill_next(fill);
        break;
    case SY_FIELD_BYTES:
    case SY_FIELD_TEXT:
    case SY_FIELD_JSON:
        fill_slice(fill, field, (struct sy_slice *)member);
        break;
    case SY_FIELD_LIST:
    case SY_FIELD_OBJECT:
        break;
    }
}

/* Lists get at most three items; the walk keeps its own stack of objects still to fill. */
static inline void fill_object(struct fill *fill, const struct sy_table *first_table, void *first)
{
    struct {
        const struct sy_table *table;
        uint8_t *object;
    } open[64] = {{first_table, first}};
    size_t depth = 1;
    memset(first, 0, first_table->struct_bytes);
    while (depth > 0) {
        const struct sy_table *table = open[--depth].table;
        uint8_t *object = open[depth].object;
        for (uint32_t i = 0; i < table->field_count; i++) {
            const struct sy_field *field = &table->fields[i];
            uint8_t *member = object + field->offset;
            if (fill->sparse && !field->required && fill_next(fill) % 2)
                continue;
            if (field->type == SY_FIELD_OBJECT) {
                open[depth].table = field->sub;
                open[depth++].object = member;
            } else if (field->type == SY_FIELD_LIST) {
                struct sy_list *list = (struct sy_list *)member;
                list->count = (uint32_t)(fill_next(fill) % 4);
                list->items =
                    sy_arena_alloc(fill->arena, list->count * field->sub->struct_bytes + 1);
                for (uint32_t k = 0; k < list->count && depth < SY_ARRAY_SIZE(open); k++) {
                    open[depth].table = field->sub;
                    open[depth++].object = (uint8_t *)list->items + k * field->sub->struct_bytes;
                }
            } else {
                fill_scalar(fill, field, member);
            }
        }
    }
}

#endif
