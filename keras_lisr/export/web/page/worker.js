// Runs the network beside the page, so that the page stays responsive. A classic worker: LiteRT's WebAssembly comes by
// importScripts, which modules have not.

const MOST_PIXELS = 2 ** 27; // Of a result, some 400 MB in memory.
const CHECKED_SIDE = 16;
const MEMORY = (navigator.deviceMemory ?? 4) >= 8 ? 2 ** 29 : 2 ** 28; // Bytes for one tile.

const started = start();

self.onmessage = async ({ data: file }) => {
  try {
    await started;
    self.postMessage({ result: await upscalePicture(file) });
  } catch (error) {
    self.postMessage({ error: explain(error) });
  }
};

started.then(
  ({ sidecar, network }) => self.postMessage({ ready: { scale: sidecar.scale, engine: network.engine } }),
  (error) => self.postMessage({ error: explain(error) }),
);

/** What went wrong, in one line. */
function explain(error) {
  if (error instanceof RangeError) return "This picture is too large for the memory that the browser gives a page.";
  return error.message ?? String(error);
}

async function start() {
  const [litert, pixels, file, sidecar] = await Promise.all([
    import("../runtime/litert.js"),
    import("./pixels.js"),
    fetchWhole("../model.tflite").then((response) => response.arrayBuffer()),
    fetchWhole("../model.tflite.json").then((response) => response.json()),
  ]);
  const threads = self.crossOriginIsolated && (await litert.supportsFeature("relaxedSimd"));
  // A worker is taken for the runtime's own script, beside which it would look for its files and of which make threads.
  self.Module = {
    locateFile: (name) => new URL(`../runtime/${name}`, self.location).href,
    mainScriptUrlOrBlob: new URL("../runtime/litert_wasm_threaded_internal.js", self.location).href,
    printErr: console.debug, // Where it tells everything that it does.
  };
  await litert.loadLiteRt(new URL("../runtime/", self.location).href, { threads });
  const network = new Network(litert, file, sidecar, threads ? Math.min(navigator.hardwareConcurrency, 8) : 1);
  await network.chooseEngine();
  return { sidecar, network, pixels };
}

async function fetchWhole(path) {
  const response = await fetch(new URL(path, self.location));
  if (!response.ok) throw new Error(`The page is not complete: ${path.slice(3)} is missing.`);
  return response;
}

async function upscalePicture(file) {
  const { sidecar, network, pixels } = await started;
  const { scale } = sidecar;
  const begin = performance.now();
  const picture = await pixels.decode(file).catch((error) => {
    if (error instanceof RangeError) throw error;
    throw new Error(`${file.name || "This"} is not a picture that this browser can read.`);
  });
  const { width, height, channels, alpha } = picture;
  const total = width * height * scale ** 2;
  if (total > MOST_PIXELS) {
    const [most, asked] = [MOST_PIXELS, total].map((count) => Math.round(count / 1e6));
    throw new Error(`The result would have ${asked} megapixels, and this page makes ${most} at most.`);
  }
  const plan = pixels.plan(sidecar, width, height, MEMORY);
  const tiles = plan.rows.all.length * plan.columns.all.length * (alpha ? 2 : 1);
  let done = 0;
  const tell = () => self.postMessage({ progress: { done: done++, tiles } });
  tell();

  const run = (window, rows, columns) => network.run(window, rows, columns);
  const seen = alpha ? pixels.bleed(picture) : picture.colours;
  const enlarged = await pixels.upscale(run, seen, channels, plan, tell);
  const enlargedAlpha = alpha && (await pixels.upscale(run, alpha, 1, plan, tell));
  const png = new pixels.PngWriter(width * scale, height * scale, channels + (alpha ? 1 : 0));
  for (let top = 0; top < height; top += pixels.STRIP) {
    const colours = pixels.keepColours(enlarged, seen, width, height, channels, scale, top);
    if (!alpha) {
      await png.write(colours);
      continue;
    }
    const strip = pixels.keepColours(enlargedAlpha, alpha, width, height, 1, scale, top);
    pixels.settleAlpha(strip, picture, scale, top, Math.min(top + pixels.STRIP, height));
    await png.write(pixels.join(colours, strip, channels));
  }
  const seconds = (performance.now() - begin) / 1000;
  const [across, down] = [width * scale, height * scale];
  return { blob: await png.finish(), width: across, height: down, seconds, engine: network.engine };
}

/** A LiteRT file for pictures of any size, run on the GPU or the processor. */
class Network {
  constructor(litert, file, sidecar, threads) {
    Object.assign(this, { litert, sidecar, threads, file: new Uint8Array(file) });
    this.accelerator = "wasm";
  }

  get engine() {
    if (this.accelerator === "webgpu") return "GPU";
    return this.threads > 1 ? `${this.threads} threads` : "1 thread";
  }

  /** Takes the GPU if there is a real one that computes a small window as the processor does. */
  async chooseEngine() {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    const forced = new URLSearchParams(self.location.search).get("engine");
    if (!adapter || forced === "wasm") return;
    if ((adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter) && forced !== "webgpu") return;
    const { multiple, smallest_side: smallest } = this.sidecar;
    const side = Math.ceil(Math.max(CHECKED_SIDE, smallest) / multiple) * multiple;
    const window = new Float32Array(side * side * 3).map((_, i) => ((i * 7919) % 256) / 255);
    const expected = await this.run(window, side, side);
    try {
      this.switchTo("webgpu");
      const found = await this.run(window, side, side);
      if (this.accelerator === "webgpu" && !expected.every((value, i) => Math.abs(value - found[i]) < 0.5 / 255)) {
        throw new Error("The GPU computes something else.");
      }
    } catch (error) {
      console.warn(error);
      this.switchTo("wasm");
    }
  }

  switchTo(accelerator) {
    this.compiled?.delete();
    this.compiled = this.size = undefined;
    this.accelerator = accelerator;
  }

  /** Runs the network on RGB floats of that size; on the processor if the GPU fails. */
  async run(window, height, width) {
    try {
      return await this.runOnce(window, height, width);
    } catch (error) {
      if (this.accelerator === "wasm") throw error;
      console.warn(error);
      this.switchTo("wasm");
      return await this.runOnce(window, height, width);
    }
  }

  async runOnce(window, height, width) {
    if (this.size !== `${height} x ${width}`) {
      this.switchTo(this.accelerator);
      setSize(this.file, height, width, this.sidecar.scale);
      this.compiled = await this.litert.loadAndCompile(this.file, {
        accelerator: this.accelerator,
        cpuOptions: { numThreads: this.threads },
        gpuOptions: { precision: "fp32" },
      });
      this.size = `${height} x ${width}`;
    }
    const input = new this.litert.Tensor(window, [1, height, width, 3]);
    const [output] = await this.compiled.run(input);
    input.delete();
    const found = await output.moveTo("wasm");
    const values = found.toTypedArray().slice();
    found.delete();
    return values;
  }
}

/**
 * Writes the size of its pictures into a LiteRT file, where -1 stood for any: LiteRT.js runs no others.
 *
 * The file is a FlatBuffer: a table's first number leads back to a list of where its fields lie.
 */
function setSize(file, height, width, scale) {
  const view = new DataView(file.buffer);
  const follow = (at) => at + view.getUint32(at, true);
  const field = (table, number) => {
    const fields = table - view.getInt32(table, true);
    const offset = 4 + 2 * number < view.getUint16(fields, true) ? view.getUint16(fields + 4 + 2 * number, true) : 0;
    return offset && follow(table + offset);
  };
  const element = (vector, i) => vector + 4 + 4 * i;
  const graph = follow(element(field(follow(0), 2), 0));
  const tensors = field(graph, 0);
  for (const [ends, times] of [[field(graph, 1), 1], [field(graph, 2), scale]]) {
    const tensor = follow(element(tensors, view.getInt32(element(ends, 0), true)));
    for (const shape of [field(tensor, 0), field(tensor, 7)]) {
      if (!shape) continue;
      view.setInt32(element(shape, 1), height * times, true);
      view.setInt32(element(shape, 2), width * times, true);
    }
  }
}
