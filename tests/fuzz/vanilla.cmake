# What sealyard-task reads from outside. The readers are compiled in, so that they are instrumented.
if(SY_FUZZ)
    set(tasks ${CMAKE_SOURCE_DIR}/tasks)
    add_executable(fuzz_c1 fuzz_c1.c ${tasks}/vanilla/c1_read.c ${tasks}/vanilla/json_in.c
        ${tasks}/vanilla/verify.c ${tasks}/tree/proof.c)
    add_executable(fuzz_spec fuzz_spec.c ${tasks}/stage/spec.c)
    foreach(target fuzz_c1 fuzz_spec)
        set_target_properties(${target} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
        target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
        target_link_libraries(${target} PRIVATE sealyard_proofs)
        sy_link_pkg(${target} PRIVATE jansson)
    endforeach()
endif()
