sy_test(test_plugins SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_plugins.c ${CMAKE_CURRENT_SOURCE_DIR}/plugin_rig.c
    ${CMAKE_CURRENT_SOURCE_DIR}/devchain_rig.c
    LINK sealyard_devchain ${CMAKE_DL_LIBS} TIMEOUT 180)
add_dependencies(test_plugins sealyard-plugin-chain sealyard-plugin-messaging sealyard-task)
