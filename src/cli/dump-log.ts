/** `dump-log`: prints the record batches of segment files and says where a file is damaged. Needs no broker. */
import { KafkaError } from '../base/kafka-error.js';
import { nodeFileSystem } from '../log/file-system.js';
import { BATCH_HEADER_BYTES, NO_PRODUCER_ID } from '../record/batch-layout.js';
import { compressionName } from '../record/compression.js';
import { decodeRecords } from '../record/record.js';
import * as batch from '../record/record-batch.js';
import { CliError } from './cli-error.js';
import type { Host } from './host.js';
import { printLine } from './print.js';
import { recordToJson } from './record-json.js';

/** More than any batch that a broker takes: a larger size in a file is damage, not a reason to allocate. */
const BATCH_BYTES_MAX = 1024 * 1024 * 1024;

export interface DumpFlags {
  readonly records?: boolean;
  readonly json?: boolean;
}

interface BatchLine {
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly count: number;
  readonly bytes: number;
  readonly leaderEpoch: number;
  readonly maxTimestampMs: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly compression: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly valid: boolean;
}

function describe(bytes: Buffer, position: number): BatchLine {
  const size = batch.sizeOf(bytes, 0);
  return {
    position,
    baseOffset: batch.baseOffsetOf(bytes, 0),
    lastOffset: batch.lastOffsetOf(bytes, 0),
    count: batch.recordsCountOf(bytes, 0),
    bytes: size,
    leaderEpoch: batch.leaderEpochOf(bytes, 0),
    maxTimestampMs: batch.maxTimestampOf(bytes, 0),
    timestampType: batch.isLogAppendTime(bytes, 0) ? 'LogAppendTime' : 'CreateTime',
    compression: compressionName(batch.codecOf(bytes, 0)) ?? 'unknown',
    producerId: batch.producerIdOf(bytes, 0),
    producerEpoch: batch.producerEpochOf(bytes, 0),
    baseSequence: batch.baseSequenceOf(bytes, 0),
    transactional: batch.isTransactional(bytes, 0),
    control: batch.isControl(bytes, 0),
    valid: batch.computeCrc(bytes, 0, size) === batch.crcOf(bytes, 0),
  };
}

function printBatch(line: BatchLine, flags: DumpFlags, host: Host): void {
  if (flags.json) {
    printLine(host, JSON.stringify(line));
    return;
  }
  const { position, baseOffset, lastOffset, count, bytes, leaderEpoch, maxTimestampMs, compression, valid } = line;
  const producer =
    line.producerId === NO_PRODUCER_ID ? '' : ` producer ${line.producerId}/${line.producerEpoch}/${line.baseSequence}`;
  const marks = `${line.transactional ? ' transactional' : ''}${line.control ? ' control' : ''}`;
  printLine(
    host,
    `at ${position} offsets ${baseOffset}-${lastOffset} records ${count} bytes ${bytes} epoch ${leaderEpoch} ` +
      `${line.timestampType} ${maxTimestampMs} ${compression}${producer}${marks}${valid ? '' : ' CRC DOES NOT MATCH'}`,
  );
}

function printRecords(bytes: Buffer, host: Host): void {
  const logAppendTime = batch.isLogAppendTime(bytes, 0);
  for (const record of decodeRecords(bytes)) {
    printLine(host, recordToJson(record, { topic: '', partition: 0, logAppendTime }));
  }
}

/** Returns a sentence about the damage that stops the reading, or null at the end of the file. */
function dumpFile(path: string, flags: DumpFlags, host: Host): string | null {
  const files = nodeFileSystem;
  const fd = files.open(path, 'read');
  try {
    const size = files.stat(path)?.size ?? 0;
    const header = Buffer.alloc(BATCH_HEADER_BYTES);
    let damage: string | null = null;
    for (let position = 0; position < size; ) {
      const read = files.read(fd, header, 0, header.length, position);
      if (read < header.length) return `${path}: ${read} bytes at ${position} are too few for a batch.`;
      if (header.every((byte) => byte === 0)) return damage;
      const length = batch.sizeOf(header, 0);
      if (length < BATCH_HEADER_BYTES || length > BATCH_BYTES_MAX) {
        return `${path}: the batch at ${position} says that it is ${length} bytes long.`;
      }
      if (position + length > size) return `${path}: the batch at ${position} is cut off by the end of the file.`;
      const bytes = Buffer.alloc(length);
      files.read(fd, bytes, 0, length, position);
      const line = describe(bytes, position);
      printBatch(line, flags, host);
      if (!line.valid) damage ??= `${path}: the batch at ${position} is damaged.`;
      else if (flags.records) printRecords(bytes, host);
      position += length;
    }
    return damage;
  } finally {
    files.close(fd);
  }
}

/** Exit code 1 where a file is damaged or cannot be read. */
export async function dumpLogs(paths: readonly string[], flags: DumpFlags, host: Host): Promise<number> {
  let exitCode = 0;
  for (const path of paths) {
    if (!flags.json && paths.length > 1) printLine(host, `${path}:`);
    try {
      const damage = dumpFile(path, flags, host);
      if (damage) throw new CliError(damage);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (!(error instanceof CliError || error instanceof KafkaError) && code === undefined) throw error;
      host.stderr.write(`${message}\n`);
      exitCode = 1;
    }
  }
  return exitCode;
}
