# Field, hashes, trees.
sy_test(test_fr SOURCES test_fr.c LINK sealyard_proofs)
sy_test(test_sha256 SOURCES test_sha256.c LINK sealyard_proofs PKG libcrypto)
sy_test(test_poseidon SOURCES test_poseidon.c LINK sealyard_proofs)
sy_test(test_parallel SOURCES test_parallel.c LINK sealyard_proofs)
sy_test(test_tree SOURCES test_tree.c LINK sealyard_proofs)
sy_test(test_tree_proof SOURCES test_tree_proof.c LINK sealyard_proofs)
