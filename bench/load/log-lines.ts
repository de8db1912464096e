/** Record values that look like what brokers carry: log lines of a made-up web shop, and half-compressible blobs. Client's process. */

/** A small repeatable source of numbers (xorshift32), so that every run and every broker gets the same bytes. */
export class Chance {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0 || 1;
  }
  /** 0 <= n < `limit`. */
  below(limit: number): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return (x >>> 0) % limit;
  }
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}

const services = ['cart', 'checkout', 'catalog', 'search', 'payments', 'sessions', 'mailer', 'edge'];
const levels = ['INFO', 'INFO', 'INFO', 'INFO', 'DEBUG', 'WARN', 'ERROR'];
const verbs = ['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE'];
const paths = ['/v1/items', '/v1/basket', '/v1/orders', '/v2/search', '/healthz', '/v1/login', '/assets/app.css'];
const causes = [
  'connection reset by upstream',
  'cache miss, asking the primary',
  'slow query',
  'retry after timeout',
  'token renewed',
  'queue drained',
];

/** One line of text, 70 to 160 bytes, without a line feed. */
export function logLine(chance: Chance, timestampMs: number): string {
  const service = chance.pick(services);
  const head = `${new Date(timestampMs).toISOString()} ${chance.pick(levels)} ${service}-${chance.below(12)}`;
  const request = chance.below(0xffffff).toString(16).padStart(6, '0');
  if (chance.below(4) > 0) {
    const took = chance.below(900) / 10;
    return `${head} req=${request} ${chance.pick(verbs)} ${chance.pick(paths)}/${chance.below(100_000)} ${chance.pick(['200', '200', '200', '304', '404', '500'])} ${took}ms client=10.${chance.below(256)}.${chance.below(256)}.${chance.below(256)} bytes=${chance.below(65_536)}`;
  }
  return `${head} req=${request} ${chance.pick(causes)} shard=${chance.below(64)} attempt=${chance.below(5)}`;
}

/** `length` bytes of which half are random and half are the same letter: packs to about half its size. */
export function halfCompressible(chance: Chance, length: number): Buffer {
  const bytes = Buffer.alloc(length, 0x6d);
  for (let at = 0; at < length >> 1; at++) bytes[at] = chance.below(256);
  return bytes;
}
