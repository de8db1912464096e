/** Brings a sealed segment to disk off its shard's thread, for logs whose appends wait for no disk. Side-job pool. */
import { dirname } from 'node:path';
import type { SealedFlush, SealedFlushJob } from '../base/sealed-flush.js';
import { readPartitionTopicId } from './checkpoint.js';
import { type FileSystem, nodeFileSystem } from './file-system.js';
import { codeOf, flushing, StorageError } from './storage-error.js';

/**
 * The segment, the entries of its partition's folder, and that folder's own entry: a new partition's folder may never have
 * been brought to disk by anybody else. Null where somebody deleted it meanwhile, also where there is another of its name:
 * whose flush fails must hear of it, and the system tells but once. @throws what the system says where the file cannot be
 * opened: then nothing is lost.
 */
export function flushSealed({ path, topicId }: SealedFlushJob, files: FileSystem = nodeFileSystem): SealedFlush | null {
  let fd: number;
  try {
    fd = files.open(path, 'write');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  const directory = dirname(path);
  try {
    if (readPartitionTopicId(files, directory) !== topicId) return null;
    flushing(path, () => {
      files.fdatasync(fd);
      files.fsyncDirectory(directory);
      files.fsyncDirectory(dirname(directory));
    });
    return { failure: null };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return error.trouble === 'gone' ? null : { failure: error.message };
  } finally {
    files.close(fd);
  }
}
