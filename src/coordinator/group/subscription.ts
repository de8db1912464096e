/** Reads which topics classic consumers subscribe to: what the leader knows anyway, and offset expiry needs too. Main thread. */
import { decodeRecord } from '../../protocol/compile.js';
import { MalformedRequestError } from '../../protocol/malformed-request-error.js';
import { consumerProtocolSubscription } from '../../protocol/records/consumer-protocol-subscription.js';

/** The topics of all `subscriptions` together; null where one of them does not read as a consumer's subscription. */
export function subscribedTopics(subscriptions: readonly Buffer[]): ReadonlySet<string> | null {
  const all = new Set<string>();
  for (const bytes of subscriptions) {
    try {
      for (const topic of decodeRecord(consumerProtocolSubscription, bytes).topics) all.add(topic);
    } catch (error) {
      // A client may call its protocol "consumer" and still keep its metadata to itself: not an error of anyone's.
      if (error instanceof MalformedRequestError) return null;
      throw error;
    }
  }
  return all;
}
