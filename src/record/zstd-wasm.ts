/** Zstandard by WebAssembly, for Node.js below 22.15, whose zlib does not have it. Any thread; loaded at first use. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { KafkaError } from '../base/kafka-error.js';
import { unreadable } from './codec-error.js';

const PACKAGE = '@bokuweb/zstd-wasm';
/** WebAssembly never gives memory back: an instance that took more than this is not kept. */
const KEPT_BYTES_MAX = 32 * 1024 * 1024;
/** ZSTD_error_dstSize_tooSmall of zstd_errors.h; results are negative where they are errors. */
const TOO_SMALL = -70;

/** What the package's glue offers: zstd.h, with addresses in the instance's memory. */
interface Instance {
  readonly HEAPU8: Uint8Array;
  _malloc(size: number): number;
  _free(address: number): void;
  _ZSTD_isError(result: number): number;
  _ZSTD_compressBound(size: number): number;
  _ZSTD_compress(to: number, room: number, from: number, size: number, level: number): number;
  _ZSTD_decompress(to: number, room: number, from: number, size: number): number;
}

interface Glue {
  readonly Module: Instance & {
    instantiateWasm(imports: object, receive: (instance: object) => void): object;
    init(): void;
  };
}

/** The code, ready to be instantiated; or why there is none. */
type Found = { readonly gluePath: string; readonly code: object } | { readonly missing: string };

/** The part of WebAssembly that is used here: Node's types leave it to those of browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (code: object, imports: object) => object;
};

const require = createRequire(import.meta.url);
let found: Found | null = null;
let kept: Instance | null = null;

/** Finds and compiles it, the first time only. */
export function zstdWasm(): Found {
  found ??= find();
  return found;
}

function find(): Found {
  try {
    const folder = dirname(require.resolve(PACKAGE));
    const code = new WebAssembly.Module(readFileSync(join(folder, 'zstd.wasm')));
    return { gluePath: join(folder, 'zstd.js'), code };
  } catch (error) {
    return { missing: (error as Error).message.split('\n')[0] };
  }
}

/**
 * The package's own way in compiles anew each time and answers with a promise, which a thread that blocks on its files
 * never gets to see settled. So the glue is handed an instance made at once, by the hook that Emscripten has for that.
 */
function instantiate(): Instance {
  const wasm = zstdWasm();
  if ('missing' in wasm) {
    throw new KafkaError(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `For zstd, Node.js ${process.versions.node} needs the package ${PACKAGE}, which cannot be loaded: ${wasm.missing}.`,
    );
  }
  // Glue belongs to one instance: a new instance needs new glue.
  delete require.cache[wasm.gluePath];
  const { Module } = require(wasm.gluePath) as Glue;
  Module.instantiateWasm = (imports, receive) => {
    receive(new WebAssembly.Instance(wasm.code, imports));
    return {};
  };
  Module.init();
  return Module;
}

/**
 * Lends an instance with `bytes` in its memory and `room` behind them, and returns what `use` has written there, or the
 * error of zstd that it came to, a negative number.
 */
function withInstance(
  bytes: Uint8Array,
  roomOf: (instance: Instance) => number,
  use: (instance: Instance, from: number, to: number, room: number) => number,
): Uint8Array | number {
  const instance = kept ?? instantiate();
  // After a trap nobody knows what state it is in: then the next caller gets a new one.
  kept = null;
  const room = roomOf(instance);
  const from = instance._malloc(bytes.length);
  const to = instance._malloc(room);
  if (from === 0 || to === 0)
    throw unreadable('zstd', `there is no memory for the ${room} bytes that it may unfold to`);
  instance.HEAPU8.set(bytes, from);
  const result = use(instance, from, to, room);
  // A copy: the memory is the instance's.
  const outcome = instance._ZSTD_isError(result) === 0 ? instance.HEAPU8.slice(to, to + result) : result;
  instance._free(to);
  instance._free(from);
  if (instance.HEAPU8.length <= KEPT_BYTES_MAX) kept = instance;
  return outcome;
}

/** null where `bytesMax` are too few. @throws KafkaError CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE without the package. */
export function wasmUnfold(bytes: Uint8Array, bytesMax: number): Uint8Array | null {
  const outcome = withInstance(
    bytes,
    () => bytesMax,
    (instance, from, to, room) => instance._ZSTD_decompress(to, room, from, bytes.length),
  );
  if (typeof outcome !== 'number') return outcome;
  if (outcome === TOO_SMALL) return null;
  throw unreadable('zstd', `error ${-outcome} of zstd`);
}

/** @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE without the package. */
export function wasmFold(bytes: Uint8Array, level: number): Uint8Array {
  const outcome = withInstance(
    bytes,
    (instance) => instance._ZSTD_compressBound(bytes.length),
    (instance, from, to, room) => instance._ZSTD_compress(to, room, from, bytes.length, level),
  );
  if (typeof outcome !== 'number') return outcome;
  throw new Error(`zstd cannot compress ${bytes.length} bytes: error ${-outcome}.`);
}
