/* Any bytes as the spec of any stage. The first byte chooses the stage. */
#include "tasks/stage/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sy_spec spec;
    if (bytes == 0)
        return 0;
    if (sy_spec_parse(&spec, data[0] % SY_STAGE_COUNT, (const char *)data + 1, bytes - 1, NULL))
        return 0;
    sy_spec_fini(&spec);
    return 0;
}
