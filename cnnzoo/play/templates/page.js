// The page: what its controls do, and what is shown of the drawing.
"use strict";

(() => {
  const MOST_MAPS = 64, MAP_SIDE = 64, KERNEL_SIDE = 40, MOST_CLASSES = 10, MOST_MATTERING = 8, PAUSE = 150, SLICE = 12, LONGEST = 6000; // ms
  const MOST_LINKED = 4096, MOST_GUESSES = 20, ROW_LENGTH = 1100;
  const { say, percent } = words, { element, paintImage, paintMap, paintHeat, largestOf, frame } = painting;
  const $ = (id) => document.getElementById(id);
  const content = JSON.parse($("content").textContent);
  const subjects = content.networks.map((each) => new Subject(each));
  let chosen = subjects[0]; // of which the layers are shown

  const isColour = subjects.some(({ shape }) => shape[2] === 3);
  const isErasing = () => $("eraser").getAttribute("aria-pressed") === "true";
  const erase = (isOn) => $("eraser").setAttribute("aria-pressed", String(isOn));
  const brush = () => ({ width: Number($("thickness").value), colour: isErasing() ? "#000" : isColour ? $("colour").value : "#fff" });
  const tell = (text) => { $("message").textContent = text; };
  const board = new Board($("board"), brush, () => { unlook(); update(); }, tell);

  let isWaiting = false;
  function update() {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => { isWaiting = false; compute(); });
  }

  function compute() {
    const source = board.isEmpty() ? null : board.source();
    for (const each of subjects) each.see(source && (board.exact?.(each) ?? pixels.prepared(...source, each.content)));
    tell(source && subjects.some(({ image }) => !image) ? say(isErasing() ? "The eraser is on." : "This shows no digit: it has a single colour. Use a dark or a light stroke.") : board.note);
    subjects.forEach(showAnswer);
    showAgreement();
    showChosen();
  }

  /** Show all that is shown of the chosen network. */
  function showChosen() {
    paintSeen();
    showLayers();
    showHeat();
    later();
    if (looked) look(...looked);
  }

  const imageOf = (subject) => subject.image || subject.blank;
  const paintSeen = () => [$("seen"), $("small")].forEach((each) => paintImage(each, imageOf(chosen), chosen.shape));

  // The answer

  function showAnswer(subject, index) {
    const chances = subject.chances(), order = subject.ranking(), { classes, image } = subject;
    const answer = image ? `${classes[order[0]]}, ${percent(chances[order[0]])}` : say("Nothing drawn yet.");
    const places = [$(`answer-${index}`), ...(subject === chosen ? [$("short")] : [])];
    for (const each of places) if (each.textContent !== answer) each.textContent = answer;
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
    $(`chances-${index}`).tBodies[0].replaceChildren(...lines);
  }

  function showAgreement() {
    const off = [...chosen.network.off.values()].reduce((sum, maps) => sum + maps.size, 0);
    $("off").textContent = off === 0 ? "" : off === 1 ? say("1 map is switched off.") : say("{count} maps are switched off.", { count: off });
    if (subjects.length === 1) return;
    const [one, other] = subjects.map((each) => (each.image ? each.classes[each.ranking()[0]] : null));
    if (subjects[0].classes.join() !== subjects[1].classes.join()) $("agreement").textContent = say("The two networks know different classes.");
    else $("agreement").textContent = one === null || other === null ? "" : one === other ? say("Both answer {name}.", { name: one }) : say("The answers differ.");
  }

  // What supports the answer

  let running = 0; // the number of the last image that was computed: what is in progress for another one stops

  /** The class that is asked about: the answer, or another that is chosen. */
  const asked = () => ($("class").value === "" ? chosen.ranking()[0] : Number($("class").value));

  function showHeat() {
    running++;
    const canvas = $("heat"), note = $("heat-note"), { image, shape } = chosen;
    const isByGradient = $("method").value === "gradcam";
    $("heat-layer-part").hidden = !isByGradient;
    if (!image) {
      paintImage(canvas, imageOf(chosen), shape);
      note.textContent = "";
    } else if (isByGradient) paintHeatOf(chosen.gradcam(Number($("heat-layer").value), asked()));
    else {
      paintImage(canvas, image, shape);
      note.textContent = "";
    }
  }

  function paintHeatOf(heat) {
    paintHeat($("heat"), chosen.image, chosen.shape, heat);
    $("heat-note").textContent = heat.some((each) => each > 0) ? say("Orange marks what supports {name}.", { name: chosen.classes[asked()] }) : say("Nothing supports {name} here.", { name: chosen.classes[asked()] });
  }

  /** Take steps, a few milliseconds at a time, unless the image changes meanwhile; stop after `longest` milliseconds. */
  function proceed(steps, show, longest = Infinity) {
    const own = running, limit = performance.now() + longest;
    const some = () => {
      if (own !== running) return;
      const end = performance.now() + SLICE;
      let step = steps.next();
      while (!step.done && performance.now() < end) step = steps.next();
      show(step);
      if (!step.done && performance.now() < limit) setTimeout(some);
    };
    some();
  }

  let timer = null;

  /** Do what takes longer than a frame once the drawing pauses. */
  function later() {
    clearTimeout(timer);
    if (!chosen.image) showMattering({ done: true, value: [] });
    else timer = setTimeout(explain, PAUSE);
  }

  function explain() {
    if ($("method").value === "occlusion") {
      proceed(chosen.occlusion(asked()), ({ done, value }) => {
        if (done) paintHeatOf(value);
        else $("heat-note").textContent = say("Covering the image: {part}", { part: percent(value) });
      });
    }
    proceed(chosen.mattering(asked()), showMattering, LONGEST);
  }

  /** List the maps that matter most of those that were tried so far. */
  function showMattering({ done, value }) {
    const tried = done ? value : value.tried, sorted = [...tried].sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
    $("mattering-note").textContent = done ? "" : say("Tried so far: {part}", { part: percent(value.part) });
    $("mattering").replaceChildren(...sorted.slice(0, MOST_MATTERING).map(({ number, layer, shape, map, isMap, change }) => {
      const item = element("li"), name = say(isMap ? "{layer}, map {map}" : "{layer}, value {map}", { layer, map });
      const points = `${change < 0 ? "\u2212" : "+"}${(100 * Math.abs(change)).toFixed(1)}`;
      const button = element("button", say("{map}: {change} points", { map: name, change: points }));
      button.type = "button";
      button.addEventListener("click", () => {
        look(number, isMap ? [shape[0] >> 1, shape[1] >> 1, map] : alone(shape, map));
        toggle(number, map);
      });
      item.append(button);
      return item;
    }));
  }

  // Layers: of each, the value of its last step

  let parts = [];

  /** Build the elements of the chosen network's layers. */
  function buildLayers() {
    parts = chosen.layers.map((part) => ({ ...part, ...layerElements(part) }));
    $("layers").replaceChildren(...parts.map(({ section }) => section));
    const maps = chosen.layers.filter(({ isMap }) => isMap);
    $("heat-layer").replaceChildren(...maps.map(({ layer, number }) => Object.assign(element("option", layer), { value: number })));
    $("heat-layer").value = chosen.heatLayer() ?? maps[maps.length - 1]?.number;
    const names = chosen.classes.map((name, label) => Object.assign(element("option", name), { value: label }));
    $("class").replaceChildren(Object.assign(element("option", say("the answer")), { value: "" }), ...names);
    if (!maps.length) $("method").value = "occlusion";
    $("method").disabled = !maps.length;
  }

  function layerElements({ layer, number, shape, length, isMap, type }) {
    const section = element("div", "", "layer"), title = element("h3", `${layer} `), maps = element("div", "", "maps");
    title.append(element("span", `${type}, ${shape.join(" x ")}`));
    const count = isMap ? Math.min(length, MOST_MAPS) : 1, buttons = [];
    for (let map = 0; map < count; map++) {
      const button = element("button"), canvas = element("canvas"), zoom = isMap ? Math.max(1, Math.floor(MAP_SIDE / Math.max(shape[0], shape[1]))) : 1;
      button.type = "button";
      button.tabIndex = map ? -1 : 0; // arrows go to the others
      button.setAttribute("aria-label", isMap ? say("{layer}, map {map}", { layer, map }) : say("{layer}: {count} values", { layer, count: length }));
      canvas.style.width = isMap ? `${shape[1] * zoom}px` : `${Math.min(length * 12, ROW_LENGTH)}px`;
      canvas.style.height = isMap ? `${shape[0] * zoom}px` : "24px";
      button.append(canvas);
      listen(button, { number, shape, length, isMap, map, canvas });
      maps.append(button);
      buttons.push(button);
    }
    maps.addEventListener("keydown", (event) => walk(event, buttons));
    maps.classList.toggle("row", !isMap);
    section.append(title);
    const kernels = kernelElements(layer);
    if (kernels) section.append(kernels.row);
    section.append(maps);
    if (isMap && length > MOST_MAPS) section.append(element("p", say("and {count} more maps", { count: length - MOST_MAPS })));
    showSwitches(number, isMap, buttons);
    return { section, buttons, canvases: buttons.map((button) => button.firstChild), kernels };
  }

  /** A row of the kernels of a convolution that takes the image: grey, or in its colours. */
  function kernelElements(layer) {
    const step = chosen.network.steps.find((each) => each.layer === layer && each.op === "convolution");
    if (!step || step.groups > 1 || step.size[0] * step.size[1] === 1 || chosen.network.shapes[step.inputs[0]][2] > 3) return null;
    const row = element("div", "", "kernels"), zoom = Math.max(1, Math.floor(KERNEL_SIDE / Math.max(...step.size)));
    row.setAttribute("role", "img");
    row.setAttribute("aria-label", say("Kernels of {layer}", { layer }));
    const canvases = Array.from({ length: Math.min(step.shape[2], MOST_MAPS) }, () => {
      const canvas = element("canvas");
      [canvas.style.width, canvas.style.height] = [`${step.size[1] * zoom}px`, `${step.size[0] * zoom}px`];
      return canvas;
    });
    row.append(element("span", say("Kernels")), ...canvases);
    return { row, canvases, step };
  }

  /** Paint kernels: of grey images by the colours of the signs, of colours as an image around grey. */
  function paintKernels({ canvases, step }) {
    const kernel = chosen.network.weight(step.kernel), maps = step.shape[2], taken = chosen.network.shapes[step.inputs[0]][2];
    const [height, width] = step.size, largest = largestOf(kernel);
    canvases.forEach((canvas, map) => {
      const own = Float32Array.from({ length: height * width * taken }, (_, i) => kernel[i * maps + map]);
      if (taken === 3) paintImage(canvas, own.map((each) => 0.5 + each / largest / 2), [height, width, 3]);
      else paintMap(canvas, own, height, width, taken, 0, largest);
    });
  }

  const alone = (shape, index) => (shape.length === 3 ? [0, 0, index] : [index]);
  const mostOf = (number) => chosen.values[number].indexOf(Math.max(...chosen.values[number]));
  const limited = (value, side) => Math.min(Math.max(value, 0), side - 1);

  let isFinger = false;
  document.addEventListener("pointerdown", (event) => { isFinger = event.pointerType === "touch"; }, true);

  /** Let a map, or a row of values, be pointed at, walked through and switched. */
  function listen(button, { number, shape, length, isMap, map, canvas }) {
    let place = null; // where the keyboard is: row and column, or a value of a row
    const pointed = (event) => {
      const box = canvas.getBoundingClientRect(), part = (start, size, side) => limited(Math.floor((start / size) * side), side);
      const column = part(event.clientX - box.left, box.width, isMap ? shape[1] : length);
      return isMap ? [part(event.clientY - box.top, box.height, shape[0]), column, map] : alone(shape, column);
    };
    const walked = () => (isMap ? [...place, map] : alone(shape, place));
    for (const name of ["pointermove", "pointerdown"]) button.addEventListener(name, (event) => look(number, pointed(event)));
    button.addEventListener("focus", () => {
      if (!button.matches(":focus-visible")) return; // a click is where the pointer is
      place ??= isMap ? [shape[0] >> 1, shape[1] >> 1] : mostOf(number);
      look(number, walked());
    });
    button.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!way || place === null || !(event.shiftKey || !isMap)) return;
      if (isMap) place = place.map((each, axis) => limited(each + way[axis], shape[axis]));
      else place = limited(place + way[0] + way[1], length);
      look(number, walked());
      event.preventDefault();
      event.stopPropagation();
    });
    button.addEventListener("click", (event) => {
      const isPointed = event.detail > 0;
      if (isPointed && isFinger) return; // a finger looks; it switches by a second tap, see below
      toggle(number, isMap ? map : isPointed ? pointed(event).pop() : place ?? mostOf(number));
    });
    button.addEventListener("dblclick", (event) => { if (isFinger) toggle(number, isMap ? map : pointed(event).pop()); });
  }

  /** Go by arrows from map to map. */
  function walk(event, buttons) {
    const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!way || event.shiftKey) return;
    const to = buttons[limited(buttons.indexOf(event.target) + way, buttons.length)];
    for (const each of buttons) each.tabIndex = each === to ? 0 : -1;
    to.focus();
    event.preventDefault();
  }

  function showLayers() {
    for (const { number, shape, length, isMap, canvases, kernels } of parts) {
      const value = chosen.values[number], largest = largestOf(value);
      canvases.forEach((canvas, map) => {
        if (isMap) paintMap(canvas, value, shape[0], shape[1], shape[2], map, largest);
        else paintMap(canvas, value, 1, length, 1, 0, largest);
      });
      if (kernels) paintKernels(kernels);
    }
  }

  function toggle(number, map) {
    if (number === chosen.values.length - 1) return; // of the answer, nothing is switched off
    const { off } = chosen.network, own = off.get(number) || new Set();
    if (!own.delete(map)) own.add(map);
    off.set(number, own);
    const part = parts.find((each) => each.number === number);
    showSwitches(number, part.isMap, part.buttons);
    computeAgain();
  }

  function showSwitches(number, isMap, buttons) {
    const off = chosen.network.off.get(number) || new Set();
    buttons.forEach((button, map) => button.setAttribute("aria-pressed", String(isMap ? !off.has(map) : off.size === 0)));
  }

  /** Compute what is seen once more: what is drawn is the same, the network is not. */
  function computeAgain() {
    $("all-on").disabled = [...chosen.network.off.values()].every((each) => each.size === 0);
    update();
  }

  let looked = null; // the number of a value, and the index in it

  function unlook() {
    looked = null;
    $("look").textContent = say("Point at a value of a map below.");
  }

  /** Say how a value is computed, and mark what it depends on in the image. */
  function look(number, index) {
    looked = [number, index];
    const { lines, field } = arithmetic.described(chosen, number, index);
    $("look").replaceChildren(...lines);
    paintSeen();
    for (const each of [$("seen"), $("small")]) frame(each, field);
  }

  function choose(subject) {
    chosen = subject;
    unlook();
    buildLayers();
    computeAgain();
  }

  // Examples and the quiz

  const examples = content.networks[0].examples.map((each) => ({ ...each, own: Float32Array.from(Subject.bytes(each.pixels), (level) => level / 255) }));
  const first = subjects[0], named = (label) => first.classes[label];

  /** An image as a canvas, from which the board reads it. */
  function pictureOf(image) {
    const canvas = element("canvas");
    canvas.getContext("2d", { willReadFrequently: true });
    return paintImage(canvas, image, first.shape);
  }

  /** Show an image that the first network sees exactly as it is, and others of its kind, too. */
  function showExactly(image) {
    const isAlike = (each) => each.shape.join() === first.shape.join() && each.content.preparation === first.content.preparation;
    board.show(pictureOf(image), { exact: (subject) => (isAlike(subject) ? image : null) });
  }

  function buildExamples() {
    $("examples").replaceChildren(...examples.map(({ own, label, answer }, index) => {
      const button = element("button"), mistake = answer === label ? "" : `, ${say("taken for {name}", { name: named(answer) })}`;
      button.type = "button";
      button.setAttribute("aria-label", say("Example {number}: {name}", { number: index + 1, name: named(label) }) + mistake);
      button.append(pictureOf(own), element("span", named(label) + mistake));
      button.addEventListener("click", () => showExactly(own));
      return button;
    }));
    for (const id of ["examples-part", "quiz-part"]) $(id).hidden = examples.length === 0;
  }

  let quiz = null; // the examples that are left, the number of guesses, and how many were right

  /** The classes to guess among: all, or of many the example's, the answer and some others. */
  function offered({ label, answer }) {
    const all = [...first.classes.keys()], others = [...all].sort(() => Math.random() - 0.5);
    return all.length <= MOST_GUESSES ? all : [...new Set([label, answer, ...others])].slice(0, MOST_GUESSES).sort((a, b) => a - b);
  }

  function ask() {
    quiz ??= { left: [...examples].sort(() => Math.random() - 0.5), count: 0, right: 0 };
    quiz.asked = quiz.left.pop();
    document.body.classList.add("asking"); // which hides the answer
    showExactly(quiz.asked.own);
    const output = first.chances(first.network.run(first.scaled(quiz.asked.own))); // whatever is shown when the guess is made
    quiz.answer = output.indexOf(Math.max(...output));
    paintImage($("quiz-image"), quiz.asked.own, first.shape);
    $("quiz-text").textContent = say("What will {name} say?", { name: first.name });
    $("quiz-start").hidden = $("quiz-next").hidden = true;
    $("quiz-end").hidden = $("quiz-image").hidden = false;
    $("quiz-guesses").replaceChildren(...offered(quiz.asked).map((label) => {
      const button = element("button", named(label));
      button.type = "button";
      button.addEventListener("click", () => reveal(label));
      return button;
    }));
    $("quiz-guesses").firstChild.focus({ preventScroll: true });
  }

  function reveal(guess) {
    const { answer } = quiz, { label } = quiz.asked;
    quiz.count++;
    if (guess === answer) quiz.right++;
    const told = { answer: named(answer), guess: named(guess), right: quiz.right, count: quiz.count };
    const verdict = guess === answer ? say("It says {answer}. You guessed right: {right} of {count}.", told) : say("It says {answer}, you guessed {guess}: {right} of {count}.", told);
    $("quiz-text").textContent = answer === label ? verdict : `${verdict} ${say("It is labelled {name}.", { name: named(label) })}`;
    $("quiz-guesses").replaceChildren();
    document.body.classList.remove("asking");
    $("quiz-next").hidden = quiz.left.length === 0;
    $(quiz.left.length ? "quiz-next" : "quiz-end").focus({ preventScroll: true });
  }

  function endQuiz() {
    quiz = null;
    document.body.classList.remove("asking");
    $("quiz-text").textContent = "";
    $("quiz-guesses").replaceChildren();
    $("quiz-start").hidden = false;
    $("quiz-next").hidden = $("quiz-end").hidden = $("quiz-image").hidden = true;
  }

  // Morphing: of each network, the two images as it sees them

  const kept = [null, null];

  function keep(which) {
    if (!subjects.every(({ image }) => image)) {
      tell(say("Draw, or open an image, first."));
      return;
    }
    kept[which] = new Map(subjects.map((each) => [each, each.image]));
    paintImage($(`kept-${which}`), first.image, first.shape);
    $("morph").disabled = kept.includes(null);
    $("morph").value = 100 * which;
  }

  function morph() {
    const part = Number($("morph").value) / 100, [from, to] = kept;
    const mixed = new Map(subjects.map((each) => [each, from.get(each).map((value, i) => (1 - part) * value + part * to.get(each)[i])]));
    board.show(pictureOf(mixed.get(first)), { exact: (subject) => mixed.get(subject) });
  }

  // Links: drawings as their strokes, small images as what the first network sees

  function link() {
    if (board.strokes.length && !board.picture) history.replaceState(null, "", `#drawing=${board.written()}`);
    else if (first.image && first.image.length <= MOST_LINKED) {
      const levels = Array.from(first.image, (value) => String.fromCharCode(Math.round(Math.min(Math.max(value, 0), 1) * 255)));
      history.replaceState(null, "", `#image=${btoa(levels.join(""))}`);
    } else {
      tell(first.image ? say("A link can hold a drawing, or an image of up to {count} values as the network sees it.", { count: MOST_LINKED }) : say("Draw, or open an image, first."));
      return;
    }
    const told = () => tell(say("The address of this page now holds the drawing: copy it from the address bar."));
    if (navigator.clipboard) navigator.clipboard.writeText(location.href).then(() => tell(say("The link to this drawing was copied.")), told);
    else told();
  }

  function readLink() {
    const [, kind, text] = /^#(drawing|image)=(.*)$/.exec(location.hash) || [];
    if (!kind) return;
    try {
      if (kind === "drawing") board.read(text);
      else {
        const levels = Subject.bytes(text);
        if (levels.length !== first.blank.length) throw new Error("another size");
        showExactly(Float32Array.from(levels, (level) => level / 255));
      }
    } catch {
      board.note = say("This link holds no drawing that this page can read.");
      update();
    }
  }

  // Moments of the training

  function buildMoments() {
    const { snapshots } = first.content;
    $("training-part").hidden = !snapshots;
    if (!snapshots) return;
    Object.assign($("moment"), { max: snapshots.steps.length, value: snapshots.steps.length });
    showMoment();
  }

  function showMoment() {
    const { steps, epochs } = first.content.snapshots, moment = Number($("moment").value);
    const text = moment === steps.length ? say("as trained") : say("step {step}, epoch {epoch}", { step: steps[moment].toLocaleString("en"), epoch: epochs[moment].toFixed(2) });
    $("moment-text").textContent = text;
    $("moment").setAttribute("aria-valuetext", text);
  }

  // Controls

  const on = (id, name, act) => $(id)?.addEventListener(name, act);
  const showCamera = (isOn) => { $("camera-part").hidden = !isOn; $("camera").disabled = isOn; };

  on("file", "change", (event) => { if (event.target.files[0]) board.open(event.target.files[0]); event.target.value = ""; });
  document.addEventListener("paste", (event) => { const [file] = event.clipboardData.files; if (file) board.open(file); });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => { event.preventDefault(); const [file] = event.dataTransfer.files; if (file) board.open(file); });
  on("undo", "click", () => board.undo());
  on("clear", "click", () => { erase(false); board.clear(); });
  on("save", "click", () => board.save());
  on("link", "click", link);
  on("eraser", "click", () => erase(!isErasing()));
  on("camera", "click", async () => showCamera(await board.film($("video"))));
  on("take", "click", () => { board.show(Board.flattened($("video"))); board.stop($("video")); showCamera(false); });
  on("stop", "click", () => { board.stop($("video")); showCamera(false); });
  for (const id of ["method", "class"]) on(id, "change", () => { showHeat(); later(); });
  on("heat-layer", "change", showHeat);
  on("all-on", "click", () => {
    chosen.network.off.clear();
    for (const { number, isMap, buttons } of parts) showSwitches(number, isMap, buttons);
    computeAgain();
  });
  subjects.forEach((subject, index) => on(`layers-of-${index}`, "change", () => choose(subject)));
  on("quiz-start", "click", ask);
  on("quiz-next", "click", ask);
  on("quiz-end", "click", endQuiz);
  [0, 1].forEach((which) => on(`keep-${which}`, "click", () => keep(which)));
  on("morph", "input", morph);
  on("moment", "input", () => { first.at(Number($("moment").value)); showMoment(); update(); });
  on("language", "click", () => {
    words.switchLanguage();
    buildAll();
    update();
  });
  window.addEventListener("hashchange", readLink);

  function buildAll() {
    buildLayers();
    buildExamples();
    buildMoments();
    if (quiz) endQuiz();
  }

  words.translate();
  buildAll();
  board.redraw();
  readLink();
  window.cnnzoo = {
    subjects,
    network: first.network,
    run: (unit) => first.network.run(first.scaled(Float32Array.from(unit))),
    see: () => first.image && Array.from(first.image),
    frame: compute,
  };
})();
