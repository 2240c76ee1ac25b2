// @ts-check
/** One picture on the screen: window, zoom, pan, heat map and measuring, by pointer and by key. */

import { fetchHeatMap } from "./cases.js";
import { greyTable, wholeRange } from "./grey.js";
import { watchLoss } from "./losing.js";
import { drawMeasure, measureWords, short } from "./measure.js";
import { canvasPainter } from "./paint_canvas.js";
import { hasGraphicsProcessor, webglPainter } from "./paint_webgl.js";
import { followPointer } from "./pointer.js";
import { fitted, moved, oneToOne, zoomed } from "./view.js";

/**
 * @typedef {import("./view.js").View} View
 * @typedef {import("./grey.js").Window} Window
 * @typedef {{isShown: boolean, isOutline: boolean, opacity: number, threshold: number}} Heat
 * @typedef {{view: View, aspect: number, isInverted: boolean, heat: Heat}} Scene
 * @typedef {"window" | "length" | "box"} Tool
 * @typedef {ReturnType<typeof canvasPainter> | ReturnType<typeof webglPainter>} Painter
 */

// Who only glances at an image before the next one needs no more than the first look.
const SHARPEN_AFTER_MILLISECONDS = 250;

export class Viewer extends EventTarget {
  /**
   * @param {HTMLElement} holder gets the two canvases: the picture, and what is drawn over it
   * @param {string} [painterName] `webgl` or `canvas`; else what this machine does best
   */
  constructor(holder, painterName = "") {
    super();
    this.holder = holder;
    this.canvas = document.createElement("canvas");
    this.overlay = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.overlay.setAttribute("aria-hidden", "true");
    holder.append(this.canvas, this.overlay);
    /** Whether the browser took away what was painted: then nothing is shown. */
    this.isLost = false;
    this.painter = chosenPainter(this.canvas, painterName);
    /** @type {import("./cases.js").Picture | null} */
    this.picture = null;
    /** @type {View} */
    this.view = { zoom: 1, x: 0, y: 0 };
    this.isFitted = true;
    this.isInverted = false;
    /** @type {number | null} the preset shown; null where the reader chose a window */
    this.preset = 0;
    /** @type {Uint8Array | null} the grey of every stored value, as it is shown now */
    this.table = null;
    /** @type {Window} */
    this.window = { centre: 0, width: 1, function: "LINEAR" };
    /** @type {Heat} */
    this.heat = { isShown: false, isOutline: false, opacity: 0.5, threshold: 0.3 };
    /** Whether not even that there is a heat map may be told. */
    this.isHeatCovered = false;
    /** @type {Tool} */
    this.tool = "window";
    /** @type {import("./measure.js").Measure | null} */
    this.measure = null;
    this.frame = 0;
    /** When the picture came on the screen; 0 while it is not there. */
    this.paintedAt = 0;
    this.wasPainted = false;
    this.loss = watchLoss(this);
    followPointer(this);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(holder);
    this.resize();
  }

  /** Show a picture, or nothing. @param {import("./cases.js").Picture | null} picture */
  show(picture) {
    this.picture = picture;
    this.measure = null;
    this.isInverted = false;
    this.isFitted = true;
    this.heat = { ...this.heat, isShown: false, isOutline: false };
    this.tool = "window";
    this.holder.dataset.tool = this.tool;
    this.paintedAt = 0;
    this.wasPainted = false;
    if (picture) {
      this.painter.setPixels(picture.level, this.image);
      this.heat.threshold = picture.display.heat_map_threshold ?? 0.3;
      this.usePreset(0);
      this.fit();
    }
    this.requestPaint();
  }

  get image() {
    const display = this.picture?.display;
    return { width: display?.columns ?? 1, height: display?.rows ?? 1 };
  }

  get aspect() {
    return this.picture?.display.pixel_aspect_ratio ?? 1;
  }

  get screen() {
    return { width: this.canvas.width, height: this.canvas.height };
  }

  /** Take every pixel in place of the first look. @param {import("./cases.js").Picture} picture */
  async sharpen(picture) {
    if (this.picture !== picture) return;
    const level = await picture.loadFull().catch(() => null);
    if (!level) return;
    picture.level = level;
    picture.loadFull = async () => null;
    if (this.picture !== picture || Math.max(level.rows, level.columns) > this.painter.longestSide) return;
    this.painter.setPixels(level, this.image);
    this.requestPaint();
  }

  /** @param {number} number */
  usePreset(number) {
    if (!this.picture) return;
    const presets = this.picture.display.presets;
    this.preset = ((number % presets.length) + presets.length) % presets.length;
    const preset = presets[this.preset];
    this.window =
      preset.centre === null
        ? wholeRange(this.picture.modality, this.picture.level.values)
        : { centre: preset.centre, width: preset.width, function: preset.function };
    this.setTable(this.picture.tables[this.preset]);
  }

  /** @param {Uint8Array} table */
  setTable(table) {
    this.table = table;
    this.painter.setTable(table);
    this.requestPaint();
  }

  nextPreset() {
    this.usePreset(this.preset === null ? 0 : this.preset + 1);
  }

  /** Change the window by fractions of its width. @param {number} centre @param {number} width */
  changeWindow(centre, width) {
    if (!this.picture) return;
    const scale = this.picture.display.is_inverse ? -1 : 1;
    this.window = {
      ...this.window,
      centre: this.window.centre + scale * centre * this.window.width,
      width: Math.max(this.window.width * Math.exp(width), 1e-3),
    };
    this.preset = null;
    this.setTable(greyTable(this.picture.modality, this.window, this.picture.display.is_inverse));
  }

  /** Show exactly this window. @param {Window} window */
  useWindow(window) {
    this.window = window;
    this.changeWindow(0, 0);
  }

  fit() {
    this.isFitted = true;
    this.setView(fitted(this.screen, this.image, this.aspect));
  }

  actualSize() {
    this.isFitted = false;
    this.setView(oneToOne(this.view, this.screen, this.aspect));
  }

  /** @param {number} factor @param {{x: number, y: number}} [at] */
  zoom(factor, at = { x: this.canvas.width / 2, y: this.canvas.height / 2 }) {
    this.isFitted = false;
    this.setView(zoomed(this.view, factor, at, this.screen, this.aspect));
  }

  /** @param {number} dx @param {number} dy device pixels */
  pan(dx, dy) {
    this.isFitted = false;
    this.setView(moved(this.view, dx, dy, this.aspect));
  }

  /** @param {View} view */
  setView(view) {
    this.view = view;
    this.requestPaint();
  }

  invert() {
    this.isInverted = !this.isInverted;
    this.requestPaint();
  }

  /** @param {Partial<Heat>} changes */
  async setHeat(changes) {
    const address = this.picture?.display.heat_map;
    if (!this.picture || !address) return;
    this.heat = { ...this.heat, ...changes };
    const { picture } = this;
    if (this.heat.isShown && !picture.heat) picture.heat = await fetchHeatMap(address).catch(() => null);
    if (this.picture !== picture) return;
    if (picture.heat) this.painter.setHeatMap(picture.heat);
    this.requestPaint();
  }

  requestPaint() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.frame = 0;
    if (this.picture && !this.isLost) this.paintPicture(this.picture);
    this.canvas.hidden = !this.picture || this.isLost;
    drawMeasure(this);
    this.canvas.setAttribute("aria-label", this.words());
    this.dispatchEvent(new Event("changed"));
  }

  /** @param {import("./cases.js").Picture} picture */
  paintPicture(picture) {
    const isPainted = this.painter.paint({ view: this.view, aspect: this.aspect, isInverted: this.isInverted, heat: this.heat });
    if (!isPainted) this.loss.lose();
    if (!isPainted || this.paintedAt) return;
    this.paintedAt = performance.now();
    this.dispatchEvent(new Event(this.wasPainted ? "regained" : "painted"));
    if (this.wasPainted) return;
    this.wasPainted = true;
    setTimeout(() => void this.sharpen(picture), SHARPEN_AFTER_MILLISECONDS);
  }

  /** Paint by another painter what is shown now. @param {Painter} painter */
  usePainter(painter) {
    this.painter = painter;
    this.isLost = false;
    if (this.picture) {
      painter.setPixels(this.picture.level, this.image);
      if (this.table) painter.setTable(this.table);
      painter.setHeatMap(this.picture.heat);
    }
    this.requestPaint();
  }

  /** What is shown, for those who do not see it. */
  words() {
    if (!this.picture || this.isLost) return "no image";
    const { centre, width } = this.window;
    const preset = this.preset === null ? "" : `${this.picture.display.presets[this.preset].name}, `;
    const heat = this.isHeatCovered ? "heat map covered" : !this.picture.display.heat_map ? "no heat map" : this.heat.isShown ? `heat map on${this.heat.isOutline ? ", outline" : ""}` : "heat map off";
    const said = measureWords(this);
    return `Radiograph, ${preset}window ${short(width)} centre ${short(centre)}, zoom ${Math.round(this.view.zoom * 100)} percent${this.isInverted ? ", inverted" : ""}${said ? `, ${said}` : ""}, ${heat}`;
  }

  resize() {
    // On whole device pixels: between them the browser would blend neighbouring greys.
    const ratio = window.devicePixelRatio || 1;
    const box = this.holder.getBoundingClientRect();
    const [left, top] = [Math.ceil(box.left * ratio), Math.ceil(box.top * ratio)];
    const width = Math.max(Math.floor(box.right * ratio) - left, 1);
    const height = Math.max(Math.floor(box.bottom * ratio) - top, 1);
    for (const canvas of [this.canvas, this.overlay]) {
      canvas.style.left = `${left / ratio - box.left}px`;
      canvas.style.top = `${top / ratio - box.top}px`;
      canvas.style.width = `${width / ratio}px`;
      canvas.style.height = `${height / ratio}px`;
    }
    if (width === this.canvas.width && height === this.canvas.height) return;
    for (const canvas of [this.canvas, this.overlay]) {
      canvas.width = width;
      canvas.height = height;
    }
    if (this.isFitted) this.fit();
    this.requestPaint();
  }

  /** What the next press of the pointer does. @param {Tool} tool */
  setTool(tool) {
    this.tool = this.tool === tool ? "window" : tool;
    this.holder.dataset.tool = this.tool;
    if (this.tool !== "window") this.measure = null;
    this.requestPaint();
  }

  /** Take the canvases away again. */
  remove() {
    this.watcher.disconnect();
    this.loss.end();
    cancelAnimationFrame(this.frame);
    this.canvas.remove();
    this.overlay.remove();
  }
}

/** @param {HTMLCanvasElement} canvas @param {string} name */
function chosenPainter(canvas, name) {
  const wanted = name || (hasGraphicsProcessor() ? "webgl" : "canvas");
  if (wanted === "webgl") {
    try {
      return webglPainter(canvas);
    } catch {
      // The canvas is bound to WebGL only once a context was given, which failed here.
    }
  }
  return canvasPainter(canvas);
}
