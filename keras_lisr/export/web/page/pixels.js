// Pictures as arrays of bytes, row by row: the steps that keras_lisr.pictures and keras_lisr.tiling take, in the same
// order and with the same roundings, so that this page and `keras-lisr upscale` make the same picture.

const LEAST_SIDE = 8; // Smaller pictures are continued by their border: networks see zeros beyond it.
const BLENDED_HALO = 16; // Of sidecars that do not say.
const BLOCK = 2048; // Pixels a side that are read from the browser at once: canvases and textures have limits.

/**
 * Decodes a picture, upright and in sRGB, 8 bits a channel.
 * @returns {Promise<{width: number, height: number, colours: Uint8Array, channels: number, alpha: ?Uint8Array}>}
 *   `colours` has 1 channel for a grey picture, else 3; `alpha` is null for an opaque one.
 */
export async function decode(file) {
  const options = { imageOrientation: "from-image", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(file, options);
  const { width, height } = bitmap;
  let pixels = await readBlocks(bitmap, readByCanvas());
  if (some(pixels, 3, (alpha) => alpha < 255)) {
    // A 2D canvas multiplies colours by alpha and so forgets those that can hardly be seen; WebGL does not.
    pixels = await readBlocks(bitmap, readByWebGL() ?? readByCanvas());
  }
  bitmap.close();
  const alpha = new Uint8Array(width * height);
  let grey = true;
  for (let i = 0, from = 0; i < alpha.length; i++, from += 4) {
    alpha[i] = pixels[from + 3];
    grey &&= pixels[from] === pixels[from + 1] && pixels[from] === pixels[from + 2];
  }
  const channels = grey ? 1 : 3;
  const colours = new Uint8Array(width * height * channels);
  for (let i = 0; i < alpha.length; i++) {
    for (let c = 0; c < channels; c++) colours[i * channels + c] = pixels[i * 4 + c];
  }
  return { width, height, colours, channels, alpha: some(alpha, 0, (value) => value < 255, 1) ? alpha : null };
}

function some(values, start, condition, step = 4) {
  for (let i = start; i < values.length; i += step) if (condition(values[i])) return true;
  return false;
}

async function readBlocks(bitmap, read) {
  const { width, height } = bitmap;
  const pixels = new Uint8Array(width * height * 4);
  for (let top = 0; top < height; top += BLOCK) {
    for (let left = 0; left < width; left += BLOCK) {
      const [across, down] = [Math.min(BLOCK, width - left), Math.min(BLOCK, height - top)];
      const block = await createImageBitmap(bitmap, left, top, across, down, { premultiplyAlpha: "none" });
      const found = read(block, across, down);
      block.close();
      for (let y = 0; y < down; y++) {
        pixels.set(found.subarray(y * across * 4, (y + 1) * across * 4), ((top + y) * width + left) * 4);
      }
    }
  }
  return pixels;
}

function readByCanvas() {
  const canvas = new OffscreenCanvas(BLOCK, BLOCK).getContext("2d", { willReadFrequently: true });
  return (block, width, height) => {
    canvas.clearRect(0, 0, BLOCK, BLOCK);
    canvas.drawImage(block, 0, 0);
    return canvas.getImageData(0, 0, width, height).data;
  };
}

function readByWebGL() {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl) return null;
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
  return (block, width, height) => {
    const texture = gl.getParameter(gl.TEXTURE_BINDING_2D);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, block);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    const pixels = new Uint8Array(width * height * 4);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    return pixels;
  };
}

/** How a network with such a sidecar is run on a picture of that size: see `keras_lisr.tiling`. */
export function plan(sidecar, width, height, memory) {
  const { scale, multiple } = sidecar;
  const step = multiple % 2 ? multiple : multiple / 2;
  const halo = Math.ceil((sidecar.halo ?? sidecar.blended ?? BLENDED_HALO) / step) * step;
  const least = Math.max(LEAST_SIDE, sidecar.smallest_side);
  const [filledWidth, filledHeight] = [width, height].map((side) => roundUp(Math.max(side, least), multiple));
  const tile = Math.max(1, halo, Math.floor(Math.sqrt(memory / sidecar.bytes_per_pixel)) - 2 * halo);
  const rows = windows(filledHeight, tile, halo, multiple);
  const columns = windows(filledWidth, tile, halo, multiple);
  const fade = sidecar.halo === null ? halo * scale : 0;
  return { scale, width, height, filledWidth, filledHeight, rows, columns, fade };
}

function roundUp(value, multiple) {
  return Math.ceil(value / multiple) * multiple;
}

/** As `keras_lisr.tiling.tiles.windows`; the side is a multiple. */
function windows(side, tile, halo, multiple) {
  tile = Math.max(multiple, tile - (tile % multiple));
  if (side <= tile + 2 * halo) return { length: side, all: [{ start: 0, cut: 0 }] };
  const count = Math.ceil((side - 2 * halo) / tile);
  const stride = roundUp((side - 2 * halo) / count, multiple);
  const length = stride + 2 * halo;
  const all = Array.from({ length: count }, (_, i) => ({
    start: Math.min(i * stride, side - length),
    cut: i ? i * stride + halo : 0,
  }));
  return { length, all };
}

/**
 * Upscales colours or alpha window by window.
 * @param run Function from a window, (RGB floats in [0, 1], height, width), to a promise of the enlarged one.
 * @param progress Called after each window.
 */
export async function upscale(run, pixels, channels, plan, progress) {
  const { scale, width, height, filledWidth, rows, columns, fade } = plan;
  const across = filledWidth * scale;
  const result = new Uint8Array(width * height * scale * scale * channels);
  const window = new Float32Array(rows.length * columns.length * 3);
  let unfinished;
  for (const [i, { start: top, cut: topCut }] of rows.all.entries()) {
    const windowHeight = rows.length * scale;
    const next = rows.all[i + 1];
    // Of the windows' rows, those from `first` on are not finished yet, and those from `last` on will not be.
    const first = (topCut - top) * scale - (i ? fade : 0);
    const last = next ? (next.cut - top) * scale - fade : windowHeight;
    const band = new Uint8Array((Math.min(last + 2 * fade, windowHeight) - first) * across * channels);
    const bandHeight = band.length / (across * channels);
    for (const { start: left, cut: leftCut } of columns.all) {
      copyWindow(pixels, channels, plan, top, left, window);
      const enlarged = await run(window, rows.length, columns.length);
      const begin = leftCut * scale - (leftCut ? fade : 0);
      const windowWidth = columns.length * scale;
      for (let y = 0; y < bandHeight; y++) {
        for (let x = begin; x < left * scale + windowWidth; x++) {
          const from = ((first + y) * windowWidth + x - left * scale) * 3;
          const to = (y * across + x) * channels;
          const weight = leftCut && x < begin + 2 * fade ? (x - begin + 0.5) / (2 * fade) : 1;
          if (channels === 1) {
            const sum = toByte(enlarged[from]) + toByte(enlarged[from + 1]) + toByte(enlarged[from + 2]);
            band[to] = mix(band[to], Math.floor((sum + 1) / 3), weight);
          } else {
            for (let c = 0; c < 3; c++) band[to + c] = mix(band[to + c], toByte(enlarged[from + c]), weight);
          }
        }
      }
      progress();
    }
    const row = across * channels;
    for (let y = 0; i && y < 2 * fade; y++) {
      const weight = (y + 0.5) / (2 * fade);
      for (let x = y * row; x < (y + 1) * row; x++) band[x] = mix(unfinished[x], band[x], weight);
    }
    for (let y = 0; y < last - first; y++) {
      const target = top * scale + first + y;
      if (target >= height * scale) break;
      result.set(band.subarray(y * row, y * row + width * scale * channels), target * width * scale * channels);
    }
    unfinished = band.subarray((last - first) * row);
  }
  return result;
}

function toByte(value) {
  return Math.floor(Math.min(1, Math.max(0, value)) * 255 + 0.5);
}

function mix(before, entering, weight) {
  return weight === 1 ? entering : Math.round(before * (1 - weight) + entering * weight);
}

/** Fills a window with floats; what lies beyond the picture is its border. */
function copyWindow(pixels, channels, { width, height, rows, columns }, top, left, window) {
  let to = 0;
  for (let y = top; y < top + rows.length; y++) {
    const row = Math.min(y, height - 1) * width;
    for (let x = left; x < left + columns.length; x++) {
      const from = (row + Math.min(x, width - 1)) * channels;
      for (let c = 0; c < 3; c++) window[to++] = pixels[from + (channels === 1 ? 0 : c)] / 255;
    }
  }
}

const RADII = [1, 2, 4, 8, 16];
const HARDLY_SEEN = 8;
const BLEED_TILE = 128;

/** Gives pixels that can hardly be seen the colour of those around them, as `keras_lisr.pictures.alpha.bleed`. */
export function bleed({ width, height, colours, channels, alpha }) {
  const result = colours.slice();
  const halo = RADII.at(-1);
  for (let top = 0; top < height; top += BLEED_TILE) {
    for (let left = 0; left < width; left += BLEED_TILE) {
      const [bottom, right] = [Math.min(top + BLEED_TILE, height), Math.min(left + BLEED_TILE, width)];
      const [y0, x0] = [Math.max(0, top - halo), Math.max(0, left - halo)];
      const [y1, x1] = [Math.min(height, bottom + halo), Math.min(width, right + halo)];
      let seen = 0;
      for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) seen += alpha[y * width + x] > HARDLY_SEEN;
      if (!seen || seen === (y1 - y0) * (x1 - x0)) continue;
      // Sums over all pixels above and to the left, of colours times alpha and of alpha.
      const [across, planes] = [x1 - x0 + 1, channels + 1];
      const sums = new Float64Array((y1 - y0 + 1) * across * planes);
      for (let y = 0; y < y1 - y0; y++) {
        for (let x = 0; x < x1 - x0; x++) {
          const at = (y0 + y) * width + x0 + x;
          const weight = alpha[at] > HARDLY_SEEN ? alpha[at] : 0;
          for (let p = 0; p < planes; p++) {
            const here = ((y + 1) * across + x + 1) * planes + p;
            sums[here] =
              weight * (p < channels ? colours[at * channels + p] : 1) +
              (sums[here - planes] + sums[here - across * planes] - sums[here - (across + 1) * planes]);
          }
        }
      }
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          if (alpha[y * width + x] > HARDLY_SEEN) continue;
          for (const radius of RADII) {
            const [a, b] = [Math.max(y0, y - radius) - y0, Math.min(y1, y + radius + 1) - y0];
            const [l, r] = [Math.max(x0, x - radius) - x0, Math.min(x1, x + radius + 1) - x0];
            const sum = (p) =>
              sums[(b * across + r) * planes + p] -
              sums[(a * across + r) * planes + p] -
              sums[(b * across + l) * planes + p] +
              sums[(a * across + l) * planes + p];
            const weight = sum(channels);
            if (!weight) continue;
            for (let c = 0; c < channels; c++) {
              result[(y * width + x) * channels + c] = Math.floor((2 * sum(c) + weight) / (2 * weight));
            }
            break;
          }
        }
      }
    }
  }
  return result;
}

const SETTLED_RADIUS = 2;

/** Makes enlarged alpha opaque and transparent where alpha was so all around, in some rows of the original. */
export function settleAlpha(enlarged, { width, height, alpha }, scale, start, stop) {
  for (let y = start; y < stop; y++) {
    for (let x = 0; x < width; x++) {
      const value = alpha[y * width + x];
      if (value !== 0 && value !== 255) continue;
      let settled = true;
      for (let v = Math.max(0, y - SETTLED_RADIUS); settled && v < Math.min(height, y + SETTLED_RADIUS + 1); v++) {
        for (let u = Math.max(0, x - SETTLED_RADIUS); u < Math.min(width, x + SETTLED_RADIUS + 1); u++) {
          settled &&= alpha[v * width + u] === value;
        }
      }
      for (let v = 0; settled && v < scale; v++) {
        const from = (((y - start) * scale + v) * width + x) * scale;
        enlarged.fill(value, from, from + scale);
      }
    }
  }
}

const CELL = 8;
const PASSES = 4;
export const STRIP = 4 * CELL; // Rows of the original that `keepColours` takes at once.

/**
 * Rows of an enlarged picture whose colours are, on the average of small areas, those of the original: see
 * `keras_lisr.pictures.drift`.
 * @param start First row of the original, a multiple of `STRIP`.
 */
export function keepColours(enlarged, original, width, height, channels, scale, start) {
  const stop = Math.min(start + STRIP, height);
  const [first, last] = [Math.max(0, start - CELL), Math.min(stop + CELL, height)];
  const across = width * scale;
  const rowsOf = (pixels, row, a, b) => pixels.subarray(a * row, b * row);
  let strip = rowsOf(enlarged, across * channels, first * scale, last * scale).slice();
  const wanted = meanCells(rowsOf(original, width * channels, first, last), width, last - first, channels, CELL);
  for (let pass = 0; pass < PASSES; pass++) {
    const found = meanCells(strip, across, (last - first) * scale, channels, CELL * scale);
    const missing = wanted.values.map((value, i) => value - found.values[i]);
    if (missing.every((value) => Math.abs(value) < 0.5)) break;
    addInterpolated(strip, sharpen(missing, wanted, channels), wanted, across, channels, CELL * scale);
  }
  return rowsOf(strip, across * channels, (start - first) * scale, (stop - first) * scale);
}

function meanCells(pixels, width, height, channels, side) {
  const [rows, columns] = [Math.ceil(height / side), Math.ceil(width / side)];
  const values = new Float32Array(rows * columns * channels);
  const sums = new Float64Array(columns * channels);
  for (let row = 0; row < rows; row++) {
    const end = Math.min((row + 1) * side, height);
    sums.fill(0);
    for (let y = row * side; y < end; y++) {
      let from = y * width * channels;
      for (let column = 0; column < columns; column++) {
        for (let x = column * side; x < Math.min((column + 1) * side, width); x++) {
          for (let c = 0; c < channels; c++) sums[column * channels + c] += pixels[from++];
        }
      }
    }
    for (let i = 0; i < sums.length; i++) {
      const column = Math.floor(i / channels);
      const count = (end - row * side) * (Math.min((column + 1) * side, width) - column * side);
      values[row * sums.length + i] = sums[i] / count;
    }
  }
  return { values, rows, columns };
}

/** Values at the centres of cells whose interpolation has these means, nearly. */
function sharpen(means, { rows, columns }, channels) {
  let values = means;
  for (let pass = 0; pass < 3; pass++) {
    let blurred = blur(values, rows, columns * channels);
    blurred = blurAcross(blurred, rows, columns, channels);
    values = values.map((value, i) => value + means[i] - blurred[i]);
  }
  return values;
}

function blur(values, rows, row) {
  return values.map((value, i) => {
    const y = Math.floor(i / row);
    return (values[y ? i - row : i] + 6 * value + values[y + 1 < rows ? i + row : i]) / 8;
  });
}

function blurAcross(values, rows, columns, channels) {
  return values.map((value, i) => {
    const x = Math.floor(i / channels) % columns;
    return (values[x ? i - channels : i] + 6 * value + values[x + 1 < columns ? i + channels : i]) / 8;
  });
}

/** Adds values at the centres of cells to all pixels, interpolated linearly; beyond the centres they stay the same. */
function addInterpolated(pixels, cells, { rows, columns }, width, channels, side) {
  const line = new Float32Array(columns * channels);
  const [lefts, rights, weights] = [new Int32Array(width), new Int32Array(width), new Float32Array(width)];
  const between = (position, count) => {
    const moved = position + (side >> 1);
    const cell = Math.floor(moved / side);
    return [Math.max(cell - 1, 0), Math.min(cell, count - 1), ((moved % side) + 0.5) / side];
  };
  for (let x = 0; x < width; x++) [lefts[x], rights[x], weights[x]] = between(x, columns);
  for (let y = 0, at = 0; at < pixels.length; y++) {
    const [above, below, weight] = between(y, rows);
    for (let i = 0; i < line.length; i++) {
      const value = cells[above * line.length + i];
      line[i] = value + (cells[below * line.length + i] - value) * weight;
    }
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++, at++) {
        const value = line[lefts[x] * channels + c];
        const added = value + (line[rights[x] * channels + c] - value) * weights[x];
        pixels[at] = Math.min(255, Math.max(0, Math.floor(pixels[at] + added + 0.5)));
      }
    }
  }
}

/** Grey or RGB and its alpha as one. */
export function join(colours, alpha, channels) {
  const joined = new Uint8Array(colours.length + alpha.length);
  for (let i = 0, to = 0; i < alpha.length; i++) {
    for (let c = 0; c < channels; c++) joined[to++] = colours[i * channels + c];
    joined[to++] = alpha[i];
  }
  return joined;
}

const COLOUR_TYPES = { 1: 0, 2: 4, 3: 2, 4: 6 };
const SIGNATURE = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
const CHECKS = new Uint32Array(256).map((_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/**
 * Writes a PNG of 8 bits a channel, in sRGB, row by row. A canvas would do it, but no larger than 16 megapixels on
 * telephones, and with colours multiplied by alpha.
 */
export class PngWriter {
  constructor(width, height, channels) {
    this.channels = channels;
    this.row = width * channels;
    this.above = new Uint8Array(this.row);
    const header = new DataView(new ArrayBuffer(13));
    header.setUint32(0, width);
    header.setUint32(4, height);
    header.setUint8(8, 8);
    header.setUint8(9, COLOUR_TYPES[channels]);
    this.parts = [SIGNATURE, ...chunk("IHDR", new Uint8Array(header.buffer)), ...chunk("sRGB", new Uint8Array(1))];
    const deflate = new CompressionStream("deflate");
    this.writer = deflate.writable.getWriter();
    this.reading = this.read(deflate.readable.getReader());
  }

  async read(reader) {
    for (let found = await reader.read(); !found.done; found = await reader.read()) {
      this.parts.push(...chunk("IDAT", found.value));
    }
  }

  /** Writes whole rows, each as what it differs from its prediction by (Paeth's). */
  async write(pixels) {
    const { row, channels } = this;
    const count = pixels.length / row;
    const filtered = new Uint8Array(count * (row + 1));
    for (let y = 0, to = 0; y < count; y++) {
      const line = pixels.subarray(y * row, (y + 1) * row);
      filtered[to++] = 4;
      for (let i = 0; i < row; i++) {
        const left = i < channels ? 0 : line[i - channels];
        const above = this.above[i];
        const corner = i < channels ? 0 : this.above[i - channels];
        const toLeft = Math.abs(above - corner);
        const toAbove = Math.abs(left - corner);
        const toCorner = Math.abs(left + above - 2 * corner);
        const nearest = toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
        filtered[to++] = line[i] - nearest;
      }
      this.above = line;
    }
    this.above = this.above.slice();
    await this.writer.write(filtered);
  }

  async finish() {
    await this.writer.close();
    await this.reading;
    return new Blob([...this.parts, ...chunk("IEND", new Uint8Array(0))], { type: "image/png" });
  }
}

function chunk(name, content) {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, content.length);
  head.set(new TextEncoder().encode(name), 4);
  let check = 0xffffffff;
  for (const part of [head.subarray(4), content]) {
    for (let i = 0; i < part.length; i++) check = CHECKS[(check ^ part[i]) & 255] ^ (check >>> 8);
  }
  const tail = new Uint8Array(4);
  new DataView(tail.buffer).setUint32(0, ~check);
  return [head, content, tail];
}
