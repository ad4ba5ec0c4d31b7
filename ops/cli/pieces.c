/* sealyard pieces: commp. Needs no scheduler. */
#include "ops/cli/cli.h"
#include "ops/cli/piece_file.h"

static int run_commp(struct sy_cli *cli, int argc, char **argv, struct sy_error *err)
{
    if (argc != 2 || argv[1][0] == '-')
        return SY_EXIT_USAGE;
    struct sy_piece piece;
    if (sy_cli_describe_piece(argv[1], &piece, err) != 0)
        return SY_EXIT_FAILED;
    json_t *reply =
        json_pack("{ss, ss, sI, sI}", "file", piece.path, "piece_cid", piece.cid, "raw_bytes",
                  (json_int_t)piece.raw_bytes, "padded_bytes", (json_int_t)piece.padded_bytes);
    return sy_cli_finish(cli, reply, err);
}

static const struct sy_cli_command commands[] = {
    {"pieces", "commp", "FILE", "the piece commitment (CommP) and padded size of a file",
     "sealyard pieces commp /data/a.car", run_commp},
};
const struct sy_cli_noun sy_cli_pieces = {commands, SY_ARRAY_SIZE(commands)};
