foreach(unit codec env err file hex job log mem msg)
    sy_test(test_${unit} SOURCES test_${unit}.c LINK sealyard_common)
endforeach()
