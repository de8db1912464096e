/**
 * Which shard owns a partition: the same one after each start with the same shards and folders, neighbours on different
 * ones. Shards are dealt to the folders of log.dirs, so that a disk that hangs stalls the shards of its own folder only;
 * with fewer shards than folders, some folders share one.
 */

/** FNV-1a over the topic's UTF-16 units, turned by the partition index. */
export function placeOn(shards: number, topic: string, index: number, folders = 1, folder = 0): number {
  if (shards <= folders) return folder % shards;
  let hash = 0x811c9dc5;
  for (let at = 0; at < topic.length; at++) hash = Math.imul(hash ^ topic.charCodeAt(at), 0x01000193);
  // Of shards 0, 1, 2 ... every folder has each folders-th.
  const own = Math.floor((shards - 1 - folder) / folders) + 1;
  return folder + (((hash >>> 0) + index) % own) * folders;
}
