sy_test(test_public_inputs SOURCES test_public_inputs.c LINK sealyard_proofs PKG jansson LABELS kat)
