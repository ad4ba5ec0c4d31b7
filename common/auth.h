/* Keys and identities: CURVE key files, the fail-closed ZAP handler, enrolment tokens.
 *
 * Key file (text, mode 0600, owner = the running user, no group- or world-writable parent):
 *     public = "Z85 (40)"
 *     secret = "Z85 (40)"
 * A public key file has only the first line. Secrets are kept in locked memory and wiped.
 * ZAP runs inside the loop: domain "sealyard", mechanism CURVE only; unknown, revoked and expired
 * keys are refused. The User-Id of an accepted connection is the identity name and arrives with
 * every message (zmq_msg_gets), so no payload field can claim another one.
 */
#ifndef SEALYARD_COMMON_AUTH_H
#define SEALYARD_COMMON_AUTH_H

#include "common/job.h"
#include "common/loop.h"

#define SY_KEY_TEXT_BYTES 41 /* Z85 of 32 bytes + NUL */

struct sy_keypair {
    char public_key[SY_KEY_TEXT_BYTES];
    char secret_key[SY_KEY_TEXT_BYTES]; /* empty for a public key file */
};

int sy_keypair_generate(struct sy_keypair *ret, struct sy_error *err);
/* Refuses (SY_E_DENIED, saying the chmod/chown that helps) modes beyond 0600, a foreign owner, a
 * group- or world-writable directory. */
int sy_keypair_load(const char *path, struct sy_keypair *ret, struct sy_error *err);
/* Durable, 0600; -SY_E_EXISTS when the file exists: keys are never overwritten. */
int sy_keypair_save(const char *path, const struct sy_keypair *pair, struct sy_error *err);
int sy_public_key_save(const char *path, const char *public_key, struct sy_error *err);
int sy_public_key_load(const char *path, char ret_key[SY_KEY_TEXT_BYTES], struct sy_error *err);
void sy_keypair_wipe(struct sy_keypair *pair);

/* Enrolment token: one line of text "sy1." + base64 of endpoint, server public key, one-time key
 * pair. It is a secret that works once within an hour; it travels by file or standard input, never
 * in argv. */
#define SY_TOKEN_TEXT_BYTES 1024
struct sy_enroll_token {
    char name[SY_NAME_BYTES];
    char endpoint[256];
    char server_key[SY_KEY_TEXT_BYTES];
    struct sy_keypair once;
};
int sy_enroll_token_print(const struct sy_enroll_token *token, char ret_text[SY_TOKEN_TEXT_BYTES],
                          struct sy_error *err);
int sy_enroll_token_parse(const char *text, struct sy_enroll_token *ret, struct sy_error *err);

/* Looks a public key up: fills *ret and returns 0, or refuses with the reason. Loop thread. */
typedef int sy_auth_lookup(void *ctx, const char *public_key, struct sy_identity *ret,
                           struct sy_error *err);

struct sy_zap;
/* Binds inproc://zeromq.zap.01 in the ZeroMQ context and answers from the loop. Every refusal is
 * logged with the key's first 8 characters and counted. */
int sy_zap_create(struct sy_zap **ret, struct sy_loop *loop, void *zmq_context,
                  sy_auth_lookup *lookup, void *ctx, struct sy_error *err);
void sy_zap_destroy(struct sy_zap *zap);
/* Answers what waits now; quiet: without log lines (the router's self-test, before the loop runs).
 * Returns the number of requests answered. */
size_t sy_zap_serve(struct sy_zap *zap, bool quiet);
/* The ZAP socket, for a poll of one's own. Borrowed. */
void *sy_zap_socket(const struct sy_zap *zap);
uint64_t sy_zap_refused_count(const struct sy_zap *zap);

/* Equal in constant time. */
bool sy_token_equal(const void *a, const void *b, size_t bytes);

#endif
