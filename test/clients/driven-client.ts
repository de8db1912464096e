/** The same walk for every client program that takes verbs and JSON lines: produce, consume, group, admin. Test process. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { LiveBroker } from '../live-broker.js';
import { mustRun } from '../run-tool.js';
import { assertSameRecords, fromJsonLines, logRecords, toJsonLines } from './log-records.js';

/** Runs `command verb …` as the programs in test/clients/go and test/clients/python understand it. */
export async function walkDrivenClient(
  t: TestContext,
  broker: LiveBroker,
  name: string,
  command: readonly [string, ...string[]],
): Promise<void> {
  const [program, ...fixed] = command;
  const run = (args: readonly (string | number)[], input?: string) =>
    mustRun(program, [...fixed, ...args.map(String)], { input });

  for (const mode of ['plain', 'idempotent']) {
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      await t.test(`log lines come back as sent, ${mode}, codec ${codec}`, async (t) => {
        const sent = logRecords(t, 'Hadoop_2k.log', 1, 2_000);
        const topic = `${name}-${mode}-${codec}`;
        await run(['produce', broker.bootstrap, topic, mode, codec], toJsonLines(sent));
        assertSameRecords(fromJsonLines(await run(['consume', broker.bootstrap, topic, sent.length])), sent);
      });
    }
  }

  await t.test('a group continues after a restart where it had committed', async (t) => {
    const sent = logRecords(t, 'Spark_2k.log', 1, 1_000);
    const topic = `${name}-restart`;
    const group = async () => fromJsonLines(await run(['group', broker.bootstrap, topic, `${name}-group`, 500]));
    await run(['produce', broker.bootstrap, topic, 'idempotent', 'none'], toJsonLines(sent.slice(0, 500)));
    assertSameRecords(await group(), sent.slice(0, 500));
    await broker.restart();
    await run(['produce', broker.bootstrap, topic, 'idempotent', 'none'], toJsonLines(sent.slice(500)));
    assertSameRecords(await group(), sent.slice(500), 500);
  });

  await t.test('administers topics, configs, records, offsets and groups', async () => {
    assert.equal(await run(['admin', broker.bootstrap]), 'ok\n');
  });
}
