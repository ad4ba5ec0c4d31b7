/* init, fsck, dump, keygen; see admin.h. */
#include "scheduler/admin.h"

#include "scheduler/recover.h"
#include "scheduler/scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- events offline ------------ */

/* An open store with a journal over it, and nothing else of a scheduler. */
static int open_offline(struct sy_scheduler *scheduler, struct sy_scheduler_options *options,
                        bool create, struct sy_error *err)
{
    struct sy_batch first = {0};
    struct sy_recover_report *report = NULL;
    memset(scheduler, 0, sizeof *scheduler);
    scheduler->env = sy_env_real();
    scheduler->options = options;
    sy_policy_init(&scheduler->policy);
    int rc = sy_loop_create(&scheduler->loop, scheduler->env, err);
    if (rc == 0)
        rc = sy_store_lmdb_open(&scheduler->store, options->store_path, options->map_bytes, create,
                                err);
    if (rc == 0) {
        report = sy_mem_alloc(sizeof *report);
        rc = report ? 0 : sy_fail(err, SY_E_NOMEM, "recovery: out of memory");
    }
    if (rc == 0)
        rc = sy_recover_load(&scheduler->store, &scheduler->state, &first, report, err);
    if (rc == 0)
        rc = sy_scheduler_create_parts(scheduler, &first, err);
    sy_batch_fini(&first);
    sy_mem_free(report);
    return rc;
}

static void close_offline(struct sy_scheduler *scheduler)
{
    if (scheduler->store.ops)
        scheduler->store.ops->close(scheduler->store.self);
    sy_scheduler_destroy_parts(scheduler);
    sy_state_destroy(scheduler->state);
    sy_loop_destroy(scheduler->loop);
}

static int set_identity(struct sy_scheduler *scheduler, const char *name, enum sy_role role,
                        const char *public_key, struct sy_error *err)
{
    const struct sy_identity *known = sy_state_identity(scheduler->state, name);
    if (known && !known->revoked && known->role == role &&
        strcmp(known->public_key, public_key) == 0)
        return 0;
    struct sy_identity event = {.role = role, .created_ms = sy_env_wall_ms(scheduler->env)};
    snprintf(event.name, sizeof event.name, "%s", name);
    snprintf(event.public_key, sizeof event.public_key, "%s", public_key);
    int rc = sy_journal_event(scheduler->journal, SY_EVENT_IDENTITY_SET, &event, err);
    return rc ? rc : sy_scheduler_wait_durable(scheduler, err);
}

/* ---------------------------------------------------------------- keys ---------------------- */

/* Loads the key file, or makes it with its public half beside it. */
static int ensure_key(const char *path, const char *public_path, struct sy_keypair *ret,
                      bool *ret_made, struct sy_error *err)
{
    *ret_made = access(path, F_OK) != 0;
    int rc = 0;
    if (!*ret_made) {
        rc = sy_keypair_load(path, ret, err);
    } else {
        rc = sy_keypair_generate(ret, err);
        if (rc == 0)
            rc = sy_keypair_save(path, ret, err);
    }
    if (rc == 0 && access(public_path, F_OK) != 0)
        rc = sy_public_key_save(public_path, ret->public_key, err);
    return rc;
}

/* ---------------------------------------------------------------- init ---------------------- */

static int make_keys(const struct sy_scheduler_options *options, struct sy_keypair *admin,
                     struct sy_error *err)
{
    char path[SY_PATH_BYTES], public_path[SY_PATH_BYTES];
    struct sy_keypair server = {0};
    bool made = false;
    int rc = sy_scheduler_key_path(options, "server.key", path, err);
    if (rc == 0)
        rc = sy_scheduler_key_path(options, "server.pub", public_path, err);
    if (rc == 0)
        rc = ensure_key(path, public_path, &server, &made, err);
    sy_keypair_wipe(&server);
    if (rc)
        return rc;
    printf("%s  server key %s\n", made ? "made " : "found", path);
    rc = sy_scheduler_key_path(options, "admin.key", path, err);
    if (rc == 0)
        rc = sy_scheduler_key_path(options, "admin.pub", public_path, err);
    if (rc == 0)
        rc = ensure_key(path, public_path, admin, &made, err);
    if (rc == 0)
        printf("%s  administrator's key %s\n", made ? "made " : "found", path);
    return rc;
}

static int make_directories(const struct sy_scheduler_options *options, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_file_make_directory(options->directory, 0700, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/keys", options->directory);
    return rc ? rc : sy_file_make_directory(path, 0700, err);
}

int sy_admin_init(const struct sy_admin_args *args, struct sy_error *err)
{
    struct sy_keypair admin = {0};
    struct sy_scheduler *scheduler = sy_mem_alloc(sizeof *scheduler);
    if (!scheduler)
        return sy_fail(err, SY_E_NOMEM, "init: out of memory");
    int rc = make_directories(args->options, err);
    if (rc == 0)
        rc = make_keys(args->options, &admin, err);
    if (rc == 0) {
        rc = open_offline(scheduler, args->options, true, err);
        if (rc == 0)
            rc = set_identity(scheduler, SY_SCHEDULER_ADMIN_NAME, SY_ROLE_ADMIN, admin.public_key,
                              err);
        close_offline(scheduler);
    }
    sy_keypair_wipe(&admin);
    sy_mem_free(scheduler);
    if (rc == 0)
        printf("ready  store %s\nstart it: sealyard-scheduler --config %s\n",
               args->options->store_path, args->options->path);
    return rc;
}

/* ---------------------------------------------------------------- keygen -------------------- */

int sy_admin_keygen(const struct sy_admin_args *args, struct sy_error *err)
{
    char public_path[SY_PATH_BYTES];
    struct sy_keypair pair = {0};
    enum sy_role role = 0;
    bool made = false;
    if (args->name) {
        int rc = sy_name_check(args->name, err);
        if (rc)
            return rc;
        if (!args->options || !args->role || sy_role_parse(args->role, &role) ||
            role == SY_ROLE_AGENT || role == SY_ROLE_ENROLL)
            return sy_fail(err, SY_E_ARG,
                           "keygen --name needs --config FILE and --role viewer, operator or admin "
                           "(agents are enrolled: sealyard agents enroll NAME)");
    }
    int rc = sy_path_format(public_path, err, "%s.pub", args->out);
    if (rc == 0)
        rc = ensure_key(args->out, public_path, &pair, &made, err);
    if (rc == 0 && args->name) {
        struct sy_scheduler *scheduler = sy_mem_alloc(sizeof *scheduler);
        rc = scheduler ? open_offline(scheduler, args->options, false, err)
                       : sy_fail(err, SY_E_NOMEM, "keygen: out of memory");
        if (rc == 0)
            rc = set_identity(scheduler, args->name, role, pair.public_key, err);
        if (scheduler)
            close_offline(scheduler);
        sy_mem_free(scheduler);
    }
    if (rc == 0)
        printf("%s  %s\n%s\n", made ? "made " : "found", args->out, pair.public_key);
    sy_keypair_wipe(&pair);
    return rc;
}

/* ---------------------------------------------------------------- fsck ---------------------- */

static void print_report(const struct sy_recover_report *report, bool json)
{
    json_t *notes = json_array();
    for (uint32_t i = 0; i < report->note_count; i++) {
        const struct sy_recover_note *note = &report->notes[i];
        const char *table = sy_record_table_name(note->table);
        json_array_append_new(notes, json_pack("{s:s?, s:s, s:s}", "table", table, "key", note->key,
                                               "text", note->text));
        if (!json)
            printf("%s %s: %s\n", table ? table : "?", note->key, note->text);
    }
    json_t *all =
        json_pack("{s:I, s:I, s:I, s:I, s:o}", "events", (json_int_t)report->events, "rows",
                  (json_int_t)report->rows, "damaged", (json_int_t)report->damaged, "differing",
                  (json_int_t)report->differing, "notes", notes);
    if (json && all) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        printf("%llu events, %llu rows, %llu damaged, %llu differing\n",
               (unsigned long long)report->events, (unsigned long long)report->rows,
               (unsigned long long)report->damaged, (unsigned long long)report->differing);
    }
    json_decref(all);
}

int sy_admin_fsck(const struct sy_admin_args *args, bool *ret_clean, struct sy_error *err)
{
    struct sy_store store = {0};
    struct sy_recover_report *report = sy_mem_alloc(sizeof *report);
    if (!report)
        return sy_fail(err, SY_E_NOMEM, "fsck: out of memory");
    int rc =
        sy_store_lmdb_open(&store, args->options->store_path, args->options->map_bytes, false, err);
    if (rc == 0)
        rc = sy_recover_fsck(&store, report, err);
    if (store.ops)
        store.ops->close(store.self);
    if (rc == 0) {
        print_report(report, args->json);
        *ret_clean = report->damaged == 0 && report->differing == 0;
    }
    sy_mem_free(report);
    return rc;
}

/* ---------------------------------------------------------------- dump ---------------------- */

static int write_line(void *ctx, const char *line, struct sy_error *err)
{
    const struct sy_admin_args *args = ctx;
    bool wanted = true;
    if (args->table) {
        json_t *object = json_loads(line, 0, NULL);
        const char *table = json_string_value(json_object_get(object, "table"));
        wanted = table && strcmp(table, args->table) == 0;
        json_decref(object);
    }
    if (wanted && (fputs(line, stdout) == EOF || putchar('\n') == EOF))
        return sy_fail(err, SY_E_IO, "standard output cannot be written");
    return 0;
}

static int check_table(const char *table, struct sy_error *err)
{
    for (int i = 0; table && i < SY_TABLE_COUNT; i++)
        if (strcmp(sy_record_table_name((enum sy_store_table)i), table) == 0)
            return 0;
    return table ? sy_fail(err, SY_E_ARG, "no table is called \"%s\"", table) : 0;
}

int sy_admin_dump(const struct sy_admin_args *args, struct sy_error *err)
{
    struct sy_store store = {0};
    struct sy_admin_args copy = *args;
    int rc = check_table(args->table, err);
    if (rc == 0)
        rc = sy_store_lmdb_open(&store, args->options->store_path, args->options->map_bytes, false,
                                err);
    if (rc == 0)
        rc = sy_recover_dump(&store, write_line, &copy, err);
    if (store.ops)
        store.ops->close(store.self);
    return rc;
}
