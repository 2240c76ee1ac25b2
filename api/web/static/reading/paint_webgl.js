// @ts-check
/**
 * Paints by WebGL2: stored values and the grey table are textures; the shader looks every value up
 * first and blends greys afterwards, never stored values.
 */

import { inferno } from "./inferno.js";

const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
precision highp sampler2D;
uniform usampler2D pixels;
uniform sampler2D table;
uniform sampler2D heat;
uniform sampler2D colours;
uniform vec2 screen;      // device pixels
uniform vec2 level;       // columns, rows of the texture
uniform vec2 image;       // columns, rows of the full image
uniform vec2 middle;      // image point in the middle of the screen
uniform vec2 step_;       // image pixels for one screen pixel
uniform float inverted;
uniform float opacity;    // of the heat map; 0 is off
uniform float threshold;
uniform float outline;
out vec4 colour;

float grey(ivec2 at) {
  uint value = texelFetch(pixels, clamp(at, ivec2(0), ivec2(level) - 1), 0).r;
  return texelFetch(table, ivec2(int(value & 255u), int(value >> 8)), 0).r;
}

float blended(vec2 place) {
  vec2 at = place - 0.5;
  ivec2 base = ivec2(floor(at));
  vec2 part = at - vec2(base);
  // Exactly on a pixel nothing is blended, so that 1:1 shows the table's greys themselves.
  if (all(lessThan(abs(part - round(part)), vec2(0.001)))) return grey(ivec2(round(at)));
  float top = mix(grey(base), grey(base + ivec2(1, 0)), part.x);
  float bottom = mix(grey(base + ivec2(0, 1)), grey(base + ivec2(1, 1)), part.x);
  return mix(top, bottom, part.y);
}

float averaged(vec2 place, vec2 extent) {
  ivec2 count = ivec2(clamp(ceil(extent), vec2(1.0), vec2(8.0)));
  float sum = 0.0;
  for (int row = 0; row < count.y; row += 1) {
    for (int column = 0; column < count.x; column += 1) {
      vec2 offset = (vec2(column, row) + 0.5) / vec2(count) - 0.5;
      sum += grey(ivec2(floor(place + offset * extent)));
    }
  }
  return sum / float(count.x * count.y);
}

void main() {
  vec2 at = vec2(gl_FragCoord.x, screen.y - gl_FragCoord.y);
  vec2 point = middle + (at - screen * 0.5) * step_;
  if (any(lessThan(point, vec2(0.0))) || any(greaterThanEqual(point, image))) {
    colour = vec4(0.0, 0.0, 0.0, 1.0);
    return;
  }
  vec2 scale = level / image;
  vec2 extent = step_ * scale;
  float shade = max(extent.x, extent.y) > 1.0
    ? averaged(point * scale, extent)
    : blended(point * scale);
  shade = mix(shade, 1.0 - shade, inverted);
  vec3 shown = vec3(shade);
  if (opacity > 0.0) {
    vec2 place = point / image;
    float value = texture(heat, place).r;
    vec2 near = step_ * 1.5 / image;
    float lowest = min(
      min(texture(heat, place + vec2(near.x, 0.0)).r, texture(heat, place - vec2(near.x, 0.0)).r),
      min(texture(heat, place + vec2(0.0, near.y)).r, texture(heat, place - vec2(0.0, near.y)).r)
    );
    float is_inside = step(threshold, value);
    float is_edge = is_inside * (1.0 - step(threshold, lowest));
    vec3 hot = texture(colours, vec2(value, 0.5)).rgb;
    shown = outline > 0.5
      ? mix(shown, vec3(0.98, 0.79, 0.2), is_edge)
      : mix(shown, hot, is_inside * opacity);
  }
  colour = vec4(shown, 1.0);
}`;

/** Whether this browser draws by a graphics processor; a program that imitates one is slower than 2D. */
export function hasGraphicsProcessor() {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) return false;
  const named = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
}

/** @param {HTMLCanvasElement} canvas */
export function webglPainter(canvas) {
  const gl = canvas.getContext("webgl2", {
    alpha: false,
    antialias: false,
    preserveDrawingBuffer: true,
  });
  if (!gl) throw new Error("there is no WebGL2");
  const program = linked(gl);
  const place = (/** @type {string} */ name) => gl.getUniformLocation(program, name);
  const textures = { pixels: gl.createTexture(), table: gl.createTexture(), heat: gl.createTexture(), colours: gl.createTexture() };
  let level = { width: 1, height: 1 };
  let image = { width: 1, height: 1 };
  let isWhole = true;
  gl.useProgram(program);
  gl.bindVertexArray(gl.createVertexArray());
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  Object.keys(textures).forEach((name, unit) => gl.uniform1i(place(name), unit));
  upload(gl, 3, textures.colours, gl.RGB8, 256, 1, gl.RGB, inferno(), gl.LINEAR);
  upload(gl, 2, textures.heat, gl.R8, 1, 1, gl.RED, new Uint8Array(1), gl.LINEAR);

  return {
    name: "webgl",
    /** Sides longer than this do not fit. */
    longestSide: Number(gl.getParameter(gl.MAX_TEXTURE_SIZE)),
    /** @param {import("./cases.js").Level} shown @param {{width: number, height: number}} full */
    setPixels(shown, full) {
      level = { width: shown.columns, height: shown.rows };
      image = full;
      const is16 = shown.values instanceof Uint16Array;
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, textures.pixels);
      gl.texImage2D(gl.TEXTURE_2D, 0, is16 ? gl.R16UI : gl.R8UI, level.width, level.height, 0, gl.RED_INTEGER, is16 ? gl.UNSIGNED_SHORT : gl.UNSIGNED_BYTE, shown.values);
      unblended(gl, gl.NEAREST);
      // Where the memory is not enough the texture stays black, and only this tells it.
      isWhole = gl.getError() === gl.NO_ERROR;
    },
    /** @param {Uint8Array} table */
    setTable(table) {
      upload(gl, 1, textures.table, gl.R8, 256, 256, gl.RED, table, gl.NEAREST);
    },
    /** @param {{width: number, height: number, values: Uint8Array} | null} heat */
    setHeatMap(heat) {
      if (heat) upload(gl, 2, textures.heat, gl.R8, heat.width, heat.height, gl.RED, heat.values, gl.LINEAR);
    },
    /** @param {import("./viewer.js").Scene} scene @returns {boolean} whether the picture is there now */
    paint({ view, aspect, isInverted, heat }) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.uniform2f(place("screen"), canvas.width, canvas.height);
      gl.uniform2f(place("level"), level.width, level.height);
      gl.uniform2f(place("image"), image.width, image.height);
      gl.uniform2f(place("middle"), view.x, view.y);
      gl.uniform2f(place("step_"), 1 / view.zoom, 1 / (view.zoom * aspect));
      gl.uniform1f(place("inverted"), isInverted ? 1 : 0);
      gl.uniform1f(place("opacity"), heat.isShown ? heat.opacity : 0);
      gl.uniform1f(place("threshold"), heat.threshold);
      gl.uniform1f(place("outline"), heat.isOutline ? 1 : 0);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
      return isWhole && !gl.isContextLost();
    },
  };
}

/** @param {WebGL2RenderingContext} gl */
function linked(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ]) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(Number(kind)));
    gl.shaderSource(shader, String(source));
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    throw new Error("the shaders do not work here");
  }
  return program;
}

/**
 * @param {WebGL2RenderingContext} gl @param {number} unit @param {WebGLTexture | null} texture
 * @param {number} inside @param {number} width @param {number} height @param {number} format
 * @param {Uint8Array} values @param {number} filter
 */
function upload(gl, unit, texture, inside, width, height, format, values, filter) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, inside, width, height, 0, format, gl.UNSIGNED_BYTE, values);
  unblended(gl, filter);
}

/** @param {WebGL2RenderingContext} gl @param {number} filter */
function unblended(gl, filter) {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, filter);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, filter);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}
