# Sector formats, the graph and labelling.
foreach(unit proof params fr32 commp pieces cid aux graph parents labels encode sdr_faults)
    sy_test(test_${unit} SOURCES test_${unit}.c LINK sealyard_proofs LABELS unit)
endforeach()
# Whole sectors and graphs of 8 MiB: a few seconds.
sy_test(test_sdr_8mib SOURCES test_sdr_8mib.c LINK sealyard_proofs LABELS kat TIMEOUT 300)
# Whole graphs of 512 MiB, with SEALYARD_NIGHTLY_FULL=1 also of 32 GiB.
sy_test(test_sdr_large SOURCES test_sdr_large.c LINK sealyard_proofs LABELS nightly TIMEOUT 3600)
# Labels of chosen nodes of 32 and 64 GiB sectors.
sy_test(test_labels_large SOURCES test_labels_large.c LINK sealyard_proofs PKG libcrypto)
