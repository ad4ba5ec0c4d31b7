# The scheduler's core, records, recovery, store and policies.
foreach(unit recover)
    sy_test(test_${unit} SOURCES test_${unit}.c core_world.c
        LINK sealyard_store sealyard_core sealyard_common PKG jansson)
endforeach()
