/** Writes the source of an encoder for one schema in one version. The mirror of emit-decoder.ts. */
import { type Field, type Schema, type Shape, within } from './schema.js';
import { absentSource, fixedBytes, inVersion, isFlexible } from './wire-shape.js';

/** What encoder sources call by name; compile.ts hands it in. */
export interface EncoderWords {
  readonly putInt64: (b: Buffer, p: number, value: number) => void;
  readonly putUuid: (b: Buffer, p: number, text: string) => void;
  readonly errorCode: (name: never) => number;
  readonly refuseNull: (path: string) => never;
  readonly noBytes: Buffer;
}

/** A function body over `words`; it returns `(value, writer) => void`. */
export function encoderSource(schema: Schema, version: number): string {
  return new EncoderEmitter(schema, version).source();
}

class EncoderEmitter {
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
    this.#struct(this.schema.fields, 'value', this.schema.name, 'w');
    return [
      '"use strict";',
      'const { putInt64, putUuid, errorCode, refuseNull, noBytes } = words;',
      `return function encode_${this.schema.name}_${this.version}(value, w) {`,
      '  let b = w.bytes, p = 0;',
      ...this.#lines,
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

  /** Emits a constant with the field's value, or what stands for it where none is given. */
  #take(field: Field, owner: string, name: string): string {
    const taken = this.#variable();
    const given = `${owner}.${name}`;
    this.#add(`const ${taken} = ${given} === undefined ? ${absentSource(field)} : ${given};`);
    return taken;
  }

  /** Emits writes for all fields of the struct in variable `from` to the writer in variable `writer`. */
  #struct(shape: Shape, from: string, path: string, writer: string): void {
    const present = Object.entries(shape).filter(([, field]) => inVersion(field, this.version, this.#flexible));
    const plain = present.filter(([, field]) => field.tag === null);
    for (let i = 0; i < plain.length; ) {
      const run: [string, Field][] = [];
      while (i < plain.length && fixedBytes(plain[i][1]) !== null) run.push(plain[i++]);
      if (run.length > 0) this.#fixed(run, from, writer);
      else {
        const [name, field] = plain[i++];
        this.#value(field, this.#take(field, from, name), `${path}.${name}`, writer);
      }
    }
    if (this.#flexible) {
      const tagged = present.filter(([, field]) => field.tag !== null);
      tagged.sort(([, left], [, right]) => left.tag! - right.tag!);
      this.#tags(tagged, from, path, writer);
    }
  }

  /** Neighbours of known size: one claim for all of them. */
  #fixed(run: [string, Field][], from: string, writer: string): void {
    const taken = run.map(([name, field]) => this.#take(field, from, name));
    const size = run.reduce((sum, [, field]) => sum + fixedBytes(field)!, 0);
    this.#add(`p = ${writer}.claim(${size}); b = ${writer}.bytes;`);
    let offset = 0;
    run.forEach(([, field], i) => {
      this.#add(fixedWrite(field, taken[i], offset));
      offset += fixedBytes(field)!;
    });
  }

  #value(field: Field, value: string, path: string, writer: string): void {
    const nullable = within(field.nullable, this.version);
    const { kind } = field;
    if (fixedBytes(field) !== null) {
      this.#add(`p = ${writer}.claim(${fixedBytes(field)}); b = ${writer}.bytes;`, fixedWrite(field, value, 0));
      return;
    }
    this.#add(
      `if (${value} === null) ${nullable ? this.#null(field, writer) : `refuseNull(${JSON.stringify(path)})`};`,
    );
    this.#add('else {');
    if (kind === 'string') this.#add(`${writer}.${this.#flexible ? 'compactString' : 'string'}(${value});`);
    else if (kind === 'array') this.#array(field, value, path, writer);
    else if (kind === 'struct') {
      if (nullable) this.#add(`${writer}.int8(1);`);
      this.#struct(field.shape!, value, path, writer);
    } else this.#add(`${writer}.${this.#flexible ? 'compactBlob' : 'blob'}(${value});`);
    this.#add('}');
  }

  #null(field: Field, writer: string): string {
    // In front of a struct stands a byte, and in a tagged field an unsigned varint: 1 where it is there.
    if (field.kind === 'struct') return `${writer}.int8(${field.tag === null ? -1 : 0})`;
    if (this.#flexible) return `${writer}.int8(0)`;
    return field.kind === 'string' ? `${writer}.int16(-1)` : `${writer}.int32(-1)`;
  }

  #array(field: Field, value: string, path: string, writer: string): void {
    const index = this.#variable();
    const element = this.#variable();
    this.#add(
      this.#flexible ? `${writer}.uvarint(${value}.length + 1);` : `${writer}.int32(${value}.length);`,
      `for (let ${index} = 0; ${index} < ${value}.length; ${index}++) {`,
      `const ${element} = ${value}[${index}];`,
    );
    if (field.shape !== null) this.#struct(field.shape, element, path, writer);
    else this.#value(field.element!, element, path, writer);
    this.#add('}');
  }

  /** Only tagged fields that differ from their default are written, lowest tag first (KIP-482). */
  #tags(tagged: [string, Field][], from: string, path: string, writer: string): void {
    if (tagged.length === 0) {
      this.#add(`${writer}.int8(0);`);
      return;
    }
    const taken = tagged.map(([name, field]) => this.#take(field, from, name));
    const present = tagged.map(([, field], i) => {
      const variable = this.#variable();
      this.#add(`const ${variable} = !(${this.#isAbsent(field, taken[i])});`);
      return variable;
    });
    this.#add(`${writer}.uvarint(${present.map((variable) => `(${variable} ? 1 : 0)`).join(' + ')});`);
    tagged.forEach(([name, field], i) => {
      const nested = this.#variable();
      this.#add(`if (${present[i]}) {`, `${writer}.uvarint(${field.tag});`, `const ${nested} = ${writer}.nested();`);
      this.#value(field, taken[i], `${path}.${name}`, nested);
      this.#add(`${writer}.closeNested(${nested});`, '}');
    });
  }

  /** An expression: the value is what a decoder would answer if the field were left out. */
  #isAbsent(field: Field, value: string): string {
    if (field.absent === null) return `${value} === null`;
    if (field.kind === 'array' || field.kind === 'bytes' || field.kind === 'records') {
      return `${value} !== null && ${value}.length === 0`;
    }
    if (field.kind !== 'struct') return `${value} === ${JSON.stringify(field.absent)}`;
    const inner = Object.entries(field.shape!)
      .filter(([, each]) => inVersion(each, this.version, this.#flexible))
      .map(([name, each]) => `(${value}.${name} === undefined || ${this.#isAbsent(each, `${value}.${name}`)})`);
    return [`${value} !== null`, ...inner].join(' && ');
  }
}

function fixedWrite(field: Field, value: string, offset: number): string {
  const at = (byte: number) => (offset + byte === 0 ? 'b[p]' : `b[p + ${offset + byte}]`);
  const int16 = (source: string) => `${at(0)} = ${source} >>> 8; ${at(1)} = ${source};`;
  switch (field.kind) {
    case 'bool':
      return `${at(0)} = ${value} ? 1 : 0;`;
    case 'int8':
      return `${at(0)} = ${value};`;
    case 'int16':
    case 'uint16':
      return int16(value);
    case 'errorCode':
      return `{ const code = errorCode(${value}); ${int16('code')} }`;
    case 'int32':
      return `${at(0)} = ${value} >>> 24; ${at(1)} = ${value} >>> 16; ${at(2)} = ${value} >>> 8; ${at(3)} = ${value};`;
    case 'int64':
      return `putInt64(b, p + ${offset}, ${value});`;
    case 'uuid':
      return `putUuid(b, p + ${offset}, ${value});`;
    default:
      throw new TypeError(`${field.kind} has no fixed size`);
  }
}
