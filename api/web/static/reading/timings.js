// @ts-check
/** How long the reader waited, told to the server as bare numbers. */

import { ask } from "./requests.js";

/** @param {"first_image" | "next_image"} what @param {number} milliseconds */
export function tell(what, milliseconds) {
  const element = document.documentElement;
  element.dataset[what === "first_image" ? "firstImage" : "nextImage"] = milliseconds.toFixed(1);
  ask("POST", "/api/v1/ux", { body: { what, milliseconds: Math.max(0, Math.min(milliseconds, 600_000)) }, mayAskToSignIn: false }).catch(() => {});
}
