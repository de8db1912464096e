/** TCP ports for brokers that are restarted: below the ephemeral range, so no client socket takes one in between. Test process. */
import { createServer } from 'node:net';

const FIRST_PORT = 12_000;
const LAST_PORT = 32_000;

/** A port on the loopback address that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
