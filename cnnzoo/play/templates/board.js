// The drawing board: strokes over a picture, by mouse, finger, pen or keyboard; files, the camera, and links.
"use strict";

class Board {
  static REDUCED = 1024; // the longer side of a picture that is kept
  static LARGEST_FILE = 50; // megabytes
  static LARGEST_IMAGE = 60; // megapixels
  static LONGEST = 100; // times the shorter side
  static LIGHTEST = 0.4; // of the thickness, without pressure; with full pressure, 1 more
  static STEP = 6; // pixels, by the keyboard

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => {width: number, colour: string}} brush
   * @param {() => void} changed Called when what is drawn has changed.
   * @param {(text: string) => void} tell
   */
  constructor(canvas, brush, changed, tell) {
    Object.assign(this, { canvas, brush, changed, tell });
    this.pen = canvas.getContext("2d", { willReadFrequently: true });
    this.strokes = [];
    this.picture = this.cleared = this.current = this.pointer = null;
    this.note = ""; // about what is shown
    this.exact = null; // a function from a subject to the image that it sees as it is, not found and placed once more
    this.listen();
  }

  isEmpty() {
    return !this.picture && !this.exact && this.strokes.length === 0;
  }

  redraw() {
    const { pen, canvas, picture } = this;
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    if (picture) {
      const scale = Math.min(canvas.width / picture.width, canvas.height / picture.height);
      const [width, height] = [picture.width * scale, picture.height * scale];
      pen.drawImage(picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
    }
    pen.lineCap = pen.lineJoin = "round";
    for (const stroke of this.strokes) this.paint(stroke);
    [this.exact, this.note] = [null, ""];
    this.changed();
  }

  /** Paint a stroke; its points have a factor of its width, the pen's pressure. */
  paint({ points, width, colour }) {
    const { pen } = this;
    pen.strokeStyle = colour;
    let [x, y, factor] = points[0];
    const begin = () => { pen.beginPath(); pen.lineWidth = width * factor; pen.moveTo(x, y); };
    begin();
    pen.lineTo(x, y);
    for (const point of points) {
      if (point[2] !== factor) {
        pen.stroke();
        factor = point[2];
        begin();
      }
      [x, y] = point;
      pen.lineTo(x, y);
    }
    pen.stroke();
  }

  /** RGB in [0, 1] of what is on the board, and its height and width; of a picture without strokes, of the picture itself. */
  source() {
    const canvas = this.picture && this.strokes.length === 0 ? this.picture : this.canvas;
    const { data, width, height } = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height);
    const rgb = new Float32Array(width * height * 3);
    for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) rgb[3 * i + c] = data[4 * i + c] / 255;
    return [rgb, [height, width]];
  }

  /** Show a picture in place of what is drawn, with a note; `exact`, if given, is what subjects see of it. */
  show(picture, { exact = null, note = "" } = {}) {
    if (!this.isEmpty()) this.cleared = [this.strokes, this.picture];
    [this.picture, this.strokes, this.current] = [picture, [], null];
    this.redraw();
    [this.exact, this.note] = [exact, note];
  }

  undo() {
    this.current = null;
    if (this.strokes.length) this.strokes.pop();
    else if (this.picture) this.picture = null;
    else if (this.cleared) [this.strokes, this.picture, this.cleared] = [...this.cleared, null];
    this.redraw();
  }

  clear() {
    this.current = null;
    if (!this.isEmpty()) this.cleared = [this.strokes, this.picture];
    [this.strokes, this.picture] = [[], null];
    this.redraw();
  }

  save() {
    this.canvas.toBlob((blob) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: "drawing.png" });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  // Mouse, finger, pen, keyboard

  begin(point) {
    this.current = { points: [point], ...this.brush() };
    this.strokes.push(this.current);
    this.redraw();
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect(), { width, height } = this.canvas;
    const factor = event.pointerType === "pen" && event.pressure ? Board.LIGHTEST + event.pressure : 1;
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height, factor];
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.isPrimary || this.pointer !== null) return; // one finger or pen at a time
      canvas.setPointerCapture(event.pointerId);
      this.pointer = event.pointerId;
      this.begin(this.point(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.current || event.pointerId !== this.pointer || event.buttons === 0) return;
      const all = event.getCoalescedEvents?.() ?? [];
      for (const each of all.length ? all : [event]) this.current.points.push(this.point(each));
      this.redraw();
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => {
      if (event.pointerId === this.pointer) this.pointer = this.current = null;
    });
    let place = [canvas.width / 2, canvas.height / 2];
    canvas.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === " ") {
        if (this.current) this.current = null;
        else this.begin([...place, 1]);
      } else if (way) {
        place = place.map((each, axis) => Math.min(Math.max(each + way[axis] * Board.STEP * (event.shiftKey ? 4 : 1), 0), canvas.width));
        if (this.current) {
          this.current.points.push([...place, 1]);
          this.redraw();
        }
      } else return;
      this.mark(place);
      event.preventDefault();
    });
    canvas.addEventListener("blur", () => { this.current = null; });
  }

  /** Show, on top of what is drawn and not part of it, where the keyboard's pen is: the board is painted anew without it. */
  mark([x, y]) {
    this.marker ??= this.canvas.parentElement.appendChild(Object.assign(document.createElement("span"), { id: "pen" }));
    const scale = this.canvas.clientWidth / this.canvas.width;
    Object.assign(this.marker.style, { left: `${x * scale}px`, top: `${y * scale}px` });
    this.marker.classList.toggle("down", this.current !== null);
  }

  // Files and the camera

  async open(file) {
    const own = this.opening = (this.opening ?? 0) + 1;
    let found, isAnimated = false;
    try {
      found = file.size > Board.LARGEST_FILE * 1e6 ? null : await createImageBitmap(file);
      isAnimated = found !== null && Board.isAnimated(new Uint8Array(await file.arrayBuffer()));
    } catch {
      if (own !== this.opening) return;
      this.tell(words.say("The browser cannot read this file as an image."));
      return;
    }
    if (own !== this.opening) return; // another was opened meanwhile
    if (!found || found.width * found.height > Board.LARGEST_IMAGE * 1e6) {
      this.tell(words.say("This image is too large: at most {pixels} megapixels and {size} MB.", { pixels: Board.LARGEST_IMAGE, size: Board.LARGEST_FILE }));
    } else if (Math.max(found.width, found.height) > Board.LONGEST * Math.min(found.width, found.height)) {
      this.tell(words.say("This image is too long: at most {times} times its shorter side.", { times: Board.LONGEST }));
    } else {
      const picture = Board.flattened(found);
      found.close();
      this.show(picture, { note: isAnimated ? words.say("This image is animated; this is its first frame.") : "" });
    }
  }

  /** Tell by the parts of a GIF, PNG or WebP file whether it has several frames. */
  static isAnimated(bytes) {
    const text = new TextDecoder("latin1").decode(bytes), begins = text.slice(0, 12);
    if (begins.startsWith("GIF8")) return (text.match(/\x21\xf9\x04[^]{4}\x00[\x21\x2c]/g) || []).length > 1;
    if (begins.slice(1, 4) === "PNG") return text.slice(0, text.indexOf("IDAT")).includes("acTL");
    return begins.startsWith("RIFF") && begins.endsWith("WEBP") && text.slice(12, 64).includes("ANIM");
  }

  /** An image as a canvas, reduced where it is large; what is transparent becomes white, or black around what is light. */
  static flattened(found) {
    const [width, height] = [found.videoWidth ?? found.width, found.videoHeight ?? found.height];
    const scale = Math.min(1, Board.REDUCED / Math.max(width, height)), canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
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

  /** Show what the camera sees, if the reader allows it, until a picture is taken or the camera stopped. */
  async film(video) {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      await video.play();
      return true;
    } catch (error) {
      this.stop(video);
      this.tell(words.say("The camera cannot be used ({reason}). Open an image instead.", { reason: error.name }));
      return false;
    }
  }

  stop(video) {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  }

  // Links

  /** What is drawn as text for a link: the strokes, each a width, a colour, and three numbers for each point. */
  written() {
    const strokes = this.strokes.map(({ points, width, colour }) => [width, colour, ...points.flat().map((each) => Number(each.toFixed(2)))]);
    return btoa(JSON.stringify(strokes));
  }

  /** Draw what `written` gave; throws where the text is something else. */
  read(text) {
    const inside = (each, most) => Number.isFinite(each) && Math.abs(each) <= most;
    const strokes = JSON.parse(atob(text)).map(([width, colour, ...numbers]) => {
      if (!(inside(width, 100) && width > 0) || !/^#[0-9a-f]{3,6}$/i.test(colour) || !numbers.length || numbers.length % 3) throw new Error("no stroke");
      const points = Array.from({ length: numbers.length / 3 }, (_, i) => numbers.slice(3 * i, 3 * i + 3));
      if (!points.flat().every((each) => inside(each, 10 * this.canvas.width))) throw new Error("no point");
      return { width, colour, points };
    });
    [this.picture, this.strokes] = [null, strokes];
    this.redraw();
  }
}
