// @ts-check
/** The help: keys and signs from where the reading page has them. */

import { listKeys } from "./reading/key_rows.js";
import { SIGNS } from "./reading/worklist.js";

listKeys(/** @type {HTMLElement} */ (document.getElementById("key-rows")));
for (const cell of document.querySelectorAll("[data-band]")) {
  const [sign, words] = SIGNS[/** @type {HTMLElement} */ (cell).dataset.band || ""];
  cell.textContent = [sign, words].filter(Boolean).join(" ");
}
document.documentElement.dataset.ready = "true";
