/** Starts Millrace itself, as a user would. Runs in the process of `millrace bench`. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openWhenUp } from './admin.js';
import type { Contender, FlushPolicy, FreshBroker, WatchedBroker } from './broker.js';
import { BrokerProcess, type Launch } from './broker-process.js';
import { freePort } from './child.js';
import { collectingMs, watchedEnvironment, watchedFlags } from './stalls.js';

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

class WatchedMillrace extends BrokerProcess implements WatchedBroker {
  constructor(
    launch: Launch,
    readonly stallFile: string,
  ) {
    super({ ...launch, keepOutput: true });
  }

  async collectingMs(fromMs: number, toMs: number): Promise<number> {
    // What V8 prints is kept back in the process until it ends.
    await this.end('SIGTERM');
    return collectingMs(this.child.output, fromMs, toMs);
  }
}

/** `directory` is where the data folders go; they are removed at the end. `warmUp` is run once against each long-lived broker. */
export function millrace(
  variant: Variant,
  directory: string,
  extraOverrides: readonly string[],
  warmUp: (broker: FreshBroker) => Promise<void>,
): Contender {
  const all: FreshBroker[] = [];
  const serving = new Map<FlushPolicy, Promise<FreshBroker>>();

  const launch = async (flush: FlushPolicy): Promise<Launch> => {
    const home = await mkdtemp(join(directory, 'millrace-'));
    const port = await freePort();
    const overrides = [
      `listeners=PLAINTEXT://127.0.0.1:${port}`,
      `log.dirs=${join(home, 'data')}`,
      `flush=${flush}`,
      ...extraOverrides,
    ];
    const args = [entry, 'serve', ...overrides.flatMap((override) => ['--override', override])];
    return { name: variant.name, command: process.execPath, args, environment: variant.environment, port, home };
  };
  const keep = <B extends FreshBroker>(fresh: B): B => {
    all.push(fresh);
    return fresh;
  };

  return {
    name: variant.name,
    role: 'product',
    onlyCells: variant.onlyCells,
    async broker(flush) {
      let broker = serving.get(flush);
      if (broker === undefined) {
        broker = launch(flush).then(async (given) => {
          const fresh = keep(new BrokerProcess(given));
          (await openWhenUp(fresh.host, fresh.port, () => fresh.check())).close();
          await warmUp(fresh);
          return fresh;
        });
        serving.set(flush, broker);
      }
      return broker;
    },
    topicConfigs: () => [],
    startFresh: async (flush) => keep(new BrokerProcess(await launch(flush))),
    async startWatched(flush) {
      const given = await launch(flush);
      const path = join(given.home, 'stalls.json');
      const environment = { ...given.environment, ...watchedEnvironment(path) };
      return keep(new WatchedMillrace({ ...given, args: [...watchedFlags, ...given.args], environment }, path));
    },
    async close() {
      for (const fresh of all) await fresh.close();
    },
  };
}
