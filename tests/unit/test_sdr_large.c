#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sdr/parents.h"
#include "tests/unit/sdr_kat.h"

/* The digest of the whole graph of a registered proof is the one that the network publishes. */
static void check_known_digest(uint64_t id)
{
    struct sy_porep_params params;
    struct sy_graph graph;
    char name[SY_GRAPH_CACHE_NAME_BYTES];
    uint8_t digest[32];
    assert_ok(sy_porep_params_init(&params, id, err));
    assert_ok(sy_graph_init_params(&graph, &params, true, err));
    sy_graph_cache_name(&graph, name);
    assert_non_null(sy_parents_known_digest(name));
    sy_parents_digest(&graph, digest);
    assert_hex(digest, 32, sy_parents_known_digest(name));
    sy_graph_fini(&graph);
}

static void graphs_of_512_mib(void **state)
{
    (void)state;
    check_known_digest(2);
    check_known_digest(7);
}

/* Some minutes of one core each: only when SEALYARD_NIGHTLY_FULL is set. */
static void graphs_of_32_gib(void **state)
{
    (void)state;
    if (!getenv("SEALYARD_NIGHTLY_FULL")) {
        print_message("skipped: set SEALYARD_NIGHTLY_FULL=1 for whole 32 GiB graphs\n");
        skip();
    }
    check_known_digest(3);
    check_known_digest(8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_of_512_mib),
        cmocka_unit_test(graphs_of_32_gib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
