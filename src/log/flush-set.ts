/** What one group commit has to make durable: descriptors of logs and folders with new names. Filled by logs on a shard. */

export class FlushSet {
  /** Descriptors to be synced; each stays open until its log hears `onFlushed`. */
  readonly files: number[] = [];
  /** Folders whose entries changed; a file in a folder that is not durable is not durable either. */
  readonly directories: string[] = [];

  addFile(fd: number): void {
    this.files.push(fd);
  }

  addDirectory(path: string): void {
    if (!this.directories.includes(path)) this.directories.push(path);
  }

  get isEmpty(): boolean {
    return this.files.length === 0 && this.directories.length === 0;
  }

  clear(): void {
    this.files.length = 0;
    this.directories.length = 0;
  }
}
