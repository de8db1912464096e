/** The broker's settings for share groups (KIP-932). Main thread. */
import { MiB } from '../base/units.js';
import { int, long } from './setting.js';

export const shareSettings = {
  'group.share.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    doc: 'How long a member of a share group (KIP-932) may be silent before it counts as gone.',
  }),
  'group.share.min.session.timeout.ms': int({
    default: 45_000,
    min: 1,
    doc: 'Smallest value of group.share.session.timeout.ms.',
  }),
  'group.share.max.session.timeout.ms': int({
    default: 60_000,
    min: 1,
    doc: 'Largest value of group.share.session.timeout.ms.',
  }),
  'group.share.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    doc: 'How often members of share groups are told to heartbeat.',
  }),
  'group.share.min.heartbeat.interval.ms': int({
    default: 5000,
    min: 1,
    doc: 'Smallest value of group.share.heartbeat.interval.ms.',
  }),
  'group.share.max.heartbeat.interval.ms': int({
    default: 15_000,
    min: 1,
    doc: 'Largest value of group.share.heartbeat.interval.ms.',
  }),
  'group.share.max.size': int({ default: 200, min: 1, max: 1000, doc: 'Members that a share group may have.' }),
  'group.share.max.share.sessions': int({
    default: 2000,
    min: 1,
    doc: 'Members of all share groups together that may fetch at one time.',
  }),
  'group.share.record.lock.duration.ms': int({
    default: 30_000,
    min: 1000,
    max: 3_600_000,
    doc: 'How long a record that a member acquired is kept for it.',
  }),
  'group.share.min.record.lock.duration.ms': int({
    default: 15_000,
    min: 1000,
    max: 30_000,
    doc: 'Smallest value of group.share.record.lock.duration.ms.',
  }),
  'group.share.max.record.lock.duration.ms': int({
    default: 60_000,
    min: 30_000,
    max: 3_600_000,
    doc: 'Largest value of group.share.record.lock.duration.ms.',
  }),
  'group.share.delivery.count.limit': int({
    default: 5,
    min: 2,
    max: 10,
    doc: 'How often a record is delivered before it is given up.',
  }),
  'group.share.min.delivery.count.limit': int({
    default: 2,
    min: 2,
    max: 5,
    doc: 'Smallest value of group.share.delivery.count.limit.',
  }),
  'group.share.max.delivery.count.limit': int({
    default: 10,
    min: 5,
    max: 25,
    doc: 'Largest value of group.share.delivery.count.limit.',
  }),
  'group.share.partition.max.record.locks': int({
    default: 2000,
    min: 100,
    max: 10_000,
    doc: 'Records of one partition that a share group may have under way: acquired, or given back and not acquired again.',
  }),
  'group.share.min.partition.max.record.locks': int({
    default: 100,
    min: 100,
    max: 2000,
    doc: 'Smallest value of group.share.partition.max.record.locks.',
  }),
  'group.share.max.partition.max.record.locks': int({
    default: 4000,
    min: 2000,
    max: 10_000,
    doc: 'Largest value of group.share.partition.max.record.locks.',
  }),
  'share.coordinator.state.topic.num.partitions': int({
    default: 50,
    min: 1,
    doc: 'Partitions of __share_group_state, when it is made.',
  }),
  'share.coordinator.state.topic.segment.bytes': int({
    default: 100 * MiB,
    min: MiB,
    doc: 'Segment size of __share_group_state.',
  }),
  'share.coordinator.snapshot.update.records.per.snapshot': int({
    default: 500,
    min: 0,
    max: 500,
    doc: "Changes of a share group's state in one partition that are written before all of it is written anew.",
  }),
  'share.coordinator.state.topic.prune.interval.ms': long({
    default: 300_000,
    min: 1,
    doc: 'How often __share_group_state is rid of what newer state has replaced.',
  }),
} as const;
