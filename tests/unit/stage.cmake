# Vanilla proofs and the stages of sealyard-task.
sy_test(test_challenges SOURCES test_challenges.c LINK sealyard_proofs PKG jansson)
