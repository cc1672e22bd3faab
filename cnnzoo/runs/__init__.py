"""The run folder: its record, writing it whole, reading it, and a finished run."""
