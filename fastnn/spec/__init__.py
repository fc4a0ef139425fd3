"""The user's choices: network, loss, initialization, stopping rules, sample weights, grids."""
