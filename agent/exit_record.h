/* exit.json: what became of a task. Written once by the shim, after result.json is durable; its
 * presence means that the attempt is over and that its result is complete.
 *
 * {"started":true,"status":0|null,"signal":null|9,"class":"NONE","oom":false,"wall_ms":..,"cpu_ms":..,
 *  "peak_bytes":..,"text":""}
 * The agent writes one too, for an attempt whose shim died without a record (class TRANSIENT).
 */
#ifndef SEALYARD_AGENT_EXIT_RECORD_H
#define SEALYARD_AGENT_EXIT_RECORD_H

#include "common/err.h"

#define SY_EXIT_RECORD_FILE "exit.json"
#define SY_RESULT_FILE "result.json"
#define SY_EXIT_RECORD_BYTES_MAX 4096

struct sy_exit_record {
    bool started;            /* the task program ran */
    int status;              /* exit status, -1 = killed by a signal or never started */
    int signal;              /* 0 = none */
    enum sy_err_class class; /* SY_CLASS_NONE = the task succeeded */
    bool oom;                /* the memory controller killed a process of the task */
    uint64_t wall_ms, cpu_ms, peak_bytes;
    char text[SY_ERROR_TEXT_BYTES]; /* why, when class is not NONE; may be empty: see result.json */
};

/* Class of an exit by the task contract: 0 NONE, 10 INPUT, 11 TRANSIENT, 12 RESOURCE, 13 CORRUPT,
 * 14 BUG, any other status BUG; a signal is TRANSIENT, or RESOURCE when oom. */
enum sy_err_class sy_exit_class(int status, int signal, bool oom);

int sy_exit_record_write(const char *directory, const struct sy_exit_record *record,
                         struct sy_error *err);
/* -SY_E_NOT_FOUND when there is none; -SY_E_PARSE for a damaged one. */
int sy_exit_record_read(const char *directory, struct sy_exit_record *ret, struct sy_error *err);

#endif
