/** Offsets as lines of `topic,partition,offset`, or of `group,topic,partition,offset`, as kafka-consumer-groups writes and reads them. */
import { CliError } from './cli-error.js';
import type { NewOffset } from './committed-offsets.js';

/** An offset, and the group that it is meant for; null is whichever group is asked for. */
export interface CsvOffset extends NewOffset {
  readonly groupId: string | null;
}

/** A field in quotes may hold commas, line ends and doubled quotes (RFC 4180). */
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

function* rowsOf(text: string): Generator<string[]> {
  let row: string[] = [];
  for (let at = 0; at < text.length; ) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(text);
    if (!match) throw new CliError(`line ${text.slice(0, at).split('\n').length} has a quote where none may stand`);
    const [all, quoted, plain, end] = match;
    at += all.length;
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ',') continue;
    yield row;
    row = [];
  }
  if (row.length > 0) yield row;
}

/** Throws a {@link CliError} that names the row that is no offset; rows count from 1, empty ones are passed over. */
export function offsetsFromCsv(text: string): CsvOffset[] {
  const offsets: CsvOffset[] = [];
  let count = 0;
  for (const row of rowsOf(text)) {
    count++;
    if (row.length === 1 && row[0].trim() === '') continue;
    const [groupId, topic, partition, offset] = row.length === 3 ? [null, ...row] : row;
    if (row.length < 3 || row.length > 4 || !/^\d+$/.test(partition ?? '') || !/^\d+$/.test(offset ?? '')) {
      throw new CliError(
        `row ${count} is "${row.join(',')}"; it must be topic,partition,offset or group,topic,partition,offset`,
      );
    }
    offsets.push({ groupId, topic: topic ?? '', partition: Number(partition), offset: Number(offset) });
  }
  return offsets;
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** With a column for the group where an offset says whose it is. */
export function offsetsToCsv(offsets: readonly CsvOffset[]): string {
  return offsets
    .map(({ groupId, topic, partition, offset }) => {
      const row = [topic, partition, offset].join(',');
      return `${groupId === null ? row : `${field(groupId)},${row}`}\n`;
    })
    .join('');
}
