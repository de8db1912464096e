/** Accepts connections whose bytes land in buffers of our choosing. Runs in each limit program. */
import { createServer, Socket, type SocketConstructorOpts } from 'node:net';
import { loadKernel } from '../load/kernel.js';

export interface Landing {
  /** Called before each read: where the bytes shall go. */
  readonly next: () => Uint8Array;
  /** Called after each read; false stops reading until `socket.resume()`. */
  readonly landed: (count: number) => boolean;
}

interface HandleHolder {
  _handle: { readonly fd: number } | null;
}

/**
 * Listens on a free port of the loopback address and prints it. Node lets only the connecting side choose where bytes
 * land, so each accepted handle is wrapped again in a socket that may.
 */
export function accept(onConnection: (adopt: (landing: Landing) => Socket, fd: number) => void): void {
  const kernel = loadKernel();
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (accepted) => {
    const holder = accepted as unknown as HandleHolder;
    const handle = holder._handle;
    if (handle === null) return;
    holder._handle = null;
    // As the broker does on the way to its own machine.
    kernel?.setUnpaced(handle.fd);
    onConnection(({ next, landed }) => {
      const options = { handle, allowHalfOpen: true, onread: { buffer: next, callback: landed } };
      const socket = new Socket(options as unknown as SocketConstructorOpts);
      // The load client hangs up as soon as it has what it wants.
      socket.on('error', () => socket.destroy());
      return socket;
    }, handle.fd);
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
  });
}
