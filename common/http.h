/* HTTP client over libcurl: the only file that sees it. Blocking; one handle per thread.
 *
 * Redirects are not followed, only http and https are spoken, a body is at most max_bytes.
 */
#ifndef SEALYARD_COMMON_HTTP_H
#define SEALYARD_COMMON_HTTP_H

#include "common/codec.h"

struct sy_http;
/* bearer_token may be NULL; it is copied into locked memory and never logged. */
int sy_http_create(struct sy_http **ret, const char *url, const char *bearer_token,
                   uint64_t timeout_ms, struct sy_error *err);
void sy_http_destroy(struct sy_http *http);
/* POSTs JSON, keeps the connection. *ret_status is the HTTP status; the body (any status) is
 * appended to out. Connection refused, reset, time-out: -SY_E_UNREACHABLE / -SY_E_TIMEOUT. */
int sy_http_post_json(struct sy_http *http, const char *body, size_t body_bytes, int *ret_status,
                      struct sy_buffer *out, struct sy_error *err);

struct sy_http_progress {
    /* total is 0 while the server has not named it. From the calling thread. */
    void (*on_progress)(void *ctx, uint64_t done, uint64_t total);
    void *ctx;
};
/* No file that anybody fetches is larger. */
#define SY_HTTP_FILE_BYTES_MAX (UINT64_C(256) << 30)
/* GETs url into path, which is made when missing and synced at the end; it is NOT a whole file
 * before this returns 0, so give a temporary name. With `resume` bytes that are there already are
 * kept and the rest is asked for; a server that sends everything again replaces them. Without it
 * the file starts anew. After a failure what came stays, for the next attempt. progress may be
 * NULL. A transfer below 1 KB/s for a minute is given up (-SY_E_TIMEOUT). -SY_E_NOT_FOUND for
 * status 404 and 410, -SY_E_REMOTE for any other that is no success, -SY_E_LIMIT above the maximum,
 * -SY_E_UNREACHABLE, -SY_E_FULL. */
int sy_http_fetch_file(const char *url, const char *path, bool resume,
                       const struct sy_http_progress *progress, struct sy_error *err);

/* JSON-RPC 2.0 as Lotus speaks it: params is a JSON array (borrowed). *ret_result is a new
 * reference (JSON null included). An error object becomes -SY_E_REMOTE with "(code) message" as
 * text and its code in *ret_rpc_code (0 otherwise; may be NULL). */
int sy_jsonrpc_call(struct sy_http *http, const char *method, json_t *params, json_t **ret_result,
                    int *ret_rpc_code, struct sy_error *err);

#endif
