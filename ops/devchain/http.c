#include "ops/devchain/http.h"

#include "common/codec.h"
#include "common/file.h"
#include "common/mem.h"
#include "ops/devchain/rpc.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_BYTES_MAX (100u << 20)
#define CONNECTIONS_MAX 64
#define IDLE_TIMEOUT_S 120
#define TOKEN_TEXT_BYTES 128

struct sy_dc_server {
    struct sy_dc_chain *chain; /* borrowed */
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* around chain */
    char token[TOKEN_TEXT_BYTES];
};

struct request {
    struct sy_buffer body;
    bool too_long;
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, char *text)
{
    static char empty[] = "";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(text ? strlen(text) : 0, text ? text : empty,
                                        text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result;
    if (!response) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* true; *ret_write = permission. false = wrong token. */
static bool check_token(const struct sy_dc_server *server, struct MHD_Connection *connection,
                        bool *ret_write)
{
    const char *header =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    size_t bytes = strlen(server->token);
    *ret_write = !server->chain->config.require_token;
    if (!header || !server->chain->config.require_token)
        return true;
    if (strncmp(header, "Bearer ", 7) != 0 || strlen(header + 7) != bytes ||
        sodium_memcmp(header + 7, server->token, bytes) != 0)
        return false;
    *ret_write = true;
    return true;
}

static enum MHD_Result answer(struct sy_dc_server *server, struct MHD_Connection *connection,
                              const struct request *request)
{
    char *text = NULL;
    bool may_write;
    int status = 200, rc;
    if (!check_token(server, connection, &may_write))
        return reply(connection, MHD_HTTP_UNAUTHORIZED, NULL);
    if (request->too_long)
        return reply(connection, MHD_HTTP_CONTENT_TOO_LARGE, NULL);
    pthread_mutex_lock(&server->lock);
    rc = sy_dc_rpc_answer(server->chain, (const char *)request->body.data, request->body.bytes,
                          may_write, &text, &status, NULL);
    pthread_mutex_unlock(&server->lock);
    if (rc < 0)
        return reply(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL);
    return reply(connection, (unsigned)status, text);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_bytes, void **state)
{
    struct request *request = *state;
    (void)version;
    if (!request) {
        request = sy_mem_alloc(sizeof(*request));
        if (!request)
            return MHD_NO;
        sy_buffer_init(&request->body, BODY_BYTES_MAX);
        *state = request;
        return MHD_YES;
    }
    if (*data_bytes) {
        if (!request->too_long && sy_buffer_append(&request->body, data, *data_bytes, NULL) < 0)
            request->too_long = true;
        *data_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/rpc/v1") != 0)
        return reply(connection, MHD_HTTP_NOT_FOUND, NULL);
    if (strcmp(method, "POST") != 0)
        return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, NULL);
    return answer(ctx, connection, request);
}

static void on_done(void *ctx, struct MHD_Connection *connection, void **state,
                    enum MHD_RequestTerminationCode why)
{
    struct request *request = *state;
    (void)ctx;
    (void)connection;
    (void)why;
    if (!request)
        return;
    sy_buffer_fini(&request->body);
    sy_mem_free(request);
    *state = NULL;
}

static int load_token(struct sy_dc_server *server, struct sy_error *err)
{
    char path[SY_PATH_BYTES], *text;
    size_t bytes;
    int rc = sy_path_format(path, err, "%s/token", server->chain->config.dir);
    if (rc == 0)
        rc = sy_file_read(path, TOKEN_TEXT_BYTES - 1, &text, &bytes, err);
    if (rc < 0)
        return rc;
    while (bytes && text[bytes - 1] == '\n')
        bytes--;
    memcpy(server->token, text, bytes);
    sodium_memzero(text, bytes);
    free(text);
    return 0;
}

static int start(struct sy_dc_server *server, struct sy_error *err)
{
    const struct sy_dc_config *config = &server->chain->config;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(config->port)};
    char path[SY_PATH_BYTES], url[128];
    int length, rc = load_token(server, err);
    if (rc < 0)
        return rc;
    if (inet_pton(AF_INET, config->host, &address.sin_addr) != 1)
        return sy_fail(err, SY_E_PARSE, "listen address \"%s\" is no IPv4 address", config->host);
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL, on_request, server,
        MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED,
        on_done, server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_END);
    if (!server->daemon)
        return sy_fail(err, SY_E_RESOURCE, "cannot listen on %s:%u: is the port in use?",
                       config->host, config->port);
    length = snprintf(url, sizeof(url), "http://%s:%u/rpc/v1\n", config->host,
                      sy_dc_server_port(server));
    rc = sy_path_format(path, err, "%s/url", config->dir);
    if (rc == 0)
        rc = sy_file_write(path, url, (size_t)length, 0644, err);
    return rc;
}

int sy_dc_server_create(struct sy_dc_server **ret, struct sy_dc_chain *chain, struct sy_error *err)
{
    struct sy_dc_server *server = sy_mem_alloc(sizeof(*server));
    int rc;
    if (!server)
        return sy_fail(err, SY_E_NOMEM, "no memory for the server");
    server->chain = chain;
    pthread_mutex_init(&server->lock, NULL);
    rc = start(server, err);
    if (rc < 0) {
        sy_dc_server_destroy(server);
        return rc;
    }
    *ret = server;
    return 0;
}

void sy_dc_server_destroy(struct sy_dc_server *server)
{
    if (!server)
        return;
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    pthread_mutex_destroy(&server->lock);
    sodium_memzero(server->token, sizeof(server->token));
    sy_mem_free(server);
}

uint16_t sy_dc_server_port(const struct sy_dc_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}

int sy_dc_server_step(struct sy_dc_server *server, int64_t now_s, struct sy_error *err)
{
    int rc;
    pthread_mutex_lock(&server->lock);
    rc = sy_dc_chain_step(server->chain, now_s, err);
    pthread_mutex_unlock(&server->lock);
    return rc;
}
