/* Any bytes as a C1 file: read, and when they have its form, verify. */
#include "tasks/vanilla/c1.h"
#include "tasks/vanilla/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sy_c1 *c1 = NULL;
    struct sy_porep_params params;
    struct sy_c1_check check = {.params = &params, .threads = 1};
    if (sy_c1_read_memory(&c1, (const char *)data, bytes, NULL))
        return 0;
    if (sy_c1_params(c1, &params, NULL) == 0 || sy_porep_params_init(&params, 5, NULL) == 0)
        (void)sy_c1_verify(c1, &check, NULL);
    sy_c1_destroy(c1);
    return 0;
}
