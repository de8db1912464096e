/** Fifty members of four groups, in three processes of other people's clients, and what they tell of themselves. Test process. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MemberEvent } from '../../history/ownership.js';
import { kafkaClassPath } from '../../peers/apache-kafka.js';
import { projectRoot } from '../../project-root.js';
import { type HostEvent, MemberHost, type Membership, monotonicMs, type Order } from './member-host.js';

export const TOPIC = 'stormy';
/** More than any group has members: each has something to do. */
export const PARTITIONS = 24;

type HostName = 'java' | 'python' | 'kafkajs';

interface Crew extends Omit<Membership, 'instance'> {
  readonly host: HostName;
  readonly members: number;
  /** How many of them have a group.instance.id. */
  readonly statics: number;
}

const crews: readonly Crew[] = [
  { host: 'java', group: 'eager', protocol: 'classic', assignor: 'range', members: 6, statics: 2 },
  { host: 'python', group: 'eager', protocol: 'classic', assignor: 'range', members: 6, statics: 2 },
  { host: 'java', group: 'cooperative', protocol: 'classic', assignor: 'cooperative-sticky', members: 6, statics: 2 },
  { host: 'python', group: 'cooperative', protocol: 'classic', assignor: 'cooperative-sticky', members: 6, statics: 2 },
  { host: 'java', group: 'consumer', protocol: 'consumer', assignor: 'uniform', members: 8, statics: 2 },
  // Who dies and is back before its session has ended is refused for good (UNRELEASED_INSTANCE_ID): none of these is static.
  { host: 'python', group: 'consumer', protocol: 'consumer', assignor: 'range', members: 8, statics: 0 },
  { host: 'kafkajs', group: 'kafkajs', protocol: 'classic', assignor: 'RoundRobinAssigner', members: 10, statics: 0 },
];

export const GROUPS: readonly string[] = [...new Set(crews.map(({ group }) => group))];

/** A place for one member, which comes and goes. */
export interface Slot extends Membership {
  readonly name: string;
  readonly host: HostName;
  state: 'down' | 'up' | 'stopping';
  readonly held: Set<number>;
}

function slots(): Slot[] {
  return crews.flatMap(({ members, statics, ...crew }) =>
    Array.from({ length: members }, (_, at): Slot => {
      const name = `${crew.group}-${crew.host}-${at}`;
      return { ...crew, name, instance: at < statics ? name : null, state: 'down', held: new Set() };
    }),
  );
}

export class Storm {
  readonly slots: readonly Slot[] = slots();
  readonly events: MemberEvent[] = [];
  /** What a client found that must not be. */
  readonly complaints: string[] = [];
  /** Of the last assignment that was given or taken. */
  lastMoveMs = 0;
  /** How many records each partition got, once the producer has finished. */
  ends: readonly number[] | null = null;
  /** By group: how far each partition was read. */
  readonly readTo: ReadonlyMap<string, Float64Array> = new Map(
    GROUPS.map((group) => [group, new Float64Array(PARTITIONS)]),
  );
  readonly #hosts = new Map<HostName, MemberHost>();
  readonly #byName = new Map(this.slots.map((slot) => [slot.name, slot]));
  readonly #waiting = new Set<() => void>();

  constructor(
    private readonly bootstrap: string,
    private readonly python: string,
  ) {}

  async begin(): Promise<void> {
    await Promise.all((['java', 'python', 'kafkajs'] as const).map((name) => this.#launch(name)));
    this.#tell('java', { do: 'produce' });
  }

  start({ name, group, protocol, assignor, instance, host }: Slot): void {
    this.#slot(name).state = 'up';
    this.#tell(host, { do: 'start', member: name, group, protocol, assignor, instance });
  }

  stop({ name, host }: Slot): void {
    this.#slot(name).state = 'stopping';
    this.#tell(host, { do: 'stop', member: name });
  }

  /** Its members die without a word, and it comes back without them. */
  async killHost(name: HostName): Promise<void> {
    await this.#hosts.get(name)?.kill9();
    for (const slot of this.slots.filter(({ host }) => host === name)) {
      if (slot.state !== 'down') this.#hear({ atMs: monotonicMs(), member: slot.name, tells: 'killed' });
      slot.state = 'down';
    }
    await this.#launch(name);
  }

  finish(): void {
    this.#tell('java', { do: 'finish' });
  }

  async end(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.kill9()));
  }

  /** Resolves when `condition` holds, which is asked at every event. @throws Error with what `explain` says, after `timeoutMs` */
  async until(condition: () => boolean, timeoutMs: number, explain: () => string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(ask);
        reject(new Error(`after ${timeoutMs} ms: ${explain()}`));
      }, timeoutMs);
      const ask = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(ask);
        resolve();
      };
      this.#waiting.add(ask);
    });
  }

  /** null where each member has something and each partition of each group one member. */
  unsettled(): string | null {
    const idle = this.slots.filter(({ state, held }) => state === 'up' && held.size === 0).map(({ name }) => name);
    if (idle.length > 0) return `${idle.join(', ')} hold nothing`;
    for (const group of GROUPS) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const holders = this.slots.filter((slot) => slot.group === group && slot.held.has(partition));
        if (holders.length === 1) continue;
        const names = holders.map(({ name }) => name).join(' and ') || 'nobody';
        return `partition ${partition} of group ${group} is held by ${names}`;
      }
    }
    return null;
  }

  /** null where every group has read all there is. */
  unread(): string | null {
    if (this.ends === null) return 'the producer has not finished';
    for (const [group, readTo] of this.readTo) {
      const at = this.ends.findIndex((end, partition) => readTo[partition] < end);
      if (at >= 0) return `group ${group} has read ${readTo[at]} of ${this.ends[at]} records of partition ${at}`;
    }
    return null;
  }

  #slot(name: string): Slot {
    const slot = this.#byName.get(name);
    if (!slot) throw new Error(`there is no member ${name}`);
    return slot;
  }

  #tell(host: HostName, order: Order): void {
    this.#hosts.get(host)?.tell(order);
  }

  #launch(name: HostName): Promise<void> {
    const [command, ...args] = this.#command(name);
    const host = new MemberHost(name, command, [...args, this.bootstrap, TOPIC], (event) => this.#hear(event));
    this.#hosts.set(name, host);
    return host.ready;
  }

  #command(name: HostName): readonly [string, ...string[]] {
    const clients = join(projectRoot, 'test', 'clients');
    switch (name) {
      case 'java':
        return [
          ...(['java', '-Xmx384m', '-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath()] as const),
          join(clients, 'java', 'GroupMembers.java'),
        ];
      case 'python':
        return [this.python, join(clients, 'python', 'group_members.py')];
      case 'kafkajs':
        return [process.execPath, fileURLToPath(new URL('./kafkajs-members.js', import.meta.url))];
    }
  }

  #hear(event: HostEvent): void {
    switch (event.tells) {
      case 'ready':
        return;
      case 'wrong':
        this.complaints.push(`${event.member}: ${event.text}`);
        break;
      case 'produced':
        this.ends = event.ends;
        break;
      case 'stopped':
        this.#slot(event.member).state = 'down';
        break;
      default:
        this.events.push(event);
        this.#follow(event);
    }
    for (const ask of [...this.#waiting]) ask();
  }

  #follow(event: MemberEvent): void {
    const { held, group } = this.#slot(event.member);
    switch (event.tells) {
      case 'assigned':
        for (const partition of event.partitions) held.add(partition);
        this.lastMoveMs = Math.max(this.lastMoveMs, event.atMs);
        break;
      case 'revoked':
      case 'lost':
        for (const partition of event.partitions) held.delete(partition);
        this.lastMoveMs = Math.max(this.lastMoveMs, event.atMs);
        break;
      case 'gone':
      case 'killed':
        held.clear();
        break;
      case 'read': {
        const readTo = this.readTo.get(group);
        if (readTo) readTo[event.partition] = Math.max(readTo[event.partition], event.to);
        break;
      }
    }
  }
}
