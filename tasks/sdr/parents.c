#include "tasks/sdr/parents.h"

#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "tasks/hash/sha256.h"
#include "tasks/tree/parallel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_NODES 16384
#define CHUNK_BYTES ((size_t)CHUNK_NODES * SY_PARENTS_NODE_BYTES)
#define CHUNKS_PER_WORKER 4
#define READ_BYTES ((size_t)4 << 20)
#define SIDECAR_BYTES_MAX 512

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "parents are mapped as u32le");

/* Digests that the network's software ships for its parent caches. */
static const struct {
    const char *name;
    const char *sha256;
} known[] = {
    {"v28-sdr-parent-3f0eef38bb48af1f48ad65e14eb85b4ebfc167cec18cd81764f6d998836c9899.cache",
     "3da49221e2ed55371b86d0bf3d6526fcf128af61bed904f966428db1b531750d"},
    {"v28-sdr-parent-dcdabb0fbe4364bf0ac28b6a18c66de246409fa1a9020a00f33fb3e3053da6dc.cache",
     "a76604f2f59f2744c7151653bbb1d8596b6b57d295e6fa6c1f0c41d725b502ce"},
    {"v28-sdr-parent-2aa9c77c3e58259481351cc4be2079cc71e1c9af39700866545c043bfa30fb42.cache",
     "3adcc092423aa76d6a7184016893406da44dd974b219a89cd3ece25e4e3018f5"},
    {"v28-sdr-parent-e1fa5d5b811ddbd118be3412c4a8c329156b8b8acc72632bca459455b5a05a13.cache",
     "3c4f9841fcc75aed8c695800e58d08480629f25af3a2aefd81904181d75cc0b6"},
    {"v28-sdr-parent-8a99e8d6b6be7ab87a56b632e6739ff201c23ea14e99737c74690f0e265574d6.cache",
     "2778a732ad46a7dc18e0564dfdf59fd321dcde74ab476fd6d3c4e6735d7cd89c"},
    {"v28-sdr-parent-494d91dc80f2df5272c4b9e129bc7ade9405225993af9fe34e6542a39a47554b.cache",
     "840057702eea7652cf97e04306c30fe57174714d90de156a25eddd6075c25b97"},
    {"v28-sdr-parent-5eed212119fd91aa6220a27f31a8966444a9381842bceb3a1ea61525bd47a5b5.cache",
     "03cd13565ded97c240a5f52e54295ad127bd0461b57904cb3a4d79b097bbecab"},
    {"v28-sdr-parent-7ba215a1d2345774ab90b8cb1158d296e409d6068819d7b8c7baf0b25d63dc34.cache",
     "b5877d1963793efebc261fd8fde4dd6bc59e6b5c7abf52617a4ee023b8dc173a"},
    {"v28-sdr-parent-21981246c370f9d76c7a77ab273d94bde0ceb4e938292334960bce05585dc117.cache",
     "93deeac5e3052b6927467d4b2641bb782f05491de18d510147c93eeedd8672da"},
    {"v28-sdr-parent-4905486b7af19558ac3649bc6261411858b6add534438878c4ee3b29d8b9de0b.cache",
     "2698b74eb2606b55b98d8b095e18b6320b47f46e00075956d48640ccd1641b03"},
};

const char *sy_parents_known_digest(const char *name)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(known); i++) {
        if (strcmp(known[i].name, name) == 0)
            return known[i].sha256;
    }
    return NULL;
}

static void fill_chunk(const struct sy_graph *graph, uint64_t first, uint64_t count, uint32_t *to)
{
    for (uint64_t i = 0; i < count; i++)
        sy_graph_parents(graph, first + i, to + i * SY_PARENTS);
}

void sy_parents_digest(const struct sy_graph *graph, uint8_t ret_sha256[32])
{
    struct sy_sha256 sha;
    uint32_t node[64 * SY_PARENTS];
    sy_sha256_init(&sha);
    for (uint64_t at = 0; at < graph->nodes; at += 64) {
        uint64_t count = SY_MIN(graph->nodes - at, UINT64_C(64));
        fill_chunk(graph, at, count, node);
        sy_sha256_update(&sha, node, (size_t)count * SY_PARENTS_NODE_BYTES);
    }
    sy_sha256_final(&sha, ret_sha256);
}

/* ------------------------------------------------------------------------------------- building */

/* Batches of chunks: while the workers make one batch, index 0 hashes the batch before. */
struct build {
    const struct sy_graph *graph;
    int fd;
    const char *temp;
    uint8_t *buffer[2];
    uint64_t first[2]; /* first node of each batch */
    uint64_t count[2]; /* nodes of each batch */
    unsigned making;
    struct sy_sha256 sha;
};

static int build_index(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    struct build *b = ctx;
    (void)worker;
    if (index == 0) {
        unsigned done = b->making ^ 1;
        sy_sha256_update(&b->sha, b->buffer[done], (size_t)b->count[done] * SY_PARENTS_NODE_BYTES);
        return 0;
    }
    uint64_t skip = (index - 1) * CHUNK_NODES;
    uint64_t count = SY_MIN(b->count[b->making] - skip, (uint64_t)CHUNK_NODES);
    uint64_t first = b->first[b->making] + skip;
    uint8_t *to = b->buffer[b->making] + skip * SY_PARENTS_NODE_BYTES;
    fill_chunk(b->graph, first, count, (uint32_t *)(void *)to);
    return sy_file_pwrite(b->fd, to, (size_t)count * SY_PARENTS_NODE_BYTES,
                          first * SY_PARENTS_NODE_BYTES, b->temp, err);
}

static int build_batches(struct build *b, unsigned threads, uint64_t batch_nodes,
                         const struct sy_progress *progress, struct sy_error *err)
{
    uint64_t nodes = b->graph->nodes;
    for (uint64_t first = 0; first < nodes; first += batch_nodes) {
        b->first[b->making] = first;
        b->count[b->making] = SY_MIN(nodes - first, batch_nodes);
        uint64_t chunks = (b->count[b->making] + CHUNK_NODES - 1) / CHUNK_NODES;
        int rc = sy_parallel_for(threads, 0, chunks + 1, build_index, b, err);
        if (rc < 0)
            return rc;
        b->making ^= 1;
        b->count[b->making] = 0;
        sy_progress_report(progress, "parents", SY_MIN(first + batch_nodes, nodes), nodes);
    }
    /* The last batch was not hashed yet. */
    return build_index(b, 0, 0, err);
}

static int write_sidecar(const char *path, const char *name, const uint8_t sha256[32],
                         struct sy_error *err)
{
    char sidecar[SY_PATH_BYTES], hex[SY_HEX_TEXT_BYTES(32)], text[SY_PATH_BYTES];
    int rc = sy_path_format(sidecar, err, "%s.sha256", path);
    if (rc == 0)
        rc = sy_path_format(text, err, "%s  %s\n", sy_hex_encode(sha256, 32, hex), name);
    return rc < 0 ? rc : sy_file_write(sidecar, text, strlen(text), 0644, err);
}

static int check_built(const char *name, const uint8_t sha256[32], struct sy_error *err)
{
    char hex[SY_HEX_TEXT_BYTES(32)];
    const char *want = sy_parents_known_digest(name);
    sy_hex_encode(sha256, 32, hex);
    if (want && strcmp(want, hex) != 0)
        return sy_fail(err, SY_E_MISMATCH,
                       "parents of %s came out as %s, the network's are %s: processor or memory "
                       "may be faulty",
                       name, hex, want);
    return 0;
}

static int build_file(const struct sy_graph *graph, const struct sy_parents_opts *opts,
                      const char *path, const char *name, uint8_t ret_sha256[32],
                      struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    unsigned threads = sy_parallel_threads(opts->threads);
    uint64_t batch_nodes = (uint64_t)threads * CHUNKS_PER_WORKER * CHUNK_NODES;
    batch_nodes = SY_MIN(batch_nodes, graph->nodes);
    struct build b = {.graph = graph, .fd = -1, .temp = temp};

    if (!graph->table)
        return sy_fail(err, SY_E_ARG, "parents of %s are missing and this graph cannot build them",
                       name);
    int rc = sy_path_format(temp, err, "%s%s", path, SY_FILE_TEMP_SUFFIX);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 2; i++) {
        b.buffer[i] = malloc((size_t)batch_nodes * SY_PARENTS_NODE_BYTES);
        if (!b.buffer[i]) {
            rc = sy_fail(err, SY_E_NOMEM, "memory for building parents: %u threads", threads);
            goto out;
        }
    }
    b.fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (b.fd < 0) {
        rc = sy_fail_errno(err, errno, "creating %s", temp);
        goto out;
    }
    sy_sha256_init(&b.sha);
    rc = build_batches(&b, threads, batch_nodes, opts->progress, err);
    if (rc == 0) {
        sy_sha256_final(&b.sha, ret_sha256);
        rc = check_built(name, ret_sha256, err);
    }
    if (rc == 0) {
        rc = sy_file_publish(b.fd, temp, path, err);
    } else {
        close(b.fd);
        unlink(temp);
    }
    if (rc == 0)
        rc = write_sidecar(path, name, ret_sha256, err);
out:
    free(b.buffer[0]);
    free(b.buffer[1]);
    return rc;
}

/* ------------------------------------------------------------------------------------- checking */

enum cache_state { CACHE_GOOD, CACHE_MISSING, CACHE_DAMAGED };

/* The digest that the file must have: known, or from the sidecar. False when there is none. */
static bool expected_digest(const char *path, const char *name, uint8_t ret_sha256[32])
{
    char sidecar[SY_PATH_BYTES], hex[SY_HEX_TEXT_BYTES(32)];
    char *text = NULL;
    size_t bytes;
    bool found = false;
    const char *want = sy_parents_known_digest(name);

    if (want)
        return sy_hex_decode(want, ret_sha256, 32, NULL) == 0;
    if (sy_path_format(sidecar, NULL, "%s.sha256", path) < 0 ||
        sy_file_read(sidecar, SIDECAR_BYTES_MAX, &text, &bytes, NULL) < 0)
        return false;
    if (bytes > 66 && memcmp(text + 64, "  ", 2) == 0 &&
        strncmp(text + 66, name, strlen(name)) == 0) {
        memcpy(hex, text, 64);
        hex[64] = '\0';
        found = sy_hex_decode(hex, ret_sha256, 32, NULL) == 0;
    }
    free(text);
    return found;
}

static int hash_file(int fd, const char *path, uint64_t bytes, const struct sy_progress *progress,
                     uint8_t ret_sha256[32], struct sy_error *err)
{
    struct sy_sha256 sha;
    uint8_t *buffer = malloc(READ_BYTES);
    int rc = 0;
    if (!buffer)
        return sy_fail(err, SY_E_NOMEM, "memory for reading %s", path);
    sy_sha256_init(&sha);
    for (uint64_t at = 0; rc == 0 && at < bytes; at += READ_BYTES) {
        size_t take = (size_t)SY_MIN(bytes - at, (uint64_t)READ_BYTES);
        rc = sy_file_pread(fd, buffer, take, at, path, err);
        if (rc == 0)
            sy_sha256_update(&sha, buffer, take);
        if ((at / READ_BYTES) % 256 == 255)
            sy_progress_report(progress, "parents check", at / SY_PARENTS_NODE_BYTES,
                               bytes / SY_PARENTS_NODE_BYTES);
    }
    sy_sha256_final(&sha, ret_sha256);
    free(buffer);
    return rc;
}

/* Opens and judges the file. On CACHE_GOOD *ret_fd is open; on CACHE_DAMAGED `why` says what is
 * wrong. Only failures of reading itself are errors. */
static int check_file(const char *path, const char *name, uint64_t bytes,
                      const struct sy_parents_opts *opts, enum cache_state *ret_state, int *ret_fd,
                      uint8_t sha256[32], struct sy_error *why, struct sy_error *err)
{
    uint8_t found[32];
    struct stat st;
    int rc = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        *ret_state = CACHE_MISSING;
        return 0;
    }
    if (fd < 0)
        return sy_fail_errno(err, errno, "opening %s", path);
    *ret_state = CACHE_DAMAGED;
    if (fstat(fd, &st) < 0) {
        rc = sy_fail_errno(err, errno, "looking at %s", path);
    } else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != bytes) {
        sy_fail(why, SY_E_CORRUPT, "%s has %" PRIu64 " bytes, expected %" PRIu64, path,
                (uint64_t)st.st_size, bytes);
    } else if (!expected_digest(path, name, sha256)) {
        sy_fail(why, SY_E_CORRUPT, "%s has no digest to check it with", path);
    } else if (opts->skip_digest) {
        *ret_state = CACHE_GOOD;
    } else {
        rc = hash_file(fd, path, bytes, opts->progress, found, err);
        if (rc == 0 && memcmp(found, sha256, 32) == 0)
            *ret_state = CACHE_GOOD;
        else if (rc == 0)
            sy_fail(why, SY_E_CORRUPT, "%s does not have the digest it must have", path);
    }
    if (rc == 0 && *ret_state == CACHE_GOOD)
        *ret_fd = fd;
    else
        close(fd);
    return rc;
}

/* Returns the lock's fd, or -1 without an error when the directory cannot be written: then the file
 * can only be used, not built. */
static int open_lock(const char *path, int *ret_fd, struct sy_error *err)
{
    char lock[SY_PATH_BYTES];
    int rc = sy_path_format(lock, err, "%s.lock", path);
    if (rc < 0)
        return rc;
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EROFS && errno != EACCES)
        return sy_fail_errno(err, errno, "creating %s", lock);
    *ret_fd = fd;
    return 0;
}

static int take_lock(int fd, int operation, const char *path, struct sy_error *err)
{
    if (fd < 0)
        return 0;
    while (flock(fd, operation) < 0) {
        if (errno != EINTR)
            return sy_fail_errno(err, errno, "locking %s.lock", path);
    }
    return 0;
}

static int map_file(struct sy_parents *p, int fd, const char *path, struct sy_error *err)
{
    void *at = mmap(NULL, p->map_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return sy_fail_errno(err, errno, "mapping %s, %zu bytes", path, p->map_bytes);
    madvise(at, p->map_bytes, MADV_SEQUENTIAL);
    p->entry = at;
    return 0;
}

/* Under the exclusive lock: another process may have built the file meanwhile. */
static int build_when_needed(struct sy_parents *p, const struct sy_graph *graph,
                             const struct sy_parents_opts *opts, const char *path, const char *name,
                             int *ret_fd, struct sy_error *err)
{
    enum cache_state state;
    struct sy_error why = {0};
    int rc = check_file(path, name, p->map_bytes, opts, &state, ret_fd, p->sha256, &why, err);
    if (rc < 0 || state == CACHE_GOOD)
        return rc;
    if (state == CACHE_DAMAGED && opts->no_repair)
        return sy_fail(err, SY_E_CORRUPT, "%.240s: remove it to have it built again", why.text);
    if (state == CACHE_DAMAGED)
        SY_WARN("parents", "rebuild", "file=%s", name);
    rc = build_file(graph, opts, path, name, p->sha256, err);
    if (rc < 0)
        return rc;
    p->built = true;
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? sy_fail_errno(err, errno, "opening %s", path) : 0;
}

int sy_parents_open(struct sy_parents *ret_parents, const struct sy_graph *graph,
                    const struct sy_parents_opts *opts, struct sy_error *err)
{
    struct sy_parents p = {.nodes = graph->nodes,
                           .map_bytes = (size_t)graph->nodes * SY_PARENTS_NODE_BYTES};
    char name[SY_GRAPH_CACHE_NAME_BYTES], path[SY_PATH_BYTES];
    enum cache_state state;
    struct sy_error why;
    int fd = -1, lock_fd = -1;

    sy_graph_cache_name(graph, name);
    int rc = sy_path_format(path, err, "%s/%s", opts->directory, name);
    if (rc == 0)
        rc = sy_file_make_directory(opts->directory, 0755, err);
    if (rc == 0)
        rc = open_lock(path, &lock_fd, err);
    if (rc < 0)
        return rc;

    rc = take_lock(lock_fd, LOCK_SH, path, err);
    if (rc == 0)
        rc = check_file(path, name, p.map_bytes, opts, &state, &fd, p.sha256, &why, err);
    if (rc == 0 && state != CACHE_GOOD) {
        if (lock_fd < 0)
            rc = sy_fail(err, SY_E_DENIED, "%s cannot be built: %s is not writable", path,
                         opts->directory);
        /* Not an upgrade: the shared lock is given up first, so two upgraders cannot block each
         * other, and the file is judged again. */
        if (rc == 0)
            rc = take_lock(lock_fd, LOCK_UN, path, err);
        if (rc == 0)
            rc = take_lock(lock_fd, LOCK_EX, path, err);
        if (rc == 0)
            rc = build_when_needed(&p, graph, opts, path, name, &fd, err);
    }
    if (rc == 0)
        rc = map_file(&p, fd, path, err);
    if (fd >= 0)
        close(fd);
    if (lock_fd >= 0)
        close(lock_fd);
    if (rc == 0)
        *ret_parents = p;
    return rc;
}

void sy_parents_close(struct sy_parents *parents)
{
    if (parents->entry)
        munmap((void *)(uintptr_t)parents->entry, parents->map_bytes);
    parents->entry = NULL;
}
