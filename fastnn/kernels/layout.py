"""The launch record: the description of a training run, by name, for all of its kernels.

It is an array of integers.  A field is a number, the place of a region in the workspace, or the
address of an array or of another compiled function; 0 if the job needs none.  A row for each layer
follows.  Kernels read fields as attributes (`fastnn.kernels.views`), so `net.samples` is the number
of samples and ``net.parameters[m, s]`` parameter m of the networks in strip s.
"""

NUMBER, REGION, FLOATS, INTEGERS, KERNEL = "number", "region", "floats", "integers", "kernel"


def _fields(kind: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), kind)


# Equal in every chunk of a job: a kernel for known sizes is compiled with these numbers.
SIZES = _fields(NUMBER, """
    lanes strips depth n_parameters samples tile
    batch_size batches judged_forward n_hyper n_state option other_option
    loss_scale weighting weight_source weight_number
    n_rules observed
    group_strips runs run_length tiles
""")  # fmt: skip
REGIONS = _fields(REGION, """
    parameters gradient delta other hyper state losses targets verdicts end_verdicts resumed one
    scratch result result_losses factors own_weights squares worst rule_state validation_losses
    gathered_x gathered_y gathered_weights spare sums sum_of_losses
""")  # fmt: skip
KERNELS = _fields(KERNEL, """
    epochs_kernel compute observe judge update begin_restart begin_plainly loss penalty monitor
    validate shuffle gather compute_gathered loss_gathered
""")  # fmt: skip
# Numbers and arrays that may change from chunk to chunk, or from epoch to epoch.
CALL = {
    **_fields(NUMBER, """
        count first epochs judged hyper_step init_step n_slots resumes history_every
        seed k row lane level
        active n_finished next_row tick deadline next_recorded n_recorded phase ended
        begin end last forward_only pass_samples tile_first tile_place tile_count
        weight_step thread threads round
    """),
    **_fields(FLOATS, """
        x y target hyper_rows slot_values start_state out_parameters out_state out_loss
        out_jacobian history init init_rows init_table loss_numbers sample_weights weight_rows
        penalties rule_numbers batch_x batch_y batch_weights rows_x rows_y shares
    """),
    **_fields(INTEGERS, """
        indices slots start_epochs lane_state out_epochs out_status rules order stop arrived
        validation_record
    """),
}  # fmt: skip
FIELDS = {**SIZES, **REGIONS, **KERNELS, **CALL}
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
COLUMNS = len(LAYER_FIELDS)
LAYER_PLACES = {name: place for place, name in enumerate(LAYER_FIELDS)}

# Ways of weighting samples.
UNWEIGHTED, COMMON, OWN = range(3)
