"""Foundations: checks, files, locks, threads, the machine."""
