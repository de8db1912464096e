/** The words in which messages are declared; encoders, decoders and TypeScript types all come from such a declaration. Any thread. */
import { assert } from '../base/assert.js';
import type { ErrorName } from '../base/error-code.js';
import type { FileRecords } from '../base/file-slice.js';
import { type Uuid, ZERO_UUID } from '../base/uuid.js';

/** Versions from `min` to `max`, both included; `max` is Infinity for '3+'. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

export type Kind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'int64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'
  | 'errorCode'
  | 'struct'
  | 'array';

declare const types: unique symbol;

/** The named fields of a struct, in the order of the wire. */
export type Shape = { readonly [name: string]: Field };

/** One field. `D` is its decoded type, `E` the type to encode, `O` whether an encoder may be given none. */
// biome-ignore lint/suspicious/noExplicitAny: the bound of every field, whatever its type
export class Field<out D = any, out E = any, out O extends boolean = boolean> {
  declare readonly [types]: { decoded: D; encodable: E; optional: O };
  constructor(
    readonly kind: Kind,
    /** Versions of the message that carry the field. */
    readonly versions: VersionRange,
    /** Versions in which the field may be null; null for never. */
    readonly nullable: VersionRange | null,
    /** The number of a tagged field; null for a plain one. */
    readonly tag: number | null,
    /** What a decoder answers where the field is not there, and an encoder writes where it is given none. */
    readonly absent: unknown,
    /** Fields of a struct, or of an array's elements. */
    readonly shape: Shape | null = null,
    /** The element of an array whose elements are not structs. */
    readonly element: Field | null = null,
  ) {}
}

interface Options<D> {
  /** true: wherever the field exists; otherwise the versions in which null is allowed. */
  readonly nullable?: true | string;
  /** Makes this a tagged field (KIP-482), in the flexible versions of its range. */
  readonly tag?: number;
  readonly default?: D | null;
}

type Nullable<T, Given> = Given extends { readonly nullable: true | string } ? T | null : T;

/** A field that some version lacks, or that has a default, need not be given to an encoder. */
type IsOptional<V, Given> = V extends string ? true : Given extends { readonly default: unknown } ? true : false;

/** Options stand first where there is no version range, second where there is one. */
type Given<V, G> = V extends string ? G : V;
type None = Record<never, never>;

type DecodedField<F> = F extends Field<infer D> ? D : never;
// biome-ignore lint/suspicious/noExplicitAny: only the second parameter is asked for
type EncodableField<F> = F extends Field<any, infer E> ? E : never;
// biome-ignore lint/suspicious/noExplicitAny: only the third parameter is asked for
type OptionalNames<S> = { [K in keyof S]: S[K] extends Field<any, any, true> ? K : never }[keyof S];
type Flat<T> = { [K in keyof T]: T[K] } & {};

/** What decoding a shape gives: every field is there, in whatever version. */
export type Decoded<S> = { -readonly [K in keyof S]: DecodedField<S[K]> };

/** What encoding a shape takes: fields with a version range or a default may be left out. */
export type Encodable<S> = Flat<
  { readonly [K in Exclude<keyof S, OptionalNames<S>>]: EncodableField<S[K]> } & {
    readonly [K in OptionalNames<S>]?: EncodableField<S[K]> | undefined;
  }
>;

type ElementDecoded<T> = T extends Field<infer D> ? D : Decoded<T>;
// biome-ignore lint/suspicious/noExplicitAny: only the second parameter is asked for
type ElementEncodable<T> = T extends Field<any, infer E> ? E : Encodable<T>;

/** Reads '3+', '7-12' or '5'. */
export function parseVersions(text: string): VersionRange {
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  assert(match, `version range ${text} is none of '3', '3+', '3-5'`);
  const min = Number(match[1]);
  const max = match[2] ? Number.POSITIVE_INFINITY : match[3] === undefined ? min : Number(match[3]);
  assert(min <= max, `version range ${text} is upside down`);
  return { min, max };
}

export function within(range: VersionRange | null, version: number): boolean {
  return range !== null && version >= range.min && version <= range.max;
}

function field<F>(
  kind: Kind,
  zero: unknown,
  first: string | Options<unknown> | undefined,
  second: Options<unknown> | undefined,
  shape: Shape | null = null,
  element: Field | null = null,
): F {
  const range = parseVersions(typeof first === 'string' ? first : '0+');
  const options = (typeof first === 'object' ? first : second) ?? {};
  const { nullable, tag = null } = options;
  const absent = 'default' in options ? options.default : zero;
  assert(absent !== null || nullable !== undefined, `a ${kind} field defaults to null and is never nullable`);
  const nullRange = nullable === undefined ? null : nullable === true ? range : parseVersions(nullable);
  return new Field(kind, range, nullRange, tag, absent, shape, element) as F;
}

function scalar<D, E = D>(kind: Kind, zero: D) {
  return <const V extends string | Options<D> = None, const G extends Options<D> = None>(
    versions?: V,
    options?: G,
  ): Field<Nullable<D, Given<V, G>>, Nullable<E, Given<V, G>>, IsOptional<V, Given<V, G>>> =>
    field(kind, zero, versions, options);
}

export const bool = scalar<boolean>('bool', false);
export const int8 = scalar<number>('int8', 0);
export const int16 = scalar<number>('int16', 0);
export const uint16 = scalar<number>('uint16', 0);
export const int32 = scalar<number>('int32', 0);
/** A number: what lies beyond 2^53 reads as the nearest double, and writing stops at the ends of int64. */
export const int64 = scalar<number>('int64', 0);
/** 22 characters of unpadded base64url. */
export const uuid = scalar<Uuid>('uuid', ZERO_UUID);
export const string = scalar<string>('string', '');
/** Decodes to a view into the frame: copy what must outlive it. */
export const bytes = scalar<Buffer>('bytes', Buffer.alloc(0));
/** Record batches. Decodes to a view into the frame; encodes bytes, or file ranges that stay on disk until sent. */
export const records = scalar<Buffer, Buffer | FileRecords>('records', Buffer.alloc(0));
/** An int16 on the wire, a name everywhere else. */
export const errorCode = scalar<ErrorName>('errorCode', 'NONE');

type StructField<S, V, G> = Field<
  Nullable<Decoded<S>, Given<V, G>>,
  Nullable<Encodable<S>, Given<V, G>>,
  IsOptional<V, Given<V, G>>
>;

/** A struct inside a struct. Its own fields' ranges are versions of the whole message; none means as its struct's. */
export function struct<const S extends Shape>(shape: S): StructField<S, None, None>;
export function struct<const V extends string | Options<never>, const S extends Shape>(
  versions: V,
  shape: S,
): StructField<S, V, None>;
export function struct<const V extends string, const G extends Options<never>, const S extends Shape>(
  versions: V,
  options: G,
  shape: S,
): StructField<S, V, G>;
export function struct(...given: (string | Options<never> | Shape)[]): Field {
  const shape = given.pop() as Shape;
  return field('struct', undefined, given[0] as string, given[1] as Options<never>, shape);
}

type ArrayField<T, V, G> = Field<
  Nullable<ElementDecoded<T>[], Given<V, G>>,
  Nullable<readonly ElementEncodable<T>[], Given<V, G>>,
  IsOptional<V, Given<V, G>>
>;

/** An array of structs or of plain values; what its elements are stands last. */
export function array<const T extends Shape | Field>(element: T): ArrayField<T, None, None>;
export function array<const V extends string | Options<never>, const T extends Shape | Field>(
  versions: V,
  element: T,
): ArrayField<T, V, None>;
export function array<const V extends string, const G extends Options<never>, const T extends Shape | Field>(
  versions: V,
  options: G,
  element: T,
): ArrayField<T, V, G>;
export function array(...given: (string | Options<never> | Shape | Field)[]): Field {
  const element = given.pop();
  const plain = element instanceof Field ? element : null;
  const shape = plain ? null : (element as Shape);
  return field('array', [], given[0] as string, given[1] as Options<never>, shape, plain);
}

/** One message: what a compiler needs to write its encoder and decoder. */
export interface Schema<S extends Shape = Shape> {
  readonly name: string;
  readonly versions: VersionRange;
  /** First version with compact lengths and tagged fields (KIP-482); Infinity for never. */
  readonly flexibleFrom: number;
  readonly fields: S;
}

/** One API: a request and its response. */
export interface Api<Request extends Shape = Shape, Response extends Shape = Shape> {
  readonly key: number;
  readonly name: string;
  /** The versions that are advertised, where the API is. */
  readonly versions: VersionRange;
  /** false: between this broker and its own command line, and no client of Kafka's hears of it. */
  readonly advertised: boolean;
  /** The first version that is answered: below it, only Produce's advertised ones are refused. */
  readonly answeredFrom: number;
  readonly flexibleFrom: number;
  readonly request: Schema<Request>;
  readonly response: Schema<Response>;
}

/** What a handler is given. */
export type RequestOf<A extends Api> = Decoded<A['request']['fields']>;
/** What a handler answers. */
export type ResponseOf<A extends Api> = Encodable<A['response']['fields']>;
/** What a client is given. */
export type DecodedResponseOf<A extends Api> = Decoded<A['response']['fields']>;
/** What a client sends. */
export type EncodableRequestOf<A extends Api> = Encodable<A['request']['fields']>;

export function defineApi<const Request extends Shape, const Response extends Shape>(declaration: {
  key: number;
  name: string;
  versions: string;
  advertised?: boolean;
  answeredFrom?: number;
  flexible: number | 'never';
  request: Request;
  response: Response;
}): Api<Request, Response> {
  const { key, name, request, response } = declaration;
  const versions = parseVersions(declaration.versions);
  assert(Number.isFinite(versions.max), `${name} must say its newest version`);
  const flexibleFrom = declaration.flexible === 'never' ? Number.POSITIVE_INFINITY : declaration.flexible;
  return {
    key,
    name,
    versions,
    advertised: declaration.advertised ?? true,
    answeredFrom: declaration.answeredFrom ?? versions.min,
    flexibleFrom,
    request: { name: `${name}Request`, versions, flexibleFrom, fields: request },
    response: { name: `${name}Response`, versions, flexibleFrom, fields: response },
  };
}

/** A value kept in a log or inside another message: an int16, then the fields of that version. */
export interface RecordSchema<S extends Shape = Shape> extends Schema<S> {
  /** What the int16 in front says: a fixed type number (keys of `__consumer_offsets`), or null for the version. */
  readonly typeNumber: number | null;
  /** True where a version newer than ours reads as our newest, because newer ones only append fields. */
  readonly newerReadsAsNewest: boolean;
}

export type RecordOf<R extends RecordSchema> = Decoded<R['fields']>;
export type EncodableRecordOf<R extends RecordSchema> = Encodable<R['fields']>;

export function defineRecord<const S extends Shape>(declaration: {
  name: string;
  versions: string;
  flexible: number | 'never';
  typeNumber?: number;
  newerReadsAsNewest?: boolean;
  fields: S;
}): RecordSchema<S> {
  const { name, fields, typeNumber = null, newerReadsAsNewest = false } = declaration;
  const versions = parseVersions(declaration.versions);
  const flexibleFrom = declaration.flexible === 'never' ? Number.POSITIVE_INFINITY : declaration.flexible;
  return { name, versions, flexibleFrom, typeNumber, newerReadsAsNewest, fields };
}
