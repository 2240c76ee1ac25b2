// @ts-check
/** Mouse, pen and finger on a picture: window, pan, zoom at the pointer, and measuring. */

import { toImage } from "./view.js";

/** @typedef {{x: number, y: number}} Point */

// Pressed and let go nearer than this, a measure waits for a second press instead of dragging.
const CLICK_PIXELS = 4;

/** @param {import("./viewer.js").Viewer} viewer */
export function followPointer(viewer) {
  const { holder } = viewer;
  /** @type {Point | null} where the pointer was last, while something is dragged */
  let last = null;
  /** @type {Point} */
  let pressedAt = { x: 0, y: 0 };
  let action = "";

  /** @param {MouseEvent} event @returns {Point} in device pixels of the canvas */
  const place = (event) => {
    const box = viewer.canvas.getBoundingClientRect();
    const ratio = viewer.canvas.width / Math.max(box.width, 1);
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
  };
  /** @param {Point} at */
  const onImage = (at) => toImage(viewer.view, at, viewer.screen, viewer.aspect);

  holder.addEventListener("contextmenu", (event) => event.preventDefault());
  holder.addEventListener("pointerdown", (event) => {
    if (!viewer.picture || viewer.isLost) return;
    last = place(event);
    pressedAt = last;
    action = actionOf(event, viewer.tool);
    const isMeasuring = action === "length" || action === "box";
    // The second press of a measure that was begun with a click ends it.
    if (isMeasuring && !viewer.measure) {
      const from = onImage(last);
      viewer.measure = { kind: /** @type {"length" | "box"} */ (action), from, to: from };
    }
    holder.setPointerCapture(event.pointerId);
  });
  holder.addEventListener("pointermove", (event) => {
    const now = place(event);
    if (viewer.measure && viewer.tool !== "window" && action !== "pan") {
      viewer.measure.to = onImage(now);
      viewer.requestPaint();
    } else if (last) {
      const [dx, dy] = [now.x - last.x, now.y - last.y];
      if (action === "pan") viewer.pan(dx, dy);
      else viewer.changeWindow(dy / viewer.screen.height, (dx / viewer.screen.width) * 2);
    }
    if (last) last = now;
  });
  for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
    holder.addEventListener(name, (event) => {
      const now = place(event);
      const isClick = Math.hypot(now.x - pressedAt.x, now.y - pressedAt.y) < CLICK_PIXELS;
      const { measure } = viewer;
      if (last && measure && viewer.tool !== "window" && action !== "pan" && !(isClick && isPoint(measure))) {
        viewer.setTool("window");
      }
      last = null;
      action = "";
    });
  }
  holder.addEventListener("dblclick", () => {
    if (viewer.tool === "window" && !viewer.measure) viewer.fit();
  });
  holder.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      viewer.zoom(Math.exp(-event.deltaY / 500), place(event));
    },
    { passive: false },
  );
}

/**
 * What a press does: the left button changes the window and the others, or Shift, move the image;
 * for who chose so on their own page it is the other way round.
 *
 * @param {PointerEvent} event @param {import("./viewer.js").Tool} tool
 */
function actionOf(event, tool) {
  const isOther = event.button !== 0 || event.shiftKey;
  if (tool !== "window") return isOther ? "pan" : tool;
  return isOther === (localStorage.getItem("hilum.left") === "pan") ? "window" : "pan";
}

/** @param {import("./measure.js").Measure} measure */
function isPoint({ from, to }) {
  return from.x === to.x && from.y === to.y;
}
