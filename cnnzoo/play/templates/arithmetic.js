// The arithmetic behind a value: where in the image it comes from, and how the layer before makes it.
"use strict";

const arithmetic = (() => {
  const MOST_PRODUCTS = 5, MOST_VALUES = 9, MOST_PICTURES = 8, PICTURE_SIDE = 48;
  const LARGEST_EXPONENT = 700; // beyond it, exponentials are infinite
  const ONE_BY_ONE = new Set(["reshape", "affine", "combine", "function"]); // whose values are each made of one
  const SIGNS = { add: "+", subtract: "-", multiply: "x", divide: "/" };
  const { say, number } = words, { element, paintMap, largestOf } = painting;

  const at = (shape, index) => index.reduce((position, each, axis) => position * shape[axis] + each, 0);

  /** The index of the value at a position. */
  function indexAt(shape, position) {
    const index = [...shape];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = position % shape[axis];
      position = Math.floor(position / shape[axis]);
    }
    return index;
  }

  /** The index in what a step takes of the value that makes the one at `index`; only of ONE_BY_ONE. */
  function earlier(step, shape, index) {
    if (step.op === "reshape") return indexAt(shape, at(step.shape, index));
    return shape.map((side, axis) => (side === 1 ? 0 : index[axis])); // combined values may be repeated
  }

  /** The last steps of a layer, of which all but the first take one value, each with the index in what it gives. */
  function chainOf(network, end, index) {
    const { layer } = network.steps[end - 1], chain = [];
    for (let number = end; number > 0 && network.steps[number - 1].layer === layer; ) {
      const step = network.steps[number - 1], [from] = step.inputs;
      chain.unshift({ number, step, index });
      if (!ONE_BY_ONE.has(step.op)) break;
      [number, index] = [from, earlier(step, network.shapes[from], index)];
    }
    return chain;
  }

  const product = (value, weight, place) => ({ value, weight, result: value * weight, place });

  /** The products that a value of a convolution or a dense layer is the sum of, with the place of each. */
  function products(network, values, end, index) {
    const step = network.steps[end - 1], from = step.inputs[0], shape = network.shapes[from], x = values[from], found = [];
    const kernel = step.kernel && network.weight(step.kernel);
    if (step.op === "dense") {
      for (let i = 0; i < x.length; i++) found.push(product(x[i], kernel[i * step.shape[0] + index[0]], [i]));
    } else if (step.op === "convolution") {
      const taken = shape[2] / step.groups, group = Math.floor(index[2] / (step.shape[2] / step.groups));
      for (let i = 0; i < step.size[0]; i++) {
        for (let j = 0; j < step.size[1]; j++) {
          const row = engine.place(step, 0, index[0], i, shape[0]), column = engine.place(step, 1, index[1], j, shape[1]);
          for (let k = 0; k < taken && row >= 0 && column >= 0; k++) {
            if (step.table && !step.table[index[2]].includes(k)) continue; // not connected
            const weight = kernel[((i * step.size[1] + j) * taken + k) * step.shape[2] + index[2]], map = group * taken + k;
            found.push({ ...product(x[at(shape, [row, column, map])], weight, [row, column, map]), offset: i * step.size[1] + j });
          }
        }
      }
    }
    return { found, bias: step.bias ? network.weight(step.bias)[index[index.length - 1]] : 0 };
  }

  const placeText = (place) => (place.length === 3 ? say("row {row}, column {column}, map {map}", { row: place[0], column: place[1], map: place[2] }) : say("value {number}", { number: place[0] }));

  /** What the page says about a value: elements, and the part of the image that the value depends on. */
  function described({ network, values, classes }, end, index) {
    const step = network.steps[end - 1], field = fieldOf(network, end, index.length === 3 ? [index[0], index[0] + 1, index[1], index[1] + 1] : [0, 1, 0, 1]);
    const [top, bottom, left, right] = field, value = number(values[end][at(network.shapes[end], index)]);
    const place = end === values.length - 1 && network.shapes[end][0] === classes.length ? `${placeText(index)}, ${classes[index[0]]}` : placeText(index);
    const lines = [element("strong", `${step.layer}, ${place}: ${value}`)];
    if (network.off.get(end)?.has(index[index.length - 1])) lines.push(element("p", say("It is switched off.")));
    lines.push(element("p", say("It depends on rows {top} to {bottom}, columns {left} to {right} of the image.", { top, bottom: bottom - 1, left, right: right - 1 })));
    const [first, ...others] = chainOf(network, end, index), { text, more } = beginning(network, values, first);
    const later = others.map((each) => explained(network, values, each, true)).filter(Boolean);
    lines.push(element("p", `${later.length ? "" : "= "}${text}`), ...later.map((each) => element("p", `= ${each}`)), ...more);
    return { lines, field };
  }

  /** How the first step of a layer makes its value: in words, and as elements. */
  function beginning(network, values, { number: end, step, index }) {
    if (step.op === "distances") {
      const found = differences(network, values, step, index), total = found.reduce((sum, each) => sum + each.result, 0);
      const text = say("minus the sum of {count} squared differences: -{total}", { total: number(total), count: found.length });
      return { text, more: [tableOf(found, ["value", "centre", "(value - centre)\u00b2"])] };
    }
    if (!step.kernel) return { text: explained(network, values, { step, index }, false), more: [] };
    const { found, bias } = products(network, values, end, index), sum = found.reduce((total, each) => total + each.result, 0);
    const told = { count: found.length, sum: number(sum), bias: number(bias), total: number(sum + bias) };
    const more = [tableOf(found, ["value", "x weight", "= product"]), ...patches(step, found)];
    return { text: say("sum of {count} products {sum} + bias {bias} = {total}", told), more };
  }

  /** The squared differences whose sum is the distance of the values from a centre. */
  function differences(network, values, step, [centre]) {
    const kernel = network.weight(step.kernel);
    return Array.from(values[step.inputs[0]], (value, i) => {
      const weight = kernel[i * step.shape[0] + centre];
      return { value, weight, result: (value - weight) ** 2, place: [i] };
    });
  }

  /** How a step makes its value of what it takes; `isLater` tells that its value is "that", in the line before. */
  function explained(network, values, { step, index }, isLater) {
    const [from] = step.inputs, x = values[from], shape = network.shapes[from];
    const own = () => (isLater ? say("that") : number(x[at(shape, earlier(step, shape, index))]));
    return explanations[step.op]({ network, values, step, index, from, x, shape, own, isLater });
  }

  const explanations = {
    pool: ({ step, x, shape, index }) => say("the {kind} of {values}", { kind: say(step.kind), values: listed(windowOf(step, x, shape, index)) }),
    adaptive: ({ step, x, shape, index }) => say("the {kind} of {values}", { kind: say("mean"), values: listed(adaptiveWindow(step, x, shape, index)) }),
    reshape: ({ network, values, step, index, from, shape, isLater }) => (isLater ? "" : taken(network, values, from, earlier(step, shape, index))),
    responses: ({ step, x, shape, index }) => responses(step, x, shape, index),

    place({ network, values, step, index, from, shape }) {
      const inner = index.map((each, axis) => each - step.at[axis]), isInside = inner.every((each, axis) => each >= 0 && each < shape[axis]);
      return isInside ? taken(network, values, from, inner) : say("0, which is added here");
    },

    function({ step, index, x, shape, own }) {
      if (step.kind !== "softmax") return say("{kind} of {value}", { kind: step.kind, value: own() });
      const start = at(shape, [...index.slice(0, -1), 0]), row = x.subarray(start, start + shape[shape.length - 1]);
      const largest = Math.max(...row), shift = largest > LARGEST_EXPONENT ? largest : 0;
      const total = row.reduce((sum, value) => sum + Math.exp(value - shift), 0);
      return say("exp({value}) / {total}, the sum over all classes", { value: shift ? `${own()} - ${number(shift)}` : own(), total: number(total) });
    },

    affine({ network, step, index, own }) {
      const [factor, offset] = [step.factors, step.offsets].map((each) => number(network.weight(each)[index[index.length - 1]]));
      return `${own()} x ${factor} + ${offset}`;
    },

    combine({ network, values, step, index, own }) {
      const [, second] = step.inputs, shape = network.shapes[second], other = number(values[second][at(shape, earlier(step, shape, index))]);
      return SIGNS[step.kind] ? `${own()} ${SIGNS[step.kind]} ${other}` : `${step.kind === "maximum" ? "max" : "min"}(${own()}, ${other})`;
    },

    concatenate({ network, values, step, index }) {
      let map = index[index.length - 1], which = 0;
      const length = (from) => network.shapes[from][network.shapes[from].length - 1];
      for (; map >= length(step.inputs[which]); which++) map -= length(step.inputs[which]);
      return taken(network, values, step.inputs[which], [...index.slice(0, -1), map]);
    },

    shuffle({ network, values, step, index: [row, column, map], from }) {
      const each = step.shape[2] / step.groups;
      return taken(network, values, from, [row, column, (map % step.groups) * each + Math.floor(map / step.groups)]);
    },
  };

  /** A value that is taken as it is, and where from. */
  function taken(network, values, from, index) {
    const told = { value: number(values[from][at(network.shapes[from], index)]), place: placeText(index) };
    return from === 0 ? say("{value}, {place} of the image", told) : say("{value}, {place} of {layer}", { ...told, layer: network.steps[from - 1].layer });
  }

  /** Local response normalisation: a value over a power of the squares in the maps beside its own. */
  function responses(step, x, shape, index) {
    const map = index[2], side = Math.floor(step.neighbours / 2), first = Math.max(map - side, 0), last = Math.min(map + side, shape[2] - 1);
    let energy = 0;
    for (let other = first; other <= last; other++) energy += x[at(shape, [index[0], index[1], other])] ** 2;
    const told = { value: number(x[at(shape, index)]), energy: number(energy), first, last, k: step.k, alpha: step.alpha, beta: step.beta };
    return say("{value} / ({k} + {alpha} x {energy}) ^ {beta}; {energy} is the sum of the squares in maps {first} to {last}", told);
  }

  /** The values of a pool's window. */
  function windowOf(step, x, shape, index) {
    const found = [];
    for (let i = 0; i < step.size[0]; i++) {
      for (let j = 0; j < step.size[1]; j++) {
        const row = engine.place(step, 0, index[0], i, shape[0]), column = engine.place(step, 1, index[1], j, shape[1]);
        if (row >= 0 && column >= 0) found.push(number(x[at(shape, [row, column, index[index.length - 1]])]));
      }
    }
    return found;
  }

  /** The values of a part of the maps, where they are divided into equal ones. */
  function adaptiveWindow(step, x, shape, index) {
    const edges = (axis) => [Math.floor(index[axis] * shape[axis] / step.shape[axis]), Math.ceil((index[axis] + 1) * shape[axis] / step.shape[axis])];
    const [top, bottom] = edges(0), [left, right] = edges(1), found = [];
    for (let row = top; row < bottom; row++) for (let column = left; column < right; column++) found.push(number(x[at(shape, [row, column, index[2]])]));
    return found;
  }

  /** Values as a text; of many, the first. */
  const listed = (found) => (found.length > MOST_VALUES ? [...found.slice(0, MOST_VALUES), say("... ({count} values)", { count: found.length })] : found).join(", ");

  function tableOf(found, names) {
    const table = element("table"), head = element("tr");
    for (const text of [...names, "the value's place"]) head.append(element("th", say(text)));
    table.append(head);
    const sorted = [...found].sort((a, b) => Math.abs(b.result) - Math.abs(a.result));
    for (const { value, weight, result, place } of sorted.slice(0, MOST_PRODUCTS)) {
      const line = element("tr");
      for (const text of [number(value), number(weight), number(result), placeText(place)]) line.append(element("td", text));
      table.append(line);
    }
    if (found.length > MOST_PRODUCTS) {
      const line = element("tr"), cell = element("td", say("the {most} of {count} of largest size", { most: MOST_PRODUCTS, count: found.length }));
      cell.colSpan = 4;
      line.append(cell);
      table.append(line);
    }
    return table;
  }

  /** Pictures of a convolution's patch, its kernel and their products, for the maps whose products add most. */
  function patches(step, found) {
    const length = step.op === "convolution" ? step.size[0] * step.size[1] : 1, maps = new Map();
    if (length === 1) return [];
    for (const { value, weight, result, place, offset } of found) {
      if (!maps.has(place[2])) maps.set(place[2], { sum: 0, rows: [0, 1, 2].map(() => new Float32Array(length)) });
      const each = maps.get(place[2]);
      each.sum += result;
      [value, weight, result].forEach((one, row) => { each.rows[row][offset] = one; });
    }
    const sorted = [...maps].sort(([, one], [, other]) => Math.abs(other.sum) - Math.abs(one.sum)).slice(0, MOST_PICTURES);
    const scales = [0, 1, 2].map((row) => largestOf(sorted.map(([, { rows }]) => largestOf(rows[row]))));
    const table = element("table", "", "patches"), names = ["values", "kernel", "products"];
    const head = element("tr");
    head.append(element("td"), ...sorted.map(([map, { sum }]) => element("th", say("map {map}: {sum}", { map, sum: number(sum) }))));
    table.append(head, ...names.map((name, row) => {
      const line = element("tr");
      line.append(element("th", say(name)), ...sorted.map(([, { rows }]) => {
        const cell = element("td"), zoom = Math.max(1, Math.floor(PICTURE_SIDE / Math.max(...step.size))), canvas = element("canvas");
        cell.append(paintMap(canvas, rows[row], ...step.size, 1, 0, scales[row]));
        [canvas.style.width, canvas.style.height] = [`${step.size[1] * zoom}px`, `${step.size[0] * zoom}px`];
        return cell;
      }));
      return line;
    }));
    if (maps.size <= MOST_PICTURES) return [table];
    return [table, element("p", say("the {most} maps of {count} whose products add most", { most: MOST_PICTURES, count: maps.size }))];
  }

  /** The part [top, bottom, left, right) of the image that rows and columns of a value depend on. */
  function fieldOf(network, end, part, known = new Map()) {
    if (end === 0) return part;
    const key = `${end}:${part}`;
    if (known.has(key)) return known.get(key);
    const step = network.steps[end - 1];
    const fields = step.inputs.map((from) => fieldOf(network, from, before(step, network.shapes[from], part), known));
    const union = [0, 1, 2, 3].map((side) => Math[side % 2 ? "max" : "min"](...fields.map((each) => each[side])));
    known.set(key, union);
    return union;
  }

  function before(step, shape, [top, bottom, left, right]) {
    if (shape.length !== 3 || step.shape.length !== 3 || step.op === "adaptive") return [0, shape[0], 0, shape.length === 3 ? shape[1] : 1];
    const limited = (first, after, side) => [Math.min(Math.max(first, 0), side - 1), Math.max(Math.min(after, side), 1)];
    if (step.op === "place") {
      return [...limited(top - step.at[0], bottom - step.at[0], shape[0]), ...limited(left - step.at[1], right - step.at[1], shape[1])];
    }
    if (!step.size) return shape[0] === 1 && shape[1] === 1 ? [0, 1, 0, 1] : [top, bottom, left, right];
    const reach = (axis, first, after, side) => limited(
      first * step.strides[axis] - step.before[axis],
      (after - 1) * step.strides[axis] - step.before[axis] + (step.size[axis] - 1) * step.dilations[axis] + 1, side);
    return [...reach(0, top, bottom, shape[0]), ...reach(1, left, right, shape[1])];
  }

  return { described };
})();
