// The canvas: a picture to paint a mask over, or to add room around. Strokes are kept as points and drawn anew when one is taken back, which costs no memory
// however large the picture is. The brush is measured on the screen: what one sees is what one gets at any zoom.

const smallest = 2, largest = 200, mostZoom = 16, mostMargin = 2048, grip = 22, alike = 32;

export class Editor {
  constructor(box, page) {
    this.page = page;
    this.canvas = Object.assign(document.createElement("canvas"), { className: "canvas", tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", "Picture");
    box.replaceChildren(this.canvas);
    this.box = box;
    this.paint = this.canvas.getContext("2d");
    this.layer = document.createElement("canvas"); // the mask, in the picture's own pixels
    this.view = { scale: 1, x: 0, y: 0 };
    this.margin = { left: 0, top: 0, right: 0, bottom: 0 };
    this.how = "whole";
    this.brushTool = "brush";
    this.size = 40;
    this.soft = 0; // pixels of the picture over which the mask's edge fades
    this.held = null;
    this.undone = [];
    this.pointers = new Map();
    this.cursor = null;
    const on = (type, listener, options) => this.canvas.addEventListener(type, listener, options);
    on("pointerdown", e => this.down(e));
    on("pointermove", e => this.move(e));
    on("pointerup", e => this.up(e));
    on("pointercancel", e => this.up(e));
    on("pointerleave", () => { if (!this.stroke) { this.cursor = null; this.draw(); } });
    on("wheel", e => { if (this.how === "mask" && this.image) { e.preventDefault(); this.zoom(Math.exp(-e.deltaY / 400), this.at(e)); } }, { passive: false });
    on("keydown", e => this.key(e));
    this.chosen = e => { if (e.target.matches?.("[data-mask]")) this.open(e.target); };
    document.addEventListener("change", this.chosen);
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(box);
  }

  stop() {
    this.observer.disconnect();
    document.removeEventListener("change", this.chosen);
    this.image?.close?.();
  }

  async show(held) {
    this.image?.close?.();
    this.image = null;
    this.held = held;
    this.undone = [];
    if (held) {
      const image = await createImageBitmap(held.picture);
      if (this.held !== held) return image.close();
      this.image = image;
      this.layer.width = image.width;
      this.layer.height = image.height;
      this.replay();
    }
    this.fit();
  }

  use(how) {
    this.how = how;
    this.canvas.style.touchAction = how === "mask" || how === "extend" ? "none" : "auto";
    this.canvas.setAttribute("aria-label", { mask: "Picture: paint the mask here", extend: "Picture: drag its edges outwards" }[how] ?? "Picture");
    this.fit();
  }

  margins(left, top, right, bottom) {
    this.margin = { left, top, right, bottom };
    this.fit();
  }

  tool(name) { this.brushTool = name; this.draw(); }
  feather(pixels) { this.soft = pixels; this.draw(); }
  brush(size) { this.size = Math.min(largest, Math.max(smallest, size)); this.draw(); }

  // --- the mask ---
  get strokes() { return this.held?.strokes ?? []; }

  add(stroke) {
    this.strokes.push(stroke);
    this.undone = [];
  }

  undo() {
    const last = this.strokes.pop();
    if (!last) return;
    this.undone.push(last);
    this.replay();
    this.draw();
  }

  redo() {
    const next = this.undone.pop();
    if (!next) return;
    this.strokes.push(next);
    this.replay();
    this.draw();
  }

  clear() { this.whole("clear"); }
  invert() { this.whole("invert"); }

  whole(kind) {
    if (!this.image) return;
    this.add({ kind });
    this.lay(this.strokes.at(-1));
    this.draw();
  }

  /** Masks what is transparent in the picture. */
  transparency() {
    if (!this.image) return;
    const { data, width, height } = this.pixels();
    const sheet = this.sheetOf(width, height, i => data[4 * i + 3] < 128);
    if (sheet) this.put({ kind: "sheet", sheet });
  }

  /** Masks what is white, or opaque, in a file. */
  async open(field) {
    const [file] = field.files;
    field.value = "";
    if (file) await this.lighten(file);
  }

  /** Masks what is white in a picture at an address. */
  async stencil(address) {
    const image = new Image();
    image.src = address;
    if (await image.decode().then(() => true, () => false)) await this.lighten(image);
  }

  async lighten(picture) {
    const image = this.image ? await createImageBitmap(picture).catch(() => null) : null;
    if (!image) return;
    const { width, height } = this.layer, sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [width, height];
    const paint = sheet.getContext("2d", { willReadFrequently: true });
    paint.drawImage(image, 0, 0, width, height);
    image.close();
    const { data } = paint.getImageData(0, 0, width, height);
    let clear = false;
    for (let i = 3; i < data.length && !clear; i += 4) clear = data[i] < 250;
    const light = i => 0.3 * data[4 * i] + 0.59 * data[4 * i + 1] + 0.11 * data[4 * i + 2] > 127;
    const mask = this.sheetOf(width, height, i => clear ? data[4 * i + 3] > 127 : light(i));
    if (mask) this.put({ kind: "sheet", sheet: mask });
  }

  /** Masks what hangs together with a point and is alike in colour. */
  flood([x, y]) {
    const { data, width, height } = this.pixels();
    [x, y] = [Math.floor(x), Math.floor(y)];
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    const at = 4 * (y * width + x), colour = [data[at], data[at + 1], data[at + 2], data[at + 3]];
    const like = i => colour.every((value, c) => Math.abs(data[4 * i + c] - value) <= alike);
    const inside = new Uint8Array(width * height), open = [y * width + x];
    inside[open[0]] = 1;
    while (open.length) {
      const i = open.pop(), column = i % width;
      for (const next of [column > 0 ? i - 1 : -1, column < width - 1 ? i + 1 : -1, i - width, i + width]) {
        if (next < 0 || next >= inside.length || inside[next] || !like(next)) continue;
        inside[next] = 1;
        open.push(next);
      }
    }
    const sheet = this.sheetOf(width, height, i => inside[i]);
    if (sheet) this.put({ kind: "sheet", sheet });
  }

  pixels() {
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [this.image.width, this.image.height];
    const paint = sheet.getContext("2d", { willReadFrequently: true });
    paint.drawImage(this.image, 0, 0);
    return paint.getImageData(0, 0, sheet.width, sheet.height);
  }

  /** A white sheet of the pixels that are wanted; null where none is. */
  sheetOf(width, height, wanted) {
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [width, height];
    const paint = sheet.getContext("2d"), image = paint.createImageData(width, height);
    let any = false;
    for (let i = 0; i < width * height; i++) {
      if (!wanted(i)) continue;
      any = true;
      image.data.fill(255, 4 * i, 4 * i + 4);
    }
    paint.putImageData(image, 0, 0);
    return any ? sheet : null;
  }

  put(stroke) {
    this.add(stroke);
    this.lay(stroke);
    this.draw();
  }

  replay() {
    this.layer.getContext("2d").clearRect(0, 0, this.layer.width, this.layer.height);
    for (const stroke of this.strokes) this.lay(stroke);
  }

  /** Lays a stroke, or its last piece, onto the mask. */
  lay(stroke, from = 0) {
    const mask = this.layer.getContext("2d");
    if (stroke.kind === "clear") return mask.clearRect(0, 0, this.layer.width, this.layer.height);
    if (stroke.kind === "invert") {
      mask.globalCompositeOperation = "xor";
      mask.fillStyle = "#fff";
      mask.fillRect(0, 0, this.layer.width, this.layer.height);
      mask.globalCompositeOperation = "source-over";
      return;
    }
    if (stroke.kind === "sheet") return mask.drawImage(stroke.sheet, 0, 0);
    mask.globalCompositeOperation = stroke.kind === "eraser" || stroke.erases ? "destination-out" : "source-over";
    mask.strokeStyle = mask.fillStyle = "#fff";
    mask.lineWidth = stroke.size;
    mask.lineCap = mask.lineJoin = "round";
    const points = stroke.points.slice(Math.max(0, from - 1));
    mask.beginPath();
    if (stroke.kind === "rectangle" || stroke.kind === "lasso") {
      this.outline(mask, stroke);
      mask.fill();
    } else if (stroke.pen) { // a pen that tells how hard it is pressed
      for (let i = 0; i < points.length; i++) {
        const [x, y, hard] = points[i], [fromX, fromY] = points[Math.max(0, i - 1)];
        mask.lineWidth = stroke.size * (0.25 + 0.75 * hard);
        mask.beginPath();
        mask.moveTo(fromX, fromY);
        mask.lineTo(x, y);
        mask.stroke();
      }
    } else if (points.length === 1) {
      mask.arc(points[0][0], points[0][1], stroke.size / 2, 0, 2 * Math.PI);
      mask.fill();
    } else {
      points.forEach(([x, y], i) => i ? mask.lineTo(x, y) : mask.moveTo(x, y));
      mask.stroke();
    }
    mask.globalCompositeOperation = "source-over";
  }

  /** The outline of a rectangle or a lasso as a path. */
  outline(context, { kind, points }) {
    const [first, last] = [points[0], points.at(-1)];
    if (kind === "rectangle") context.rect(Math.min(first[0], last[0]), Math.min(first[1], last[1]), Math.abs(last[0] - first[0]), Math.abs(last[1] - first[1]));
    else points.forEach(([x, y], i) => i ? context.lineTo(x, y) : context.moveTo(x, y));
    context.closePath();
  }

  get isPainted() { return !!this.image && this.strokes.length > 0; }

  /** White on black, as large as the picture. */
  mask() {
    const sheet = document.createElement("canvas");
    sheet.width = this.layer.width;
    sheet.height = this.layer.height;
    const context = sheet.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.drawImage(this.layer, 0, 0);
    return new Promise(resolve => sheet.toBlob(resolve, "image/png"));
  }

  // --- the view ---
  fit() {
    if (!this.image) {
      this.canvas.style.height = "0";
      return;
    }
    const width = this.box.clientWidth;
    if (!width) return;
    const sheet = this.sheet();
    const isLarge = !!this.box.closest("dialog:modal");
    const height = isLarge ? this.box.clientHeight : Math.round(Math.min(width * sheet.height / sheet.width, Math.max(220, innerHeight * 0.6)));
    const ratio = devicePixelRatio || 1;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const scale = Math.min(width / sheet.width, height / sheet.height);
    this.view = { scale, x: (width - sheet.width * scale) / 2 - sheet.x * scale, y: (height - sheet.height * scale) / 2 - sheet.y * scale };
    this.fitted = scale;
    this.draw();
  }

  /** What is to be seen at once, in the picture's pixels: with its margins, and with room to drag them further. */
  sheet() {
    const { width, height } = this.image;
    if (this.how !== "extend") return { x: 0, y: 0, width, height };
    const room = Math.max(width, height) * 0.12, m = this.margin;
    return { x: -m.left - room, y: -m.top - room, width: width + m.left + m.right + 2 * room, height: height + m.top + m.bottom + 2 * room };
  }

  zoom(by, around) {
    if (!this.image) return;
    const centre = around ?? { x: this.canvas.clientWidth / 2, y: this.canvas.clientHeight / 2 };
    const scale = Math.min(this.fitted * mostZoom, Math.max(this.fitted, this.view.scale * by));
    const change = scale / this.view.scale;
    this.view = { scale, x: centre.x - (centre.x - this.view.x) * change, y: centre.y - (centre.y - this.view.y) * change };
    this.keepInside();
    this.draw();
  }

  keepInside() {
    const inside = (at, length, room) => length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at));
    this.view.x = inside(this.view.x, this.image.width * this.view.scale, this.canvas.clientWidth);
    this.view.y = inside(this.view.y, this.image.height * this.view.scale, this.canvas.clientHeight);
  }

  draw() {
    const { paint, canvas, view, image } = this;
    if (!image || !canvas.width || !canvas.height) return;
    const ratio = canvas.width / Math.max(1, canvas.clientWidth);
    const style = getComputedStyle(canvas);
    const accent = style.getPropertyValue("--paint") || "#d0342c";
    paint.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    paint.translate(view.x, view.y);
    paint.scale(view.scale, view.scale);
    const m = this.margin, line = 1 / view.scale;
    if (this.how === "extend") {
      const frame = [-m.left, -m.top, image.width + m.left + m.right, image.height + m.top + m.bottom];
      paint.fillStyle = "#8886";
      paint.fillRect(...frame);
      paint.drawImage(image, 0, 0);
      paint.strokeStyle = accent;
      paint.lineWidth = 2 * line;
      paint.setLineDash([6 * line, 4 * line]);
      paint.strokeRect(...frame);
      paint.setLineDash([]);
      paint.fillStyle = accent;
      for (const [x, y] of Object.values(this.grips())) {
        paint.beginPath();
        paint.arc(x, y, 7 * line, 0, 2 * Math.PI);
        paint.fill();
      }
      return;
    }
    paint.imageSmoothingEnabled = view.scale < 3;
    paint.drawImage(image, 0, 0);
    if (this.how !== "mask") return;
    paint.save();
    paint.setTransform(1, 0, 0, 1, 0, 0);
    paint.globalAlpha = 0.55;
    paint.drawImage(this.tinted(accent, ratio), 0, 0);
    paint.restore();
    if (this.shape) {
      paint.beginPath();
      this.outline(paint, this.shape);
      paint.lineWidth = 1.5 * line;
      paint.strokeStyle = accent;
      paint.setLineDash([6 * line, 4 * line]);
      paint.stroke();
      paint.setLineDash([]);
    }
    if (!this.cursor || (this.brushTool !== "brush" && this.brushTool !== "eraser")) return;
    paint.beginPath();
    paint.arc(this.cursor[0], this.cursor[1], this.size * line / 2, 0, 2 * Math.PI);
    paint.lineWidth = 3 * line;
    paint.strokeStyle = "#0009";
    paint.stroke();
    paint.lineWidth = 1.5 * line;
    paint.strokeStyle = "#fff";
    paint.stroke();
  }

  /** The mask as it is seen: its feather, filled with stripes that are as wide at any zoom. */
  tinted(colour, ratio) {
    const { canvas, view } = this;
    this.tint ??= document.createElement("canvas");
    if (this.tint.width !== canvas.width || this.tint.height !== canvas.height) [this.tint.width, this.tint.height] = [canvas.width, canvas.height];
    const context = this.tint.getContext("2d");
    context.globalCompositeOperation = "copy";
    context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
    if (this.soft > 0) context.filter = `blur(${this.soft * view.scale * ratio / 2}px)`;
    context.drawImage(this.layer, 0, 0);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.filter = "none";
    context.globalCompositeOperation = "source-in";
    context.fillStyle = context.createPattern(this.stripes(colour, ratio), "repeat");
    context.fillRect(0, 0, this.tint.width, this.tint.height);
    return this.tint;
  }

  /** A tile of slanting stripes: one colour alone is not seen on a picture of that colour. */
  stripes(colour, ratio) {
    const side = Math.round(12 * ratio);
    if (this.tile?.width === side && this.tile.colour === colour) return this.tile;
    this.tile = Object.assign(document.createElement("canvas"), { width: side, height: side, colour });
    const context = this.tile.getContext("2d");
    context.fillStyle = colour;
    context.fillRect(0, 0, side, side);
    context.strokeStyle = "#fff";
    context.lineWidth = side * 0.3;
    for (const at of [-side / 2, 0, side / 2]) {
      context.moveTo(at - side / 2, side / 2 + at + side);
      context.lineTo(at + side * 1.5, at - side / 2);
    }
    context.stroke();
    return this.tile;
  }

  grips() {
    const { width, height } = this.image, m = this.margin;
    const across = (width + m.right - m.left) / 2, along = (height + m.bottom - m.top) / 2;
    return { left: [-m.left, along], right: [width + m.right, along], top: [across, -m.top], bottom: [across, height + m.bottom] };
  }

  // --- hands ---
  at(e) {
    const box = this.canvas.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  }

  point(e) {
    const { x, y } = this.at(e);
    return [(x - this.view.x) / this.view.scale, (y - this.view.y) / this.view.scale];
  }

  /** Where a pointer is, and how hard it is pressed. */
  place(e) { return [...this.point(e), e.pressure || 0.5]; }

  down(e) {
    if (!this.image || (this.how !== "mask" && this.how !== "extend")) return;
    this.canvas.setPointerCapture(e.pointerId);
    this.pointers.set(e.pointerId, this.at(e));
    if (this.how === "extend") {
      const here = this.point(e);
      const reach = grip / this.view.scale, m = this.margin, { width, height } = this.image;
      const near = { left: Math.abs(here[0] + m.left), right: Math.abs(here[0] - width - m.right), top: Math.abs(here[1] + m.top), bottom: Math.abs(here[1] - height - m.bottom) };
      this.sides = Object.keys(near).filter(side => near[side] < reach);
      return;
    }
    if (this.pointers.size === 2 || e.button === 1) { // two fingers, or the middle button, move the picture
      if (this.stroke) { this.strokes.pop(); this.stroke = null; this.replay(); }
      this.shape = null;
      this.panning = true;
      return this.draw();
    }
    if (e.button !== 0 || this.panning) return;
    if (this.brushTool === "fill") return this.flood(this.point(e));
    if (this.brushTool === "rectangle" || this.brushTool === "lasso") {
      this.shape = { kind: this.brushTool, erases: e.altKey, points: [this.point(e)] };
      return;
    }
    const isPen = e.pointerType === "pen" && e.pressure > 0;
    this.stroke = { kind: this.brushTool, size: this.size / this.view.scale, pen: isPen, points: [this.place(e)] };
    this.add(this.stroke);
    this.lay(this.stroke);
    this.cursor = this.point(e);
    this.draw();
  }

  move(e) {
    if (!this.image) return;
    const before = this.pointers.get(e.pointerId), now = this.at(e);
    if (before) this.pointers.set(e.pointerId, now);
    if (this.how === "extend" && before) return this.drag(e);
    if (this.how !== "mask") return;
    if (this.panning && before) return this.pan(e.pointerId, before, now);
    this.cursor = this.point(e);
    if (this.shape) {
      this.shape.points.push(this.cursor);
      return this.draw();
    }
    if (this.stroke) {
      const from = this.stroke.points.length;
      for (const one of e.getCoalescedEvents?.() ?? []) this.stroke.points.push(this.place(one));
      if (this.stroke.points.length === from) this.stroke.points.push(this.place(e));
      this.lay(this.stroke, from);
    }
    this.draw();
  }

  up(e) {
    this.pointers.delete(e.pointerId);
    if (this.pointers.size === 0) this.panning = false;
    this.stroke = null;
    if (this.shape) {
      const shape = this.shape;
      this.shape = null;
      if (shape.points.length > 1) this.put(shape);
      else this.draw();
    }
    if (this.sides?.length) {
      this.sides = null;
      const m = this.margin;
      this.page.invokeMethodAsync("OnMargins", m.left, m.top, m.right, m.bottom);
      this.fit();
    }
  }

  pan(id, before, now) {
    const other = [...this.pointers].find(([key]) => key !== id)?.[1];
    this.view.x += (now.x - before.x) / (other ? 2 : 1);
    this.view.y += (now.y - before.y) / (other ? 2 : 1);
    if (other) {
      const far = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
      return this.zoom(far(now, other) / far(before, other), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    }
    this.keepInside();
    this.draw();
  }

  drag(e) {
    if (!this.sides?.length) return;
    const [x, y] = this.point(e), { width, height } = this.image;
    const to = { left: -x, right: x - width, top: -y, bottom: y - height };
    for (const side of this.sides) this.margin[side] = Math.min(mostMargin, Math.max(0, Math.round(to[side] / 8) * 8));
    this.draw();
  }

  key(e) {
    if (!this.image || this.how !== "mask") return;
    const control = e.ctrlKey || e.metaKey, key = e.key.toLowerCase();
    const step = (e.shiftKey ? 32 : 8) / this.view.scale;
    const moves = { arrowleft: [-step, 0], arrowright: [step, 0], arrowup: [0, -step], arrowdown: [0, step] };
    if (control && key === "z" && !e.shiftKey) this.undo();
    else if (control && (key === "y" || key === "z")) this.redo();
    else if (control || e.altKey) return;
    else if ({ b: "brush", e: "eraser", g: "fill", r: "rectangle", l: "lasso" }[key])
      this.choose({ b: "brush", e: "eraser", g: "fill", r: "rectangle", l: "lasso" }[key], this.size);
    else if (key === "[" || key === "]") this.choose(this.brushTool, this.size * (key === "[" ? 0.8 : 1.25));
    else if (key === "+" || key === "=") this.zoom(1.25);
    else if (key === "-") this.zoom(0.8);
    else if (key === "0") this.fit();
    else if (moves[key]) {
      const [x, y] = this.cursor ?? [this.image.width / 2, this.image.height / 2];
      this.cursor = [Math.min(this.image.width, Math.max(0, x + moves[key][0])), Math.min(this.image.height, Math.max(0, y + moves[key][1]))];
      this.draw();
    } else if (key === " ") {
      this.cursor ??= [this.image.width / 2, this.image.height / 2];
      if (this.brushTool === "fill") this.flood(this.cursor);
      else this.put({ kind: this.brushTool === "eraser" ? "eraser" : "brush", size: this.size / this.view.scale, points: [this.cursor] });
    } else return;
    e.preventDefault();
  }

  choose(tool, size) {
    this.brushTool = tool;
    this.brush(Math.round(size));
    this.page.invokeMethodAsync("OnTool", tool, this.size);
  }
}
