/* HTTP around the chain: libmicrohttpd on its own thread, one lock, one producer.
 *
 * POST /rpc/v1 only. Body at most 100 MiB as in the network's nodes, 64 connections. With
 * `require_token` reading needs no token, pushing needs that of <dir>/token; a wrong token is 401.
 */
#ifndef SEALYARD_OPS_DEVCHAIN_HTTP_H
#define SEALYARD_OPS_DEVCHAIN_HTTP_H

#include "ops/devchain/chain.h"

struct sy_dc_server;
/* Listens and writes http://HOST:PORT/rpc/v1 to <dir>/url. Borrows the chain. */
int sy_dc_server_create(struct sy_dc_server **ret, struct sy_dc_chain *chain, struct sy_error *err);
void sy_dc_server_destroy(struct sy_dc_server *server);
uint16_t sy_dc_server_port(const struct sy_dc_server *server);
/* One epoch under the lock. */
int sy_dc_server_step(struct sy_dc_server *server, int64_t now_s, struct sy_error *err);

#endif
