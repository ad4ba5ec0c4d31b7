# Our curves against an independent library of the npm registry; skipped where that cannot be had.
add_executable(noble_values noble_values.c)
set_target_properties(noble_values PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(noble_values PRIVATE sealyard_proofs)
add_test(NAME test_noble COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/noble/run.sh $<TARGET_FILE:noble_values>
    ${CMAKE_CURRENT_SOURCE_DIR}/noble ${CMAKE_BINARY_DIR}/noble)
set_tests_properties(test_noble PROPERTIES LABELS kat SKIP_RETURN_CODE 77 TIMEOUT 300)
