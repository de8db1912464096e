/** Names the things whose settings clients read and change. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { KafkaError } from '../base/kafka-error.js';
import type { DescribedSetting } from '../config/describe.js';
import { describeBroker, describeGroup, describeTopic } from '../config/describe.js';
import type { Services } from './handler.js';

/** Kafka's codes of the kinds that this node has. */
export const RESOURCE_TOPIC = 2;
export const RESOURCE_BROKER = 4;
/** A kind that clients may list by default, of which there is none here. */
export const RESOURCE_CLIENT_METRICS = 16;
/** Groups of any protocol (KIP-848, KIP-932). */
export const RESOURCE_GROUP = 32;

export interface ConfigResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** `topic` and `group` by name, or this `broker`: by its id, or by the empty name that stands for all brokers. */
export type ConfigOwner = { readonly kind: 'topic' | 'group'; readonly name: string } | { readonly kind: 'broker' };

/** Throws a KafkaError where there is no such thing. */
export function configOwner({ resourceType, resourceName }: ConfigResource, { topics }: Services): ConfigOwner {
  if (resourceType === RESOURCE_TOPIC) {
    if (topics.get(resourceName) === undefined) {
      throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic '${resourceName}'.`);
    }
    return { kind: 'topic', name: resourceName };
  }
  if (resourceType === RESOURCE_BROKER) {
    const { nodeId } = topics.config;
    if (resourceName !== '' && resourceName !== String(nodeId)) {
      throw new KafkaError('INVALID_REQUEST', `Broker '${resourceName}' is not here: this is broker ${nodeId}.`);
    }
    return { kind: 'broker' };
  }
  if (resourceType === RESOURCE_GROUP) {
    // It need not be there: settings may be made before its first member comes.
    if (resourceName === '') throw new KafkaError('INVALID_REQUEST', 'A group has a name.');
    return { kind: 'group', name: resourceName };
  }
  throw new KafkaError('INVALID_REQUEST', `Resources of type ${resourceType} have no settings on this node.`);
}

/** Every setting of `owner` as it holds now. */
export function describedSettings(owner: ConfigOwner, { topics, groupConfigs }: Services): DescribedSetting[] {
  if (owner.kind === 'broker') return describeBroker(topics.config);
  if (owner.kind === 'group') return describeGroup(topics.config, groupConfigs.of(owner.name));
  return describeTopic(topics.config, topics.get(owner.name)?.configs ?? new Map());
}

export interface ResourceAnswer extends ConfigResource {
  readonly errorCode: ErrorName;
  readonly errorMessage: string | null;
}

/** What tells one resource of a request from another. */
export function resourceKey({ resourceType, resourceName }: ConfigResource): string {
  return `${resourceType} ${resourceName}`;
}
