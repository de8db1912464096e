/** Bytes that are no message: whoever sent them is told nothing and loses the connection. Any thread. */

export class MalformedRequestError extends Error {
  override name = 'MalformedRequestError';
}
