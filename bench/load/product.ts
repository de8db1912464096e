/** Starts Millrace itself, as a user would. Runs in the process of `millrace bench`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openWhenUp } from './admin.js';
import type { Contender, FlushPolicy, FreshBroker } from './broker.js';
import { Child, freePort } from './child.js';

const entry = fileURLToPath(new URL('../../src/main.js', import.meta.url));

interface Variant {
  readonly name: string;
  readonly onlyCells: string | null;
  readonly environment?: NodeJS.ProcessEnv;
}

/** As it comes. */
export const asItComes: Variant = { name: 'Millrace', onlyCells: null };

/** As it is where koffi does not load or a socket is encrypted: file ranges are copied instead of sent by the kernel. */
export const copyPath: Variant = {
  name: 'Millrace, copy path',
  onlyCells: 'fetch',
  environment: { ...process.env, MILLRACE_NO_KOFFI: '1' },
};

/** `directory` is where the data folders go; they are removed at the end. */
export function millrace(variant: Variant, directory: string, extraOverrides: readonly string[]): Contender {
  const all: FreshBroker[] = [];
  const serving = new Map<FlushPolicy, Promise<FreshBroker>>();

  const start = async (flush: FlushPolicy): Promise<FreshBroker> => {
    const home = await mkdtemp(join(directory, 'millrace-'));
    const port = await freePort();
    const overrides = [
      `listeners=PLAINTEXT://127.0.0.1:${port}`,
      `log.dirs=${join(home, 'data')}`,
      `flush=${flush}`,
      ...extraOverrides,
    ];
    const args = [entry, 'serve', ...overrides.flatMap((override) => ['--override', override])];
    const child = new Child(variant.name, process.execPath, args, variant.environment).discardOutput();
    const fresh: FreshBroker = {
      host: '127.0.0.1',
      port,
      pid: child.pid,
      startedMs: child.startedMs,
      check: () => child.check(),
      async close() {
        await child.stop();
        await rm(home, { recursive: true, force: true });
      },
    };
    all.push(fresh);
    return fresh;
  };

  return {
    name: variant.name,
    onlyCells: variant.onlyCells,
    async broker(flush) {
      let broker = serving.get(flush);
      if (broker === undefined) {
        broker = start(flush).then(async (fresh) => {
          (await openWhenUp(fresh.host, fresh.port, fresh.check)).close();
          return fresh;
        });
        serving.set(flush, broker);
      }
      return broker;
    },
    topicConfigs: () => [],
    startFresh: () => start('ack'),
    async close() {
      for (const fresh of all) await fresh.close();
    },
  };
}
