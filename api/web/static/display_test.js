// @ts-check
/**
 * Test patterns after AAPM Online Report 3 (TG18), drawn here, one canvas pixel for each pixel of
 * the display: anything else would blend the very greys that are looked at.
 */

const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("pattern"));
const holder = /** @type {HTMLElement} */ (document.getElementById("holder"));
const level = /** @type {HTMLInputElement} */ (document.getElementById("level"));
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));

const LEVELS = 18;
const MIDDLE = 128;
const [FIVE_PERCENT, NINETY_FIVE_PERCENT] = [13, 242];
let pattern = "overview";

/** @type {Record<string, {draw: (w: number, h: number) => void, look: string}>} */
const PATTERNS = {
  overview: {
    draw: overview,
    look: "Every step differs from the next. The small squares show in the black (5 %) and in the white (95 %). The words fade out alike on dark, middle and bright ground. Lines are sharp at the middle and in the corners.",
  },
  steps: { draw: steps, look: "18 greys: each differs from its neighbours, none has a colour." },
  contrast: {
    draw: contrast,
    look: "In each of the 16 squares both half discs show, one a little darker and one a little brighter than the ground. Where they vanish, the display loses contrast at this grey.",
  },
  lines: { draw: lines, look: "Lines of one and of two pixels stay apart, upright and lying, with the same grey everywhere." },
  ramp: { draw: ramp, look: "An even run from black to white and back, without bands and without a tint." },
  uniform: { draw: uniform, look: "One grey: no spots, no stuck pixels, corners as bright as the middle, nothing mirrored. The slider changes it." },
};

/** @param {number} grey */
const fill = (grey) => (context.fillStyle = `rgb(${grey} ${grey} ${grey})`);

/** @param {number} grey @param {number} x @param {number} y @param {number} w @param {number} h */
function box(grey, x, y, w, h) {
  fill(Math.round(grey));
  context.fillRect(Math.round(x), Math.round(y), Math.round(w), Math.round(h));
}

/** @param {number} w @param {number} h */
function uniform(w, h) {
  box(Number(level.value), 0, 0, w, h);
}

/** @param {number} w @param {number} h */
function ramp(w, h) {
  for (let x = 0; x < w; x += 1) {
    const grey = (255 * x) / Math.max(w - 1, 1);
    box(grey, x, 0, 1, h / 2);
    box(255 - grey, x, h / 2, 1, h);
  }
}

/** @param {number} w @param {number} h */
function steps(w, h) {
  const columns = LEVELS / 2;
  for (let number = 0; number < LEVELS; number += 1) {
    const isLower = number >= columns;
    const place = isLower ? LEVELS - 1 - number : number;
    const x = Math.round((place * w) / columns);
    box(15 * number, x, isLower ? h / 2 : 0, Math.round(((place + 1) * w) / columns) - x, h);
  }
}

/** @param {number} w @param {number} h */
function contrast(w, h) {
  box(0, 0, 0, w, h);
  const side = Math.min(w / 4, h / 4);
  const [left, top] = [(w - 4 * side) / 2, (h - 4 * side) / 2];
  for (let number = 0; number < 16; number += 1) {
    const ground = 8 + 16 * number;
    const [x, y] = [left + (number % 4) * side, top + Math.floor(number / 4) * side];
    box(ground, x, y, side, side);
    for (const [sign, from] of /** @type {[number, number][]} */ ([[-3, Math.PI / 2], [3, -Math.PI / 2]])) {
      fill(ground + sign);
      context.beginPath();
      context.arc(x + side / 2, y + side / 2, side / 5, from, from + Math.PI);
      context.fill();
    }
  }
}

/** @param {number} w @param {number} h */
function lines(w, h) {
  box(MIDDLE, 0, 0, w, h);
  const side = Math.floor(Math.min(w / 5, h / 4));
  for (const [u, v] of [[0.5, 0.5], [0.12, 0.18], [0.88, 0.18], [0.12, 0.82], [0.88, 0.82]]) {
    linePairs(Math.round(u * w - side), Math.round(v * h - side / 2), side);
  }
}

/** One square with upright and one with lying lines; the upper half one pixel wide, the lower two. @param {number} x @param {number} y @param {number} side */
function linePairs(x, y, side) {
  box(0, x, y, 2 * side, side);
  for (const [from, to, width] of [[0, Math.floor(side / 2), 1], [Math.floor(side / 2), side, 2]]) {
    for (let at = 0; at < side; at += 2 * width) box(255, x + at, y + from, width, to - from);
    for (let at = from; at < to; at += 2 * width) box(255, x + side, y + at, side, width);
  }
}

/** @param {number} w @param {number} h */
function overview(w, h) {
  box(MIDDLE, 0, 0, w, h);
  grid(w, h);
  const unit = Math.floor(Math.min(w / 16, h / 10));
  const [left, top] = [Math.round(w / 2 - 4.5 * unit), Math.round(h / 2 - 3 * unit)];
  for (let number = 0; number < LEVELS; number += 1) {
    const isLower = number >= LEVELS / 2;
    const place = isLower ? LEVELS - 1 - number : number;
    box(15 * number, left + place * unit, isLower ? top + 5 * unit : top, unit, unit);
  }
  squares(w, h, unit);
  words(w, h, unit);
  const side = Math.floor(unit * 0.9);
  for (const [u, v] of [[0.06, 0.09], [0.94, 0.09], [0.06, 0.91], [0.94, 0.91], [0.5, 0.5]]) {
    linePairs(Math.round(u * w - side), Math.round(v * h - side / 2), side);
  }
}

/** Thin lines for straightness, and the edge of the picture. @param {number} w @param {number} h */
function grid(w, h) {
  for (let part = 1; part < 10; part += 1) {
    box(160, (part * w) / 10, 0, 1, h);
    box(160, 0, (part * h) / 10, w, 1);
  }
  for (const [x, y, width, height] of [[0, 0, w, 2], [0, h - 2, w, 2], [0, 0, 2, h], [w - 2, 0, 2, h]]) box(255, x, y, width, height);
}

/** 5 % in black and 95 % in white. @param {number} w @param {number} h @param {number} unit */
function squares(w, h, unit) {
  const size = Math.round(1.6 * unit);
  const inner = Math.round(size / 2);
  for (const [x, ground, figure] of [[w / 2 - 3.4 * unit, 0, FIVE_PERCENT], [w / 2 + 1.8 * unit, 255, NINETY_FIVE_PERCENT]]) {
    const y = h / 2 - size / 2;
    box(ground, x, y, size, size);
    box(figure, x + (size - inner) / 2, y + (size - inner) / 2, inner, inner);
  }
}

/** Letters that fade out, on dark, middle and bright ground. @param {number} w @param {number} h @param {number} unit */
function words(w, h, unit) {
  const text = "QUALITY CONTROL";
  context.font = `600 ${Math.round(unit * 0.42)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const step = (5.4 * unit) / text.length;
  [10, MIDDLE, 230].forEach((ground, number) => {
    const middle = w / 2 + (number - 1) * 5.8 * unit;
    const y = h / 2 + 4 * unit;
    box(ground, middle - 2.8 * unit, y - unit * 0.35, 5.6 * unit, unit * 0.7);
    [...text].forEach((letter, place) => {
      fill(ground + Math.max(text.length - place, 1));
      context.fillText(letter, middle + (place - (text.length - 1) / 2) * step, y);
    });
  });
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  const area = holder.getBoundingClientRect();
  canvas.width = Math.max(Math.floor(area.width * ratio), 1);
  canvas.height = Math.max(Math.floor(area.height * ratio), 1);
  canvas.style.width = `${canvas.width / ratio}px`;
  canvas.style.height = `${canvas.height / ratio}px`;
  PATTERNS[pattern].draw(canvas.width, canvas.height);
  canvas.setAttribute("aria-label", `Test pattern: ${pattern}`);
  /** @type {HTMLElement} */ (document.getElementById("look-for")).textContent = PATTERNS[pattern].look;
}

/** @param {string} name */
function choose(name) {
  pattern = name;
  for (const button of document.querySelectorAll("[data-pattern]")) {
    button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.pattern === name));
  }
  draw();
}

for (const button of document.querySelectorAll("[data-pattern]")) {
  button.addEventListener("click", () => choose(/** @type {HTMLElement} */ (button).dataset.pattern || "overview"));
}
level.addEventListener("input", () => {
  /** @type {HTMLOutputElement} */ (document.getElementById("level-words")).value = level.value;
  choose("uniform");
});
/** @type {HTMLElement} */ (document.getElementById("whole-screen")).addEventListener("click", () => void holder.requestFullscreen?.());
document.addEventListener("keydown", (event) => {
  if (document.fullscreenElement !== holder || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  const names = Object.keys(PATTERNS);
  const step = event.key === "ArrowRight" ? 1 : names.length - 1;
  choose(names[(names.indexOf(pattern) + step) % names.length]);
});
new ResizeObserver(draw).observe(holder);
draw();
document.documentElement.dataset.ready = "true";
