"""The frame: the integers that all pieces of a training run read, by name.

Sizes and counts; offsets of regions of the workspace, in elements; addresses of arrays and of other
pieces, 0 where a job needs none.  The layer table follows from `LAYERS` on, one row of `COLUMNS`
per layer after the input.
"""

(
    # The call: restarts, where their numbers are read and results written, and how long they train.
    COUNT, FIRST, INDICES, EPOCHS, TARGET, JUDGED, HYPER_ROWS, HYPER_STEP, INIT_STEP, N_SLOTS,
    SLOTS, SLOT_VALUES, START_STATE, START_EPOCHS, RESUMES, LANE_STATE, OUT_PARAMETERS, OUT_STATE,
    OUT_LOSS, OUT_EPOCHS, OUT_STATUS, OUT_JACOBIAN, HISTORY, HISTORY_EVERY, TICK,
    # How many networks at once, and in how many vectors of each number.
    LANES, STRIPS,
    # The network and the data.
    DEPTH, N_PARAMETERS, SAMPLES, TILE, X, Y,
    # Batches; the pass at hand is over those from BEGIN to END - 1, and with LAST an epoch ends.
    BATCH_SIZE, BATCHES, BEGIN, END, LAST,
    # Whether the pass at hand needs no gradient, and whether one before batches does.
    FORWARD_ONLY, JUDGED_FORWARD,
    # A number that is not 0 once the work is to stop.
    STOP,
    # Regions of the workspace; the last two are where the results of a restart lie.
    PARAMETERS, GRADIENT, DELTA, OTHER, HYPER, STATE, LOSSES, TARGETS, VERDICTS, ONE, SCRATCH,
    RESULT, RESULT_LOSSES,
    # The optimizer: how many numbers it has, what it remembers, and switches of its own.
    N_HYPER, N_STATE, OPTION, OTHER_OPTION,
    # The start of a restart: where its initial numbers come from, its key, and its lane.
    INIT_CODE, INIT, INIT_TABLE, SEED, K, ROW, LANE,
    # Other pieces.
    COMPUTE, OBSERVE, JUDGE, UPDATE, BEGIN_RESTART, BEGIN_PLAINLY, LOSS, PENALTY, MONITOR,
    KEEP_SLOPES,
    # The loss: the samples of the pass and of the tile at hand, what multiplies each sample's
    # share, and weights of samples, none, common, or a region with some for each lane.
    LOSS_CODE, LOSS_SCALE, LOSS_NUMBERS, PASS_SAMPLES, TILE_FIRST, TILE_PLACE, TILE_COUNT, LEVEL,
    WEIGHTING, SAMPLE_WEIGHTS, WEIGHT_SOURCE, WEIGHT_NUMBER, WEIGHT_ROWS, WEIGHT_STEP,
    PENALTIES,
    # Stopping rules: regions for the sum of squared errors and the largest error, the rules and
    # what they remember, the validation set and the piece for its losses.
    SQUARES, WORST, N_RULES, RULES, RULE_NUMBERS, RULE_STATE, RESUMED, OBSERVED, END_VERDICTS,
    VALIDATION_X, VALIDATION_Y, VALIDATION_SAMPLES, VALIDATION_LOSSES, VALIDATE,
    VALIDATION_TILES,
    # Shuffled batches: pieces, the order of samples in each lane, and regions for a batch.
    SHUFFLE, GATHER, COMPUTE_GATHERED, LOSS_GATHERED, ORDER,
    GATHERED_X, GATHERED_Y, GATHERED_WEIGHTS, ROWS_X, ROWS_Y,
    # One network with its samples side by side: see `single`.
    GROUP_STRIPS, SPARE, SUMS, SUM_OF_LOSSES, FACTORS, RUNS, RUN_LENGTH, TILES,
    THREAD, THREADS, SHARES, ARRIVED, ROUND,
    LAYERS,
) = range(129)  # fmt: skip

# Columns of the layer table.  Slopes lie with the outputs, of which they are functions, or apart.
COLUMNS = 8
N_IN, N_OUT, ACTIVATION, HAS_BIAS, WEIGHTS, OUTPUTS, SLOPE, SLOPES = range(COLUMNS)
# Ways of weighting samples.
UNWEIGHTED, COMMON, OWN = range(3)
