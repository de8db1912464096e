/** `serve`: settings, broker, banner; runs until a signal or a failure, and says why in one sentence. */
import { resolve } from 'node:path';
import { createLogger } from '../base/logger.js';
import type { BrokerConfig } from '../config/broker-config.js';
import { isEveryInterface } from '../config/listeners.js';
import { loadConfig } from '../config/load.js';
import { type Broker, createBroker } from '../index.js';
import { DataDirectoryError } from '../log/data-directory.js';
import { CliError } from './cli-error.js';
import type { Host } from './host.js';
import { shellWord } from './shell-word.js';

export interface ServeFlags {
  readonly config?: string;
  readonly override: Readonly<Record<string, string>>;
}

const durability = {
  ack: 'acknowledged means on disk (flush=ack)',
  interval: 'acknowledged when written, readable when flushed (flush=interval)',
  never: 'left to the operating system: survives the process, not the power (flush=never)',
};

function banner(config: BrokerConfig, broker: Broker, host: Host): string {
  const everywhere = config.listeners.some(({ host }) => isEveryInterface(host)) ? ' and every other interface' : '';
  return [
    `Millrace is listening on ${broker.bootstrapServers}${everywhere}`,
    `  data        ${config.dataDirectories.map((folder) => resolve(folder)).join(', ')}`,
    `  shards      ${broker.shardCount}`,
    `  durability  ${durability[config.get('flush')]}`,
    `  try         echo hello | ${host.commandName} produce hello -b ${shellWord(broker.bootstrapServers.split(',')[0])}`,
    '',
  ].join('\n');
}

/** Refusals that people can act on become sentences; anything else is a fault of ours and keeps its stack. */
function startFailure(error: unknown): unknown {
  if (error instanceof DataDirectoryError) return new CliError(error.message);
  if (!(error instanceof Error)) return error;
  const { syscall } = (error.cause ?? error) as NodeJS.ErrnoException;
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return error;
  return new CliError(
    `Cannot listen on ${error.message}. Set listeners (or http.listener) to an address that is free.`,
  );
}

async function started(config: BrokerConfig): Promise<Broker> {
  try {
    const broker = await createBroker({ config, logger: createLogger(config.get('log.level')) });
    await broker.start();
    return broker;
  } catch (error) {
    throw startFailure(error);
  }
}

/** Resolves with the exit code once the broker has stopped: 0 after a signal, 1 where it could not go on. */
export async function serve(flags: ServeFlags, host: Host): Promise<number> {
  const { config, warnings } = loadConfig({ file: flags.config, env: host.env, overrides: flags.override });
  for (const warning of warnings) host.stderr.write(`${warning}\n`);
  // Heard from the start on: whoever stops a broker that still recovers wants it closed as well.
  const stopped = new Promise<void>((stop) => host.onStop(() => stop()));
  const broker = await started(config);
  host.stdout.write(banner(config, broker, host));
  const failed = new Promise<string>((fail) => broker.on('failed', fail));
  const reason = await Promise.race([stopped.then(() => null), failed]);
  await broker.close();
  if (reason === null) return 0;
  throw new CliError(`The broker could not go on: ${reason}`);
}
