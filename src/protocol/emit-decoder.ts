/** Writes the source of a decoder for one schema in one version: straight-line code, one function, no objects but the result. */
import { ELEMENTS_MAX, STRING_BYTES_MAX, TAGS_MAX } from './limits.js';
import { type Field, type Schema, type Shape, within } from './schema.js';
import { absentSource, fixedBytes, inVersion, isFlexible, minBytes } from './wire-shape.js';

/** What decoder sources call by name; compile.ts hands it in. */
export interface DecoderWords {
  readonly short: (at: number, end: number) => never;
  readonly malformed: (sentence: string) => never;
  readonly tooManyTags: (count: number) => never;
  readonly uvarintAt: (b: Buffer, at: number, end: number) => number;
  readonly skipTags: (b: Buffer, at: number, end: number) => number;
  readonly uuidAt: (b: Buffer, at: number) => string;
  readonly errorName: (code: number) => string;
  readonly noBytes: Buffer;
}

/** A function body over `words`; it returns `(b, p, end) => value`. */
export function decoderSource(schema: Schema, version: number): string {
  return new DecoderEmitter(schema, version).source();
}

const int16At = (at: string) => `(b[${at}] << 24 | b[${at} + 1] << 16) >> 16`;
const int32At = (at: string) => `(b[${at}] << 24 | b[${at} + 1] << 16 | b[${at} + 2] << 8 | b[${at} + 3])`;

class DecoderEmitter {
  readonly #lines: string[] = [];
  readonly #flexible: boolean;
  #variables = 0;

  constructor(
    readonly schema: Schema,
    readonly version: number,
  ) {
    this.#flexible = isFlexible(schema, version);
  }

  source(): string {
    const result = this.#struct(this.schema.fields, this.schema.name, 'end');
    return [
      '"use strict";',
      'const { short, malformed, tooManyTags, uvarintAt, skipTags, uuidAt, errorName, noBytes } = words;',
      `return function decode_${this.schema.name}_${this.version}(b, p, end) {`,
      '  let n = 0, r = 0, elements = 0;',
      ...this.#lines,
      `  return ${result};`,
      '};',
    ].join('\n');
  }

  #add(...lines: string[]): void {
    this.#lines.push(...lines);
  }

  #variable(): string {
    this.#variables += 1;
    return `v${this.#variables}`;
  }

  /** Emits reads for all fields; returns the object literal that holds them. `end` names the variable that bounds reads. */
  #struct(shape: Shape, path: string, end: string): string {
    const values = new Map<string, string>();
    const plain: [string, Field][] = [];
    const tagged: [string, Field][] = [];
    for (const [name, field] of Object.entries(shape)) {
      if (!inVersion(field, this.version, this.#flexible)) values.set(name, absentSource(field));
      else if (field.tag === null) plain.push([name, field]);
      else tagged.push([name, field]);
    }
    for (let i = 0; i < plain.length; ) {
      const run = fixedRun(plain, i);
      if (run.length > 0) {
        this.#fixed(run, values, end);
        i += run.length;
      } else {
        const [name, field] = plain[i];
        const into = this.#variable();
        this.#add(`let ${into};`);
        this.#value(field, into, `${path}.${name}`, end);
        values.set(name, into);
        i += 1;
      }
    }
    if (this.#flexible) this.#tags(tagged, values, path, end);
    return `{ ${Object.keys(shape)
      .map((name) => `${name}: ${values.get(name)}`)
      .join(', ')} }`;
  }

  /** Neighbours of known size: one bounds check for all of them. */
  #fixed(run: [string, Field][], values: Map<string, string>, end: string): void {
    const size = run.reduce((sum, [, field]) => sum + fixedBytes(field)!, 0);
    this.#add(`if (${size} > ${end} - p) short(p, ${end});`);
    let offset = 0;
    for (const [name, field] of run) {
      const into = this.#variable();
      this.#add(`const ${into} = ${this.#fixedRead(field, offset)};`);
      values.set(name, into);
      offset += fixedBytes(field)!;
    }
    this.#add(`p += ${size};`);
  }

  #fixedRead(field: Field, offset: number): string {
    const at = offset === 0 ? 'p' : `p + ${offset}`;
    switch (field.kind) {
      case 'bool':
        return `b[${at}] !== 0`;
      case 'int8':
        return `b[${at}] << 24 >> 24`;
      case 'int16':
        return int16At(at);
      case 'uint16':
        return `b[${at}] << 8 | b[${at} + 1]`;
      case 'int32':
        return int32At(at);
      case 'int64':
        return `${int32At(at)} * 4294967296 + (${int32At(`${at} + 4`)} >>> 0)`;
      case 'uuid':
        return `uuidAt(b, ${at})`;
      case 'errorCode':
        return `errorName(${int16At(at)})`;
      default:
        throw new TypeError(`${field.kind} has no fixed size`);
    }
  }

  #value(field: Field, into: string, path: string, end: string): void {
    const nullable = within(field.nullable, this.version);
    switch (field.kind) {
      case 'string':
        this.#length(into, nullable, path, end, 2);
        if (this.#flexible) {
          const sentence = `${path} is longer than ${STRING_BYTES_MAX} bytes`;
          this.#add(`if (n > ${STRING_BYTES_MAX}) malformed(${JSON.stringify(sentence)});`);
        }
        this.#add(`${into} = b.toString('utf8', p, p + n); p += n; }`);
        return;
      case 'bytes':
      case 'records':
        this.#length(into, nullable, path, end, 4);
        this.#add(`${into} = b.subarray(p, p + n); p += n; }`);
        return;
      case 'array':
        this.#array(field, into, nullable, path, end);
        return;
      case 'struct':
        if (nullable) {
          const isNull = field.tag === null ? '> 127' : '=== 0';
          this.#add(`if (p >= ${end}) short(p, ${end});`, `if (b[p++] ${isNull}) ${into} = null; else {`);
        }
        this.#add(`${into} = ${this.#struct(field.shape!, path, end)};`);
        if (nullable) this.#add('}');
        return;
      default: {
        const size = fixedBytes(field)!;
        this.#add(
          `if (${size} > ${end} - p) short(p, ${end});`,
          `${into} = ${this.#fixedRead(field, 0)}; p += ${size};`,
        );
      }
    }
  }

  /** Reads a uvarint into `n`; up to two bytes in place, because most lengths of record batches take two. */
  #uvarint(end: string): void {
    this.#add(
      `if (p < ${end} && b[p] < 128) n = b[p++];`,
      `else if (p + 1 < ${end} && b[p + 1] < 128) { n = b[p] & 127 | b[p + 1] << 7; p += 2; }`,
      `else { r = uvarintAt(b, p, ${end}); p += r % 8; n = Math.floor(r / 8); }`,
    );
  }

  /** Reads a length or count into `n`; leaves a block open for the value that is not null. */
  #size(into: string, nullable: boolean, path: string, end: string, prefixBytes: 2 | 4): void {
    if (this.#flexible) {
      this.#uvarint(end);
      this.#add('n -= 1;');
    } else {
      this.#add(
        `if (${prefixBytes} > ${end} - p) short(p, ${end});`,
        `n = ${prefixBytes === 2 ? int16At('p') : int32At('p')}; p += ${prefixBytes};`,
      );
    }
    const sentence = nullable ? `${path} has a negative size` : `${path} must not be null`;
    if (nullable) this.#add(`if (n === -1) ${into} = null; else {`);
    else this.#add('{');
    this.#add(`if (n < 0) malformed(${JSON.stringify(sentence)});`);
  }

  #length(into: string, nullable: boolean, path: string, end: string, prefixBytes: 2 | 4): void {
    this.#size(into, nullable, path, end, prefixBytes);
    this.#add(`if (n > ${end} - p) short(p, ${end});`);
  }

  #array(field: Field, into: string, nullable: boolean, path: string, end: string): void {
    this.#size(into, nullable, path, end, 4);
    const least = minBytes(field, this.schema, this.version);
    const index = this.#variable();
    const count = this.#variable();
    this.#add(
      `if (n * ${least} > ${end} - p) malformed(${JSON.stringify(`${path} announces more elements than bytes are left`)});`,
      `if ((elements += n) > ${ELEMENTS_MAX}) malformed(${JSON.stringify(`more than ${ELEMENTS_MAX} array elements up to ${path}`)});`,
      `const ${count} = n; ${into} = [];`,
      `for (let ${index} = 0; ${index} < ${count}; ${index}++) {`,
    );
    if (field.shape !== null) {
      this.#add(`${into}.push(${this.#struct(field.shape, path, end)});`);
    } else {
      const element = this.#variable();
      this.#add(`let ${element};`);
      this.#value(field.element!, element, path, end);
      this.#add(`${into}.push(${element});`);
    }
    this.#add('}', '}');
  }

  #tags(tagged: [string, Field][], values: Map<string, string>, path: string, end: string): void {
    for (const [name, field] of tagged) {
      const into = this.#variable();
      this.#add(`let ${into} = ${absentSource(field)};`);
      values.set(name, into);
    }
    this.#add(`if (p < ${end} && b[p] === 0) p += 1;`);
    if (tagged.length === 0) {
      this.#add(`else p = skipTags(b, p, ${end});`);
      return;
    }
    const [index, count, tag, stop] = [this.#variable(), this.#variable(), this.#variable(), this.#variable()];
    this.#add('else {');
    this.#uvarint(end);
    this.#add(
      `const ${count} = n;`,
      `if (n > ${TAGS_MAX}) tooManyTags(n);`,
      `for (let ${index} = 0; ${index} < ${count}; ${index}++) {`,
    );
    this.#uvarint(end);
    this.#add(`const ${tag} = n;`);
    this.#uvarint(end);
    this.#add(`if (n > ${end} - p) short(p, ${end});`, `const ${stop} = p + n;`, `switch (${tag}) {`);
    for (const [name, field] of tagged) {
      this.#add(`case ${field.tag}: {`);
      this.#value(field, values.get(name)!, `${path}.${name}`, stop);
      const sentence = `${path}.${name} does not fill its tagged field`;
      this.#add(`if (p !== ${stop}) malformed(${JSON.stringify(sentence)});`, 'break; }');
    }
    this.#add(`default: p = ${stop};`, '}', '}', '}');
  }
}

function fixedRun(fields: [string, Field][], from: number): [string, Field][] {
  let to = from;
  while (to < fields.length && fixedBytes(fields[to][1]) !== null) to += 1;
  return fields.slice(from, to);
}
