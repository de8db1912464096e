/** Reads `listeners` and `advertised.listeners`: NAME://host:port, as Kafka writes them. */
import { BadValueError } from './setting.js';

export interface Listener {
  /** Upper case, as Kafka compares them. */
  readonly name: string;
  /** Empty: every interface. IPv6 without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

const LISTENER = /^([A-Za-z0-9_.-]+):\/\/(?:\[([0-9A-Fa-f:.%]+)\]|([^:/[\]]*)):(\d{1,5})$/;

/** Throws a {@link BadValueError} whose message reads on after the setting's name. */
export function parseListener(text: string): Listener {
  const match = LISTENER.exec(text);
  const port = Number(match?.[4]);
  if (!match || port > 65_535) {
    throw new BadValueError(`must hold entries such as PLAINTEXT://127.0.0.1:9092, but has "${text}"`);
  }
  return { name: match[1].toUpperCase(), host: match[2] ?? match[3], port };
}

const ADDRESS = /^(?:\[([0-9A-Fa-f:.%]+)\]:|([^:/[\]]*):)?(\d{1,5})$/;
const LOOPBACK = '127.0.0.1';

/** `host:port`, `[ipv6]:port` or a port of this machine alone. Throws a {@link BadValueError} as {@link parseListener}. */
export function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const match = ADDRESS.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new BadValueError(`must be an address such as 127.0.0.1:9404, but is "${text}"`);
  return { host: match[1] ?? match[2] ?? LOOPBACK, port };
}

/** Whether a listener of that host is reached by every address of the machine. */
export function isEveryInterface(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}

/** NAME:PROTOCOL pairs to a map; names that are protocols stand for themselves. */
export function parseProtocolMap(entries: readonly string[]): Map<string, string> {
  const map = new Map([
    ['PLAINTEXT', 'PLAINTEXT'],
    ['SSL', 'SSL'],
    ['SASL_PLAINTEXT', 'SASL_PLAINTEXT'],
    ['SASL_SSL', 'SASL_SSL'],
  ]);
  for (const entry of entries) {
    const [name, protocol, ...rest] = entry.split(':');
    if (!name || !protocol || rest.length > 0) {
      throw new BadValueError(`must hold entries such as CLIENTS:PLAINTEXT, but has "${entry}"`);
    }
    map.set(name.trim().toUpperCase(), protocol.trim().toUpperCase());
  }
  return map;
}
