// Gradients by backpropagation: of each operation, the gradient with respect to each of its inputs.
"use strict";

/** @typedef {(step: Step, inputs: Float32Array[], shapes: Shape[], weight: Lookup, y: Float32Array, dy: Float32Array) => Float32Array[]} Backward */
/** @typedef {(x: number, y: number, step: Step) => number} Slope */

const gradients = (() => {
  const { place, sigmoid, count } = engine;

  /**
   * Call `visit` with the positions of an input that a window covers, for each position of the output.
   * @param {Step} step
   * @param {Shape} shape Of the input.
   * @param {(to: number, from: number, offset: number) => void} visit
   */
  function windows(step, [height, width], visit) {
    const [rows, columns] = step.shape;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let i = 0; i < step.size[0]; i++) {
          const from = place(step, 0, row, i, height);
          for (let j = 0; from >= 0 && j < step.size[1]; j++) {
            const right = place(step, 1, column, j, width);
            if (right >= 0) visit(row * columns + column, from * width + right, i * step.size[1] + j);
          }
        }
      }
    }
  }

  /** @type {Record<string, Backward>} */
  const backward = {
    convolution(step, [x], [shape], weight, y, dy) {
      const channels = shape[2], maps = step.shape[2], kernel = weight(step.kernel), dx = new Float32Array(x.length);
      const taken = channels / step.groups, given = maps / step.groups;
      windows(step, shape, (to, from, offset) => {
        for (let channel = 0; channel < channels; channel++) {
          const group = Math.floor(channel / taken), line = (offset * taken + channel - group * taken) * maps + group * given;
          let sum = 0;
          for (let map = 0; map < given; map++) sum += dy[to * maps + group * given + map] * kernel[line + map];
          dx[from * channels + channel] += sum;
        }
      });
      return [dx];
    },

    dense(step, [x], shapes, weight, y, dy) {
      const units = step.shape[0], kernel = weight(step.kernel);
      return [x.map((_, i) => dy.reduce((sum, each, unit) => sum + each * kernel[i * units + unit], 0))];
    },

    distances(step, [x], shapes, weight, y, dy) {
      const centres = step.shape[0], kernel = weight(step.kernel);
      return [x.map((value, i) => dy.reduce((sum, each, centre) => sum - 2 * each * (value - kernel[i * centres + centre]), 0))];
    },

    affine(step, inputs, shapes, weight, y, dy) {
      const factors = weight(step.factors);
      return [dy.map((each, i) => each * factors[i % factors.length])];
    },

    pool(step, [x], [shape], weight, y, dy) {
      const channels = shape[2], dx = new Float32Array(x.length), inside = new Int32Array(y.length / channels), isFound = new Uint8Array(y.length);
      windows(step, shape, (to) => { inside[to]++; });
      windows(step, shape, (to, from) => {
        for (let map = 0; map < channels; map++) {
          const end = to * channels + map, start = from * channels + map;
          if (step.kind === "mean") dx[start] += dy[end] / inside[to];
          else if (!isFound[end] && x[start] === y[end]) [dx[start], isFound[end]] = [dx[start] + dy[end], 1];
        }
      });
      return [dx];
    },

    adaptive(step, [x], [[height, width, channels]], weight, y, dy) {
      const size = step.shape[0], dx = new Float32Array(x.length);
      const edges = (/** @type {number} */ index, /** @type {number} */ side) => [Math.floor(index * side / size), Math.ceil((index + 1) * side / size)];
      for (let at = 0; at < size * size; at++) {
        const [top, bottom] = edges(Math.floor(at / size), height), [left, right] = edges(at % size, width);
        for (let i = top; i < bottom; i++) {
          for (let j = left; j < right; j++) {
            for (let map = 0; map < channels; map++) dx[(i * width + j) * channels + map] += dy[at * channels + map] / ((bottom - top) * (right - left));
          }
        }
      }
      return [dx];
    },

    place(step, [x], [[, width, channels]], weight, y, dy) {
      const [rows, columns, maps] = step.shape, [top, left, first] = step.at;
      return [x.map((_, at) => {
        const map = (at % channels) + first, j = Math.floor(at / channels) % width + left, i = Math.floor(at / channels / width) + top;
        return i >= 0 && i < rows && j >= 0 && j < columns && map >= 0 && map < maps ? dy[(i * columns + j) * maps + map] : 0;
      })];
    },

    shuffle(step, [x], shapes, weight, y, dy) {
      const channels = step.shape[2], each = channels / step.groups, dx = new Float32Array(x.length);
      dy.forEach((value, i) => {
        const map = i % channels;
        dx[i - map + (map % step.groups) * each + Math.floor(map / step.groups)] += value;
      });
      return [dx];
    },

    responses(step, [x], shapes, weight, y, dy) {
      const channels = step.shape[step.shape.length - 1], side = Math.floor(step.neighbours / 2);
      const near = (/** @type {number} */ map) => [Math.max(map - side, 0), Math.min(map + side, channels - 1)];
      const sums = x.map((_, i) => {
        const map = i % channels, [first, end] = near(map);
        let energy = 0;
        for (let other = first; other <= end; other++) energy += x[i - map + other] ** 2;
        return step.k + step.alpha * energy;
      });
      return [x.map((value, i) => {
        const map = i % channels, [first, end] = near(map);
        let through = 0;
        for (let at = i - map + first; at <= i - map + end; at++) through += dy[at] * x[at] * sums[at] ** (-step.beta - 1);
        return dy[i] * sums[i] ** -step.beta - 2 * step.alpha * step.beta * value * through;
      })];
    },

    reshape: (step, inputs, shapes, weight, y, dy) => [dy],

    concatenate(step, inputs, shapes, weight, y, dy) {
      const channels = step.shape[step.shape.length - 1];
      let first = 0;
      return inputs.map((x, number) => {
        const own = shapes[number][shapes[number].length - 1], start = first;
        first += own;
        return x.map((_, i) => dy[Math.floor(i / own) * channels + start + (i % own)]);
      });
    },

    combine(step, [a, b], shapes, weight, y, dy) {
      /** @type {Record<string, (one: number, other: number) => [number, number]>} */
      const slopes = {
        add: () => [1, 1], subtract: () => [1, -1], multiply: (one, other) => [other, one],
        divide: (one, other) => [1 / other, -one / other ** 2],
        maximum: (one, other) => (one >= other ? [1, 0] : [0, 1]), minimum: (one, other) => (one <= other ? [1, 0] : [0, 1]),
      };
      const found = [new Float32Array(a.length), new Float32Array(b.length)], indices = step.shape.map(() => 0);
      const position = (/** @type {Shape} */ shape) => shape.reduce((at, side, axis) => at * side + (side === 1 ? 0 : indices[axis]), 0);
      for (const each of dy) {
        const at = shapes.map(position), pair = slopes[step.kind](a[at[0]], b[at[1]]);
        at.forEach((where, number) => { found[number][where] += each * pair[number]; });
        for (let axis = indices.length - 1; axis >= 0 && ++indices[axis] === step.shape[axis]; axis--) indices[axis] = 0;
      }
      return found;
    },

    function(step, [x], shapes, weight, y, dy) {
      if (step.kind === "softmax" || step.kind === "log_softmax") return [alongChannels(step, y, dy)];
      return [dy.map((each, i) => each * slopes[step.kind](x[i], y[i], step))];
    },
  };

  /** @type {Record<string, Slope>} */
  const slopes = {
    relu: (x) => (x > 0 ? 1 : 0), relu6: (x) => (x > 0 && x < 6 ? 1 : 0),
    clip: (x, y, step) => (x > step.least && x < step.largest ? 1 : 0),
    leaky_relu: (x, y, step) => (x > 0 ? 1 : step.slope ?? 0.2),
    sigmoid: (x, y) => y * (1 - y), tanh: (x, y) => 1 - y * y, exponential: (x, y) => y,
    softplus: (x) => sigmoid(x), softsign: (x) => 1 / (1 + Math.abs(x)) ** 2,
    elu: (x, y) => (x < 0 ? y + 1 : 1), selu: (x, y) => (x < 0 ? y + 1.05070098 * 1.67326324 : 1.05070098),
    hard_sigmoid: (x) => (Math.abs(x) < 3 ? 1 / 6 : 0),
    hard_silu: (x) => (x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5),
    silu: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  };

  /**
   * @param {Step} step
   * @param {Float32Array} y
   * @param {Float32Array} dy
   */
  function alongChannels(step, y, dy) {
    const channels = step.shape[step.shape.length - 1], dx = new Float32Array(y.length);
    for (let start = 0; start < y.length; start += channels) {
      let sum = 0;
      for (let i = start; i < start + channels; i++) sum += step.kind === "softmax" ? dy[i] * y[i] : dy[i];
      for (let i = start; i < start + channels; i++) dx[i] = step.kind === "softmax" ? y[i] * (dy[i] - sum) : dy[i] - Math.exp(y[i]) * sum;
    }
    return dx;
  }

  /**
   * The gradient of a number with respect to the values of a network.
   * @param {InstanceType<typeof engine.Network>} network
   * @param {Float32Array[]} values All its values.
   * @param {number} end The value that the number is computed from.
   * @param {Float32Array} seed The number's gradient with respect to that value.
   * @param {number} [least] The first value whose gradient is wanted.
   * @returns {(Float32Array | undefined)[]} A gradient for each value from `least` to `end` that the number depends on.
   */
  function through(network, values, end, seed, least = 0) {
    /** @type {(Float32Array | undefined)[]} */
    const found = [];
    found[end] = seed;
    for (let number = end; number > least; number--) {
      const own = found[number];
      if (!own) continue;
      const step = network.steps[number - 1], [inputs, shapes] = network.taken(step, values);
      const dy = network.silenced(number, own);
      backward[step.op](step, inputs, shapes, network.weight, values[number], dy).forEach((dx, which) => {
        const from = step.inputs[which], sum = found[from];
        found[from] = sum ? sum.map((each, i) => each + dx[i]) : dx;
      });
    }
    return found;
  }

  return { through };
})();
