// @ts-check
/** One's own page: what stays in this browser, the keys and the brightness. */

import { editKeys } from "./reading/key_rows.js";

const rows = document.getElementById("key-rows");
const isOn = document.getElementById("single-keys");
const reset = document.getElementById("reset-keys");
const words = document.getElementById("keys-words");
if (rows && isOn instanceof HTMLInputElement && reset && words) {
  editKeys(rows, isOn, reset, (text) => (words.textContent = text));
}

const dim = /** @type {HTMLInputElement} */ (document.getElementById("dim"));
const dimWords = /** @type {HTMLOutputElement} */ (document.getElementById("dim-words"));
const show = () => (dimWords.value = `${dim.value} %`);
dim.value = localStorage.getItem("hilum.dim") || "100";
dim.addEventListener("input", () => {
  localStorage.setItem("hilum.dim", dim.value);
  show();
});
show();

const left = /** @type {HTMLSelectElement} */ (document.getElementById("left"));
left.value = localStorage.getItem("hilum.left") === "pan" ? "pan" : "window";
left.addEventListener("change", () => localStorage.setItem("hilum.left", left.value));
document.documentElement.dataset.ready = "true";
