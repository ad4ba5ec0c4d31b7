sy_test(test_devchain SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_devchain.c ${CMAKE_CURRENT_SOURCE_DIR}/devchain_rig.c
    LINK sealyard_devchain TIMEOUT 180)
sy_test(test_devchain_parts SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_devchain_parts.c
    LINK sealyard_devchain LABELS unit kat)
