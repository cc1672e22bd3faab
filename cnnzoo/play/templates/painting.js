// Pictures of values, and the elements that hold them.
"use strict";

const painting = (() => {
  const WARM = [230, 130, 20], COOL = [40, 130, 230], COVERED = 0.65; // of the image, where a heat map is largest

  const element = (name, text = "", className = "") => Object.assign(document.createElement(name), { textContent: text, className });

  /** Fill a canvas; `levelOf` gives the level of a pixel's red, green or blue, from 0 to 255. */
  function fill(canvas, height, width, levelOf) {
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d"), data = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) data.data[4 * i + c] = levelOf(i, c);
      data.data[4 * i + 3] = 255;
    }
    context.putImageData(data, 0, 0);
    return canvas;
  }

  /** Paint an image in [0, 1] of the shape rows, columns, channels. */
  const paintImage = (canvas, from, [rows, columns, channels]) => fill(canvas, rows, columns, (i, c) => 255 * from[i * channels + (channels === 3 ? c : 0)]);

  /** Paint one of `count` maps by the colours of its signs. */
  const paintMap = (canvas, from, height, width, count, map, largest) => fill(canvas, height, width, (i, c) => {
    const value = from[i * count + map];
    return (value < 0 ? COOL : WARM)[c] * Math.min(Math.abs(value) / largest, 1);
  });

  /** Paint an image under a heat map in [0, 1] of its size. */
  const paintHeat = (canvas, from, [rows, columns, channels], heat) => fill(canvas, rows, columns, (i, c) => {
    const level = 255 * from[i * channels + (channels === 3 ? c : 0)];
    return level + COVERED * heat[i] * (WARM[c] - level);
  });

  const largestOf = (values) => values.reduce((most, each) => Math.max(most, Math.abs(each)), 0) || 1;

  /** Mark a part [top, bottom, left, right) of the image that a canvas shows. */
  function frame(canvas, [top, bottom, left, right]) {
    const context = canvas.getContext("2d");
    context.strokeStyle = "#d55e00";
    context.lineWidth = Math.max(1, canvas.height / 64);
    context.strokeRect(left + 0.5, top + 0.5, Math.max(right - left - 1, 0.01), Math.max(bottom - top - 1, 0.01));
  }

  return { element, paintImage, paintMap, paintHeat, largestOf, frame };
})();
