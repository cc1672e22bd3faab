// The quiz of the page: what will the network say to an example?
"use strict";

class Quiz {
  static MOST_GUESSES = 20;

  /**
   * @param {Subject} subject Whose answers are guessed.
   * @param {{own: Float32Array, label: number, answer: number}[]} examples
   * @param {(image: Float32Array) => void} show Shows an example.
   */
  constructor(subject, examples, show) {
    Object.assign(this, { subject, examples, show });
    for (const name of ["text", "image", "guesses", "start", "next", "end"]) this[name] = document.getElementById(`quiz-${name}`);
    for (const button of [this.start, this.next]) button.addEventListener("click", () => this.ask());
    this.end.addEventListener("click", () => this.stop());
    this.stop();
  }

  /** The classes to guess among: all, or of many the example's, the answer and some others. */
  offered({ label, answer }) {
    const all = [...this.subject.classes.keys()], others = Quiz.shuffled(all);
    return all.length <= Quiz.MOST_GUESSES ? all : [...new Set([label, answer, ...others])].slice(0, Quiz.MOST_GUESSES).sort((a, b) => a - b);
  }

  static shuffled(values) {
    return [...values].sort(() => Math.random() - 0.5);
  }

  ask() {
    const { subject } = this;
    this.left ??= Quiz.shuffled(this.examples);
    const example = this.left.pop(), [answer] = subject.ranking(subject.network.run(subject.scaled(example.own))); // whatever is shown when it is guessed
    document.body.classList.add("asking"); // which hides the answer
    this.show(example.own);
    painting.paintImage(this.image, example.own, subject.shape);
    this.text.textContent = words.say("What will {name} say?", { name: subject.name });
    this.start.hidden = this.next.hidden = true;
    this.end.hidden = this.image.hidden = false;
    this.guesses.replaceChildren(...this.offered({ ...example, answer }).map((label) => {
      const button = painting.element("button", subject.classes[label]);
      button.type = "button";
      button.addEventListener("click", () => this.reveal(label, answer, example.label));
      return button;
    }));
    this.guesses.firstChild.focus({ preventScroll: true });
  }

  reveal(guess, answer, label) {
    const { say } = words, { classes } = this.subject, isRight = guess === answer;
    this.count++;
    if (isRight) this.right++;
    const told = { answer: classes[answer], guess: classes[guess], right: this.right, count: this.count };
    const verdict = isRight ? say("It says {answer}. You guessed right: {right} of {count}.", told) : say("It says {answer}, you guessed {guess}: {right} of {count}.", told);
    this.text.textContent = answer === label ? verdict : `${verdict} ${say("It is labelled {name}.", { name: classes[label] })}`;
    this.guesses.replaceChildren();
    document.body.classList.remove("asking");
    this.next.hidden = this.left.length === 0;
    (this.next.hidden ? this.end : this.next).focus({ preventScroll: true });
  }

  stop() {
    [this.left, this.count, this.right] = [null, 0, 0];
    document.body.classList.remove("asking");
    this.text.textContent = "";
    this.guesses.replaceChildren();
    this.start.hidden = false;
    this.next.hidden = this.end.hidden = this.image.hidden = true;
  }
}
