sy_test(test_circuits SOURCES test_circuits.c LINK sealyard_proofs PKG jansson LABELS kat TIMEOUT 600)
add_test(NAME test_circuits_large COMMAND test_circuits large)
set_tests_properties(test_circuits_large PROPERTIES LABELS nightly TIMEOUT 7200)
sy_test(test_curve SOURCES test_curve.c LINK sealyard_proofs)
