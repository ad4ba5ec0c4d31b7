sy_test(test_devchain SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_devchain.c ${CMAKE_CURRENT_SOURCE_DIR}/devchain_rig.c
    LINK sealyard_devchain TIMEOUT 180)
