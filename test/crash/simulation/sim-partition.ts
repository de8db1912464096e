/** One partition of a simulated node, as its main thread knows it. Test process. */
import type { OpenRequest } from '../../../src/ring/commands.js';
import type { PartitionModel } from './partition-model.js';

export class SimPartition {
  state: 'opening' | 'online' | 'offline' = 'opening';
  /** Its topic was deleted; it goes as soon as its shard can be asked. */
  deleting = false;
  removing = false;
  /** Its folder has another name; no thread opens it again. */
  unseated = false;
  /** Where the high watermark lay when the board was last looked at. */
  place: { readonly offset: number; readonly segmentBase: number; readonly position: number } | null = null;

  constructor(
    readonly shard: number,
    readonly slot: number,
    public spec: OpenRequest,
    readonly model: PartitionModel,
  ) {}

  get label(): string {
    return `${this.spec.topic}-${this.spec.index}`;
  }
}
