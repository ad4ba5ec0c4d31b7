# Proofs and aggregates, parameter files, reference strings. With SY_FUZZ the readers are compiled in,
# so that they are instrumented; without it the stored corpus is replayed as an ordinary test.
set(snark_dir ${CMAKE_SOURCE_DIR}/tasks/snark)
set(fuzz_proof_readers ${snark_dir}/groth16_verify.c ${snark_dir}/aggregate_form.c)
set(fuzz_params_readers ${snark_dir}/groth16_params.c ${snark_dir}/params_store.c)
set(fuzz_srs_readers ${snark_dir}/aggregate_srs.c)

foreach(name proof params srs)
    add_executable(replay_${name} replay.c fuzz_${name}.c)
    set_target_properties(replay_${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_definitions(replay_${name} PRIVATE SY_KAT_DIR="${CMAKE_SOURCE_DIR}/tests/kat")
    target_link_libraries(replay_${name} PRIVATE sealyard_proofs)
    add_test(NAME replay_${name}
        COMMAND replay_${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    set_tests_properties(replay_${name} PROPERTIES LABELS fuzz TIMEOUT 120)
    if(SY_FUZZ)
        add_executable(fuzz_${name} fuzz_${name}.c ${fuzz_${name}_readers})
        set_target_properties(fuzz_${name} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
        target_compile_definitions(fuzz_${name} PRIVATE SY_KAT_DIR="${CMAKE_SOURCE_DIR}/tests/kat")
        target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        target_link_libraries(fuzz_${name} PRIVATE sealyard_proofs)
    endif()
endforeach()
