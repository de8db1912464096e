/** Settings that must fit each other: each limit knows its neighbours. Checked once, at start. */
import { resolve } from 'node:path';
import type { BrokerConfig } from './broker-config.js';
import type { BrokerSettingName } from './broker-settings.js';
import { ConfigError } from './config-error.js';
import { parseProtocolMap } from './listeners.js';
import { BadValueError } from './setting.js';

function where(config: BrokerConfig, name: BrokerSettingName): string {
  const { place } = config.origin(name);
  return place ? `${place}: ${name}` : name;
}

function refuse(config: BrokerConfig, name: BrokerSettingName, sentence: string): never {
  throw new ConfigError(`${where(config, name)} ${sentence}`);
}

function protocolsOf(config: BrokerConfig): Map<string, string> {
  try {
    return parseProtocolMap(config.get('listener.security.protocol.map'));
  } catch (error) {
    if (!(error instanceof BadValueError)) throw error;
    return refuse(config, 'listener.security.protocol.map', error.message);
  }
}

function checkListeners(config: BrokerConfig): void {
  if (config.listeners.length === 0) refuse(config, 'listeners', 'must name at least one address to listen on');
  const protocols = protocolsOf(config);
  const names = new Set<string>();
  for (const { name, port } of config.listeners) {
    const protocol = protocols.get(name);
    if (protocol === undefined) {
      refuse(config, 'listeners', `names ${name}, which listener.security.protocol.map does not have`);
    }
    if (protocol !== 'PLAINTEXT') {
      refuse(config, 'listeners', `asks for ${protocol} (${name}); only PLAINTEXT is spoken`);
    }
    if (names.has(name)) refuse(config, 'listeners', `names ${name} twice`);
    names.add(name);
    const twins = config.listeners.filter((other) => other.port === port && port !== 0);
    if (new Set(twins.map((twin) => twin.host)).size < twins.length) {
      refuse(config, 'listeners', `uses port ${port} twice`);
    }
  }
  for (const { name, host, port } of config.advertisedListeners ?? []) {
    if (!names.has(name)) refuse(config, 'advertised.listeners', `names ${name}, which is not among the listeners`);
    if (host === '0.0.0.0' || host === '::' || host === '') {
      refuse(config, 'advertised.listeners', `has "${host}", an address that no client can connect to`);
    }
    if (port === 0) refuse(config, 'advertised.listeners', 'needs a port that clients can connect to');
  }
}

function checkSizes(config: BrokerConfig): void {
  const batchBytesMax = config.get('message.max.bytes');
  if (batchBytesMax > config.batchBytesMax) {
    const sentence = `must be at most ${config.batchBytesMax}, half of ring.bytes, but is ${batchBytesMax}`;
    refuse(config, 'message.max.bytes', sentence);
  }
  const requestBytesMax = config.get('socket.request.max.bytes');
  if (requestBytesMax < batchBytesMax) {
    const sentence = `must hold the largest batch (message.max.bytes, ${batchBytesMax}), but is ${requestBytesMax}`;
    refuse(config, 'socket.request.max.bytes', sentence);
  }
}

function checkGroups(config: BrokerConfig): void {
  const minMs = config.get('group.min.session.timeout.ms');
  const maxMs = config.get('group.max.session.timeout.ms');
  if (minMs > maxMs) {
    const sentence = `(${minMs}) must not be above group.max.session.timeout.ms (${maxMs})`;
    refuse(config, 'group.min.session.timeout.ms', sentence);
  }
}

/** Each of these lies between its `min` and its `max`. */
function checkBetween(config: BrokerConfig): void {
  for (const [name, least, most] of [
    [
      'group.consumer.session.timeout.ms',
      'group.consumer.min.session.timeout.ms',
      'group.consumer.max.session.timeout.ms',
    ],
    [
      'group.consumer.heartbeat.interval.ms',
      'group.consumer.min.heartbeat.interval.ms',
      'group.consumer.max.heartbeat.interval.ms',
    ],
    ['group.share.session.timeout.ms', 'group.share.min.session.timeout.ms', 'group.share.max.session.timeout.ms'],
    [
      'group.share.heartbeat.interval.ms',
      'group.share.min.heartbeat.interval.ms',
      'group.share.max.heartbeat.interval.ms',
    ],
    [
      'group.share.record.lock.duration.ms',
      'group.share.min.record.lock.duration.ms',
      'group.share.max.record.lock.duration.ms',
    ],
    [
      'group.share.delivery.count.limit',
      'group.share.min.delivery.count.limit',
      'group.share.max.delivery.count.limit',
    ],
    [
      'group.share.partition.max.record.locks',
      'group.share.min.partition.max.record.locks',
      'group.share.max.partition.max.record.locks',
    ],
  ] as const) {
    const [value, min, max] = [config.get(name), config.get(least), config.get(most)];
    if (value >= min && value <= max) continue;
    refuse(config, name, `(${value}) must lie between ${least} (${min}) and ${most} (${max})`);
  }
}

function checkHeartbeats(config: BrokerConfig): void {
  for (const [interval, session] of [
    ['group.consumer.heartbeat.interval.ms', 'group.consumer.session.timeout.ms'],
    ['group.share.heartbeat.interval.ms', 'group.share.session.timeout.ms'],
  ] as const) {
    const [intervalMs, sessionMs] = [config.get(interval), config.get(session)];
    if (intervalMs < sessionMs) continue;
    refuse(config, interval, `(${intervalMs}) must be below ${session} (${sessionMs})`);
  }
  if (config.get('group.consumer.assignors').length === 0) {
    refuse(config, 'group.consumer.assignors', 'must name at least one');
  }
}

function checkFolders(config: BrokerConfig): void {
  const folders = config.dataDirectories;
  if (folders.length === 0 || folders.includes('')) refuse(config, 'log.dirs', 'must name a folder');
  if (new Set(folders.map((folder) => resolve(folder))).size < folders.length) {
    refuse(config, 'log.dirs', 'must name each folder once');
  }
}

/** Throws a {@link ConfigError} on what cannot work; returns sentences about what works otherwise than it looks. */
export function checkRelations(config: BrokerConfig): string[] {
  checkListeners(config);
  checkSizes(config);
  checkGroups(config);
  checkBetween(config);
  checkHeartbeats(config);
  checkFolders(config);
  const warnings: string[] = [];
  for (const name of ['log.flush.interval.messages', 'log.flush.interval.ms'] as const) {
    if (config.isSet(name) && config.get('flush') !== 'interval') {
      warnings.push(`${where(config, name)} has no effect while flush=${config.get('flush')}.`);
    }
  }
  for (const name of [
    'default.replication.factor',
    'offsets.topic.replication.factor',
    'min.insync.replicas',
  ] as const) {
    const wanted = config.get(name);
    if (wanted > 1) warnings.push(`${where(config, name)} is ${wanted}, but counts as 1: there is one node.`);
  }
  if (config.get('default.replication.factor') > 1 && config.get('replication.factor.strict')) {
    refuse(config, 'default.replication.factor', 'must be 1 while replication.factor.strict=true');
  }
  return warnings;
}
