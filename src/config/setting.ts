/** One row of the settings tables: what a setting is, what it may be, and what it means. Main thread. */

/** Kafka's names for the types, as DescribeConfigs reports them. */
export type SettingType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list';

export type SettingValue = boolean | number | string | readonly string[] | null;

/**
 * Kafka's "for ever" for a long. It is one above what a long holds, because a double cannot say 2^63 - 1;
 * it is written back as 9223372036854775807.
 */
export const LONG_MAX = 2 ** 63;
export const INT_MAX = 2 ** 31 - 1;

export interface Setting<Value extends SettingValue = SettingValue> {
  readonly type: SettingType;
  readonly default: Value;
  /** What the default is called where it depends on the machine. */
  readonly defaultName: string | null;
  readonly doc: string;
  /** May be changed while the broker runs. */
  readonly dynamic: boolean;
  /** Read and checked so that tools and files of Kafka's work unchanged; changes nothing here. */
  readonly noEffect: boolean;
  /** The bounds in words, for people; null where any value of the type will do. */
  readonly bound: string | null;
  /** Turns text into a value; throws a {@link BadValueError} whose message is what follows the setting's name. */
  parse(text: string): Value;
}

/** The value of a setting is of the wrong type or outside its bound. The message reads on after the setting's name. */
export class BadValueError extends Error {
  override name = 'BadValueError';
}

interface Common<Value> {
  default: Value;
  defaultName?: string;
  doc: string;
  dynamic?: boolean;
  noEffect?: boolean;
}

interface NumberBounds {
  min?: number;
  max?: number;
  powerOfTwo?: boolean;
}

function common<Value>(row: Common<Value>) {
  return {
    default: row.default,
    defaultName: row.defaultName ?? null,
    doc: row.doc,
    dynamic: row.dynamic ?? false,
    noEffect: row.noEffect ?? false,
  };
}

function bad(expectation: string, text: string): never {
  throw new BadValueError(`${expectation}, but is "${text}"`);
}

function numberBound({ min, max, powerOfTwo }: NumberBounds, kind: string): string {
  const range =
    min !== undefined && max !== undefined
      ? ` from ${formatValue(min)} to ${formatValue(max)}`
      : min !== undefined
        ? ` of at least ${formatValue(min)}`
        : max !== undefined
          ? ` of at most ${formatValue(max)}`
          : '';
  return `${kind}${powerOfTwo ? ' that is a power of two,' : ''}${range}`;
}

function inBounds(value: number, { min, max, powerOfTwo }: NumberBounds): boolean {
  return (
    (min === undefined || value >= min) &&
    (max === undefined || value <= max) &&
    (!powerOfTwo || (value > 0 && Number.isInteger(Math.log2(value))))
  );
}

function number<Value extends number | null>(
  type: 'int' | 'long' | 'double',
  row: Common<Value> & NumberBounds,
  pattern: RegExp,
  limits: NumberBounds,
): Setting<Value | number> {
  const kind = type === 'double' ? 'a number' : 'a whole number';
  const bound = numberBound(row, kind);
  return {
    type,
    ...common(row),
    bound: row.min === undefined && row.max === undefined && !row.powerOfTwo ? null : bound,
    parse(text) {
      const trimmed = text.trim();
      if (!pattern.test(trimmed)) bad(`must be ${bound}`, text);
      const value = Number(trimmed);
      if (!inBounds(value, limits)) bad(`must fit into ${type === 'int' ? '32' : '64'} bits`, text);
      if (!inBounds(value, row)) bad(`must be ${bound}`, text);
      return value;
    },
  };
}

const WHOLE = /^[+-]?\d{1,19}$/;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i;

/** A 32-bit whole number; `null` as the default means "not set". */
export function int(row: Common<number> & NumberBounds): Setting<number>;
export function int(row: Common<null> & NumberBounds): Setting<number | null>;
export function int(row: Common<number | null> & NumberBounds): Setting<number | null> {
  return number('int', row, WHOLE, { min: -(2 ** 31), max: INT_MAX });
}

/** A 64-bit whole number, held as a double (see {@link LONG_MAX}). */
export function long(row: Common<number> & NumberBounds): Setting<number>;
export function long(row: Common<null> & NumberBounds): Setting<number | null>;
export function long(row: Common<number | null> & NumberBounds): Setting<number | null> {
  return number('long', row, WHOLE, { min: -LONG_MAX, max: LONG_MAX });
}

export function double(row: Common<number> & NumberBounds): Setting<number> {
  return number('double', row, DECIMAL, {});
}

/** As Kafka: `true` or `false` in any case, nothing else. */
export function boolean(row: Common<boolean> & { only?: boolean; because?: string }): Setting<boolean> {
  return {
    type: 'boolean',
    ...common(row),
    bound: row.only === undefined ? null : `${row.only}`,
    parse(text) {
      const word = text.trim().toLowerCase();
      if (word !== 'true' && word !== 'false') bad('must be true or false', text);
      const value = word === 'true';
      if (row.only !== undefined && value !== row.only) bad(`must be ${row.only} (${row.because})`, text);
      return value;
    },
  };
}

/** Any text; empty text is null where the default may be null. */
export function string(row: Common<string>): Setting<string>;
export function string(row: Common<null>): Setting<string | null>;
export function string(row: Common<string | null>): Setting<string | null> {
  return {
    type: 'string',
    ...common(row),
    bound: null,
    parse: (text) => (text.trim() === '' && row.default === null ? null : text.trim()),
  };
}

/** One of a few words. */
export function choice<const Word extends string>(
  row: Common<NoInfer<Word>> & { words: readonly Word[] },
): Setting<Word> {
  const bound = row.words.join(', ');
  return {
    type: 'string',
    ...common<Word>(row),
    bound,
    parse(text) {
      const word = row.words.find((candidate) => candidate === text.trim());
      return word ?? bad(`must be one of ${bound}`, text);
    },
  };
}

interface Words {
  words?: readonly string[];
}

/** Words with commas between; blanks around them and empty ones are dropped. */
export function list(row: Common<readonly string[]> & Words): Setting<readonly string[]>;
export function list(row: Common<null> & Words): Setting<readonly string[] | null>;
export function list(row: Common<readonly string[] | null> & Words): Setting<readonly string[] | null> {
  const { words } = row;
  return {
    type: 'list',
    ...common(row),
    bound: words ? `a list of ${words.join(', ')}` : null,
    parse(text) {
      const items = text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
      const stranger = words && items.find((item) => !words.includes(item));
      if (words && stranger !== undefined) bad(`must be a list of ${words.join(', ')}`, text);
      return items;
    },
  };
}

/** The text that stands for `value` in files, in DescribeConfigs and in tables; null where a setting is not set. */
export function formatValue(value: SettingValue): string | null {
  if (value === null) return null;
  if (typeof value === 'object') return value.join(',');
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    return value > 0 ? '9223372036854775807' : '-9223372036854775808';
  }
  return String(value);
}
