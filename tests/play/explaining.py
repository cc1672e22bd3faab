"""What the page says about values, of the network that it runs."""

from tests.browser import settle

SAID = """([layer, index]) => {
  const [subject] = window.cnnzoo.subjects;
  const number = subject.network.steps.findLastIndex((step) => step.layer === layer) + 1;
  return arithmetic.described(subject, number, index).lines.map((line) => line.textContent);
}"""


def see(page, image):
    """Let the first network see an image, once the page has shown that nothing is drawn."""
    settle(page)
    page.evaluate("(image) => window.cnnzoo.subjects[0].see(Float32Array.from(image))", image.ravel().tolist())


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
