/** Small-request limit: cuts frames and answers each with a ready-made Produce reply, doing nothing else. */
import { FrameCutter } from '../load/frame-cutter.js';
import { produceReply } from '../load/frames.js';
import { accept } from './accept.js';

const landing = Buffer.allocUnsafe(256 * 1024);
/** Replies of one turn are gathered here and leave by one write. */
const replyBytesMax = 64 * 1024;
const reply = produceReply(process.argv[2], 0);

accept((adopt) => {
  let replies = Buffer.allocUnsafe(replyBytesMax);
  let length = 0;
  const flush = () => {
    if (length > 0) socket.write(replies.subarray(0, length));
    // The socket may still hold the bytes that were just handed over.
    replies = Buffer.allocUnsafe(replyBytesMax);
    length = 0;
  };
  const cutter = new FrameCutter((buffer, start) => {
    if (length + reply.length > replyBytesMax) flush();
    reply.copy(replies, length);
    buffer.copy(replies, length + 4, start + 8, start + 12);
    length += reply.length;
  });
  const socket = adopt({
    next: () => landing,
    landed(count) {
      cutter.push(landing, count);
      flush();
      return true;
    },
  });
  socket.on('end', () => socket.end());
});
