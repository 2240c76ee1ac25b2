// @ts-check
/** What a decision cost the reader: keys and clicks since the case was opened, told as bare numbers. */

const MOST = 10_000;
const HELD_WITH_OTHERS = new Set(["Alt", "AltGraph", "CapsLock", "Control", "Meta", "Shift"]);

export class Effort {
  /** @param {import("./desk.js").Desk} desk @param {HTMLElement} comment whose letters are no keys of the page */
  constructor(desk, comment) {
    this.desk = desk;
    this.comment = comment;
    this.begin();
    desk.addEventListener("cleared", () => this.begin());
    desk.viewer.addEventListener("changed", () => this.lookAtHeatMap());
    // Before what the key or the press does, which may end the case.
    window.addEventListener("keydown", (event) => this.countKey(event), { capture: true });
    window.addEventListener("pointerdown", () => this.countClick(), { capture: true });
  }

  begin() {
    this.keys = 0;
    this.clicks = 0;
    /** @type {boolean | null} null: there was none to open */
    this.isHeatMapOpened = null;
  }

  /** @param {KeyboardEvent} event */
  countKey(event) {
    const isHeld = event.repeat || HELD_WITH_OTHERS.has(event.key);
    const isLetter = event.target === this.comment && !event.ctrlKey && !event.metaKey;
    if (!isHeld && !isLetter && !isElsewhere()) this.keys += 1;
  }

  /** A drag is one click, of whatever button, finger or pen. */
  countClick() {
    if (!isElsewhere()) this.clicks += 1;
  }

  lookAtHeatMap() {
    const { picture, heat } = this.desk.viewer;
    if (picture?.display.heat_map) this.isHeatMapOpened ||= heat.isShown && Boolean(picture.heat);
  }

  /** As a decision tells it. */
  told() {
    return {
      key_count: Math.min(this.keys, MOST),
      click_count: Math.min(this.clicks, MOST),
      is_heat_map_opened: this.isHeatMapOpened,
    };
  }
}

/** Whether a dialog is open: signing in again and looking at the keys decide nothing. */
function isElsewhere() {
  return Boolean(document.querySelector("dialog[open]"));
}
