/** Where the logs of a topic end at this moment. Runs in the load client. */
import { listOffsets } from '../../src/protocol/messages/02-list-offsets.js';
import { Admin } from './admin.js';

const LATEST = -1;

/** By partition. Rejects where the broker does not tell. */
export async function logEnds(host: string, port: number, topic: string, partitions: number): Promise<number[]> {
  const admin = await Admin.open(host, port);
  try {
    const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: LATEST }));
    const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions: asked }] };
    const { topics } = await admin.ask(listOffsets, 5, request);
    const ends = new Array<number>(partitions).fill(0);
    for (const { partitionIndex, errorCode, offset } of topics[0].partitions) {
      if (errorCode !== 'NONE')
        throw new Error(`ListOffsets of ${topic}-${partitionIndex} was answered with ${errorCode}`);
      ends[partitionIndex] = offset;
    }
    return ends;
  } finally {
    admin.close();
  }
}
