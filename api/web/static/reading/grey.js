// @ts-check
/** Tables from stored value to grey for windows that the reader chooses (PS3.3 C.11.2.1.2-3). */

export const TABLE_LENGTH = 65536;

/**
 * @typedef {{centre: number, width: number, function: string}} Window
 */

/**
 * @param {Float32Array} modality the modality value of each stored value; NaN is padding
 * @param {Window} window
 * @param {boolean} isInverse
 * @returns {Uint8Array} the grey of each stored value
 */
export function greyTable(modality, window, isInverse) {
  const table = new Uint8Array(TABLE_LENGTH);
  const shade = shadeOf(window);
  for (let value = 0; value < TABLE_LENGTH; value += 1) {
    if (Number.isNaN(modality[value])) continue; // padding stays black
    const grey = Math.min(Math.max(shade(modality[value]), 0), 1);
    table[value] = Math.floor((isInverse ? 1 - grey : grey) * 255 + 0.5);
  }
  return table;
}

/** @param {Window} window @returns {(x: number) => number} 0 is black, 1 is white */
function shadeOf({ centre, width, function: kind }) {
  if (kind === "SIGMOID") return (x) => 1 / (1 + Math.exp((-4 * (x - centre)) / width));
  if (kind === "LINEAR_EXACT") return (x) => (x - centre) / width + 0.5;
  if (width <= 1) return (x) => (x > centre - 0.5 ? 1 : 0);
  return (x) => (x - (centre - 0.5)) / (width - 1) + 0.5;
}

/**
 * The window that shows the values that the pixels really have, for images without one of their own.
 *
 * @param {Float32Array} modality
 * @param {Uint8Array | Uint16Array} pixels
 * @returns {Window}
 */
export function wholeRange(modality, pixels) {
  let low = Infinity;
  let high = -Infinity;
  for (let index = 0; index < pixels.length; index += 1) {
    const value = modality[pixels[index]];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(high > low)) return { centre: low || 0, width: 1, function: "LINEAR_EXACT" };
  return { centre: (low + high) / 2, width: high - low, function: "LINEAR_EXACT" };
}
