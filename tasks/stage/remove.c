/* remove: deletes the unsealed file, the sealed file and the cache of a sector from scratch. */
#include "tasks/stage/clear.h"
#include "tasks/stage/task.h"

int sy_stage_remove(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    if (!spec->unsealed && !spec->sealed && !spec->cache)
        return sy_fail(err, SY_E_ARG, "spec: stage remove needs unsealed, sealed or cache");
    json_t *removed = json_array();
    int rc = sy_task_json_ok(!removed, err);
    /* The cache first: it may refuse, and then nothing is gone. */
    if (rc == 0 && spec->cache)
        rc = sy_clear_cache(spec->cache, SY_CLEAR_ALL, removed, err);
    if (rc == 0 && spec->sealed)
        rc = sy_clear_file(spec->sealed, removed, err);
    if (rc == 0 && spec->unsealed)
        rc = sy_clear_file(spec->unsealed, removed, err);
    if (rc) {
        json_decref(removed);
        return rc;
    }
    *ret_result = json_pack("{s:o}", "removed", removed);
    return sy_task_json_ok(!*ret_result, err);
}
