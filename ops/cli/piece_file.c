#include "ops/cli/piece_file.h"

#include "common/file.h"
#include "tasks/sector/cid.h"
#include "tasks/sector/commp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sy_cli_describe_piece(const char *path, struct sy_piece *ret, struct sy_error *err)
{
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return sy_fail_errno(err, errno, "piece %s", path);
    size_t length = strlen(absolute);
    if (length >= sizeof ret->path) {
        free(absolute);
        return sy_fail(err, SY_E_LIMIT, "the path of piece %.80s has %zu bytes, at most %zu fit",
                       path, length, sizeof ret->path - 1);
    }
    memset(ret, 0, sizeof *ret);
    memcpy(ret->path, absolute, length + 1);
    free(absolute);
    uint64_t bytes;
    int rc = sy_file_size(ret->path, &bytes, err);
    if (rc == 0 && bytes == 0)
        rc = sy_fail(err, SY_E_ARG, "piece %s is empty, a piece holds at least one byte", path);
    uint8_t comm[SY_COMM_BYTES];
    if (rc == 0)
        rc = sy_commp_file(ret->path, 0, comm, &ret->raw_bytes, &ret->padded_bytes, err);
    if (rc == 0)
        sy_cid_unsealed_format(comm, ret->cid);
    return rc;
}
