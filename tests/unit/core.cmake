# The scheduler's core, records, recovery, store and policies.
foreach(unit lease planner record recover state state_rows store_lmdb)
    sy_test(test_${unit} SOURCES test_${unit}.c core_world.c
        LINK sealyard_store sealyard_core sealyard_common PKG jansson)
endforeach()
foreach(unit job_fsm retry)
    sy_test(test_${unit} SOURCES test_${unit}.c LINK sealyard_core sealyard_common)
endforeach()
sy_test(test_policy SOURCES test_policy.c LINK sealyard_policies sealyard_common PKG jansson)
target_compile_definitions(test_policy PRIVATE SY_POLICY_DIR="${CMAKE_SOURCE_DIR}/policies")
