/** Our declarations against the field lists of Apache Kafka 4.3.1, field by field in every version that we speak. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Field, parseVersions, type Schema, type Shape, within } from '../../src/protocol/schema.js';
import { projectRoot } from '../project-root.js';
import { everyKafkaApi, everyRecord, versionsOf } from './every-message.js';

interface TheirField {
  name: string;
  type: string;
  versions: string;
  nullableVersions?: string;
  taggedVersions?: string;
  tag?: number;
  default?: string | number | boolean | null;
  fields?: TheirField[];
}

interface TheirMessage {
  apiKey?: number;
  type: string;
  validVersions: string;
  flexibleVersions: string;
  fields: TheirField[];
  commonStructs?: TheirField[];
}

/** A field as both sides can be told in one version. */
interface Plain {
  name: string;
  kind: string;
  nullable: boolean;
  tag: number | null;
  absent: unknown;
  fields?: Plain[];
}

const folder = join(projectRoot, '..', 'shared', 'reference', 'kafka-messages');
/** A release's own file wins over the later one. */
const subfolders = ['protocol-4.3.1-where-different', 'protocol', 'group-coordinator', 'share-coordinator'];

function read(name: string): TheirMessage {
  const path = subfolders.map((each) => join(folder, each, `${name}.json`)).find(existsSync);
  assert(path, `no reference for ${name}`);
  return JSON.parse(readFileSync(path, 'utf8').replace(/(^|\s)\/\/.*$/gm, '$1')) as TheirMessage;
}

const has = (range: string | undefined, version: number): boolean =>
  range !== undefined && range !== 'none' && within(parseVersions(range), version);

function theirDefault(field: TheirField): unknown {
  // null itself is no default there: "null" is.
  const given = field.default === undefined || field.default === null ? undefined : String(field.default);
  if (given === 'null') return null;
  if (field.type.startsWith('[]')) return [];
  switch (field.type) {
    case 'bool':
      return given === 'true' || given === 'True';
    case 'string':
      return given ?? '';
    case 'uuid':
      return 'AAAAAAAAAAAAAAAAAAAAAA';
    case 'bytes':
    case 'records':
      return 'empty';
    default:
      return field.type[0] === field.type[0].toUpperCase() ? 'struct' : Number(given ?? 0);
  }
}

function theirs(message: TheirMessage, fields: TheirField[], version: number): Plain[] {
  return fields
    .filter((field) => has(field.versions, version))
    .map((field) => {
      const base = field.type.replace('[]', '');
      const inner = field.fields ?? message.commonStructs?.find((each) => each.name === base)?.fields;
      return {
        name: field.name[0].toLowerCase() + field.name.slice(1),
        kind: inner === undefined ? field.type : field.type.startsWith('[]') ? '[]struct' : 'struct',
        nullable: has(field.nullableVersions, version),
        tag: has(field.taggedVersions, version) ? field.tag! : null,
        absent: theirDefault(field),
        ...(inner && { fields: theirs(message, inner, version) }),
      };
    });
}

function ourDefault(field: Field): unknown {
  if (field.absent === null) return null;
  if (field.kind === 'bytes' || field.kind === 'records') return 'empty';
  if (field.kind === 'struct') return 'struct';
  return field.kind === 'errorCode' ? 0 : field.absent;
}

function ours(shape: Shape, version: number): Plain[] {
  return Object.entries(shape)
    .filter(([, field]) => within(field.versions, version))
    .map(([name, field]) => ({
      name,
      kind: `${field.kind === 'array' ? '[]' : ''}${wireKind(field.kind === 'array' && field.element ? field.element : field)}`,
      nullable: within(field.nullable, version),
      tag: field.tag,
      absent: ourDefault(field),
      ...(field.shape && { fields: ours(field.shape, version) }),
    }));
}

function wireKind(field: Field): string {
  if (field.kind === 'errorCode') return 'int16';
  return field.kind === 'array' ? 'struct' : field.kind;
}

function compare(schema: Schema, name: string, message: TheirMessage): void {
  const flexible = message.flexibleVersions === 'none' ? null : parseVersions(message.flexibleVersions);
  for (const version of versionsOf(schema)) {
    assert.equal(version >= schema.flexibleFrom, within(flexible, version), `${name} v${version}: flexible`);
    assert.deepEqual(ours(schema.fields, version), theirs(message, message.fields, version), `${name} v${version}`);
  }
}

const present = existsSync(folder);
const absentReason = `no message definitions at ${folder}`;

for (const api of everyKafkaApi) {
  test(`${api.name} is what Kafka 4.3.1 speaks`, (t) => {
    if (!present) return t.skip(absentReason);
    const request = read(`${api.name}Request`);
    assert.equal(request.apiKey, api.key);
    const valid = parseVersions(request.validVersions);
    assert.equal(api.answeredFrom, valid.min, 'oldest version');
    // One version of theirs is unfinished: InitProducerId 6.
    assert.equal(api.versions.max, api.name === 'InitProducerId' ? valid.max - 1 : valid.max, 'newest version');
    compare(api.request, `${api.name}Request`, request);
    compare(api.response, `${api.name}Response`, read(`${api.name}Response`));
  });
}

for (const schema of everyRecord) {
  test(`${schema.name} is what Kafka 4.3.1 stores`, (t) => {
    if (!present) return t.skip(absentReason);
    const message = read(schema.name);
    assert.deepEqual(schema.versions, parseVersions(message.validVersions));
    assert.equal(schema.typeNumber, message.type === 'coordinator-key' ? message.apiKey : null);
    compare(schema, schema.name, message);
  });
}
