"""A job whose results tests write into folders."""

import fastnn

NET = fastnn.Network([2, 2, 1])
X, Y = fastnn.datasets.xor()
JOB = {
    "optimizer": fastnn.LevenbergMarquardt(),
    "epochs": 30,
    "target_sse": 0.04,
    "seed": 3,
    "first": 10,
}
RESTARTS = 1000


def many(restarts=RESTARTS, **options):
    """Train the restarts of the job."""
    return fastnn.train_many(NET, X, Y, restarts=restarts, **{**JOB, **options})
