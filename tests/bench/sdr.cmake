sy_program(bench_pc1 SOURCES bench_pc1.c LINK sealyard_proofs)
