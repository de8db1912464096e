/** One partition on the main thread: its handle, who waits for it, and where its recent readers stand. */
import type { FilePosition, Offset } from '../base/units.js';
import type { OpenRequest } from '../ring/commands.js';
import type { PartitionHandle, PartitionState } from './partitions.js';

const PLACES_MAX = 8;

/** Where in the files an offset begins: learnt from the board or from a located read. */
interface Place {
  offset: Offset;
  segmentBase: Offset;
  position: FilePosition;
}

export class PartitionEntry implements PartitionHandle {
  state: PartitionState = 'opening';
  readonly listeners = new Set<() => void>();
  /** Settled when the partition was online for the first time, or could not be opened. */
  opened: Promise<void> = Promise.resolve();
  /** A few places where readers are expected next: a reader at the tail, or going through the log, asks the shard nothing. */
  private readonly places: Place[] = [];
  private nextPlace = 0;

  constructor(
    readonly shard: number,
    readonly slot: number,
    public spec: OpenRequest,
  ) {}

  get topic(): string {
    return this.spec.topic;
  }

  get topicId(): string {
    return this.spec.topicId;
  }

  get index(): number {
    return this.spec.index;
  }

  get directory(): string {
    return this.spec.directory;
  }

  placeOf(offset: Offset): Place | null {
    for (const place of this.places) if (place.offset === offset) return place;
    return null;
  }

  rememberPlace(offset: Offset, segmentBase: Offset, position: FilePosition): void {
    for (const place of this.places) {
      if (place.offset !== offset) continue;
      place.segmentBase = segmentBase;
      place.position = position;
      return;
    }
    if (this.places.length < PLACES_MAX) {
      this.places.push({ offset, segmentBase, position });
      return;
    }
    const place = this.places[this.nextPlace++ % PLACES_MAX];
    place.offset = offset;
    place.segmentBase = segmentBase;
    place.position = position;
  }

  /** After a shard's death or a storage error: files may have been cut. */
  forgetPlaces(): void {
    this.places.length = 0;
  }
}
