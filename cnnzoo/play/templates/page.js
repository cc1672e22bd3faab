// The page: what its controls do, and what is shown of the drawing.
"use strict";

(() => {
  const MOST_CLASSES = 10, MOST_MATTERING = 8, LEAST_CHANGE = 0.001, FEW_LAYERS = 12, MOST_LINKED = 4096, PRODUCTS_PER_MS = 1e6, SLOW = 250, PAUSE = 150, SLICE = 12, LONGEST = 6000; // the last four in ms
  const { say, percent } = words, { element, paintImage, paintHeat, frame } = painting;
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

  let running = 0; // the number of the last image: what is in progress for another one stops
  let timer = null; // for what takes longer than a frame
  let waiting = null; // for the next computation: a timer, or 0 for the next frame
  let isDown = false; // the pen
  let durations = Array(2).fill(subjects.reduce((sum, { network }) => sum + network.products / PRODUCTS_PER_MS, 0)); // of the last two computations for an image, in ms

  /** Compute at the next frame, or, where that takes longer than `SLOW`, once the pen is lifted, so that strokes stay fluent. */
  function update() {
    running++; // what is in progress is for another image, and would delay the pen
    clearTimeout(timer);
    const isSlow = Math.min(...durations) > SLOW; // the least, as the first computations also wait for the browser's compiler
    if (waiting !== null && !isSlow) return;
    clearTimeout(waiting);
    if (isSlow) {
      tell(say(isDown ? "The answer follows once the pen is lifted." : "The answer follows in a moment."));
      rest();
    } else {
      waiting = 0;
      requestAnimationFrame(compute);
    }
  }

  /** Compute in a while, when the pen is not on the board. */
  function rest() {
    waiting = setTimeout(() => (isDown ? rest() : compute()), PAUSE);
  }

  function compute() {
    const begun = performance.now();
    waiting = null;
    showAll();
    if (!board.isEmpty()) durations = [durations[1], performance.now() - begun];
  }

  function showAll() {
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
    view.paint();
    showHeat();
    later();
    if (looked) look(...looked);
  }

  const imageOf = (subject) => subject.image || subject.blank;
  const paintSeen = () => [$("seen"), $("small")].forEach((each) => paintImage(each, imageOf(chosen), chosen.shape));

  // The answer

  /** Tell a screen reader the answers, which change with every frame while one draws. */
  function speak() {
    const answers = subjects.map((_, index) => $(`answer-${index}`).textContent);
    const text = subjects.length > 1 ? answers.map((answer, index) => `${subjects[index].name}: ${answer}`).join(". ") : answers[0];
    if ($("spoken").textContent !== text) $("spoken").textContent = text;
  }

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
      const isOver = performance.now() >= limit;
      show(step, isOver);
      if (!step.done && !isOver) setTimeout(some);
    };
    some();
  }

  /** Do what takes longer than a frame once the drawing pauses. */
  function later() {
    clearTimeout(timer);
    if (!chosen.image) showMattering({ done: true, value: [] });
    timer = setTimeout(explain, PAUSE);
  }

  function explain() {
    speak();
    if (!chosen.image) return;
    if ($("method").value === "occlusion") {
      proceed(chosen.occlusion(asked()), ({ done, value }) => {
        if (done) paintHeatOf(value);
        else $("heat-note").textContent = say("Covering the image: {part}", { part: percent(value) });
      });
    }
    proceed(chosen.mattering(asked()), showMattering, LONGEST);
  }

  /** List the maps that are switched off, and those that matter most of the others that were tried so far. */
  function showMattering({ done, value }, isOver) {
    const list = $("mattering"), focused = list.contains(document.activeElement) ? document.activeElement.dataset.map ?? "" : null;
    const tried = done ? value : value.tried, sorted = [...tried].sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
    const part = done ? "" : percent(value.part), seconds = LONGEST / 1000, told = sorted.filter(({ change }) => Math.abs(change) >= LEAST_CHANGE);
    const name = chosen.image ? chosen.classes[asked()] : say("the answer");
    $("mattering-text").textContent = say("How the probability of {name} changes, in percentage points, where one map, or value, is switched off.", { name });
    $("mattering-note").textContent = done ? (sorted.length && !told.length ? say("None changes it by 0.1 points.") : "") : isOver ? say("{part} were tried in {seconds} seconds, the others were not.", { part, seconds }) : say("Tried so far: {part}", { part });
    const off = chosen.layers.flatMap((each) => [...chosen.network.off.get(each.number) || []].map((map) => ({ ...each, map })));
    list.replaceChildren(...[...off, ...told.slice(0, MOST_MATTERING)].map((part) => {
      const { number, layer, map, isMap, change } = part;
      const item = element("li"), name = say(isMap ? "{layer}, map {map}" : "{layer}, value {map}", { layer, map });
      const points = `${change < 0 ? "\u2212" : "+"}${(100 * Math.abs(change)).toFixed(1)}`;
      const button = element("button", change === undefined ? say("{map}: switched off", { map: name }) : say("{map}: {change} points", { map: name, change: points }));
      button.type = "button";
      button.dataset.map = `${number},${map}`;
      button.addEventListener("click", () => {
        look(number, layering.middleOf(part, map));
        toggle(number, map);
      });
      item.append(button);
      return item;
    }));
    if (focused !== null) (list.querySelector(`[data-map="${focused}"]`) ?? list).focus({ preventScroll: true }); // the old button is gone
  }

  // Layers

  let view; // the elements of the chosen network's layers

  function buildLayers() {
    view = new layering.LayerView(chosen, look, toggle);
    $("layers").replaceChildren(...view.sections);
    $("jump").replaceChildren(...chosen.layers.map(({ layer }, place) => Object.assign(element("option", layer), { value: place })));
    $("jump-part").hidden = chosen.layers.length <= FEW_LAYERS;
    const maps = chosen.layers.filter(({ isMap }) => isMap);
    $("heat-layer").replaceChildren(...maps.map(({ layer, number }) => Object.assign(element("option", layer), { value: number })));
    $("heat-layer").value = chosen.heatLayer() ?? maps[maps.length - 1]?.number;
    const names = chosen.classes.map((name, label) => Object.assign(element("option", name), { value: label }));
    $("class").replaceChildren(Object.assign(element("option", say("the answer")), { value: "" }), ...names);
    if (!maps.length) $("method").value = "occlusion";
    $("method").disabled = !maps.length;
  }

  function toggle(number, map) {
    if (number === chosen.values.length - 1) return; // of the answer, nothing is switched off
    const { off } = chosen.network, own = off.get(number) || new Set();
    if (!own.delete(map)) own.add(map);
    off.set(number, own);
    view.showSwitches(number);
    computeAgain();
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

  // Examples

  const examples = content.examples.map((each) => ({ ...each, own: Float32Array.from(Subject.bytes(each.pixels), (level) => level / 255) }));
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
    if (location.protocol === "about:") { // in a notebook
      tell(say("This page is shown in a frame and has no address. Open its file to copy a link."));
      return;
    }
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

  // Snapshots of the training

  const { snapshots } = content;
  if (snapshots) Object.assign($("snapshot"), { max: snapshots.steps.length, value: snapshots.steps.length });
  $("training-part").hidden = !snapshots;

  function showSnapshot() {
    if (!snapshots) return;
    const { steps, epochs } = snapshots, number = Number($("snapshot").value);
    const text = number === steps.length ? say("as trained") : say("step {step}, epoch {epoch}", { step: steps[number].toLocaleString("en"), epoch: epochs[number].toFixed(2) });
    $("snapshot-text").textContent = text;
    $("snapshot").setAttribute("aria-valuetext", text);
  }

  // Controls

  const on = (id, name, act) => $(id)?.addEventListener(name, act);
  const showCamera = (isOn) => { $("camera-part").hidden = !isOn; $("camera").disabled = isOn; };

  on("file", "change", (event) => { if (event.target.files[0]) board.open(event.target.files[0]); event.target.value = ""; });
  document.addEventListener("paste", (event) => { const [file] = event.clipboardData.files; if (file) board.open(file); });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => { event.preventDefault(); const [file] = event.dataTransfer.files; if (file) board.open(file); });
  on("board", "pointerdown", () => { isDown = true; });
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, () => { isDown = false; });
  on("undo", "click", () => board.undo());
  on("clear", "click", () => { erase(false); board.clear(); });
  on("save", "click", () => board.save());
  on("link", "click", link);
  on("eraser", "click", () => erase(!isErasing()));
  on("camera", "click", async () => showCamera(await board.film($("video"))));
  on("take", "click", () => { board.show(Board.flattened($("video"))); board.stop($("video")); showCamera(false); });
  on("stop", "click", () => { board.stop($("video")); showCamera(false); });
  for (const id of ["method", "class", "heat-layer"]) on(id, "change", () => { showHeat(); later(); });
  on("go", "click", () => {
    const { section, buttons } = view.parts[Number($("jump").value)];
    section.scrollIntoView();
    buttons[0].focus({ preventScroll: true });
  });
  on("all-on", "click", () => {
    chosen.network.off.clear();
    for (const { number } of view.parts) view.showSwitches(number);
    computeAgain();
  });
  subjects.forEach((subject, index) => on(`layers-of-${index}`, "change", () => choose(subject)));
  [0, 1].forEach((which) => on(`keep-${which}`, "click", () => keep(which)));
  on("morph", "input", morph);
  on("snapshot", "input", () => { first.at(Number($("snapshot").value), snapshots); showSnapshot(); update(); });
  on("language", "click", () => {
    const asks = ["class", "heat-layer", "jump"].map((id) => [id, $(id).value]);
    words.switchLanguage();
    buildAll();
    for (const [id, value] of asks) $(id).value = value;
    update();
  });
  window.addEventListener("hashchange", readLink);

  function buildAll() {
    buildLayers();
    buildExamples();
    showSnapshot();
    quiz.stop();
  }

  const quiz = new Quiz(first, examples, showExactly);
  words.translate();
  buildAll();
  board.redraw();
  readLink();
  window.cnnzoo = { // for the console, tests and benchmarks
    subjects,
    network: first.network,
    run: (unit) => first.network.run(first.scaled(Float32Array.from(unit))),
    see: () => first.image && Array.from(first.image),
    frame: compute,
  };
})();
