/** What the rules of groups may ask of the world around them: time, chance, the log. Main thread. */
import type { Clock } from '../../base/clock.js';
import type { Deadlines } from '../../base/deadlines.js';
import type { ErrorName } from '../../base/error-code.js';
import type { Logger } from '../../base/logger.js';
import type { BrokerConfig } from '../../config/load.js';
import type { GroupValues } from '../../metadata/group-configs.js';
import type { Group } from './group.js';
import type { GroupRecord } from './group-record.js';

export interface GroupEnvironment {
  readonly config: Pick<BrokerConfig, 'get'>;
  readonly groupConfigs: GroupValues;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  /**
   * Replays the records into `group` before it returns, and resolves once they are on disk with NONE, or with what to
   * answer where they are not; the group is then read again from its log.
   */
  write(group: Group, records: readonly GroupRecord[]): Promise<ErrorName>;
  /** Resolves once all that the group shows is on disk, as `write` does; null where that is so already. */
  settled(group: Group): Promise<ErrorName> | null;
  /** Lets go of a group of which nothing is left, in memory or in the log. */
  forget(group: Group): void;
}
