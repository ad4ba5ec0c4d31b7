# Speed of sums of points and of transforms: prints a table, or JSON with --json. Not a test: no fixed
# threshold holds on every machine.
sy_program(bench_snark SOURCES bench_snark.c LINK sealyard_proofs)
