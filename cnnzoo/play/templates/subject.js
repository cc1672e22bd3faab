// A network of the page, with what it makes of the drawing: its answer, and why.
"use strict";

class Subject {
  /** @param content What `page.py` writes of a network. */
  constructor(content) {
    Object.assign(this, { content, classes: content.classes, name: content.name });
    this.whole = Subject.unpacked(content.weights);
    this.network = new engine.Network(content.program, this.whole);
    this.shape = content.program.shape;
    this.blank = new Float32Array(engine.count(this.shape));
    const last = new Map(content.program.steps.map((step, index) => [step.layer, index + 1]));
    this.layers = [...last].filter(([, number]) => !["Flatten", "Reshape"].includes(content.program.steps[number - 1].type)).map(([layer, number]) => {
      const shape = this.network.shapes[number], isMap = shape.length === 3 && shape[0] * shape[1] > 1; // of one place each, maps are shown as a row
      return { layer, number, shape, isMap, length: shape[shape.length - 1], type: content.program.steps[number - 1].type };
    });
    this.image = this.values = null;
  }

  static floats(text) {
    return new Float32Array(Subject.bytes(text).buffer);
  }

  static unpacked(weights) {
    return engine.unpacked({ ...weights, levels: new Int16Array(Subject.bytes(weights.levels).buffer), floats: Subject.floats(weights.floats) });
  }

  static bytes(text) {
    const characters = atob(text), bytes = new Uint8Array(characters.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i); // `Uint8Array.from` takes ten times as long
    return bytes;
  }

  /** Take the weights of one of the training's snapshots, or, beyond the last, those as trained. */
  at(number, { weights }) {
    this.past ??= weights.map(Subject.unpacked);
    this.network.weights = number < weights.length ? this.past[number] : this.whole;
  }

  /** Compute all values for an image in [0, 1]; null: for a black one, which no answer is told of. */
  see(image) {
    this.image = image;
    this.values = this.network.run(this.scaled(image || this.blank));
  }

  scaled(unit) {
    return this.content.scale === "byte" ? unit.map((value) => value * 255) : unit;
  }

  /** The probability of each class, by the last of a network's values. */
  chances(values = this.values) {
    const output = values[values.length - 1], { kind } = this.content;
    if (kind === "softmax") return output;
    if (kind === "sigmoid") return [1 - output[0], output[0]];
    const logits = kind === "logit" ? [0, output[0]] : output;
    const largest = Math.max(...logits), powers = Array.from(logits, (value) => Math.exp(value - largest));
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / total);
  }

  /** The classes' numbers, the most probable first. */
  ranking(values = this.values) {
    const chances = this.chances(values);
    return [...this.classes.keys()].sort((a, b) => chances[b] - chances[a]);
  }

  /** The score of a class, its logit or log-probability, as `cnnzoo.inspect.occlusion` takes it. */
  score(values, label) {
    const output = values[values.length - 1], { kind } = this.content;
    if (kind === "logits") return output[label];
    if (kind === "softmax") return Math.log(Math.max(output[label], 1e-30));
    const second = Math.min(Math.max(output[0], 1e-7), 1 - 1e-7);
    return (label ? 1 : -1) * (kind === "logit" ? output[0] : Math.log(second / (1 - second)));
  }

  /** The gradients of the logit of a class with respect to the values from `least` on. */
  gradients(label, least) {
    const end = this.values.length - 1, step = this.network.steps[end - 1], output = this.values[end], { kind } = this.content;
    const isActivated = step.op === "function" && step.kind === kind; // then by the value before, which is the logit
    const from = isActivated ? step.inputs[0] : end, seed = new Float32Array(this.values[from].length);
    if (seed.length === 1) seed[0] = (label ? 1 : -1) / (isActivated || kind === "logit" ? 1 : output[0] * (1 - output[0]));
    else seed[label] = isActivated || kind === "logits" ? 1 : 1 / output[label];
    return gradients.through(this.network, this.values, from, seed, least);
  }

  /** The layer of the heat map where none is chosen: the last, other than pooling, with maps larger than one pixel. */
  heatLayer() {
    const found = this.layers.filter(({ isMap, type }) => isMap && !type.includes("Pooling"));
    return found.length ? found[found.length - 1].number : null;
  }

  /** Grad-CAM of a class by the maps of a value, as `cnnzoo.inspect.gradcam` computes it. */
  gradcam(number, label) {
    const [height, width, channels] = this.network.shapes[number], maps = this.values[number], gradient = this.gradients(label, number)[number];
    const means = new Float64Array(channels), heat = new Float32Array(height * width);
    if (gradient) gradient.forEach((each, i) => { means[i % channels] += each / heat.length; });
    maps.forEach((each, i) => { heat[Math.floor(i / channels)] += means[i % channels] * each; });
    return this.normalized(pixels.resized(heat.map((each) => Math.max(each, 0)), [height, width, 1], this.shape.slice(0, 2)));
  }

  normalized(heat) {
    const largest = heat.reduce((most, each) => Math.max(most, each), 0);
    return heat.map((each) => (largest > 0 ? Math.max(each, 0) / largest : 0));
  }

  /** Occlusion of a class, as `cnnzoo.inspect.occlusion` computes it: gives the part that is done, then the heat. */
  *occlusion(label) {
    const [rows, columns, channels] = this.shape, image = this.scaled(this.image), whole = this.score(this.values, label);
    const patch = Math.min(Math.max(Math.floor(Math.max(rows, columns) / 8), 1), Math.min(rows, columns)), stride = Math.max(Math.floor(patch / 2), 1);
    const starts = (last) => [...Array(Math.ceil(last / stride)).keys()].map((each) => each * stride).concat(last);
    const colour = Array.from({ length: channels }, (_, c) => image.reduce((sum, each, i) => sum + (i % channels === c ? each : 0), 0) / (rows * columns));
    const drops = new Float32Array(rows * columns), counts = new Float32Array(rows * columns), places = [];
    for (const top of starts(rows - patch)) for (const left of starts(columns - patch)) places.push([top, left]);
    for (const [done, [top, left]] of places.entries()) {
      const covered = image.slice(), inside = [];
      for (let i = top; i < top + patch; i++) for (let j = left; j < left + patch; j++) inside.push(i * columns + j);
      for (const at of inside) for (let c = 0; c < channels; c++) covered[at * channels + c] = colour[c];
      const drop = whole - this.score(this.network.run(covered), label);
      for (const at of inside) [drops[at], counts[at]] = [drops[at] + drop, counts[at] + 1];
      yield (done + 1) / places.length;
    }
    return this.normalized(drops.map((each, i) => each / Math.max(counts[i], 1)));
  }

  /**
   * By how much the probability of a class changes where one map, or value, of a layer with weights is switched off.
   * Gives the part that is done after each, and in the end all that were tried, the largest change first. They are tried in the order
   * of the product of gradient and value, so that the most important are among the first.
   */
  *mattering(label) {
    const layers = this.layers.filter(({ layer, number }) => number < this.values.length - 1 && this.network.steps.some((step) => step.layer === layer && step.kernel));
    if (!layers.length) return [];
    const slopes = this.gradients(label, layers[0].number), found = [], tried = [];
    for (const part of layers) {
      const sums = new Float64Array(part.length), isActive = new Uint8Array(part.length), slope = slopes[part.number];
      this.values[part.number].forEach((value, i) => {
        if (value !== 0) isActive[i % part.length] = 1;
        if (slope) sums[i % part.length] += slope[i] * value;
      });
      sums.forEach((sum, map) => { if (isActive[map]) found.push({ ...part, map, estimate: Math.abs(sum) }); });
    }
    const whole = this.chances()[label];
    for (const each of found.sort((a, b) => b.estimate - a.estimate)) {
      const { number, map } = each, value = this.network.without(number, this.values[number], new Set([map]));
      const change = this.chances(this.network.continued([...this.values.slice(0, number), value]))[label] - whole;
      tried.push({ ...each, change });
      yield { part: tried.length / found.length, tried };
    }
    return tried;
  }
}
