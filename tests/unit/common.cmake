foreach(unit auth codec conf env err file hex http job log loop mem msg net)
    sy_test(test_${unit} SOURCES test_${unit}.c LINK sealyard_common)
endforeach()
