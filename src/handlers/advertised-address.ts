/** The address that clients are told to connect to. Main thread. */
import type { RequestContext, Services } from './handler.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** An IPv4 address as a socket that listens on all of IPv6 reports it. */
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * Where no setting says otherwise, the address that this client dialled: it reached us there once and will again,
 * from inside a container, through a forwarded port or over the loopback alike.
 */
export function advertisedAddress({ listener, localHost, localPort }: RequestContext, { topics }: Services): Address {
  const advertised = topics.config.advertisedListeners?.find(({ name }) => name === listener.toUpperCase());
  const dialled = MAPPED_IPV4.exec(localHost)?.[1] ?? localHost;
  return { host: advertised?.host || dialled, port: advertised?.port || localPort };
}
