/* Inside part of query.c: the status screen. Loop thread. */
#ifndef SEALYARD_SCHEDULER_QUERY_STATUS_H
#define SEALYARD_SCHEDULER_QUERY_STATUS_H

#include <jansson.h>

struct sy_scheduler;
/* New references; NULL = out of memory. The head is JSON null while no plugin told one. */
json_t *sy_query_status_json(struct sy_scheduler *scheduler);
json_t *sy_query_head_json(struct sy_scheduler *scheduler);

#endif
