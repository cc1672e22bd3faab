// From an image to what the network takes, as cnnzoo prepares images in Python; the browser reduces large ones first.
"use strict";

const pixels = (() => {
  /** Round as Python does: a half to the even number. */
  const round = (value) => {
    const floor = Math.floor(value), rest = value - floor;
    return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  };

  const BOX = 20, FIELD = 28, LARGEST = 256, PADDING = 2, GRAIN = 0.1, STROKE = 0.3, CONTRAST = 0.1; // as in data/preparing.py

  /** Weights of the pixels that each pixel of a resized side is a mean of: a triangle, widened where it shrinks. */
  function triangle(from, to) {
    const scale = from / to, reach = Math.max(scale, 1);
    return Array.from({ length: to }, (_, i) => {
      const middle = (i + 0.5) * scale, first = Math.max(Math.floor(middle - reach + 0.5), 0);
      const last = Math.min(Math.floor(middle + reach + 0.5), from), parts = [];
      for (let j = first; j < last; j++) parts.push(Math.max(1 - Math.abs((j + 0.5 - middle) / reach), 0));
      const sum = parts.reduce((total, part) => total + part, 0);
      return { first, parts: parts.map((part) => part / sum) };
    });
  }

  /** Resize values of (height, width, channels), bilinear with antialiasing. */
  function resized(values, [height, width, channels], [rows, columns]) {
    const across = triangle(width, columns), down = triangle(height, rows);
    const narrow = new Float32Array(height * columns * channels), y = new Float32Array(rows * columns * channels);
    for (let j = 0; j < columns; j++) {
      const { first, parts } = across[j];
      for (let i = 0; i < height; i++) {
        const from = (i * width + first) * channels, to = (i * columns + j) * channels;
        for (let c = 0; c < channels; c++) {
          let sum = 0;
          for (let k = 0; k < parts.length; k++) sum += parts[k] * values[from + k * channels + c];
          narrow[to + c] = sum;
        }
      }
    }
    for (let i = 0; i < rows; i++) {
      const { first, parts } = down[i], to = i * columns * channels;
      for (let k = 0; k < parts.length; k++) {
        const from = (first + k) * columns * channels, part = parts[k];
        for (let at = 0; at < columns * channels; at++) y[to + at] += part * narrow[from + at];
      }
    }
    return y;
  }

  const cropped = (values, [, width, channels], top, left, rows, columns) => {
    const y = new Float32Array(rows * columns * channels);
    for (let i = 0; i < rows; i++) {
      const start = ((top + i) * width + left) * channels;
      y.set(values.subarray(start, start + columns * channels), i * columns * channels);
    }
    return y;
  };

  const grey = (rgb) => new Float32Array(rgb.length / 3).map((_, i) => 0.299 * rgb[3 * i] + 0.587 * rgb[3 * i + 1] + 0.114 * rgb[3 * i + 2]);

  /** The least and the largest of many values. */
  function range(values) {
    let [least, largest] = [values[0], values[0]];
    for (const value of values) {
      if (value < least) least = value;
      if (value > largest) largest = value;
    }
    return [least, largest];
  }

  /** Find the stroke, dark on light or light on dark, and place it as MNIST's digits are; null where there is none. */
  function digit(values, [height, width], [rows, columns]) {
    let shape = [height, width, 1];
    if (Math.max(height, width) > LARGEST) {
      const scale = LARGEST / Math.max(height, width);
      const smaller = [Math.max(1, round(height * scale)), Math.max(1, round(width * scale))];
      values = resized(values, shape, smaller);
      shape = [...smaller, 1];
    }
    const [h, w] = shape, [least, largest] = range(values);
    if (largest - least < CONTRAST) return null;
    const edge = [];
    for (let i = 0; i < h; i++) edge.push(values[i * w], values[i * w + w - 1]);
    for (let j = 0; j < w; j++) edge.push(values[j], values[(h - 1) * w + j]);
    edge.sort((a, b) => a - b);
    const background = (edge[Math.floor((edge.length - 1) / 2)] + edge[Math.ceil((edge.length - 1) / 2)]) / 2;
    const sign = background > (least + largest) / 2 ? -1 : 1;
    if (h === FIELD && w === FIELD) return padded(sign < 0 ? values.map((value) => 1 - value) : values, [FIELD, FIELD], [0, 0], [rows, columns]);
    const contrast = values.map((value) => sign * (value - background)), [, most] = range(contrast);
    const ink = contrast.map((value) => Math.min(Math.max((value / most - GRAIN) / (1 - GRAIN), 0), 1));
    let [top, bottom, left, right] = [h, -1, w, -1];
    for (let i = 0; i < h; i++) {
      for (let j = 0; j < w; j++) {
        if (ink[i * w + j] <= STROKE) continue;
        [top, bottom, left, right] = [Math.min(top, i), i, Math.min(left, j), Math.max(right, j)];
      }
    }
    const stroke = cropped(ink, shape, top, left, bottom - top + 1, right - left + 1);
    const scale = BOX / Math.max(bottom - top + 1, right - left + 1);
    const size = [Math.max(1, round((bottom - top + 1) * scale)), Math.max(1, round((right - left + 1) * scale))];
    let box = resized(stroke, [bottom - top + 1, right - left + 1, 1], size);
    const [, darkest] = range(box);
    box = box.map((value) => value / darkest);
    const sums = [new Float64Array(size[0]), new Float64Array(size[1])];
    box.forEach((value, at) => { sums[0][Math.floor(at / size[1])] += value; sums[1][at % size[1]] += value; });
    const place = sums.map((profile) => {
      const total = profile.reduce((a, b) => a + b, 0), centre = profile.reduce((sum, value, i) => sum + value * (i + 0.5), 0) / total;
      return Math.min(Math.max(round(FIELD / 2 - centre), 0), FIELD - profile.length);
    });
    return padded(box, size, place, [rows, columns]);
  }

  /** Put a box at a place of MNIST's field, pad that, and resize it where the network takes another size. */
  function padded(box, [height, width], [y, x], [rows, columns]) {
    const side = FIELD + 2 * PADDING, field = new Float32Array(side * side);
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) field[(i + y + PADDING) * side + j + x + PADDING] = box[i * width + j];
    }
    return rows === side && columns === side ? field : resized(field, [side, side, 1], [rows, columns]);
  }

  /** Return the image that the network takes, in [0, 1], of RGB in [0, 1]; null where a digit is wanted and there is none. */
  function prepared(rgb, [height, width], content) {
    const [rows, columns, channels] = content.program.shape;
    if (content.preparation === "digit") {
      const one = digit(grey(rgb), [height, width], [rows, columns]);
      return one && channels === 3 ? Float32Array.from({ length: one.length * 3 }, (_, i) => one[Math.floor(i / 3)]) : one;
    }
    const values = channels === 1 ? grey(rgb) : rgb;
    if (content.preparation === "resize") return resized(values, [height, width, channels], [rows, columns]);
    const sides = [height, width].map((side) => Math.floor((content.shorterSide * side) / Math.min(height, width)));
    const whole = resized(values, [height, width, channels], sides);
    return cropped(whole, [...sides, channels], round((sides[0] - rows) / 2), round((sides[1] - columns) / 2), rows, columns);
  }

  return { prepared, resized };
})();
