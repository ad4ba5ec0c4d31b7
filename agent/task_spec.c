#include "agent/task_spec.h"

#include "agent/fetch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int sy_task_output_path(char *ret_path, const char *dir, uint64_t task, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/outputs/task-%llu", dir, (unsigned long long)task);
}

/* The agent's keys: a START that sets one could point a task anywhere. */
static int refuse_foreign_keys(json_t *root, struct sy_error *err)
{
    static const char *const keys[] = {
        "unsealed",          "sealed",     "cache",   "output",    "store",
        "parent_cache",      "parameters", "threads", "hugepages", "attempt",
        "cache_path_in_aux", "input"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++)
        if (json_object_get(root, keys[i]))
            return sy_fail(err, SY_E_ARG, "the spec of START sets \"%s\", which is the agent's key",
                           keys[i]);
    return 0;
}

static void set_text(json_t *root, const char *key, const char *text)
{
    if (text[0])
        json_object_set_new(root, key, json_string(text));
}

static void set_machine(json_t *root, const struct sy_agent_conf *conf,
                        const struct sy_ledger_record *record, const struct sy_slot *slot)
{
    const struct sy_agent_stage_conf *stage = &conf->stages[record->stage];
    uint32_t threads = stage->threads         ? stage->threads
                       : stage->cores && slot ? slot->place.cores
                                              : 0;
    json_object_set_new(root, "threads", json_integer(threads));
    json_object_set_new(root, "attempt", json_integer(record->attempt));
    if (!json_object_get(root, "gpu"))
        json_object_set_new(root, "gpu", json_null());
    set_text(root, "verify", stage->verify);
    set_text(root, "parent_cache", conf->parent_cache);
    set_text(root, "parameters", conf->parameters);
    json_object_set_new(root, "hugepages",
                        conf->hugepage_mount[0]
                            ? json_pack("{s:s,s:I}", "mount", conf->hugepage_mount, "page_bytes",
                                        (json_int_t)conf->hugepage_page_bytes)
                            : json_null());
}

static void set_sector(json_t *root, const struct sy_sector_paths *paths, bool with_cache)
{
    set_text(root, "unsealed", paths->unsealed);
    set_text(root, "sealed", paths->sealed);
    if (with_cache)
        set_text(root, "cache", paths->cache);
}

static int need_store(const struct sy_store_row *store, const char *kind,
                      const struct sy_ledger_record *record, struct sy_error *err)
{
    if (store)
        return 0;
    return sy_fail(err, SY_E_ARG, "START of %s for sector %llu names no %s store",
                   sy_stage_name(record->stage), (unsigned long long)record->number, kind);
}

/* size 0 stands for "all" in jobs; the contract says it by leaving the key out. */
static uint64_t take_range(json_t *root)
{
    json_int_t size = json_integer_value(json_object_get(root, "size_bytes"));
    if (size <= 0)
        json_object_del(root, "size_bytes");
    if (json_integer_value(json_object_get(root, "offset_bytes")) == 0)
        json_object_del(root, "offset_bytes");
    return size > 0 ? (uint64_t)size : 0;
}

/* The C1 file: in the sector's scratch when that is here, else where it was fetched to. */
static int set_input(json_t *root, const struct sy_task_spec *spec,
                     const struct sy_agent_conf *conf, const struct sy_ledger_record *record,
                     struct sy_error *err)
{
    char path[SY_PATH_BYTES], inputs[SY_PATH_BYTES];
    int rc = sy_path_format(inputs, err, "%s/inputs", conf->dir);
    if (rc == 0)
        rc = spec->has_scratch ? sy_path_format(path, err, "%s", spec->scratch.c1)
                               : sy_fetch_path(path, inputs, record->task, err);
    if (rc == 0)
        set_text(root, "input", path);
    json_object_del(root, SY_TASK_C1_DIGEST);
    return rc;
}

static int set_stage(json_t *root, struct sy_task_spec *spec, const struct sy_agent_conf *conf,
                     const struct sy_ledger_record *record, const struct sy_sector_paths *kept,
                     struct sy_error *err)
{
    int rc = 0;
    switch ((enum sy_stage)record->stage) {
    case SY_STAGE_AP:
    case SY_STAGE_PC1:
    case SY_STAGE_PC2:
        set_sector(root, &spec->scratch, true);
        break;
    case SY_STAGE_C1:
        set_sector(root, &spec->scratch, true);
        rc = sy_path_format(spec->output, err, "%s", spec->scratch.c1);
        set_text(root, "output", spec->output);
        break;
    case SY_STAGE_FIN:
        set_sector(root, &spec->scratch, true);
        json_object_set_new(root, "store",
                            json_pack("{s:s,s:s,s:s,s:s}", "kind", "posix", "sealed", kept->sealed,
                                      "cache", kept->cache, "unsealed", kept->unsealed));
        break;
    case SY_STAGE_UNSEAL:
        set_text(root, "sealed", kept->sealed);
        spec->size_bytes = take_range(root);
        rc = sy_task_output_path(spec->output, conf->dir, record->task, err);
        if (rc == 0)
            set_text(root, "output", spec->output);
        break;
    case SY_STAGE_REMOVE:
        set_sector(root, kept, true);
        break;
    case SY_STAGE_C2:
        rc = set_input(root, spec, conf, record, err);
        break;
    case SY_STAGE_COUNT:
        rc = sy_fail(err, SY_E_UNSUPPORTED, "this agent's version has no stage %s",
                     sy_stage_name(record->stage) ? sy_stage_name(record->stage) : "(unknown)");
        break;
    }
    return rc;
}

static int find_paths(struct sy_task_spec *spec, struct sy_sector_paths *ret_kept,
                      const struct sy_ledger_record *record, const struct sy_store_row *scratch,
                      const struct sy_store_row *long_store, struct sy_error *err)
{
    const struct sy_store_row *keeper = long_store ? long_store : scratch;
    bool keeps = record->stage == SY_STAGE_UNSEAL || record->stage == SY_STAGE_REMOVE;
    int rc = 0;
    if (keeps)
        rc = need_store(keeper, "long-term or scratch", record, err);
    else if (record->stage != SY_STAGE_C2)
        rc = need_store(scratch, "scratch", record, err);
    if (rc == 0 && record->stage == SY_STAGE_FIN)
        rc = need_store(long_store, "long-term", record, err);
    if (rc == 0 && scratch) {
        spec->has_scratch = true;
        rc = sy_sector_paths(&spec->scratch, scratch->path, record->miner, record->number, err);
    }
    if (rc == 0 && keeper)
        rc = sy_sector_paths(ret_kept, keeper->path, record->miner, record->number, err);
    return rc;
}

int sy_task_spec_build(struct sy_task_spec *ret, const struct sy_agent_conf *conf,
                       const struct sy_ledger_record *record, const struct sy_slot *slot,
                       const struct sy_store_row *scratch, const struct sy_store_row *long_store,
                       struct sy_error *err)
{
    struct sy_task_spec *spec = calloc(1, sizeof *spec);
    struct sy_sector_paths *kept = calloc(1, sizeof *kept);
    json_error_t problem;
    json_t *root = NULL;
    int rc = spec && kept ? 0 : sy_fail(err, SY_E_NOMEM, "no memory for a spec");
    if (rc == 0) {
        root = json_loadb(record->spec.data, record->spec.bytes, JSON_REJECT_DUPLICATES, &problem);
        if (!json_is_object(root))
            rc = sy_fail(err, SY_E_PARSE, "the spec of START is no JSON object: %.120s",
                         root ? "another JSON value" : problem.text);
    }
    if (rc == 0)
        rc = refuse_foreign_keys(root, err);
    if (rc == 0)
        rc = find_paths(spec, kept, record, scratch, long_store, err);
    if (rc == 0) {
        set_machine(root, conf, record, slot);
        rc = set_stage(root, spec, conf, record, kept, err);
    }
    if (rc == 0) {
        spec->text = json_dumps(root, JSON_INDENT(1));
        spec->bytes = spec->text ? strlen(spec->text) : 0;
        rc = spec->text ? 0 : sy_fail(err, SY_E_NOMEM, "no memory for a spec");
    }
    if (rc == 0)
        *ret = *spec;
    json_decref(root);
    free(kept);
    free(spec);
    return rc;
}

void sy_task_spec_fini(struct sy_task_spec *spec)
{
    free(spec->text);
    spec->text = NULL;
}
