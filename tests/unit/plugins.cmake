sy_test(test_plugins SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_plugins.c ${CMAKE_CURRENT_SOURCE_DIR}/plugin_rig.c
    ${devchain_rig}
    LINK sealyard_devchain ${CMAKE_DL_LIBS} TIMEOUT 180)
add_dependencies(test_plugins sealyard-plugin-chain sealyard-plugin-messaging sealyard-task)
add_test(NAME test_plugins_proofs COMMAND test_plugins proofs)
set_tests_properties(test_plugins_proofs PROPERTIES LABELS "unit;slow-asan" TIMEOUT 900)
sy_needs_parameters(test_plugins test_plugins_proofs)
