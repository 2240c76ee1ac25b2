// @ts-check
/**
 * Paints by the 2D canvas: every pixel is looked up once for each grey table, and the browser
 * scales the finished greys. For machines without a graphics processor.
 */

import { inferno } from "./inferno.js";

/** @param {HTMLCanvasElement} canvas */
export function canvasPainter(canvas) {
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new Error("there is no 2D canvas");
  const greys = document.createElement("canvas");
  const hot = document.createElement("canvas");
  const edge = document.createElement("canvas");
  /** @type {import("./cases.js").Level | null} */
  let level = null;
  let image = { width: 1, height: 1 };
  /** @type {Uint8Array | null} */
  let table = null;
  /** @type {{width: number, height: number, values: Uint8Array} | null} */
  let heatMap = null;
  let drawnThreshold = -1;
  let isLookedUp = false;

  const lookUp = () => {
    if (!level || !table || isLookedUp) return;
    greys.width = level.columns;
    greys.height = level.rows;
    const words = new Uint32Array(table.length);
    // Alpha, blue, green, red: the order of bytes in ImageData on every machine browsers run on.
    for (let value = 0; value < table.length; value += 1) words[value] = 0xff000000 | (table[value] * 0x10101);
    const data = new ImageData(level.columns, level.rows);
    const target = new Uint32Array(data.data.buffer);
    const values = level.values;
    for (let index = 0; index < target.length; index += 1) target[index] = words[values[index]];
    /** @type {CanvasRenderingContext2D} */ (greys.getContext("2d")).putImageData(data, 0, 0);
    isLookedUp = true;
  };

  // A canvas too large for this browser has no pixels; older browsers never lose one.
  const isGone = () =>
    [context, greys.getContext("2d")].some((one) => !one || Boolean(/** @type {any} */ (one).isContextLost?.()));

  return {
    name: "canvas",
    longestSide: 16384,
    /** @param {import("./cases.js").Level} shown @param {{width: number, height: number}} full */
    setPixels(shown, full) {
      level = shown;
      image = full;
      isLookedUp = false;
    },
    /** @param {Uint8Array} greyTable */
    setTable(greyTable) {
      table = greyTable;
      isLookedUp = false;
    },
    /** @param {{width: number, height: number, values: Uint8Array} | null} heat */
    setHeatMap(heat) {
      heatMap = heat;
      drawnThreshold = -1;
    },
    /** @param {import("./viewer.js").Scene} scene @returns {boolean} whether the picture is there now */
    paint({ view, aspect, isInverted, heat }) {
      lookUp();
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.filter = "none";
      context.fillStyle = "#000";
      context.fillRect(0, 0, canvas.width, canvas.height);
      if (!isLookedUp || isGone()) return false;
      const left = canvas.width / 2 - view.x * view.zoom;
      const top = canvas.height / 2 - view.y * view.zoom * aspect;
      const width = image.width * view.zoom;
      const height = image.height * view.zoom * aspect;
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(greys, left, top, width, height);
      if (isInverted) {
        // White minus what is there: the exact mirror of every grey.
        context.globalCompositeOperation = "difference";
        context.fillStyle = "#fff";
        context.fillRect(left, top, width, height);
        context.globalCompositeOperation = "source-over";
      }
      if (!heat.isShown || !heatMap) return true;
      if (drawnThreshold !== heat.threshold) {
        drawHeat(hot, edge, heatMap, heat.threshold);
        drawnThreshold = heat.threshold;
      }
      context.globalAlpha = heat.isOutline ? 1 : heat.opacity;
      context.drawImage(heat.isOutline ? edge : hot, left, top, width, height);
      context.globalAlpha = 1;
      return true;
    },
  };
}

/**
 * @param {HTMLCanvasElement} hot @param {HTMLCanvasElement} edge
 * @param {{width: number, height: number, values: Uint8Array}} map @param {number} threshold
 */
function drawHeat(hot, edge, map, threshold) {
  const side = 512;
  const values = enlarged(map, side);
  const colours = inferno();
  const coloured = new ImageData(side, side);
  const outlined = new ImageData(side, side);
  const least = threshold * 255;
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const index = y * side + x;
      const value = values[index];
      if (value < least) continue;
      coloured.data.set([...colours.subarray(Math.round(value) * 3, Math.round(value) * 3 + 3), 255], index * 4);
      const isEdge = [[1, 0], [-1, 0], [0, 1], [0, -1]].some(([dx, dy]) => {
        const near = (y + dy) * side + x + dx;
        return x + dx < 0 || x + dx >= side || values[near] === undefined || values[near] < least;
      });
      if (isEdge) outlined.data.set([250, 201, 51, 255], index * 4);
    }
  }
  for (const [canvas, data] of /** @type {[HTMLCanvasElement, ImageData][]} */ ([[hot, coloured], [edge, outlined]])) {
    canvas.width = side;
    canvas.height = side;
    /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(data, 0, 0);
  }
}

/** @param {{width: number, height: number, values: Uint8Array}} map @param {number} side */
function enlarged(map, side) {
  const result = new Float32Array(side * side);
  for (let y = 0; y < side; y += 1) {
    const v = Math.min(Math.max(((y + 0.5) / side) * map.height - 0.5, 0), map.height - 1);
    const top = Math.floor(v);
    const bottom = Math.min(top + 1, map.height - 1);
    for (let x = 0; x < side; x += 1) {
      const u = Math.min(Math.max(((x + 0.5) / side) * map.width - 0.5, 0), map.width - 1);
      const left = Math.floor(u);
      const right = Math.min(left + 1, map.width - 1);
      const at = (/** @type {number} */ row, /** @type {number} */ column) => map.values[row * map.width + column];
      const upper = at(top, left) * (1 - (u - left)) + at(top, right) * (u - left);
      const lower = at(bottom, left) * (1 - (u - left)) + at(bottom, right) * (u - left);
      result[y * side + x] = upper * (1 - (v - top)) + lower * (v - top);
    }
  }
  return result;
}
