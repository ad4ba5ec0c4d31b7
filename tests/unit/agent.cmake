sy_test(test_cgroup SOURCES test_cgroup.c LINK sealyard_cgroup)
sy_test(test_topo SOURCES test_topo.c LINK sealyard_cgroup)

# Real shims run a stage program that can do what stages do wrong.
add_executable(fake_task fake_task.c)
target_link_libraries(fake_task PRIVATE sealyard_flags)
sy_link_pkg(fake_task PRIVATE jansson libsodium)
set_target_properties(fake_task PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
sy_test(test_attempt SOURCES test_attempt.c attempt_world.c LINK sealyard_agent)
add_dependencies(test_attempt fake_task sealyard-shim)
sy_test(test_ledger SOURCES test_ledger.c LINK sealyard_agent)
sy_test(test_shim_io SOURCES test_shim_io.c LINK sealyard_agent)
sy_test(test_scratch SOURCES test_scratch.c LINK sealyard_agent)
sy_test(test_agent_conf SOURCES test_agent_conf.c LINK sealyard_agent)
