#include "common/job.h"

#include <string.h>
#include <strings.h>

struct name_row {
    uint32_t value;
    const char *name;
};

static const struct name_row stage_rows[] = {
#define STAGE_ROW(value, id, name) {value, name},
    SY_STAGE_MAP(STAGE_ROW)
#undef STAGE_ROW
};
static const struct name_row sector_state_rows[] = {
#define SECTOR_STATE_ROW(value, name) {value, #name},
    SY_SECTOR_STATE_MAP(SECTOR_STATE_ROW)
#undef SECTOR_STATE_ROW
};
static const struct name_row job_kind_rows[] = {
    {SY_JOB_PLEDGE, "pledge"},
    {SY_JOB_SEAL, "seal"},
    {SY_JOB_UNSEAL, "unseal"},
    {SY_JOB_REMOVE, "remove"},
};
static const struct name_row job_state_rows[] = {
    {SY_JOB_ACTIVE, "active"},
    {SY_JOB_DONE, "done"},
    {SY_JOB_FAILED, "failed"},
    {SY_JOB_CANCELLED, "cancelled"},
};
static const struct name_row task_state_rows[] = {
    {SY_TASK_QUEUED, "queued"}, {SY_TASK_LEASED, "leased"}, {SY_TASK_RUNNING, "running"},
    {SY_TASK_DONE, "done"},     {SY_TASK_FAILED, "failed"}, {SY_TASK_CANCELLED, "cancelled"},
};
static const struct name_row store_kind_rows[] = {
    {SY_STORE_SCRATCH, "scratch"},
    {SY_STORE_LONG, "long"},
};
static const struct name_row role_rows[] = {
    {SY_ROLE_VIEWER, "viewer"}, {SY_ROLE_OPERATOR, "operator"}, {SY_ROLE_ADMIN, "admin"},
    {SY_ROLE_AGENT, "agent"},   {SY_ROLE_ENROLL, "enroll"},
};
static const struct name_row message_kind_rows[] = {
    {SY_MESSAGE_PRECOMMIT, "precommit"},
    {SY_MESSAGE_COMMIT, "commit"},
};
static const struct name_row message_state_rows[] = {
    {SY_MESSAGE_QUEUED, "queued"},
    {SY_MESSAGE_SIGNED, "signed"},
    {SY_MESSAGE_ONCHAIN, "onchain"},
    {SY_MESSAGE_FAILED, "failed"},
};
static const struct name_row liveness_rows[] = {
    {SY_AGENT_OFFLINE, "offline"},
    {SY_AGENT_ONLINE, "online"},
    {SY_AGENT_SUSPECT, "suspect"},
    {SY_AGENT_DEAD, "dead"},
};

static const char *find_name(const struct name_row *rows, size_t count, uint32_t value)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].value == value)
            return rows[i].name;
    }
    return NULL;
}

/* 0 = no such name: no table of ours that is parsed has a zero value. */
static uint32_t find_value(const struct name_row *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(rows[i].name, name) == 0)
            return rows[i].value;
    }
    return 0;
}

#define FIND_NAME(rows, value) find_name(rows, SY_ARRAY_SIZE(rows), value)
#define FIND_VALUE(rows, name) find_value(rows, SY_ARRAY_SIZE(rows), name)

const char *sy_stage_name(uint32_t stage)
{
    return FIND_NAME(stage_rows, stage);
}

int sy_stage_parse(const char *name, enum sy_stage *ret_stage)
{
    uint32_t value = FIND_VALUE(stage_rows, name);
    if (value == 0)
        return -SY_E_PARSE;
    *ret_stage = (enum sy_stage)value;
    return 0;
}

const char *sy_sector_state_name(uint32_t state)
{
    return FIND_NAME(sector_state_rows, state);
}

int sy_sector_state_parse(const char *name, enum sy_sector_state *ret_state)
{
    uint32_t value = FIND_VALUE(sector_state_rows, name);
    if (value == 0)
        return -SY_E_PARSE;
    *ret_state = (enum sy_sector_state)value;
    return 0;
}

bool sy_sector_state_is_failed(uint32_t state)
{
    return state >= SY_SECTOR_AddPieceFailed && state <= SY_SECTOR_RemoveFailed;
}

bool sy_sector_state_is_final(uint32_t state)
{
    return state == SY_SECTOR_Proving || state == SY_SECTOR_Removed ||
           state == SY_SECTOR_FailedUnrecoverable;
}

const char *sy_job_kind_name(uint32_t kind)
{
    return FIND_NAME(job_kind_rows, kind);
}

const char *sy_job_state_name(uint32_t state)
{
    return FIND_NAME(job_state_rows, state);
}

const char *sy_task_state_name(uint32_t state)
{
    return FIND_NAME(task_state_rows, state);
}

const char *sy_store_kind_name(uint32_t kind)
{
    return FIND_NAME(store_kind_rows, kind);
}

int sy_store_kind_parse(const char *name, enum sy_store_kind *ret_kind)
{
    uint32_t value = FIND_VALUE(store_kind_rows, name);
    if (value == 0)
        return -SY_E_PARSE;
    *ret_kind = (enum sy_store_kind)value;
    return 0;
}

const char *sy_role_name(uint32_t role)
{
    return FIND_NAME(role_rows, role);
}

int sy_role_parse(const char *name, enum sy_role *ret_role)
{
    uint32_t value = FIND_VALUE(role_rows, name);
    if (value == 0)
        return -SY_E_PARSE;
    *ret_role = (enum sy_role)value;
    return 0;
}

const char *sy_message_kind_name(uint32_t kind)
{
    return FIND_NAME(message_kind_rows, kind);
}

const char *sy_message_state_name(uint32_t state)
{
    return FIND_NAME(message_state_rows, state);
}

const char *sy_liveness_name(uint32_t liveness)
{
    return FIND_NAME(liveness_rows, liveness);
}

int sy_name_check(const char *name, struct sy_error *err)
{
    static const char inner[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strnlen(name, SY_NAME_BYTES);
    if (length == 0)
        return sy_fail(err, SY_E_ARG, "the name is empty; use a-z, 0-9 and then also . _ -");
    if (length == SY_NAME_BYTES)
        return sy_fail(err, SY_E_LIMIT, "the name %.20s... is longer than %d characters", name,
                       SY_NAME_BYTES - 1);
    if (strspn(name, inner) != length || strchr("._-", name[0]))
        return sy_fail(err, SY_E_ARG,
                       "the name '%s' is refused: start with a-z or 0-9, then also . _ - are fine",
                       name);
    return 0;
}
