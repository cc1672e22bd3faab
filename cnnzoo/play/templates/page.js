// The page: drawing, the answer, the maps of every layer, and the arithmetic behind a value.
"use strict";

(() => {
  const MOST_MAPS = 64, MAP_SIDE = 64, MOST_CLASSES = 10, MOST_PRODUCTS = 5, MOST_VALUES = 9, REDUCED = 1024;
  const LARGEST_FILE = 50, LARGEST_IMAGE = 60, LONGEST = 100; // megabytes, megapixels, times the shorter side
  const WARM = [230, 130, 20], COOL = [40, 130, 230];
  const $ = (id) => document.getElementById(id);
  const content = JSON.parse($("content").textContent), { program, classes } = content;
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const buffer = bytes(content.weights).buffer;
  const weights = content.isHalf ? engine.fromHalf(new Uint16Array(buffer)) : new Float32Array(buffer);
  const network = new engine.Network(program, weights);
  const [rows, columns, channels] = program.shape, isColour = channels === 3, blank = new Float32Array(rows * columns * channels);
  const board = $("board"), seen = $("seen"), pen = board.getContext("2d", { willReadFrequently: true });
  let strokes = [], picture = null, cleared = null, exact = null, image = null, values = null, isErasing = false;

  // What is drawn

  function redraw() {
    pen.globalCompositeOperation = "source-over";
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, board.width, board.height);
    if (picture) {
      const scale = Math.min(board.width / picture.width, board.height / picture.height);
      const [width, height] = [picture.width * scale, picture.height * scale];
      pen.drawImage(picture, (board.width - width) / 2, (board.height - height) / 2, width, height);
    }
    pen.lineCap = pen.lineJoin = "round";
    for (const { points, width, colour } of strokes) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(...points[0]);
      for (const point of points) pen.lineTo(...point);
      pen.stroke();
    }
    exact = null;
    update();
  }

  const isEmpty = () => !picture && !exact && strokes.length === 0;

  /** RGB in [0, 1] of what is on the board; of a picture without strokes, of the picture itself. */
  function source() {
    const canvas = picture && strokes.length === 0 ? picture : board;
    const { data, width, height } = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height);
    const rgb = new Float32Array(width * height * 3);
    for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) rgb[3 * i + c] = data[4 * i + c] / 255;
    return [rgb, [height, width]];
  }

  let isWaiting = false;
  function update() {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => { isWaiting = false; compute(); });
  }

  function compute() {
    image = isEmpty() ? null : exact || pixels.prepared(...source(), content);
    const isMissing = !isEmpty() && !image;
    $("message").textContent = isMissing ? "This shows no digit: it has a single colour. Use a dark or a light stroke." : "";
    values = network.run(scaled(image || blank));
    paintSeen();
    showAnswer();
    showLayers();
    if (looked) look(...looked);
  }

  const paintSeen = () => [seen, $("small")].forEach((each) => paintImage(each, image || blank));
  const scaled = (unit) => (content.scale === "byte" ? unit.map((value) => value * 255) : unit);

  // The answer

  function probabilities() {
    const output = values[values.length - 1];
    if (content.kind === "softmax") return output;
    if (content.kind === "sigmoid") return [1 - output[0], output[0]];
    const logits = content.kind === "logit" ? [0, output[0]] : output;
    const largest = Math.max(...logits), powers = Array.from(logits, (value) => Math.exp(value - largest));
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / total);
  }

  const percent = (value) => `${(100 * value).toFixed(1)} %`;
  const element = (name, text = "", className = "") => Object.assign(document.createElement(name), { textContent: text, className });

  function showAnswer() {
    const chances = probabilities(), order = [...classes.keys()].sort((a, b) => chances[b] - chances[a]);
    const answer = image ? `${classes[order[0]]}, ${percent(chances[order[0]])}` : "Nothing drawn yet.";
    if ($("answer").textContent !== answer) $("answer").textContent = $("short").textContent = answer;
    const off = [...network.off.values()].reduce((sum, maps) => sum + maps.size, 0);
    $("off").textContent = off ? `${off} ${off === 1 ? "map is" : "maps are"} switched off.` : "";
    const shown = classes.length <= MOST_CLASSES ? [...classes.keys()] : order.slice(0, MOST_CLASSES);
    const lines = shown.map((number) => {
      const line = element("tr"), name = element("th", classes[number]), cell = element("td"), bar = element("div", "", "bar");
      name.scope = "row";
      bar.style.width = `${100 * chances[number]}%`;
      cell.append(bar);
      line.append(name, element("td", image ? percent(chances[number]) : "", "number"), cell);
      if (!image) bar.style.visibility = "hidden";
      return line;
    });
    $("chances").tBodies[0].replaceChildren(...lines);
  }

  // Pictures of values

  /** Fill a canvas; `levelOf` gives the level of a pixel's red, green or blue, from 0 to 255. */
  function fill(canvas, height, width, levelOf) {
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d"), data = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) data.data[4 * i + c] = levelOf(i, c);
      data.data[4 * i + 3] = 255;
    }
    context.putImageData(data, 0, 0);
  }

  /** Paint an image in [0, 1] of the network's shape. */
  const paintImage = (canvas, from) => fill(canvas, rows, columns, (i, c) => 255 * from[i * channels + (isColour ? c : 0)]);

  /** Paint one of `count` maps by the colours of its signs. */
  function paintMap(canvas, from, height, width, count, map, largest) {
    fill(canvas, height, width, (i, c) => {
      const value = from[i * count + map];
      return (value < 0 ? COOL : WARM)[c] * Math.min(Math.abs(value) / largest, 1);
    });
  }

  // Layers: of each, the value of its last step

  const last = new Map(program.steps.map((step, index) => [step.layer, index + 1]));
  const parts = [...last].filter(([, number]) => !["Flatten", "Reshape"].includes(network.steps[number - 1].type)).map(([layer, number]) => {
    const shape = network.shapes[number], step = network.steps[number - 1], section = element("div", "", "layer");
    const title = element("h3", `${layer} `), length = shape[shape.length - 1];
    const isMap = shape.length === 3 && shape[0] * shape[1] > 1; // of one place each, maps are shown as a row
    title.append(element("span", `${step.type}, ${shape.join(" x ")}`));
    const maps = element("div", "", "maps"), count = isMap ? Math.min(length, MOST_MAPS) : 1;
    const canvases = Array.from({ length: count }, (_, map) => {
      const button = element("button"), canvas = element("canvas");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.setAttribute("aria-label", isMap ? `${layer}, map ${map}` : `${layer}: ${length} values`);
      const zoom = isMap ? Math.max(1, Math.floor(MAP_SIDE / Math.max(shape[0], shape[1]))) : 1;
      canvas.style.width = isMap ? `${shape[1] * zoom}px` : `${Math.min(length * 12, 1100)}px`;
      canvas.style.height = isMap ? `${shape[0] * zoom}px` : "24px";
      button.append(canvas);
      const at = (event) => {
        const box = canvas.getBoundingClientRect(), part = (start, size, side) => Math.min(Math.max(Math.floor(((start) / size) * side), 0), side - 1);
        const column = part(event.clientX - box.left, box.width, isMap ? shape[1] : length);
        return isMap ? [part(event.clientY - box.top, box.height, shape[0]), column, map] : alone(shape, column);
      };
      let chosen = null; // the value that the keyboard switches, of a row
      for (const name of ["pointermove", "pointerdown"]) button.addEventListener(name, (event) => look(number, at(event)));
      button.addEventListener("focus", () => {
        if (!button.matches(":focus-visible")) return; // a click is where the pointer is
        chosen = largestOf(number);
        look(number, isMap ? [shape[0] >> 1, shape[1] >> 1, map] : alone(shape, chosen));
      });
      button.addEventListener("click", (event) => {
        const isPointed = event.detail > 0;
        if (isPointed && isFinger) return; // a finger looks; it switches by a second tap, see below
        toggle(number, isMap ? map : isPointed ? at(event).pop() : chosen ?? largestOf(number), button, isMap);
      });
      button.addEventListener("dblclick", (event) => { if (isFinger) toggle(number, isMap ? map : at(event).pop(), button, isMap); });
      maps.append(button);
      return canvas;
    });
    section.append(title, maps);
    if (isMap && shape[2] > MOST_MAPS) section.append(element("p", `and ${shape[2] - MOST_MAPS} more maps`));
    $("layers").append(section);
    return { number, shape, length, isMap, canvases };
  });

  const alone = (shape, index) => (shape.length === 3 ? [0, 0, index] : [index]);
  const largestOf = (number) => values[number].indexOf(Math.max(...values[number]));

  function showLayers() {
    for (const { number, shape, length, isMap, canvases } of parts) {
      const value = values[number], largest = value.reduce((most, each) => Math.max(most, Math.abs(each)), 0) || 1;
      canvases.forEach((canvas, map) => {
        if (isMap) paintMap(canvas, value, shape[0], shape[1], shape[2], map, largest);
        else paintMap(canvas, value, 1, length, 1, 0, largest);
      });
    }
  }

  function toggle(number, map, button, isMap) {
    if (number === values.length - 1) return; // of the answer, nothing is switched off
    const off = network.off.get(number) || new Set();
    if (!off.delete(map)) off.add(map);
    network.off.set(number, off);
    button.setAttribute("aria-pressed", String(isMap ? !off.has(map) : off.size === 0));
    $("all-on").disabled = [...network.off.values()].every((each) => each.size === 0);
    update();
  }

  // The arithmetic behind a value

  const at = (shape, index) => index.reduce((position, each, axis) => position * shape[axis] + each, 0);
  const number = (value) => (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5) || value === 0 ? value.toFixed(4) : value.toExponential(3);

  /** The steps of the layer that end in the value `end`: the first computes from the layer before. */
  function stepsOf(end) {
    const layer = network.steps[end - 1].layer, numbers = [];
    for (let each = end; each > 0 && network.steps[each - 1].layer === layer; each = network.steps[each - 1].inputs[0]) numbers.unshift(each);
    return numbers;
  }

  /** The products that a value of a convolution or a dense layer is the sum of: value, weight, where the value is. */
  function products(end, index) {
    const step = network.steps[end - 1], from = step.inputs[0], shape = network.shapes[from], x = values[from], found = [];
    const kernel = step.kernel && network.weight(step.kernel);
    if (step.op === "dense") {
      for (let i = 0; i < x.length; i++) found.push([x[i], kernel[i * step.shape[0] + index[0]], `${i}`]);
    } else if (step.op === "convolution") {
      const taken = shape[2] / step.groups, group = Math.floor(index[2] / (step.shape[2] / step.groups));
      for (let i = 0; i < step.size[0]; i++) {
        for (let j = 0; j < step.size[1]; j++) {
          const row = engine.place(step, 0, index[0], i, shape[0]), column = engine.place(step, 1, index[1], j, shape[1]);
          for (let k = 0; k < taken && row >= 0 && column >= 0; k++) {
            const weight = kernel[((i * step.size[1] + j) * taken + k) * step.shape[2] + index[2]];
            found.push([x[at(shape, [row, column, group * taken + k])], weight, `row ${row}, column ${column}, map ${group * taken + k}`]);
          }
        }
      }
    }
    return { found, bias: step.bias ? network.weight(step.bias)[index[index.length - 1]] : 0 };
  }

  let looked = null; // the number of a value, and the index in it

  function look(end, index) {
    looked = [end, index];
    const whole = stepsOf(end), kernels = whole.filter((each) => network.steps[each - 1].kernel);
    const chain = kernels.length ? whole.slice(whole.indexOf(kernels[kernels.length - 1])) : whole;
    const first = network.steps[chain[0] - 1], panel = $("look"), channel = index[index.length - 1];
    const place = index.length === 3 ? `row ${index[0]}, column ${index[1]}, map ${index[2]}` : `value ${index[0]}`;
    panel.replaceChildren(element("p", fieldText(end, index)));
    panel.prepend(element("strong", `${first.layer}, ${place}: ${number(values[end][at(network.shapes[end], index)])}`));
    if (network.off.get(end)?.has(channel)) panel.append(element("p", "It is switched off."));
    if (first.kernel && first.op !== "distances") {
      const { found, bias } = products(chain[0], index);
      const sum = found.reduce((total, [value, weight]) => total + value * weight, 0);
      panel.append(element("p", `= ${functionsOf(chain)}(sum of ${found.length} products ${number(sum)} + bias ${number(bias)} = ${number(sum + bias)})`));
      panel.append(tableOf(found));
    } else panel.append(element("p", chain.length > 1 ? `= ${first.type} of the layers before` : explained(first, chain[0], index)));
  }

  const functionsOf = (chain) => chain.slice(1).map((each) => network.steps[each - 1].kind || network.steps[each - 1].op).join(", then ") || "";

  function explained(step, end, index) {
    const x = values[step.inputs[0]], shape = network.shapes[step.inputs[0]];
    if (step.op === "pool") return `= the ${step.kind} of ${windowOf(step, x, shape, index).join(", ")}`;
    if (step.op === "place") {
      const from = index.map((each, axis) => each - step.at[axis]), isInside = from.every((each, axis) => each >= 0 && each < shape[axis]);
      return isInside ? `= ${number(x[at(shape, from)])}, as it is` : "= 0, which is added here";
    }
    if (step.op === "function" && step.kind === "softmax") {
      const total = x.reduce((sum, value) => sum + Math.exp(value), 0);
      return `= exp(${number(x[at(shape, index)])}) / ${number(total)}, the sum over all classes`;
    }
    if (step.op === "function" && shape.length === index.length) return `= ${step.kind} of ${number(x[at(shape, index)])}`;
    if (step.op === "affine") {
      const channel = index[index.length - 1], [factor, offset] = [step.factors, step.offsets].map((each) => network.weight(each)[channel]);
      return `= ${number(x[at(shape, index)])} x ${number(factor)} + ${number(offset)}`;
    }
    if (step.op === "combine" && network.shapes[step.inputs[1]].join() === step.shape.join() && shape.join() === step.shape.join()) {
      return `= ${step.kind}: ${number(x[at(shape, index)])} and ${number(values[step.inputs[1]][at(shape, index)])}`;
    }
    return `= ${step.op} of the layer before`;
  }

  /** The values of a pool's window; of a large one, the first. */
  function windowOf(step, x, shape, index) {
    const found = [];
    for (let i = 0; i < step.size[0]; i++) {
      for (let j = 0; j < step.size[1]; j++) {
        const row = engine.place(step, 0, index[0], i, shape[0]), column = engine.place(step, 1, index[1], j, shape[1]);
        if (row >= 0 && column >= 0) found.push(number(x[at(shape, [row, column, index[index.length - 1]])]));
      }
    }
    return found.length > MOST_VALUES ? [...found.slice(0, MOST_VALUES), `... (${found.length} values)`] : found;
  }

  function tableOf(found) {
    const table = element("table"), head = element("tr");
    for (const text of ["value", "x weight", "= product", "the value's place"]) head.append(element("th", text));
    table.append(head);
    const sorted = [...found].sort((a, b) => Math.abs(b[0] * b[1]) - Math.abs(a[0] * a[1]));
    for (const [value, weight, where] of sorted.slice(0, MOST_PRODUCTS)) {
      const line = element("tr");
      for (const text of [number(value), number(weight), number(value * weight), where]) line.append(element("td", text));
      table.append(line);
    }
    if (found.length > MOST_PRODUCTS) {
      const line = element("tr"), cell = element("td", `the largest ${MOST_PRODUCTS} of ${found.length}`);
      cell.colSpan = 4;
      line.append(cell);
      table.append(line);
    }
    return table;
  }

  // Receptive fields

  /** The part [top, bottom, left, right) of the image that rows and columns of a value depend on. */
  function fieldOf(end, part, known = new Map()) {
    if (end === 0) return part;
    const key = `${end}:${part}`;
    if (known.has(key)) return known.get(key);
    const step = network.steps[end - 1];
    const fields = step.inputs.map((from) => fieldOf(from, before(step, network.shapes[from], part), known));
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

  /** Mark the receptive field of a value in the image, and say where it is. */
  function fieldText(end, index) {
    const part = index.length === 3 ? [index[0], index[0] + 1, index[1], index[1] + 1] : [0, 1, 0, 1];
    const [top, bottom, left, right] = fieldOf(end, part);
    paintSeen();
    for (const each of [seen, $("small")]) {
      const context = each.getContext("2d");
      context.strokeStyle = "#d55e00";
      context.lineWidth = Math.max(1, rows / 64);
      context.strokeRect(left + 0.5, top + 0.5, Math.max(right - left - 1, 0.01), Math.max(bottom - top - 1, 0.01));
    }
    return `It depends on rows ${top} to ${bottom - 1}, columns ${left} to ${right - 1} of the image.`;
  }

  // Mouse, finger, pen; opened images; buttons

  let isFinger = false;
  document.addEventListener("pointerdown", (event) => { isFinger = event.pointerType === "touch"; }, true);

  const point = (event) => {
    const box = board.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * board.width, ((event.clientY - box.top) / box.height) * board.height];
  };
  let current = null;
  board.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    board.setPointerCapture(event.pointerId);
    const colour = isErasing ? "#000" : isColour ? $("colour").value : "#fff";
    current = { points: [point(event)], width: Number($("thickness").value), colour };
    strokes.push(current);
    redraw();
  });
  board.addEventListener("pointermove", (event) => {
    if (!current || !event.isPrimary) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) current.points.push(point(each));
    redraw();
  });
  for (const name of ["pointerup", "pointercancel"]) board.addEventListener(name, () => { current = null; });

  async function open(file) {
    let found;
    try {
      found = file.size > LARGEST_FILE * 1e6 ? null : await createImageBitmap(file);
    } catch {
      $("message").textContent = "The browser cannot read this file as an image.";
      return;
    }
    const isLarge = !found || found.width * found.height > LARGEST_IMAGE * 1e6;
    if (isLarge || Math.max(found.width, found.height) > LONGEST * Math.min(found.width, found.height)) {
      const limit = isLarge ? `large: at most ${LARGEST_IMAGE} megapixels and ${LARGEST_FILE} MB` : `long: at most ${LONGEST} times its shorter side`;
      $("message").textContent = `This image is too ${limit}.`;
      return;
    }
    [picture, strokes] = [flattened(found), []];
    redraw();
  }

  /** An image as a canvas, reduced where it is large; what is transparent becomes white, or black around what is light. */
  function flattened(found) {
    const scale = Math.min(1, REDUCED / Math.max(found.width, found.height)), canvas = element("canvas");
    canvas.width = Math.max(1, Math.round(found.width * scale));
    canvas.height = Math.max(1, Math.round(found.height * scale));
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(found, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let [sum, count] = [0, 0];
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] > 127) [sum, count] = [sum + 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2], count + 1];
    }
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = count && sum / count > 127 ? "#000" : "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    return canvas;
  }

  $("file").addEventListener("change", (event) => { if (event.target.files[0]) open(event.target.files[0]); event.target.value = ""; });
  document.addEventListener("paste", (event) => { const [file] = event.clipboardData.files; if (file) open(file); });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => { event.preventDefault(); const [file] = event.dataTransfer.files; if (file) open(file); });

  $("undo").addEventListener("click", () => {
    if (strokes.length) strokes.pop();
    else if (picture) picture = null;
    else if (cleared) [strokes, picture, cleared] = [...cleared, null];
    redraw();
  });
  $("clear").addEventListener("click", () => {
    if (!isEmpty()) cleared = [strokes, picture];
    [strokes, picture] = [[], null];
    redraw();
  });
  $("eraser").addEventListener("click", () => { isErasing = !isErasing; $("eraser").setAttribute("aria-pressed", String(isErasing)); });
  $("save").addEventListener("click", () => board.toBlob((blob) => {
    const link = Object.assign(element("a"), { href: URL.createObjectURL(blob), download: "drawing.png" });
    link.click();
    URL.revokeObjectURL(link.href);
  }));
  $("all-on").addEventListener("click", () => {
    network.off.clear();
    document.querySelectorAll(".maps button").forEach((button) => button.setAttribute("aria-pressed", "true"));
    $("all-on").disabled = true;
    update();
  });

  for (const [index, example] of content.examples.entries()) {
    const own = Float32Array.from(bytes(example.pixels), (level) => level / 255);
    const button = element("button"), canvas = element("canvas"), name = classes[example.label];
    button.type = "button";
    const answer = example.answer === example.label ? "" : `, taken for ${classes[example.answer]}`;
    button.setAttribute("aria-label", `Example ${index + 1}: ${name}${answer}`);
    paintImage(canvas, own);
    button.append(canvas, element("span", name + answer));
    button.addEventListener("click", () => {
      const small = element("canvas");
      paintImage(small, own);
      [strokes, picture] = [[], small];
      redraw();
      exact = own; // as it is, not found and placed once more
    });
    $("examples").append(button);
  }
  $("examples-part").hidden = content.examples.length === 0;

  redraw();
  window.cnnzoo = { network, run: (unit) => network.run(scaled(Float32Array.from(unit))), see: () => image && Array.from(image) };
})();
