"""What everything else stands on: checks, files, locks, threads, the machine."""
