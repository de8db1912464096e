/** Hands out producer ids that no earlier run of this node has handed out. Main thread. */
import type { Catalogue } from './catalogue.js';

/** As in Kafka: a crash skips at most this many ids of an int64 space. */
const BLOCK_IDS = 1000;

export class ProducerIds {
  readonly #catalogue: Catalogue;
  #next = 0;
  #end = 0;
  #reserving: Promise<void> | null = null;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** A fresh id. Waits only where a new block must be reserved first; rejects with KafkaError where that fails. */
  async next(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#reserving ??= this.#reserve().finally(() => {
        this.#reserving = null;
      });
      await this.#reserving;
    }
    return this.#next++;
  }

  async #reserve(): Promise<void> {
    await this.#catalogue.exclusive('producer-ids', async () => {
      const first = this.#catalogue.producerIdsReservedBelow;
      const reservedBelow = first + BLOCK_IDS;
      await this.#catalogue.write('producer-ids', { type: 'producer-ids', version: 1, reservedBelow });
      this.#next = first;
      this.#end = reservedBelow;
    });
  }
}
