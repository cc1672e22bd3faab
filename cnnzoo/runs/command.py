"""The command that repeats a call of Python: both have the same words."""

from typing import Any

from cnnzoo.recipes.recipe import as_flag


def command_words(name: str, *arguments: str, **options: Any) -> tuple[str, ...]:
    """Return the words of a command of ``cnnzoo``.

    Args:
        name: The command.
        *arguments: What it takes without a name.
        **options: What it takes by name; None is left out, True and False are flags.

    >>> command_words("train", "lenet5", batch_size=20, normalize=False, augment=(), limit=None)
    ('cnnzoo', 'train', 'lenet5', '--batch-size', '20', '--no-normalize', '--augment', 'none')
    """
    words = ["cnnzoo", name, *arguments]
    for option, value in options.items():
        flag = option.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value == ():  # of the options that take several, only the augmentations have a word for none
            words += [f"--{flag}", "none"] if option == "augment" else []
        elif value is not None:
            words += [f"--{flag}", as_flag(value)]
    return tuple(words)
