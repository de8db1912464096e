/** franz-go against a live broker. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaClient } from '../../src/cli/client.js';
import { incrementalAlterConfigs } from '../../src/protocol/messages/44-incremental-alter-configs.js';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { goClient, noGoClient } from '../peers/go-client.js';
import { mustRun } from '../run-tool.js';
import { walkDrivenClient } from './driven-client.js';
import { assertSameRecords, fromJsonLines, logRecords, toJsonLines } from './log-records.js';

const GROUP_RESOURCE = 32;

test('franz-go', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const program = goClient();
  if (!program) return t.skip(noGoClient);
  const broker = await startLiveBroker(t);
  if (!broker) return;
  await walkDrivenClient(t, broker, 'go', [program]);

  await t.test('a share group is given each record until it accepts it', async (t) => {
    const sent = logRecords(t, 'Hadoop_2k.log', 1, 1_000);
    await mustRun(program, ['produce', broker.bootstrap, 'go-share', 'idempotent', 'zstd'], {
      input: toJsonLines(sent),
    });
    const client = await KafkaClient.connect(broker.bootstrap);
    const configs = [{ name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' }];
    const { responses } = await client.request(incrementalAlterConfigs, {
      resources: [{ resourceType: GROUP_RESOURCE, resourceName: 'go-sharers', configs }],
      validateOnly: false,
    });
    client.close();
    assert.equal(responses[0].errorCode, 'NONE');
    const accepted = fromJsonLines(
      await mustRun(program, ['share', broker.bootstrap, 'go-share', 'go-sharers', String(sent.length)]),
    );
    assertSameRecords(
      accepted.sort((a, b) => a.offset - b.offset),
      sent,
    );
  });
});
