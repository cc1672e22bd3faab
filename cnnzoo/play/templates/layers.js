// The layers of a network on the page: the maps of each, which can be pointed at, walked through and switched.
"use strict";

const layering = (() => {
  const MOST_MAPS = 64, MAP_SIDE = 64, KERNEL_SIDE = 40, ROW_LENGTH = 1100, VALUE_LENGTH = 12, ROW_HEIGHT = 24;
  const { say } = words, { element, paintImage, paintMap, largestOf } = painting;

  /** The index of a value of a row, by its number. */
  const alone = (shape, number) => (shape.length === 3 ? [0, 0, number] : [number]);

  /** The index of the value that stands for a map, or of a value of a row. */
  const middleOf = ({ shape, isMap }, map) => (isMap ? [shape[0] >> 1, shape[1] >> 1, map] : alone(shape, map));

  const limited = (value, side) => Math.min(Math.max(value, 0), side - 1);

  let isFinger = false;
  document.addEventListener("pointerdown", (event) => { isFinger = event.pointerType === "touch"; }, true);

  /** The elements of a network's layers; of each layer, the value of its last step. */
  class LayerView {
    /**
     * @param {Subject} subject
     * @param {(number: number, index: number[]) => void} look Called when a value is pointed at.
     * @param {(number: number, map: number) => void} toggle Called when a map is to be switched.
     */
    constructor(subject, look, toggle) {
      Object.assign(this, { subject, look, toggle });
      this.parts = subject.layers.map((part) => ({ ...part, ...this.elementsOf(part) }));
      for (const { number } of this.parts) this.showSwitches(number);
    }

    get sections() {
      return this.parts.map(({ section }) => section);
    }

    elementsOf(part) {
      const { layer, shape, length, isMap, type } = part;
      const section = element("div", "", "layer"), title = element("h3", `${layer} `), maps = element("div", "", isMap ? "maps" : "maps row");
      title.append(element("span", `${type}, ${shape.join(" x ")}`));
      const buttons = Array.from({ length: isMap ? Math.min(length, MOST_MAPS) : 1 }, (_, map) => this.buttonOf(part, map));
      maps.append(...buttons);
      maps.addEventListener("keydown", (event) => walk(event, buttons));
      const kernels = this.kernelsOf(layer);
      section.append(title, ...(kernels ? [kernels.row] : []), maps);
      if (isMap && length > MOST_MAPS) section.append(element("p", say("and {count} more maps", { count: length - MOST_MAPS })));
      return { section, buttons, kernels };
    }

    buttonOf(part, map) {
      const { layer, shape, length, isMap } = part, button = element("button"), canvas = element("canvas");
      const zoom = isMap ? Math.max(1, Math.floor(MAP_SIDE / Math.max(shape[0], shape[1]))) : 1;
      button.type = "button";
      button.tabIndex = map ? -1 : 0; // arrows go to the others
      button.setAttribute("aria-label", isMap ? say("{layer}, map {map}", { layer, map }) : say("{layer}: {count} values", { layer, count: length }));
      canvas.style.width = isMap ? `${shape[1] * zoom}px` : `${Math.min(length * VALUE_LENGTH, ROW_LENGTH)}px`;
      canvas.style.height = `${isMap ? shape[0] * zoom : ROW_HEIGHT}px`;
      button.append(canvas);
      this.listen(button, part, map);
      return button;
    }

    /** A row of the kernels of a convolution that takes the image, or as few maps; null of others. */
    kernelsOf(layer) {
      const { network } = this.subject, step = network.steps.find((each) => each.layer === layer && each.op === "convolution");
      if (!step || step.groups > 1 || step.size[0] * step.size[1] === 1 || network.shapes[step.inputs[0]][2] > 3) return null;
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
    paintKernels({ canvases, step }) {
      const { network } = this.subject, kernel = network.weight(step.kernel), maps = step.shape[2], taken = network.shapes[step.inputs[0]][2];
      const [height, width] = step.size, largest = largestOf(kernel);
      canvases.forEach((canvas, map) => {
        const own = Float32Array.from({ length: height * width * taken }, (_, i) => kernel[i * maps + map]);
        if (taken === 3) paintImage(canvas, own.map((each) => 0.5 + each / largest / 2), [height, width, 3]);
        else paintMap(canvas, own, height, width, taken, 0, largest);
      });
    }

    /** Let a map, or a row of values, be pointed at, walked through and switched. */
    listen(button, { number, shape, length, isMap }, map) {
      const canvas = button.firstChild;
      let place = null; // where the keyboard is: row and column, or a value of a row
      const pointed = (event) => {
        const box = canvas.getBoundingClientRect(), part = (start, size, side) => limited(Math.floor((start / size) * side), side);
        const column = part(event.clientX - box.left, box.width, isMap ? shape[1] : length);
        return isMap ? [part(event.clientY - box.top, box.height, shape[0]), column, map] : alone(shape, column);
      };
      const walked = () => (isMap ? [...place, map] : alone(shape, place));
      for (const name of ["pointermove", "pointerdown"]) button.addEventListener(name, (event) => this.look(number, pointed(event)));
      button.addEventListener("focus", () => {
        if (!button.matches(":focus-visible")) return; // a click is where the pointer is
        place ??= isMap ? [shape[0] >> 1, shape[1] >> 1] : this.mostOf(number);
        this.look(number, walked());
      });
      button.addEventListener("keydown", (event) => {
        const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
        if (!way || place === null || !(event.shiftKey || !isMap)) return;
        if (isMap) place = place.map((each, axis) => limited(each + way[axis], shape[axis]));
        else place = limited(place + way[0] + way[1], length);
        this.look(number, walked());
        event.preventDefault();
        event.stopPropagation();
      });
      button.addEventListener("click", (event) => {
        const isPointed = event.detail > 0;
        if (isPointed && isFinger) return; // a finger looks; it switches by a double tap
        this.toggle(number, isMap ? map : isPointed ? pointed(event).pop() : place ?? this.mostOf(number));
      });
      button.addEventListener("dblclick", (event) => { if (isFinger) this.toggle(number, isMap ? map : pointed(event).pop()); });
    }

    mostOf(number) {
      const value = this.subject.values[number];
      return value.indexOf(Math.max(...value));
    }

    paint() {
      for (const { number, shape, length, isMap, buttons, kernels } of this.parts) {
        const value = this.subject.values[number], largest = largestOf(value);
        buttons.forEach(({ firstChild: canvas }, map) => {
          if (isMap) paintMap(canvas, value, shape[0], shape[1], shape[2], map, largest);
          else paintMap(canvas, value, 1, length, 1, 0, largest);
        });
        if (kernels) this.paintKernels(kernels);
      }
    }

    /** Show which maps of a value are switched off. */
    showSwitches(number) {
      const { isMap, buttons } = this.parts.find((each) => each.number === number), off = this.subject.network.off.get(number) || new Set();
      buttons.forEach((button, map) => button.setAttribute("aria-pressed", String(isMap ? !off.has(map) : off.size === 0)));
    }
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

  return { LayerView, middleOf };
})();
