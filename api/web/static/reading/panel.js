// @ts-check
/** The panel at the right: what the AI says, what limits it, priors, and what was decided. */

import { site } from "./site.js";
import { others, personName, waiting } from "./worklist.js";

const PRESENCE = /** @type {Record<string, string>} */ ({
  PRESENT: "pneumonia suspected",
  ABSENT: "no pneumonia suspected",
  UNDETERMINED: "undetermined",
});
export const PRESENCE_SAID = /** @type {Record<string, string>} */ ({
  PRESENT: "pneumonia",
  ABSENT: "none",
  UNDETERMINED: "indeterminate",
});

/** @param {string} id @returns {HTMLElement} */
export const element = (id) => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
};

/** @param {string} id @param {string} text */
export function say(id, text) {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}

/** The result that stands, and its most suspicious finding. @param {any} study */
export function resultOf(study) {
  const result = study.results.find((/** @type {any} */ one) => one.is_current) || null;
  const findings = result ? [...result.findings] : [];
  findings.sort((a, b) => b.probability - a.probability);
  return { result, finding: findings[0] || null };
}

const MEANING = /** @type {Record<string, string>} */ ({ ...PRESENCE_SAID, ABSENT: "no pneumonia" });
const OPPOSITE = /** @type {Record<string, string>} */ ({ PRESENT: "ABSENT", ABSENT: "PRESENT" });

/** What accepting and rejecting a finding state. @param {any} finding null: nothing is told */
export function meaningOf(finding) {
  if (!finding) return { accepted: "", rejected: "" };
  const [stated, opposite] = [MEANING[finding.presence], MEANING[OPPOSITE[finding.presence]]];
  return { accepted: `\u00b7 ${stated}`, rejected: opposite ? `\u00b7 ${opposite}` : "" };
}

/** @param {any} study @param {boolean} isCovered @param {string} [imageUid] the image that is shown */
export function showResult(study, isCovered, imageUid = "") {
  const { result, finding } = resultOf(study);
  const isShown = Boolean(finding) && !isCovered;
  element("result").classList.toggle("positive", isShown && finding.presence === "PRESENT");
  element("score").hidden = !isShown;
  say("ai-words", isCovered ? "AI result covered: say what you see (P pneumonia, N none)" : aiWords(study, finding));
  say("ai-model", result ? modelWords(result.model) : "");
  const statements = [...(isShown ? finding.statements : []), ...(isCovered ? [] : refusalsOf(result, imageUid))];
  element("ai-statements").replaceChildren(...statements.map((words) => listItem(words)));
  say("ai-numbers", "");
  if (!isShown) return;
  say("ai-numbers", `p ${finding.probability.toFixed(2)} \u00b7 threshold ${finding.threshold.toFixed(2)}`);
  const bar = element("bar");
  bar.style.width = `${finding.probability * 100}%`;
  element("threshold").style.left = `${finding.threshold * 100}%`;
  element("score").setAttribute("aria-label", `probability ${finding.probability.toFixed(2)} of 1, threshold ${finding.threshold.toFixed(2)}`);
}

/** Version, beginning of the weights' digest, day of the threshold: what exactly said this. @param {any} model */
function modelWords({ name, version, weights_sha256: digest, calibrated_on: day }) {
  const calibrated = day ? `, calibrated ${day}` : "";
  return `${name} ${version}${digest ? `+${digest.slice(0, 6)}` : ""}${calibrated}`;
}

/** Why images were not scored, the shown one first. @param {any} result @param {string} imageUid @returns {string[]} */
function refusalsOf(result, imageUid) {
  const refused = result && result.findings.length ? result.image_refusals : [];
  return refused.map((/** @type {any} */ one) =>
    `${one.sop_instance_uid === imageUid ? "this image" : "another image"} was not analysed: ${one.reason || one.refusal}`,
  );
}

/** @param {any} study @param {any} finding */
function aiWords(study, finding) {
  if (finding) return `AI: ${PRESENCE[finding.presence]}`;
  if (study.state === "NOT_ANALYSED") return `AI not applicable: ${study.reason || study.refusal}`;
  if (study.state === "KEPT") return `No AI: ${study.reason}`;
  if (study.state === "FAILED") return `AI failed: ${study.reason || "see operations"}`;
  return pendingWords(study);
}

/** For how long the AI result is awaited, to the second. @param {any} study */
export function pendingWords(study) {
  const seconds = Math.max(Math.floor((Date.now() - Date.parse(study.last_received_at)) / 1000), 0);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  const clock = [minutes, rest].map((part) => String(part).padStart(2, "0")).join(":");
  return `AI pending ${minutes < 100 ? clock : waiting(seconds)}`;
}

/** Whether a result may still come. @param {any} study */
export function isPending(study) {
  return !resultOf(study).finding && ["RECEIVING", "QUEUED", "ANALYSING"].includes(study.state);
}

/** @param {any} study */
export function showIdentity(study) {
  const patient = study.patient;
  const name = personName(patient.name) || "unnamed";
  const words = [name, patient.patient_id, [patient.sex, age(patient.birth_date, study.study_date)].filter(Boolean).join(" "), study.accession_number && `Acc ${study.accession_number}`, date(study.study_date), study.description];
  say("identity", words.filter(Boolean).join("  \u00b7  "));
  say("panel-identity", `${name}${patient.patient_id ? `, ${patient.patient_id}` : ""}`);
}

/** Whose study of which day, over one of two pictures. @param {any} study */
export function captionOf(study) {
  const { name, patient_id: patientId } = study.patient;
  return [date(study.study_date) || "no date", personName(name) || "unnamed", patientId].filter(Boolean).join(" \u00b7 ");
}

/** @param {any} study @param {(studyUid: string) => void} onCompare */
export function showPriors(study, onCompare) {
  const rows = study.priors.map((/** @type {any} */ prior) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const said = prior.presence ? PRESENCE_SAID[prior.presence] : site.isBlindFirst ? "not told" : "no result";
    const number = prior.probability === null ? "" : ` ${prior.probability.toFixed(2)}`;
    button.textContent = `${date(prior.study.study_date) || "no date"}: ${said}${number}${prior.verdict ? " (reviewed)" : ""}`;
    button.addEventListener("click", () => onCompare(prior.study.study_uid));
    item.append(button);
    return item;
  });
  element("priors").replaceChildren(...rows);
  element("no-priors").hidden = rows.length > 0;
}

/** @param {any} study */
export function showHistory(study) {
  const said = study.reviews
    .filter((/** @type {any} */ review) => review.state !== "UNDONE")
    .map((/** @type {any} */ review) => {
      const held = review.presence ? ` (${PRESENCE_SAID[review.presence]})` : "";
      return listItem(`${personName(review.reviewer)}: ${review.verdict.toLowerCase()}${held}, ${reviewWords(study, review)}`);
    });
  element("history").replaceChildren(...said);
  const names = others(study.readers);
  say("readers", names.length ? `being read by ${names.join("; ")}` : "");
}

/** @param {any} study @param {any} review */
function reviewWords(study, review) {
  if (review.state === "FAILED") return `verified report failed: ${review.failure}`;
  if (review.state !== "REPORTED") return "verified report not made yet";
  const deliveries = study.deliveries.filter(
    (/** @type {any} */ one) => one.sop_instance_uid === review.report_sop_instance_uid,
  );
  const waits = deliveries
    .filter((/** @type {any} */ one) => !["DELIVERED", "COMMITTED"].includes(one.state))
    .map((/** @type {any} */ one) => one.destination);
  if (waits.length) return `verified report waiting for ${waits.join(", ")}`;
  const isKept = deliveries.some((/** @type {any} */ one) => one.state === "COMMITTED");
  return isKept ? "verified report delivered and committed" : "verified report delivered";
}

/** @param {string} text */
function listItem(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

/** @param {string} text YYYYMMDD */
export function date(text) {
  return /^\d{8}$/.test(text) ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : "";
}

/** @param {string} birth @param {string} study */
function age(birth, study) {
  if (!/^\d{8}$/.test(birth) || !/^\d{8}$/.test(study)) return "";
  const years = Number(study.slice(0, 4)) - Number(birth.slice(0, 4)) - (study.slice(4) < birth.slice(4) ? 1 : 0);
  return years >= 0 && years < 130 ? `${years} y` : "";
}
