"""The frame: the integers that all pieces of a training run read, by name.

Sizes and counts; offsets of regions of the workspace, in elements; addresses of arrays and of other
pieces, 0 where a job needs none.  The layer table follows from `LAYERS` on, one row of `COLUMNS`
per layer after the input.
"""

(
    # How many networks at once, and in how many vectors of each number.
    LANES, STRIPS,
    # The network and the data.
    DEPTH, N_PARAMETERS, SAMPLES, TILE, X, Y,
    # Batches; the pass at hand is over those from BEGIN to END - 1, and with LAST an epoch ends.
    BATCH_SIZE, BATCHES, BEGIN, END, LAST,
    # A number that is not 0 once the work is to stop.
    STOP,
    # Regions of the workspace.
    PARAMETERS, GRADIENT, DELTA, OTHER, HYPER, STATE, LOSSES, TARGETS, VERDICTS, ONE,
    # The optimizer: how many numbers it has, what it remembers, and switches of its own.
    N_HYPER, N_STATE, OPTION, OTHER_OPTION,
    # The start of a restart: where its initial numbers come from, its key, and its lane.
    INIT_CODE, INIT, SEED, K, LANE,
    # Other pieces.
    COMPUTE, OBSERVE, JUDGE, UPDATE, BEGIN_RESTART, LOSS,
    # One network with its samples side by side: see `single`.
    GROUP_STRIPS, SPARE, SUMS, SUM_OF_LOSSES, RUNS, RUN_LENGTH, TILES,
    THREAD, THREADS, SHARES, ARRIVED, ROUND,
    LAYERS,
) = range(52)  # fmt: skip

# Columns of the layer table.
COLUMNS = 6
N_IN, N_OUT, ACTIVATION, HAS_BIAS, WEIGHTS, OUTPUTS = range(COLUMNS)
