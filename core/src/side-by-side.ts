/**
 * Works on all of these at once; the caller bounds how many there are. Each is finished when it ends: the failure of
 * one stops none of the others, and the first one is thrown after them.
 */
export async function sideBySide<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const ended = await Promise.allSettled(items.map(work));
  const failed = ended.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
