"""What the page says about values, of the network that it runs."""

SAID = """([layer, index]) => {
  const [subject] = window.cnnzoo.subjects;
  const number = subject.network.steps.findLastIndex((step) => step.layer === layer) + 1;
  return arithmetic.described(subject, number, index).lines.map((line) => line.textContent);
}"""


def unexplained(page):
    """Return the layers of whose middle value the page says nothing, or no number."""
    told = page.evaluate(
        f"""() => window.cnnzoo.subjects[0].layers.map(({{ layer, number }}) => {{
          const shape = window.cnnzoo.network.shapes[number];
          return [layer, ({SAID})([layer, shape.map((side) => Math.floor(side / 2))]).slice(2).join(" | ")];
        }})"""
    )
    assert len(told) > 5
    return [(layer, text) for layer, text in told if not text or any(word in text for word in NO_NUMBERS)]


NO_NUMBERS = ("undefined", "NaN", "Infinity")
