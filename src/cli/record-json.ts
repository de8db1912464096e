/** Records as JSON lines, in the envelope that kcat's -J prints; the same goes back in through `produce --json`. */
import { isUtf8 } from 'node:buffer';
import type { LogRecord, NewRecord, RecordHeader } from '../record/record.js';
import { CliError } from './cli-error.js';

/** Bytes that are no text go into a field of their own, because JSON has no other way to keep them. */
interface Envelope {
  topic?: string;
  partition?: number;
  offset?: number;
  tstype?: 'create' | 'logappend';
  ts?: number;
  /** Name, value, name, value … */
  headers?: (string | null)[];
  key?: string | null;
  keyBase64?: string;
  payload?: string | null;
  payloadBase64?: string;
}

export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly logAppendTime: boolean;
}

function field(name: 'key' | 'payload', bytes: Buffer | null): Envelope {
  if (bytes === null) return { [name]: null };
  return isUtf8(bytes) ? { [name]: bytes.toString() } : { [`${name}Base64`]: bytes.toString('base64') };
}

export function recordToJson(record: LogRecord, { topic, partition, logAppendTime }: Place): string {
  const envelope: Envelope = {
    topic,
    partition,
    offset: record.offset,
    tstype: logAppendTime ? 'logappend' : 'create',
    ts: record.timestampMs,
    ...(record.headers.length > 0 && {
      headers: record.headers.flatMap(({ key, value }) => [key.toString(), value === null ? null : value.toString()]),
    }),
    ...field('key', record.key),
    ...field('payload', record.value),
  };
  return JSON.stringify(envelope);
}

function bytesOf(text: string | null | undefined, base64: string | undefined): Buffer | null {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return text === undefined || text === null ? null : Buffer.from(String(text));
}

function headersOf(flat: readonly (string | null)[] = []): RecordHeader[] {
  const headers: RecordHeader[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    headers.push({ key: flat[at] ?? '', value: bytesOf(flat[at + 1], undefined) });
  }
  return headers;
}

/**
 * Key, value, headers and time of one record. Where it once lay says nothing about where it goes: topic, partition and
 * offset are left aside. Throws a {@link CliError} where `line` is no such object.
 */
export function recordFromJson(line: string): NewRecord {
  let envelope: Envelope;
  try {
    envelope = JSON.parse(line);
  } catch (error) {
    throw new CliError(`A line is no JSON: ${(error as Error).message}: ${line.slice(0, 80)}`);
  }
  if (typeof envelope !== 'object' || envelope === null || Array.isArray(envelope)) {
    throw new CliError(`A line is no JSON object: ${line.slice(0, 80)}`);
  }
  return {
    key: bytesOf(envelope.key, envelope.keyBase64),
    value: bytesOf(envelope.payload, envelope.payloadBase64),
    headers: headersOf(envelope.headers),
    ...(typeof envelope.ts === 'number' && envelope.ts >= 0 && { timestampMs: envelope.ts }),
  };
}
