// @ts-check
/** Cases ready to be shown: the study, its image, its tables. The next ones are fetched ahead. */

import { getBytes, getJson } from "./requests.js";
import { site } from "./site.js";

/**
 * @typedef {{name: string, rows: number, columns: number, values: Uint8Array | Uint16Array}} Level
 * @typedef {{width: number, height: number, values: Uint8Array}} HeatMap
 * @typedef {{display: any, level: Level, tables: Uint8Array[], modality: Float32Array,
 *   heat: HeatMap | null, loadFull: () => Promise<Level | null>}} Picture
 * @typedef {{study: any, etag: string, images: string[], picture: Picture | null, fault: string}} Case
 */

const MOST_KEPT = 6;
// Stored objects that hold a picture a viewer of radiographs shows (PS3.4 B.5).
const IMAGE_CLASSES = new Set([
  "1.2.840.10008.5.1.4.1.1.1",
  "1.2.840.10008.5.1.4.1.1.1.1",
  "1.2.840.10008.5.1.4.1.1.1.1.1",
  "1.2.840.10008.5.1.4.1.1.7",
  "1.2.840.10008.5.1.4.1.1.7.1",
  "1.2.840.10008.5.1.4.1.1.7.2",
  "1.2.840.10008.5.1.4.1.1.7.3",
]);

/** @type {Map<string, Promise<Case>>} */
const kept = new Map();

/** Give a case, from what was fetched ahead where it is there. @param {string} studyUid */
export function getCase(studyUid) {
  const known = kept.get(studyUid);
  const wanted = known || fetchCase(studyUid);
  kept.delete(studyUid);
  kept.set(studyUid, wanted);
  wanted.catch(() => kept.delete(studyUid));
  while (kept.size > MOST_KEPT) kept.delete(/** @type {string} */ (kept.keys().next().value));
  return wanted;
}

/** Forget what was fetched of a study: it changed. @param {string} studyUid */
export function forgetCase(studyUid) {
  kept.delete(studyUid);
}

/** Look again at what is said of a study, keeping its picture. @param {Case} shown */
export async function refreshed(shown) {
  const { body, etag } = await getJson(`/api/v1/studies/${shown.study.study_uid}`);
  const fresh = { ...shown, study: body, etag, images: imagesOf(body) };
  kept.set(body.study_uid, Promise.resolve(fresh));
  return fresh;
}

/** @param {string} studyUid @returns {Promise<Case>} */
async function fetchCase(studyUid) {
  const { body, etag } = await getJson(`/api/v1/studies/${studyUid}`);
  const images = imagesOf(body);
  if (!images.length) {
    return { study: body, etag, images, picture: null, fault: "the study holds no image" };
  }
  return { study: body, etag, images, ...(await tryPicture(images[0])) };
}

/** @param {string} sopInstanceUid */
export async function tryPicture(sopInstanceUid) {
  try {
    return { picture: await fetchPicture(sopInstanceUid), fault: "" };
  } catch (error) {
    return { picture: null, fault: error instanceof Error ? error.message : String(error) };
  }
}

/** @param {string} sopInstanceUid @returns {Promise<Picture>} */
async function fetchPicture(sopInstanceUid) {
  const { body: display } = await getJson(`/api/v1/instances/${sopInstanceUid}/display`);
  const [first] = display.levels;
  const [level, modality, ...tables] = await Promise.all([
    fetchLevel(first),
    getBytes(display.modality).then((bytes) => new Float32Array(bytes)),
    ...display.presets.map((/** @type {any} */ preset) =>
      getBytes(preset.table).then((bytes) => new Uint8Array(bytes)),
    ),
  ]);
  return {
    display,
    level: /** @type {Level} */ (level),
    modality: /** @type {Float32Array} */ (modality),
    tables: /** @type {Uint8Array[]} */ (tables),
    heat: null,
    loadFull: async () => (display.levels.length > 1 ? fetchLevel(display.levels.at(-1)) : null),
  };
}

/** @param {any} level @returns {Promise<Level>} */
async function fetchLevel({ name, rows, columns, bits, pixels }) {
  const bytes = await getBytes(pixels);
  return { name, rows, columns, values: bits === 16 ? new Uint16Array(bytes) : new Uint8Array(bytes) };
}

/** @param {string} address @returns {Promise<HeatMap>} */
export async function fetchHeatMap(address) {
  const blob = new Blob([await getBytes(address)], { type: "image/png" });
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(bitmap, 0, 0);
  const colours = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const values = new Uint8Array(canvas.width * canvas.height);
  for (let index = 0; index < values.length; index += 1) values[index] = colours[index * 4];
  return { width: canvas.width, height: canvas.height, values };
}

/** The images of a study, the most suspicious first; blind first, as they came. @param {any} study @returns {string[]} */
function imagesOf(study) {
  const result = site.isBlindFirst ? null : study.results.find((/** @type {any} */ one) => one.is_current);
  /** @type {Map<string, number>} */
  const suspicion = new Map(
    (result ? result.findings : []).map((/** @type {any} */ one) => [one.sop_instance_uid, one.probability]),
  );
  return study.instances
    .filter((/** @type {any} */ one) => IMAGE_CLASSES.has(one.sop_class_uid))
    .map((/** @type {any} */ one) => one.sop_instance_uid)
    .sort((/** @type {string} */ a, /** @type {string} */ b) => (suspicion.get(b) ?? -1) - (suspicion.get(a) ?? -1));
}
