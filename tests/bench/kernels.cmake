# Speed of field, hashes and trees: prints a table, or JSON with --json. Not a test: no fixed threshold
# holds on every machine.
sy_program(bench_kernels SOURCES bench_kernels.c LINK sealyard_proofs)
