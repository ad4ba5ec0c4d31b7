# Start, kill and adoption of tasks by the agent; prints a table, or JSON with --json.
sy_program(bench_agent SOURCES bench_agent.c LINK sealyard_agent)
target_compile_definitions(bench_agent PRIVATE SY_BENCH_BIN="${CMAKE_BINARY_DIR}/bin")
add_dependencies(bench_agent sealyard-shim fake_task)
