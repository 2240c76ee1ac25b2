// @ts-check
/** The list at the left: never moves under the hand; what arrives waits behind "n new". */

import { getJson } from "./requests.js";
import { site } from "./site.js";

const PAGE = 100;
export const SIGNS = /** @type {Record<string, [string, string]>} */ ({
  OVERDUE: ["\u25c6", "overdue"],
  POSITIVE: ["\u25b2", "AI positive"],
  ROUTINE: ["\u25bd", ""],
  DEFERRED: ["\u21b7", "put off"],
});

export class Worklist extends EventTarget {
  /** @param {HTMLElement} list @param {HTMLButtonElement} news @param {HTMLElement} counts */
  constructor(list, news, counts) {
    super();
    this.list = list;
    this.news = news;
    this.counts = counts;
    /** @type {any[]} */
    this.entries = [];
    /** @type {any[] | null} what the server says now, where it differs from what is shown */
    this.fresh = null;
    this.current = "";
    /** When the list was last renewed, as the reader's clock says. */
    this.lookedAt = "the page was opened";
    list.addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest("button[data-study]") : null;
      if (!(row instanceof HTMLElement)) return;
      // Whoever clicks goes on with keys: Space shall peek then, not press the row again.
      if (event.detail) row.blur();
      this.dispatchEvent(new CustomEvent("chosen", { detail: row.dataset.study }));
    });
  }

  /** Look at the server's list; show it at once only where nothing is shown yet. */
  async look() {
    const { body } = await getJson(`/api/v1/worklist?limit=${PAGE}`);
    this.showCounts(body.counts);
    this.lookedAt = new Date().toLocaleTimeString([], { timeStyle: "short" });
    const uids = new Set(body.entries.map((/** @type {any} */ entry) => entry.study.study_uid));
    if (!this.entries.length) {
      this.entries = body.entries;
      this.fresh = null;
    } else {
      const known = new Set(this.entries.map((entry) => entry.study.study_uid));
      this.fresh = body.entries;
      const arrived = [...uids].filter((uid) => !known.has(uid)).length;
      this.news.hidden = !arrived;
      const words = /** @type {HTMLElement} */ (this.news.firstElementChild);
      if (words.textContent !== `${arrived} new`) words.textContent = `${arrived} new`;
      // Places stay; what is said of a study follows.
      const now = new Map(body.entries.map((/** @type {any} */ entry) => [entry.study.study_uid, entry]));
      this.entries = this.entries.map((entry) => now.get(entry.study.study_uid) || entry);
    }
    this.draw();
    return uids;
  }

  takeNews() {
    if (this.fresh) this.entries = this.fresh;
    this.fresh = null;
    this.news.hidden = true;
    this.draw();
    this.dispatchEvent(new Event("renewed"));
  }

  /** @param {string} studyUid */
  remove(studyUid) {
    this.entries = this.entries.filter((entry) => entry.study.study_uid !== studyUid);
    this.draw();
  }

  /** Put a study back where it was, or at the top. @param {any} entry @param {number} place */
  restore(entry, place) {
    if (!entry || this.entries.some((one) => one.study.study_uid === entry.study.study_uid)) return;
    this.entries.splice(Math.max(place, 0), 0, entry);
    this.draw();
  }

  /** Put a study at the end. @param {string} studyUid @param {string} reason @returns {string} what is read instead */
  putOff(studyUid, reason) {
    const place = this.place(studyUid);
    const [entry] = this.entries.splice(place, 1);
    this.entries.push({ ...entry, band: "DEFERRED", deferred_reason: reason });
    return this.entries[Math.min(place, this.entries.length - 1)].study.study_uid;
  }

  /** @param {string} studyUid */
  place(studyUid) {
    return this.entries.findIndex((entry) => entry.study.study_uid === studyUid);
  }

  /** The study so many places after another one. @param {string} studyUid @param {number} step */
  neighbour(studyUid, step) {
    const place = this.place(studyUid);
    const entry = this.entries[place < 0 ? 0 : place + step];
    return entry ? entry.study.study_uid : "";
  }

  /** The studies that come after a place. @param {number} from @param {number} count @returns {string[]} */
  following(from, count) {
    return this.entries.slice(Math.max(from, 0), Math.max(from, 0) + count).map((entry) => entry.study.study_uid);
  }

  /** @param {string} studyUid */
  setCurrent(studyUid) {
    this.current = studyUid;
    this.draw();
    this.list.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {Record<string, number>} counts */
  showCounts({ OVERDUE, POSITIVE, ROUTINE, DEFERRED }) {
    const others = site.isBlindFirst ? `${ROUTINE} others` : `${POSITIVE} AI positive, ${ROUTINE} others`;
    this.counts.textContent = `${OVERDUE} overdue, ${others}${DEFERRED ? `, ${DEFERRED} put off` : ""}`;
  }

  draw() {
    const focused = this.list.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.study : "";
    const rows = this.entries.map((entry) => row(entry, entry.study.study_uid === this.current));
    this.list.replaceChildren(...rows);
    // Whoever walks the list by Tab stays where he or she is.
    if (focused) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-study="${focused}"]`))?.focus({ preventScroll: true });
  }
}

/** @param {any} entry @param {boolean} isCurrent */
function row(entry, isCurrent) {
  const { study, band, probability } = entry;
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.study = study.study_uid;
  button.className = `case ${band.toLowerCase()}`;
  button.setAttribute("aria-current", String(isCurrent));
  const [sign, words] = SIGNS[band];
  const first = line("span", "who", `${sign} ${personName(study.patient.name) || "unnamed"}`);
  const score = line("span", "score", probability === null ? "" : probability.toFixed(2));
  const readers = others(entry.readers).map((name) => `(${name})`).join(" ");
  const second = line("span", "what", [words, stateWords(study), waiting(entry.waiting_seconds), study.accession_number, readers, entry.deferred_reason].filter(Boolean).join(" \u00b7 "));
  button.append(first, score, second);
  item.append(button);
  return item;
}

/** @param {any} study */
export function stateWords(study) {
  return /** @type {Record<string, string>} */ ({
    RECEIVING: "arriving",
    QUEUED: "AI pending",
    ANALYSING: "AI at work",
    NOT_ANALYSED: "not analysed",
    FAILED: "AI failed",
    KEPT: "not wanted",
  })[study.state] || "";
}

/** @param {number} seconds */
export function waiting(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return "just now";
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

/** Who else has it open. @param {string[]} readers @returns {string[]} */
export function others(readers) {
  return readers.filter((name) => name !== document.body.dataset.person).map(personName);
}

/** A DICOM name as people read it. @param {string} name */
export function personName(name) {
  const [family = "", given = ""] = name.split("=")[0].split("^");
  return [family.toUpperCase(), given].filter(Boolean).join(", ");
}

/** @param {string} tag @param {string} name @param {string} text */
function line(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}
