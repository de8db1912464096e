/** For programs that embed the broker: `createBroker(options)`, started and closed by its owner. Main thread of whoever calls. */
import { Broker, type BrokerEvents, type BrokerOptions } from './broker.js';
import { type BrokerConfig, loadConfig } from './config/load.js';

export type { Clock } from './base/clock.js';
export type { Logger } from './base/logger.js';
export type { HistogramSample, MetricFamily, MetricSample } from './metrics/metrics.js';
export type { Broker, BrokerConfig, BrokerEvents, BrokerOptions };

export interface CreateBrokerOptions extends Partial<BrokerOptions> {
  /** Settings as in Kafka's server.properties, for programs that do not load a configuration: `{ 'log.dirs': './data' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * A broker that is not started yet. Rejects with a ConfigError where a setting is wrong; what is only odd is told to the
 * logger. Several may live in one process, each on a data folder of its own.
 */
export async function createBroker(options: CreateBrokerOptions = {}): Promise<Broker> {
  if (options.config) return new Broker({ ...options, config: options.config });
  const { config, warnings } = loadConfig({ overrides: options.settings ?? {}, overridesPlace: 'settings' });
  for (const warning of warnings) options.logger?.warn({}, warning);
  return new Broker({ ...options, config });
}
