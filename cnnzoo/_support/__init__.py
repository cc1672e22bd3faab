"""What is true of no network at all: checks of arguments, whole files, look-up with suggestions, wording."""
