"""Options that other programs have: which of ours is meant, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable

from ..support.suggestions import bare, hint, meanings

# What other programs call options, and what to write here; the first whose option the command has.
WORDS = """
epoch n-epochs num-epochs nb-epoch max-epochs max-iter n-iter iterations steps: --epochs
n-restarts num-restarts n-init n-runs runs trials tries: --restarts
n-estimators estimators ensemble bagging members top-k best: --average
solver opt optim algorithm method: --optimizer
lr learning-rate-init eta step-size: --learning-rate
alpha weight-decay reg regularization regularisation lambda penalty ridge decay: --l2
hidden-layer-sizes hidden-layers hidden-sizes hidden-size hidden-units hidden-dim layers layer units neurons nodes architecture sizes: --hidden
act activation-function nonlinearity transfer-function: --activation
random-state random-seed rng: --seed
n-jobs jobs j workers num-workers num-threads n-threads nthreads cpus cores: --threads
max-time timeout time budget: --time-limit
precision: --dtype --digits
float32 float fp32 single: --dtype=float32
float64 double fp64: --dtype=float64
int8 quantize quantise quantized: --dtype=int8
label labels y response dependent outcome class-column target-column target-name predict t: --target
group groups group-column partition-by segment-by by: --group-by
min-group-size min-rows: --group-rows
drop drop-column drop-columns exclude skip remove omit ignore-column ignore-columns: --ignore
categorical categorical-features cat-features categories factor factors: --category
sep separator delim field-separator d: --delimiter
decimal-separator decimal-mark dec: --decimal
thousands-separator: --thousands
currency strip-unit: --unit
charset codec: --encoding
has-header header-row: --header
noheader: --no-header
test-size test-split test-share test-fraction holdout hold-out: --test
test-data test-set test-csv test-path: --test-file
val validation-split validation-size validation-share validation-fraction val-split val-size valid dev: --validation
no-shuffle time-series chronological: --split=last
folds k-folds kfold n-folds n-splits cross-validation cross-validate cross-val: --cv
balance class-balance rebalance: --balanced
class-weights weights: --class-weight
type problem problem-type mode: --task
classification classify classifier: --task=classification
regression regress regressor: --task=regression
criterion objective loss-function cost: --loss
log log-transform log-y: --log-target
permutation-importance feature-importance importances: --importance
html html-report summary: --report
plot plots graph chart picture fig: --figure
output outfile output-file o destination: --out --model
save save-model model-file model-path model-out save-to m: --model
proba prob probs probability predict-proba scores: --probabilities
cutoff cut-off: --threshold
confidence ci prediction-interval intervals coverage: --interval
id id-column index index-col include passthrough with: --keep
round decimals places: --digits
prefix function: --name
samples representative-data data calibration-data: --calibration
type-of-numbers dtypes: --dtype
"""  # noqa: E501  one line for each of our options
# Why there is no such option.
_ABSENT = {
    "lr learning-rate learning-rate-init eta step-size momentum":
        "the optimizers choose their steps; --optimizer has the choice of them",
    "batch-size batch minibatch batches": "every step uses all training rows",
    "dropout": "--l2 and --average are the means against overfitting",
    "early-stopping patience n-iter-no-change tol early-stop":
        "restarts always end when the validation loss no longer falls; --epochs is the maximum",
    "shuffle": "rows are split at random by --seed, or with --split last in their order",
    "normalize normalise standardize standardise scale scaling scaler":
        "inputs and numbers to predict are always scaled, and models contain the scales",
    "one-hot onehot encode dummies get-dummies":
        "columns of text are encoded by themselves, and models contain the encoding",
    "impute fillna fill-missing imputation missing":
        "empty cells are filled by themselves, with the median or a category of their own",
    "verbose v quiet q silent progress debug": "there is one report, which is always printed",
    "gpu cuda device cpu": "fastnn computes on the CPU; --threads sets how many cores",
    "features inputs x columns usecols feature-columns x-columns":
        "all columns but the target are inputs; --ignore leaves one out, and may be repeated",
    "input input-file infile file csv train-file train data-file dataset i f":
        "the file has no option before it",
    "format output-format to onnx json": "the extension of the file to write decides",
    "sheet sheet-name excel": "save the sheet as CSV",
}  # fmt: skip


def advice_on(option: str, known: Iterable[str]) -> str:
    """The end of a message on an unknown option: the one that is meant, or why there is none."""
    known, word = list(known), bare(option)
    for way in meanings(WORDS).get(word, []):
        if way.partition("=")[0] in known:
            return f"; did you mean {way.replace('=', ' ')}?"
    for words, reason in _ABSENT.items():
        if word in map(bare, words.split()):
            return f": {reason}"
    return hint(option, known, str)
