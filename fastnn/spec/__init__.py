"""What a user chooses: network, loss, start, stopping rules, weights of samples, grids."""
