/** Which shard owns a partition: the same one after each start with the same number of shards, neighbours on different ones. */

/** FNV-1a over the topic's UTF-16 units, turned by the partition index. */
export function placeOn(shards: number, topic: string, index: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < topic.length; at++) hash = Math.imul(hash ^ topic.charCodeAt(at), 0x01000193);
  return ((hash >>> 0) + index) % shards;
}
