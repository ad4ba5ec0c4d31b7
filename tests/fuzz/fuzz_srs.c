/* Any bytes as the reference string of SnarkPack, read for as many proofs as the first byte says.
 */
#include "tasks/snark/aggregate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sy_srs srs;
    if (bytes > 0 && sy_srs_parse(&srs, data + 1, bytes - 1, 1u << data[0] % 8, 1, NULL) == 0)
        sy_srs_fini(&srs);
    return 0;
}
