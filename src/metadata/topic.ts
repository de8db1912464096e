/** A topic as everyone on the main thread sees it. Only the registry changes it. */
import type { Uuid } from '../base/uuid.js';
import type { LogConfig } from '../config/log-config.js';
import type { PartitionHandle } from '../partition/partitions.js';

/** Identity is by object, for as long as the topic lives. */
export interface Topic {
  readonly name: string;
  readonly id: Uuid;
  /** Written by the broker itself; clients may only read it. */
  readonly internal: boolean;
  /** By partition index, without holes. */
  readonly partitions: readonly PartitionHandle[];
  /** Only what the topic sets itself. */
  readonly configs: ReadonlyMap<string, string>;
  readonly logConfig: LogConfig;
}

export interface TopicCreation {
  readonly name: string;
  /** How many; at least 1. */
  readonly partitions: number;
  readonly configs?: ReadonlyMap<string, string>;
  readonly internal?: boolean;
  /** Only checks. The topic that comes back is not registered, and has no partitions and no id. */
  readonly validateOnly?: boolean;
}

/** New values by name; null takes a value away, so that the default counts again. */
export type ConfigChanges = ReadonlyMap<string, string | null>;

/** Changes that depend on what is set now (AlterConfigs replaces, APPEND and SUBTRACT edit). May throw KafkaError. */
export type ConfigEdit = (current: ReadonlyMap<string, string>) => ConfigChanges;

/** What is set once `changes` are made. */
export function merged(current: ReadonlyMap<string, string>, changes: ConfigChanges): Map<string, string> {
  const configs = new Map(current);
  for (const [name, value] of changes) {
    if (value === null) configs.delete(name);
    else configs.set(name, value);
  }
  return configs;
}
