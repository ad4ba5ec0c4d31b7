# The shell of the scheduler. The rig runs it without sockets, disk and real time.
foreach(unit rpc dispatch journal)
    sy_test(test_${unit} SOURCES test_${unit}.c scheduler_rig.c LINK sealyard_scheduler)
endforeach()
foreach(unit admit history plugin_host relay scheduler scheduler_options scheduler_spec)
    sy_test(test_${unit} SOURCES test_${unit}.c LINK sealyard_scheduler)
endforeach()

# sy_test_plugin(NAME [definitions...]): sealyard-plugin-NAME.so beside the tests.
set(test_plugin_dir ${CMAKE_BINARY_DIR}/tests/plugins)
function(sy_test_plugin name)
    add_library(sealyard-plugin-${name} MODULE scheduler_test_plugin.c)
    set_target_properties(sealyard-plugin-${name} PROPERTIES PREFIX ""
        LIBRARY_OUTPUT_DIRECTORY ${test_plugin_dir})
    target_compile_definitions(sealyard-plugin-${name} PRIVATE ${ARGN})
    target_link_libraries(sealyard-plugin-${name} PRIVATE sealyard_flags sealyard_common)
    add_dependencies(test_plugin_host sealyard-plugin-${name})
    add_dependencies(test_scheduler sealyard-plugin-${name})
endfunction()
sy_test_plugin(test)
sy_test_plugin(oldabi TEST_NAME="oldabi" TEST_ABI=0)
sy_test_plugin(liar TEST_NAME="honest")
foreach(unit plugin_host scheduler)
    target_compile_definitions(test_${unit} PRIVATE TEST_PLUGIN_DIR="${test_plugin_dir}")
endforeach()

sy_test(test_scheduler_kill SOURCES test_scheduler_kill.c LINK sealyard_common LABELS crash)
target_compile_definitions(test_scheduler_kill PRIVATE TEST_PLUGIN_DIR="${test_plugin_dir}")
add_dependencies(test_scheduler_kill sealyard-scheduler sealyard-plugin-test)
