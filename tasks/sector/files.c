#include "tasks/sector/files.h"

int sy_files_tree_d(char *ret_path, const char *cache, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/sc-02-data-tree-d.dat", cache);
}

int sy_files_layer(char *ret_path, const char *cache, uint32_t layer, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/sc-02-data-layer-%u.dat", cache, layer);
}

int sy_files_layer_marker(char *ret_path, const char *cache, uint32_t layer, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/sc-02-data-layer-%u.dat.sy-done", cache, layer);
}

static int format_tree(char *ret_path, const char *cache, const char *id, uint32_t base_trees,
                       uint32_t index, struct sy_error *err)
{
    SY_ASSERT(index < base_trees);
    if (base_trees == 1)
        return sy_path_format(ret_path, err, "%s/sc-02-data-%s.dat", cache, id);
    return sy_path_format(ret_path, err, "%s/sc-02-data-%s-%u.dat", cache, id, index);
}

int sy_files_tree_c(char *ret_path, const char *cache, uint32_t base_trees, uint32_t index,
                    struct sy_error *err)
{
    return format_tree(ret_path, cache, "tree-c", base_trees, index, err);
}

int sy_files_tree_r_last(char *ret_path, const char *cache, uint32_t base_trees, uint32_t index,
                         struct sy_error *err)
{
    return format_tree(ret_path, cache, "tree-r-last", base_trees, index, err);
}

int sy_files_p_aux(char *ret_path, const char *cache, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/p_aux", cache);
}

int sy_files_t_aux(char *ret_path, const char *cache, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/t_aux", cache);
}

int sy_files_synthetic(char *ret_path, const char *cache, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/syn-porep-vanilla-proofs.dat", cache);
}
