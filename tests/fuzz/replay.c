/* Runs a fuzz target over every file of a directory: the stored corpus as an ordinary test, with
 * any compiler. Usage: replay_NAME DIRECTORY */
#include "common/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_BYTES_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int replay_file(const char *directory, const char *name, struct sy_error *err)
{
    char path[SY_PATH_BYTES], *data = NULL;
    size_t bytes = 0;
    int rc = sy_path_format(path, err, "%s/%s", directory, name);
    if (rc == 0)
        rc = sy_file_read(path, INPUT_BYTES_MAX, &data, &bytes, err);
    if (rc < 0)
        return rc;
    LLVMFuzzerTestOneInput((const uint8_t *)data, bytes);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    struct sy_error err = {0};
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    if (!directory) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    size_t count = 0;
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        rc = replay_file(argv[1], entry->d_name, &err);
        count++;
    }
    closedir(directory);
    if (rc < 0 || count == 0) {
        fprintf(stderr, "replay of %s: %s\n", argv[1], rc < 0 ? err.text : "the corpus is empty");
        return 1;
    }
    printf("%zu inputs\n", count);
    return 0;
}
