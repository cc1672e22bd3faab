// A trained network, run step by step. Values are Float32Arrays in the order rows, columns, channels, as in Keras.
"use strict";

/** @typedef {number[]} Shape */
/** @typedef {[number, Shape]} Weight The first position among all weights, and the shape. */
/** @typedef {{op: string, layer: string, type: string, inputs: number[], shape: Shape} & Record<string, any>} Step With the options of its operation. */
/** @typedef {{shape: Shape, steps: Step[]}} Program */
/** @typedef {{size: number, kernels: [number, number, number][], levels: Int16Array, floats: Float32Array}} Packed See `PackedWeights`. */
/** @typedef {(place: Weight) => Float32Array} Lookup */
/** @typedef {(step: Step, inputs: Float32Array[], shapes: Shape[], weight: Lookup) => Float32Array} Operation */
/** @typedef {(x: number, step: Step) => number} Activation */

const engine = (() => {
  /** @param {Shape} shape */
  const count = (shape) => shape.reduce((product, side) => product * side, 1);

  /**
   * All weights, of which kernels are stored as whole numbers with a scale for each map.
   * @param {Packed} packed
   */
  function unpacked({ size, kernels, levels, floats }) {
    const values = new Float32Array(size);
    let to = 0, level = 0, float = 0;
    const copy = (/** @type {number} */ end) => {
      values.set(floats.subarray(float, float + end - to), to);
      float += end - to;
      to = end;
    };
    for (const [first, length, maps] of kernels) {
      copy(first);
      for (let i = 0; i < length; i++) values[to++] = levels[level++] * floats[float + (i % maps)];
      float += maps;
    }
    copy(size);
    return values;
  }

  /**
   * What one input value of a convolution is: its position, or -1 where it lies in the padding.
   * @param {Step} step
   * @param {0 | 1} axis
   * @param {number} output
   * @param {number} offset In the window.
   * @param {number} side Of the input.
   */
  const place = (step, axis, output, offset, side) => {
    const position = output * step.strides[axis] + offset * step.dilations[axis] - step.before[axis];
    return position >= 0 && position < side ? position : -1;
  };

  /**
   * Add four values, each times its line of the kernel: in one pass over the sums, which takes half the time of four.
   * @param {Float64Array} sums
   * @param {number} first
   * @param {number} given
   * @param {Float32Array} kernel
   * @param {Float64Array} values
   * @param {Int32Array} lines
   */
  function addFour(sums, first, given, kernel, values, lines) {
    const a = values[0], b = values[1], c = values[2], d = values[3];
    for (let map = 0, i = lines[0], j = lines[1], k = lines[2], l = lines[3]; map < given; map++, i++, j++, k++, l++) {
      sums[first + map] += a * kernel[i] + b * kernel[j] + c * kernel[k] + d * kernel[l];
    }
  }

  /** @type {Record<string, Operation>} */
  const operations = {
    convolution(step, [x], [[height, width, channels]], weight) {
      const [rows, columns, maps] = step.shape, kernel = weight(step.kernel), bias = step.bias && weight(step.bias);
      const taken = channels / step.groups, given = maps / step.groups, y = new Float32Array(rows * columns * maps);
      const sums = new Float64Array(maps), values = new Float64Array(4), lines = new Int32Array(4);
      for (let row = 0, at = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++, at += maps) {
          if (bias) sums.set(bias); else sums.fill(0);
          for (let i = 0; i < step.size[0]; i++) {
            const from = place(step, 0, row, i, height);
            if (from < 0) continue;
            for (let j = 0; j < step.size[1]; j++) {
              const right = place(step, 1, column, j, width);
              if (right < 0) continue;
              let channel = (from * width + right) * channels;
              for (let first = 0; first < maps; first += given) {
                let line = (i * step.size[1] + j) * taken * maps + first, waiting = 0;
                for (const end = channel + taken; channel < end; channel++, line += maps) {
                  if (x[channel] === 0) continue;
                  values[waiting] = x[channel];
                  lines[waiting++] = line;
                  if (waiting < 4) continue;
                  addFour(sums, first, given, kernel, values, lines);
                  waiting = 0;
                }
                for (let each = 0; each < waiting; each++) {
                  for (let map = 0; map < given; map++) sums[first + map] += values[each] * kernel[lines[each] + map];
                }
              }
            }
          }
          y.set(sums, at);
        }
      }
      return y;
    },

    dense(step, [x], shapes, weight) {
      const units = step.shape[0], kernel = weight(step.kernel), sums = new Float64Array(units);
      if (step.bias) sums.set(weight(step.bias));
      for (let i = 0; i < x.length; i++) {
        if (x[i] === 0) continue;
        for (let unit = 0, at = i * units; unit < units; unit++) sums[unit] += x[i] * kernel[at + unit];
      }
      return Float32Array.from(sums);
    },

    distances(step, [x], shapes, weight) {
      const centres = step.shape[0], kernel = weight(step.kernel), sums = new Float64Array(centres);
      for (let i = 0; i < x.length; i++) {
        for (let centre = 0; centre < centres; centre++) sums[centre] -= (x[i] - kernel[i * centres + centre]) ** 2;
      }
      return Float32Array.from(sums);
    },

    affine(step, [x], shapes, weight) {
      const factors = weight(step.factors), offsets = weight(step.offsets), y = new Float32Array(x.length);
      for (let start = 0; start < x.length; start += factors.length) {
        for (let map = 0; map < factors.length; map++) y[start + map] = x[start + map] * factors[map] + offsets[map];
      }
      return y;
    },

    pool(step, [x], [[height, width, channels]]) {
      const [rows, columns] = step.shape, y = new Float32Array(rows * columns * channels);
      const isMean = step.kind === "mean", best = new Float64Array(channels);
      for (let row = 0, at = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++, at += channels) {
          let inside = 0;
          best.fill(isMean ? 0 : -Infinity);
          for (let i = 0; i < step.size[0]; i++) {
            const from = place(step, 0, row, i, height);
            for (let j = 0; from >= 0 && j < step.size[1]; j++) {
              const right = place(step, 1, column, j, width);
              if (right < 0) continue;
              inside++;
              for (let map = 0, start = (from * width + right) * channels; map < channels; map++) {
                if (isMean) best[map] += x[start + map]; else if (x[start + map] > best[map]) best[map] = x[start + map];
              }
            }
          }
          for (let map = 0; map < channels; map++) y[at + map] = isMean ? best[map] / inside : best[map];
        }
      }
      return y;
    },

    adaptive(step, [x], [[height, width, channels]]) {
      const size = step.shape[0], y = new Float32Array(count(step.shape));
      const edges = (/** @type {number} */ index, /** @type {number} */ side) => [Math.floor(index * side / size), Math.ceil((index + 1) * side / size)];
      for (let row = 0; row < size; row++) {
        for (let column = 0; column < size; column++) {
          const [top, bottom] = edges(row, height), [left, right] = edges(column, width);
          for (let map = 0; map < channels; map++) {
            let sum = 0;
            for (let i = top; i < bottom; i++) for (let j = left; j < right; j++) sum += x[(i * width + j) * channels + map];
            y[(row * size + column) * channels + map] = sum / ((bottom - top) * (right - left));
          }
        }
      }
      return y;
    },

    // Put maps at a place of larger or smaller ones; what is beyond is left out, what is not covered is 0
    place(step, [x], [[height, width, channels]]) {
      const [rows, columns, maps] = step.shape, [top, left, first] = step.at, y = new Float32Array(count(step.shape));
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) {
          for (let map = 0; map < channels; map++) {
            const row = i + top, column = j + left, to = map + first;
            if (row < 0 || row >= rows || column < 0 || column >= columns || to < 0 || to >= maps) continue;
            y[(row * columns + column) * maps + to] = x[(i * width + j) * channels + map];
          }
        }
      }
      return y;
    },

    shuffle(step, [x]) {
      const channels = step.shape[2], each = channels / step.groups;
      return x.map((_, i) => {
        const map = i % channels;
        return x[i - map + (map % step.groups) * each + Math.floor(map / step.groups)];
      });
    },

    responses(step, [x]) {
      const channels = step.shape[step.shape.length - 1], side = Math.floor(step.neighbours / 2);
      return x.map((value, i) => {
        const map = i % channels;
        let energy = 0;
        for (let other = Math.max(map - side, 0); other <= Math.min(map + side, channels - 1); other++) {
          energy += x[i - map + other] ** 2;
        }
        return value / (step.k + step.alpha * energy) ** step.beta;
      });
    },

    reshape: (step, [x]) => x,

    concatenate(step, inputs, shapes) {
      const channels = step.shape[step.shape.length - 1], y = new Float32Array(count(step.shape));
      let first = 0;
      inputs.forEach((x, number) => {
        const own = shapes[number][shapes[number].length - 1];
        for (let i = 0; i < x.length; i++) y[Math.floor(i / own) * channels + first + (i % own)] = x[i];
        first += own;
      });
      return y;
    },

    combine(step, [a, b], [shapeOfA, shapeOfB]) {
      /** @type {Record<string, (one: number, other: number) => number>} */
      const functions = {
        add: (one, other) => one + other, subtract: (one, other) => one - other,
        multiply: (one, other) => one * other, divide: (one, other) => one / other,
        maximum: Math.max, minimum: Math.min,
      };
      const of = functions[step.kind], y = new Float32Array(count(step.shape));
      const position = (/** @type {Shape} */ shape, /** @type {number[]} */ indices) => shape.reduce((at, side, axis) => at * side + (side === 1 ? 0 : indices[axis]), 0);
      if (shapeOfA.join() === shapeOfB.join()) return y.map((_, i) => of(a[i], b[i]));
      const indices = step.shape.map(() => 0);
      for (let i = 0; i < y.length; i++) {
        y[i] = of(a[position(shapeOfA, indices)], b[position(shapeOfB, indices)]);
        for (let axis = indices.length - 1; axis >= 0 && ++indices[axis] === step.shape[axis]; axis--) indices[axis] = 0;
      }
      return y;
    },

    function(step, [x]) {
      if (step.kind === "softmax" || step.kind === "log_softmax") return alongChannels(step, x);
      return x.map((value) => functions[step.kind](value, step));
    },
  };

  /** @type {(value: number) => number} */
  const sigmoid = (value) => 1 / (1 + Math.exp(-value));
  /** @type {(value: number) => number} */
  const hardSigmoid = (value) => Math.min(Math.max(value / 6 + 0.5, 0), 1);
  /** @type {Record<string, Activation>} */
  const functions = {
    relu: (value) => Math.max(value, 0), relu6: (value) => Math.min(Math.max(value, 0), 6),
    clip: (value, step) => Math.min(Math.max(value, step.least), step.largest),
    leaky_relu: (value, step) => (value < 0 ? value * (step.slope ?? 0.2) : value),
    sigmoid, tanh: Math.tanh, exponential: Math.exp,
    softplus: (value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value))),
    softsign: (value) => value / (1 + Math.abs(value)),
    elu: (value) => (value < 0 ? Math.expm1(value) : value),
    selu: (value) => 1.05070098 * (value < 0 ? 1.67326324 * Math.expm1(value) : value),
    hard_sigmoid: hardSigmoid, hard_silu: (value) => value * hardSigmoid(value), silu: (value) => value * sigmoid(value),
  };

  /**
   * @param {Step} step
   * @param {Float32Array} x
   */
  function alongChannels(step, x) {
    const channels = step.shape[step.shape.length - 1], y = new Float32Array(x.length);
    for (let start = 0; start < x.length; start += channels) {
      const row = x.subarray(start, start + channels), largest = Math.max(...row);
      const total = row.reduce((sum, value) => sum + Math.exp(value - largest), 0);
      for (let i = 0; i < channels; i++) {
        const shifted = row[i] - largest;
        y[start + i] = step.kind === "softmax" ? Math.exp(shifted) / total : shifted - Math.log(total);
      }
    }
    return y;
  }

  class Network {
    /**
     * @param {Program} program
     * @param {Float32Array} weights
     */
    constructor(program, weights) {
      this.steps = program.steps;
      this.shapes = [program.shape, ...program.steps.map((step) => step.shape)];
      this.weights = weights;
      this.products = program.steps.reduce((sum, step) => sum + (step.kernel ? count(step.kernel[1]) * count(step.shape) / step.shape[step.shape.length - 1] : 0), 0); // for an image
      /** @type {Lookup} */
      this.weight = ([first, shape]) => this.weights.subarray(first, first + count(shape));
      /** @type {Map<number, Set<number>>} The numbers of the maps that are switched off, by the number of their value. */
      this.off = new Map();
    }

    /**
     * All values for an image: the image first, then what each step gives.
     * @param {Float32Array} image
     */
    run(image) {
      return this.continued([image]);
    }

    /**
     * All values, of which the first are given: what the steps after them give.
     * @param {Float32Array[]} given
     */
    continued(given) {
      const values = [...given];
      for (const step of this.steps.slice(given.length - 1)) {
        const value = operations[step.op](step, ...this.taken(step, values), this.weight);
        values.push(this.silenced(values.length, value));
      }
      return values;
    }

    /**
     * The values that a step takes, and their shapes.
     * @param {Step} step
     * @param {Float32Array[]} values
     * @returns {[Float32Array[], Shape[]]}
     */
    taken(step, values) {
      return [step.inputs.map((number) => values[number]), step.inputs.map((number) => this.shapes[number])];
    }

    /**
     * The value of a number, without its maps that are switched off.
     * @param {number} number
     * @param {Float32Array} value
     */
    silenced(number, value) {
      const maps = this.off.get(number);
      return maps && maps.size ? this.without(number, value, maps) : value;
    }

    /**
     * A value with 0 in some of its maps.
     * @param {number} number
     * @param {Float32Array} value
     * @param {Set<number>} maps
     */
    without(number, value, maps) {
      const shape = this.shapes[number], channels = shape[shape.length - 1];
      return value.map((each, i) => (maps.has(i % channels) ? 0 : each));
    }
  }

  return { Network, unpacked, place, sigmoid, count };
})();
