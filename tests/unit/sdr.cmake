# Sector formats, the graph and labelling.
foreach(unit proof params fr32 commp pieces cid aux graph parents labels encode)
    sy_test(test_${unit} SOURCES test_${unit}.c LINK sealyard_proofs LABELS unit)
endforeach()
