// @ts-check
/**
 * When the browser takes a painted picture away (the graphics processor was reset, slept, or ran
 * out of memory), the canvas is black. Until the picture is painted again nothing counts as shown.
 */

import { canvasPainter } from "./paint_canvas.js";
import { webglPainter } from "./paint_webgl.js";

// A graphics processor that was reset is back sooner, or does not come back.
const GIVEN_BACK_WITHIN_MILLISECONDS = 2000;
// WebGL and the 2D canvas name the same thing differently.
const TAKEN = ["webglcontextlost", "contextlost"];
const GIVEN_BACK = ["webglcontextrestored", "contextrestored"];

/**
 * Tell `lost` when the picture of a viewer is taken away, and paint it again: in the same canvas if
 * the browser gives it back, else in one that needs no graphics processor. The viewer tells
 * `regained` once it is painted, and `gone` is told where this browser paints no more.
 *
 * @param {import("./viewer.js").Viewer} viewer
 */
export function watchLoss(viewer) {
  let waiting = 0;

  const lose = () => {
    if (viewer.isLost) return;
    viewer.isLost = true;
    viewer.paintedAt = 0;
    viewer.dispatchEvent(new Event("lost"));
    viewer.requestPaint();
    waiting = setTimeout(replaceCanvas, GIVEN_BACK_WITHIN_MILLISECONDS);
  };

  /** @param {Event} event */
  const onTaken = (event) => {
    // WebGL gives back only what is asked for in this way; the 2D canvas gives back unless told not to.
    if (event.type === "webglcontextlost") event.preventDefault();
    lose();
  };

  const onGivenBack = () => {
    clearTimeout(waiting);
    paintBy(viewer.painter.name === "webgl" ? webglPainter : canvasPainter);
  };

  // Which kind of context a canvas has is fixed for its life.
  const replaceCanvas = () => {
    const fresh = /** @type {HTMLCanvasElement} */ (viewer.canvas.cloneNode());
    follow(viewer.canvas, "removeEventListener");
    viewer.canvas.replaceWith(fresh);
    viewer.canvas = fresh;
    follow(fresh, "addEventListener");
    paintBy(canvasPainter);
  };

  /** @param {(canvas: HTMLCanvasElement) => import("./viewer.js").Painter} painterOf */
  const paintBy = (painterOf) => {
    try {
      viewer.usePainter(painterOf(viewer.canvas));
    } catch {
      viewer.dispatchEvent(new Event("gone"));
    }
  };

  /** @param {HTMLCanvasElement} canvas @param {"addEventListener" | "removeEventListener"} change */
  const follow = (canvas, change) => {
    for (const name of TAKEN) canvas[change](name, onTaken);
    for (const name of GIVEN_BACK) canvas[change](name, onGivenBack);
  };

  follow(viewer.canvas, "addEventListener");
  return {
    lose,
    /** Watch no longer. */
    end() {
      clearTimeout(waiting);
      follow(viewer.canvas, "removeEventListener");
    },
  };
}
