"""The launch record: the description of a training run, by name, for all of its kernels.

It is an array of integers.  A field is a number, the place of a region in the workspace, or the
address of an array or of another compiled function; 0 if the job needs none.  A row for each layer
follows.  Kernels read fields as attributes (`fastnn.kernels.views`), so `net.samples` is the number
of samples and ``net.parameters[m, s]`` parameter m of the networks in strip s.
"""

NUMBER, REGION, FLOATS, INTEGERS, KERNEL = "number", "region", "floats", "integers", "kernel"


def _fields(kind: str, table: str) -> dict[str, str]:
    """Fields of one kind from a table of names, whose lines may end with a comment."""
    lines = [line.partition("#")[0] for line in table.splitlines()]
    return dict.fromkeys(" ".join(lines).split(), kind)


# Equal in every chunk of a job: a kernel for known sizes is compiled with these numbers.
SIZES = _fields(NUMBER, """
    lanes strips depth          # networks at once, their vectors, and the layers after the inputs
    n_parameters samples tile   # tile: samples in a tile
    n_targets                   # columns of the targets
    batch_size batches
    judged_forward              # 1 if rules and history need no gradient of a pass made for them
    n_hyper n_state             # numbers of each restart: hyperparameters, memory between steps
    loss_hyper                  # the row of the loss's first number in `hyper`
    option other_option         # of the optimizer's setup
    spans span_numbers          # parts of the parameters with numbers of their own; these' count
    loss_scale                  # SUM, MEAN or MEAN_OF_SAMPLES, as in `spec.losses`
    weighting weight_source weight_number   # UNWEIGHTED, COMMON, OWN; the kind of OWN; its number
    n_rules
    observed                    # 1 if the optimizer writes verdicts
    group_strips runs run_length tiles      # one network: vectors of a group, runs, their lengths
""")  # fmt: skip
REGIONS = _fields(REGION, """
    parameters gradient
    delta other                 # deltas of every second layer; `other` also has a tile's errors
    hyper state
    losses targets              # of the pass; what they must fall below
    verdicts end_verdicts       # the status with which to end now, or at the last epoch; or 0
    resumed                     # 1 if the rules have seen this pass in the run that continues
    one                         # the number 1, for matrices of ones
    scratch                     # the optimizer's
    result result_losses        # what becomes the result: `parameters`, or the best of a rule
    factors own_weights         # samples' factors in the loss: of a tile; weights of each restart
    squares worst               # sum of squared errors and largest error, for rules
    rule_state                  # the rules' share of `state`
    validation_losses
    gathered_x gathered_y gathered_weights  # each network's own batch
    own_rows lane_rows pass_rows    # own data: samples, their number, and that in the pass
    shortest                    # the least number of samples of any network in the strip
    spare sums sum_of_losses    # one network: a transposed matrix; sums of gradient and loss
""")  # fmt: skip
KERNELS = _fields(KERNEL, """
    epochs_kernel               # the loop over epochs
    compute                     # a pass: losses and gradient
    observe judge update        # after a pass: the optimizer's decision, the rules, the step
    begin_restart begin_plainly # the start; the start alone, if the former also weights samples
    settle_rows                 # own data: after lanes have taken restarts
    begin_validation            # own data: a restart takes the validation samples of its group
    loss penalty                # a tile's losses if they are not the plain SSE; penalties
    monitor validate            # for rules: a tile's errors; the pass over the validation set
    shuffle gather compute_gathered loss_gathered   # for batches in random order
""")  # fmt: skip
# Numbers and arrays that may change from chunk to chunk, or from epoch to epoch.
CHANGING = {
    **_fields(NUMBER, """
        count first             # restarts of the chunk: their number, the index of the first
        epochs judged           # judged: 1 if restarts may end early
        hyper_step init_step    # steps between rows; 0 if one row serves all restarts
        n_slots
        resumes                 # 1 if rules go on where those of an earlier run ended
        history_every
        seed k row lane         # of the restart that is being started
        level                   # of the layer whose activation is called
        active n_finished next_row  # lanes at work, lanes to refill, the next restart's row
        tick deadline           # the tick of the next last epoch of any lane
        next_recorded n_recorded    # the tick of the history's next loss, and the losses so far
        phase ended             # see `train_loop`; 1 if some restart ends after the last pass
        begin end last          # batches of the pass; 1 if its update is the epoch's last
        forward_only pass_samples   # 1 without a gradient; the number of samples in the pass
        tile_first tile_place tile_count    # of the tile at work: first sample, place, samples
        weight_step             # as `hyper_step`
        group_restarts          # own data: the restarts of each group; else 0
        group_begin             # own data: the index of the first of them
        first_group common_inputs   # the first group among the data; 1 if all have the same inputs
        thread threads round    # threads that share one network, and the passes they have begun
    """),
    **_fields(FLOATS, """
        x y
        target                                  # the loss below which restarts have converged
        hyper_rows slot_values start_state      # for the start of a restart
        out_parameters out_state out_loss out_jacobian history      # results
        init init_rows init_table               # numbers of the initialization; `init`: this row
        slope_offset sample_weights weight_rows penalties rule_numbers
        batch_x batch_y batch_weights rows_x rows_y     # one network: a batch, and all samples
        shares                                  # of the sums, by run of samples
    """),
    **_fields(INTEGERS, """
        indices                 # of the restarts, if they are not consecutive
        slots start_epochs
        group_rows              # own data: the first row of each group, and the end of the last
        lane_state              # see `train_loop.lane_lists`
        out_epochs out_status   # results
        rules                   # see `rules.judging.rule_table`
        order                   # of the samples in shuffled batches, or group by group
        bounds                  # of the groups' samples in `order`: see `predict_groups`
        stop arrived            # not 0: stop; how often threads have ended a pass
        validation_record       # a copy of this record, with the validation set as its samples
    """),
}  # fmt: skip
FIELDS = {**SIZES, **REGIONS, **KERNELS, **CHANGING}
PLACES = {name: place for place, name in enumerate(FIELDS)}
POINTERS = {name: PLACES[name] for name, kind in FIELDS.items() if kind in (FLOATS, INTEGERS)}
"""Places of the addresses of arrays, written only by `fastnn.kernels.workspace.Plan.point`."""
LAYERS = len(FIELDS)
"""Place of the first row of the layers."""
LAYER_FIELDS = {
    "n_in": NUMBER,
    "n_out": NUMBER,
    "has_bias": NUMBER,
    "weights": NUMBER,
    "outputs": NUMBER,
    "slopes": NUMBER,
    "activate": KERNEL,
    "multiply_by_slope": KERNEL,
}
"""Number of units; offsets of the first weight, of the outputs and of the slopes (the outputs
themselves, if the slope is a function of them); and the kernels of the activation."""
LAYER_COLUMNS = len(LAYER_FIELDS)
LAYER_PLACES = {name: place for place, name in enumerate(LAYER_FIELDS)}

# Ways of weighting samples.
UNWEIGHTED, COMMON, OWN = range(3)
