/* ap: the unsealed file of a sector from client pieces, or zeros. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "tasks/sector/cid.h"
#include "tasks/sector/pieces.h"
#include "tasks/stage/task.h"

/* Files of pieces are outside our care: their size and time of change say whether they are the same
 * as before. */
static int piece_identity(const struct sy_spec_piece *piece, size_t at, json_t *list,
                          struct sy_error *err)
{
    struct stat st;
    if (!piece->path || piece->raw_bytes == 0)
        return sy_fail(err, SY_E_ARG, "spec: pieces[%zu] needs path and raw_bytes", at);
    if (stat(piece->path, &st) != 0)
        return sy_fail_errno(err, errno, "pieces[%zu] %.200s", at, piece->path);
    json_t *object = json_pack(
        "{s:s,s:I,s:I,s:I,s:I,s:I}", "path", piece->path, "raw_bytes", (json_int_t)piece->raw_bytes,
        "padded_bytes", (json_int_t)piece->padded_bytes, "file_bytes", (json_int_t)st.st_size,
        "changed_s", (json_int_t)st.st_mtim.tv_sec, "changed_ns", (json_int_t)st.st_mtim.tv_nsec);
    return sy_task_json_ok(!object || json_array_append_new(list, object), err);
}

static int ap_inputs(const struct sy_spec *spec, json_t **ret_inputs, struct sy_error *err)
{
    json_t *list = json_array();
    int rc = sy_task_json_ok(!list, err);
    for (size_t i = 0; rc == 0 && i < spec->piece_count; i++)
        rc = piece_identity(&spec->pieces[i], i, list, err);
    if (rc) {
        json_decref(list);
        return rc;
    }
    *ret_inputs = json_pack("{s:s,s:I,s:o}", "unsealed", spec->unsealed, "sector_bytes",
                            (json_int_t)spec->params.sector_bytes, "pieces", list);
    return sy_task_json_ok(!*ret_inputs, err);
}

static int write_pieces(struct sy_task *task, struct sy_piece_list *list, uint8_t comm_d[32],
                        struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    size_t count = spec->piece_count;
    struct sy_piece_input *inputs = calloc(count ? count : 1, sizeof *inputs);
    if (!inputs)
        return sy_fail(err, SY_E_NOMEM, "%zu pieces", count);
    for (size_t i = 0; i < count; i++) {
        inputs[i].path = spec->pieces[i].path;
        inputs[i].fd = -1;
        inputs[i].raw_bytes = spec->pieces[i].raw_bytes;
        inputs[i].padded_bytes = spec->pieces[i].padded_bytes;
    }
    int rc = sy_pieces_write(&spec->params, inputs, count, spec->unsealed, spec->threads,
                             &task->report, list, comm_d, err);
    free(inputs);
    return rc;
}

/* A piece whose CID the caller knows must have it. */
static int check_cids(const struct sy_spec *spec, const struct sy_piece_list *list,
                      struct sy_error *err)
{
    char found[SY_CID_TEXT_BYTES];
    char expected[SY_CID_TEXT_BYTES];
    for (size_t i = 0; i < list->count; i++) {
        const struct sy_piece *piece = &list->piece[i];
        if (piece->input >= spec->piece_count || !spec->pieces[piece->input].has_comm)
            continue;
        if (memcmp(piece->comm, spec->pieces[piece->input].comm, 32) != 0)
            return sy_fail(err, SY_E_MISMATCH,
                           "pieces[%u] has the CID %s, %s expected: its data "
                           "are not what was promised",
                           piece->input, sy_cid_unsealed_format(piece->comm, found),
                           sy_cid_unsealed_format(spec->pieces[piece->input].comm, expected));
    }
    return 0;
}

static int ap_result(const struct sy_piece_list *list, const uint8_t comm_d[32], json_t **ret,
                     struct sy_error *err)
{
    char cid[SY_CID_TEXT_BYTES];
    json_t *pieces = json_array();
    int bad = !pieces;
    for (size_t i = 0; !bad && i < list->count; i++) {
        const struct sy_piece *piece = &list->piece[i];
        json_t *object = json_pack("{s:s,s:I,s:I}", "cid", sy_cid_unsealed_format(piece->comm, cid),
                                   "padded_bytes", (json_int_t)piece->padded_bytes, "offset",
                                   (json_int_t)piece->offset_bytes);
        bad = !object || json_array_append_new(pieces, object);
    }
    json_t *result = bad ? NULL
                         : json_pack("{s:O,s:s}", "pieces", pieces, "comm_d_cid",
                                     sy_cid_unsealed_format(comm_d, cid));
    json_decref(pieces);
    bad = !result || sy_task_set_hash(result, "comm_d", comm_d);
    if (bad)
        json_decref(result);
    else
        *ret = result;
    return sy_task_json_ok(bad, err);
}

static int make(struct sy_task *task, json_t *inputs, struct sy_stage_files *files,
                json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct sy_piece_list list;
    uint8_t comm_d[32];
    json_t *result = NULL;
    sy_piece_list_init(&list);
    int rc = sy_stage_files_add(files, spec->unsealed, spec->params.sector_bytes, NULL, err);
    /* A sector of zeros is a hole: it needs no room, and reading it for a digest says little. */
    if (rc == 0 && spec->piece_count == 0)
        files->file[0].no_digest = !spec->digests && spec->verify != SY_VERIFY_FULL;
    if (rc == 0 && spec->piece_count > 0)
        rc = sy_task_check_space(files, spec->unsealed, err);
    if (rc == 0) {
        sy_stage_progress_phase(task->progress, "add pieces", spec->params.unpadded_bytes, "bytes");
        rc = write_pieces(task, &list, comm_d, err);
    }
    if (rc == 0) {
        rc = check_cids(spec, &list, err);
        if (rc)
            sy_task_unlink(spec->unsealed, NULL, NULL);
    }
    if (rc == 0)
        rc = ap_result(&list, comm_d, &result, err);
    if (rc == 0)
        rc = sy_task_remember(spec, spec->cache, inputs, result, files, err);
    if (rc == 0)
        *ret_result = result;
    else
        json_decref(result);
    sy_piece_list_fini(&list);
    return rc;
}

int sy_stage_ap(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct sy_stage_files files = {0};
    json_t *inputs = NULL;
    json_t *result = NULL;
    int rc = ap_inputs(spec, &inputs, err);
    if (rc == 0 && spec->cache) {
        rc = sy_file_make_directory(spec->cache, 0755, err);
        if (rc == 0)
            rc = sy_task_recall(spec, spec->cache, inputs, &result, err);
    }
    if (rc == 0 && !result)
        rc = sy_stage_files_init(&files, err);
    if (rc == 0 && !result)
        rc = make(task, inputs, &files, &result, err);
    if (rc == 0)
        *ret_result = result;
    sy_stage_files_fini(&files);
    json_decref(inputs);
    return rc;
}
