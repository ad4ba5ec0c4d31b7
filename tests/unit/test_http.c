#include "tests/unit/common_test.h"

#include "common/http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server of one thread that answers each request with the same bytes and keeps the last request.
 */
static struct {
    int fd;
    pthread_t thread;
    char url[64];
    const char *reply; /* a whole HTTP reply; NULL: close without one; "" : never answer */
    char request[65536];
    size_t request_bytes;
    uint32_t connections, requests;
} server;

/* Reads one request: the head, then as many bytes as it declares. */
static bool read_request(int fd)
{
    server.request_bytes = 0;
    for (;;) {
        ssize_t got = recv(fd, server.request + server.request_bytes,
                           sizeof server.request - 1 - server.request_bytes, 0);
        if (got <= 0)
            return false;
        server.request_bytes += (size_t)got;
        server.request[server.request_bytes] = 0;
        const char *end = strstr(server.request, "\r\n\r\n");
        const char *length = strstr(server.request, "Content-Length: ");
        if (!end)
            continue;
        size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
        if (server.request_bytes >= (size_t)(end + 4 - server.request) + body)
            return true;
    }
}

static void *serve(void *ctx)
{
    (void)ctx;
    for (;;) {
        int fd = accept(server.fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        server.connections++;
        while (read_request(fd)) {
            server.requests++;
            if (!server.reply)
                break;
            if (server.reply[0])
                assert_true(send(fd, server.reply, strlen(server.reply), MSG_NOSIGNAL) > 0);
        }
        close(fd);
    }
}

static int start(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof address;
    memset(&server, 0, sizeof server);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server.fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(server.fd, 8) < 0 || getsockname(server.fd, (struct sockaddr *)&address, &bytes) < 0)
        return -1;
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d/rpc/v1", ntohs(address.sin_port));
    return pthread_create(&server.thread, NULL, serve, NULL);
}

static int stop(void **state)
{
    (void)state;
    shutdown(server.fd, SHUT_RDWR);
    close(server.fd);
    pthread_join(server.thread, NULL);
    return sy_mem_live_count() == 0 ? 0 : -1;
}

#define REPLY(status_, length_, body_)                                                             \
    "HTTP/1.1 " status_ "\r\nContent-Type: application/json\r\nContent-Length: " length_           \
    "\r\n\r\n" body_

static int call_rpc(const char *token, uint64_t timeout_ms, json_t **ret, int *ret_code,
                    struct sy_error *err)
{
    struct sy_http *http = NULL;
    json_t *params = json_pack("[i,s]", 1, "two");
    int rc = sy_http_create(&http, server.url, token, timeout_ms, err);
    if (rc == 0)
        rc = sy_jsonrpc_call(http, "Filecoin.ChainHead", params, ret, ret_code, err);
    sy_http_destroy(http);
    json_decref(params);
    return rc;
}

static void a_result_comes_back(void **state)
{
    (void)state;
    json_t *result = NULL;
    int code = 9;
    server.reply =
        REPLY("200 OK", "46", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"Height\":5}}");
    assert_works(call_rpc("s3cret", 5000, &result, &code, &err));
    assert_int_equal(json_integer_value(json_object_get(result, "Height")), 5);
    assert_int_equal(code, 0);
    json_decref(result);
    assert_memory_equal(server.request, "POST /rpc/v1 HTTP/1.1\r\n", 23);
    assert_non_null(strstr(server.request, "\r\nAuthorization: Bearer s3cret\r\n"));
    assert_non_null(strstr(server.request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(server.request,
                           "{\"jsonrpc\":\"2.0\",\"id\":1,"
                           "\"method\":\"Filecoin.ChainHead\",\"params\":[1,\"two\"]}"));
}

static void no_token_no_header_and_null_results(void **state)
{
    (void)state;
    json_t *result = NULL;
    server.reply = REPLY("200 OK", "38", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}");
    assert_works(call_rpc(NULL, 5000, &result, NULL, &err));
    assert_true(json_is_null(result));
    assert_null(strstr(server.request, "Authorization"));
    server.reply = REPLY("200 OK", "24", "{\"jsonrpc\":\"2.0\",\"id\":1}");
    assert_works(call_rpc(NULL, 5000, &result, NULL, &err));
    assert_true(json_is_null(result));
}

static void errors_of_the_node_are_passed_on(void **state)
{
    (void)state;
    json_t *result = (void *)1;
    int code = 0;
    server.reply = REPLY("200 OK", "74",
                         "{\"jsonrpc\":\"2.0\",\"id\":1,"
                         "\"error\":{\"code\":-32601,\"message\":\"no such thing\"}}");
    assert_fails_with(SY_E_REMOTE, "Filecoin.ChainHead: (-32601) no such thing",
                      call_rpc(NULL, 5000, &result, &code, &err));
    assert_int_equal(code, -32601);
    server.reply = REPLY("500 Internal Server Error", "47",
                         "{\"id\":1,\"error\":{\"code\":1,\"message\":\"exit 16\"}}");
    assert_fails_with(SY_E_REMOTE, "(1) exit 16", call_rpc(NULL, 5000, &result, &code, &err));
    assert_int_equal(code, 1);
    assert_ptr_equal(result, (void *)1);
}

static void odd_replies_are_refused(void **state)
{
    (void)state;
    json_t *result = NULL;
    int code = 9;
    server.reply = REPLY("401 Unauthorized", "0", "");
    assert_fails_with(SY_E_AUTH, "token", call_rpc("x", 5000, &result, &code, &err));
    assert_int_equal(code, 0);
    server.reply = REPLY("403 Forbidden", "2", "no");
    assert_fails(SY_E_AUTH, call_rpc("x", 5000, &result, &code, &err));
    server.reply = REPLY("200 OK", "9", "not JSON!");
    assert_fails_with(SY_E_REMOTE, "not JSON!", call_rpc(NULL, 5000, &result, NULL, &err));
    server.reply = REPLY("200 OK", "2", "[]");
    assert_fails(SY_E_REMOTE, call_rpc(NULL, 5000, &result, NULL, &err));
    server.reply = REPLY("404 Not Found", "4", "gone");
    assert_fails_with(SY_E_REMOTE, "HTTP 404: gone", call_rpc(NULL, 5000, &result, NULL, &err));
    server.reply = REPLY("200 OK", "21", "{\"id\":7,\"result\":{} }");
    assert_fails_with(SY_E_REMOTE, "another id", call_rpc(NULL, 5000, &result, NULL, &err));
    /* Not followed: the token would go to another host. */
    server.reply =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    assert_fails_with(SY_E_REMOTE, "HTTP 302", call_rpc("x", 5000, &result, NULL, &err));
}

static void silence_and_closed_doors(void **state)
{
    (void)state;
    json_t *result = NULL;
    server.reply = "";
    assert_fails(SY_E_TIMEOUT, call_rpc(NULL, 200, &result, NULL, &err));
    server.reply = NULL;
    assert_fails(SY_E_UNREACHABLE, call_rpc(NULL, 5000, &result, NULL, &err));
    server.reply = REPLY("200 OK", "100", "short");
    assert_fails(SY_E_TIMEOUT, call_rpc(NULL, 200, &result, NULL, &err));
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:1/");
    assert_fails(SY_E_UNREACHABLE, call_rpc(NULL, 5000, &result, NULL, &err));
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    struct sy_http *http = NULL;
    static char token[5000];
    assert_fails(SY_E_ARG, sy_http_create(&http, "ftp://x/", NULL, 100, &err));
    assert_fails(SY_E_ARG, sy_http_create(&http, "file:///etc/passwd", NULL, 100, &err));
    assert_fails(SY_E_ARG, sy_http_create(&http, "127.0.0.1:1234", NULL, 100, &err));
    assert_fails(SY_E_ARG, sy_http_create(&http, server.url, "a\r\nX: y", 100, &err));
    memset(token, 'x', sizeof token - 1);
    assert_fails(SY_E_ARG, sy_http_create(&http, server.url, token, 100, &err));
    json_t *result = NULL;
    snprintf(server.url, sizeof server.url, "http://");
    assert_fails(SY_E_ARG, call_rpc(NULL, 100, &result, NULL, &err));
    sy_http_destroy(NULL);
}

static void bodies_stop_at_their_limit(void **state)
{
    (void)state;
    struct sy_http *http = NULL;
    struct sy_buffer out;
    int status = 0;
    server.reply = REPLY("200 OK", "10", "0123456789");
    assert_works(sy_http_create(&http, server.url, NULL, 5000, &err));
    sy_buffer_init(&out, 12);
    assert_works(sy_buffer_append(&out, "ab", 2, &err));
    assert_works(sy_http_post_json(http, "{}", 2, &status, &out, &err));
    assert_int_equal(status, 200);
    assert_memory_equal(out.data, "ab0123456789", 12);
    out.bytes = 3;
    assert_fails(SY_E_LIMIT, sy_http_post_json(http, "{}", 2, &status, &out, &err));
    assert_int_equal(out.bytes, 3); /* as before the call */
    sy_buffer_fini(&out);
    sy_http_destroy(http);
}

static void connections_are_kept(void **state)
{
    (void)state;
    struct sy_http *http = NULL;
    struct sy_buffer out;
    int status = 0;
    server.reply = REPLY("200 OK", "1", "1");
    assert_works(sy_http_create(&http, server.url, NULL, 5000, &err));
    sy_buffer_init(&out, 100);
    for (int i = 0; i < 10; i++)
        assert_works(sy_http_post_json(http, "{}", 2, &status, &out, &err));
    assert_int_equal(out.bytes, 10);
    sy_buffer_fini(&out);
    sy_http_destroy(http);
    assert_int_equal(server.requests, 10);
    assert_int_equal(server.connections, 1);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    struct sy_http *http = NULL;
    struct sy_buffer out;
    int status = 0;
    server.reply = REPLY("200 OK", "1", "1");
    for (uint64_t n = 1; !http && n < 20; n++) {
        sy_mem_fail_after(n);
        int rc = sy_http_create(&http, server.url, NULL, 5000, NULL);
        sy_mem_fail_after(0);
        assert_true(rc == 0 || rc == -SY_E_NOMEM);
    }
    sy_buffer_init(&out, 100);
    sy_mem_fail_after(1);
    assert_fails(SY_E_NOMEM, sy_http_post_json(http, "{}", 2, &status, &out, &err));
    assert_works(sy_http_post_json(http, "{}", 2, &status, &out, &err));
    sy_buffer_fini(&out);
    sy_http_destroy(http);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_result_comes_back),
        TEST(no_token_no_header_and_null_results),
        TEST(errors_of_the_node_are_passed_on),
        TEST(odd_replies_are_refused),
        TEST(silence_and_closed_doors),
        TEST(bad_arguments_are_refused),
        TEST(bodies_stop_at_their_limit),
        TEST(connections_are_kept),
        TEST(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
