"""The lane vector: the value type that carries many networks through one kernel source."""
