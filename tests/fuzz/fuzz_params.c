/* Any bytes as a .vk, a .params file and a parameters.json. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "tasks/snark/params_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static char directory[64];

static void remove_directory(void)
{
    (void)sy_file_remove_tree(directory, NULL);
}

static const char *write_input(const char *name, const uint8_t *data, size_t bytes)
{
    static char path[128];
    if (!directory[0]) {
        snprintf(directory, sizeof directory, "/tmp/sealyard-fuzz-params-%d", (int)getpid());
        if (mkdir(directory, 0700) != 0 || atexit(remove_directory) != 0)
            abort();
    }
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0)
        abort();
    return path;
}

static void try_manifest(const uint8_t *data, size_t bytes)
{
    static struct sy_params_set sets[SY_PARAMS_SETS_MAX];
    size_t count;
    write_input(SY_PARAMS_MANIFEST_NAME, data, bytes);
    (void)sy_params_store_list(directory, sets, &count, NULL);
    (void)sy_params_store_verify(directory, SY_CIRCUIT_WINDOW, 2048, NULL, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct sy_groth16_vk vk;
    struct sy_groth16_params params;
    if (bytes > 0 && data[0] == '{') {
        try_manifest(data, bytes);
        return 0;
    }
    if (sy_groth16_vk_parse(&vk, data, bytes, NULL) == 0)
        sy_groth16_vk_fini(&vk);
    if (sy_groth16_params_open(&params, write_input("x.params", data, bytes), NULL) == 0)
        sy_groth16_params_close(&params);
    return 0;
}
