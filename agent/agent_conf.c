#include "agent/agent_conf.h"

#include "common/conf.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *key, *verb;
    int64_t slots;
} stage_table[SY_STAGE_COUNT] = {
    [SY_STAGE_AP] = {"ap", "ap", 1},
    [SY_STAGE_PC1] = {"pc1", "pc1", 1},
    [SY_STAGE_PC2] = {"pc2", "pc2", 1},
    [SY_STAGE_C1] = {"c1", "c1", 1},
    [SY_STAGE_C2] = {"c2", "c2", 0},
    [SY_STAGE_FIN] = {"fin", "finalize", 1},
    [SY_STAGE_UNSEAL] = {"unseal", "unseal", 1},
    [SY_STAGE_REMOVE] = {"remove", "remove", 1},
};

const char *sy_agent_stage_key(enum sy_stage stage)
{
    return stage > 0 && stage < SY_STAGE_COUNT ? stage_table[stage].key : NULL;
}

const char *sy_agent_stage_verb(enum sy_stage stage)
{
    return stage > 0 && stage < SY_STAGE_COUNT ? stage_table[stage].verb : NULL;
}

static int take_path(struct sy_conf_table *table, const char *key, bool required, char *ret,
                     size_t ret_bytes, struct sy_error *err)
{
    int rc = sy_conf_string(table, key, required, "", ret, ret_bytes, err);
    if (rc == 0 && ret[0] && ret[0] != '/')
        rc = sy_conf_fail(table, key, err, "\"%.120s\": expected an absolute path", ret);
    return rc;
}

static int find_user(struct sy_conf_table *table, struct sy_agent_conf *conf, struct sy_error *err)
{
    if (!conf->task_user[0])
        return 0;
    errno = 0;
    const struct passwd *entry = getpwnam(conf->task_user);
    if (!entry)
        return sy_conf_fail(table, "task_user", err, "no user \"%s\" on this machine: create it",
                            conf->task_user);
    if (geteuid() != 0 && geteuid() != entry->pw_uid)
        return sy_conf_fail(table, "task_user", err,
                            "only an agent that runs as root can run tasks as \"%s\"",
                            conf->task_user);
    conf->task_uid = entry->pw_uid;
    conf->task_gid = entry->pw_gid;
    return 0;
}

static int read_agent(struct sy_conf_table *root, struct sy_agent_conf *conf, struct sy_error *err)
{
    struct sy_conf_table *table;
    char level[16];
    int rc = sy_conf_table_get(root, "agent", true, &table, err);
    if (rc == 0)
        rc = sy_conf_string(table, "name", false, "", conf->name, sizeof conf->name, err);
    struct sy_error reason = {0};
    if (rc == 0 && conf->name[0] && sy_name_check(conf->name, &reason) != 0)
        rc = sy_conf_fail(table, "name", err, "%s", reason.text);
    if (rc == 0)
        rc = take_path(table, "dir", false, conf->dir, sizeof conf->dir, err);
    if (rc == 0)
        rc = sy_conf_string(table, "scheduler", false, "", conf->scheduler, sizeof conf->scheduler,
                            err);
    if (rc == 0)
        rc = take_path(table, "scheduler_key", false, conf->scheduler_key,
                       sizeof conf->scheduler_key, err);
    if (rc == 0 && !conf->scheduler_key[0] && conf->dir[0])
        rc = sy_path_format(conf->scheduler_key, err, "%s/keys/scheduler.pub", conf->dir);
    if (rc == 0)
        rc = take_path(table, "parent_cache", false, conf->parent_cache, sizeof conf->parent_cache,
                       err);
    if (rc == 0 && !conf->parent_cache[0] && conf->dir[0])
        rc = sy_path_format(conf->parent_cache, err, "%s/parent-cache", conf->dir);
    if (rc == 0)
        rc = take_path(table, "parameters", false, conf->parameters, sizeof conf->parameters, err);
    if (rc == 0)
        rc = sy_conf_string(table, "topology", false, "", conf->topology, sizeof conf->topology,
                            err);
    if (rc == 0)
        rc = sy_conf_string(table, "log_level", false, "info", level, sizeof level, err);
    if (rc == 0 && sy_log_level_parse(level, &conf->log_level) != 0)
        rc = sy_conf_fail(table, "log_level", err, "\"%s\": expected error, warn, info or debug",
                          level);
    if (rc == 0)
        rc = sy_conf_string(table, "task_user", false, "", conf->task_user, sizeof conf->task_user,
                            err);
    return rc == 0 ? find_user(table, conf, err) : rc;
}

static int read_resources(struct sy_conf_table *all, enum sy_stage stage,
                          struct sy_agent_stage_conf *ret, struct sy_error *err)
{
    struct sy_conf_table *table = NULL;
    int64_t cores = 0, threads = 0;
    int rc = all ? sy_conf_table_get(all, stage_table[stage].key, false, &table, err) : 0;
    if (rc != 0 || !table)
        return rc;
    rc = sy_conf_integer(table, "cores", false, 0, 0, 4096, &cores, err);
    if (rc == 0)
        rc = sy_conf_integer(table, "threads", false, 0, 0, 4096, &threads, err);
    if (rc == 0)
        rc = sy_conf_bytes(table, "memory", false, "0", &ret->memory_bytes, err);
    if (rc == 0)
        rc = sy_conf_bytes(table, "hugepages", false, "0", &ret->hugepage_bytes, err);
    ret->cores = (uint32_t)cores;
    ret->threads = (uint32_t)threads;
    return rc;
}

static int read_slots(struct sy_conf_table *root, struct sy_agent_conf *conf, struct sy_error *err)
{
    struct sy_conf_table *table = NULL, *resources = NULL;
    int rc = sy_conf_table_get(root, "slots", false, &table, err);
    if (rc == 0 && table)
        rc = sy_conf_table_get(table, "resources", false, &resources, err);
    for (unsigned stage = 1; rc == 0 && stage < SY_STAGE_COUNT; stage++) {
        int64_t slots = stage_table[stage].slots;
        if (table)
            rc = sy_conf_integer(table, stage_table[stage].key, false, slots, 0, SY_AGENT_SLOTS_MAX,
                                 &slots, err);
        conf->stages[stage].slots = (uint32_t)slots;
        if (rc == 0)
            rc = read_resources(resources, stage, &conf->stages[stage], err);
    }
    return rc;
}

static int take_items(struct sy_conf_table *table, const char *key,
                      char items[SY_AGENT_ITEMS_MAX][SY_AGENT_ITEM_BYTES], size_t *ret_count,
                      struct sy_error *err)
{
    for (size_t i = 0;; i++) {
        char item[SY_AGENT_ITEM_BYTES];
        int rc = sy_conf_string_item(table, key, i, item, sizeof item, err);
        if (rc == -SY_E_NOT_FOUND) {
            *ret_count = i;
            return 0;
        }
        if (rc != 0)
            return rc;
        if (i == SY_AGENT_ITEMS_MAX)
            return sy_conf_fail(table, key, err, "more than %d items", SY_AGENT_ITEMS_MAX);
        memcpy(items[i], item, sizeof item);
    }
}

static int read_stage(struct sy_conf_table *all, enum sy_stage stage,
                      struct sy_agent_stage_conf *ret, struct sy_error *err)
{
    struct sy_conf_table *table = NULL;
    int rc = sy_conf_table_get(all, stage_table[stage].key, false, &table, err);
    if (rc != 0 || !table)
        return rc;
    rc = take_items(table, "exec", ret->exec, &ret->exec_count, err);
    if (rc == 0)
        rc = take_items(table, "environment", ret->environment, &ret->environment_count, err);
    if (rc == 0)
        rc = take_items(table, "writable", ret->writable, &ret->writable_count, err);
    if (rc == 0)
        rc = sy_conf_bool(table, "network", false, false, &ret->network, err);
    if (rc == 0)
        rc = sy_conf_string(table, "verify", false, "", ret->verify, sizeof ret->verify, err);
    if (rc == 0 && ret->verify[0] && strcmp(ret->verify, "none") != 0 &&
        strcmp(ret->verify, "sample") != 0 && strcmp(ret->verify, "full") != 0)
        rc = sy_conf_fail(table, "verify", err, "\"%s\": expected none, sample or full",
                          ret->verify);
    if (rc == 0 && ret->exec_count > 0 && ret->exec[0][0] != '/')
        rc =
            sy_conf_fail(table, "exec", err, "\"%.120s\": expected an absolute path", ret->exec[0]);
    for (size_t i = 0; rc == 0 && i < ret->environment_count; i++)
        if (!strchr(ret->environment[i], '=') || ret->environment[i][0] == '=')
            rc = sy_conf_fail(table, "environment", err, "\"%.120s\": expected NAME=value",
                              ret->environment[i]);
    for (size_t i = 0; rc == 0 && i < ret->writable_count; i++)
        if (ret->writable[i][0] != '/')
            rc = sy_conf_fail(table, "writable", err, "\"%.120s\": expected an absolute path",
                              ret->writable[i]);
    return rc;
}

static int read_stages(struct sy_conf_table *root, struct sy_agent_conf *conf, struct sy_error *err)
{
    struct sy_conf_table *table = NULL;
    int rc = sy_conf_table_get(root, "stage", false, &table, err);
    for (unsigned stage = 1; rc == 0 && table && stage < SY_STAGE_COUNT; stage++)
        rc = read_stage(table, stage, &conf->stages[stage], err);
    return rc;
}

static int read_hugepages(struct sy_conf_table *root, struct sy_agent_conf *conf,
                          struct sy_error *err)
{
    struct sy_conf_table *table = NULL;
    int rc = sy_conf_table_get(root, "hugepages", false, &table, err);
    if (rc == 0 && table)
        rc =
            take_path(table, "mount", true, conf->hugepage_mount, sizeof conf->hugepage_mount, err);
    if (rc == 0 && table)
        rc = sy_conf_bytes(table, "page", false, "2MiB", &conf->hugepage_page_bytes, err);
    if (rc == 0 && table && conf->hugepage_page_bytes != 2u << 20 &&
        conf->hugepage_page_bytes != 1u << 30)
        rc = sy_conf_fail(table, "page", err, "%llu bytes: expected \"2MiB\" or \"1GiB\"",
                          (unsigned long long)conf->hugepage_page_bytes);
    return rc;
}

static int read_cgroup(struct sy_conf_table *root, struct sy_agent_conf *conf, struct sy_error *err)
{
    struct sy_conf_table *table = NULL;
    int64_t pids_max = 0;
    char mode[16] = "required";
    conf->cgroup_enabled = true;
    snprintf(conf->cgroup_parent, sizeof conf->cgroup_parent, "sealyard");
    int rc = sy_conf_table_get(root, "cgroup", false, &table, err);
    if (rc != 0 || !table)
        return rc;
    rc = sy_conf_string(table, "mode", false, "required", mode, sizeof mode, err);
    conf->cgroup_enabled = strcmp(mode, "required") == 0;
    if (rc == 0 && !conf->cgroup_enabled && strcmp(mode, "off") != 0)
        rc = sy_conf_fail(table, "mode", err, "\"%s\": expected \"required\" or \"off\"", mode);
    if (rc == 0)
        rc = sy_conf_string(table, "parent", false, "sealyard", conf->cgroup_parent,
                            sizeof conf->cgroup_parent, err);
    if (rc == 0)
        rc = sy_conf_integer(table, "pids_max", false, 0, 0, 4194304, &pids_max, err);
    conf->pids_max = (uint32_t)pids_max;
    return rc;
}

/* After sy_conf_finish, so that a mistyped key is reported as that and not as the missing one. */
static int check_complete(const struct sy_agent_conf *conf, struct sy_error *err)
{
    const char *missing = !conf->name[0]        ? "name"
                          : !conf->dir[0]       ? "dir"
                          : !conf->scheduler[0] ? "scheduler"
                                                : NULL;
    if (missing)
        return sy_fail(err, SY_E_ARG, "the agent configuration has no %s: add it under [agent]",
                       missing);
    for (unsigned stage = 1; stage < SY_STAGE_COUNT; stage++)
        if (conf->stages[stage].hugepage_bytes > 0 && !conf->hugepage_mount[0])
            return sy_fail(err, SY_E_ARG,
                           "[slots.resources.%s] asks for hugepages, but there is no [hugepages] "
                           "table that names the mount",
                           stage_table[stage].key);
    return 0;
}

/* Programs that belong to this agent stand beside it. */
static int find_programs(struct sy_agent_conf *conf, struct sy_error *err)
{
    char self[SY_PATH_BYTES];
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof self - 1);
    if (bytes < 0)
        return sy_fail_errno(err, errno, "read /proc/self/exe");
    self[bytes] = 0;
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    int rc = sy_path_format(conf->shim, err, "%s/sealyard-shim", self);
    return rc == 0 ? sy_path_format(conf->task, err, "%s/sealyard-task", self) : rc;
}

static int read_all(struct sy_conf *file, struct sy_agent_conf **ret, struct sy_error *err)
{
    struct sy_agent_conf *conf = calloc(1, sizeof *conf);
    if (!conf)
        return sy_fail(err, SY_E_NOMEM, "no memory for the configuration");
    struct sy_conf_table *root = sy_conf_root(file);
    int rc = read_agent(root, conf, err);
    if (rc == 0)
        rc = read_slots(root, conf, err);
    if (rc == 0)
        rc = read_hugepages(root, conf, err);
    if (rc == 0)
        rc = read_cgroup(root, conf, err);
    if (rc == 0)
        rc = read_stages(root, conf, err);
    if (rc == 0)
        rc = sy_conf_finish(file, err);
    if (rc == 0)
        rc = check_complete(conf, err);
    if (rc == 0)
        rc = find_programs(conf, err);
    if (rc != 0)
        free(conf);
    else
        *ret = conf;
    return rc;
}

int sy_agent_conf_load(struct sy_agent_conf **ret, const char *path, struct sy_error *err)
{
    struct sy_conf *file;
    int rc = sy_conf_load(&file, path, err);
    if (rc != 0)
        return rc;
    rc = read_all(file, ret, err);
    sy_conf_destroy(file);
    return rc;
}

int sy_agent_conf_parse(struct sy_agent_conf **ret, const char *text, size_t bytes,
                        const char *name, struct sy_error *err)
{
    struct sy_conf *file;
    int rc = sy_conf_parse(&file, text, bytes, name, err);
    if (rc != 0)
        return rc;
    rc = read_all(file, ret, err);
    sy_conf_destroy(file);
    return rc;
}

void sy_agent_conf_destroy(struct sy_agent_conf *conf)
{
    free(conf);
}
