/** Opens the load client's sockets: bytes land in one reused buffer, so that receiving allocates nothing. */
import { connect, type Socket } from 'node:net';

/** All connections of the process share it: whatever lands is looked at before the next read. */
const landing = Buffer.allocUnsafe(256 * 1024);

/**
 * Resolves with a connected socket whose bytes go to `onBytes(landing buffer, count)`. `onEnd` hears of every end of the
 * connection that `socket.destroy()` on our side did not cause.
 */
export function openSocket(
  host: string,
  port: number,
  onBytes: (buffer: Buffer, count: number) => void,
  onEnd: (error: Error) => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: landing,
        callback: (count) => {
          onBytes(landing, count);
          return true;
        },
      },
    });
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', onEnd);
      socket.on('end', () => onEnd(new Error(`${host}:${port} closed the connection`)));
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
