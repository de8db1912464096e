/** What a field of a schema is on the wire in one version: there or not, how large at least. Any thread. */
import { type Field, type Schema, within } from './schema.js';

export function isFlexible(schema: Schema, version: number): boolean {
  return version >= schema.flexibleFrom;
}

/** Whether `version` carries the field: a tagged one needs a flexible version. */
export function inVersion(field: Field, version: number, flexible: boolean): boolean {
  return within(field.versions, version) && (field.tag === null || flexible);
}

/** Bytes of a kind whose size never varies; null for the others. */
export function fixedBytes(field: Field): number | null {
  switch (field.kind) {
    case 'bool':
    case 'int8':
      return 1;
    case 'int16':
    case 'uint16':
    case 'errorCode':
      return 2;
    case 'int32':
      return 4;
    case 'int64':
      return 8;
    case 'uuid':
      return 16;
    default:
      return null;
  }
}

/** The fewest bytes one element of an array can take, never 0. */
export function minBytes(arrayField: Field, schema: Schema, version: number): number {
  const flexible = isFlexible(schema, version);
  const of = (field: Field): number => {
    const fixed = fixedBytes(field);
    if (fixed !== null) return fixed;
    if (field.kind === 'struct') return within(field.nullable, version) ? 1 : ofShape(Object.values(field.shape!));
    if (flexible) return 1;
    return field.kind === 'string' ? 2 : 4;
  };
  const ofShape = (fields: readonly Field[]): number =>
    fields
      .filter((field) => field.tag === null && inVersion(field, version, flexible))
      .reduce((sum, field) => sum + of(field), flexible ? 1 : 0);
  const least = arrayField.shape === null ? of(arrayField.element!) : ofShape(Object.values(arrayField.shape));
  return Math.max(1, least);
}

/** A JavaScript expression for what a field is where the wire says nothing of it. */
export function absentSource(field: Field): string {
  const { kind, absent } = field;
  if (absent === null) return 'null';
  if (kind === 'bytes' || kind === 'records') return 'noBytes';
  if (kind === 'array') return '[]';
  if (kind !== 'struct') return JSON.stringify(absent);
  return `{ ${Object.entries(field.shape!)
    .map(([name, inner]) => `${name}: ${absentSource(inner)}`)
    .join(', ')} }`;
}
