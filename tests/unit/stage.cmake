# Vanilla proofs and the stages of sealyard-task.
sy_test(test_challenges SOURCES test_challenges.c LINK sealyard_proofs PKG jansson)
sy_test(test_c1_json SOURCES test_c1_json.c LINK sealyard_proofs PKG jansson)
sy_test(test_c1_verify SOURCES test_c1_verify.c LINK sealyard_proofs PKG jansson)
