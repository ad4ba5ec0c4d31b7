#include "common/toml.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <toml++/toml.h>

namespace
{

struct pending {
    const toml::node *from;
    sy_toml_node *to;
};

struct child {
    uint32_t line;
    uint32_t column;
    const toml::node *from;
    sy_toml_node *to;
};

char *copy_text(sy_arena *arena, std::string_view text)
{
    auto *copy = static_cast<char *>(sy_arena_alloc(arena, text.size() + 1));
    if (!copy)
        throw std::bad_alloc();
    if (!text.empty())
        std::memcpy(copy, text.data(), text.size());
    return copy;
}

sy_toml_node *create_node(sy_arena *arena)
{
    auto *node = static_cast<sy_toml_node *>(sy_arena_alloc(arena, sizeof(sy_toml_node)));
    if (!node)
        throw std::bad_alloc();
    return node;
}

void fill_value(sy_arena *arena, const toml::node &from, sy_toml_node *to)
{
    to->type = SY_TOML_OTHER;
    if (from.is_table()) {
        to->type = SY_TOML_TABLE;
    } else if (from.is_array()) {
        to->type = SY_TOML_ARRAY;
    } else if (const auto *text = from.as_string()) {
        to->type = SY_TOML_STRING;
        to->string = copy_text(arena, text->get());
        to->string_bytes = text->get().size();
    } else if (const auto *number = from.as_integer()) {
        to->type = SY_TOML_INTEGER;
        to->integer = number->get();
    } else if (const auto *flag = from.as_boolean()) {
        to->type = SY_TOML_BOOL;
        to->boolean = flag->get();
    }
}

std::vector<child> collect_children(sy_arena *arena, const toml::node &from)
{
    std::vector<child> children;
    if (const auto *table = from.as_table()) {
        for (const auto &[key, value] : *table) {
            sy_toml_node *node = create_node(arena);
            node->key = copy_text(arena, key.str());
            children.push_back({key.source().begin.line, key.source().begin.column, &value, node});
        }
        std::sort(children.begin(), children.end(), [](const child &a, const child &b) {
            return a.line != b.line ? a.line < b.line : a.column < b.column;
        });
    } else if (const auto *array = from.as_array()) {
        for (const auto &value : *array)
            children.push_back({value.source().begin.line, 0, &value, create_node(arena)});
    }
    return children;
}

/* Depth first without recursion; toml++ itself bounds the nesting of what it accepts. */
sy_toml_node *convert(sy_arena *arena, const toml::table &table)
{
    sy_toml_node *root = create_node(arena);
    root->type = SY_TOML_TABLE;
    root->line = 1;
    std::vector<pending> open{{&table, root}};
    while (!open.empty()) {
        const pending now = open.back();
        open.pop_back();
        sy_toml_node **link = &now.to->first;
        for (const child &item : collect_children(arena, *now.from)) {
            item.to->line = item.line;
            item.to->parent = now.to;
            fill_value(arena, *item.from, item.to);
            *link = item.to;
            link = &item.to->next;
            if (item.to->type == SY_TOML_TABLE || item.to->type == SY_TOML_ARRAY)
                open.push_back({item.from, item.to});
        }
    }
    return root;
}

} // namespace

extern "C" struct sy_toml_node *sy_toml_parse(const char *text, size_t bytes,
                                              struct sy_arena *arena, uint32_t *ret_line,
                                              char ret_why[SY_TOML_WHY_BYTES])
{
    try {
        const toml::table table = toml::parse(std::string_view(text, bytes));
        return convert(arena, table);
    } catch (const toml::parse_error &error) {
        const std::string what(error.description());
        std::snprintf(ret_why, SY_TOML_WHY_BYTES, "%s", what.c_str());
        *ret_line = std::max<uint32_t>(error.source().begin.line, 1);
    } catch (const std::exception &error) {
        std::snprintf(ret_why, SY_TOML_WHY_BYTES, "%s", error.what());
        *ret_line = 0;
    }
    return nullptr;
}
