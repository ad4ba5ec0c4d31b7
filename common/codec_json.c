/* Objects as JSON for people and programs. Secret fields do not appear. Walks without recursion,
 * like the codec. */
#include "common/codec.h"

#include "common/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STACK_MAX (2 * SY_CODEC_DEPTH_MAX)

static json_t *json_of_u64(uint64_t value)
{
    char text[24];
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(text, sizeof text, "%" PRIu64, value); /* JSON integers of jansson end at 2^63 - 1 */
    return json_string(text);
}

static json_t *json_of_enum(const struct sy_field *field, uint32_t value)
{
    const char *name = field->enum_name(value);
    if (name)
        return json_string(name);
    return value == 0 ? json_null() : json_integer(value);
}

static json_t *json_of_text(const char *text, size_t bytes)
{
    if (sy_utf8_valid(text, bytes))
        return json_stringn(text, bytes);
    char *clean = sy_mem_dup(text, bytes);
    if (!clean)
        return NULL;
    for (size_t i = 0; i < bytes; i++) {
        if (clean[i] <= 0)
            clean[i] = '?';
    }
    json_t *value = json_stringn(clean, bytes);
    sy_mem_free(clean);
    return value;
}

static json_t *json_of_fixed(const uint8_t *data, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && data[i] == 0)
        i++;
    if (i == bytes)
        return json_null();
    char *text = sy_mem_alloc(SY_HEX_TEXT_BYTES(bytes));
    if (!text)
        return NULL;
    json_t *value = json_string(sy_hex_encode(data, bytes, text));
    sy_mem_free(text);
    return value;
}

static json_t *json_of_slice(const struct sy_field *field, const struct sy_slice *slice)
{
    const char *data = slice->data ? slice->data : "";
    if (field->type == SY_FIELD_TEXT)
        return json_of_text(data, slice->bytes);
    if (field->type == SY_FIELD_JSON) {
        if (slice->bytes == 0)
            return json_null();
        json_t *value = json_loadb(data, slice->bytes, JSON_DECODE_ANY, NULL);
        return value ? value : json_of_text(data, slice->bytes);
    }
    char *text = sy_mem_alloc(SY_BASE64_TEXT_BYTES((size_t)slice->bytes));
    if (!text)
        return NULL;
    json_t *value = json_string(sy_base64_encode(data, slice->bytes, text));
    sy_mem_free(text);
    return value;
}

static json_t *json_of_field(const struct sy_field *field, const uint8_t *member)
{
    uint32_t narrow;
    uint64_t wide;
    switch ((enum sy_field_type)field->type) {
    case SY_FIELD_U32:
    case SY_FIELD_ENUM:
        memcpy(&narrow, member, sizeof narrow);
        return field->type == SY_FIELD_U32 ? json_integer(narrow) : json_of_enum(field, narrow);
    case SY_FIELD_U64:
    case SY_FIELD_I64:
        memcpy(&wide, member, sizeof wide);
        return field->type == SY_FIELD_U64 ? json_of_u64(wide) : json_integer((int64_t)wide);
    case SY_FIELD_BOOL:
        return json_boolean(*(const bool *)member);
    case SY_FIELD_STRING:
        return json_of_text((const char *)member, strnlen((const char *)member, field->capacity));
    case SY_FIELD_FIXED:
        return json_of_fixed(member, field->capacity);
    case SY_FIELD_BYTES:
    case SY_FIELD_TEXT:
    case SY_FIELD_JSON:
        return json_of_slice(field, (const struct sy_slice *)member);
    case SY_FIELD_LIST:
        return json_array();
    case SY_FIELD_OBJECT:
        return json_object();
    }
    return NULL;
}

/* An open object or list: `json` is borrowed from its parent. */
struct walk {
    const struct sy_table *table;
    const uint8_t *data;
    uint32_t count;
    uint32_t index;
    bool is_list;
    json_t *json;
};

static bool add_field(struct walk *stack, size_t *depth, struct walk *top)
{
    const struct sy_field *field = &top->table->fields[top->index++];
    if (field->secret)
        return true;
    const uint8_t *member = top->data + field->offset;
    json_t *value = json_of_field(field, member);
    if (!value || json_object_set_new(top->json, field->name, value) < 0)
        return false;
    bool is_list = field->type == SY_FIELD_LIST;
    if (!is_list && field->type != SY_FIELD_OBJECT)
        return true;
    if (*depth == STACK_MAX)
        return false;
    const struct sy_list *list = (const struct sy_list *)member;
    stack[(*depth)++] = (struct walk){
        .table = field->sub,
        .data = is_list ? list->items : member,
        .count = is_list ? list->count : field->sub->field_count,
        .is_list = is_list,
        .json = value,
    };
    return true;
}

static bool add_item(struct walk *stack, size_t *depth, struct walk *top)
{
    json_t *value = json_object();
    if (!value || json_array_append_new(top->json, value) < 0 || *depth == STACK_MAX)
        return false;
    const uint8_t *item = top->data + (size_t)top->index++ * top->table->struct_bytes;
    stack[(*depth)++] = (struct walk){top->table, item, top->table->field_count, 0, false, value};
    return true;
}

json_t *sy_table_to_json(const struct sy_table *table, const void *object)
{
    json_t *root = json_object();
    if (!root)
        return NULL;
    struct walk stack[STACK_MAX] = {{table, object, table->field_count, 0, false, root}};
    size_t depth = 1;
    while (depth > 0) {
        struct walk *top = &stack[depth - 1];
        if (top->index == top->count) {
            depth--;
            continue;
        }
        if (top->is_list ? !add_item(stack, &depth, top) : !add_field(stack, &depth, top)) {
            json_decref(root);
            return NULL;
        }
    }
    return root;
}
