sy_test(test_public_inputs SOURCES test_public_inputs.c LINK sealyard_proofs PKG jansson LABELS kat TIMEOUT 600)
sy_test(test_aggregate SOURCES test_aggregate.c LINK sealyard_proofs PKG jansson LABELS kat TIMEOUT 600)
# Sectors sealed by the real program, then every value of every circuit.
sy_test(test_witness SOURCES test_witness.c stage_harness.c
    LINK sealyard_proofs PKG jansson LABELS kat TIMEOUT 300)
add_dependencies(test_witness sealyard-task)
foreach(case post-4KiB post-16KiB post-32KiB update-2KiB update-4KiB update-16KiB update-32KiB
        porep-2KiB porep-32KiB)
    add_test(NAME test_witness_${case} COMMAND test_witness ${case})
    set_tests_properties(test_witness_${case} PROPERTIES LABELS kat TIMEOUT 300)
endforeach()
sy_test(test_params_store SOURCES test_params_store.c LINK sealyard_proofs PKG jansson)
sy_test(test_post_update SOURCES test_post_update.c stage_harness.c
    LINK sealyard_proofs PKG jansson LABELS kat)
add_dependencies(test_post_update sealyard-task)
add_test(NAME test_post_update_8MiB COMMAND test_post_update 8MiB)
set_tests_properties(test_post_update_8MiB PROPERTIES LABELS kat TIMEOUT 300)
