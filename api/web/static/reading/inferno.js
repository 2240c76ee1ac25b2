// @ts-check
/** The colours of heat maps: dark violet through red to pale yellow, rising evenly in lightness. */

// Nine points of the inferno colour map (Smith and van der Walt, CC0), 0 to 1 in steps of 1/8.
const POINTS = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
];

/** @returns {Uint8Array} 256 colours of three bytes */
export function inferno() {
  const colours = new Uint8Array(256 * 3);
  for (let index = 0; index < 256; index += 1) {
    const place = (index / 255) * (POINTS.length - 1);
    const from = Math.min(Math.floor(place), POINTS.length - 2);
    for (let channel = 0; channel < 3; channel += 1) {
      const low = POINTS[from][channel];
      const high = POINTS[from + 1][channel];
      colours[index * 3 + channel] = Math.round(low + (high - low) * (place - from));
    }
  }
  return colours;
}
