"""Files of models as another release of Keras would write them."""

import json
import zipfile


def rewrite(path, *, version="99.1.0", config=lambda config: config, without=()):
    """Let a .keras file say that ``version`` wrote it, change its configuration, and leave parts out."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if name not in without}
    for name, change in (("metadata.json", lambda told: {**told, "keras_version": version}), ("config.json", config)):
        if name in parts:
            parts[name] = json.dumps(change(json.loads(parts[name])))
    with zipfile.ZipFile(path, "w") as archive:
        for name, payload in parts.items():
            archive.writestr(name, payload)


def with_unknown_option(config):
    """Give each initializer of a model's configuration an option that no Keras knows."""
    text = json.dumps(config)
    known = '"config": {"seed": null'
    assert known in text
    return json.loads(text.replace(known, '"config": {"of_the_future": 1, "seed": null'))
