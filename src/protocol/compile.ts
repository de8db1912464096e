/** Turns schemas into encoders and decoders, each when it is first needed, and keeps them. Any thread. */
import { AssertionError, assert } from '../base/assert.js';
import { errorCode, errorName } from '../base/error-code.js';
import { type DecoderWords, decoderSource } from './emit-decoder.js';
import { type EncoderWords, encoderSource } from './emit-encoder.js';
import { MalformedRequestError } from './malformed-request-error.js';
import type {
  Api,
  DecodedResponseOf,
  EncodableRecordOf,
  EncodableRequestOf,
  RecordOf,
  RecordSchema,
  RequestOf,
  ResponseOf,
  Schema,
} from './schema.js';
import { putInt64, putUuid, short, skipTags, tooManyTags, uuidAt, uvarintAt, Writer } from './wire.js';

type Decoder = (bytes: Buffer, start: number, end: number) => unknown;
type Encoder = (value: unknown, writer: Writer) => void;

/** The compiled forms of one schema, by version. */
interface Compiled {
  readonly decoders: Map<number, Decoder>;
  readonly encoders: Map<number, Encoder>;
}

const noBytes = Buffer.alloc(0);

const decoderWords: DecoderWords = {
  short,
  malformed: (sentence) => {
    throw new MalformedRequestError(sentence);
  },
  tooManyTags,
  uvarintAt,
  skipTags,
  uuidAt,
  errorName,
  noBytes,
};

const encoderWords: EncoderWords = {
  putInt64,
  putUuid,
  errorCode,
  refuseNull: (path) => {
    throw new AssertionError(`${path} is null in a version that has no null for it`);
  },
  noBytes,
};

/** Schemas are constants of modules, so what is kept here is bounded by the number of versions there are. */
const compiledBySchema = new WeakMap<Schema, Compiled>();

function compiledOf(schema: Schema): Compiled {
  let compiled = compiledBySchema.get(schema);
  if (compiled === undefined) {
    compiled = { decoders: new Map(), encoders: new Map() };
    compiledBySchema.set(schema, compiled);
  }
  return compiled;
}

/** Sources hold nothing but names and numbers out of schemas: no byte of any client ever gets into one. */
function build<F>(source: string, words: DecoderWords | EncoderWords): F {
  return new Function('words', source)(words) as F;
}

function decoderOf(schema: Schema, version: number): Decoder {
  const { decoders } = compiledOf(schema);
  let decoder = decoders.get(version);
  if (decoder === undefined) {
    checkVersion(schema, version);
    decoder = build<Decoder>(decoderSource(schema, version), decoderWords);
    decoders.set(version, decoder);
  }
  return decoder;
}

function encoderOf(schema: Schema, version: number): Encoder {
  const { encoders } = compiledOf(schema);
  let encoder = encoders.get(version);
  if (encoder === undefined) {
    checkVersion(schema, version);
    encoder = build<Encoder>(encoderSource(schema, version), encoderWords);
    encoders.set(version, encoder);
  }
  return encoder;
}

function checkVersion(schema: Schema, version: number): void {
  const { min, max } = schema.versions;
  assert(Number.isInteger(version) && version >= min && version <= max, `${schema.name} has no version ${version}`);
}

/**
 * Decodes a request's body from `start` to `end`. Buffers in the result are views into `buffer`. Bytes behind the last
 * known field are ignored, as Kafka ignores them.
 * @throws MalformedRequestError where the bytes are no such request.
 */
export function decodeRequest<A extends Api>(
  api: A,
  version: number,
  buffer: Buffer,
  start = 0,
  end = buffer.length,
): RequestOf<A> {
  return decoderOf(api.request, version)(buffer, start, end) as RequestOf<A>;
}

/** Encodes a response's body. A throw leaves `writer` half full: {@link Writer.abandon} it. */
export function encodeResponse<A extends Api>(api: A, version: number, value: ResponseOf<A>, writer: Writer): void {
  encoderOf(api.response, version)(value, writer);
}

/** For clients: the mirror of {@link decodeRequest}. */
export function encodeRequest<A extends Api>(
  api: A,
  version: number,
  value: EncodableRequestOf<A>,
  writer: Writer,
): void {
  encoderOf(api.request, version)(value, writer);
}

/** For clients: the mirror of {@link encodeResponse}. */
export function decodeResponse<A extends Api>(
  api: A,
  version: number,
  buffer: Buffer,
  start = 0,
  end = buffer.length,
): DecodedResponseOf<A> {
  return decoderOf(api.response, version)(buffer, start, end) as DecodedResponseOf<A>;
}

const RECORD_PREFIX_BYTES = 2;

/** The int16 in front of a stored value: which type of key it is, or which version of a value. */
export function recordNumber(buffer: Buffer): number {
  if (buffer.length < RECORD_PREFIX_BYTES) short(0, buffer.length);
  return buffer.readInt16BE(0);
}

/** For all stored values: they share its slab, which is never written over. */
const recordWriter = new Writer();

/** Encodes a stored value in `version`, its int16 in front, into bytes of its own. */
export function encodeRecord<R extends RecordSchema>(schema: R, version: number, value: EncodableRecordOf<R>): Buffer {
  const writer = recordWriter;
  try {
    writer.int16(schema.typeNumber ?? version);
    encoderOf(schema, version)(value, writer);
  } catch (error) {
    writer.abandon();
    throw error;
  }
  const pieces = writer.finish() as Buffer[];
  return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
}

/**
 * Decodes a stored value with its int16 in front; buffers in the result are views into `buffer`.
 * @throws MalformedRequestError where it is of another type, or of a version newer than any known.
 */
export function decodeRecord<R extends RecordSchema>(schema: R, buffer: Buffer): RecordOf<R> & { version: number } {
  const number = recordNumber(buffer);
  const version = versionOf(schema, number);
  const value = decoderOf(schema, version)(buffer, RECORD_PREFIX_BYTES, buffer.length) as RecordOf<R>;
  return { ...value, version };
}

function versionOf(schema: RecordSchema, number: number): number {
  const { min, max } = schema.versions;
  if (schema.typeNumber !== null) {
    if (number === schema.typeNumber) return max;
    throw new MalformedRequestError(`${schema.name} has type ${schema.typeNumber}, these bytes say ${number}`);
  }
  if (number > max && schema.newerReadsAsNewest) return max;
  if (number < min || number > max) throw new MalformedRequestError(`${schema.name} has no version ${number}`);
  return number;
}
