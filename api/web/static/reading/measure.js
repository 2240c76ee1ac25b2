// @ts-check
/** Lengths and boxes on a picture: in millimetres where the spacing is known, else in pixels. */

import { toScreen } from "./view.js";

/**
 * @typedef {{x: number, y: number}} Point
 * @typedef {{kind: "length" | "box", from: Point, to: Point}} Measure in pixels of the full image
 */

const COLOUR = "#e0a94a";
const SHADOW = "#000";
const MARGIN = 8;

/** @param {import("./viewer.js").Viewer} viewer */
export function drawMeasure(viewer) {
  const { measure, overlay } = viewer;
  const context = /** @type {CanvasRenderingContext2D} */ (overlay.getContext("2d"));
  context.clearRect(0, 0, overlay.width, overlay.height);
  if (!measure || !viewer.picture || viewer.isLost) return;
  const from = toScreen(viewer.view, measure.from, viewer.screen, viewer.aspect);
  const to = toScreen(viewer.view, measure.to, viewer.screen, viewer.aspect);
  context.beginPath();
  if (measure.kind === "length") {
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
  } else context.rect(from.x, from.y, to.x - from.x, to.y - from.y);
  // A dark edge keeps the line visible on white bone.
  for (const [colour, width] of /** @type {[string, number][]} */ ([[SHADOW, 4], [COLOUR, 2]])) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
  writeBeside(context, measureWords(viewer), to, viewer.screen);
}

/**
 * @param {CanvasRenderingContext2D} context @param {string} words @param {Point} at
 * @param {{width: number, height: number}} screen
 */
function writeBeside(context, words, at, screen) {
  context.font = `${Math.round(16 * (window.devicePixelRatio || 1))}px system-ui, sans-serif`;
  const width = context.measureText(words).width;
  const x = Math.min(at.x + MARGIN, screen.width - width - MARGIN);
  const y = Math.max(at.y - MARGIN, 24);
  context.lineWidth = 4;
  context.strokeStyle = SHADOW;
  context.strokeText(words, x, y);
  context.fillStyle = COLOUR;
  context.fillText(words, x, y);
}

/** What is measured, in words; empty where nothing is. @param {import("./viewer.js").Viewer} viewer */
export function measureWords({ measure, picture, aspect }) {
  if (!measure || !picture) return "";
  if (measure.kind === "box") return boxWords(picture, measure);
  const { display } = picture;
  const dx = measure.to.x - measure.from.x;
  const dy = measure.to.y - measure.from.y;
  if (!display.row_spacing_mm) return `${Math.hypot(dx, dy * aspect).toFixed(0)} pixels`;
  const length = Math.hypot(dx * display.column_spacing_mm, dy * display.row_spacing_mm);
  return `${length.toFixed(1)} mm${display.is_spacing_at_detector ? " at the detector" : ""}`;
}

/** @param {import("./cases.js").Picture} picture @param {Measure} measure */
function boxWords({ display, level, modality }, { from, to }) {
  const scale = level.columns / display.columns;
  const inside = (/** @type {number} */ value, /** @type {number} */ most) => Math.min(Math.max(Math.round(value * scale), 0), most);
  const [left, right] = [inside(Math.min(from.x, to.x), level.columns), inside(Math.max(from.x, to.x), level.columns)];
  const [top, bottom] = [inside(Math.min(from.y, to.y), level.rows), inside(Math.max(from.y, to.y), level.rows)];
  let [sum, count, low, high] = [0, 0, Infinity, -Infinity];
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) {
      const value = modality[level.values[y * level.columns + x]];
      if (Number.isNaN(value)) continue;
      sum += value;
      count += 1;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return count ? `mean ${short(sum / count)}, ${short(low)} to ${short(high)}` : "";
}

/** @param {number} value */
export function short(value) {
  return Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(0);
}
