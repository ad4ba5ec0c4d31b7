# A real scheduler on a real disk, its clients and one agent in the same process over CURVE.
sy_program(bench_scheduler SOURCES bench_scheduler.c LINK sealyard_scheduler)
target_compile_definitions(bench_scheduler PRIVATE
    TEST_PLUGIN_DIR="${CMAKE_BINARY_DIR}/tests/plugins")
add_dependencies(bench_scheduler sealyard-plugin-test)
