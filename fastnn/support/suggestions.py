"""Suggestions for wrong names in error messages."""

from collections.abc import Callable, Iterable
from functools import cache, wraps
from inspect import signature
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])

# Words used elsewhere, in other libraries or in other parts of fastnn, and the names that they may
# mean here.
WORDS = """
lr eta rate step_size learning_rate: learning_rate learning_rate_init
alpha: learning_rate l2
step_size: every
epoch epochs n_epochs num_epochs nb_epoch max_epochs max_iter n_iter steps: epochs max_iter
iterations max_iterations: epochs max_iter
patience n_iter_no_change: epochs patience n_iter_no_change
epochs: patience
restarts n_restarts num_restarts n_init runs n_runs trials n_trials: restarts n_restarts
index: restart
seed random_state random_seed rng: seed random_state
layers layer_sizes hidden hidden_sizes hidden_units units: sizes hidden_layer_sizes
hidden_layer_sizes: sizes
sizes: hidden_layer_sizes
activations nonlinearity: activation
biases use_bias: bias
net network model: net network model
x inputs data features x_train: X
targets labels y_train: y
optimizer optim opt solver algorithm method: optimizer solver
criterion objective loss_function loss_fn cost: loss
target_loss goal target: target_sse
callback callbacks early_stopping stopping: stop
n n_points n_samples size: samples
validation_data val_data eval_set: validation
batch minibatch mini_batch_size: batch_size
sample_weights weights: sample_weight
initializer initialization kernel_initializer start starts: init
precision: dtype
threads n_threads num_threads n_jobs workers num_workers: threads n_jobs
client pool: executor
chunk_size chunksize: chunk
progress verbose progress_bar: progress verbose
folder directory output path: out path
filename file: path
timeout max_time: time_limit
warm_start resume_from: continue_from
mu: momentum damping mean
nesterov nesterovs_momentum: nesterov nesterovs_momentum
clipnorm clip_norm max_norm max_grad_norm: clip
scheduler lr_scheduler: schedule
beta1 beta_1: beta1 beta_1
beta2 beta_2: beta2 beta_2
eps: epsilon
wd: weight_decay
l2 reg regularization ridge: l2 alpha
lasso: l1
min_improvement tol min_delta: min_improvement tol
lambda_ lam: damping
eta_plus: increase
eta_minus: decrease
history_size: memory
minval: low
maxval: high
loc: mean
sigma stddev scale: std
scale: gain
n_splits n_folds: folds
gamma: factor
t_max t_0 total_steps total_iters warmup_epochs: epochs
t_mult: growth
eta_min min_lr: floor
pct_start: rise
start_factor: start
logistic expit: sigmoid
linear none: identity
sin: sine
swish: silu
softsign: elliott
hard_logistic: hard_sigmoid
atan: arctan
l2: sse mse
sum_of_squares sum_squared_error: sse
mean_squared_error squared_error: mse
mae mean_absolute_error absolute_error l1_loss: quantile
smooth_l1: huber
bce log_loss binary_crossentropy: binary_cross_entropy
categorical_crossentropy nll softmax_cross_entropy: cross_entropy
levenberg marquardt trainlm: lm
gradient backprop traingd: gd
sgd gd: rprop adam
xavier xavier_uniform glorot: GlorotUniform
xavier_normal: GlorotNormal
kaiming_uniform: HeUniform
kaiming he kaiming_normal: HeNormal
initnw: NguyenWidrow
stats counts: statistics
"""
# Numbers that belong to an argument and are no arguments themselves: the argument, and an example.
PARTS = {
    "learning_rate": ("optimizer", "fastnn.GradientDescent(learning_rate=…)"),
    "momentum": ("optimizer", "fastnn.GradientDescent(momentum=…)"),
    "nesterov": ("optimizer", "fastnn.GradientDescent(nesterov=…)"),
    "clip": ("optimizer", "fastnn.GradientDescent(clip=…)"),
    "schedule": ("optimizer", "fastnn.GradientDescent(schedule=…)"),
    "beta1": ("optimizer", "fastnn.Adam(beta1=…)"),
    "beta2": ("optimizer", "fastnn.Adam(beta2=…)"),
    "epsilon": ("optimizer", "fastnn.Adam(epsilon=…)"),
    "weight_decay": ("optimizer", "fastnn.AdamW(weight_decay=…)"),
    "damping": ("optimizer", "fastnn.LevenbergMarquardt(damping=…)"),
    "l2": ("loss", "fastnn.SSE(l2=…)"),
    "l1": ("loss", "fastnn.SSE(l1=…)"),
    "patience": ("stop", "fastnn.NoProgress(epochs=…)"),
    "min_improvement": ("stop", "fastnn.NoProgress(min_improvement=…)"),
    "sizes": ("net", "fastnn.Network(sizes=…)"),
    "activation": ("net", "fastnn.Network(activation=…)"),
    "bias": ("net", "fastnn.Network(bias=…)"),
}


def bare(name: str) -> str:
    """A name without its capitals and separators."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


@cache
def meanings(table: str) -> dict[str, list[str]]:
    """Read what each word may mean from lines such as ``words that people type: names of ours``."""
    names: dict[str, list[str]] = {}
    for line in table.strip().splitlines():
        words, _, meant = line.partition(":")
        for word in words.split():
            names.setdefault(bare(word), []).extend(meant.split())
    return names


def _written(name: str, known: Iterable[str]) -> list[str]:
    """The `known` names that differ from `name` only in case and separators."""
    return [other for other in known if bare(other) == bare(name)]


def _synonymous(name: str, known: Iterable[str]) -> list[str]:
    """The `known` names that `name` may mean by `WORDS`."""
    meant = meanings(WORDS).get(bare(name), [])
    return [other for other in known if other in meant]


def _close(name: str, known: Iterable[str]) -> list[str]:
    """The `known` name with the most similar spelling, if any."""
    import difflib  # only needed for errors

    by_bare = {bare(other): other for other in known}
    found = difflib.get_close_matches(bare(name), by_bare, n=1, cutoff=0.7)
    return [by_bare[one] for one in found]


def hint(name: Any, known: Iterable[str], form: Callable[[str], str] = repr) -> str:
    """The end of an error message that suggests one of the `known` names; often empty."""
    if not isinstance(name, str):
        return ""
    known = list(known)
    for find in (_written, _synonymous, _close):
        if found := find(name, known):
            return f"; did you mean {' or '.join(map(form, found))}?"
    return ""


def _hint_of_argument(name: str, known: list[str]) -> str:
    """The hint for an argument, which may also be a number that belongs to a `known` one."""
    inner = [part for part, (argument, _) in PARTS.items() if argument in known]
    meant = meanings(WORDS).get(bare(name), [])
    if not _written(name, known) and ({name, *meant} & {*inner} or not hint(name, known)):
        return hint(name, inner, lambda part: "=".join(PARTS[part]))
    return hint(name, known, str)


def _check_positions(owner: str, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Raise TypeError if there are too many positional arguments for `function`."""
    parts = signature(function).parameters.values()
    free = [part.name for part in parts if part.kind is part.POSITIONAL_OR_KEYWORD]
    named = [f"{part.name}=…" for part in parts if part.kind is part.KEYWORD_ONLY]
    more = len(args) - len(free)
    if more > 0 and named and not any(part.kind is part.VAR_POSITIONAL for part in parts):
        own = [name for name in free if name != "self"]
        expected = f"only {', '.join(own)}" if own else "no arguments"
        raise TypeError(
            f"{owner}: expected {expected} by position, got {len(own) + more}; pass "
            f"others by name: {', '.join(named)}"
        ) from None


def suggests(function: Function) -> Function:
    """Decorate a function so that its error for an unknown argument suggests a known one.

    The search starts only after Python has refused the call.
    """

    @wraps(function)
    def suggesting(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            known = [name for name in signature(function).parameters if name != "self"]
            unknown = [name for name in kwargs if name not in known]
            of_class = function.__name__ == "__init__"
            owner = type(args[0]).__name__ if of_class and args else function.__name__
            if not unknown:
                _check_positions(owner, function, args)
                raise
        meaning = _hint_of_argument(unknown[0], known)
        arguments = f"; its arguments are {', '.join(known)}" if known else ""
        raise TypeError(f"{owner}: unexpected argument {unknown[0]}{meaning or arguments}")

    return cast(Function, suggesting)
