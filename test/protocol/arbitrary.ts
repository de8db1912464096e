/** Random values for any schema, and what such a value must read as after a trip over the wire. */

import { type ErrorName, errorTable } from '../../src/base/error-code.js';
import { type Field, type Schema, type Shape, within } from '../../src/protocol/schema.js';
import { fc } from '../property.js';

type Value = Record<string, unknown>;

/** A value with every field that `version` has, sometimes left out where an encoder allows that. */
export function arbitraryOf(schema: Schema, version: number): fc.Arbitrary<Value> {
  return ofShape(schema.fields, version);
}

function ofShape(shape: Shape, version: number): fc.Arbitrary<Value> {
  const fields = Object.entries(shape).filter(([, field]) => within(field.versions, version));
  return fc.record(Object.fromEntries(fields.map(([name, field]) => [name, ofField(field, version)])));
}

function ofField(field: Field, version: number): fc.Arbitrary<unknown> {
  const plain = ofKind(field, version);
  const often = field.tag === null ? plain : fc.option(plain, { nil: undefined, freq: 2 });
  return within(field.nullable, version) ? fc.option(often, { nil: null, freq: 4 }) : often;
}

function ofKind(field: Field, version: number): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'bool':
      return fc.boolean();
    case 'int8':
      return fc.integer({ min: -128, max: 127 });
    case 'int16':
      return fc.integer({ min: -32_768, max: 32_767 });
    case 'uint16':
      return fc.integer({ min: 0, max: 65_535 });
    case 'int32':
      return fc.integer();
    case 'int64':
      return fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -1, 2 ** 63, -(2 ** 63), 2 ** 53, -(2 ** 62)));
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((raw) => Buffer.from(raw).toString('base64url'));
    case 'string':
      return fc.oneof(
        { weight: 6, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 20 }) },
        { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 80 }) },
        {
          weight: 1,
          arbitrary: fc.constantFrom('x'.repeat(126), 'x'.repeat(127), 'é'.repeat(150), 'y'.repeat(32_767)),
        },
      );
    case 'bytes':
    case 'records':
      return fc.oneof(
        { weight: 8, arbitrary: fc.uint8Array({ maxLength: 20 }).map((raw) => Buffer.from(raw)) },
        { weight: 1, arbitrary: fc.integer({ min: 120, max: 70_000 }).map((size) => Buffer.alloc(size, 7)) },
      );
    case 'errorCode':
      return fc.constantFrom(...(Object.keys(errorTable) as ErrorName[]));
    case 'struct':
      return ofShape(field.shape!, version);
    case 'array':
      return fc.array(field.shape === null ? ofField(field.element!, version) : ofShape(field.shape, version), {
        maxLength: 4,
      });
  }
}

/** The value as a decoder must give it back: defaults for what was left out and for what the version lacks. */
export function asDecoded(schema: Schema, version: number, value: Value): Value {
  return shapeAsDecoded(schema.fields, version, version >= schema.flexibleFrom, value);
}

function shapeAsDecoded(shape: Shape, version: number, flexible: boolean, value: Value | undefined): Value {
  const decoded: Value = {};
  for (const [name, field] of Object.entries(shape)) {
    const carried = within(field.versions, version) && (field.tag === null || flexible);
    decoded[name] = fieldAsDecoded(field, version, flexible, carried ? value?.[name] : undefined, carried);
  }
  return decoded;
}

function fieldAsDecoded(field: Field, version: number, flexible: boolean, value: unknown, carried: boolean): unknown {
  if (value === null || (value === undefined && field.absent === null)) return null;
  if (field.kind === 'struct') return shapeAsDecoded(field.shape!, carried ? version : -1, flexible, value as Value);
  if (value === undefined) return field.absent;
  if (field.kind !== 'array') return value;
  return (value as unknown[]).map((element) =>
    field.shape === null
      ? fieldAsDecoded(field.element!, version, flexible, element, true)
      : shapeAsDecoded(field.shape, version, flexible, element as Value),
  );
}
