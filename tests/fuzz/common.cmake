# Frames and configuration files. With SY_FUZZ the readers are compiled in, so that they are
# instrumented; without it the stored corpus is replayed as an ordinary test.
set(common_dir ${CMAKE_SOURCE_DIR}/common)
set(fuzz_frame_readers ${common_dir}/codec.c ${common_dir}/codec_json.c ${common_dir}/msg.c
    ${common_dir}/msg_tables.c)
set(fuzz_conf_readers ${common_dir}/conf.c ${common_dir}/toml.cpp)

foreach(name frame conf)
    add_executable(replay_${name} replay.c fuzz_${name}.c)
    set_target_properties(replay_${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(replay_${name} PRIVATE sealyard_common)
    add_test(NAME replay_${name}
        COMMAND replay_${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    set_tests_properties(replay_${name} PROPERTIES LABELS fuzz TIMEOUT 120)
    if(SY_FUZZ)
        add_executable(fuzz_${name} fuzz_${name}.c ${fuzz_${name}_readers})
        set_target_properties(fuzz_${name} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
        target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        target_link_libraries(fuzz_${name} PRIVATE sealyard_common)
    endif()
endforeach()

add_executable(make_seeds make_seeds.c)
set_target_properties(make_seeds PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(make_seeds PRIVATE sealyard_common)
