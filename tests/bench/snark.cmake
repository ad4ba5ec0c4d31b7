# Speed of sums of points, of transforms and of whole proofs: prints a table, or JSON with --json. Not a
# test: no fixed threshold holds on every machine.
sy_program(bench_snark
    SOURCES bench_snark.c bench_snark_ifma.c bench_snark_peer.c bench_snark_proofs.c
    LINK sealyard_proofs ${CMAKE_DL_LIBS} PKG jansson)
target_compile_definitions(bench_snark PRIVATE SY_KAT_DIR="${CMAKE_SOURCE_DIR}/tests/kat"
    SY_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
set_source_files_properties(bench_snark_ifma.c PROPERTIES
    COMPILE_OPTIONS "-O3;-mavx512f;-mavx512ifma;-mbmi2")
add_dependencies(bench_snark sealyard-task)
