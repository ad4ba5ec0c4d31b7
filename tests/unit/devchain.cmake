set(devchain_rig ${CMAKE_CURRENT_SOURCE_DIR}/devchain_rig.c ${CMAKE_CURRENT_SOURCE_DIR}/sealing_rig.c)
sy_test(test_devchain SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_devchain.c ${devchain_rig}
    LINK sealyard_devchain TIMEOUT 180)
sy_test(test_devchain_proofs SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_devchain_proofs.c ${devchain_rig}
    LINK sealyard_devchain LABELS unit slow-asan TIMEOUT 900)
add_dependencies(test_devchain_proofs sealyard-task)
sy_test(test_devchain_restart SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_devchain_restart.c ${devchain_rig}
    LINK sealyard_devchain)
sy_test(test_devchain_parts SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_devchain_parts.c
    LINK sealyard_devchain LABELS unit kat)
sy_needs_parameters(test_devchain test_devchain_restart test_devchain_proofs)
