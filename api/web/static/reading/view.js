// @ts-check
/**
 * Where an image lies on the screen. Screen coordinates are device pixels of the canvas, image
 * coordinates are pixels of the full image; (0, 0) is the top left corner of both.
 */

/**
 * @typedef {{width: number, height: number}} Size
 * @typedef {{zoom: number, x: number, y: number}} View zoom: screen pixels for one image column;
 *   x, y: the image point in the middle of the screen
 */

/** @param {Size} screen @param {Size} image @param {number} aspect @returns {View} */
export function fitted(screen, image, aspect) {
  const zoom = Math.min(screen.width / image.width, screen.height / (image.height * aspect));
  return { zoom, x: image.width / 2, y: image.height / 2 };
}

/**
 * One image pixel on one screen pixel, lying on whole pixels, so that nothing is blended.
 *
 * @param {View} view @param {Size} screen @param {number} aspect @returns {View}
 */
export function oneToOne(view, screen, aspect) {
  const left = Math.round(view.x - screen.width / 2);
  const top = Math.round(view.y - screen.height / 2 / aspect);
  return { zoom: 1, x: left + screen.width / 2, y: top + screen.height / 2 / aspect };
}

/** @param {View} view @param {number} dx @param {number} dy @param {number} aspect @returns {View} */
export function moved(view, dx, dy, aspect) {
  return { ...view, x: view.x - dx / view.zoom, y: view.y - dy / (view.zoom * aspect) };
}

/**
 * Zoom by a factor; the image point under a screen point stays under it.
 *
 * @param {View} view @param {number} factor @param {{x: number, y: number}} at
 * @param {Size} screen @param {number} aspect @returns {View}
 */
export function zoomed(view, factor, at, screen, aspect) {
  const zoom = Math.min(Math.max(view.zoom * factor, 0.02), 32);
  const before = toImage(view, at, screen, aspect);
  const after = toImage({ ...view, zoom }, at, screen, aspect);
  return { zoom, x: view.x + before.x - after.x, y: view.y + before.y - after.y };
}

/** @param {View} view @param {{x: number, y: number}} point @param {Size} screen @param {number} aspect */
export function toImage(view, point, screen, aspect) {
  return {
    x: view.x + (point.x - screen.width / 2) / view.zoom,
    y: view.y + (point.y - screen.height / 2) / (view.zoom * aspect),
  };
}

/** @param {View} view @param {{x: number, y: number}} point @param {Size} screen @param {number} aspect */
export function toScreen(view, point, screen, aspect) {
  return {
    x: (point.x - view.x) * view.zoom + screen.width / 2,
    y: (point.y - view.y) * view.zoom * aspect + screen.height / 2,
  };
}
