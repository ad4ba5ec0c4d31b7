# The shell of the scheduler. The rig runs it without sockets, disk and real time.
foreach(unit rpc dispatch)
    sy_test(test_${unit} SOURCES test_${unit}.c scheduler_rig.c LINK sealyard_scheduler)
endforeach()
