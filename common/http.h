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

/* JSON-RPC 2.0 as Lotus speaks it: params is a JSON array (borrowed). *ret_result is a new
 * reference (JSON null included). An error object becomes -SY_E_REMOTE with "(code) message" as
 * text and its code in *ret_rpc_code (0 otherwise; may be NULL). */
int sy_jsonrpc_call(struct sy_http *http, const char *method, json_t *params, json_t **ret_result,
                    int *ret_rpc_code, struct sy_error *err);

#endif
