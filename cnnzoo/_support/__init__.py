"""Helpers that know nothing about networks: argument checks, atomic file writes, name look-up, wording, fonts."""
