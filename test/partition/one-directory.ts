/** A data folder as a clean run left it, without a claim on the disk: for tests of what happens above it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '../../src/base/logger.js';
import { CLAIM_MARK_FILE, type ClaimedDirectory } from '../../src/log/data-directory.js';
import { nodeFileSystem } from '../../src/log/file-system.js';
import { LogDirectories } from '../../src/log/log-directories.js';

export function oneDirectory(path: string, earlier: Partial<ClaimedDirectory> = {}): LogDirectories {
  const parts = { files: nodeFileSystem, logger: silentLogger, nodeId: 1, clusterId: null };
  const directories = new LogDirectories({ ...parts, catalogueFolder: '__millrace_catalogue-0' }, [path]);
  directories.first.claimed = {
    path,
    clusterId: 'of this test',
    directoryId: 'AAAAAAAAAAAAAAAAAAAAAQ',
    names: new Set(),
    clean: true,
    recoveryPoints: new Map(),
    logStartOffsets: new Map(),
    firstDirtyOffsets: new Map(),
    damagedRanges: new Map(),
    scrubs: new Map(),
    garbage: [],
    release: () => undefined,
    ...earlier,
  };
  return directories;
}

/** The folder as a shard wants to find it before it makes anything in there. */
export function markClaimed(path: string): void {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, CLAIM_MARK_FILE), '');
}
