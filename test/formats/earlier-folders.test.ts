/** R28: today's broker on the data folders of earlier releases: every record, offset, setting, commit and group is there. Test process. */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { initProducerId } from '../../src/protocol/messages/22-init-producer-id.js';
import { encodeBatch } from '../../src/record/record.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';
import { contentsOf } from './contents.js';
import {
  agelessOverrides,
  FORMATS_FOLDER,
  IDEMPOTENT_TOPIC,
  readStoredFolder,
  SHARE_TOPIC,
  type StoredFolder,
  storedReleases,
  takeShare,
} from './stored-folder.js';

/** What an orderly stop leaves for the next start; without it every log is scanned. */
const CLEAN_MARKER = '.kafka_cleanshutdown';

for (const release of storedReleases()) {
  for (const stop of ['an orderly stop', 'a crash'] as const) {
    test(`the data folder of release ${release}, as after ${stop}`, async (t) => {
      if (!brokerIsBuilt) return t.skip(noBroker);
      const dataDirectory = temporaryFolder('earlier');
      t.after(() => removeTemporaryFolder(dataDirectory));
      cpSync(join(FORMATS_FOLDER, release, 'data'), dataDirectory, { recursive: true });
      if (stop === 'a crash') rmSync(join(dataDirectory, CLEAN_MARKER));
      const stored = readStoredFolder(release);
      const broker = await BrokerProcess.start({ dataDirectory, overrides: agelessOverrides });
      t.after(() => broker.dispose());
      assert.deepEqual(await contentsOf(broker.bootstrap), stored.contents);
      const client = await KafkaClient.connect(broker.bootstrap);
      t.after(() => client.close());
      await goesOn(client, stored);
      // What it has written meanwhile it reads back, too.
      const after = await contentsOf(broker.bootstrap);
      await broker.restart();
      assert.deepEqual(await contentsOf(broker.bootstrap), after);
    });
  }
}

/** The states behind what can be listed: of producers, of the ids that were given out, of deliveries. */
async function goesOn(client: KafkaClient, { contents, deliveries }: StoredFolder): Promise<void> {
  const [{ batches, end }] = contents.topics[IDEMPOTENT_TOPIC].partitions;
  const last = batches[batches.length - 1];
  const { producerId, producerEpoch, baseSequence } = last;
  const count = last.records.length;
  const send = async (sequence: number) => {
    const records = Array.from({ length: count }, (_, i) => ({ value: Buffer.from(`new ${i}`), timestampMs: 1 }));
    const batch = encodeBatch({ records, producerId, producerEpoch, baseSequence: sequence });
    const topicData = [{ name: IDEMPOTENT_TOPIC, partitionData: [{ index: 0, records: batch }] }];
    const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData };
    const { responses } = await client.request(produce, request, { versionMax: 12 });
    const { errorCode, baseOffset } = responses[0].partitionResponses[0];
    return { errorCode, baseOffset };
  };
  const lastSent = { errorCode: 'NONE', baseOffset: last.lastOffset + 1 - count };
  assert.deepEqual(await send(baseSequence), lastSent, 'what is sent again is known');
  assert.equal((await send(baseSequence + 2 * count)).errorCode, 'OUT_OF_ORDER_SEQUENCE_NUMBER');
  assert.deepEqual(await send(baseSequence + count), { errorCode: 'NONE', baseOffset: end });

  const next = await client.request(initProducerId, { transactionalId: null, transactionTimeoutMs: 30_000 });
  assert.ok(next.producerId > producerId, 'no producer id is given out twice');

  const taken = await takeShare(client, 'a later worker', contents.topics[SHARE_TOPIC].id);
  assert.deepEqual(taken.deliveries, deliveries);
}
