#include "agent/enroll.h"

#include "common/log.h"
#include "common/net.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int sy_agent_key_path(char *ret_path, const struct sy_agent_conf *conf, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/keys/agent.key", conf->dir);
}

static int check_token(const struct sy_agent_conf *conf, const struct sy_enroll_token *token,
                       struct sy_error *err)
{
    if (strcmp(token->name, conf->name) == 0)
        return 0;
    return sy_fail(err, SY_E_AUTH, "the token was made for agent \"%s\", this one is \"%s\"",
                   token->name, conf->name);
}

/* The pair of an unfinished enrolment, or a new one that is saved before it is used. */
static int pending_pair(const char *path, struct sy_keypair *ret, bool *ret_old,
                        struct sy_error *err)
{
    *ret_old = access(path, F_OK) == 0;
    if (*ret_old)
        return sy_keypair_load(path, ret, err);
    int rc = sy_keypair_generate(ret, err);
    return rc == 0 ? sy_keypair_save(path, ret, err) : rc;
}

static int ask(const char *endpoint, const struct sy_enroll_token *token, const char *name,
               const char *public_key, struct sy_error *err)
{
    struct sy_client *client;
    const struct sy_frame *reply;
    struct sy_msg_enroll body = {0};
    snprintf(body.name, sizeof body.name, "%s", name);
    snprintf(body.public_key, sizeof body.public_key, "%s", public_key);
    int rc = sy_client_create(&client, endpoint, token->server_key, &token->once, err);
    if (rc != 0)
        return rc;
    rc = sy_client_call(client, SY_MSG_ENROLL, &body, SY_ENROLL_TIMEOUT_MS, &reply, err);
    if (rc == 0 && reply->type != SY_MSG_ENROLLED)
        rc = sy_fail(err, SY_E_REMOTE, "the scheduler answered ENROLL with %s",
                     sy_msg_name(reply->type) ? sy_msg_name(reply->type) : "an unknown frame");
    sy_client_destroy(client);
    return rc;
}

/* An earlier try may have been accepted although its answer was lost: then the scheduler knows the
 * pending key. HELLO without slots is answered by WELCOME (or a failure that is not AUTH). */
static bool is_known(const char *endpoint, const struct sy_enroll_token *token,
                     const struct sy_keypair *pair)
{
    struct sy_client *client;
    const struct sy_frame *reply;
    struct sy_error err = {0};
    struct sy_msg_heartbeat body = {.count = 1};
    if (sy_client_create(&client, endpoint, token->server_key, pair, &err) != 0)
        return false;
    int rc = sy_client_call(client, SY_MSG_HEARTBEAT, &body, SY_ENROLL_TIMEOUT_MS, &reply, &err);
    sy_client_destroy(client);
    return rc == 0 || (err.code != SY_E_AUTH && err.code != SY_E_UNREACHABLE &&
                       err.code != SY_E_TIMEOUT && err.code != SY_E_DENIED);
}

static int publish(const char *pending, const char *path, const char *server_path,
                   const char *server_key, struct sy_error *err)
{
    int rc = 0;
    if (access(server_path, F_OK) != 0)
        rc = sy_public_key_save(server_path, server_key, err);
    if (rc == 0 && rename(pending, path) != 0)
        rc = sy_fail_errno(err, errno, "rename %s to %s", pending, path);
    return rc == 0 ? sy_file_sync_parent(path, err) : rc;
}

/* A key of another scheduler in the place of this one's is refused before the token is used up. */
static int check_server_key(const char *path, const char *server_key, struct sy_error *err)
{
    char found[SY_KEY_TEXT_BYTES];
    if (access(path, F_OK) != 0)
        return 0;
    int rc = sy_public_key_load(path, found, err);
    if (rc == 0 && strcmp(found, server_key) != 0)
        rc = sy_fail(err, SY_E_MISMATCH,
                     "%s is the key of another scheduler than the token's: remove it if the "
                     "scheduler was made anew",
                     path);
    return rc;
}

static int enroll(const struct sy_agent_conf *conf, const struct sy_enroll_token *token,
                  struct sy_keypair *pair, struct sy_error *err)
{
    char keys[SY_PATH_BYTES], path[SY_PATH_BYTES], pending[SY_PATH_BYTES];
    bool old = false;
    int rc = check_token(conf, token, err);
    if (rc == 0)
        rc = sy_path_format(keys, err, "%s/keys", conf->dir);
    if (rc == 0)
        rc = sy_agent_key_path(path, conf, err);
    if (rc == 0)
        rc = sy_path_format(pending, err, "%s.new", path);
    if (rc == 0 && access(path, F_OK) == 0)
        rc = sy_fail(err, SY_E_EXISTS,
                     "%s exists: this agent is enrolled. To enrol it anew, revoke it (`sealyard "
                     "agents revoke %s`) and move the file away",
                     path, conf->name);
    if (rc == 0)
        rc = sy_file_make_directory(conf->dir, 0755, err);
    if (rc == 0 && mkdir(keys, 0700) != 0 && errno != EEXIST)
        rc = sy_fail_errno(err, errno, "create %s", keys);
    if (rc == 0)
        rc = check_server_key(conf->scheduler_key, token->server_key, err);
    if (rc == 0)
        rc = pending_pair(pending, pair, &old, err);
    if (rc != 0)
        return rc;
    const char *endpoint = conf->scheduler[0] ? conf->scheduler : token->endpoint;
    rc = ask(endpoint, token, conf->name, pair->public_key, err);
    if (rc == -SY_E_AUTH && old && is_known(endpoint, token, pair))
        rc = 0;
    else if (rc == -SY_E_AUTH)
        sy_error_wrap(err,
                      "the token is used up, expired or of another scheduler (make a new one: "
                      "`sealyard agents enroll %s`)",
                      conf->name);
    return rc == 0 ? publish(pending, path, conf->scheduler_key, token->server_key, err) : rc;
}

int sy_agent_enroll(const struct sy_agent_conf *conf, const char *token_text, struct sy_error *err)
{
    struct sy_enroll_token token = {0};
    struct sy_keypair pair = {0};
    int rc = sy_enroll_token_parse(token_text, &token, err);
    if (rc == 0)
        rc = enroll(conf, &token, &pair, err);
    sy_keypair_wipe(&token.once);
    sy_keypair_wipe(&pair);
    return rc;
}
