"""Print the lowest versions that cnnzoo allows of what it needs, and of what its tests need, as constraints for pip."""

from collections.abc import Iterable
from importlib.metadata import requires

from packaging.requirements import Requirement


def lowest_versions(requirements: Iterable[str], extra: str) -> list[str]:
    """Return "numpy==1.26" for "numpy>=1.26", of what is always needed and of an extra."""
    constraints = []
    for line in requirements:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            bounds = list(requirement.specifier)
            if [bound.operator for bound in bounds] != [">="]:
                raise ValueError(f"A dependency must have a lowest version, and no other bound. Received: {line}")
            constraints.append(f"{requirement.name}=={bounds[0].version}")
    return constraints


if __name__ == "__main__":
    print(*lowest_versions(requires("cnnzoo") or (), "test"), sep="\n")
