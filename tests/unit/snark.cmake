sy_test(test_circuits SOURCES test_circuits.c LINK sealyard_proofs PKG jansson LABELS kat TIMEOUT 600)
add_test(NAME test_circuits_large COMMAND test_circuits large)
set_tests_properties(test_circuits_large PROPERTIES LABELS nightly TIMEOUT 7200)
sy_test(test_curve SOURCES test_curve.c LINK sealyard_proofs)
sy_test(test_msm SOURCES test_msm.c LINK sealyard_proofs)
sy_test(test_groth16 SOURCES test_groth16.c stage_harness.c
    LINK sealyard_proofs PKG jansson LABELS kat)
add_dependencies(test_groth16 sealyard-task)
add_test(NAME test_groth16_porep COMMAND test_groth16 porep)
# Under sanitizers: test_groth16 with its smaller circuits, and c2 in e2e_first_sector.
set_tests_properties(test_groth16_porep PROPERTIES LABELS "kat;slow-asan" TIMEOUT 900 RUN_SERIAL ON)
