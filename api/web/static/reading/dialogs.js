// @ts-check
/** Dialogs: the keys, signing in again, putting a study off. */

import { editKeys } from "./key_rows.js";
import { element, say } from "./panel.js";
import { ask, Refused } from "./requests.js";

/** @param {string} id */
const dialog = (id) => /** @type {HTMLDialogElement} */ (element(id));

export function showKeys() {
  const isOn = /** @type {HTMLInputElement} */ (element("single-keys"));
  editKeys(element("key-rows"), isOn, element("reset-keys"));
  if (!dialog("keys").open) dialog("keys").showModal();
}

/** @type {Promise<void> | null} */
let signingIn = null;

/** Ask for the password in place; the page and its comment stay as they are. */
export function signInAgain() {
  signingIn ||= new Promise((resolve) => {
    const password = /** @type {HTMLInputElement} */ (element("again-password"));
    say("again-fault", "");
    dialog("sign-in-again").showModal();
    element("again-form").onsubmit = async (event) => {
      event.preventDefault();
      try {
        const login = document.body.dataset.login || "";
        await ask("POST", "/api/v1/session", { body: { login, password: password.value }, mayAskToSignIn: false });
        password.value = "";
        dialog("sign-in-again").close();
        signingIn = null;
        resolve();
      } catch (error) {
        say("again-fault", error instanceof Refused ? error.message : String(error));
      }
    };
  });
  return signingIn;
}

/** Ask why a study is put off. @returns {Promise<string>} empty: it is not */
export function askReason() {
  return new Promise((resolve) => {
    const box = dialog("put-off");
    box.returnValue = "";
    box.onclose = () => resolve(box.returnValue);
    box.showModal();
  });
}
