# Vanilla proofs and the stages of sealyard-task.
sy_test(test_challenges SOURCES test_challenges.c LINK sealyard_proofs PKG jansson)
sy_test(test_c1_json SOURCES test_c1_json.c LINK sealyard_proofs PKG jansson)
sy_test(test_c1_verify SOURCES test_c1_verify.c LINK sealyard_proofs PKG jansson)

# The real program on known sectors; the argument chooses which.
sy_test(test_stage_vectors SOURCES test_stage_vectors.c stage_harness.c
    LINK sealyard_proofs PKG jansson LABELS kat TIMEOUT 300)
add_dependencies(test_stage_vectors sealyard-task)
foreach(size 2KiB 4KiB 16KiB 32KiB 8MiB)
    add_test(NAME test_stage_vectors_${size} COMMAND test_stage_vectors ${size})
    set_tests_properties(test_stage_vectors_${size} PROPERTIES LABELS kat TIMEOUT 300)
endforeach()

foreach(unit stage_spec stage_errors)
    sy_test(test_${unit} SOURCES test_${unit}.c stage_harness.c
        LINK sealyard_proofs PKG jansson TIMEOUT 300)
    add_dependencies(test_${unit} sealyard-task)
endforeach()

# From data to data: 16 MiB (several base trees that are stored without leaves), non-interactive too;
# 512 MiB at night.
sy_test(test_stage_whole SOURCES test_stage_whole.c stage_harness.c
    LINK sealyard_proofs PKG jansson LABELS kat TIMEOUT 300)
add_dependencies(test_stage_whole sealyard-task)
add_test(NAME test_stage_whole_ni COMMAND test_stage_whole 15 16777216)
set_tests_properties(test_stage_whole_ni PROPERTIES LABELS kat TIMEOUT 300)
add_test(NAME test_stage_whole_512MiB COMMAND test_stage_whole 7 536870912)
set_tests_properties(test_stage_whole_512MiB PROPERTIES LABELS nightly TIMEOUT 7200)

# Real limits of memory, and parameter files that are long and empty.
sy_test(test_c2_memory SOURCES test_c2_memory.c stage_harness.c ${CMAKE_SOURCE_DIR}/tasks/stage/memory.c
    LINK sealyard_proofs sealyard_cgroup PKG jansson)
add_dependencies(test_c2_memory sealyard-task)
