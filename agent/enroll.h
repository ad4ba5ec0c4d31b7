/* Enrolment: a one-time token becomes this agent's own key.
 *
 * The key pair is made here and its secret never leaves the machine. <dir>/keys is 0700 and ends
 * with agent.key and scheduler.pub. The new key is saved as agent.key.new before the scheduler
 * hears of it, so a kill in between cannot lose a key that was accepted: the next `enroll` tries it
 * first.
 */
#ifndef SEALYARD_AGENT_ENROLL_H
#define SEALYARD_AGENT_ENROLL_H

#include "agent/agent_conf.h"

#define SY_ENROLL_TIMEOUT_MS 15000u

/* token_text: the line that `sealyard agents enroll` printed. -SY_E_EXISTS when there is a key
 * already, -SY_E_AUTH for a used, expired or foreign token, -SY_E_UNREACHABLE / -SY_E_TIMEOUT. */
int sy_agent_enroll(const struct sy_agent_conf *conf, const char *token_text, struct sy_error *err);

/* <dir>/keys/agent.key */
int sy_agent_key_path(char *ret_path, const struct sy_agent_conf *conf, struct sy_error *err);

#endif
